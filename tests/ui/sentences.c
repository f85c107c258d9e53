/* sentences.c - expressions as an annotator meets them: written, linked, undone, found, and what
 * the window says where the model cannot read. */
#include "drive.h"
#include "app/em-sentence-dialog.h"
#include "app/em-sentence-row.h"
#include "app/em-window-private.h"
#include "store/verify.h"
#include <string.h>

static EmApplication *app;

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

#define CHECK_SAID(number, want)                                                                   \
  do {                                                                                             \
    g_autofree char *got = said (window, number);                                                  \
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

/* Closing with the dialog open and an expression asked about gives everything back. */
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
  app = drive_start ();
  g_test_add_func ("/sentences/written", test_written);
  g_test_add_func ("/sentences/finalize", test_finalize);
  status = g_test_run ();
  drive_stop (app);
  return status;
}
