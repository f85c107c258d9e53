/* sentences.c - expressions as an annotator meets them: written, linked, undone, found, and what
 * the window says where the model cannot read. */
#include "drive.h"
#include "app/em-sentence-dialog.h"
#include "app/em-sentence-pane.h"
#include "app/em-sentence-row.h"
#include "app/em-window-private.h"
#include "service/suggestion_source.h"
#include "store/verify.h"
#include <string.h>

static EmApplication *app;
static const char *make_package; /* the program that writes test models */

static GtkWidget *
find_child (GtkWidget *widget, GType type)
{
  if (G_TYPE_CHECK_INSTANCE_TYPE (widget, type))
    return widget;
  for (GtkWidget *c = gtk_widget_get_first_child (widget); c; c = gtk_widget_get_next_sibling (c)) {
    GtkWidget *found = find_child (c, type);

    if (found)
      return found;
  }
  return NULL;
}

/* The button to stop, of the row that is being read. */
static GtkWidget *
stop_button (GtkWidget *widget)
{
  if (GTK_IS_BUTTON (widget) && gtk_widget_get_mapped (widget)
      && g_strcmp0 (gtk_button_get_label (GTK_BUTTON (widget)), "_Stop") == 0)
    return widget;
  for (GtkWidget *c = gtk_widget_get_first_child (widget); c; c = gtk_widget_get_next_sibling (c)) {
    GtkWidget *found = stop_button (c);

    if (found)
      return found;
  }
  return NULL;
}

/* The dialog that is open, NULL if there is none. */
static EmSentenceDialog *
dialog (void)
{
  GListModel *all = gtk_window_get_toplevels ();

  for (guint i = 0; i < g_list_model_get_n_items (all); i++) {
    g_autoptr (GtkWidget) window = g_list_model_get_item (all, i);

    if (EM_IS_SENTENCE_DIALOG (window) && gtk_widget_get_mapped (window))
      return EM_SENTENCE_DIALOG (window);
  }
  return NULL;
}

/* What the file says about expression `number`, as a line. */
static char *
said (EmWindow *window, int64_t number)
{
  EmDb *db = drive_db (window);
  g_autoptr (GPtrArray) all
      = em_db_expressions (db, em_clip_get_id (em_window_get_clip (window)), NULL);
  GString *line = g_string_new (NULL);

  for (guint i = 0; i < all->len; i++) {
    const EmDbExpression *e = all->pdata[i];

    if (e->number != number)
      continue;
    g_string_append_printf (line, "%s|%s|%s|%s", e->text, e->language, e->split,
                            e->is_null ? "null" : "");
    for (int k = 0; k < e->n_objects; k++)
      g_string_append_printf (line, "%d,", (int) e->objects[k]);
    g_string_append (line, e->state == EM_EXPRESSION_APPROVED ? "|approved" : "|");
  }
  em_db_close (db);
  return g_string_free (line, FALSE);
}

/* `...` as of printf. */
#define CHECK_SAID(number, ...)                                                                    \
  do {                                                                                             \
    g_autofree char *got = said (window, number), *want = g_strdup_printf (__VA_ARGS__);           \
    g_assert_cmpstr (got, ==, want);                                                               \
  } while (0)

static GListModel *
expressions (EmWindow *window)
{
  return em_clip_get_expressions (em_window_get_clip (window));
}

/* Types into the dialog that `action` opens, and saves it. */
static void
edit (EmWindow *window, const char *action, const char *text, gboolean is_null)
{
  drive_act (window, action);
  WAIT (dialog ());
  if (text)
    em_sentence_dialog_set_text (dialog (), text);
  em_sentence_dialog_set_null (dialog (), is_null);
  em_sentence_dialog_save (dialog ());
  WAIT (!dialog () && drive_is_idle (window));
}

static gboolean
has_words (EmWindow *window, const char *words)
{
  g_autoptr (GObject) item
      = g_list_model_get_item (em_project_get_clips (em_window_get_project (window)), 0);
  g_autofree char *all = NULL;

  g_object_get (item, "words", &all, NULL);
  return strstr (all, words) != NULL;
}

static void
test_written (void)
{
  EmWindow *window = drive_window (app);
  EmClip *clip;
  GtkWidget *row;
  g_autofree char *tip = NULL;

  drive_open (window, NULL);
  clip = em_window_get_clip (window);
  g_assert_false (drive_can (window, "win.edit-expression"));
  g_assert_false (drive_can (window, "win.segment-text"));
  drive_act (window, "win.new-object");
  WAIT (em_clip_get_selected (clip) && drive_is_idle (window));

  drive_act (window, "win.new-expression");
  WAIT (dialog ());
  g_assert_cmpint (drive_unnamed (GTK_WIDGET (dialog ())), ==, 0);
  em_sentence_dialog_save (dialog ()); /* without words there is nothing to save */
  drive_pause (50);
  g_assert_nonnull (dialog ());
  em_sentence_dialog_set_text (dialog (), "the ticking thing");
  em_sentence_dialog_save (dialog ());
  WAIT (em_clip_get_asked (clip) && drive_is_idle (window));
  CHECK_SAID (1, "the ticking thing|en||1,|"); /* it refers to what was selected */
  g_assert_cmpstr (em_expression_get_text (em_clip_get_asked (clip)), ==, "the ticking thing");

  /* The row of the one asked about: it shows its object, and says why it cannot be segmented. */
  row = find_child (GTK_WIDGET (window), EM_TYPE_SENTENCE_ROW);
  g_assert_nonnull (row);
  g_assert_true (gtk_list_box_row_is_selected (GTK_LIST_BOX_ROW (row)));
  g_assert_false (drive_can (window, "win.segment-text"));
  g_assert_nonnull (strstr (em_clip_text_problem (clip, em_clip_get_asked (clip)), "Ref-AVS"));
  tip = g_strdup (gtk_widget_get_tooltip_text (find_child (row, ADW_TYPE_SPLIT_BUTTON)));
  g_assert_cmpstr (tip, ==, em_clip_text_problem (clip, em_clip_get_asked (clip)));

  g_assert_cmpint (drive_unnamed (row), ==, 0);

  drive_act (window, "win.approve-expression");
  WAIT (drive_is_idle (window));
  CHECK_SAID (1, "the ticking thing|en||1,|approved");
  edit (window, "win.edit-expression", "the silent thing", TRUE);
  CHECK_SAID (1, "the silent thing|en||null|"); /* another sentence, nobody approved it */
  g_assert_nonnull (strstr (em_clip_text_problem (clip, em_clip_get_asked (clip)), "empty"));
  drive_act (window, "win.undo");
  WAIT (drive_is_idle (window));
  CHECK_SAID (1, "the ticking thing|en||1,|approved");
  drive_act (window, "win.redo");
  WAIT (drive_is_idle (window));
  CHECK_SAID (1, "the silent thing|en||null|");
  edit (window, "win.edit-expression", NULL, FALSE); /* not nothing, but what? */
  CHECK_SAID (1, "the silent thing|en|||");

  drive_act (window, "win.delete-expression");
  WAIT (g_list_model_get_n_items (expressions (window)) == 0 && drive_is_idle (window));
  g_assert_null (em_clip_get_asked (clip));
  g_assert_false (drive_can (window, "win.edit-expression"));
  g_assert_null (find_child (GTK_WIDGET (window), EM_TYPE_SENTENCE_ROW));
  drive_act (window, "win.undo");
  WAIT (g_list_model_get_n_items (expressions (window)) == 1 && drive_is_idle (window));

  /* The queue finds the clip by the words, as soon as it has read them. */
  WAIT (has_words (window, "the silent thing"));
  gtk_editable_set_text (GTK_EDITABLE (window->search), "SILENT th");
  WAIT (g_list_model_get_n_items (G_LIST_MODEL (window->filtered)) == 1);
  gtk_editable_set_text (GTK_EDITABLE (window->search), "nobody says this");
  WAIT (g_list_model_get_n_items (G_LIST_MODEL (window->filtered)) == 0);
  gtk_editable_set_text (GTK_EDITABLE (window->search), "");

  /* The same again in a second window, and undo reaches the start. */
  gtk_window_close (GTK_WINDOW (window));
  window = drive_window (app);
  drive_open (window, NULL);
  g_assert_cmpuint (g_list_model_get_n_items (expressions (window)), ==, 1);
  while (drive_can (window, "win.undo")) {
    drive_act (window, "win.undo");
    WAIT (drive_is_idle (window));
  }
  g_assert_cmpuint (g_list_model_get_n_items (expressions (window)), ==, 0);
  gtk_window_close (GTK_WINDOW (window));
  drive_pause (100);
}

static void
loaded_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;

  em_engine_load_finish (EM_ENGINE (source), result, &error);
  g_assert_no_error (error);
  *(gboolean *) data = TRUE;
}

/* A model of random weights that takes words; NULL: the demo model again. */
static void
load (const char *kind)
{
  EmEngine *engine = em_application_get_engine (app);
  g_autofree char *path = g_build_filename (g_getenv ("HOME"), "model.safetensors", NULL);
  const char *argv[] = { make_package, path, kind, NULL };
  gboolean done = FALSE;
  int status = 0;

  if (kind) {
    g_assert_true (g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL,
                                 NULL, &status, NULL));
    g_assert_cmpint (status, ==, 0);
  }
  em_engine_load_async (engine, kind ? path : NULL, "cpu", NULL, loaded_cb, &done);
  WAIT (done);
}

/* Rows of suggestions by text in the file, and how many of them are decided. */
static int
count_read (EmWindow *window, int *decided)
{
  EmDb *db = drive_db (window);
  g_autoptr (GPtrArray) all
      = em_db_suggestions (db, em_clip_get_id (em_window_get_clip (window)), false, NULL);
  int n = 0;

  *decided = 0;
  for (guint i = 0; i < all->len; i++) {
    const EmDbSuggestion *s = all->pdata[i];

    if (em_suggestion_source_is_text (s->source)) {
      n++;
      *decided += s->is_decided;
    }
  }
  em_db_close (db);
  return n;
}

static GBytes *
logits_here (EmWindow *window)
{
  const EmProposal *p = em_clip_get_proposal (em_window_get_clip (window));

  g_assert_nonnull (p);
  return p->suggestion->logits;
}

/* Weights are random: some threshold cuts something. */
static void
cut_something (EmClip *clip)
{
  for (double t = 0.02; em_clip_get_proposal (clip)->candidates->len == 0; t += 0.04) {
    g_assert_cmpfloat (t, <, 1);
    em_clip_set_threshold (clip, t);
  }
}

static void
say (EmWindow *window, const char *text)
{
  EmClip *clip = em_window_get_clip (window);

  edit (window, "win.new-expression", text, FALSE);
  WAIT (em_clip_get_asked (clip)
        && g_str_equal (em_expression_get_text (em_clip_get_asked (clip)), text));
}

/* Words and sound propose apart; what is there is not asked again; accepting makes the object. */
static int64_t
read_and_accept (EmWindow *window)
{
  EmClip *clip = em_window_get_clip (window);
  int decided, n, second = em_clip_second_of (clip, em_clip_get_frame (clip));
  g_autoptr (GBytes) heard = NULL, read = NULL;
  int64_t number, id;
  EmCell cell;

  drive_act (window, "win.suggest");
  WAIT (em_clip_get_proposal (clip) && drive_is_idle (window));
  heard = g_bytes_ref (logits_here (window));
  say (window, "a b ab");
  number = em_expression_get_number (em_clip_get_asked (clip));
  g_assert_null (em_clip_get_proposal (clip)); /* the sound's is not this one's */
  g_assert_cmpint (em_clip_proposal_state (clip, second), ==, 0);
  g_assert_true (drive_can (window, "win.segment-text"));
  drive_act (window, "win.segment-text");
  WAIT (em_clip_get_proposal (clip) && drive_is_idle (window));
  read = g_bytes_ref (logits_here (window));
  g_assert_false (g_bytes_equal (heard, read));
  WAIT (count_read (window, &decided) == 1); /* kept beside the answer */
  em_clip_ask_about (clip, NULL);
  g_assert_true (logits_here (window) == heard);
  em_clip_ask_about (clip, em_clip_get_expression (clip, number));
  WAIT (em_clip_get_proposal (clip)); /* from the project, not from the model */
  g_assert_true (g_bytes_equal (logits_here (window), read));

  em_clip_get_grid (clip, &n);
  drive_act (window, "win.segment-text-clip");
  g_assert_true (em_clip_get_reading (clip) == em_clip_get_asked (clip));
  g_assert_false (drive_can (window, "win.segment-text")); /* one at a time */
  WAIT (drive_is_idle (window));
  WAIT (count_read (window, &decided) == n);
  drive_act (window, "win.segment-text-clip");
  g_assert_null (em_clip_get_reading (clip)); /* it is all there */
  WAIT (drive_is_idle (window));

  cut_something (clip);
  drive_act (window, "win.accept");
  WAIT (em_clip_get_selected (clip) && drive_is_idle (window));
  id = em_object_get_id (em_clip_get_selected (clip));
  g_assert_cmpstr (em_object_get_name (em_clip_get_selected (clip)), ==, "a b ab");
  CHECK_SAID (number, "a b ab|en||%d,|", (int) id);
  cell = drive_cell (window, id, em_clip_get_grid (clip, &n)[second]);
  g_assert_cmpint (cell.state, ==, EM_STATE_KEYFRAME);
  g_assert_null (cell.prompts);
  count_read (window, &decided);
  g_assert_cmpint (decided, ==, 1);
  g_assert_cmpint (em_clip_proposal_state (clip, second), ==, 3);

  drive_act (window, "win.undo");
  WAIT (drive_is_idle (window));
  CHECK_SAID (number, "a b ab|en|||");
  WAIT (em_clip_proposal_state (clip, second) == 2);
  drive_act (window, "win.redo");
  WAIT (drive_is_idle (window));
  CHECK_SAID (number, "a b ab|en||%d,|", (int) id);
  return number;
}

static void
failed_cb (EmClip *clip, const char *text, char **got)
{
  g_free (*got);
  *got = g_strdup (text);
}

/* Two objects are meant: a person says which one this is. Cancelling keeps what is done, what
 * cannot be read is told. */
static void
choose_cancel_fail (EmWindow *window)
{
  EmClip *clip = em_window_get_clip (window);
  g_autofree char *long_text = g_strnfill (20000, 'b'), *failed = NULL;
  int frame;
  int64_t one = em_object_get_id (em_clip_get_selected (clip)), two, number;
  EmDbExpression row = { .text = (char *) "both", .n_objects = 2 };

  drive_act (window, "win.new-object");
  WAIT (drive_is_idle (window) && g_list_model_get_n_items (em_clip_get_objects (clip)) == 2);
  two = em_object_get_id (em_clip_get_selected (clip));
  row.objects[0] = one;
  row.objects[1] = two;
  em_clip_write_expression (clip, &row);
  WAIT (em_clip_get_asked (clip)
        && g_str_equal (em_expression_get_text (em_clip_get_asked (clip)), "both"));
  number = em_expression_get_number (em_clip_get_asked (clip));
  drive_act (window, "win.segment-text");
  WAIT (em_clip_get_proposal (clip) && drive_is_idle (window));
  cut_something (clip);
  em_clip_select (clip, NULL);
  drive_act (window, "win.accept");
  WAIT (drive_is_idle (window));
  g_assert_nonnull (em_clip_get_proposal (clip)); /* nobody knows whose it is */
  em_clip_select (clip, em_clip_get_object (clip, two));
  frame = em_clip_get_frame (clip);
  drive_act (window, "win.accept");
  WAIT (drive_is_idle (window));
  g_assert_true (drive_cell (window, two, frame).exists);
  CHECK_SAID (number, "both|||%d,%d,|", (int) one, (int) two);

  drive_act (window, "win.segment-text-clip");
  g_assert_nonnull (em_clip_get_reading (clip));
  g_signal_emit_by_name (stop_button (find_child (GTK_WIDGET (window), EM_TYPE_SENTENCE_PANE)),
                         "clicked");
  WAIT (em_clip_get_reading (clip) == NULL && drive_is_idle (window));
  drive_act (window, "win.segment-text-clip"); /* and a sentence that goes is not read on */
  WAIT (em_clip_get_reading (clip));
  drive_act (window, "win.delete-expression");
  WAIT (drive_is_idle (window));
  g_assert_null (em_clip_get_asked (clip));
  drive_act (window, "win.undo");
  WAIT (drive_is_idle (window));
  em_clip_ask_about (clip, em_clip_get_expression (clip, number));
  g_assert_true (drive_can (window, "win.segment-text"));
  WAIT (drive_is_idle (window));
  drive_act (window, "win.cancel"); /* Esc: no candidates, nothing runs: back to the sound */
  if (em_clip_get_asked (clip))
    drive_act (window, "win.cancel"); /* there were candidates */
  g_assert_null (em_clip_get_asked (clip));

  g_signal_connect (clip, "failed", G_CALLBACK (failed_cb), &failed);
  say (window, long_text);
  drive_act (window, "win.segment-text");
  WAIT (failed != NULL && drive_is_idle (window));
  g_test_message ("%s", failed);
  g_assert_null (em_clip_get_proposal (clip));
  g_signal_handlers_disconnect_by_data (clip, &failed);
}

static void
test_read (void)
{
  EmWindow *window = drive_window (app);
  EmClip *clip;
  EmDb *db;
  EmVerifyReport report = { 0 };
  int64_t number;
  int n;

  drive_open (window, NULL);
  load ("reading");
  clip = em_window_get_clip (window);
  WAIT (drive_is_idle (window));
  number = read_and_accept (window);
  choose_cancel_fail (window);
  db = drive_db (window);
  g_assert_true (em_db_verify (db, &report, NULL));
  g_assert_cmpuint (report.faults->len, ==, 0);
  em_verify_report_clear (&report);
  em_db_close (db);

  /* A later window finds by words what this one was told; other weights have said nothing yet. */
  gtk_window_close (GTK_WINDOW (window));
  window = drive_window (app);
  drive_open (window, NULL);
  clip = em_window_get_clip (window);
  em_clip_get_grid (clip, &n);
  em_clip_ask_about (clip, em_clip_get_expression (clip, number));
  WAIT (em_clip_proposal_state (clip, n - 1) == 2);
  load (NULL);
  WAIT (em_clip_proposal_state (clip, n - 1) == 0);
  g_assert_false (drive_can (window, "win.segment-text"));
  while (drive_can (window, "win.undo")) {
    drive_act (window, "win.undo");
    WAIT (drive_is_idle (window));
  }
  gtk_window_close (GTK_WINDOW (window));
  drive_pause (100);
}

/* Closing while the model reads gives everything back. */
static void
test_finalize (void)
{
  EmWindow *window = drive_window (app);
  EmExpression *expression;
  EmClip *clip;

  drive_open (window, NULL);
  edit (window, "win.new-expression", "it", FALSE);
  clip = g_object_ref (em_window_get_clip (window));
  WAIT (em_clip_get_asked (clip));
  expression = g_object_ref (em_clip_get_asked (clip));
  drive_act (window, "win.edit-expression");
  WAIT (dialog ());
  gtk_window_close (GTK_WINDOW (dialog ()));
  load ("reading");
  WAIT (drive_can (window, "win.segment-text-clip"));
  drive_act (window, "win.segment-text-clip");
  WAIT (em_clip_get_reading (clip));
  g_object_ref (window);
  gtk_window_close (GTK_WINDOW (window));
  drive_pause (500);
  g_assert_finalize_object (window);
  WAIT (G_OBJECT (clip)->ref_count == 1);
  g_assert_finalize_object (clip);
  g_assert_finalize_object (expression);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (argc, ==, 2);
  make_package = argv[1];
  app = drive_start ();
  g_test_add_func ("/sentences/written", test_written);
  g_test_add_func ("/sentences/read", test_read);
  g_test_add_func ("/sentences/finalize", test_finalize);
  status = g_test_run ();
  drive_stop (app);
  return status;
}
