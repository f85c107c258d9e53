/* project.c - making, opening and refusing project files; the lock; classes; clips; read-only. */
#include "check.h"
#include "fixture.h"
#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "store/backup.h"
#include "store/preset.h"
#include "store/schema.h"
#include "store/verify.h"

static void
a_new_project_has_its_settings (void)
{
  Fixture f;
  EmDbProject p;
  g_autoptr (GPtrArray) classes = NULL;
  g_autofree char *name = NULL, *wal = NULL;

  fixture_open (&f);
  MUST (em_db_project (f.db, &p, error));
  CHECK_TEXT (p.preset, "video");
  CHECK_INT (p.grid_phase_ns, 500000000);
  CHECK_INT (p.grid_step_ns, 1000000000);
  CHECK (p.id > 0 && p.id < 1ll << 53);
  CHECK_INT (p.n_clips, 1);
  em_db_project_clear (&p);
  name = em_db_annotator_name (f.db, em_db_author (f.db));
  CHECK_TEXT (name, "Anna");
  MUST (classes = em_db_classes (f.db, error));
  CHECK_INT (classes->len, 2);
  CHECK_TEXT (((EmDbClass *) classes->pdata[1])->name, "dog");
  CHECK (((EmDbClass *) classes->pdata[1])->id < 1ll << 53);
  MUST (em_db_set_settings (f.db, "{\"a\":1}", error));
  MUST (em_db_add_weights (f.db, "abcd", "demo", NULL, error));
  MUST (em_db_set_weights (f.db, "abcd", error));
  CHECK_INT (fixture_int (f.path, "PRAGMA application_id"), EM_SCHEMA_APPLICATION_ID);
  CHECK_INT (fixture_int (f.path, "PRAGMA user_version"), em_schema_version);
  MUST_FAIL (em_db_create (f.path, &(EmDbSetup){ 0 }, error), EM_E_INPUT, "already");
  fixture_reopen (&f);
  MUST (em_db_project (f.db, &p, error));
  CHECK_TEXT (p.settings, "{\"a\":1}");
  CHECK_TEXT (p.weights, "abcd");
  em_db_project_clear (&p);
  em_db_close (f.db);
  f.db = NULL;
  wal = g_strconcat (f.path, "-wal", NULL);
  CHECK (access (wal, F_OK) != 0); /* a closed project is one file */
  fixture_close (&f);
}

static void
presets_set_grid_and_classes (void)
{
  static const int n_classes[] = { 0, 23, 0, 70, 0 };
  EmDbSetup setup = { 0 };

  for (int i = 0; em_presets[i]; i++) {
    int n = 0;

    CHECK (em_preset_fill (em_presets[i], &setup));
    while (setup.classes && setup.classes[n])
      n++;
    CHECK_INT (n, n_classes[i]);
    CHECK_INT (setup.grid_phase_ns, i >= 1 && i <= 3 ? 937500000 : 500000000);
  }
  CHECK (!em_preset_fill ("voc", &setup));
}

static void
a_project_keeps_writes_safe (void)
{
  Fixture f;
  sqlite3_stmt *s;
  sqlite3 *raw;

  fixture_open (&f);
  CHECK_INT (fixture_int (f.path, "SELECT 1 FROM pragma_journal_mode WHERE journal_mode = 'wal'"),
             1);
  /* Triggers, foreign tables, views and indices make it somebody else's file. */
  em_db_close (f.db);
  f.db = NULL;
  for (int i = 0; i < 5; i++) {
    static const char *const spoil[][2] = {
      { "CREATE TRIGGER t AFTER INSERT ON cell BEGIN DELETE FROM mask; END", "DROP TRIGGER t" },
      { "CREATE TABLE extra (a)", "DROP TABLE extra" },
      { "CREATE VIEW cells AS SELECT 1", "DROP VIEW cells" },
      { "CREATE INDEX i ON mask (area)", "DROP INDEX i" },
      { "DROP VIEW decision_now; CREATE VIEW decision_now AS SELECT 1", "" },
    };

    fixture_sql (f.path, spoil[i][0]);
    MUST_FAIL (em_db_open (f.path, EM_DB_WRITE, error), EM_E_INPUT, "not a project file");
    MUST_FAIL (em_db_open (f.path, EM_DB_READ, error), EM_E_INPUT, "not a project file");
    fixture_sql (f.path, spoil[i][1]);
  }
  CHECK (sqlite3_open (f.path, &raw) == SQLITE_OK
         && sqlite3_prepare_v2 (raw, "SELECT 1", -1, &s, NULL) == SQLITE_OK);
  sqlite3_finalize (s);
  sqlite3_close (raw);
  fixture_close (&f);
}

static void
a_newer_file_is_refused_untouched (void)
{
  Fixture f;
  g_autofree char *before = NULL, *after = NULL;
  gsize n, m;

  fixture_open (&f);
  em_db_close (f.db);
  f.db = NULL;
  fixture_sql (f.path, "PRAGMA journal_mode=DELETE; PRAGMA user_version = 7");
  CHECK (g_file_get_contents (f.path, &before, &n, NULL));
  MUST_FAIL (em_db_open (f.path, EM_DB_WRITE, error), EM_E_INPUT,
             "made by a newer Earmark, schema 7, this one reads 2");
  MUST_FAIL (em_db_open (f.path, EM_DB_READ, error), EM_E_INPUT, "schema 7");
  CHECK (g_file_get_contents (f.path, &after, &m, NULL));
  /* SQLite notes the journal mode in bytes 18 and 19 and counts the change; nothing else differs.
   */
  CHECK (n == m && memcmp (before + 100, after + 100, n - 100) == 0);
  fixture_close (&f);
}

static void
write_file (const char *path, const void *bytes, size_t n)
{
  GError *error = NULL;

  if (!g_file_set_contents (path, bytes, (gssize) n, &error)) {
    fprintf (stderr, "%s\n", error->message);
    exit (1);
  }
}

static void
what_is_no_project_gets_one_clear_line (void)
{
  Fixture f;
  g_autofree char *other = NULL, *whole = NULL;
  gsize n;
  uint64_t seed = 5;

  fixture_open (&f);
  other = g_build_filename (f.folder, "other.earmark", NULL);
  MUST_FAIL (em_db_open (other, EM_DB_READ, error), EM_E_INPUT, "No such file");
  MUST_FAIL (em_db_open (f.folder, EM_DB_READ, error), EM_E_INPUT, "directory");
  write_file (other, "", 0);
  MUST_FAIL (em_db_open (other, EM_DB_WRITE, error), EM_E_INPUT, "empty");
  write_file (other, "hello", 5);
  MUST_FAIL (em_db_open (other, EM_DB_WRITE, error), EM_E_INPUT, "not an Earmark project");
  g_unlink (other);
  fixture_sql (other, "CREATE TABLE t (a)");
  MUST_FAIL (em_db_open (other, EM_DB_WRITE, error), EM_E_INPUT, "not an Earmark project");

  for (int i = 0; i < 30; i++)
    put (&f, EM_STEP_BRUSH, i ? 1 : add_object (&f), i, EM_STATE_KEYFRAME, (unsigned) i);
  em_db_close (f.db);
  f.db = NULL;
  CHECK (g_file_get_contents (f.path, &whole, &n, NULL));
  /* Cut short: either the opening or the verification says so, and nothing crashes. */
  for (gsize cut = 100; cut < n; cut += 4096 / 3) {
    g_autoptr (GError) error = NULL;
    EmDb *db;
    EmVerifyReport r = { 0 };
    bool sound;

    write_file (other, whole, cut);
    db = em_db_open (other, EM_DB_READ, &error);
    sound = db && em_db_verify (db, &r, &error) && r.faults->len == 0;
    CHECK (!sound);
    CHECK (db ? error || r.faults->len : error != NULL);
    em_verify_report_clear (&r);
    em_db_close (db);
  }
  /* Bytes of chance in it: never a crash, and a mask read back is the one written or refused. */
  for (int round = 0; round < 200; round++) {
    g_autofree char *spoilt = g_memdup2 (whole, n);
    g_autoptr (GError) error = NULL;
    EmDb *db;

    for (int i = 0; i < 20; i++)
      spoilt[100 + check_random (&seed) % (n - 100)] = (char) check_random (&seed);
    write_file (other, spoilt, n);
    db = em_db_open (other, EM_DB_READ, &error);
    if (db) {
      EmVerifyReport r = { 0 };
      g_autoptr (GPtrArray) clips = em_db_clips (db, NULL);

      em_db_verify (db, &r, NULL);
      for (guint i = 0; clips && i < clips->len; i++)
        em_tracks_free (em_db_tracks (db, ((EmDbClip *) clips->pdata[i])->id, EM_STATES_ALL, NULL));
      em_verify_report_clear (&r);
      em_db_close (db);
    } else {
      CHECK (error && !strchr (error->message, '\n'));
    }
  }
  fixture_close (&f);
}

/* In a child process: what `fn` returns. */
static int
elsewhere (int (*fn) (const char *path), const char *path)
{
  pid_t pid = fork ();
  int status;

  if (pid == 0)
    _exit (fn (path));
  waitpid (pid, &status, 0);
  return WIFEXITED (status) ? WEXITSTATUS (status) : 100 + WTERMSIG (status);
}

static int
try_to_write (const char *path)
{
  GError *error = NULL;
  EmDb *db = em_db_open (path, EM_DB_WRITE, &error);

  if (db) {
    em_db_close (db);
    return 0;
  }
  return error->code == EM_E_LOCKED && strstr (error->message, "Anna") ? 7 : 1;
}

static int
open_and_die (const char *path)
{
  EmDb *db = em_db_open (path, EM_DB_WRITE, NULL);

  if (!db)
    return 1;
  raise (SIGKILL);
  return 2;
}

static int
read_it (const char *path)
{
  g_autoptr (EmDb) db = em_db_open (path, EM_DB_READ, NULL);
  g_autoptr (GPtrArray) clips = db ? em_db_clips (db, NULL) : NULL;

  return clips && clips->len == 1 && !em_db_log (db, 0, "x", 0, -1, NULL, NULL) ? 0 : 1;
}

static void
one_writes_others_read (void)
{
  Fixture f;
  EmDbWriter w;

  fixture_open (&f);
  MUST (em_db_writer (f.db, &w, error));
  CHECK_TEXT (w.annotator, "Anna");
  CHECK_INT (w.pid, getpid ());
  CHECK (!w.is_gone);
  em_db_writer_clear (&w);
  CHECK_INT (elsewhere (try_to_write, f.path), 7);
  CHECK_INT (elsewhere (read_it, f.path), 0);
  MUST_FAIL (em_db_open (f.path, EM_DB_WRITE, error), EM_E_LOCKED,
             "Anna"); /* nor in this process */
  MUST (em_db_beat (f.db, error));
  em_db_close (f.db);
  f.db = NULL;
  CHECK_INT (elsewhere (try_to_write, f.path), 0); /* given back */
  CHECK_INT (elsewhere (open_and_die, f.path), 100 + SIGKILL);
  {
    g_autoptr (EmDb) db = NULL;

    MUST (db = em_db_open (f.path, EM_DB_READ, error));
    MUST (em_db_writer (db, &w, error));
    CHECK (w.is_gone);
    em_db_writer_clear (&w);
  }
  CHECK_INT (elsewhere (try_to_write, f.path), 0); /* the dead do not hold it */
  MUST (f.db = em_db_open (f.path, EM_DB_WRITE, error));
  fixture_close (&f);
}

static void
a_lock_from_elsewhere_holds_until_its_beat_stops (void)
{
  Fixture f;
  int64_t beat;
  g_autoptr (EmEdit) e = em_edit_new (EM_STEP_MARK);

  fixture_open (&f);
  em_db_close (f.db);
  fixture_sql (f.path, "UPDATE writer SET token = 5, annotator = 'Bo', host = 'elsewhere',"
                       " boot = 'x', pid = 1, started = 1, program = 'earmark', beat = 1000");
  MUST_FAIL (f.db = em_db_open (f.path, EM_DB_WRITE, error), EM_E_LOCKED, "Bo is writing");
  MUST_FAIL (em_db_open_taking_over (f.path, 999, error), EM_E_LOCKED, "elsewhere");
  MUST (f.db = em_db_open_taking_over (f.path, 1000, error));
  beat = fixture_int (f.path, "SELECT beat FROM writer");
  CHECK (beat > 1000);
  MUST (em_db_edit (f.db, f.clip, e, error));

  /* The other way round: ours is taken while it is open. */
  fixture_sql (f.path, "UPDATE writer SET token = 6");
  MUST_FAIL (em_db_edit (f.db, f.clip, e, error), EM_E_LOCKED, "took the project over");
  CHECK (!em_db_is_writable (f.db));
  CHECK (!em_db_may_retry (f.db));
  MUST_FAIL (em_db_beat (f.db, error), EM_E_LOCKED, "viewing");
  CHECK_INT (fixture_int (f.path, "SELECT count(*) FROM step"), 1);
  em_db_close (f.db);
  f.db = NULL;
  CHECK_INT (fixture_int (f.path, "SELECT token FROM writer"), 6); /* not ours to give back */
  fixture_close (&f);
}

/* A batch that is not ended is nothing, and holds no lock. */
static void
an_unfinished_batch_leaves_nothing (void)
{
  Fixture f;

  fixture_open (&f);
  MUST (em_db_begin_batch (f.db, error));
  MUST (em_db_add_clip (f.db, "/nowhere/b.mp4", NULL, error));
  /* One that fails takes nothing else along. */
  CHECK (!em_db_set_weights (f.db, "no such digest", NULL));
  MUST (em_db_add_clip (f.db, "/nowhere/c.mp4", NULL, error));
  CHECK (em_db_find_clip (f.db, "b", NULL) != 0);
  em_db_close (f.db);
  f.db = NULL;
  CHECK_INT (fixture_int (f.path, "SELECT count(*) FROM clip"), 1);
  CHECK_INT (fixture_int (f.path, "SELECT token IS NULL FROM writer"), 1);
  fixture_close (&f);
}

static int
view_unwritable (const char *path)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *wal = g_strconcat (path, "-wal", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (EmDb) db = NULL;
  g_autoptr (GPtrArray) clips = NULL;

  if (setgid (65534) || setuid (65534)) /* root may write everywhere */
    return 77;
  if (access (folder, W_OK) == 0)
    return 2;
  if (em_db_open (path, EM_DB_WRITE, &error) || error->code != EM_E_INPUT
      || !strstr (error->message, "cannot be written"))
    return 3;
  g_clear_error (&error);
  db = em_db_open (path, EM_DB_READ, &error);
  if (!db) {
    fprintf (stderr, "%s\n", error->message);
    return 4;
  }
  clips = em_db_clips (db, NULL);
  return clips && clips->len == 1 && em_db_warning (db) && access (wal, F_OK) != 0 ? 0 : 5;
}

static void
an_unwritable_folder_is_for_viewing (void)
{
  Fixture f;
  int got;

  fixture_open (&f);
  em_db_close (f.db);
  f.db = NULL;
  g_chmod (f.path, 0444);
  g_chmod (f.folder, 0555);
  got = geteuid () == 0 ? elsewhere (view_unwritable, f.path) : 77;
  if (got == 77)
    fprintf (stderr, "not root: cannot become a stranger, unwritable folders are left out\n");
  else
    CHECK_INT (got, 0);
  g_chmod (f.folder, 0755);
  fixture_close (&f);
}

static void
classes_and_people_keep_their_ids (void)
{
  Fixture f;
  int64_t violin, cello, bo;
  g_autoptr (GPtrArray) lines = NULL;
  g_autofree char *name = NULL;

  fixture_open (&f);
  MUST (violin = em_db_class (f.db, "violin", error));
  MUST (cello = em_db_class (f.db, "cello", error));
  CHECK (violin != cello);
  CHECK_INT (em_db_class (f.db, "cello", NULL), cello);
  MUST (em_db_rename_class (f.db, cello, "violoncello", error));
  CHECK_INT (em_db_class (f.db, "violoncello", NULL), cello);
  MUST_FAIL (em_db_rename_class (f.db, cello, "violin", error), EM_E_USAGE, "already");
  MUST (bo = em_db_annotator (f.db, "Bo", error));
  CHECK_INT (em_db_annotator (f.db, "Bo", NULL), bo);
  em_db_set_author (f.db, bo);
  add_object (&f);
  MUST (lines = em_db_log_lines (f.db, 0, error));
  CHECK_INT (lines->len, 2);
  CHECK_TEXT (((EmDbLogLine *) lines->pdata[1])->kind, "class renamed");
  g_clear_pointer (&lines, g_ptr_array_unref);
  MUST (lines = em_db_log_lines (f.db, f.clip, error));
  CHECK_INT (((EmDbLogLine *) lines->pdata[0])->author, bo);
  fixture_close (&f);
}

static void
clips_have_unique_names_and_relative_paths (void)
{
  Fixture f;
  int64_t ids[20];
  g_autoptr (GPtrArray) clips = NULL;
  g_autoptr (EmDbClip) clip = NULL, same = NULL;
  g_autofree char *media = NULL;

  fixture_open (&f);
  MUST (em_db_begin_batch (f.db, error));
  for (int i = 0; i < 20; i++) {
    g_autofree char *path = g_strdup_printf ("%s/set/%d/video.mp4", f.folder, i);

    MUST (ids[i] = em_db_add_clip (f.db, path, NULL, error));
    CHECK_INT (em_db_add_clip (f.db, path, NULL, NULL), ids[i]); /* found again, not doubled */
  }
  MUST (em_db_end_batch (f.db, error));
  MUST (clips = em_db_clips (f.db, error));
  CHECK_INT (clips->len, 21);
  MUST (clip = em_db_clip (f.db, ids[0], error));
  CHECK_TEXT (clip->name, "video");
  CHECK_TEXT (clip->path, "set/0/video.mp4");
  CHECK (!em_db_clip_media_path (f.db, clip));
  CHECK_INT (em_db_find_clip (f.db, "video-20", NULL), ids[19]);
  MUST (same = em_db_clip (f.db, f.clip, error));
  CHECK_TEXT (same->path, "media/clip.webm");
  CHECK_INT (same->width, W);
  CHECK_INT (same->n_frames, FRAMES);
  MUST_FAIL (em_db_clip (f.db, 4, error), EM_E_USAGE, "no such clip");

  { /* beside the project's folder, names that are no file names, and moving */
    g_autofree char *up = g_strdup_printf ("%s/../outside: a|b.mkv", f.folder);
    g_autofree char *to = g_build_filename (f.folder, "moved.mkv", NULL);
    int64_t id;
    g_autoptr (EmDbClip) odd = NULL, moved = NULL;

    MUST (id = em_db_add_clip (f.db, up, NULL, error));
    MUST (odd = em_db_clip (f.db, id, error));
    CHECK_TEXT (odd->path, "../outside: a|b.mkv");
    CHECK_TEXT (odd->name, "outside_ a_b");
    write_file (to, "x", 1);
    MUST (em_db_relocate (f.db, id, to, error));
    MUST (moved = em_db_clip (f.db, id, error));
    media = em_db_clip_media_path (f.db, moved);
    CHECK_TEXT (media, to);
    MUST (em_db_set_clip_state (f.db, id, EM_CLIP_PROBLEM, "no video in it", error));
    MUST (em_db_set_clip_notes (f.db, id, "a note", error));
    MUST (em_db_set_clip_view (f.db, id, "{}", error));
    g_clear_pointer (&moved, em_db_clip_free);
    MUST (moved = em_db_clip (f.db, id, error));
    CHECK_TEXT (moved->problem, "no video in it");
    CHECK_TEXT (moved->notes, "a note");
  }
  fixture_close (&f);
}

static void
frame_times_survive_and_bind_masks (void)
{
  Fixture f;
  int64_t clip;
  EmDbFrame odd[] = { { 0, 33000000, true },
                      { 33000000, 34000000, false },
                      { 67000001, 1, false },
                      { 67000002, 900000000000, true } };
  const uint8_t packed[] = { 1, 2, 3 };
  g_autoptr (GBytes) index = g_bytes_new (packed, 3), index_back = NULL;
  EmDbMedia media = { .fingerprint = "beef",
                      .width = W,
                      .height = H,
                      .frames = odd,
                      .n_frames = 4,
                      .duration_ns = 1,
                      .index = index };
  g_autoptr (GArray) back = NULL;
  EmTracks *t;

  fixture_open (&f);
  MUST (clip = em_db_add_clip (f.db, "/nowhere/odd.mp4", NULL, error));
  MUST (em_db_set_clip_state (f.db, clip, EM_CLIP_PROBLEM, "?", error));
  MUST_FAIL ((t = em_db_tracks (f.db, clip, EM_STATES_ALL, error)), EM_E_INPUT, "not indexed");
  MUST (em_db_set_media (f.db, clip, &media, error));
  MUST (back = em_db_frames (f.db, clip, error));
  CHECK_INT (back->len, 4);
  for (int i = 0; i < 4; i++) {
    const EmDbFrame *b = &g_array_index (back, EmDbFrame, i);

    CHECK_INT (b->pts_ns, odd[i].pts_ns);
    CHECK_INT (b->duration_ns, odd[i].duration_ns);
    CHECK_INT (b->is_key, odd[i].is_key);
  }
  MUST (index_back = em_db_media_index (f.db, clip, error));
  CHECK (g_bytes_equal (index, index_back));
  CHECK_INT (fixture_int (f.path, "SELECT state FROM clip WHERE fingerprint = 'beef'"),
             EM_CLIP_TO_DO);

  /* Once there are masks, other times or sizes are another clip. */
  f.clip = clip;
  put (&f, EM_STEP_BRUSH, add_object (&f), 2, EM_STATE_KEYFRAME, 1);
  MUST (em_db_set_media (f.db, clip, &media, error));
  odd[2].pts_ns--;
  MUST_FAIL (em_db_set_media (f.db, clip, &media, error), EM_E_CHECK, "frame 2");
  odd[2].pts_ns++;
  media.width++;
  MUST_FAIL (em_db_set_media (f.db, clip, &media, error), EM_E_CHECK, "not the same clip");
  fixture_close (&f);
}

static void
readers_learn_what_changed (void)
{
  Fixture f;
  g_autoptr (EmDb) reader = NULL;
  int64_t commits = 0, second;
  GArray *clips;

  fixture_open (&f);
  second = add_clip (f.db, "second", 10);
  MUST (reader = em_db_open (f.path, EM_DB_READ, error));
  MUST (clips = em_db_touched_since (reader, &commits, error));
  CHECK_INT (clips->len, 2);
  g_array_unref (clips);
  CHECK (!em_db_changed (reader));
  add_object (&f);
  CHECK (em_db_changed (reader));
  CHECK (!em_db_changed (reader));
  MUST (clips = em_db_touched_since (reader, &commits, error));
  CHECK_INT (clips->len, 1);
  CHECK_INT (g_array_index (clips, int64_t, 0), f.clip);
  g_array_unref (clips);
  MUST (em_db_set_clip_notes (f.db, second, "x", error));
  MUST (clips = em_db_touched_since (reader, &commits, error));
  CHECK_INT (clips->len, 1);
  CHECK_INT (g_array_index (clips, int64_t, 0), second);
  g_array_unref (clips);
  fixture_close (&f);
}

/* The words of a released schema never change: files made by it are out there. */
static void
released_schemas_are_never_edited (void)
{
  static const char *const sums[]
      = { "f66c2b0f7b31585bf8d78ede908e50ad2e968e4ece9c2eef00f085bfdd36a17b",
          "0374338a324ff9434f77e4dc52825387a8fe06c9305e3ad568888b81caa39111" };
  static const char *const steps[]
      = { "CREATE TABLE a (x INTEGER)", "ALTER TABLE a ADD COLUMN y INTEGER",
          "INSERT INTO a (x, y) VALUES (1, 2)", "INSERT INTO nothing VALUES (1)" };
  sqlite3 *db;
  sqlite3_stmt *s = NULL;

  CHECK_INT (em_schema_version, G_N_ELEMENTS (sums));
  for (size_t i = 0; i < G_N_ELEMENTS (sums); i++) {
    g_autofree char *sum
        = g_compute_checksum_for_string (G_CHECKSUM_SHA256, em_schema_steps[i], -1);

    CHECK_TEXT (sum, sums[i]);
  }
  /* The machinery: from any version on, each step whole or not at all. */
  CHECK (sqlite3_open (":memory:", &db) == SQLITE_OK);
  MUST (em_schema_migrate (db, "m", steps, 0, 1, error));
  MUST (em_schema_migrate (db, "m", steps, 1, 3, error));
  MUST_FAIL (em_schema_migrate (db, "m", steps, 3, 4, error), EM_E_INTERNAL, "schema 4");
  CHECK (sqlite3_prepare_v2 (db, "PRAGMA user_version", -1, &s, NULL) == SQLITE_OK
         && sqlite3_step (s) == SQLITE_ROW);
  CHECK_INT (sqlite3_column_int (s, 0), 3);
  sqlite3_finalize (s);
  CHECK (sqlite3_get_autocommit (db));
  sqlite3_close (db);
}

static void
an_older_file_is_migrated_after_a_backup (void)
{
  Fixture f;
  g_autofree char *folder = NULL;
  EmDbProject p;
  g_autoptr (GDir) dir = NULL;

  /* The oldest schema there is holds nothing: version 0 with our application id. */
  fixture_open (&f);
  MUST (em_db_project (f.db, &p, error));
  em_db_close (f.db);
  f.db = NULL;
  fixture_sql (f.path, "PRAGMA user_version = 0");
  MUST_FAIL (em_db_open (f.path, EM_DB_READ, error), EM_E_INPUT, "older Earmark");
  /* Its tables are there already, so schema 1 cannot be made again: refused, nothing changed. */
  MUST_FAIL (em_db_open (f.path, EM_DB_WRITE, error), EM_E_INTERNAL, "bringing it to schema 1");
  CHECK_INT (fixture_int (f.path, "PRAGMA user_version"), 0);
  folder = g_strdup_printf ("%s/earmark/backups/%" G_GINT64_FORMAT, g_get_user_state_dir (), p.id);
  dir = g_dir_open (folder, 0, NULL);
  CHECK (dir && g_dir_read_name (dir));
  em_db_project_clear (&p);
  fixture_close (&f);
}

CHECK_MAIN (a_new_project_has_its_settings, presets_set_grid_and_classes,
            a_project_keeps_writes_safe, a_newer_file_is_refused_untouched,
            what_is_no_project_gets_one_clear_line, one_writes_others_read,
            a_lock_from_elsewhere_holds_until_its_beat_stops, an_unfinished_batch_leaves_nothing,
            an_unwritable_folder_is_for_viewing, classes_and_people_keep_their_ids,
            clips_have_unique_names_and_relative_paths, frame_times_survive_and_bind_masks,
            readers_learn_what_changed, released_schemas_are_never_edited,
            an_older_file_is_migrated_after_a_backup)
