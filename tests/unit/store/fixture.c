/* fixture.c - a small project in a folder of its own. */
#include "fixture.h"
#include <sqlite3.h>

static void
remove_folder (const char *folder)
{
  GDir *dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *path = g_build_filename (folder, name, NULL);

    if (g_file_test (path, G_FILE_TEST_IS_DIR) && !g_file_test (path, G_FILE_TEST_IS_SYMLINK))
      remove_folder (path);
    else
      g_unlink (path);
  }
  if (dir)
    g_dir_close (dir);
  g_rmdir (folder);
}

static char *state;

static void
drop_state (void)
{
  remove_folder (state);
  g_free (state);
}

/* Backups of tests are no user's: GLib reads the variable once, so one folder serves all. */
static void
keep_state (const char *root)
{
  if (state)
    return;
  state = g_build_filename (root, "earmark-state-XXXXXX", NULL);
  if (!g_mkdtemp (state))
    exit (1);
  g_setenv ("XDG_STATE_HOME", state, TRUE);
  atexit (drop_state);
}

void
fixture_open (Fixture *f)
{
  static const char *const classes[] = { "violin", "dog", NULL };
  EmDbSetup setup
      = { .preset = "video", .annotator = "Anna", .classes = classes, .grid_phase_ns = 500000000 };

  /* In memory where that is possible: thousands of synced commits take a minute on some disks. */
  const char *root = g_file_test ("/dev/shm", G_FILE_TEST_IS_DIR) ? "/dev/shm" : g_get_tmp_dir ();

  *f = (Fixture){ .folder = g_build_filename (root, "earmark-store-XXXXXX", NULL) };
  if (!g_mkdtemp (f->folder)) {
    perror (f->folder);
    exit (1);
  }
  keep_state (root);
  f->path = g_build_filename (f->folder, "p.earmark", NULL);
  MUST (f->db = em_db_create (f->path, &setup, error));
  f->clip = add_clip (f->db, "clip", FRAMES);
}

void
fixture_close (Fixture *f)
{
  em_db_close (f->db);
  remove_folder (f->folder);
  g_free (f->folder);
  g_free (f->path);
}

void
fixture_reopen (Fixture *f)
{
  em_db_close (f->db);
  MUST (f->db = em_db_open (f->path, EM_DB_WRITE, error));
}

void
fixture_sql (const char *path, const char *sql)
{
  sqlite3 *db;
  char *text = NULL;

  if (sqlite3_open (path, &db) != SQLITE_OK || sqlite3_exec (db, sql, NULL, NULL, &text)) {
    fprintf (stderr, "%s: %s: %s\n", path, sql, text);
    exit (1);
  }
  sqlite3_close (db);
}

int64_t
fixture_int (const char *path, const char *sql)
{
  sqlite3 *db;
  sqlite3_stmt *s = NULL;
  int64_t value;

  if (sqlite3_open (path, &db) != SQLITE_OK || sqlite3_prepare_v2 (db, sql, -1, &s, NULL)
      || sqlite3_step (s) != SQLITE_ROW) {
    fprintf (stderr, "%s: %s: %s\n", path, sql, sqlite3_errmsg (db));
    exit (1);
  }
  value = sqlite3_column_int64 (s, 0);
  sqlite3_finalize (s);
  sqlite3_close (db);
  return value;
}

EmRle
some_mask (unsigned seed)
{
  uint8_t pixels[W * H] = { 0 };
  g_autoptr (GRand) random = g_rand_new_with_seed (seed);

  for (int i = 0; i < W * H; i++)
    pixels[i] = g_rand_int_range (random, 0, 3) == 0;
  pixels[seed % (W * H)] = 1;
  return em_rle_encode (pixels, W, H);
}

EmRle
clip_mask (EmDb *db, int64_t clip, int64_t object, int frame)
{
  g_autoptr (EmDbCell) cell = em_db_cell (db, clip, object, frame, NULL);
  EmRle rle = { 0 };

  if (cell && cell->made) {
    g_autoptr (EmDbMask) mask = NULL;

    MUST (mask = em_db_mask (db, clip, object, frame, cell->made, error));
    rle = mask->rle;
    mask->rle = (EmRle){ 0 };
  }
  return rle;
}

int64_t
add_clip (EmDb *db, const char *name, int n_frames)
{
  g_autofree char *folder = g_path_get_dirname (em_db_path (db));
  g_autofree char *file = g_strconcat (name, ".webm", NULL);
  g_autofree char *path = g_build_filename (folder, "media", file, NULL);
  g_autofree EmDbFrame *frames = g_new0 (EmDbFrame, n_frames);
  EmDbMedia media = { .fingerprint = "f00d",
                      .bytes = 1000,
                      .width = W,
                      .height = H,
                      .frames = frames,
                      .n_frames = n_frames,
                      .has_sound = true };
  int64_t clip;

  for (int i = 0; i < n_frames; i++)
    frames[i]
        = (EmDbFrame){ .pts_ns = i * 40000000ll, .duration_ns = 40000000, .is_key = i % 8 == 0 };
  media.duration_ns = n_frames * 40000000ll;
  MUST (clip = em_db_add_clip (db, path, NULL, error));
  MUST (em_db_set_media (db, clip, &media, error));
  return clip;
}

int64_t
add_object (Fixture *f)
{
  g_autoptr (EmEdit) e = em_edit_new (EM_STEP_NEW_OBJECT);
  int64_t o = em_edit_new_object (e, NULL, 0, UINT32_MAX, -1);

  em_edit_set_focus (e, o, -1);
  MUST (em_db_edit (f->db, f->clip, e, error));
  return em_edit_object_id (e, o);
}

int64_t
put (Fixture *f, EmStepKind kind, int64_t object, int frame, EmState state, unsigned seed)
{
  g_autoptr (EmEdit) e = em_edit_new (kind);
  EmRle mask = some_mask (seed);
  EmCellRow row = EM_CELL_ROW_INIT;
  int64_t step;

  row.object = object;
  row.frame = frame;
  row.state = state;
  row.origin = EM_ORIGIN_BRUSH;
  if (state != EM_STATE_EMPTY)
    row.mask = &mask;
  em_edit_cell (e, &row);
  em_edit_set_focus (e, object, frame);
  MUST (step = em_db_edit (f->db, f->clip, e, error));
  em_rle_clear (&mask);
  return step;
}

EmEdit *
track_rows (int64_t object, int first, int last, unsigned seed)
{
  EmEdit *e = em_edit_new (EM_STEP_TRACK);

  for (int i = first; i <= last; i++) {
    EmRle mask = some_mask (seed + (unsigned) i);
    EmCellRow row = EM_CELL_ROW_INIT;

    row.object = object;
    row.frame = i;
    row.state = EM_STATE_PROPAGATED;
    row.origin = EM_ORIGIN_PROPAGATED;
    row.mask = &mask;
    row.iou = 0.5f;
    em_edit_cell (e, &row);
    em_rle_clear (&mask);
  }
  return e;
}

int
state_at (Fixture *f, int64_t object, int frame)
{
  g_autoptr (EmDbCell) cell = em_db_cell (f->db, f->clip, object, frame, NULL);

  return cell ? (int) cell->state : -1;
}

int64_t
made_at (Fixture *f, int64_t object, int frame)
{
  g_autoptr (EmDbCell) cell = em_db_cell (f->db, f->clip, object, frame, NULL);

  return cell ? cell->made : 0;
}
