/* em-object-pane.c - rows follow the clip's list model; the selection goes both ways. */
#include "app/em-object-pane.h"
#include "app/em-object-row.h"
#include "app/em-sentence-pane.h"
#include "store/prompt_json.h"
#include <glib/gi18n.h>
#include <math.h>

enum { FACT_STATE, FACT_ORIGIN, FACT_AREA, FACT_IOU, FACT_PROMPTS, FACT_WEIGHTS, N_FACTS };

struct _EmObjectPane {
  AdwBin parent_instance;
  GtkListBox *list; /* template children */
  GtkWidget *details;
  AdwEntryRow *name, *class_name;
  GtkMenuButton *classes;
  EmSentencePane *sentences;
  GtkGrid *facts;
  GtkLabel *fact[N_FACTS];
  EmClip *clip;
  gboolean is_selecting;
};

G_DEFINE_FINAL_TYPE (EmObjectPane, em_object_pane, ADW_TYPE_BIN)

/* Details -----------------------------------------------------------------------------------------
 */

static const char *
origin_words (EmOrigin origin)
{
  static const char *const words[EM_N_ORIGINS] = {
    [EM_ORIGIN_AUDIO] = N_ ("Sound"),         [EM_ORIGIN_PROMPT] = N_ ("Prompts"),
    [EM_ORIGIN_PROPAGATED] = N_ ("Tracking"), [EM_ORIGIN_BRUSH] = N_ ("By hand"),
    [EM_ORIGIN_IMPORTED] = N_ ("Import"),
  };

  return origin < EM_N_ORIGINS ? _ (words[origin]) : "";
}

static const char *
state_words (EmState state)
{
  static const char *const words[EM_N_STATES] = {
    [EM_STATE_EMPTY] = N_ ("Empty"),         [EM_STATE_PROPAGATED] = N_ ("Propagated"),
    [EM_STATE_IMPORTED] = N_ ("Imported"),   [EM_STATE_KEYFRAME] = N_ ("Keyframe"),
    [EM_STATE_CORRECTED] = N_ ("Corrected"), [EM_STATE_ABSENT] = N_ ("Absent"),
    [EM_STATE_APPROVED] = N_ ("Approved"),
  };

  return state < EM_N_STATES ? _ (words[state]) : "";
}

static void set_fact (EmObjectPane *self, int i, const char *format, ...) G_GNUC_PRINTF (3, 4);

static void
set_fact (EmObjectPane *self, int i, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  gtk_label_set_label (self->fact[i], text);
}

static void
show_prompts (EmObjectPane *self, const EmCell *cell)
{
  EmPromptSet set = { .n = 0 };
  int64_t base = 0;
  int points = 0, boxes = 0;

  if (cell->prompts == NULL || !em_prompts_from_json (cell->prompts, &set, &base, NULL)) {
    set_fact (self, FACT_PROMPTS, "–");
    return;
  }
  for (int i = 0; i < set.n; i++)
    *(set.items[i].kind == EM_PROMPT_BOX ? &boxes : &points) += 1;
  set_fact (self, FACT_PROMPTS, "%s%s%d %s%s", set.sound ? _ ("sound") : "", set.sound ? ", " : "",
            points, points == 1 ? _ ("point") : _ ("points"), boxes ? _ (", box") : "");
}

static void
show_mask (EmObjectPane *self, const EmMask *mask)
{
  double all = (double) em_clip_get_width (self->clip) * em_clip_get_height (self->clip);

  set_fact (self, FACT_ORIGIN, "%s", mask ? origin_words (mask->origin) : "–");
  if (mask)
    set_fact (self, FACT_AREA, "%" G_GINT64_FORMAT " px (%.1f %%)", mask->area,
              100 * mask->area / all);
  else
    set_fact (self, FACT_AREA, "–");
  if (mask && !isnan (mask->iou))
    set_fact (self, FACT_IOU, "%.2f", mask->iou);
  else
    set_fact (self, FACT_IOU, "–");
  set_fact (self, FACT_WEIGHTS, "%.8s", mask && mask->weights ? mask->weights : "–");
}

static void
set_entry (AdwEntryRow *row, const char *text)
{
  if (!g_str_equal (gtk_editable_get_text (GTK_EDITABLE (row)), text)) {
    adw_entry_row_set_show_apply_button (row, FALSE); /* a text set here is no edit */
    gtk_editable_set_text (GTK_EDITABLE (row), text);
    adw_entry_row_set_show_apply_button (row, TRUE);
  }
}

static gboolean
is_edited (AdwEntryRow *row)
{
  GtkRoot *root = gtk_widget_get_root (GTK_WIDGET (row));
  GtkWidget *focus = root ? gtk_root_get_focus (root) : NULL;

  return focus && gtk_widget_is_ancestor (focus, GTK_WIDGET (row)) && GTK_IS_EDITABLE (focus);
}

static void
show_details (EmObjectPane *self)
{
  EmObject *object = self->clip ? em_clip_get_selected (self->clip) : NULL;
  const EmCell *cell;

  gtk_widget_set_visible (self->details, object != NULL);
  /* The room goes to the sentences while one of them is what the work is about. */
  gtk_widget_set_visible (GTK_WIDGET (self->facts),
                          object && em_clip_get_asked (self->clip) == NULL);
  if (object == NULL)
    return;
  cell = em_object_cell (object, em_clip_get_frame (self->clip));
  if (!is_edited (self->name))
    set_entry (self->name, em_object_get_name (object));
  if (!is_edited (self->class_name))
    set_entry (self->class_name, em_object_get_class_name (object));
  if (!cell->exists)
    set_fact (self, FACT_STATE, "%s", _ ("No mask"));
  else
    set_fact (self, FACT_STATE, "%s%s%s", state_words (cell->state),
              cell->stale ? _ (", stale") : "", cell->pending ? _ (", being decoded") : "");
  show_prompts (self, cell);
  show_mask (self, cell->exists && cell->state != EM_STATE_ABSENT ? cell->mask : NULL);
}

static void
name_applied_cb (EmObjectPane *self)
{
  EmObject *object = em_clip_get_selected (self->clip);

  if (object)
    em_clip_rename (self->clip, object, gtk_editable_get_text (GTK_EDITABLE (self->name)));
  gtk_widget_activate_action (GTK_WIDGET (self), "win.focus-canvas", NULL);
}

static void
class_applied_cb (EmObjectPane *self)
{
  EmObject *object = em_clip_get_selected (self->clip);

  if (object)
    em_clip_set_class (self->clip, object, gtk_editable_get_text (GTK_EDITABLE (self->class_name)));
  gtk_widget_activate_action (GTK_WIDGET (self), "win.focus-canvas", NULL);
}

void
em_object_pane_edit_name (EmObjectPane *self)
{
  gtk_widget_grab_focus (GTK_WIDGET (self->name));
}

void
em_object_pane_edit_class (EmObjectPane *self)
{
  gtk_widget_grab_focus (GTK_WIDGET (self->class_name));
}

void
em_object_pane_set_classes (EmObjectPane *self, const char *const *names)
{
  g_autoptr (GMenu) menu = g_menu_new ();

  for (int i = 0; names[i]; i++) {
    g_autoptr (GMenuItem) item = g_menu_item_new (names[i], NULL);

    g_menu_item_set_action_and_target (item, "win.set-class", "s", names[i]);
    g_menu_append_item (menu, item);
  }
  gtk_menu_button_set_menu_model (self->classes, G_MENU_MODEL (menu));
  gtk_widget_set_visible (GTK_WIDGET (self->classes), names[0] != NULL);
}

/* List --------------------------------------------------------------------------------------------
 */

static GtkWidget *
make_row (gpointer item, gpointer data)
{
  EmObjectPane *self = data;

  return em_object_row_new (self->clip, item);
}

static void
show_selected (EmObjectPane *self)
{
  EmObject *selected = self->clip ? em_clip_get_selected (self->clip) : NULL;
  GtkListBoxRow *row;

  self->is_selecting = TRUE;
  gtk_list_box_unselect_all (self->list);
  for (int i = 0; (row = gtk_list_box_get_row_at_index (self->list, i)); i++)
    if (EM_IS_OBJECT_ROW (row) && em_object_row_get_object (EM_OBJECT_ROW (row)) == selected)
      gtk_list_box_select_row (self->list, row);
  self->is_selecting = FALSE;
  show_details (self);
}

static void
row_selected_cb (GtkListBox *list, GtkListBoxRow *row, EmObjectPane *self)
{
  if (!self->is_selecting && row)
    em_clip_select (self->clip, em_object_row_get_object (EM_OBJECT_ROW (row)));
}

static void
update_rows (EmObjectPane *self)
{
  GtkListBoxRow *row;

  if (em_clip_is_playing (self->clip))
    return; /* thirty times a second nobody reads it; pausing tells again */
  for (int i = 0; (row = gtk_list_box_get_row_at_index (self->list, i)); i++)
    em_object_row_update (EM_OBJECT_ROW (row));
  show_details (self);
}

void
em_object_pane_set_clip (EmObjectPane *self, EmClip *clip)
{
  gtk_list_box_bind_model (self->list, NULL, NULL, NULL, NULL);
  if (self->clip)
    g_signal_handlers_disconnect_by_data (self->clip, self);
  g_set_object (&self->clip, clip);
  if (clip) {
    gtk_list_box_bind_model (self->list, em_clip_get_objects (clip), make_row, self, NULL);
    g_signal_connect_swapped (clip, "scene-changed", G_CALLBACK (update_rows), self);
    g_signal_connect_swapped (clip, "notify::frame", G_CALLBACK (update_rows), self);
    g_signal_connect_swapped (clip, "notify::selected", G_CALLBACK (show_selected), self);
    g_signal_connect_swapped (clip, "notify::asked", G_CALLBACK (show_details), self);
    g_signal_connect_swapped (clip, "lanes-changed", G_CALLBACK (show_selected), self);
  }
  em_sentence_pane_set_clip (self->sentences, clip);
  show_selected (self);
}

/* Life --------------------------------------------------------------------------------------------
 */

static void
em_object_pane_dispose (GObject *object)
{
  EmObjectPane *self = EM_OBJECT_PANE (object);

  if (self->clip)
    g_signal_handlers_disconnect_by_data (self->clip, self);
  g_clear_object (&self->clip);
  G_OBJECT_CLASS (em_object_pane_parent_class)->dispose (object);
}

static void
em_object_pane_class_init (EmObjectPaneClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = em_object_pane_dispose;
  g_type_ensure (EM_TYPE_SENTENCE_PANE);
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/org/earmark/Earmark/ui/em-object-pane.ui");
  gtk_widget_class_bind_template_child (widget_class, EmObjectPane, list);
  gtk_widget_class_bind_template_child (widget_class, EmObjectPane, details);
  gtk_widget_class_bind_template_child (widget_class, EmObjectPane, name);
  gtk_widget_class_bind_template_child (widget_class, EmObjectPane, class_name);
  gtk_widget_class_bind_template_child (widget_class, EmObjectPane, classes);
  gtk_widget_class_bind_template_child (widget_class, EmObjectPane, facts);
  gtk_widget_class_bind_template_child (widget_class, EmObjectPane, sentences);
}

static void
em_object_pane_init (EmObjectPane *self)
{
  const char *const titles[N_FACTS]
      = { _ ("State"), _ ("Origin"), _ ("Area"), _ ("Expected IoU"), _ ("Prompts"), _ ("Weights") };

  gtk_widget_init_template (GTK_WIDGET (self));
  for (int i = 0; i < N_FACTS; i++) {
    GtkWidget *title = gtk_label_new (titles[i]);

    gtk_label_set_xalign (GTK_LABEL (title), 0);
    gtk_widget_add_css_class (title, "dim-label");
    gtk_widget_add_css_class (title, "caption-small");
    self->fact[i] = GTK_LABEL (gtk_label_new ("–"));
    gtk_label_set_xalign (self->fact[i], 0);
    gtk_label_set_ellipsize (self->fact[i], PANGO_ELLIPSIZE_END);
    gtk_widget_add_css_class (GTK_WIDGET (self->fact[i]), "caption-small");
    gtk_widget_set_hexpand (GTK_WIDGET (self->fact[i]), TRUE);
    gtk_grid_attach (self->facts, title, 0, i, 1, 1);
    gtk_grid_attach (self->facts, GTK_WIDGET (self->fact[i]), 1, i, 1, 1);
  }
  show_details (self);
  g_signal_connect (self->list, "row-selected", G_CALLBACK (row_selected_cb), self);
  g_signal_connect_swapped (self->name, "apply", G_CALLBACK (name_applied_cb), self);
  g_signal_connect_swapped (self->class_name, "apply", G_CALLBACK (class_applied_cb), self);
}
