/* db_append.c - what arrives after its step began: frames of a track, the mask of a click. */
#include "store/db_cell.h"
#include "store/db_private.h"

/* Does the step count now? `open_only`: and is it still open? */
static bool
counts_now (EmDb *db, int64_t clip, int64_t step, bool open_only, bool *out, GError **error)
{
  EmSql q = em_sql (db, "SELECT s.open FROM step s JOIN step_now w ON w.clip = s.clip AND w.n = s.n"
                        " WHERE s.clip = ? AND s.n = ?");

  em_sql_int (&q, clip);
  em_sql_int (&q, step);
  *out = em_sql_row (&q) && (!open_only || em_sql_get_int (&q, 0));
  return em_sql_end (&q, error);
}

static bool
append_rows (EmDb *db, int64_t clip, int64_t step, EmEdit *e, int *written, GError **error)
{
  EmClipNow now;
  bool is_open;

  if (!counts_now (db, clip, step, true, &is_open, error))
    return false;
  if (!is_open)
    return em_store_fail (error, EM_E_CANCELLED, "the step was closed or undone");
  return em_clip_now (db, clip, &now, error)
         && em_write_cells (db, &now, step, e, true, written, error)
         && em_db_touch (db, clip, error);
}

bool
em_db_append (EmDb *db, int64_t clip, int64_t step, EmEdit *e, int *written, GError **error)
{
  int n = 0;

  if (!em_db_begin (db, error))
    return false;
  if (!append_rows (db, clip, step, e, &n, error)) {
    em_db_rollback (db);
    return false;
  }
  if (written)
    *written = n;
  return em_db_commit (db, error);
}

bool
em_db_close_step (EmDb *db, int64_t clip, int64_t step, GError **error)
{
  g_autoptr (GArray) touched = NULL;
  EmSql q;

  if (!em_db_begin (db, error))
    return false;
  q = em_sql (db, "UPDATE step SET open = 0 WHERE clip = ? AND n = ?");
  em_sql_int (&q, clip);
  em_sql_int (&q, step);
  if (em_sql_run (&q, error) && (touched = em_db_step_objects (db, clip, step, error))
      && em_db_summarize (db, clip, touched, error) && em_db_touch (db, clip, error))
    return em_db_commit (db, error);
  em_db_rollback (db);
  return false;
}

static bool
fill (EmDb *db, int64_t clip, int64_t step, const EmCellRow *row, GError **error)
{
  g_autoptr (GArray) touched = g_array_new (FALSE, FALSE, sizeof (int64_t));
  EmClipNow now;
  int64_t before = 0;
  EmSql q;

  q = em_sql (db, "SELECT made FROM cell WHERE clip = ? AND object = ? AND frame = ? AND step = ?");
  em_sql_int (&q, clip);
  em_sql_int (&q, row->object);
  em_sql_int (&q, row->frame);
  em_sql_int (&q, step);
  if (em_sql_row (&q))
    before = em_sql_get_int (&q, 0);
  if (!em_sql_end (&q, error) || !em_clip_now (db, clip, &now, error))
    return false;
  if (row->mask && !em_write_mask (db, &now, step, row->object, row, row->mask, before, error))
    return false;
  q = em_sql (db, "UPDATE cell SET pending = 0, made = ?"
                  " WHERE clip = ? AND object = ? AND frame = ? AND step = ?");
  em_sql_int_or_null (&q, row->mask ? step : before);
  em_sql_int (&q, clip);
  em_sql_int (&q, row->object);
  em_sql_int (&q, row->frame);
  em_sql_int (&q, step);
  g_array_append_val (touched, row->object);
  return em_sql_run (&q, error) && em_db_summarize (db, clip, touched, error)
         && em_db_touch (db, clip, error);
}

static bool
is_pending (EmDb *db, int64_t clip, int64_t step, const EmCellRow *row, bool *out, GError **error)
{
  EmSql q = em_sql (db, "SELECT pending FROM cell"
                        " WHERE clip = ? AND object = ? AND frame = ? AND step = ?");

  em_sql_int (&q, clip);
  em_sql_int (&q, row->object);
  em_sql_int (&q, row->frame);
  em_sql_int (&q, step);
  *out = em_sql_row (&q) && em_sql_get_int (&q, 0);
  return em_sql_end (&q, error);
}

bool
em_db_fill_pending (EmDb *db, int64_t clip, int64_t step, const EmCellRow *row, bool *written,
                    GError **error)
{
  bool counts, pending;

  *written = false;
  if (!em_db_begin (db, error))
    return false;
  if (!counts_now (db, clip, step, false, &counts, error)
      || !is_pending (db, clip, step, row, &pending, error)
      || (counts && pending && !fill (db, clip, step, row, error))) {
    em_db_rollback (db);
    return false;
  }
  *written = counts && pending;
  return em_db_commit (db, error);
}
