/* schema.c - the schemas, migrations, and the look at a stranger's file.
 *
 * Times are microseconds UTC, media times nanoseconds from frame 0. States, origins and kinds are
 * numbers in the order of EmState, EmOrigin, EmClipState and EmDecision, which are never reordered;
 * steps carry their kind as a word. Every undoable table has a view of what counts now: for each
 * thing the row of its newest step that is neither cut nor beyond clip.head. */
#include "store/schema.h"
#include "store/db_private.h"

static const char schema_1[]
    = "CREATE TABLE annotator (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;\n"

      "CREATE TABLE class (id INTEGER PRIMARY KEY, position INTEGER NOT NULL,"
      " name TEXT NOT NULL UNIQUE, color INTEGER NOT NULL) STRICT;\n"

      "CREATE TABLE weights (digest TEXT PRIMARY KEY, name TEXT NOT NULL, parent TEXT,"
      " added INTEGER NOT NULL) STRICT;\n"

      "CREATE TABLE project (one INTEGER PRIMARY KEY CHECK (one = 1), id INTEGER NOT NULL,"
      " created INTEGER NOT NULL, preset TEXT NOT NULL, grid_step INTEGER NOT NULL,"
      " grid_phase INTEGER NOT NULL, settings TEXT NOT NULL,"
      " weights TEXT REFERENCES weights (digest),"
      " author INTEGER NOT NULL REFERENCES annotator (id), commits INTEGER NOT NULL) STRICT;\n"

      "CREATE TABLE writer (one INTEGER PRIMARY KEY CHECK (one = 1), token INTEGER,"
      " annotator TEXT, host TEXT, boot TEXT, pid INTEGER, started INTEGER, program TEXT,"
      " beat INTEGER NOT NULL) STRICT;\n"

      "CREATE TABLE clip (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
      " path TEXT NOT NULL, hint TEXT NOT NULL, sound_path TEXT, fingerprint TEXT NOT NULL,"
      " bytes INTEGER NOT NULL, mtime INTEGER NOT NULL, width INTEGER NOT NULL,"
      " height INTEGER NOT NULL, n_frames INTEGER NOT NULL, duration INTEGER NOT NULL,"
      " start INTEGER NOT NULL, video_track INTEGER NOT NULL, audio_track INTEGER NOT NULL,"
      " has_sound INTEGER NOT NULL, av_offset INTEGER NOT NULL, state INTEGER NOT NULL,"
      " problem TEXT NOT NULL, notes TEXT NOT NULL, view TEXT NOT NULL, summary TEXT NOT NULL,"
      " head INTEGER NOT NULL, floor INTEGER NOT NULL, next_step INTEGER NOT NULL,"
      " next_object INTEGER NOT NULL, next_interval INTEGER NOT NULL, at INTEGER NOT NULL,"
      " touched INTEGER NOT NULL, frames BLOB NOT NULL, media_index BLOB) STRICT;\n"
      "CREATE INDEX clip_touched ON clip (touched);\n"
      "CREATE INDEX clip_fingerprint ON clip (fingerprint);\n"
      "CREATE INDEX clip_path ON clip (path);\n"

      "CREATE TABLE step (clip INTEGER NOT NULL REFERENCES clip (id), n INTEGER NOT NULL,"
      " uid INTEGER NOT NULL, kind TEXT NOT NULL, object INTEGER, frame INTEGER,"
      " author INTEGER NOT NULL REFERENCES annotator (id), at INTEGER NOT NULL, request TEXT,"
      " name TEXT, open INTEGER NOT NULL, cut INTEGER, PRIMARY KEY (clip, n))"
      " STRICT, WITHOUT ROWID;\n"
      "CREATE INDEX step_open ON step (clip, n) WHERE open = 1;\n"

      "CREATE TABLE object (clip INTEGER NOT NULL, object INTEGER NOT NULL,"
      " step INTEGER NOT NULL, name TEXT NOT NULL, class INTEGER REFERENCES class (id),"
      " color INTEGER NOT NULL, position INTEGER NOT NULL, locked INTEGER NOT NULL,"
      " deleted INTEGER NOT NULL, PRIMARY KEY (clip, object, step),"
      " FOREIGN KEY (clip, step) REFERENCES step (clip, n)) STRICT, WITHOUT ROWID;\n"
      "CREATE INDEX object_step ON object (clip, step);\n"

      "CREATE TABLE mask (clip INTEGER NOT NULL, object INTEGER NOT NULL,"
      " frame INTEGER NOT NULL, made INTEGER NOT NULL, origin INTEGER NOT NULL, x INTEGER NOT NULL,"
      " y INTEGER NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,"
      " area INTEGER NOT NULL, iou REAL, score REAL, weights TEXT, sources TEXT, parent INTEGER,"
      " runs BLOB NOT NULL, PRIMARY KEY (clip, object, frame, made),"
      " FOREIGN KEY (clip, made) REFERENCES step (clip, n)) STRICT;\n"

      "CREATE TABLE cell (clip INTEGER NOT NULL, object INTEGER NOT NULL, frame INTEGER NOT NULL,"
      " step INTEGER NOT NULL, state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 6),"
      " prompts TEXT, pending INTEGER NOT NULL, rejected INTEGER NOT NULL, made INTEGER,"
      " PRIMARY KEY (clip, object, frame, step),"
      " FOREIGN KEY (clip, step) REFERENCES step (clip, n),"
      " FOREIGN KEY (clip, object, frame, made) REFERENCES mask (clip, object, frame, made))"
      " STRICT, WITHOUT ROWID;\n"
      "CREATE INDEX cell_step ON cell (clip, step);\n"

      "CREATE TABLE interval (clip INTEGER NOT NULL, number INTEGER NOT NULL,"
      " step INTEGER NOT NULL, object INTEGER NOT NULL, start_ns INTEGER NOT NULL,"
      " end_ns INTEGER NOT NULL CHECK (end_ns >= start_ns), origin INTEGER NOT NULL, confidence "
      "REAL,"
      " deleted INTEGER NOT NULL, PRIMARY KEY (clip, number, step),"
      " FOREIGN KEY (clip, step) REFERENCES step (clip, n)) STRICT, WITHOUT ROWID;\n"
      "CREATE INDEX interval_step ON interval (clip, step);\n"

      "CREATE TABLE suggestion (clip INTEGER NOT NULL REFERENCES clip (id),"
      " frame INTEGER NOT NULL, source TEXT NOT NULL, weights TEXT, at INTEGER NOT NULL,"
      " iou REAL, score REAL, side INTEGER NOT NULL, bytes INTEGER NOT NULL, logits BLOB,"
      " PRIMARY KEY (clip, frame, source)) STRICT;\n"
      "CREATE INDEX suggestion_at ON suggestion (at, bytes);\n"

      "CREATE TABLE decision (clip INTEGER NOT NULL, frame INTEGER NOT NULL,"
      " source TEXT NOT NULL, step INTEGER NOT NULL, decision INTEGER NOT NULL,"
      " threshold REAL NOT NULL, candidates TEXT NOT NULL,"
      " PRIMARY KEY (clip, frame, source, step),"
      " FOREIGN KEY (clip, step) REFERENCES step (clip, n)) STRICT, WITHOUT ROWID;\n"
      "CREATE INDEX decision_step ON decision (clip, step);\n"

      "CREATE TABLE log (id INTEGER PRIMARY KEY, clip INTEGER REFERENCES clip (id),"
      " at INTEGER NOT NULL, author INTEGER NOT NULL, kind TEXT NOT NULL, step INTEGER,"
      " object INTEGER, frame INTEGER, detail TEXT) STRICT;\n"
      "CREATE INDEX log_clip ON log (clip, at);\n"

      /* max() picks the row that the bare columns come from; CROSS JOIN keeps the order of the
       * loops: things of the clip first, then is their step one that counts? */
      "CREATE VIEW step_now AS SELECT s.clip, s.n FROM step s JOIN clip k ON k.id = s.clip"
      " WHERE s.n <= k.head AND s.cut IS NULL;\n"
      "CREATE VIEW object_now AS SELECT o.clip, o.object, max(o.step) AS step, o.name, o.class,"
      " o.color, o.position, o.locked, o.deleted"
      " FROM object o CROSS JOIN step_now s ON s.clip = o.clip AND s.n = o.step"
      " GROUP BY o.clip, o.object;\n"
      "CREATE VIEW cell_now AS SELECT c.clip, c.object, c.frame, max(c.step) AS step, c.state,"
      " c.prompts, c.pending, c.rejected, c.made"
      " FROM cell c CROSS JOIN step_now s ON s.clip = c.clip AND s.n = c.step"
      " GROUP BY c.clip, c.object, c.frame;\n"
      "CREATE VIEW interval_now AS SELECT i.clip, i.number, max(i.step) AS step, i.object,"
      " i.start_ns, i.end_ns, i.origin, i.confidence, i.deleted"
      " FROM interval i CROSS JOIN step_now s ON s.clip = i.clip AND s.n = i.step"
      " GROUP BY i.clip, i.number;\n"
      "CREATE VIEW decision_now AS SELECT d.clip, d.frame, d.source, max(d.step) AS step,"
      " d.decision, d.threshold, d.candidates"
      " FROM decision d CROSS JOIN step_now s ON s.clip = d.clip AND s.n = d.step"
      " GROUP BY d.clip, d.frame, d.source;\n";

/* target: a JSON array of object ids, NULL where nothing in the clip is meant. */
static const char schema_2[]
    = "ALTER TABLE clip ADD COLUMN next_expression INTEGER NOT NULL DEFAULT 1;\n"

      "CREATE TABLE expression (clip INTEGER NOT NULL, number INTEGER NOT NULL,"
      " step INTEGER NOT NULL, text TEXT NOT NULL, language TEXT NOT NULL, target TEXT,"
      " split TEXT NOT NULL, author INTEGER NOT NULL REFERENCES annotator (id),"
      " state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 1), deleted INTEGER NOT NULL,"
      " PRIMARY KEY (clip, number, step),"
      " FOREIGN KEY (clip, step) REFERENCES step (clip, n)) STRICT, WITHOUT ROWID;\n"
      "CREATE INDEX expression_step ON expression (clip, step);\n"

      "CREATE VIEW expression_now AS SELECT e.clip, e.number, max(e.step) AS step, e.text,"
      " e.language, e.target, e.split, e.author, e.state, e.deleted"
      " FROM expression e CROSS JOIN step_now s ON s.clip = e.clip AND s.n = e.step"
      " GROUP BY e.clip, e.number;\n";

const char *const em_schema_steps[] = { schema_1, schema_2 };
const int em_schema_version = G_N_ELEMENTS (em_schema_steps);

static bool
fail (sqlite3 *sqlite, const char *path, const char *doing, GError **error)
{
  return em_store_fail (error, em_sql_status (sqlite3_errcode (sqlite)), "%s: %s: %s", path, doing,
                        sqlite3_errmsg (sqlite));
}

static bool
exec (sqlite3 *sqlite, const char *path, const char *doing, const char *sql, GError **error)
{
  return sqlite3_exec (sqlite, sql, NULL, NULL, NULL) == SQLITE_OK
         || fail (sqlite, path, doing, error);
}

/* foreign_key_check has a row for each pointer that leads nowhere. */
static bool
check_pointers (sqlite3 *sqlite, const char *path, GError **error)
{
  sqlite3_stmt *s = NULL;
  int rc = sqlite3_prepare_v2 (sqlite, "PRAGMA foreign_key_check", -1, &s, NULL);

  if (rc == SQLITE_OK)
    rc = sqlite3_step (s);
  sqlite3_finalize (s);
  if (rc == SQLITE_ROW)
    return em_store_fail (error, EM_E_INPUT, "%s: rows point at rows that are not there", path);
  return rc == SQLITE_DONE || fail (sqlite, path, "checking", error);
}

bool
em_schema_migrate (sqlite3 *sqlite, const char *path, const char *const *steps, int from, int n,
                   GError **error)
{
  for (int i = from; i < n; i++) {
    g_autofree char *doing = g_strdup_printf ("bringing it to schema %d", i + 1);
    g_autofree char *version = g_strdup_printf (
        "PRAGMA application_id = %d; PRAGMA user_version = %d", EM_SCHEMA_APPLICATION_ID, i + 1);

    if (!exec (sqlite, path, doing, "BEGIN IMMEDIATE", error))
      return false;
    if (!exec (sqlite, path, doing, steps[i], error) || !exec (sqlite, path, doing, version, error)
        || !check_pointers (sqlite, path, error) || !exec (sqlite, path, doing, "COMMIT", error)) {
      sqlite3_exec (sqlite, "ROLLBACK", NULL, NULL, NULL);
      return false;
    }
  }
  return true;
}

/* "type name" -> SQL of everything but SQLite's own tables. */
static GHashTable *
inventory (sqlite3 *sqlite)
{
  g_autoptr (GHashTable) all = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  sqlite3_stmt *s = NULL;
  int rc = sqlite3_prepare_v2 (
      sqlite,
      "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'", -1,
      &s, NULL);

  while (rc == SQLITE_OK || rc == SQLITE_ROW) {
    rc = sqlite3_step (s);
    if (rc == SQLITE_ROW)
      g_hash_table_insert (
          all, g_strdup_printf ("%s %s", sqlite3_column_text (s, 0), sqlite3_column_text (s, 1)),
          g_strdup ((const char *) sqlite3_column_text (s, 2)));
  }
  sqlite3_finalize (s);
  return rc == SQLITE_DONE ? g_steal_pointer (&all) : NULL;
}

bool
em_schema_check (sqlite3 *sqlite, const char *path, GError **error)
{
  g_autoptr (GHashTable) have = inventory (sqlite), want = NULL;
  sqlite3 *fresh = NULL;
  GHashTableIter i;
  const char *name, *sql;
  bool fine;

  if (!have)
    return fail (sqlite, path, "reading its tables", error);
  fine = sqlite3_open (":memory:", &fresh) == SQLITE_OK
         && em_schema_migrate (fresh, path, em_schema_steps, 0, em_schema_version, error);
  want = fine ? inventory (fresh) : NULL;
  sqlite3_close (fresh);
  if (!want)
    return fine ? em_store_fail (error, EM_E_DEVICE, "%s: no memory to check it", path) : false;

  g_hash_table_iter_init (&i, have);
  while (g_hash_table_iter_next (&i, (gpointer *) &name, (gpointer *) &sql))
    if (g_strcmp0 (g_hash_table_lookup (want, name), sql) != 0)
      return em_store_fail (error, EM_E_INPUT,
                            "%s: its %s is none of Earmark's: not a project file", path, name);
  if (g_hash_table_size (have) != g_hash_table_size (want))
    return em_store_fail (error, EM_E_INPUT, "%s: tables are missing: not a project file", path);
  return true;
}
