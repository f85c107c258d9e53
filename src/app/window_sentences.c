/* window_sentences.c - what can be done with expressions, and when it cannot be. */
#include "app/em-sentence-dialog.h"
#include "app/em-window-private.h"
#include <glib/gi18n.h>

static void
segment_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  EmWindow *self = EM_WINDOW (widget);
  EmExpression *asked = em_clip_get_asked (self->clip);
  int first, last;

  self->has_asked = TRUE;
  if (g_str_equal (name, "win.segment-text"))
    em_clip_read_here (self->clip, asked);
  else if (g_str_equal (name, "win.segment-text-range"))
    em_clip_read (self->clip, asked, true);
  else if (g_str_equal (name, "win.segment-text-clip"))
    em_clip_read (self->clip, asked, false);
  else /* Shift+Q: the range if there is one */
    em_clip_read (self->clip, asked, em_clip_get_range (self->clip, &first, &last));
  gtk_widget_grab_focus (GTK_WIDGET (self->viewer)); /* Enter accepts */
}

static void
edit_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  EmWindow *self = EM_WINDOW (widget);
  gboolean is_new = g_str_equal (name, "win.new-expression");

  gtk_window_present (GTK_WINDOW (em_sentence_dialog_new (
      GTK_WINDOW (self), self->clip, is_new ? NULL : em_clip_get_asked (self->clip))));
}

static void
delete_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  EmWindow *self = EM_WINDOW (widget);

  em_clip_delete_expression (self->clip, em_clip_get_asked (self->clip));
}

static void
approve_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  EmClip *clip = EM_WINDOW (widget)->clip;
  EmExpression *asked = em_clip_get_asked (clip);

  em_clip_approve_expression (clip, asked,
                              em_expression_row (asked)->state != EM_EXPRESSION_APPROVED);
}

void
em_window_install_sentence_actions (GtkWidgetClass *klass)
{
  gtk_widget_class_install_action (klass, "win.segment-text", NULL, segment_cb);
  gtk_widget_class_install_action (klass, "win.segment-text-range", NULL, segment_cb);
  gtk_widget_class_install_action (klass, "win.segment-text-clip", NULL, segment_cb);
  gtk_widget_class_install_action (klass, "win.segment-text-more", NULL, segment_cb);
  gtk_widget_class_install_action (klass, "win.new-expression", NULL, edit_cb);
  gtk_widget_class_install_action (klass, "win.edit-expression", NULL, edit_cb);
  gtk_widget_class_install_action (klass, "win.delete-expression", NULL, delete_cb);
  gtk_widget_class_install_action (klass, "win.approve-expression", NULL, approve_cb);
}

void
em_window_update_sentences (EmWindow *self, gboolean can_edit)
{
  static const char *const asking[] = { "win.segment-text", "win.segment-text-range",
                                        "win.segment-text-clip", "win.segment-text-more" };
  static const char *const changing[]
      = { "win.edit-expression", "win.delete-expression", "win.approve-expression" };
  EmExpression *asked = can_edit ? em_clip_get_asked (self->clip) : NULL;

  for (guint i = 0; i < G_N_ELEMENTS (asking); i++)
    gtk_widget_action_set_enabled (GTK_WIDGET (self), asking[i],
                                   asked && em_clip_text_problem (self->clip, asked) == NULL);
  for (guint i = 0; i < G_N_ELEMENTS (changing); i++)
    gtk_widget_action_set_enabled (GTK_WIDGET (self), changing[i], asked != NULL);
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "win.new-expression", can_edit);
}
