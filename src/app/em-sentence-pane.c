/* em-sentence-pane.c - rows follow the clip's list model; the selection goes both ways. Without an
 * expression there is only a heading and a button: most clips have none. */
#include "app/em-sentence-pane.h"
#include "app/em-sentence-row.h"
#include <glib/gi18n.h>

#define REVEALS 6 /* frames */
#define ROW_GAP 6 /* below the last row */

struct _EmSentencePane {
  AdwBin parent_instance;
  GtkListBox *list; /* template children */
  GtkWidget *scroll;
  EmClip *clip;
  GListModel *model;
  gboolean is_selecting;
  guint reveal_tick; /* runs while n_reveals > 0 */
  int n_reveals;
};

G_DEFINE_FINAL_TYPE (EmSentencePane, em_sentence_pane, ADW_TYPE_BIN)

static GtkWidget *
make_row (gpointer item, gpointer data)
{
  return em_sentence_row_new (EM_SENTENCE_PANE (data)->clip, item);
}

static void
update_rows (EmSentencePane *self)
{
  GtkListBoxRow *row;

  if (em_clip_is_playing (self->clip))
    return;
  for (int i = 0; (row = gtk_list_box_get_row_at_index (self->list, i)); i++)
    em_sentence_row_update (EM_SENTENCE_ROW (row));
}

/* Selecting a row does not bring it into view, and it grows when it is selected: its place is known
 * a few frames later. A frame's clock ticks before its layout, so what is set here is drawn. */
static gboolean
reveal_cb (GtkWidget *widget, GdkFrameClock *clock, gpointer data)
{
  EmSentencePane *self = EM_SENTENCE_PANE (widget);
  GtkListBoxRow *row = gtk_list_box_get_selected_row (self->list);
  GtkAdjustment *adjustment
      = gtk_scrolled_window_get_vadjustment (GTK_SCROLLED_WINDOW (self->scroll));
  graphene_rect_t at;

  if (row && gtk_widget_compute_bounds (GTK_WIDGET (row), GTK_WIDGET (self->list), &at))
    gtk_adjustment_clamp_page (adjustment, at.origin.y, at.origin.y + at.size.height + ROW_GAP);
  if (--self->n_reveals > 0)
    return G_SOURCE_CONTINUE;
  self->reveal_tick = 0;
  return G_SOURCE_REMOVE;
}

static void
show_asked (EmSentencePane *self)
{
  EmExpression *asked = self->clip ? em_clip_get_asked (self->clip) : NULL;
  GtkListBoxRow *row;

  self->n_reveals = REVEALS;
  if (asked && self->reveal_tick == 0)
    self->reveal_tick = gtk_widget_add_tick_callback (GTK_WIDGET (self), reveal_cb, NULL, NULL);
  self->is_selecting = TRUE;
  gtk_list_box_unselect_all (self->list);
  for (int i = 0; (row = gtk_list_box_get_row_at_index (self->list, i)); i++)
    if (asked && em_sentence_row_get_expression (EM_SENTENCE_ROW (row)) == asked)
      gtk_list_box_select_row (self->list, row);
  self->is_selecting = FALSE;
  if (self->clip)
    update_rows (self);
}

static void
items_cb (EmSentencePane *self)
{
  gtk_widget_set_visible (self->scroll, self->model && g_list_model_get_n_items (self->model) > 0);
  show_asked (self);
}

static void
row_selected_cb (GtkListBox *list, GtkListBoxRow *row, EmSentencePane *self)
{
  if (!self->is_selecting && self->clip)
    em_clip_ask_about (self->clip,
                       row ? em_sentence_row_get_expression (EM_SENTENCE_ROW (row)) : NULL);
}

static void
row_activated_cb (EmSentencePane *self)
{
  gtk_widget_activate_action (GTK_WIDGET (self), "win.edit-expression", NULL);
}

/* Delete belongs to the list while it has the focus. */
static gboolean
delete_cb (GtkWidget *widget, GVariant *target, gpointer data)
{
  return gtk_widget_activate_action (widget, "win.delete-expression", NULL);
}

static void
let_go (EmSentencePane *self)
{
  if (self->reveal_tick)
    gtk_widget_remove_tick_callback (GTK_WIDGET (self), self->reveal_tick);
  self->reveal_tick = 0;
  gtk_list_box_bind_model (self->list, NULL, NULL, NULL, NULL);
  if (self->model)
    g_signal_handlers_disconnect_by_data (self->model, self);
  if (self->clip)
    g_signal_handlers_disconnect_by_data (self->clip, self);
  g_clear_object (&self->model);
  g_clear_object (&self->clip);
}

void
em_sentence_pane_set_clip (EmSentencePane *self, EmClip *clip)
{
  let_go (self);
  if (clip) {
    self->clip = g_object_ref (clip);
    self->model = g_object_ref (em_clip_get_expressions (clip));
    gtk_list_box_bind_model (self->list, self->model, make_row, self, NULL);
    g_signal_connect_swapped (self->model, "items-changed", G_CALLBACK (items_cb), self);
    g_signal_connect_swapped (clip, "scene-changed", G_CALLBACK (update_rows), self);
    g_signal_connect_swapped (clip, "lanes-changed", G_CALLBACK (update_rows), self);
    g_signal_connect_swapped (clip, "waveform", G_CALLBACK (update_rows), self);
    g_signal_connect_swapped (clip, "notify::busy", G_CALLBACK (update_rows), self);
    g_signal_connect_swapped (clip, "notify::asked", G_CALLBACK (show_asked), self);
  }
  items_cb (self);
}

static void
em_sentence_pane_dispose (GObject *object)
{
  EmSentencePane *self = EM_SENTENCE_PANE (object);

  if (self->clip)
    let_go (self);
  G_OBJECT_CLASS (em_sentence_pane_parent_class)->dispose (object);
}

static void
em_sentence_pane_class_init (EmSentencePaneClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = em_sentence_pane_dispose;
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/org/earmark/Earmark/ui/em-sentence-pane.ui");
  gtk_widget_class_bind_template_child (widget_class, EmSentencePane, list);
  gtk_widget_class_bind_template_child (widget_class, EmSentencePane, scroll);
}

static void
em_sentence_pane_init (EmSentencePane *self)
{
  GtkEventController *keys = gtk_shortcut_controller_new ();

  gtk_widget_init_template (GTK_WIDGET (self));
  gtk_shortcut_controller_add_shortcut (
      GTK_SHORTCUT_CONTROLLER (keys),
      gtk_shortcut_new (gtk_keyval_trigger_new (GDK_KEY_Delete, 0),
                        gtk_callback_action_new (delete_cb, NULL, NULL)));
  gtk_widget_add_controller (GTK_WIDGET (self->list), keys);
  g_signal_connect (self->list, "row-selected", G_CALLBACK (row_selected_cb), self);
  g_signal_connect_swapped (self->list, "row-activated", G_CALLBACK (row_activated_cb), self);
}
