/* demo.c - a person's first minutes: the demo from suggestion to export, and what is left of it
 * after a restart. What the window shows is compared with what the project file says. */
#include "drive.h"
#include "app/em-export-dialog.h"
#include "store/verify.h"

static EmApplication *app;

static int64_t
count (EmWindow *window, int64_t object, EmState state)
{
  EmDb *db = drive_db (window);
  EmDbCounts counts;

  g_assert_true (
      em_db_counts (db, em_clip_get_id (em_window_get_clip (window)), object, &counts, NULL));
  em_db_close (db);
  return counts.by_state[state];
}

/* The file is whole, and every cell of the mirror is a cell of the file. */
static void
check_file (EmWindow *window)
{
  EmDb *db = drive_db (window);
  EmClip *clip = em_window_get_clip (window);
  g_autoptr (GPtrArray) objects = em_db_objects (db, em_clip_get_id (clip), false, NULL);
  EmVerifyReport report = { 0 };

  g_assert_true (em_db_verify (db, &report, NULL));
  for (guint i = 0; i < report.faults->len; i++)
    g_test_message ("%s", (char *) report.faults->pdata[i]);
  g_assert_cmpuint (report.faults->len, ==, 0);
  em_verify_report_clear (&report);
  g_assert_cmpuint (objects->len, ==, g_list_model_get_n_items (em_clip_get_objects (clip)));
  for (guint i = 0; i < objects->len; i++) {
    int64_t id = ((EmDbObject *) objects->pdata[i])->id;
    g_autoptr (GPtrArray) cells = em_db_cells_of (db, em_clip_get_id (clip), id, NULL);
    int there = 0;

    for (guint k = 0; k < cells->len; k++) {
      const EmDbCell *row = cells->pdata[k];
      EmCell cell = drive_cell (window, id, row->frame);

      g_assert_true (cell.exists);
      g_assert_cmpint (cell.state, ==, row->state);
      g_assert_cmpint (cell.made, ==, row->made);
      g_assert_true (cell.made == 0 || cell.mask);
    }
    for (int f = 0; f < em_clip_get_n_frames (clip); f++)
      there += drive_cell (window, id, f).exists;
    g_assert_cmpint (there, ==, (int) cells->len);
  }
  em_db_close (db);
}

static void
suggest_and_accept (EmWindow *window)
{
  EmClip *clip = em_window_get_clip (window);
  const EmProposal *proposal;
  EmObject *object;
  int64_t area;

  g_assert_false (drive_can (window, "win.accept")); /* nothing is proposed yet */
  g_assert_false (drive_can (window, "win.track"));
  drive_act (window, "win.suggest");
  WAIT (em_clip_get_proposal (clip) && drive_is_idle (window));
  proposal = em_clip_get_proposal (clip);
  g_assert_cmpuint (proposal->candidates->len, >, 0);
  area = g_array_index (proposal->candidates, EmCandidate, 0).area;
  em_clip_set_threshold (clip, 0.9); /* surer means no larger, and asks no model */
  proposal = em_clip_get_proposal (clip);
  if (proposal->candidates->len > 0)
    g_assert_cmpint (g_array_index (proposal->candidates, EmCandidate, 0).area, <=, area);
  em_clip_set_threshold (clip, 0.5);
  drive_act (window, "win.accept");
  WAIT (em_clip_get_selected (clip) && drive_is_idle (window));
  object = em_clip_get_selected (clip);
  g_assert_cmpint (count (window, em_object_get_id (object), EM_STATE_KEYFRAME), ==, 1);
  g_assert_null (em_clip_get_proposal (clip));
  check_file (window);
}

static void
click_and_undo (EmWindow *window)
{
  EmClip *clip = em_window_get_clip (window);
  int64_t id = em_object_get_id (em_clip_get_selected (clip)), before, after;
  int frame = em_clip_get_frame (clip), x, y;
  EmCell cell = drive_cell (window, id, frame);
  g_autoptr (GArray) shown = NULL;

  before = cell.made;
  g_assert_true (em_rle_deepest (&cell.mask->rle, &x, &y));
  drive_click (window, EM_BUTTON_PRIMARY, x + 0.5, y + 0.5);
  shown = em_clip_shown_prompts (clip); /* drawn at once, hollow until it is in the project */
  g_assert_cmpuint (shown->len, ==, 1);
  g_assert_true (g_array_index (shown, EmShownPrompt, 0).hollow);
  WAIT (drive_is_idle (window) && drive_cell (window, id, frame).made != before);
  after = drive_cell (window, id, frame).made;
  check_file (window);
  drive_act (window, "win.undo");
  WAIT (drive_cell (window, id, frame).made == before && drive_is_idle (window));
  drive_act (window, "win.redo");
  WAIT (drive_cell (window, id, frame).made == after && drive_is_idle (window));
  check_file (window);
}

static void
track_stop_undo (EmWindow *window)
{
  EmClip *clip = em_window_get_clip (window);
  int64_t id = em_object_get_id (em_clip_get_selected (clip)), kept;

  drive_act (window, "win.track");
  WAIT (count (window, id, EM_STATE_PROPAGATED) > 2);
  g_assert_true (drive_can (window, "win.undo"));
  drive_act (window, "win.cancel");
  WAIT (drive_is_idle (window));
  kept = count (window, id, EM_STATE_PROPAGATED);
  g_assert_cmpint (kept, >, 2);
  g_assert_cmpint (kept, <, em_clip_get_n_frames (clip) - 1);
  check_file (window);
  drive_act (window, "win.undo"); /* one step, however many frames */
  WAIT (count (window, id, EM_STATE_PROPAGATED) == 0 && drive_is_idle (window));
  check_file (window);
  drive_act (window, "win.redo");
  WAIT (count (window, id, EM_STATE_PROPAGATED) == kept && drive_is_idle (window));
  drive_act (window, "win.track"); /* goes on where it was stopped */
  WAIT (count (window, id, EM_STATE_PROPAGATED) > kept);
  drive_act (window, "win.undo"); /* while it runs: cancelled first */
  WAIT (drive_is_idle (window));
  WAIT (count (window, id, EM_STATE_PROPAGATED) == kept);
  drive_pause (300); /* a late frame would come now */
  g_assert_cmpint (count (window, id, EM_STATE_PROPAGATED), ==, kept);
  check_file (window);
}

static void
states (EmWindow *window)
{
  EmClip *clip = em_window_get_clip (window);
  EmObject *object = em_clip_get_selected (clip);
  int64_t id = em_object_get_id (object);
  int frame = em_clip_get_frame (clip);

  drive_seek (window, frame + 2);
  drive_act (window, "win.absent");
  WAIT (drive_cell (window, id, frame + 2).state == EM_STATE_ABSENT && drive_is_idle (window));
  em_clip_rename (clip, object, "  Bell ");
  em_clip_set_class (clip, object, "bell");
  WAIT (g_str_equal (em_object_get_class_name (object), "bell"));
  g_assert_cmpstr (em_object_get_name (object), ==, "Bell");
  em_clip_set_locked (clip, object, true);
  WAIT (em_object_is_locked (object));
  g_assert_false (drive_can (window, "win.absent")); /* and the button says why */
  g_assert_false (drive_can (window, "win.track"));
  drive_act (window, "win.undo");
  WAIT (!em_object_is_locked (object) && drive_is_idle (window));
  drive_seek (window, frame);
  drive_act (window, "win.approve");
  WAIT (drive_cell (window, id, frame).state == EM_STATE_APPROVED && drive_is_idle (window));
  check_file (window);
}

static void
exported_cb (EmExportDialog *dialog, const char *text, const char *folder, char **got)
{
  *got = g_strdup (folder ? folder : "");
  g_test_message ("%s", text);
}

static void
export_it (EmWindow *window, const char *home)
{
  g_autofree char *folder = g_build_filename (home, "out", NULL), *got = NULL;
  g_autofree char *manifest = g_build_filename (folder, "manifest.json", NULL), *text = NULL;
  EmExportDialog *dialog = em_export_dialog_new (
      GTK_WINDOW (window), em_window_get_project (window), em_window_get_clip (window));

  g_signal_connect (dialog, "done", G_CALLBACK (exported_cb), &got);
  em_export_dialog_set (dialog, "coco-rle", folder, TRUE);
  em_export_dialog_start (dialog);
  WAIT (got != NULL);
  g_assert_cmpstr (got, ==, folder);
  g_assert_true (g_file_get_contents (manifest, &text, NULL, NULL));
  g_assert_nonnull (strstr (text, "sha256"));
}

static void
look (EmWindow *window)
{
  g_autoptr (GdkTexture) texture = NULL;

  drive_pause (300);
  texture = drive_shot (GTK_WIDGET (window));
  g_assert_nonnull (texture);
  g_assert_cmpint (drive_colors (texture), >, 200); /* a picture, not a grey board */
}

static void
test_demo (void)
{
  EmWindow *window = drive_window (app);
  int64_t id, steps;

  drive_open (window, NULL);
  suggest_and_accept (window);
  click_and_undo (window);
  track_stop_undo (window);
  states (window);
  export_it (window, g_getenv ("HOME"));
  look (window);

  /* The same again in a second window: everything is there, and undo reaches the start. */
  id = em_object_get_id (em_clip_get_selected (em_window_get_clip (window)));
  steps = count (window, id, EM_STATE_PROPAGATED);
  gtk_window_close (GTK_WINDOW (window));
  window = drive_window (app);
  drive_open (window, NULL);
  g_assert_cmpint (count (window, id, EM_STATE_PROPAGATED), ==, steps);
  check_file (window);
  while (drive_can (window, "win.undo")) {
    drive_act (window, "win.undo");
    WAIT (drive_is_idle (window));
  }
  g_assert_cmpuint (g_list_model_get_n_items (em_clip_get_objects (em_window_get_clip (window))),
                    ==, 0);
  check_file (window);
  gtk_window_close (GTK_WINDOW (window));
  drive_pause (100);
}

static void
test_names (void)
{
  EmWindow *window = drive_window (app);

  g_assert_cmpint (drive_unnamed (gtk_window_get_child (GTK_WINDOW (window))), ==, 0);
  drive_open (window, NULL);
  g_assert_cmpint (drive_unnamed (gtk_window_get_child (GTK_WINDOW (window))), ==, 0);
  gtk_window_close (GTK_WINDOW (window));
  drive_pause (100);
}

static void
noticed_cb (EmClip *clip, const char *text, const char *action, gboolean *offered)
{
  *offered |= g_strcmp0 (action, "resume") == 0;
}

static void
begun_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  em_delta_free (em_store_call_finish (EM_STORE (source), result, NULL));
  *(gboolean *) data = TRUE;
}

/* A track that a crash cut off: its step is open in the file, and the next life offers it again. */
static void
test_resume (void)
{
  EmWindow *window = drive_window (app);
  EmClip *clip;
  EmVerb *verb;
  gboolean done = FALSE, offered = FALSE;
  int64_t id;

  drive_open (window, NULL);
  clip = em_window_get_clip (window);
  drive_seek (window, 40);
  em_clip_select (clip, NULL);
  drive_click (window, EM_BUTTON_PRIMARY, 100, 60);
  WAIT (em_clip_get_selected (clip) && drive_is_idle (window));
  id = em_object_get_id (em_clip_get_selected (clip));
  verb = em_verb_new (EM_VERB_TRACK_BEGIN, em_clip_get_id (clip), id, 40);
  verb->request = g_strdup ("{\"direction\": 1}");
  em_store_call_async (em_project_get_store (em_window_get_project (window)), em_verb_run, verb,
                       NULL, NULL, begun_cb, &done);
  WAIT (done);
  em_verb_free (verb);
  gtk_window_close (GTK_WINDOW (window));

  window = drive_window (app);
  em_window_open_demo (window);
  WAIT (em_window_get_clip (window));
  clip = em_window_get_clip (window);
  g_signal_connect (clip, "notice", G_CALLBACK (noticed_cb), &offered);
  WAIT (offered && em_clip_get_frame (clip) == 40); /* and where work was left */
  WAIT (em_engine_is_loaded (em_application_get_engine (app)) && drive_is_idle (window));
  drive_act (window, "win.resume");
  WAIT (count (window, id, EM_STATE_PROPAGATED) > 1);
  drive_act (window, "win.cancel");
  WAIT (drive_is_idle (window));
  g_assert_false (drive_cell (window, id, 39).exists); /* forward only, as it was asked */
  check_file (window);
  gtk_window_close (GTK_WINDOW (window));
  drive_pause (100);
}

/* Closing gives everything back: no reference from a job, a timer or a closure is left. */
static void
test_finalize (void)
{
  EmWindow *window = drive_window (app);
  EmClip *clip;
  EmProject *project;

  drive_open (window, NULL);
  clip = g_object_ref (em_window_get_clip (window));
  project = g_object_ref (em_window_get_project (window));
  drive_act (window, "win.suggest");
  drive_click (window, EM_BUTTON_PRIMARY, 60, 60);
  g_object_ref (window);
  gtk_window_close (GTK_WINDOW (window));
  drive_pause (1500);
  g_assert_finalize_object (window);
  WAIT (G_OBJECT (clip)->ref_count == 1);
  g_assert_finalize_object (clip);
  WAIT (G_OBJECT (project)->ref_count == 1);
  g_assert_finalize_object (project);
}

/* What cannot be opened is named, and the window goes on. */
static void
test_bad (void)
{
  EmWindow *window = drive_window (app);
  g_autofree char *path = g_build_filename (g_getenv ("HOME"), "bad.earmark", NULL);
  g_autofree char *folder = NULL, *broken = NULL, *good = NULL;
  g_autoptr (GBytes) clip = NULL;
  g_autoptr (EmQueueItem) item = NULL;
  GListModel *queue;

  g_assert_true (g_file_set_contents (path, "this is no project", -1, NULL));
  em_window_open_path (window, path);
  drive_pause (1500);
  g_assert_null (em_window_get_project (window));
  g_assert_false (drive_can (window, "win.suggest"));
  g_assert_true (drive_can (window, "win.open-demo"));

  /* A folder whose first file is broken: the other one opens, the queue has both. */
  folder = g_build_filename (g_getenv ("HOME"), "clips", NULL);
  g_mkdir_with_parents (folder, 0700);
  broken = g_build_filename (folder, "a.mp4", NULL);
  good = g_build_filename (folder, "b.webm", NULL);
  clip = g_resources_lookup_data ("/org/earmark/Earmark/demo.webm", 0, NULL);
  g_assert_true (g_file_set_contents (broken, "no video", -1, NULL));
  g_assert_true (g_file_set_contents (good, g_bytes_get_data (clip, NULL),
                                      (gssize) g_bytes_get_size (clip), NULL));
  drive_open (window, folder);
  g_assert_cmpstr (em_clip_get_name (em_window_get_clip (window)), ==, "b");
  queue = em_project_get_clips (em_window_get_project (window));
  g_assert_cmpuint (g_list_model_get_n_items (queue), ==, 2);
  item = g_list_model_get_item (queue, 0);
  g_assert_cmpint (em_queue_item_row (item)->state, ==, EM_CLIP_PROBLEM);
  g_assert_cmpstr (em_queue_item_get_detail (item), !=, "");
  gtk_window_close (GTK_WINDOW (window));
  drive_pause (100);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL); /* warnings and criticals end the program */
  app = drive_start ();
  g_test_add_func ("/ui/demo", test_demo);
  g_test_add_func ("/ui/names", test_names);
  g_test_add_func ("/ui/resume", test_resume);
  g_test_add_func ("/ui/finalize", test_finalize);
  g_test_add_func ("/ui/bad", test_bad);
  status = g_test_run ();
  drive_stop (app);
  return status;
}
