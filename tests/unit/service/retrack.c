/* retrack.c - after a correction only the stretch between the decided frames beside it is computed
 * again: in the project's own tables, byte for byte, by the window's way and by the command line's.
 */
#include "../media/clips.h"
#include "../predict/tiny.h"
#include "check.h"
#include <sqlite3.h>
#include "service/em-project.h"

#define N_OBJECTS 2

static struct {
  EmEngine *engine;
  char *package, *path;
  EmProject *project;
  EmClip *clip;
  int64_t objects[N_OBJECTS];
} world;

#define UNTIL(claim)                                                                               \
  do {                                                                                             \
    int64_t end_ = g_get_monotonic_time () + 120 * G_USEC_PER_SEC;                                 \
    while (!(claim) && g_get_monotonic_time () < end_)                                             \
      if (!g_main_context_iteration (NULL, FALSE))                                                 \
        g_usleep (300);                                                                            \
    if (!(claim)) {                                                                                \
      fprintf (stderr, "%s:%d: never: %s\n", __FILE__, __LINE__, #claim);                          \
      exit (1);                                                                                    \
    }                                                                                              \
  } while (0)

/* The project ------------------------------------------------------------------------------------
 */

static void
loaded_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  MUST (em_engine_load_finish (EM_ENGINE (source), result, &error));
  *(bool *) data = true;
}

static void
opened_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  MUST (world.project = em_project_open_finish (result, &error));
}

static bool
has_clip (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (EmQueueItem) item = g_list_model_get_item (em_project_get_clips (world.project), 0);

  if (item && !world.clip)
    world.clip = em_project_open_clip (world.project, item, &error);
  return world.clip != NULL;
}

static bool
is_idle (void)
{
  gboolean busy = TRUE;

  g_object_get (world.clip, "busy", &busy, NULL);
  return !busy && !em_clip_is_tracking (world.clip) && em_project_is_saved (world.project)
         && em_clip_is_settled (world.clip);
}

static void
enter (void)
{
  world.project = NULL;
  if (g_file_test (world.path, G_FILE_TEST_EXISTS))
    em_project_open_async (world.engine, world.path, NULL, opened_cb, NULL);
  else
    em_project_create_async (world.engine, world.path, clip ("webm"), NULL, "Anna", NULL, opened_cb,
                             NULL);
  UNTIL (world.project);
  UNTIL (has_clip ());
  UNTIL (em_clip_get_status (world.clip) == EM_CLIP_READY);
  UNTIL (em_clip_get_audio (world.clip) && em_clip_get_picture (world.clip));
  UNTIL (is_idle ());
}

static void
leave (void)
{
  em_clip_close (world.clip);
  g_clear_object (&world.clip);
  em_project_close (world.project);
  g_clear_object (&world.project);
}

/* Rows -------------------------------------------------------------------------------------------
 */

/* Every row of a table, every column as SQLite would write it down, before it "object|frame|". */
static void
read_rows (GHashTable *rows, const char *table)
{
  g_autofree char *sql = g_strdup_printf ("SELECT object, frame, * FROM %s", table);
  sqlite3 *db;
  sqlite3_stmt *s;

  g_assert_cmpint (sqlite3_open_v2 (world.path, &db, SQLITE_OPEN_READONLY, NULL), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_prepare_v2 (db, sql, -1, &s, NULL), ==, SQLITE_OK);
  while (sqlite3_step (s) == SQLITE_ROW) {
    GString *line = g_string_new (NULL);

    g_string_append_printf (line, "%d|%d|%s", sqlite3_column_int (s, 0), sqlite3_column_int (s, 1),
                            table);
    for (int i = 2; i < sqlite3_column_count (s); i++) {
      const uint8_t *bytes = sqlite3_column_blob (s, i); /* text of numbers, bytes of blobs */

      g_string_append_printf (line, "|%d:", sqlite3_column_type (s, i));
      for (int k = 0; k < sqlite3_column_bytes (s, i); k++)
        g_string_append_printf (line, "%02x", bytes[k]);
    }
    g_hash_table_add (rows, g_string_free (line, FALSE));
  }
  sqlite3_finalize (s);
  sqlite3_close (db);
}

static GHashTable *
all_rows (void)
{
  GHashTable *rows = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  read_rows (rows, "cell");
  read_rows (rows, "mask");
  return rows;
}

/* No row of before is gone or other than it was; the new ones are those of `object`'s frames with a
 * flag, one of each table, and no others. */
static void
check_new_rows (GHashTable *before, GHashTable *after, int64_t object, const bool *want, int n)
{
  GHashTableIter iter;
  gpointer key;
  int n_new[2] = { 0 }, n_gone = 0, n_wrong = 0, n_want = 0;

  g_hash_table_iter_init (&iter, before);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    n_gone += !g_hash_table_contains (after, key);
  g_hash_table_iter_init (&iter, after);
  while (g_hash_table_iter_next (&iter, &key, NULL)) {
    int o, f, end;

    if (g_hash_table_contains (before, key))
      continue;
    g_assert_cmpint (sscanf (key, "%d|%d|%n", &o, &f, &end), ==, 2);
    n_new[((char *) key)[end] == 'm']++;
    n_wrong += o != object || !want[f];
  }
  for (int f = 0; f < n; f++)
    n_want += want[f];
  CHECK_INT (n_gone, 0);
  CHECK_INT (n_wrong, 0);
  CHECK_INT (n_new[0], n_want);
  CHECK_INT (n_new[1], n_want);
}

/* A person ---------------------------------------------------------------------------------------
 */

static EmObject *
object_at (int i)
{
  return em_clip_get_object (world.clip, world.objects[i]);
}

static void
click (EmObject *object, int frame, float x, float y)
{
  EmPrompt prompt = { EM_PROMPT_POSITIVE, x, y };

  em_clip_select (world.clip, object);
  em_clip_seek (world.clip, frame);
  UNTIL (em_clip_get_frame (world.clip) == frame && is_idle ());
  em_clip_add_prompt (world.clip, &prompt);
  UNTIL (em_clip_get_selected (world.clip) && is_idle ());
}

static EmCell
cell_at (int i, int frame)
{
  return *em_object_cell (object_at (i), frame);
}

/* The masks of an object as they count now. */
static void
masks_of (int i, EmRle *out)
{
  for (int f = 0; f < em_clip_get_n_frames (world.clip); f++) {
    EmCell cell = cell_at (i, f);

    out[f] = cell.exists && cell.mask ? em_rle_copy (&cell.mask->rle) : (EmRle){ 0 };
  }
}

static bool
is_decided (int i, int frame)
{
  EmCell cell = cell_at (i, frame);

  return cell.exists && em_state_is_protected (cell.state);
}

/* What a correction at `frame` makes stale. */
static void
stretch_around (int i, int frame, bool *want, int n)
{
  memset (want, 0, (size_t) n * sizeof *want);
  for (int f = frame - 1; f >= 0 && !is_decided (i, f); f--)
    want[f] = true;
  for (int f = frame + 1; f < n && !is_decided (i, f); f++)
    want[f] = true;
}

static void
track_in_window (int i, int direction)
{
  em_clip_select (world.clip, object_at (i));
  em_clip_track (world.clip, direction);
  UNTIL (is_idle ());
}

static void
track_by_command (int i, int direction)
{
  const char *argv[]
      = { EARMARK_CLI, "propagate", world.path, "--model", world.package, "-q", NULL };
  g_autofree char *said = NULL, *problem = NULL;
  int status = 0;

  leave ();
  MUST (g_spawn_sync (NULL, (char **) argv, NULL, 0, NULL, NULL, &said, &problem, &status, &error));
  if (status)
    fprintf (stderr, "%s%s", said, problem);
  CHECK_INT (status, 0);
  enter ();
}

/* Corrects, tracks, and looks at what that changed. */
static void
correct (int i, int frame, int direction, float x, float y, void (*track) (int, int))
{
  int n = em_clip_get_n_frames (world.clip), n_other = 0, n_stale = 0;
  g_autofree bool *want = g_new0 (bool, n);
  g_autofree EmRle *old = g_new0 (EmRle, n), *now = g_new0 (EmRle, n);
  g_autoptr (GHashTable) before = NULL, after = NULL;

  click (object_at (i), frame, x, y);
  CHECK (is_decided (i, frame));
  stretch_around (i, frame, want, n);
  for (int f = 0; f < n; f++) {
    CHECK_INT (cell_at (i, f).stale, want[f]);
    n_stale += want[f];
  }
  masks_of (i, old);
  before = all_rows ();
  track (i, direction);
  after = all_rows ();
  check_new_rows (before, after, world.objects[i], want, n);
  masks_of (i, now);
  for (int f = 0; f < n; f++) {
    bool same = em_rle_equal (&old[f], &now[f]);

    CHECK (!cell_at (i, f).stale);
    CHECK (want[f] || same);
    n_other += !same;
    em_rle_clear (&old[f]);
    em_rle_clear (&now[f]);
  }
  if (n_stale)
    CHECK (n_other > 0); /* re-tracking changes it */
  g_hash_table_remove_all (before);
  track (i, direction); /* nothing is left to do */
  {
    g_autoptr (GHashTable) again = all_rows ();
    bool *none = g_new0 (bool, n);

    check_new_rows (after, again, 0, none, n);
    g_free (none);
  }
}

static void
corrections_touch_their_stretch_only (void)
{
  static const float at[N_OBJECTS][2] = { { 60, 50 }, { 140, 90 } };
  int n;

  enter ();
  n = em_clip_get_n_frames (world.clip);
  CHECK_INT (n, 60);
  for (int i = 0; i < N_OBJECTS; i++) {
    click (NULL, 10 + 5 * i, at[i][0], at[i][1]);
    world.objects[i] = em_object_get_id (em_clip_get_selected (world.clip));
    click (object_at (i), 38 + 5 * i, at[i][0] + 9, at[i][1]);
  }
  CHECK (world.objects[0] != world.objects[1]);
  for (int i = 0; i < N_OBJECTS; i++)
    track_in_window (i, 0);
  for (int i = 0; i < N_OBJECTS; i++)
    for (int f = 0; f < n; f++)
      CHECK (cell_at (i, f).exists && !cell_at (i, f).stale);

  /* Between two keyframes, after the last, before the first, beside one on either side. */
  correct (0, 25, 0, 30, 30, track_in_window);
  correct (1, 55, 0, 150, 40, track_in_window);
  correct (0, 4, 0, 90, 70, track_in_window);
  correct (1, 16, 1, 100, 100, track_in_window);
  correct (0, 37, -1, 20, 90, track_in_window);

  correct (1, 30, 0, 50, 110, track_by_command);
  correct (0, 50, 0, 160, 20, track_by_command);
  correct (1, 7, 0, 20, 20, track_by_command);
  leave ();
}

int
main (void)
{
  EmError err = EM_ERROR_INIT;
  const char *metadata[2] = { "earmark.config", NULL };
  bool is_loaded = false;
  Tiny tiny;

  clips_open ();
  if (!clip ("webm"))
    return clips_result ();
  tiny_open (&tiny, (TinyKind){ .score_bias = 2 });
  world.package = clips_path ("tiny.safetensors");
  world.path = clips_path ("p.earmark");
  metadata[1] = em_weights_metadata (tiny.weights, "earmark.config");
  CHECK (em_weights_save (world.package, tiny.n, (const char *const *) tiny.names, tiny.tensors,
                          metadata, 1, &err));
  world.engine = em_engine_new ();
  em_engine_load_async (world.engine, world.package, NULL, NULL, loaded_cb, &is_loaded);
  UNTIL (is_loaded);
  corrections_touch_their_stretch_only ();
  g_object_add_weak_pointer (G_OBJECT (world.engine), (gpointer *) &world.engine);
  g_object_unref (world.engine);
  UNTIL (!world.engine); /* closed clips let go of it one after the other */
  tiny_close (&tiny);
  g_free (world.package);
  g_free (world.path);
  clips_close ();
  g_thread_pool_stop_unused_threads (); /* GLib's idle threads end before leaks are counted */
  g_usleep (200000);
  return clips_result ();
}
