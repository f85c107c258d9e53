/* em-sentence-row.c - the words, chips of the objects that are meant, and the buttons of the one
 * that is asked about. */
#include "app/em-sentence-row.h"
#include "app/em-chip.h"
#include <glib/gi18n.h>

#define MAX_CHIPS 6 /* more than these are a number */

struct _EmSentenceRow {
  GtkListBoxRow parent_instance;
  GtkLabel *text, *target, *origin; /* template children */
  GtkWidget *approved, *chips, *actions, *cancel, *approve;
  GtkSpinner *spinner;
  AdwSplitButton *segment;
  EmClip *clip; /* the pane that owns the row holds it */
  EmExpression *expression;
};

G_DEFINE_FINAL_TYPE (EmSentenceRow, em_sentence_row, GTK_TYPE_LIST_BOX_ROW)

/* Names of what is meant, and a chip each. */
static void
show_targets (EmSentenceRow *self)
{
  const EmDbExpression *row = em_expression_row (self->expression);
  GtkWidget *child;
  GString *names = g_string_new (NULL);
  int n = 0;

  while ((child = gtk_widget_get_first_child (self->chips)))
    gtk_box_remove (GTK_BOX (self->chips), child);
  for (int i = 0; i < row->n_objects; i++) {
    EmObject *object = em_clip_get_object (self->clip, row->objects[i]);

    if (object == NULL)
      continue;
    g_string_append_printf (names, "%s%s", n ? ", " : "", em_object_get_name (object));
    if (n++ < MAX_CHIPS)
      gtk_box_append (GTK_BOX (self->chips),
                      g_object_new (EM_TYPE_CHIP, "color", em_object_get_color (object), "pattern",
                                    em_object_get_pattern (object), "number",
                                    em_object_get_number (object), "valign", GTK_ALIGN_CENTER,
                                    NULL));
  }
  gtk_widget_set_visible (self->chips, n > 0);
  gtk_label_set_label (self->target, row->is_null ? _ ("Nothing in this clip")
                                     : n == 0     ? _ ("No object yet")
                                                  : names->str);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->target), n > 0 ? names->str : NULL);
  g_string_free (names, TRUE);
}

static void
show_row (EmSentenceRow *self)
{
  const EmDbExpression *row = em_expression_row (self->expression);
  g_autofree char *origin = g_strdup_printf (
      "%s%s%s", row->language, *row->language && *row->split ? " · " : "", row->split);

  gtk_label_set_label (self->text, row->text);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->text), row->text);
  gtk_label_set_label (self->origin, origin);
  gtk_widget_set_visible (GTK_WIDGET (self->origin), *origin != '\0');
  gtk_widget_set_visible (self->approved, row->state == EM_EXPRESSION_APPROVED);
  gtk_widget_set_tooltip_text (self->approve, row->state == EM_EXPRESSION_APPROVED
                                                  ? _ ("Take the approval back")
                                                  : _ ("Approve the sentence and what it means"));
  show_targets (self);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, row->text,
                                  GTK_ACCESSIBLE_PROPERTY_DESCRIPTION,
                                  gtk_label_get_label (self->target), -1);
}

void
em_sentence_row_update (EmSentenceRow *self)
{
  bool is_asked = em_clip_get_asked (self->clip) == self->expression;
  bool is_reading = em_clip_get_reading (self->clip) == self->expression;
  const char *problem = em_clip_text_problem (self->clip, self->expression);
  const char *what = problem ? problem : _ ("Segment by text (Q)");

  gtk_widget_set_visible (self->actions, is_asked);
  gtk_widget_set_visible (GTK_WIDGET (self->spinner), is_reading);
  gtk_spinner_set_spinning (self->spinner, is_reading);
  gtk_widget_set_visible (GTK_WIDGET (self->segment), !is_reading);
  gtk_widget_set_visible (self->cancel, is_reading);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->segment), what);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->segment),
                                  GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, what, -1);
  show_targets (self); /* names and colours are the objects' own */
}

/* Not the window's cancel, which would put candidates aside first. */
static void
stop_cb (EmSentenceRow *self)
{
  em_clip_cancel (self->clip);
}

EmExpression *
em_sentence_row_get_expression (EmSentenceRow *self)
{
  return self->expression;
}

static void
em_sentence_row_dispose (GObject *object)
{
  EmSentenceRow *self = EM_SENTENCE_ROW (object);

  if (self->expression)
    g_signal_handlers_disconnect_by_data (self->expression, self);
  g_clear_object (&self->expression);
  G_OBJECT_CLASS (em_sentence_row_parent_class)->dispose (object);
}

static void
em_sentence_row_class_init (EmSentenceRowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = em_sentence_row_dispose;
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/org/earmark/Earmark/ui/em-sentence-row.ui");
#define CHILD(name) gtk_widget_class_bind_template_child (widget_class, EmSentenceRow, name)
  CHILD (text);
  CHILD (target);
  CHILD (origin);
  CHILD (approved);
  CHILD (chips);
  CHILD (actions);
  CHILD (cancel);
  CHILD (spinner);
  CHILD (segment);
  CHILD (approve);
#undef CHILD
}

static void
em_sentence_row_init (EmSentenceRow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  g_signal_connect_swapped (self->cancel, "clicked", G_CALLBACK (stop_cb), self);
}

GtkWidget *
em_sentence_row_new (EmClip *clip, EmExpression *expression)
{
  EmSentenceRow *self = g_object_new (EM_TYPE_SENTENCE_ROW, NULL);

  self->clip = clip;
  self->expression = g_object_ref (expression);
  g_signal_connect_swapped (expression, "changed", G_CALLBACK (show_row), self);
  show_row (self);
  em_sentence_row_update (self);
  return GTK_WIDGET (self);
}
