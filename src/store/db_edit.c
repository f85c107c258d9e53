/* db_edit.c - committing an edit as one step. */
#include <stdlib.h>
#include "base/json.h"
#include "store/db_cell.h"
#include "store/db_private.h"
#include "store/expression_rows.h"

static bool
cut_undone (EmDb *db, const EmClipNow *clip, GError **error)
{
  EmSql q
      = em_sql (db, "UPDATE step SET cut = ?, open = 0 WHERE clip = ? AND n > ? AND cut IS NULL");

  em_sql_int (&q, clip->next_step);
  em_sql_int (&q, clip->id);
  em_sql_int (&q, clip->head);
  return em_sql_run (&q, error);
}

static bool
insert_step (EmDb *db, const EmClipNow *clip, const EmEdit *e, int64_t object, GError **error)
{
  EmSql q = em_sql (db, "INSERT INTO step (clip, n, uid, kind, object, frame, author, at, request,"
                        " name, open) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");

  em_sql_int (&q, clip->id);
  em_sql_int (&q, clip->next_step);
  em_sql_int (&q, em_db_random_id ());
  em_sql_text (&q, em_step_kind_name (e->kind));
  em_sql_int_or_null (&q, object);
  if (e->focus_frame >= 0)
    em_sql_int (&q, e->focus_frame);
  else
    em_sql_text (&q, NULL);
  em_sql_int (&q, db->author);
  em_sql_int (&q, em_db_now_us ());
  em_sql_text (&q, e->request);
  em_sql_text (&q, e->name);
  em_sql_int (&q, e->is_open);
  return em_sql_run (&q, error);
}

/* The step takes part at once, so that what follows in this transaction sees its objects. */
static bool
move_head (EmDb *db, EmClipNow *clip, int64_t step, GError **error)
{
  EmSql q = em_sql (db, "UPDATE clip SET head = ?, next_step = ? WHERE id = ?");

  em_sql_int (&q, step);
  em_sql_int (&q, step + 1);
  em_sql_int (&q, clip->id);
  return em_sql_run (&q, error);
}

static bool
last_position (EmDb *db, int64_t clip, int *out, GError **error)
{
  EmSql q = em_sql (db, "SELECT coalesce (max (position), -1) FROM object_now"
                        " WHERE clip = ? AND deleted = 0");

  em_sql_int (&q, clip);
  if (em_sql_row (&q))
    *out = (int) em_sql_get_int (&q, 0);
  return em_sql_end (&q, error);
}

static bool
insert_object (EmDb *db, EmClipNow *clip, int64_t step, EmEditObject *o, GError **error)
{
  g_autofree char *name = NULL;
  int position = o->row.position;
  bool is_new = o->placeholder < 0;
  EmSql q;

  if (is_new) {
    clip->next_object = o->id + 1;
    if (position < 0) {
      if (!last_position (db, clip->id, &position, error))
        return false;
      position++;
    }
  }
  name = o->row.name ? g_strdup (o->row.name) : g_strdup_printf ("Object %" G_GINT64_FORMAT, o->id);
  q = em_sql (db, "INSERT OR REPLACE INTO object (clip, object, step, name, class, color, position,"
                  " locked, deleted) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
  em_sql_int (&q, clip->id);
  em_sql_int (&q, o->id);
  em_sql_int (&q, step);
  em_sql_text (&q, name);
  em_sql_int_or_null (&q, o->row.class_id);
  em_sql_int (&q, is_new && o->row.color == UINT32_MAX ? em_db_palette ((int) o->id - 1)
                                                       : o->row.color);
  em_sql_int (&q, position);
  em_sql_int (&q, o->row.is_locked);
  em_sql_int (&q, o->row.is_deleted);
  return em_sql_run (&q, error);
}

static bool
insert_interval (EmDb *db, EmClipNow *clip, int64_t step, const EmEdit *e, const EmEditInterval *i,
                 GError **error)
{
  EmSql q
      = em_sql (db, "INSERT OR REPLACE INTO interval (clip, number, step, object, start_ns, end_ns,"
                    " origin, confidence, deleted) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");

  em_sql_int (&q, clip->id);
  em_sql_int (&q, i->number ? i->number : clip->next_interval++);
  em_sql_int (&q, step);
  em_sql_int (&q, em_edit_object_id (e, i->object));
  em_sql_int (&q, i->start_ns);
  em_sql_int (&q, i->end_ns);
  em_sql_int (&q, i->origin);
  em_sql_real (&q, i->confidence);
  em_sql_int (&q, i->is_deleted);
  return em_sql_run (&q, error);
}

/* [{"object": 1, "size": [h, w], "counts": "..."}], object null where refused. */
static char *
candidates_json (const EmEdit *e, const EmEditDecision *d)
{
  json_t *all = json_array ();
  char *text;

  for (int i = 0; i < d->n; i++) {
    char *runs = em_rle_to_string (&d->masks[i]);
    json_t *object
        = d->objects[i] ? json_integer (em_edit_object_id (e, d->objects[i])) : json_null ();

    json_array_append_new (all, json_pack ("{sos[ii]ss}", "object", object, "size",
                                           d->masks[i].height, d->masks[i].width, "counts", runs));
    free (runs);
  }
  text = json_dumps (all, JSON_COMPACT);
  json_decref (all);
  return text;
}

static bool
insert_decision (EmDb *db, const EmClipNow *clip, int64_t step, const EmEdit *e,
                 const EmEditDecision *d, GError **error)
{
  char *candidates = candidates_json (e, d);
  EmSql q = em_sql (db, "INSERT OR REPLACE INTO decision (clip, frame, source, step, decision,"
                        " threshold, candidates) VALUES (?, ?, ?, ?, ?, ?, ?)");
  bool fine;

  em_sql_int (&q, clip->id);
  em_sql_int (&q, d->frame);
  em_sql_text (&q, d->source);
  em_sql_int (&q, step);
  em_sql_int (&q, d->decision);
  em_sql_real (&q, d->threshold);
  em_sql_text (&q, candidates);
  fine = em_sql_run (&q, error);
  free (candidates);
  return fine;
}

static bool
save_numbers (EmDb *db, const EmClipNow *clip, GError **error)
{
  EmSql q = em_sql (db, "UPDATE clip SET next_object = ?, next_interval = ?, state = CASE state"
                        " WHEN ? THEN ? ELSE state END WHERE id = ?");

  em_sql_int (&q, clip->next_object);
  em_sql_int (&q, clip->next_interval);
  em_sql_int (&q, EM_CLIP_TO_DO);
  em_sql_int (&q, EM_CLIP_IN_PROGRESS);
  em_sql_int (&q, clip->id);
  return em_sql_run (&q, error);
}

/* The log keeps the prompts even when the caller gave it nothing better. */
static const char *
log_detail (const EmEdit *e)
{
  if (e->log)
    return e->log;
  return e->cells->len == 1 ? g_array_index (e->cells, EmEditCell, 0).row.prompts : NULL;
}

static bool
write_rows (EmDb *db, EmClipNow *clip, int64_t step, EmEdit *e, GError **error)
{
  g_autoptr (GArray) touched = NULL;

  for (guint i = 0; i < e->objects->len; i++)
    if (!insert_object (db, clip, step, &g_array_index (e->objects, EmEditObject, i), error))
      return false;
  if (!em_write_cells (db, clip, step, e, e->spares_protected, &e->written, error))
    return false;
  for (guint i = 0; i < e->intervals->len; i++)
    if (!insert_interval (db, clip, step, e, &g_array_index (e->intervals, EmEditInterval, i),
                          error))
      return false;
  for (guint i = 0; i < e->decisions->len; i++)
    if (!insert_decision (db, clip, step, e, &g_array_index (e->decisions, EmEditDecision, i),
                          error))
      return false;
  if (!em_write_expressions (db, clip->id, step, e, error))
    return false;
  touched = em_db_step_objects (db, clip->id, step, error);
  return touched && save_numbers (db, clip, error)
         && em_db_write_log (db, clip->id, em_step_kind_name (e->kind), step,
                             em_edit_object_id (e, e->focus_object), e->focus_frame, log_detail (e),
                             error)
         && em_db_summarize (db, clip->id, touched, error) && em_db_touch (db, clip->id, error);
}

int64_t
em_db_edit (EmDb *db, int64_t clip, EmEdit *e, GError **error)
{
  EmClipNow now;
  int64_t step = 0;
  int64_t object;

  if (!em_db_begin (db, error))
    return 0;
  if (em_clip_now (db, clip, &now, error)) {
    step = now.next_step;
    /* The focus may be an object that gets its number only now. */
    for (guint i = 0; i < e->objects->len; i++) {
      EmEditObject *o = &g_array_index (e->objects, EmEditObject, i);

      if (o->placeholder)
        o->id = now.next_object - o->placeholder - 1;
    }
    object = em_edit_object_id (e, e->focus_object);
    if (!cut_undone (db, &now, error) || !insert_step (db, &now, e, object, error)
        || !move_head (db, &now, step, error) || !write_rows (db, &now, step, e, error))
      step = 0;
  }
  if (step)
    return em_db_commit (db, error) ? step : 0;
  em_db_rollback (db);
  return 0;
}
