/* em-object-row.c - name, class, what is done, and the three switches. */
#include "app/em-object-row.h"
#include "app/em-chip.h"
#include <glib/gi18n.h>

struct _EmObjectRow {
  GtkListBoxRow parent_instance;
  EmChip *chip; /* template children */
  GtkLabel *name, *detail;
  GtkToggleButton *sound, *eye, *lock;
  EmClip *clip; /* the pane that owns the row holds it */
  EmObject *object;
  gboolean is_updating;
};

G_DEFINE_FINAL_TYPE (EmObjectRow, em_object_row, GTK_TYPE_LIST_BOX_ROW)

static void
add_count (GString *text, int n, const char *word)
{
  if (n > 0)
    g_string_append_printf (text, "%s%d %s", text->len ? " · " : "", n, word);
}

static void
describe (EmObjectRow *self)
{
  const EmDbCounts *c = em_object_counts (self->object);
  GString *text = g_string_new (em_object_get_class_name (self->object));

  add_count (text, c->by_state[EM_STATE_KEYFRAME], _ ("key"));
  add_count (text, c->by_state[EM_STATE_CORRECTED], _ ("corrected"));
  add_count (text, c->by_state[EM_STATE_APPROVED], _ ("approved"));
  add_count (text, c->by_state[EM_STATE_PROPAGATED], _ ("tracked"));
  add_count (text, c->by_state[EM_STATE_IMPORTED], _ ("imported"));
  add_count (text, c->by_state[EM_STATE_ABSENT], _ ("absent"));
  add_count (text, c->stale, _ ("stale"));
  gtk_label_set_label (self->detail, text->len ? text->str : _ ("No mask yet"));
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->detail), text->len ? text->str : NULL);
  g_string_free (text, TRUE);
}

void
em_object_row_update (EmObjectRow *self)
{
  const char *problem = em_clip_sound_problem (self->clip);
  gboolean uses = em_clip_uses_sound (self->clip, self->object);
  gboolean locked = em_object_is_locked (self->object);

  self->is_updating = TRUE;
  gtk_toggle_button_set_active (self->sound, uses);
  gtk_widget_set_sensitive (GTK_WIDGET (self->sound), (problem == NULL || uses) && !locked);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->sound), locked ? _ ("The object is locked")
                                                         : problem && !uses
                                                             ? problem
                                                             : _ ("Use sound on this frame (U)"));
  gtk_toggle_button_set_active (self->lock, locked);
  gtk_button_set_icon_name (GTK_BUTTON (self->lock),
                            locked ? "changes-prevent-symbolic" : "changes-allow-symbolic");
  gtk_widget_set_opacity (GTK_WIDGET (self->lock), locked ? 1 : 0.4);
  gtk_button_set_icon_name (GTK_BUTTON (self->eye), em_object_is_visible (self->object)
                                                        ? "view-reveal-symbolic"
                                                        : "view-conceal-symbolic");
  self->is_updating = FALSE;
  describe (self);
}

static void
sound_cb (EmObjectRow *self)
{
  if (self->is_updating)
    return;
  em_clip_select (self->clip, self->object);
  em_clip_set_use_sound (self->clip, gtk_toggle_button_get_active (self->sound));
}

static void
lock_cb (EmObjectRow *self)
{
  if (!self->is_updating)
    em_clip_set_locked (self->clip, self->object, gtk_toggle_button_get_active (self->lock));
}

EmObject *
em_object_row_get_object (EmObjectRow *self)
{
  return self->object;
}

static void
em_object_row_dispose (GObject *object)
{
  EmObjectRow *self = EM_OBJECT_ROW (object);

  if (self->object)
    g_signal_handlers_disconnect_by_data (self->object, self);
  g_clear_object (&self->object);
  G_OBJECT_CLASS (em_object_row_parent_class)->dispose (object);
}

static void
em_object_row_class_init (EmObjectRowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = em_object_row_dispose;
  g_type_ensure (EM_TYPE_CHIP);
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/org/earmark/Earmark/ui/em-object-row.ui");
  gtk_widget_class_bind_template_child (widget_class, EmObjectRow, chip);
  gtk_widget_class_bind_template_child (widget_class, EmObjectRow, name);
  gtk_widget_class_bind_template_child (widget_class, EmObjectRow, detail);
  gtk_widget_class_bind_template_child (widget_class, EmObjectRow, sound);
  gtk_widget_class_bind_template_child (widget_class, EmObjectRow, eye);
  gtk_widget_class_bind_template_child (widget_class, EmObjectRow, lock);
}

static void
em_object_row_init (EmObjectRow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  g_signal_connect_swapped (self->sound, "toggled", G_CALLBACK (sound_cb), self);
  g_signal_connect_swapped (self->lock, "toggled", G_CALLBACK (lock_cb), self);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->sound), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  _ ("Use sound"), -1);
}

GtkWidget *
em_object_row_new (EmClip *clip, EmObject *object)
{
  EmObjectRow *self = g_object_new (EM_TYPE_OBJECT_ROW, NULL);

  self->clip = clip;
  self->object = g_object_ref (object);
  g_object_bind_property (object, "name", self->name, "label", G_BINDING_SYNC_CREATE);
  g_object_bind_property (object, "color", self->chip, "color", G_BINDING_SYNC_CREATE);
  g_object_bind_property (object, "pattern", self->chip, "pattern", G_BINDING_SYNC_CREATE);
  g_object_bind_property (object, "number", self->chip, "number", G_BINDING_SYNC_CREATE);
  g_object_bind_property (object, "visible", self->eye, "active",
                          G_BINDING_SYNC_CREATE | G_BINDING_BIDIRECTIONAL);
  g_signal_connect_swapped (object, "notify", G_CALLBACK (em_object_row_update), self);
  g_signal_connect_swapped (object, "lane-changed", G_CALLBACK (em_object_row_update), self);
  em_object_row_update (self);
  return GTK_WIDGET (self);
}
