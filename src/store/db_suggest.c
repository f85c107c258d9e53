/* db_suggest.c - what the sound proposes, until a person decides.
 *
 * Logits are deflated (2 kB at 64x64). All of a project's together take at most 256 MiB; then the
 * oldest go, and are asked again when somebody wants them. */
#include "store/db_suggest.h"
#include "store/db_private.h"
#include "store/frame_table.h"

#define MAX_BYTES (256ll << 20)
#define MAX_SIDE  1024
#define STEPS     16 /* per unit of logit */

void
em_db_suggestion_free (EmDbSuggestion *s)
{
  if (!s)
    return;
  g_free (s->source);
  g_free (s->weights);
  g_free (s->logit_bytes);
  g_free (s);
}

static bool
put_row (EmDb *db, int64_t clip, const char *source, const char *weights, int side,
         const EmSuggestionRow *row, int *written, GError **error)
{
  g_autoptr (GBytes) packed
      = row->logit_bytes ? em_deflate (row->logit_bytes, (size_t) side * side) : NULL;
  /* The row is taken again only where its logits had to make room. */
  EmSql q
      = em_sql (db, "INSERT INTO suggestion (clip, frame, source, weights, at, iou, score, side,"
                    " bytes, logits) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                    " ON CONFLICT (clip, frame, source) DO UPDATE SET at = excluded.at,"
                    " bytes = excluded.bytes, logits = excluded.logits"
                    " WHERE suggestion.side > 0 AND suggestion.logits IS NULL");
  size_t size = packed ? g_bytes_get_size (packed) : 0;

  em_sql_int (&q, clip);
  em_sql_int (&q, row->frame);
  em_sql_text (&q, source);
  em_sql_text (&q, weights);
  em_sql_int (&q, em_db_now_us ());
  em_sql_real (&q, row->iou);
  em_sql_real (&q, row->score);
  em_sql_int (&q, packed ? side : 0);
  em_sql_int (&q, (int64_t) size);
  em_sql_blob (&q, packed ? g_bytes_get_data (packed, NULL) : NULL, size);
  if (!em_sql_run (&q, error))
    return false;
  *written += sqlite3_changes (db->sqlite);
  db->logits_room -= (int64_t) size;
  return true;
}

/* The sum is taken when the connection begins to write and when its room is used up, not for every
 * window of a job over thousands of clips. */
static bool
make_room (EmDb *db, GError **error)
{
  int64_t total = 0;
  EmSql q;

  if (db->logits_room > 0)
    return true;
  q = em_sql (db, "SELECT coalesce (sum (bytes), 0) FROM suggestion");
  if (em_sql_row (&q))
    total = em_sql_get_int (&q, 0);
  if (!em_sql_end (&q, error))
    return false;
  db->logits_room = MAX_BYTES - total;
  if (db->logits_room >= 0)
    return true;
  /* Those whose running sum, oldest first, is within the excess, and the one that crosses it. */
  q = em_sql (db, "UPDATE suggestion SET logits = NULL, bytes = 0 WHERE rowid IN (SELECT r FROM"
                  " (SELECT rowid AS r, bytes, sum (bytes) OVER (ORDER BY at, rowid) AS upto"
                  " FROM suggestion WHERE bytes > 0) WHERE upto - bytes < ?)");
  em_sql_int (&q, -db->logits_room);
  return em_sql_run (&q, error);
}

bool
em_db_put_suggestions (EmDb *db, int64_t clip, const char *source, const char *weights, int side,
                       const EmSuggestionRow *rows, int n, int *written, GError **error)
{
  int fresh = 0;
  bool fine = true;

  EM_BUG_UNLESS (side >= 0 && side <= MAX_SIDE);
  if (!em_db_begin (db, error))
    return false;
  for (int i = 0; fine && i < n; i++)
    fine = put_row (db, clip, source, weights, side, &rows[i], &fresh, error);
  if (!fine || !make_room (db, error) || !em_db_touch (db, clip, error)) {
    em_db_rollback (db);
    return false;
  }
  if (written)
    *written = fresh;
  return em_db_commit (db, error);
}

/* The decisions are those of the clip before they are joined: the view alone would be worked out
 * for the whole project. */
#define SUGGESTION_COLUMNS(logits)                                                                 \
  "SELECT s.frame, s.source, s.weights, s.iou, s.score, s.side, s.at, d.decision,"                 \
  " s.side > 0 AND s.logits IS NULL, " logits                                                      \
  " FROM suggestion s LEFT JOIN (SELECT * FROM decision_now WHERE clip = ?1) d"                    \
  " ON d.frame = s.frame AND d.source = s.source WHERE s.clip = ?1 "

static EmDbSuggestion *
read_suggestion (EmSql *q)
{
  EmDbSuggestion *s = g_new0 (EmDbSuggestion, 1);

  s->frame = (int) em_sql_get_int (q, 0);
  s->source = em_sql_get_text (q, 1);
  s->weights = em_sql_get_text (q, 2);
  s->iou = em_sql_get_real (q, 3);
  s->score = em_sql_get_real (q, 4);
  s->side = (int) CLAMP (em_sql_get_int (q, 5), 0, MAX_SIDE);
  s->at_us = em_sql_get_int (q, 6);
  s->is_decided = sqlite3_column_type (q->stmt, 7) != SQLITE_NULL;
  s->decision = (EmDecision) CLAMP (em_sql_get_int (q, 7), 0, EM_DECISION_IGNORED);
  s->is_dropped = em_sql_get_int (q, 8) != 0;
  if (s->side && sqlite3_column_type (q->stmt, 9) == SQLITE_BLOB)
    s->logit_bytes
        = em_inflate (sqlite3_column_blob (q->stmt, 9), (size_t) sqlite3_column_bytes (q->stmt, 9),
                      (size_t) s->side * s->side);
  return s;
}

EmDbSuggestion *
em_db_suggestion (EmDb *db, int64_t clip, int frame, const char *source, GError **error)
{
  g_autoptr (EmDbSuggestion) s = NULL;
  EmSql q = em_sql (
      db, SUGGESTION_COLUMNS (
              "s.logits") "AND s.frame = ?2"
                          " AND s.source = coalesce (?3, s.source) ORDER BY s.at DESC LIMIT 1");

  em_sql_int (&q, clip);
  em_sql_int (&q, frame);
  em_sql_text (&q, source);
  if (em_sql_row (&q))
    s = read_suggestion (&q);
  return em_sql_end (&q, error) ? g_steal_pointer (&s) : NULL;
}

GPtrArray *
em_db_suggestions (EmDb *db, int64_t clip, bool with_logits, GError **error)
{
  g_autoptr (GPtrArray) all
      = g_ptr_array_new_with_free_func ((GDestroyNotify) em_db_suggestion_free);
  EmSql q = em_sql (db, with_logits ? SUGGESTION_COLUMNS ("s.logits") "ORDER BY s.frame, s.at"
                                    : SUGGESTION_COLUMNS ("NULL") "ORDER BY s.frame, s.at");

  em_sql_int (&q, clip);
  while (em_sql_row (&q))
    g_ptr_array_add (all, read_suggestion (&q));
  return em_sql_end (&q, error) ? g_steal_pointer (&all) : NULL;
}

bool
em_db_drop_suggestions (EmDb *db, int64_t clip, const char *source, GError **error)
{
  EmSql q;

  if (!em_db_begin (db, error))
    return false;
  q = em_sql (db, "DELETE FROM suggestion WHERE clip = ? AND source = coalesce (?, source)");
  em_sql_int (&q, clip);
  em_sql_text (&q, source);
  if (em_sql_run (&q, error) && em_db_touch (db, clip, error))
    return em_db_commit (db, error);
  em_db_rollback (db);
  return false;
}
