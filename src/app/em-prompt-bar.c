/* em-prompt-bar.c - tools are actions of the window; the threshold alone talks to the clip. */
#include "app/em-prompt-bar.h"
#include "service/clip_expressions.h"
#include <glib/gi18n.h>

struct _EmPromptBar {
  AdwBin parent_instance;
  GtkRevealer *proposal; /* template children */
  GtkLabel *count;
  GtkScale *threshold;
  EmClip *clip;
};

G_DEFINE_FINAL_TYPE (EmPromptBar, em_prompt_bar, ADW_TYPE_BIN)

/* How many there are, and whether sound or words proposed them. */
static char *
count_text (EmPromptBar *self, guint open)
{
  if (open == 0)
    return g_strdup (_ ("Nothing above the threshold"));
  if (em_clip_get_asked (self->clip))
    return g_strdup_printf (ngettext ("%u candidate by text", "%u candidates by text", open), open);
  return g_strdup_printf (ngettext ("%u candidate", "%u candidates", open), open);
}

static void
update (EmPromptBar *self)
{
  const EmProposal *p = self->clip ? em_clip_get_proposal (self->clip) : NULL;
  guint open = 0;

  for (guint i = 0; p && i < p->candidates->len; i++)
    open += p->assigned[i] == 0;
  if (p) {
    EmExpression *asked = em_clip_get_asked (self->clip);
    g_autofree char *text = count_text (self, open);

    gtk_widget_set_tooltip_text (GTK_WIDGET (self->count),
                                 asked ? em_expression_get_text (asked) : NULL);
    gtk_label_set_label (self->count, text);
    gtk_range_set_value (GTK_RANGE (self->threshold), em_clip_get_threshold (self->clip));
  }
  gtk_revealer_set_reveal_child (self->proposal, p != NULL);
}

static void
threshold_cb (EmPromptBar *self)
{
  if (self->clip)
    em_clip_set_threshold (self->clip, gtk_range_get_value (GTK_RANGE (self->threshold)));
}

void
em_prompt_bar_set_clip (EmPromptBar *self, EmClip *clip)
{
  if (self->clip)
    g_signal_handlers_disconnect_by_data (self->clip, self);
  g_set_object (&self->clip, clip);
  if (clip) {
    g_signal_connect_swapped (clip, "scene-changed", G_CALLBACK (update), self);
    g_signal_connect_swapped (clip, "notify::frame", G_CALLBACK (update), self);
  }
  update (self);
}

static void
em_prompt_bar_dispose (GObject *object)
{
  EmPromptBar *self = EM_PROMPT_BAR (object);

  if (self->clip)
    g_signal_handlers_disconnect_by_data (self->clip, self);
  g_clear_object (&self->clip);
  G_OBJECT_CLASS (em_prompt_bar_parent_class)->dispose (object);
}

static void
em_prompt_bar_class_init (EmPromptBarClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = em_prompt_bar_dispose;
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/org/earmark/Earmark/ui/em-prompt-bar.ui");
  gtk_widget_class_bind_template_child (widget_class, EmPromptBar, proposal);
  gtk_widget_class_bind_template_child (widget_class, EmPromptBar, count);
  gtk_widget_class_bind_template_child (widget_class, EmPromptBar, threshold);
}

static void
em_prompt_bar_init (EmPromptBar *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  g_signal_connect_swapped (self->threshold, "value-changed", G_CALLBACK (threshold_cb), self);
}
