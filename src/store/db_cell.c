/* db_cell.c - writing cells and masks inside a step's transaction.
 *
 * Whether a cell may be written (C10) is asked here, in the very transaction that writes it: nobody
 * can approve a mask between the question and the answer. */
#include "store/db_cell.h"
#include <stdlib.h>
#include <string.h>
#include "store/db_private.h"

bool
em_clip_now (EmDb *db, int64_t clip, EmClipNow *out, GError **error)
{
  EmSql q = em_sql (db, "SELECT width, height, n_frames, head, floor, next_step, next_object,"
                        " next_interval FROM clip WHERE id = ?");

  *out = (EmClipNow){ 0 };
  em_sql_int (&q, clip);
  if (em_sql_row (&q))
    *out = (EmClipNow){ .id = clip,
                        .width = (int) em_sql_get_int (&q, 0),
                        .height = (int) em_sql_get_int (&q, 1),
                        .n_frames = (int) em_sql_get_int (&q, 2),
                        .head = em_sql_get_int (&q, 3),
                        .floor = em_sql_get_int (&q, 4),
                        .next_step = em_sql_get_int (&q, 5),
                        .next_object = em_sql_get_int (&q, 6),
                        .next_interval = em_sql_get_int (&q, 7) };
  if (!em_sql_end (&q, error))
    return false;
  return out->id || em_store_fail (error, EM_E_USAGE, "%s: there is no such clip", db->path);
}

bool
em_cell_now (EmDb *db, int64_t clip, int64_t object, int frame, EmCellNow *out, GError **error)
{
  /* The key's order makes this one descent and, nearly always, one row. */
  EmSql q = em_sql (db, "SELECT c.step, c.state, c.made FROM cell c"
                        " CROSS JOIN step_now s ON s.clip = c.clip AND s.n = c.step"
                        " WHERE c.clip = ? AND c.object = ? AND c.frame = ?"
                        " ORDER BY c.step DESC LIMIT 1");

  *out = (EmCellNow){ 0 };
  em_sql_int (&q, clip);
  em_sql_int (&q, object);
  em_sql_int (&q, frame);
  if (em_sql_row (&q))
    *out = (EmCellNow){ .is_there = true,
                        .step = em_sql_get_int (&q, 0),
                        .state = (EmState) CLAMP (em_sql_get_int (&q, 1), 0, EM_N_STATES - 1),
                        .made = em_sql_get_int (&q, 2) };
  return em_sql_end (&q, error);
}

bool
em_object_now (EmDb *db, int64_t clip, int64_t object, EmObjectNow *out, GError **error)
{
  EmSql q = em_sql (db, "SELECT locked, deleted FROM object_now WHERE clip = ? AND object = ?");

  *out = (EmObjectNow){ 0 };
  em_sql_int (&q, clip);
  em_sql_int (&q, object);
  if (em_sql_row (&q))
    *out = (EmObjectNow){ .is_there = true,
                          .is_locked = em_sql_get_int (&q, 0) != 0,
                          .is_deleted = em_sql_get_int (&q, 1) != 0 };
  return em_sql_end (&q, error);
}

bool
em_write_mask (EmDb *db, const EmClipNow *clip, int64_t step, int64_t object, const EmCellRow *row,
               const EmRle *mask, int64_t parent, GError **error)
{
  EmBox box = em_rle_box (mask);
  char *runs;
  EmSql q;
  bool fine;

  if (mask->width != clip->width || mask->height != clip->height)
    return em_store_fail (error, EM_E_INTERNAL,
                          "a mask of %dx%d does not fit a clip of %dx%d (object %" G_GINT64_FORMAT
                          ", frame %d)",
                          mask->width, mask->height, clip->width, clip->height, object, row->frame);
  q = em_sql (db, "INSERT INTO mask (clip, object, frame, made, origin, x, y, width, height, area,"
                  " iou, score, weights, sources, parent, runs)"
                  " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  runs = em_rle_to_string (mask);
  em_sql_int (&q, clip->id);
  em_sql_int (&q, object);
  em_sql_int (&q, row->frame);
  em_sql_int (&q, step);
  em_sql_int (&q, row->origin);
  em_sql_int (&q, box.x);
  em_sql_int (&q, box.y);
  em_sql_int (&q, box.width);
  em_sql_int (&q, box.height);
  em_sql_int (&q, em_rle_area (mask));
  em_sql_real (&q, row->iou);
  em_sql_real (&q, row->score);
  em_sql_text (&q, row->weights);
  em_sql_text (&q, row->sources);
  em_sql_int_or_null (&q, parent);
  em_sql_blob (&q, runs, strlen (runs));
  fine = em_sql_run (&q, error);
  free (runs);
  return fine;
}

static bool
write_cell (EmDb *db, const EmClipNow *clip, int64_t step, int64_t object, const EmEditCell *c,
            int64_t parent, GError **error)
{
  bool is_new = c->mask.width > 0;
  EmSql q;

  if (is_new && !em_write_mask (db, clip, step, object, &c->row, &c->mask, parent, error))
    return false;
  q = em_sql (db, "INSERT INTO cell (clip, object, frame, step, state, prompts, pending, rejected,"
                  " made) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
  em_sql_int (&q, clip->id);
  em_sql_int (&q, object);
  em_sql_int (&q, c->row.frame);
  em_sql_int (&q, step);
  em_sql_int (&q, c->row.state);
  em_sql_text (&q, c->row.prompts);
  em_sql_int (&q, c->row.pending);
  em_sql_int (&q, c->row.rejected);
  em_sql_int_or_null (&q, is_new ? step : c->row.made);
  return em_sql_run (&q, error);
}

bool
em_write_cells (EmDb *db, const EmClipNow *clip, int64_t step, const EmEdit *e, bool spare,
                int *written, GError **error)
{
  EmObjectNow object = { 0 };
  int64_t last = 0;

  *written = 0;
  for (guint i = 0; i < e->cells->len; i++) {
    const EmEditCell *c = &g_array_index (e->cells, EmEditCell, i);
    int64_t id = em_edit_object_id (e, c->row.object);
    EmCellNow now = { 0 };

    if (id != last && !em_object_now (db, clip->id, id, &object, error))
      return false;
    last = id;
    if (!object.is_there)
      return em_store_fail (error, EM_E_USAGE, "there is no object %" G_GINT64_FORMAT, id);
    if (c->row.frame >= clip->n_frames)
      return em_store_fail (error, EM_E_USAGE, "frame %d is beyond the clip's %d", c->row.frame,
                            clip->n_frames);
    /* A cell that points at an old mask asks nothing of the one before it. */
    if ((spare || c->mask.width) && !em_cell_now (db, clip->id, id, c->row.frame, &now, error))
      return false;
    if (spare
        && (object.is_locked || object.is_deleted
            || (now.is_there && (em_state_is_protected (now.state) || now.step >= step))))
      continue;
    if (!write_cell (db, clip, step, id, c, now.made, error))
      return false;
    ++*written;
  }
  return true;
}
