/* window_actions.c - everything that can be done in the window, its keys, and when it cannot be
 * done the reason, which the button's tooltip tells. */
#include "app/em-window-private.h"
#include "service/clip_expressions.h"
#include <glib/gi18n.h>
#include <stdlib.h>

#define SECOND G_GINT64_CONSTANT (1000000000)

/* Transport ---------------------------------------------------------------------------------------
 */

static void
play_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  EmClip *clip = EM_WINDOW (widget)->clip;

  if (em_clip_is_playing (clip))
    em_clip_pause (clip);
  else
    em_clip_play (clip);
}

/* Stepping always ends on a frame that stands still. */
static void
go_to (EmClip *clip, int frame)
{
  em_clip_pause (clip);
  em_clip_seek (clip, frame);
}

static void
step_time (EmClip *clip, int64_t by)
{
  EmFrameIndex *index = em_clip_get_index (clip);
  int64_t t;

  if (index == NULL)
    return;
  t = em_frame_index_pts (index, em_clip_get_frame (clip)) + by;
  go_to (clip, em_frame_index_at (index, CLAMP (t, 0, em_clip_get_duration (clip))));
}

static void
step_decided (EmClip *clip, int direction)
{
  EmObject *object = em_clip_get_selected (clip);
  int frame = object ? em_object_next_decided (object, em_clip_get_frame (clip), direction) : -1;

  if (frame >= 0)
    go_to (clip, frame);
}

static void
step_grid (EmClip *clip, int direction)
{
  int n, frame = em_clip_get_frame (clip);
  const int *grid = em_clip_get_grid (clip, &n);

  for (int i = direction > 0 ? 0 : n - 1; i >= 0 && i < n; i += direction)
    if ((grid[i] - frame) * direction > 0) {
      go_to (clip, grid[i]);
      return;
    }
}

static void
seek_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  EmClip *clip = EM_WINDOW (widget)->clip;
  int frame = em_clip_get_frame (clip), n = em_clip_get_n_frames (clip);

  if (g_str_equal (name, "win.previous-frame"))
    go_to (clip, frame - 1);
  else if (g_str_equal (name, "win.next-frame"))
    go_to (clip, frame + 1);
  else if (g_str_equal (name, "win.back-second"))
    step_time (clip, -SECOND);
  else if (g_str_equal (name, "win.forward-second"))
    step_time (clip, SECOND);
  else if (g_str_equal (name, "win.previous-key"))
    step_decided (clip, -1);
  else if (g_str_equal (name, "win.next-key"))
    step_decided (clip, 1);
  else if (g_str_equal (name, "win.previous-grid"))
    step_grid (clip, -1);
  else if (g_str_equal (name, "win.next-grid"))
    step_grid (clip, 1);
  else if (g_str_equal (name, "win.first-frame"))
    go_to (clip, 0);
  else
    go_to (clip, n - 1);
}

static void
go_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  go_to (EM_WINDOW (widget)->clip, g_variant_get_int32 (target));
}

static void
range_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  EmClip *clip = EM_WINDOW (widget)->clip;
  int first, last, frame = em_clip_get_frame (clip);

  em_clip_get_range (clip, &first, &last);
  if (g_str_equal (name, "win.range-in"))
    em_clip_set_range (clip, frame, MAX (last, frame));
  else if (g_str_equal (name, "win.range-out"))
    em_clip_set_range (clip, MIN (first, frame), frame);
  else
    em_clip_set_range (clip, -1, -1);
}

static void
rate_step_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  static const char *const rates[] = { "0.25", "0.5", "0.75", "1", "1.5", "2" };
  double now = em_clip_get_rate (EM_WINDOW (widget)->clip);
  int best = 0;

  for (int i = 0; i < (int) G_N_ELEMENTS (rates); i++)
    if (g_ascii_strtod (rates[i], NULL) <= now + 0.01)
      best = i;
  best = CLAMP (best + (g_str_equal (name, "win.faster") ? 1 : -1), 0,
                (int) G_N_ELEMENTS (rates) - 1);
  gtk_widget_activate_action (widget, "win.rate", "s", rates[best]);
}

static void
rate_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  EmWindow *self = EM_WINDOW (widget);
  g_autofree char *label = g_strdup_printf ("%s×", g_variant_get_string (target, NULL));

  em_clip_set_rate (self->clip, g_ascii_strtod (g_variant_get_string (target, NULL), NULL));
  gtk_menu_button_set_label (self->rate_button, label);
}

/* Sound -------------------------------------------------------------------------------------------
 */

static void
suggest_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  EmWindow *self = EM_WINDOW (widget);
  int first, last;

  self->has_asked = TRUE;
  if (g_str_equal (name, "win.suggest"))
    em_clip_suggest_here (self->clip);
  else if (g_str_equal (name, "win.suggest-range"))
    em_clip_suggest (self->clip, true);
  else if (g_str_equal (name, "win.suggest-clip"))
    em_clip_suggest (self->clip, false);
  else /* Shift+A: the range if there is one */
    em_clip_suggest (self->clip, em_clip_get_range (self->clip, &first, &last));
}

static void
accept_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  em_clip_accept (EM_WINDOW (widget)->clip);
}

static void
refuse_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  em_clip_refuse (EM_WINDOW (widget)->clip);
}

/* Masks -------------------------------------------------------------------------------------------
 */

static void
track_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  em_clip_track (EM_WINDOW (widget)->clip, g_str_equal (name, "win.track")           ? 0
                                           : g_str_equal (name, "win.track-forward") ? 1
                                                                                     : -1);
}

static void
absent_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  em_clip_mark_absent (EM_WINDOW (widget)->clip, g_str_equal (name, "win.absent-range"));
}

static void
approve_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  em_clip_approve (EM_WINDOW (widget)->clip, g_str_equal (name, "win.approve-range"));
}

static void
clear_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  EmWindow *self = EM_WINDOW (widget);
  int prompt = em_stage_get_selected_prompt (self->stage);

  if (prompt >= 0) {
    em_stage_select_prompt (self->stage, -1);
    em_clip_remove_prompt (self->clip, prompt);
  } else {
    em_clip_clear_mask (self->clip);
  }
}

static const EmCell *
cell_here (EmClip *clip, int offset)
{
  EmObject *object = em_clip_get_selected (clip);
  int frame = em_clip_get_frame (clip) + offset;

  return object && frame >= 0 && frame < em_object_n_frames (object)
             ? em_object_cell (object, frame)
             : NULL;
}

static void
copy_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  EmWindow *self = EM_WINDOW (widget);
  const EmCell *cell = cell_here (self->clip, 0);

  if (cell == NULL || cell->mask == NULL) {
    em_window_toast (self, _ ("There is no mask to copy here"), NULL);
    return;
  }
  em_rle_clear (&self->clipboard);
  self->clipboard = em_rle_copy (&cell->mask->rle);
  em_window_toast (self, _ ("Mask copied"), NULL);
}

static void
paste_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  EmWindow *self = EM_WINDOW (widget);

  if (self->clipboard.width == em_clip_get_width (self->clip)
      && self->clipboard.height == em_clip_get_height (self->clip))
    em_clip_paste (self->clip, &self->clipboard);
  else
    em_window_toast (self, _ ("No mask of this size was copied"), NULL);
}

static void
duplicate_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  EmWindow *self = EM_WINDOW (widget);
  const EmCell *cell = cell_here (self->clip, -1);

  if (cell && cell->mask)
    em_clip_paste (self->clip, &cell->mask->rle);
  else
    em_window_toast (self, _ ("The previous frame has no mask"), NULL);
}

static void
undo_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  em_clip_undo (EM_WINDOW (widget)->clip);
}

static void
redo_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  em_clip_redo (EM_WINDOW (widget)->clip);
}

static void
resume_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  if (EM_WINDOW (widget)->clip)
    em_clip_resume (EM_WINDOW (widget)->clip);
}

/* Escape: out of a text field, then candidates, then the chosen prompt, then whatever runs, then
 * back from an expression to the sound. */
static void
cancel_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  EmWindow *self = EM_WINDOW (widget);
  gboolean busy;

  if (self->clip == NULL)
    return;
  if (GTK_IS_EDITABLE (gtk_root_get_focus (GTK_ROOT (self)))) {
    gtk_widget_grab_focus (GTK_WIDGET (self->viewer));
    return;
  }
  if (em_viewer_get_crosshair (self->viewer))
    em_viewer_set_crosshair (self->viewer, FALSE);
  else if (em_clip_get_proposal (self->clip))
    em_clip_put_aside (self->clip);
  else if (em_stage_get_selected_prompt (self->stage) >= 0)
    em_stage_select_prompt (self->stage, -1);
  else {
    g_object_get (self->clip, "busy", &busy, NULL);
    if (!busy && !em_clip_is_tracking (self->clip))
      em_clip_ask_about (self->clip, NULL);
    em_clip_cancel (self->clip);
  }
}

/* Objects -----------------------------------------------------------------------------------------
 */

static void
select_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  EmClip *clip = EM_WINDOW (widget)->clip;
  g_autoptr (EmObject) object = NULL;

  if (clip == NULL)
    return;
  object = g_list_model_get_item (em_clip_get_objects (clip),
                                  (guint) g_variant_get_int32 (target) - 1);
  if (object)
    em_clip_select (clip, object);
}

static void
select_step_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  EmClip *clip = EM_WINDOW (widget)->clip;
  EmObject *now = em_clip_get_selected (clip);
  guint n = g_list_model_get_n_items (em_clip_get_objects (clip));
  int at = now ? (int) em_object_get_number (now) : 0;

  at += g_str_equal (name, "win.next-object") ? 1 : -1;
  if (n > 0)
    gtk_widget_activate_action (widget, "win.select-object", "i", CLAMP (at, 1, (int) n));
}

static void
object_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  EmWindow *self = EM_WINDOW (widget);
  EmObject *object = em_clip_get_selected (self->clip);

  if (g_str_equal (name, "win.new-object")) {
    em_clip_new_object (self->clip);
  } else if (object == NULL) {
    em_window_toast (self, _ ("Select an object first"), NULL);
  } else if (g_str_equal (name, "win.delete-object")) {
    em_clip_delete_object (self->clip, object);
  } else if (g_str_equal (name, "win.lock-object")) {
    em_clip_set_locked (self->clip, object, !em_object_is_locked (object));
  } else if (g_str_equal (name, "win.set-class")) {
    em_clip_set_class (self->clip, object, g_variant_get_string (target, NULL));
  } else {
    adw_flap_set_reveal_flap (self->objects_flap, TRUE);
    if (g_str_equal (name, "win.rename-object"))
      em_object_pane_edit_name (self->objects);
    else
      em_object_pane_edit_class (self->objects);
  }
}

/* View --------------------------------------------------------------------------------------------
 */

static void
zoom_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  EmWindow *self = EM_WINDOW (widget);
  const EmCell *cell = self->clip ? cell_here (self->clip, 0) : NULL;

  if (g_str_equal (name, "win.zoom"))
    em_viewer_set_zoom (self->viewer, g_ascii_strtod (g_variant_get_string (target, NULL), NULL));
  else if (g_str_equal (name, "win.zoom-in"))
    em_viewer_zoom_step (self->viewer, 1);
  else if (g_str_equal (name, "win.zoom-out"))
    em_viewer_zoom_step (self->viewer, -1);
  else if (g_str_equal (name, "win.zoom-object") && cell && cell->mask)
    em_viewer_show_box (self->viewer, cell->mask->box);
  else
    em_viewer_fit (self->viewer);
}

static void
focus_canvas_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  gtk_widget_grab_focus (GTK_WIDGET (EM_WINDOW (widget)->viewer));
}

static void
search_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  EmWindow *self = EM_WINDOW (widget);

  adw_flap_set_reveal_flap (self->queue_flap, TRUE);
  gtk_widget_grab_focus (GTK_WIDGET (self->search));
}

static void
toggle_pane_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  EmWindow *self = EM_WINDOW (widget);
  AdwFlap *flap = g_str_equal (name, "win.toggle-queue") ? self->queue_flap : self->objects_flap;

  adw_flap_set_reveal_flap (flap, !adw_flap_get_reveal_flap (flap));
}

static void
fullscreen_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  g_object_set (widget, "fullscreened", !gtk_window_is_fullscreen (GTK_WINDOW (widget)), NULL);
}

static void
point_mode_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  EmViewer *viewer = EM_WINDOW (widget)->viewer;

  em_viewer_set_crosshair (viewer, !em_viewer_get_crosshair (viewer));
  gtk_widget_grab_focus (GTK_WIDGET (viewer));
}

static void
copy_position_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  EmWindow *self = EM_WINDOW (widget);

  gdk_clipboard_set_text (gtk_widget_get_clipboard (widget),
                          adw_window_title_get_subtitle (self->title));
  em_window_toast (self, _ ("Position copied"), NULL);
}

static void
clip_step_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  em_window_step_clip (EM_WINDOW (widget), g_str_equal (name, "win.next-clip") ? 1 : -1);
}

void
em_window_install_actions (GtkWidgetClass *klass)
{
  static const struct {
    const char *name;
    GtkWidgetActionActivateFunc run;
    const char *type;
  } actions[] = {
    { "win.play", play_cb },
    { "win.previous-frame", seek_cb },
    { "win.next-frame", seek_cb },
    { "win.back-second", seek_cb },
    { "win.forward-second", seek_cb },
    { "win.previous-key", seek_cb },
    { "win.next-key", seek_cb },
    { "win.previous-grid", seek_cb },
    { "win.next-grid", seek_cb },
    { "win.first-frame", seek_cb },
    { "win.last-frame", seek_cb },
    { "win.go", go_cb, "i" },
    { "win.range-in", range_cb },
    { "win.range-out", range_cb },
    { "win.range-clear", range_cb },
    { "win.rate", rate_cb, "s" },
    { "win.faster", rate_step_cb },
    { "win.slower", rate_step_cb },
    { "win.suggest", suggest_cb },
    { "win.suggest-range", suggest_cb },
    { "win.suggest-clip", suggest_cb },
    { "win.suggest-more", suggest_cb },
    { "win.accept", accept_cb },
    { "win.refuse", refuse_cb },
    { "win.track", track_cb },
    { "win.track-forward", track_cb },
    { "win.track-backward", track_cb },
    { "win.absent", absent_cb },
    { "win.absent-range", absent_cb },
    { "win.approve", approve_cb },
    { "win.approve-range", approve_cb },
    { "win.clear", clear_cb },
    { "win.copy-mask", copy_cb },
    { "win.paste-mask", paste_cb },
    { "win.duplicate-mask", duplicate_cb },
    { "win.undo", undo_cb },
    { "win.redo", redo_cb },
    { "win.cancel", cancel_cb },
    { "win.resume", resume_cb },
    { "win.select-object", select_cb, "i" },
    { "win.previous-object", select_step_cb },
    { "win.next-object", select_step_cb },
    { "win.new-object", object_cb },
    { "win.delete-object", object_cb },
    { "win.lock-object", object_cb },
    { "win.rename-object", object_cb },
    { "win.edit-class", object_cb },
    { "win.set-class", object_cb, "s" },
    { "win.zoom", zoom_cb, "s" },
    { "win.zoom-in", zoom_cb },
    { "win.zoom-out", zoom_cb },
    { "win.zoom-fit", zoom_cb },
    { "win.zoom-object", zoom_cb },
    { "win.focus-canvas", focus_canvas_cb },
    { "win.search", search_cb },
    { "win.toggle-queue", toggle_pane_cb },
    { "win.toggle-objects", toggle_pane_cb },
    { "win.fullscreen", fullscreen_cb },
    { "win.point-mode", point_mode_cb },
    { "win.copy-position", copy_position_cb },
    { "win.next-clip", clip_step_cb },
    { "win.previous-clip", clip_step_cb },
  };

  for (guint i = 0; i < G_N_ELEMENTS (actions); i++)
    gtk_widget_class_install_action (klass, actions[i].name, actions[i].type, actions[i].run);
}

/* Keys --------------------------------------------------------------------------------------------
 */

/* In the bubble phase: what has the focus comes first, so text fields keep their letters. */
static const struct {
  const char *keys, *action;
} keys[] = {
  { "space", "win.play" },
  { "Left", "win.previous-frame" },
  { "Right", "win.next-frame" },
  { "<Shift>Left", "win.back-second" },
  { "<Shift>Right", "win.forward-second" },
  { "<Control>Left", "win.previous-key" },
  { "<Control>Right", "win.next-key" },
  { "<Alt>Left", "win.previous-grid" },
  { "<Alt>Right", "win.next-grid" },
  { "Home", "win.first-frame" },
  { "End", "win.last-frame" },
  { "l", "win.loop" },
  { "m", "win.mute" },
  { "i", "win.range-in" },
  { "o", "win.range-out" },
  { "<Shift>i", "win.range-clear" },
  { "<Control>Up", "win.faster" },
  { "<Control>Down", "win.slower" },
  { "a", "win.suggest" },
  { "<Shift>a", "win.suggest-more" },
  { "q", "win.segment-text" },
  { "<Shift>q", "win.segment-text-more" },
  { "<Shift>n", "win.new-expression" },
  { "Return|KP_Enter", "win.accept" },
  { "BackSpace", "win.refuse" },
  { "t", "win.track" },
  { "<Alt>t", "win.track-forward" },
  { "<Shift>t", "win.track-backward" },
  { "Escape", "win.cancel" },
  { "u", "win.use-sound" },
  { "p", "win.tool('prompt')" },
  { "v", "win.tool('select')" },
  { "x", "win.swap" },
  { "n", "win.new-object" },
  { "Up", "win.previous-object" },
  { "Down", "win.next-object" },
  { "F2", "win.rename-object" },
  { "c", "win.edit-class" },
  { "k", "win.lock-object" },
  { "w", "win.absent" },
  { "<Shift>w", "win.absent-range" },
  { "Delete", "win.clear" },
  { "<Shift>Delete", "win.delete-object" },
  { "<Control>c", "win.copy-mask" },
  { "<Control>v", "win.paste-mask" },
  { "<Control>d", "win.duplicate-mask" },
  { "y", "win.approve" },
  { "<Shift>y", "win.approve-range" },
  { "<Shift>h", "win.outlines" },
  { "z", "win.zoom-object" },
  { "<Shift>z", "win.zoom-fit" },
  { "<Control>0", "win.zoom('1')" },
  { "<Control>plus|<Control>equal", "win.zoom-in" },
  { "<Control>minus", "win.zoom-out" },
  { "Page_Down", "win.next-clip" },
  { "Page_Up", "win.previous-clip" },
  { "<Control>Return", "win.finish" },
  { "<Control>z", "win.undo" },
  { "<Control><Shift>z", "win.redo" },
  { "<Control>o", "win.open" },
  { "<Control>n", "win.new-project" },
  { "<Control>e", "win.export" },
  { "<Control>f", "win.search" },
  { "F9", "win.toggle-queue" },
  { "<Control>F9", "win.toggle-objects" },
  { "F11", "win.fullscreen" },
  { "<Shift>p", "win.point-mode" },
  { "F1", "win.help" },
  { "<Control>w", "window.close" },
};

static GtkShortcut *
make_shortcut (const char *trigger, const char *detailed)
{
  g_autofree char *name = NULL;
  g_autoptr (GVariant) target = NULL;
  GtkShortcut *shortcut;

  g_action_parse_detailed_name (detailed, &name, &target, NULL);
  shortcut
      = gtk_shortcut_new (gtk_shortcut_trigger_parse_string (trigger), gtk_named_action_new (name));
  gtk_shortcut_set_arguments (shortcut, target);
  return shortcut;
}

/* While points are placed by keyboard the arrows belong to the crosshair. */
static gboolean
crosshair_key (EmWindow *self, guint key, GdkModifierType state)
{
  int by = state & GDK_CONTROL_MASK ? 10 : 1;

  switch (key) {
  case GDK_KEY_Left:
    em_viewer_move_crosshair (self->viewer, -by, 0);
    return TRUE;
  case GDK_KEY_Right:
    em_viewer_move_crosshair (self->viewer, by, 0);
    return TRUE;
  case GDK_KEY_Up:
    em_viewer_move_crosshair (self->viewer, 0, -by);
    return TRUE;
  case GDK_KEY_Down:
    em_viewer_move_crosshair (self->viewer, 0, by);
    return TRUE;
  case GDK_KEY_Return:
  case GDK_KEY_KP_Enter:
    em_viewer_click_crosshair (self->viewer,
                               state & GDK_SHIFT_MASK ? EM_BUTTON_SECONDARY : EM_BUTTON_PRIMARY);
    return TRUE;
  default:
    return FALSE;
  }
}

static gboolean
key_pressed_cb (GtkEventControllerKey *controller, guint key, guint code, GdkModifierType state,
                EmWindow *self)
{
  GdkModifierType mods = state & gtk_accelerator_get_default_mod_mask ();

  if (em_viewer_get_crosshair (self->viewer)
      && gtk_root_get_focus (GTK_ROOT (self)) == GTK_WIDGET (self->viewer)
      && crosshair_key (self, key, state))
    return TRUE;
  if (mods == 0 && code >= 10 && code <= 18) { /* the number row, whatever the layout puts on it */
    gtk_widget_activate_action (GTK_WIDGET (self), "win.select-object", "i", (int) code - 9);
    return TRUE;
  }
  if (mods == 0 && (key == GDK_KEY_h || key == GDK_KEY_H)) {
    em_stage_set_hidden (self->stage, TRUE);
    return TRUE;
  }
  return FALSE;
}

static void
key_released_cb (GtkEventControllerKey *controller, guint key, guint code, GdkModifierType state,
                 EmWindow *self)
{
  g_autoptr (GVariant) kept = g_action_group_get_action_state (G_ACTION_GROUP (self), "hide-masks");

  if (key == GDK_KEY_h || key == GDK_KEY_H)
    em_stage_set_hidden (self->stage, kept && g_variant_get_boolean (kept));
}

void
em_window_add_keys (EmWindow *self)
{
  GtkEventController *shortcuts = gtk_shortcut_controller_new ();
  GtkEventController *key = gtk_event_controller_key_new ();

  gtk_event_controller_set_propagation_phase (shortcuts, GTK_PHASE_BUBBLE);
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    gtk_shortcut_controller_add_shortcut (GTK_SHORTCUT_CONTROLLER (shortcuts),
                                          make_shortcut (keys[i].keys, keys[i].action));
  gtk_widget_add_controller (GTK_WIDGET (self), shortcuts);
  g_signal_connect (key, "key-pressed", G_CALLBACK (key_pressed_cb), self);
  g_signal_connect (key, "key-released", G_CALLBACK (key_released_cb), self);
  gtk_widget_add_controller (GTK_WIDGET (self), key);
}

/* What is possible --------------------------------------------------------------------------------
 */

static void
enable (EmWindow *self, const char *action, const char *problem)
{
  gtk_widget_action_set_enabled (GTK_WIDGET (self), action, problem == NULL);
}

/* Sets the tooltip to the reason, or to what the control does. */
static void
explain (GtkWidget *widget, const char *problem, const char *what)
{
  gtk_widget_set_tooltip_text (widget, problem ? problem : what);
  gtk_accessible_update_property (GTK_ACCESSIBLE (widget), GTK_ACCESSIBLE_PROPERTY_DESCRIPTION,
                                  problem ? problem : what, -1);
}

static const char *
clip_problem (EmWindow *self)
{
  if (self->clip == NULL)
    return _ ("No clip is open");
  if (em_clip_get_status (self->clip) == EM_CLIP_LOADING)
    return _ ("The clip is still loading");
  if (em_clip_get_status (self->clip) == EM_CLIP_FAILED)
    return _ ("This clip cannot be opened");
  return NULL;
}

static void
update_sound (EmWindow *self, const char *edit)
{
  const char *problem = edit ? edit : em_clip_sound_problem (self->clip);
  const char *general = edit, *decide;
  const EmProposal *proposal = edit ? NULL : em_clip_get_proposal (self->clip);
  EmAudio *audio = self->clip ? em_clip_get_audio (self->clip) : NULL;

  if (general == NULL
      && (audio == NULL || !em_audio_has_sound (audio) || !em_engine_has_sound (self->engine)))
    general = problem;
  decide = edit ? edit : proposal == NULL ? _ ("Nothing is suggested here") : NULL;
  enable (self, "win.suggest", problem);
  enable (self, "win.suggest-range", general);
  enable (self, "win.suggest-clip", general);
  enable (self, "win.suggest-more", general);
  explain (GTK_WIDGET (self->suggest_button), problem, _ ("Ask the sound what it sees here (A)"));
  enable (self, "win.refuse", decide);
  if (decide == NULL && proposal->candidates->len == 0)
    decide = _ ("No candidate is above the threshold");
  enable (self, "win.accept", decide);
}

static void
update_masks (EmWindow *self, const char *edit)
{
  EmObject *object = edit ? NULL : em_clip_get_selected (self->clip);
  const char *needs = edit ? edit : object == NULL ? _ ("Select an object first") : NULL;
  const char *track = edit ? edit : em_clip_track_problem (self->clip);
  const char *change = needs                          ? needs
                       : em_object_is_locked (object) ? _ ("The object is locked")
                                                      : NULL;
  static const char *const with_object[]
      = { "win.absent",        "win.absent-range", "win.clear",         "win.approve",
          "win.approve-range", "win.paste-mask",   "win.duplicate-mask" };

  for (guint i = 0; i < G_N_ELEMENTS (with_object); i++)
    enable (self, with_object[i], change);
  enable (self, "win.copy-mask", object ? NULL : needs);
  enable (self, "win.delete-object", needs);
  enable (self, "win.lock-object", needs);
  enable (self, "win.rename-object", needs);
  enable (self, "win.edit-class", needs);
  enable (self, "win.new-object", edit);
  enable (self, "win.track", track);
  enable (self, "win.track-forward", track);
  enable (self, "win.track-backward", track);
  explain (GTK_WIDGET (self->track_button), track,
           _ ("Track the selected object through the range or the clip (T)"));
}

void
em_window_update_actions (EmWindow *self)
{
  static const char *const view[]
      = { "win.play",           "win.previous-frame", "win.next-frame",    "win.back-second",
          "win.forward-second", "win.previous-key",   "win.next-key",      "win.previous-grid",
          "win.next-grid",      "win.first-frame",    "win.last-frame",    "win.go",
          "win.range-in",       "win.range-out",      "win.range-clear",   "win.rate",
          "win.faster",         "win.slower",         "win.copy-position", "win.previous-object",
          "win.next-object",    "win.loop",           "win.mute" };
  const char *closed = clip_problem (self), *edit = closed;
  const char *undo, *redo;

  if (edit == NULL && !em_project_is_writable (self->project))
    edit = _ ("The project is open for reading only");
  for (guint i = 0; i < G_N_ELEMENTS (view); i++)
    enable (self, view[i], closed);
  update_sound (self, edit);
  update_masks (self, edit);
  em_window_update_sentences (self, edit == NULL);
  undo = edit ? edit : em_clip_can_undo (self->clip) ? NULL : _ ("Nothing to undo");
  redo = edit ? edit : em_clip_can_redo (self->clip) ? NULL : _ ("Nothing to redo");
  enable (self, "win.undo", undo);
  enable (self, "win.redo", redo);
  explain (self->undo_button, undo, _ ("Undo (Ctrl+Z)"));
  explain (self->redo_button, redo, _ ("Redo (Ctrl+Shift+Z)"));
  enable (self, "win.add-clips",
          self->project && em_project_is_writable (self->project) ? NULL
                                                                  : _ ("No project is open"));
  enable (self, "win.finish", edit);
  enable (self, "win.export", self->project ? NULL : _ ("No project is open"));
}
