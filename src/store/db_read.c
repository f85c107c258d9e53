/* db_read.c - objects, cells, masks, intervals as they count now. */
#include "store/db_read.h"
#include "store/db_private.h"

GPtrArray *
em_db_objects (EmDb *db, int64_t clip, bool deleted_too, GError **error)
{
  g_autoptr (GPtrArray) all = g_ptr_array_new_with_free_func ((GDestroyNotify) em_db_object_free);
  EmSql q
      = em_sql (db, "SELECT object, name, coalesce (class, 0), color, position, locked, deleted,"
                    " step FROM object_now WHERE clip = ? AND deleted <= ?"
                    " ORDER BY position, object");

  em_sql_int (&q, clip);
  em_sql_int (&q, deleted_too);
  while (em_sql_row (&q)) {
    EmDbObject *o = g_new0 (EmDbObject, 1);

    o->id = em_sql_get_int (&q, 0);
    o->name = em_sql_get_text (&q, 1);
    o->class_id = em_sql_get_int (&q, 2);
    o->color = (uint32_t) em_sql_get_int (&q, 3);
    o->position = (int) em_sql_get_int (&q, 4);
    o->is_locked = em_sql_get_int (&q, 5) != 0;
    o->is_deleted = em_sql_get_int (&q, 6) != 0;
    o->step = em_sql_get_int (&q, 7);
    g_ptr_array_add (all, o);
  }
  return em_sql_end (&q, error) ? g_steal_pointer (&all) : NULL;
}

void
em_db_cell_free (EmDbCell *cell)
{
  if (!cell)
    return;
  g_free (cell->prompts);
  g_free (cell);
}

#define CELL_COLUMNS                                                                               \
  "SELECT object, frame, step, state, prompts, pending, rejected, made FROM cell_now "

static EmDbCell *
read_cell (EmSql *q)
{
  EmDbCell *c = g_new0 (EmDbCell, 1);

  c->object = em_sql_get_int (q, 0);
  c->frame = (int) em_sql_get_int (q, 1);
  c->step = em_sql_get_int (q, 2);
  c->state = (EmState) CLAMP (em_sql_get_int (q, 3), 0, EM_N_STATES - 1);
  c->prompts = em_sql_get_text (q, 4);
  c->pending = em_sql_get_int (q, 5) != 0;
  c->rejected = em_sql_get_int (q, 6) != 0;
  c->made = em_sql_get_int (q, 7);
  return c;
}

static GPtrArray *
read_cells (EmSql *q, GError **error)
{
  g_autoptr (GPtrArray) all = g_ptr_array_new_with_free_func ((GDestroyNotify) em_db_cell_free);

  while (em_sql_row (q))
    g_ptr_array_add (all, read_cell (q));
  return em_sql_end (q, error) ? g_steal_pointer (&all) : NULL;
}

EmDbCell *
em_db_cell (EmDb *db, int64_t clip, int64_t object, int frame, GError **error)
{
  g_autoptr (EmDbCell) cell = NULL;
  EmSql q = em_sql (db, CELL_COLUMNS "WHERE clip = ? AND object = ? AND frame = ?");

  em_sql_int (&q, clip);
  em_sql_int (&q, object);
  em_sql_int (&q, frame);
  if (em_sql_row (&q))
    cell = read_cell (&q);
  return em_sql_end (&q, error) ? g_steal_pointer (&cell) : NULL;
}

/* The key begins with the object, so each is looked up on its own: a scan of the clip would read
 * every cell of it to show one frame. */
GPtrArray *
em_db_cells_at (EmDb *db, int64_t clip, int frame, GError **error)
{
  g_autoptr (GPtrArray) all = g_ptr_array_new_with_free_func ((GDestroyNotify) em_db_cell_free);
  g_autoptr (GPtrArray) objects = em_db_objects (db, clip, false, error);

  if (!objects)
    return NULL;
  for (guint i = 0; i < objects->len; i++) {
    g_autoptr (GError) problem = NULL;
    EmDbCell *c = em_db_cell (db, clip, ((EmDbObject *) objects->pdata[i])->id, frame, &problem);

    if (problem) {
      g_propagate_error (error, g_steal_pointer (&problem));
      return NULL;
    }
    if (c)
      g_ptr_array_add (all, c);
  }
  return g_steal_pointer (&all);
}

GPtrArray *
em_db_cells_of (EmDb *db, int64_t clip, int64_t object, GError **error)
{
  EmSql q = em_sql (db, CELL_COLUMNS "WHERE clip = ? AND object = ? ORDER BY frame");

  em_sql_int (&q, clip);
  em_sql_int (&q, object);
  return read_cells (&q, error);
}

GPtrArray *
em_db_pending (EmDb *db, int64_t clip, GError **error)
{
  EmSql q = em_sql (db, CELL_COLUMNS "WHERE clip = ? AND pending = 1 ORDER BY object, frame");

  em_sql_int (&q, clip);
  return read_cells (&q, error);
}

void
em_db_mask_free (EmDbMask *mask)
{
  if (!mask)
    return;
  em_rle_clear (&mask->rle);
  g_free (mask->weights);
  g_free (mask->sources);
  g_free (mask);
}

EmDbMask *
em_db_mask (EmDb *db, int64_t clip, int64_t object, int frame, int64_t made, GError **error)
{
  g_autoptr (EmDbMask) m = NULL;
  EmError err = EM_ERROR_INIT;
  EmSql q = em_sql (db, "SELECT m.origin, m.x, m.y, m.width, m.height, m.area, m.iou, m.score,"
                        " m.weights, m.sources, m.parent, m.runs, k.width, k.height FROM mask m"
                        " JOIN clip k ON k.id = m.clip"
                        " WHERE m.clip = ? AND m.object = ? AND m.frame = ? AND m.made = ?");

  em_sql_int (&q, clip);
  em_sql_int (&q, object);
  em_sql_int (&q, frame);
  em_sql_int (&q, made);
  if (em_sql_row (&q)) {
    m = g_new0 (EmDbMask, 1);
    m->object = object;
    m->frame = frame;
    m->made = made;
    m->origin = (EmOrigin) CLAMP (em_sql_get_int (&q, 0), 0, EM_N_ORIGINS - 1);
    m->box = (EmBox){ (int) em_sql_get_int (&q, 1), (int) em_sql_get_int (&q, 2),
                      (int) em_sql_get_int (&q, 3), (int) em_sql_get_int (&q, 4) };
    m->area = em_sql_get_int (&q, 5);
    m->iou = em_sql_get_real (&q, 6);
    m->score = em_sql_get_real (&q, 7);
    m->weights = em_sql_get_text (&q, 8);
    m->sources = em_sql_get_text (&q, 9);
    m->parent = em_sql_get_int (&q, 10);
    em_rle_from_string (&m->rle, sqlite3_column_blob (q.stmt, 11),
                        (size_t) sqlite3_column_bytes (q.stmt, 11), (int) em_sql_get_int (&q, 12),
                        (int) em_sql_get_int (&q, 13), &err);
  }
  if (!em_sql_end (&q, error))
    return NULL;
  if (!m || err.code != EM_OK) {
    em_store_fail (error, EM_E_INPUT,
                   "%s: the mask of object %" G_GINT64_FORMAT " on frame %d %s%s", db->path, object,
                   frame, m ? "is damaged: " : "is missing", err.text);
    return NULL;
  }
  return g_steal_pointer (&m);
}

GArray *
em_db_history (EmDb *db, int64_t clip, int64_t object, int frame, GError **error)
{
  g_autoptr (GArray) all = g_array_new (FALSE, FALSE, sizeof (EmDbVersion));
  g_autoptr (EmDbCell) now = NULL;
  g_autoptr (GError) problem = NULL;
  EmSql q;

  now = em_db_cell (db, clip, object, frame, &problem);
  if (problem) {
    g_propagate_error (error, g_steal_pointer (&problem));
    return NULL;
  }
  q = em_sql (db, "SELECT m.made, m.area, m.origin, s.author, s.at, s.kind, s.cut IS NOT NULL"
                  " FROM mask m JOIN step s ON s.clip = m.clip AND s.n = m.made"
                  " WHERE m.clip = ? AND m.object = ? AND m.frame = ? ORDER BY m.made DESC");
  em_sql_int (&q, clip);
  em_sql_int (&q, object);
  em_sql_int (&q, frame);
  while (em_sql_row (&q)) {
    EmDbVersion v = { .made = em_sql_get_int (&q, 0),
                      .area = em_sql_get_int (&q, 1),
                      .origin = (EmOrigin) CLAMP (em_sql_get_int (&q, 2), 0, EM_N_ORIGINS - 1),
                      .author = em_sql_get_int (&q, 3),
                      .at_us = em_sql_get_int (&q, 4),
                      .kind = em_step_kind_from_name (em_sql_peek_text (&q, 5)),
                      .is_cut = em_sql_get_int (&q, 6) != 0 };

    v.is_now = now && now->made == v.made;
    g_array_append_val (all, v);
  }
  return em_sql_end (&q, error) ? g_steal_pointer (&all) : NULL;
}

GArray *
em_db_intervals (EmDb *db, int64_t clip, GError **error)
{
  g_autoptr (GArray) all = g_array_new (FALSE, FALSE, sizeof (EmDbInterval));
  EmSql q = em_sql (db, "SELECT i.number, i.object, i.start_ns, i.end_ns, i.origin, i.confidence"
                        " FROM interval_now i JOIN object_now o ON o.clip = i.clip"
                        " AND o.object = i.object WHERE i.clip = ? AND i.deleted = 0"
                        " AND o.deleted = 0 ORDER BY i.start_ns, i.number");

  em_sql_int (&q, clip);
  while (em_sql_row (&q)) {
    EmDbInterval i = { .number = em_sql_get_int (&q, 0),
                       .object = em_sql_get_int (&q, 1),
                       .start_ns = em_sql_get_int (&q, 2),
                       .end_ns = em_sql_get_int (&q, 3),
                       .origin = (EmOrigin) CLAMP (em_sql_get_int (&q, 4), 0, EM_N_ORIGINS - 1),
                       .confidence = em_sql_get_real (&q, 5) };

    g_array_append_val (all, i);
  }
  return em_sql_end (&q, error) ? g_steal_pointer (&all) : NULL;
}
