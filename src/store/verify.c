/* verify.c - is a project whole?
 *
 * The checks are queries that select what must not be there; only runs, logits, prompts and frame
 * tables are looked at one by one. */
#include "store/verify.h"
#include <string.h>
#include "store/db_private.h"
#include "store/db_read.h"
#include "store/db_suggest.h"
#include "store/expression_rows.h"
#include "store/frame_table.h"
#include "store/prompt_json.h"

#define MAX_FAULTS 100

static void G_GNUC_PRINTF (2, 3) fault (EmVerifyReport *r, const char *format, ...)
{
  va_list args;

  if (r->faults->len >= MAX_FAULTS)
    return;
  va_start (args, format);
  g_ptr_array_add (r->faults, g_strdup_vprintf (format, args));
  va_end (args);
}

/* Each row's first column is a sentence about what is wrong. */
static bool
expect_none (EmDb *db, EmVerifyReport *r, const char *sql, GError **error)
{
  EmSql q = em_sql (db, sql);

  while (em_sql_row (&q))
    fault (r, "%s", em_sql_peek_text (&q, 0));
  return em_sql_end (&q, error);
}

static bool
check_file (EmDb *db, EmVerifyReport *r, GError **error)
{
  return expect_none (db, r, "SELECT quick_check FROM pragma_quick_check WHERE quick_check <> 'ok'",
                      error)
         && expect_none (db, r,
                         "SELECT 'a row of ' || \"table\" || ' points at a ' || parent ||"
                         " ' that is not there' FROM pragma_foreign_key_check",
                         error);
}

static bool
check_numbers (EmDb *db, EmVerifyReport *r, GError **error)
{
  static const char *const rules[] = {
    "SELECT name || ': its head ' || head || ' is no step that counts' FROM clip k WHERE head <> 0"
    " AND NOT EXISTS (SELECT 1 FROM step s WHERE s.clip = k.id AND s.n = k.head AND s.cut IS NULL)",
    "SELECT k.name || ': step ' || s.n || ' is beyond the next free number' FROM step s"
    " JOIN clip k ON k.id = s.clip WHERE s.n >= k.next_step OR s.n < 1",
    "SELECT k.name || ': step ' || s.n || ' is cut and still open' FROM step s"
    " JOIN clip k ON k.id = s.clip WHERE s.open = 1 AND s.cut IS NOT NULL",
    "SELECT k.name || ': object ' || o.object || ' is beyond the next free number' FROM object o"
    " JOIN clip k ON k.id = o.clip WHERE o.object >= k.next_object OR o.object < 1",
    "SELECT k.name || ': interval ' || i.number || ' is beyond the next free number'"
    " FROM interval i JOIN clip k ON k.id = i.clip WHERE i.number >= k.next_interval",
    "SELECT k.name || ': expression ' || e.number || ' is beyond the next free number'"
    " FROM expression e JOIN clip k ON k.id = e.clip WHERE e.number >= k.next_expression"
    " OR e.number < 1",
    "SELECT k.name || ': expression ' || e.number || ' says nothing' FROM expression e"
    " JOIN clip k ON k.id = e.clip WHERE trim (e.text) = ''",
    "SELECT k.name || ': frame ' || c.frame || ' of object ' || c.object || ' is not in the clip'"
    " FROM cell c JOIN clip k ON k.id = c.clip WHERE c.frame < 0 OR c.frame >= k.n_frames",
    "SELECT k.name || ': frame ' || c.frame || ' belongs to object ' || c.object ||"
    " ', which was never made' FROM cell c JOIN clip k ON k.id = c.clip WHERE NOT EXISTS"
    " (SELECT 1 FROM object o WHERE o.clip = c.clip AND o.object = c.object)",
    "SELECT k.name || ': a mask made by step ' || c.made || ' counts before it was made, on frame '"
    " || c.frame FROM cell c JOIN clip k ON k.id = c.clip WHERE c.made > c.step",
    "SELECT k.name || ': frame ' || c.frame || ' of object ' || c.object || ' has a state without a"
    " mask' FROM cell_now c JOIN clip k ON k.id = c.clip WHERE c.made IS NULL AND c.pending = 0"
    " AND c.state NOT IN (0, 5)",
    "SELECT k.name || ': a suggestion at frame ' || s.frame || ', which is not in the clip'"
    " FROM suggestion s JOIN clip k ON k.id = s.clip WHERE s.frame < 0 OR s.frame >= k.n_frames",
  };

  for (size_t i = 0; i < G_N_ELEMENTS (rules); i++)
    if (!expect_none (db, r, rules[i], error))
      return false;
  return true;
}

static void
check_mask (EmVerifyReport *r, EmSql *q)
{
  EmError err = EM_ERROR_INIT;
  EmRle rle = { 0 };
  EmBox box;

  r->masks++;
  if (!em_rle_from_string (&rle, sqlite3_column_blob (q->stmt, 9),
                           (size_t) sqlite3_column_bytes (q->stmt, 9), (int) em_sql_get_int (q, 10),
                           (int) em_sql_get_int (q, 11), &err)) {
    fault (r, "%s: the mask of object %" G_GINT64_FORMAT " on frame %d does not decode: %s",
           em_sql_peek_text (q, 0), em_sql_get_int (q, 1), (int) em_sql_get_int (q, 2), err.text);
    return;
  }
  box = em_rle_box (&rle);
  if (em_rle_area (&rle) != em_sql_get_int (q, 4) || box.x != em_sql_get_int (q, 5)
      || box.y != em_sql_get_int (q, 6) || box.width != em_sql_get_int (q, 7)
      || box.height != em_sql_get_int (q, 8))
    fault (r, "%s: area or box of object %" G_GINT64_FORMAT " on frame %d is not its mask's",
           em_sql_peek_text (q, 0), em_sql_get_int (q, 1), (int) em_sql_get_int (q, 2));
  em_rle_clear (&rle);
}

static bool
check_masks (EmDb *db, EmVerifyReport *r, GError **error)
{
  EmSql q
      = em_sql (db, "SELECT k.name, m.object, m.frame, m.made, m.area, m.x, m.y, m.width, m.height,"
                    " m.runs, k.width, k.height FROM mask m JOIN clip k ON k.id = m.clip");

  while (em_sql_row (&q))
    check_mask (r, &q);
  return em_sql_end (&q, error);
}

static bool
check_prompts (EmDb *db, EmVerifyReport *r, GError **error)
{
  EmSql q = em_sql (db, "SELECT k.name, c.object, c.frame, c.prompts FROM cell c"
                        " JOIN clip k ON k.id = c.clip WHERE c.prompts IS NOT NULL");

  while (em_sql_row (&q)) {
    g_autoptr (GError) problem = NULL;
    EmPromptSet set;
    int64_t base;

    if (!em_prompts_from_json (em_sql_peek_text (&q, 3), &set, &base, &problem))
      fault (r, "%s: prompts of object %" G_GINT64_FORMAT " on frame %d: %s",
             em_sql_peek_text (&q, 0), em_sql_get_int (&q, 1), (int) em_sql_get_int (&q, 2),
             problem->message);
  }
  return em_sql_end (&q, error);
}

static bool
has_object (EmDb *db, int64_t clip, int64_t object, bool *out, GError **error)
{
  EmSql q = em_sql (db, "SELECT 1 FROM object WHERE clip = ? AND object = ? LIMIT 1");

  em_sql_int (&q, clip);
  em_sql_int (&q, object);
  *out = em_sql_row (&q);
  return em_sql_end (&q, error);
}

static bool
check_expressions (EmDb *db, EmVerifyReport *r, GError **error)
{
  EmSql q = em_sql (db, "SELECT k.name, e.number, e.target, e.clip FROM expression e"
                        " JOIN clip k ON k.id = e.clip");

  while (em_sql_row (&q)) {
    EmDbExpression e = { .number = em_sql_get_int (&q, 1) };
    bool is_null = sqlite3_column_type (q.stmt, 2) == SQLITE_NULL;

    r->expressions++;
    if (!em_expression_take_target (&e, is_null ? NULL : em_sql_peek_text (&q, 2)))
      fault (r, "%s: the target of expression %" G_GINT64_FORMAT " is damaged",
             em_sql_peek_text (&q, 0), e.number);
    for (int i = 0; i < e.n_objects; i++) {
      bool is_there;

      if (!has_object (db, em_sql_get_int (&q, 3), e.objects[i], &is_there, error)) {
        em_sql_end (&q, NULL);
        return false;
      }
      if (!is_there)
        fault (r,
               "%s: expression %" G_GINT64_FORMAT " refers to object %" G_GINT64_FORMAT
               ", which was never made",
               em_sql_peek_text (&q, 0), e.number, e.objects[i]);
    }
  }
  return em_sql_end (&q, error);
}

static bool
check_suggestions (EmDb *db, EmVerifyReport *r, GError **error)
{
  EmSql q = em_sql (db, "SELECT k.name, s.frame, s.side, s.logits FROM suggestion s"
                        " JOIN clip k ON k.id = s.clip");

  while (em_sql_row (&q)) {
    int64_t side = em_sql_get_int (&q, 2);
    g_autofree uint8_t *logits = NULL;

    r->suggestions++;
    if (sqlite3_column_type (q.stmt, 3) == SQLITE_NULL)
      continue;
    if (side > 0 && side <= 1024)
      logits = em_inflate (sqlite3_column_blob (q.stmt, 3),
                           (size_t) sqlite3_column_bytes (q.stmt, 3), (size_t) (side * side));
    if (!logits)
      fault (r, "%s: the suggestion at frame %d does not decode", em_sql_peek_text (&q, 0),
             (int) em_sql_get_int (&q, 1));
  }
  return em_sql_end (&q, error);
}

static bool
check_clip (EmDb *db, EmVerifyReport *r, const EmDbClip *clip, GError **error)
{
  g_autoptr (GError) problem = NULL;
  g_autoptr (GArray) frames = em_db_frames (db, clip->id, &problem);
  EmDbCounts counts;

  if (!frames)
    fault (r, "%s: %s", clip->name, problem->message);
  if (!em_db_counts (db, clip->id, 0, &counts, error))
    return false;
  if (memcmp (&counts, &clip->counts, sizeof counts) != 0)
    fault (r, "%s: its summary does not count what is there", clip->name);
  return true;
}

static bool
check_clips (EmDb *db, EmVerifyReport *r, GError **error)
{
  g_autoptr (GPtrArray) clips = em_db_clips (db, error);
  g_autoptr (GHashTable) in_work = g_hash_table_new (g_int64_hash, g_int64_equal);
  g_autoptr (GPtrArray) open = clips ? em_db_open_steps (db, error) : NULL;

  if (!open)
    return false;
  for (guint i = 0; i < open->len; i++) /* those are counted when their job ends */
    g_hash_table_add (in_work, &((EmDbStep *) open->pdata[i])->clip);
  r->clips = clips->len;
  for (guint i = 0; i < clips->len; i++) {
    EmDbClip *clip = clips->pdata[i];

    if (!g_hash_table_contains (in_work, &clip->id) && !check_clip (db, r, clip, error))
      return false;
  }
  return true;
}

static bool
count (EmDb *db, EmVerifyReport *r, GError **error)
{
  EmSql q = em_sql (db, "SELECT (SELECT count (*) FROM step), (SELECT count (*) FROM cell)");

  if (em_sql_row (&q)) {
    r->steps = em_sql_get_int (&q, 0);
    r->cells = em_sql_get_int (&q, 1);
  }
  return em_sql_end (&q, error);
}

/* A damaged file has no meaning to look for further in. */
static bool
check_all (EmDb *db, EmVerifyReport *r, GError **error)
{
  if (!check_file (db, r, error))
    return false;
  if (r->faults->len)
    return true;
  return count (db, r, error) && check_numbers (db, r, error) && check_masks (db, r, error)
         && check_prompts (db, r, error) && check_expressions (db, r, error)
         && check_suggestions (db, r, error) && check_clips (db, r, error);
}

bool
em_db_verify (EmDb *db, EmVerifyReport *out, GError **error)
{
  bool fine;

  *out = (EmVerifyReport){ .faults = g_ptr_array_new_with_free_func (g_free) };
  if (!em_db_begin_read (db, error))
    return false;
  fine = check_all (db, out, error);
  em_db_end_read (db);
  return fine;
}

void
em_verify_report_clear (EmVerifyReport *r)
{
  g_clear_pointer (&r->faults, g_ptr_array_unref);
}
