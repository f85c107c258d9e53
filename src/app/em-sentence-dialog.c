/* em-sentence-dialog.c - everything about an expression in one place, saved in one step. */
#include "app/em-sentence-dialog.h"
#include "app/em-chip.h"
#include <glib/gi18n.h>

struct _EmSentenceDialog {
  AdwWindow parent_instance;
  AdwEntryRow *text, *language; /* template children */
  AdwComboRow *split;
  AdwPreferencesGroup *targets;
  GtkSwitch *is_null;
  GtkWidget *save;
  GPtrArray *rows; /* of AdwActionRow, a check button each; the list owns them */
  GArray *objects; /* beside them: int64_t */
  EmClip *clip;
  int64_t number; /* 0: a new one */
};

G_DEFINE_FINAL_TYPE (EmSentenceDialog, em_sentence_dialog, ADW_TYPE_WINDOW)

/* Those of Ref-AVS; seen, unseen and null expressions are tested apart. */
static const char *const splits[] = { "", "train", "val", "test_s", "test_u", "test_n", NULL };

static const char *
split_title (const char *split)
{
  static const struct {
    const char *name, *title;
  } titles[] = {
    { "", N_ ("None") },
    { "train", N_ ("Train") },
    { "val", N_ ("Validation") },
    { "test_s", N_ ("Test, seen classes") },
    { "test_u", N_ ("Test, unseen classes") },
    { "test_n", N_ ("Test, nothing meant") },
  };

  for (guint i = 0; i < G_N_ELEMENTS (titles); i++)
    if (g_str_equal (titles[i].name, split))
      return _ (titles[i].title);
  return split;
}

static GtkCheckButton *
check_of (EmSentenceDialog *self, guint i)
{
  return g_object_get_data (G_OBJECT (self->rows->pdata[i]), "check");
}

static void
update (EmSentenceDialog *self)
{
  gboolean is_null = gtk_switch_get_active (self->is_null);
  g_autofree char *text = g_strdup (gtk_editable_get_text (GTK_EDITABLE (self->text)));
  const char *problem = *g_strstrip (text) ? NULL : _ ("An expression needs words");

  for (guint i = 0; i < self->rows->len; i++) {
    gtk_widget_set_sensitive (self->rows->pdata[i], !is_null);
    gtk_widget_set_tooltip_text (self->rows->pdata[i],
                                 is_null ? _ ("The expression means nothing in this clip") : NULL);
  }
  gtk_widget_set_sensitive (self->save, problem == NULL);
  gtk_widget_set_tooltip_text (self->save, problem);
}

void
em_sentence_dialog_set_text (EmSentenceDialog *self, const char *text)
{
  gtk_editable_set_text (GTK_EDITABLE (self->text), text);
}

void
em_sentence_dialog_set_null (EmSentenceDialog *self, gboolean is_null)
{
  gtk_switch_set_active (self->is_null, is_null);
}

void
em_sentence_dialog_save (EmSentenceDialog *self)
{
  GtkStringObject *split = adw_combo_row_get_selected_item (self->split);
  EmDbExpression row = { .number = self->number };

  if (!gtk_widget_get_sensitive (self->save))
    return;
  row.text = (char *) gtk_editable_get_text (GTK_EDITABLE (self->text));
  row.language = (char *) gtk_editable_get_text (GTK_EDITABLE (self->language));
  row.split = (char *) g_object_get_data (G_OBJECT (split), "name");
  row.is_null = gtk_switch_get_active (self->is_null);
  for (guint i = 0; !row.is_null && i < self->rows->len; i++)
    if (gtk_check_button_get_active (check_of (self, i))
        && row.n_objects < EM_MAX_EXPRESSION_OBJECTS)
      row.objects[row.n_objects++] = g_array_index (self->objects, int64_t, i);
  em_clip_write_expression (self->clip, &row);
  gtk_window_close (GTK_WINDOW (self));
}

/* Building ----------------------------------------------------------------------------------------
 */

static void
add_target (EmSentenceDialog *self, EmObject *object, gboolean is_meant)
{
  GtkWidget *row = adw_action_row_new (), *check = gtk_check_button_new ();
  g_autofree char *name = g_markup_escape_text (em_object_get_name (object), -1);
  int64_t id = em_object_get_id (object);

  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), name);
  adw_action_row_add_prefix (ADW_ACTION_ROW (row),
                             g_object_new (EM_TYPE_CHIP, "color", em_object_get_color (object),
                                           "pattern", em_object_get_pattern (object), "number",
                                           em_object_get_number (object), "valign",
                                           GTK_ALIGN_CENTER, NULL));
  gtk_check_button_set_active (GTK_CHECK_BUTTON (check), is_meant);
  gtk_widget_set_valign (check, GTK_ALIGN_CENTER);
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), check);
  adw_action_row_set_activatable_widget (ADW_ACTION_ROW (row), check);
  g_object_set_data (G_OBJECT (row), "check", check);
  adw_preferences_group_add (self->targets, row);
  g_ptr_array_add (self->rows, row);
  g_array_append_val (self->objects, id);
}

static void
add_targets (EmSentenceDialog *self, EmExpression *expression)
{
  GListModel *objects = em_clip_get_objects (self->clip);

  for (guint i = 0; i < g_list_model_get_n_items (objects); i++) {
    g_autoptr (EmObject) object = g_list_model_get_item (objects, i);

    add_target (self, object,
                expression ? em_expression_refers_to (expression, em_object_get_id (object))
                           : object == em_clip_get_selected (self->clip));
  }
}

/* A split that came with an import is one of the choices too. */
static void
add_splits (EmSentenceDialog *self, const char *now)
{
  g_autoptr (GtkStringList) list = gtk_string_list_new (NULL);
  guint n = 0, at = GTK_INVALID_LIST_POSITION;

  for (; splits[n]; n++) {
    gtk_string_list_append (list, split_title (splits[n]));
    if (g_str_equal (splits[n], now))
      at = n;
  }
  if (at == GTK_INVALID_LIST_POSITION) {
    gtk_string_list_append (list, now);
    at = n++;
  }
  for (guint i = 0; i < n; i++) {
    g_autoptr (GObject) item = g_list_model_get_item (G_LIST_MODEL (list), i);

    g_object_set_data_full (item, "name", g_strdup (splits[i] ? splits[i] : now), g_free);
  }
  adw_combo_row_set_model (self->split, G_LIST_MODEL (list));
  adw_combo_row_set_selected (self->split, at);
}

/* What the next expression of a clip most likely shares with the one before it. */
static void
fill (EmSentenceDialog *self, EmExpression *expression)
{
  GListModel *all = em_clip_get_expressions (self->clip);
  guint n = g_list_model_get_n_items (all);
  g_autoptr (EmExpression) last = n ? g_list_model_get_item (all, n - 1) : NULL;
  const EmDbExpression *like = expression ? em_expression_row (expression)
                               : last     ? em_expression_row (last)
                                          : NULL;
  g_autofree char *usual = g_strdup (g_get_language_names ()[0]);

  usual[strcspn (usual, "_.@")] = '\0';
  gtk_editable_set_text (GTK_EDITABLE (self->language), like                       ? like->language
                                                        : g_str_equal (usual, "C") ? "en"
                                                                                   : usual);
  add_splits (self, like ? like->split : "");
  add_targets (self, expression);
  if (expression) {
    gtk_editable_set_text (GTK_EDITABLE (self->text), em_expression_get_text (expression));
    gtk_switch_set_active (self->is_null, em_expression_row (expression)->is_null);
    self->number = em_expression_get_number (expression);
  }
  gtk_window_set_title (GTK_WINDOW (self), expression ? _ ("Expression") : _ ("New Expression"));
}

/* Life --------------------------------------------------------------------------------------------
 */

static void
em_sentence_dialog_dispose (GObject *object)
{
  EmSentenceDialog *self = EM_SENTENCE_DIALOG (object);

  g_clear_object (&self->clip);
  g_clear_pointer (&self->rows, g_ptr_array_unref);
  g_clear_pointer (&self->objects, g_array_unref);
  G_OBJECT_CLASS (em_sentence_dialog_parent_class)->dispose (object);
}

static void
em_sentence_dialog_class_init (EmSentenceDialogClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = em_sentence_dialog_dispose;
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/org/earmark/Earmark/ui/em-sentence-dialog.ui");
  gtk_widget_class_bind_template_child (widget_class, EmSentenceDialog, text);
  gtk_widget_class_bind_template_child (widget_class, EmSentenceDialog, language);
  gtk_widget_class_bind_template_child (widget_class, EmSentenceDialog, split);
  gtk_widget_class_bind_template_child (widget_class, EmSentenceDialog, targets);
  gtk_widget_class_bind_template_child (widget_class, EmSentenceDialog, is_null);
  gtk_widget_class_bind_template_child (widget_class, EmSentenceDialog, save);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "window.close", NULL);
}

static void
em_sentence_dialog_init (EmSentenceDialog *self)
{
  self->rows = g_ptr_array_new ();
  self->objects = g_array_new (FALSE, FALSE, sizeof (int64_t));
  gtk_widget_init_template (GTK_WIDGET (self));
  g_signal_connect_swapped (self->text, "changed", G_CALLBACK (update), self);
  g_signal_connect_swapped (self->text, "entry-activated", G_CALLBACK (em_sentence_dialog_save),
                            self);
  g_signal_connect_swapped (self->language, "entry-activated", G_CALLBACK (em_sentence_dialog_save),
                            self);
  g_signal_connect_swapped (self->is_null, "notify::active", G_CALLBACK (update), self);
  g_signal_connect_swapped (self->save, "clicked", G_CALLBACK (em_sentence_dialog_save), self);
}

EmSentenceDialog *
em_sentence_dialog_new (GtkWindow *parent, EmClip *clip, EmExpression *expression)
{
  EmSentenceDialog *self = g_object_new (EM_TYPE_SENTENCE_DIALOG, "transient-for", parent, NULL);

  self->clip = g_object_ref (clip);
  fill (self, expression);
  update (self);
  return self;
}
