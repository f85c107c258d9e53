/* expression.c - sentences about objects: steps, targets, what others see of them, and a project
 * from before there were any. */
#include <sqlite3.h>
#include "check.h"
#include "fixture.h"
#include "store/db_expression.h"
#include "store/schema.h"
#include "store/verify.h"

/* Writes a row as one step; what it got as its number. */
static int64_t
say (Fixture *f, const EmDbExpression *row)
{
  g_autoptr (EmEdit) e = em_edit_new (EM_STEP_EXPRESSION);

  em_edit_expression (e, row);
  MUST (em_db_edit (f->db, f->clip, e, error));
  return row->number ? row->number : em_edit_expression_number (e);
}

static EmDbExpression
sentence (int64_t number, const char *text)
{
  return (EmDbExpression){ .number = number, .text = (char *) text, .language = (char *) "en" };
}

/* What expression `number` is now, as a line; "" where there is none. */
static const char *
said (Fixture *f, int64_t number)
{
  static char line[200];
  g_autoptr (GPtrArray) all = NULL;

  line[0] = '\0';
  MUST (all = em_db_expressions (f->db, f->clip, error));
  for (guint i = 0; i < all->len; i++) {
    const EmDbExpression *e = all->pdata[i];
    int at;

    if (e->number != number)
      continue;
    at = snprintf (line, sizeof line, "%s|%s|%s|%s", e->text, e->language, e->split,
                   e->is_null ? "null" : "");
    for (int k = 0; k < e->n_objects; k++)
      at += snprintf (line + at, sizeof line - (size_t) at, "%d,", (int) e->objects[k]);
    snprintf (line + at, sizeof line - (size_t) at, "|%d", (int) e->state);
  }
  return line;
}

static void
an_expression_is_a_step (void)
{
  Fixture f;
  EmDbExpression row = sentence (0, "the man who plays the violin");
  EmDbMove m;
  int64_t anna, ben;
  g_autoptr (GPtrArray) all = NULL;

  fixture_open (&f);
  anna = em_db_author (f.db);
  add_object (&f);
  add_object (&f);
  row.n_objects = 2;
  row.objects[0] = 2;
  row.objects[1] = 1;
  row.split = (char *) "test_s";
  CHECK_INT (say (&f, &row), 1);
  CHECK_TEXT (said (&f, 1), "the man who plays the violin|en|test_s|2,1,|0");

  /* Somebody else says what it means: who wrote the sentence stays. */
  MUST (ben = em_db_annotator (f.db, "Ben", error));
  em_db_set_author (f.db, ben);
  row = sentence (1, "the man who plays the violin");
  row.author = anna;
  row.is_null = true;
  row.state = EM_EXPRESSION_APPROVED;
  say (&f, &row);
  CHECK_TEXT (said (&f, 1), "the man who plays the violin|en||null|1");
  MUST (all = em_db_expressions (f.db, f.clip, error));
  CHECK_INT (((EmDbExpression *) all->pdata[0])->author, anna);

  MUST (em_db_undo (f.db, f.clip, &m, error));
  CHECK_INT (m.kind, EM_STEP_EXPRESSION);
  CHECK_TEXT (said (&f, 1), "the man who plays the violin|en|test_s|2,1,|0");
  MUST (em_db_undo (f.db, f.clip, &m, error));
  CHECK_TEXT (said (&f, 1), "");
  MUST (em_db_redo (f.db, f.clip, &m, error));
  fixture_reopen (&f);
  CHECK_TEXT (said (&f, 1), "the man who plays the violin|en|test_s|2,1,|0");

  row = sentence (1, "gone");
  row.is_deleted = true;
  say (&f, &row);
  CHECK_TEXT (said (&f, 1), "");
  row = sentence (0, "what barks");
  CHECK_INT (say (&f, &row), 2); /* numbers are never used again */
  CHECK_TEXT (said (&f, 2), "what barks|en|||0");
  fixture_close (&f);
}

/* A sentence whose object is made by the very same step. */
static void
an_expression_may_bring_its_object (void)
{
  Fixture f;
  g_autoptr (EmEdit) e = em_edit_new (EM_STEP_ACCEPT);
  EmDbExpression row = sentence (0, "the dog");
  EmDbMove m;

  fixture_open (&f);
  row.n_objects = 1;
  row.objects[0] = em_edit_new_object (e, row.text, 0, UINT32_MAX, -1);
  em_edit_expression (e, &row);
  MUST (em_db_edit (f.db, f.clip, e, error));
  CHECK_TEXT (said (&f, 1), "the dog|en||1,|0");
  MUST (em_db_undo (f.db, f.clip, &m, error));
  CHECK_TEXT (said (&f, 1), "");
  MUST (em_db_redo (f.db, f.clip, &m, error));
  CHECK_TEXT (said (&f, 1), "the dog|en||1,|0");
  fixture_close (&f);
}

static void
delete_object (Fixture *f, int64_t id)
{
  g_autoptr (EmEdit) e = em_edit_new (EM_STEP_DELETE_OBJECT);
  EmDbObject row = { .id = id, .name = (char *) "o", .is_deleted = true };

  em_edit_object (e, &row);
  MUST (em_db_edit (f->db, f->clip, e, error));
}

static void
a_deleted_object_is_meant_no_more (void)
{
  Fixture f;
  EmDbExpression row = sentence (0, "both dogs");
  EmDbMove m;

  fixture_open (&f);
  row.n_objects = 2;
  row.objects[0] = add_object (&f);
  row.objects[1] = add_object (&f);
  say (&f, &row);
  delete_object (&f, 1);
  CHECK_TEXT (said (&f, 1), "both dogs|en||2,|0");
  delete_object (&f, 2); /* meant something once: not the same as nothing */
  CHECK_TEXT (said (&f, 1), "both dogs|en|||0");
  MUST (em_db_undo (f.db, f.clip, &m, error));
  MUST (em_db_undo (f.db, f.clip, &m, error));
  CHECK_TEXT (said (&f, 1), "both dogs|en||1,2,|0");
  fixture_close (&f);
}

static void
tracks_and_clips_tell_of_expressions (void)
{
  Fixture f;
  EmDbExpression row = sentence (0, "the left one");
  EmTracks *t;
  g_autoptr (EmDbClip) clip = NULL;
  g_autoptr (GPtrArray) clips = NULL;
  int64_t other;

  fixture_open (&f);
  other = add_clip (f.db, "other", 5);
  row.n_objects = 1;
  row.objects[0] = add_object (&f);
  say (&f, &row);
  row = sentence (0, "a silent horn");
  row.is_null = true;
  say (&f, &row);
  row = sentence (0, "not said yet");
  row.split = (char *) "val";
  say (&f, &row);
  MUST (t = em_db_tracks (f.db, f.clip, EM_STATES_ALL, error));
  CHECK_INT (t->n_expressions, 3);
  CHECK_TEXT (t->expressions[0].text, "the left one");
  CHECK (!t->expressions[0].is_null && t->expressions[0].n_objects == 1
         && t->expressions[0].objects[0] == 1);
  CHECK (t->expressions[1].is_null && t->expressions[1].n_objects == 0);
  CHECK (!t->expressions[2].is_null && t->expressions[2].n_objects == 0);
  CHECK_TEXT (t->expressions[2].split, "val");
  CHECK_INT (t->expressions[2].number, 3);
  em_tracks_free (t);
  MUST (clip = em_db_clip (f.db, f.clip, error));
  CHECK_INT (clip->n_expressions, 3);
  CHECK_TEXT (clip->sentences, "the left one\na silent horn\nnot said yet");
  MUST (clips = em_db_clips (f.db, error));
  for (guint i = 0; i < clips->len; i++) {
    const EmDbClip *k = clips->pdata[i];

    CHECK_INT (k->n_expressions, k->id == other ? 0 : 3);
    CHECK (!k->sentences == (k->id == other));
  }
  fixture_close (&f);
}

static void
spoilt_expressions_are_found (void)
{
  static const char *const spoil[][2] = {
    { "UPDATE expression SET number = 9", "expression 9 is beyond the next free number" },
    { "UPDATE expression SET text = '  '", "expression 1 says nothing" },
    { "UPDATE expression SET target = '[1, 7]'", "refers to object 7, which was never made" },
    { "UPDATE expression SET target = '[1'", "the target of expression 1 is damaged" },
    { "UPDATE expression SET target = '[-1]'", "the target of expression 1 is damaged" },
    { "UPDATE expression SET target = '{}'", "the target of expression 1 is damaged" },
  };
  Fixture f;
  EmVerifyReport r;
  EmDbExpression row = sentence (0, "it");

  for (size_t i = 0; i < G_N_ELEMENTS (spoil); i++) {
    fixture_open (&f);
    add_object (&f);
    say (&f, &row);
    MUST (em_db_verify (f.db, &r, error));
    CHECK_INT (r.faults->len, 0);
    CHECK_INT (r.expressions, 1);
    em_verify_report_clear (&r);
    fixture_sql (f.path, spoil[i][0]);
    MUST (em_db_verify (f.db, &r, error));
    CHECK_INT (r.faults->len, 1);
    CHECK (r.faults->len && strstr (r.faults->pdata[0], spoil[i][1]));
    em_verify_report_clear (&r);
    if (strstr (spoil[i][1], "damaged"))
      MUST_FAIL (em_db_expressions (f.db, f.clip, error), EM_E_INPUT, "damaged");
    fixture_close (&f);
  }
}

/* Schema 1 ----------------------------------------------------------------------------------------
 */

/* The rows of `from` in a file of the first schema, by the columns that schema had. */
static void
copy_to_schema_1 (const char *from, const char *to)
{
  g_autofree char *attach = g_strdup_printf ("ATTACH '%s' AS new", from);
  g_autoptr (GString) rows = g_string_new (NULL);
  sqlite3 *db;
  sqlite3_stmt *s;

  CHECK (sqlite3_open (to, &db) == SQLITE_OK);
  MUST (em_schema_migrate (db, to, em_schema_steps, 0, 1, error));
  CHECK (sqlite3_prepare_v2 (db,
                             "SELECT m.name, group_concat (c.name) FROM sqlite_schema m,"
                             " pragma_table_info (m.name) c WHERE m.type = 'table' GROUP BY m.name",
                             -1, &s, NULL)
         == SQLITE_OK);
  while (sqlite3_step (s) == SQLITE_ROW)
    g_string_append_printf (rows, "INSERT INTO main.%s (%s) SELECT %s FROM new.%s;",
                            sqlite3_column_text (s, 0), sqlite3_column_text (s, 1),
                            sqlite3_column_text (s, 1), sqlite3_column_text (s, 0));
  sqlite3_finalize (s);
  CHECK (sqlite3_exec (db, attach, NULL, NULL, NULL) == SQLITE_OK);
  CHECK (sqlite3_exec (db, rows->str, NULL, NULL, NULL) == SQLITE_OK);
  sqlite3_close (db);
}

static void
a_project_of_schema_1_is_brought_up_to_date (void)
{
  Fixture f;
  g_autofree char *old = NULL, *folder = NULL;
  g_autoptr (GDir) dir = NULL;
  EmDbExpression row = sentence (0, "the first one ever");
  EmRle want = some_mask (5), got;
  EmDbProject p;
  EmVerifyReport r;
  EmDbMove m;

  fixture_open (&f);
  put (&f, EM_STEP_BRUSH, add_object (&f), 3, EM_STATE_KEYFRAME, 5);
  MUST (em_db_project (f.db, &p, error));
  em_db_close (f.db);
  f.db = NULL;
  old = g_build_filename (f.folder, "old.earmark", NULL);
  copy_to_schema_1 (f.path, old);
  CHECK_INT (fixture_int (old, "PRAGMA user_version"), 1);
  MUST_FAIL (em_db_open (old, EM_DB_READ, error), EM_E_INPUT, "older Earmark, schema 1");

  MUST (f.db = em_db_open (old, EM_DB_WRITE, error));
  CHECK_INT (fixture_int (old, "PRAGMA user_version"), em_schema_version);
  got = clip_mask (f.db, f.clip, 1, 3);
  CHECK (got.width && em_rle_equal (&got, &want));
  em_rle_clear (&got);
  CHECK_INT (say (&f, &row), 1);
  for (int i = 0; i < 3; i++)
    MUST (em_db_undo (f.db, f.clip, &m, error));
  CHECK_INT (m.kind, EM_STEP_NEW_OBJECT);
  for (int i = 0; i < 3; i++)
    MUST (em_db_redo (f.db, f.clip, &m, error));
  CHECK_TEXT (said (&f, 1), "the first one ever|en|||0");
  MUST (em_db_verify (f.db, &r, error));
  CHECK_INT (r.faults->len, 0);
  em_verify_report_clear (&r);

  /* The copy made before is a whole project of its day. */
  folder = g_strdup_printf ("%s/earmark/backups/%" G_GINT64_FORMAT, g_get_user_state_dir (), p.id);
  dir = g_dir_open (folder, 0, NULL);
  CHECK (dir);
  if (dir) {
    g_autofree char *copy = g_build_filename (folder, g_dir_read_name (dir), NULL);

    CHECK_INT (fixture_int (copy, "PRAGMA user_version"), 1);
    CHECK_INT (fixture_int (copy, "SELECT count(*) FROM mask"), 1);
  }
  em_rle_clear (&want);
  em_db_project_clear (&p);
  fixture_close (&f);
}

CHECK_MAIN (an_expression_is_a_step, an_expression_may_bring_its_object,
            a_deleted_object_is_meant_no_more, tracks_and_clips_tell_of_expressions,
            spoilt_expressions_are_found, a_project_of_schema_1_is_brought_up_to_date)
