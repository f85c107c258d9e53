/* em-window.c - the parts of the window put together, and what they show of the open clip. Actions
 * are in window_actions.c, projects in window_open.c, the model in window_model.c. */
#include "app/em-window-private.h"
#include "app/em-clip-row.h"
#include "app/em-job-row.h"
#include "app/settings.h"
#include <glib/gi18n.h>

G_DEFINE_FINAL_TYPE (EmWindow, em_window, ADW_TYPE_APPLICATION_WINDOW)

/* Telling -----------------------------------------------------------------------------------------
 */

/* `action`: "undo", "redo" or "resume" offers that button, NULL none. */
void
em_window_toast (EmWindow *self, const char *text, const char *action)
{
  g_autofree char *escaped = g_markup_escape_text (text, -1); /* titles are markup */
  AdwToast *toast = adw_toast_new (escaped);

  adw_toast_set_timeout (toast, 4);
  if (g_strcmp0 (action, "undo") == 0) {
    adw_toast_set_button_label (toast, _ ("Undo"));
    adw_toast_set_action_name (toast, "win.undo");
  } else if (g_strcmp0 (action, "redo") == 0) {
    adw_toast_set_button_label (toast, _ ("Redo"));
    adw_toast_set_action_name (toast, "win.redo");
  } else if (g_strcmp0 (action, "resume") == 0) {
    adw_toast_set_button_label (toast, _ ("Resume"));
    adw_toast_set_action_name (toast, "win.resume");
    adw_toast_set_timeout (toast, 12);
  }
  adw_toast_overlay_add_toast (self->toasts, toast);
}

static void
notice_cb (EmWindow *self, const char *text, const char *action)
{
  em_window_toast (self, text, action);
}

static void
failed_cb (EmWindow *self, const char *text)
{
  g_message ("%s", text);
  em_window_toast (self, text, NULL);
}

/* Titles and times --------------------------------------------------------------------------------
 */

static void
show_position (EmWindow *self)
{
  g_autofree char *subtitle = NULL, *frame = NULL;
  char time[32];
  int n;

  if (self->clip == NULL || em_clip_get_index (self->clip) == NULL)
    return;
  n = em_clip_get_frame (self->clip);
  em_time_text (em_frame_index_pts (em_clip_get_index (self->clip), n), 3, time);
  subtitle = g_strdup_printf (_ ("frame %d · %s · %d×%d"), n, time, em_clip_get_width (self->clip),
                              em_clip_get_height (self->clip));
  frame = g_strdup_printf ("%d / %d", n, em_clip_get_n_frames (self->clip) - 1);
  gtk_label_set_label (self->time, time);
  gtk_label_set_label (self->frame_label, frame);
  adw_window_title_set_subtitle (self->title, subtitle);
}

/* What a screen reader says of the canvas. */
static void
describe_canvas (EmWindow *self)
{
  EmObject *object = em_clip_get_selected (self->clip);
  int frame = em_clip_get_frame (self->clip);
  GString *text = g_string_new (NULL);

  g_string_append_printf (text, _ ("Frame %d of %d, %u objects"), frame,
                          em_clip_get_n_frames (self->clip),
                          g_list_model_get_n_items (em_clip_get_objects (self->clip)));
  if (object)
    g_string_append_printf (text, _ (", %s selected, state %s"), em_object_get_name (object),
                            em_state_name (em_object_cell (object, frame)->state));
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->viewer),
                                  GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, text->str, -1);
  g_string_free (text, TRUE);
}

static void
show_hint (EmWindow *self)
{
  gboolean wanted = self->clip && em_clip_get_status (self->clip) == EM_CLIP_READY
                    && !self->has_asked
                    && g_list_model_get_n_items (em_clip_get_objects (self->clip)) == 0
                    && em_clip_get_proposal (self->clip) == NULL;

  gtk_widget_set_visible (GTK_WIDGET (self->hint), wanted);
}

static void
update_state (EmWindow *self)
{
  gboolean open = self->clip && em_clip_get_status (self->clip) == EM_CLIP_READY;
  GAction *use_sound = g_action_map_lookup_action (G_ACTION_MAP (self), "use-sound");
  const char *problem = open ? em_clip_sound_problem (self->clip) : NULL;
  EmObject *object = open ? em_clip_get_selected (self->clip) : NULL;
  bool uses = open && em_clip_uses_sound (self->clip, object);

  if (open && em_clip_is_playing (self->clip))
    return;
  em_window_update_actions (self);
  g_simple_action_set_state (G_SIMPLE_ACTION (use_sound), g_variant_new_boolean (uses));
  g_simple_action_set_enabled (G_SIMPLE_ACTION (use_sound), object && (uses || problem == NULL)
                                                                && !em_object_is_locked (object));
  show_hint (self);
  if (open)
    describe_canvas (self);
}

static void
frame_cb (EmWindow *self)
{
  show_position (self);
  update_state (self);
}

static void
playing_cb (EmWindow *self)
{
  gboolean playing = em_clip_is_playing (self->clip);

  gtk_button_set_icon_name (GTK_BUTTON (self->play_button), playing
                                                                ? "media-playback-pause-symbolic"
                                                                : "media-playback-start-symbolic");
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->play_button), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  playing ? _ ("Pause") : _ ("Play"), -1);
  update_state (self);
}

static void
busy_cb (EmWindow *self)
{
  gboolean busy;

  g_object_get (self->clip, "busy", &busy, NULL);
  gtk_spinner_set_spinning (self->busy, busy);
  update_state (self);
}

static void
status_cb (EmWindow *self)
{
  EmClipStatus status = em_clip_get_status (self->clip);

  gtk_widget_set_visible (GTK_WIDGET (self->problem), status == EM_CLIP_FAILED);
  gtk_widget_set_visible (GTK_WIDGET (self->prompt_bar), status == EM_CLIP_READY);
  if (status == EM_CLIP_FAILED)
    adw_status_page_set_description (self->problem, em_clip_get_error (self->clip));
  show_position (self);
  update_state (self);
}

static void
lanes_cb (EmWindow *self)
{
  update_state (self);
  if (!em_clip_is_tracking (self->clip))
    em_project_refresh (self->project, em_clip_get_id (self->clip));
}

/* The clip ----------------------------------------------------------------------------------------
 */

void
em_window_show_clip (EmWindow *self, EmClip *clip)
{
  if (self->clip) {
    g_signal_handlers_disconnect_by_data (self->clip, self);
    em_clip_close (self->clip);
    em_project_refresh (self->project, em_clip_get_id (self->clip)); /* where it was left */
  }
  g_clear_object (&self->clip);
  self->clip = clip;
  em_stage_set_clip (self->stage, clip);
  em_timeline_set_clip (self->timeline, clip);
  em_object_pane_set_clip (self->objects, clip);
  em_prompt_bar_set_clip (self->prompt_bar, clip);
  adw_window_title_set_title (self->title, clip ? em_clip_get_name (clip) : "Earmark");
  adw_window_title_set_subtitle (self->title, "");
  if (clip) {
    em_clip_set_muted (clip, self->is_muted);
    g_signal_connect_swapped (clip, "notify::status", G_CALLBACK (status_cb), self);
    g_signal_connect_swapped (clip, "notify::frame", G_CALLBACK (frame_cb), self);
    g_signal_connect_swapped (clip, "notify::playing", G_CALLBACK (playing_cb), self);
    g_signal_connect_swapped (clip, "notify::busy", G_CALLBACK (busy_cb), self);
    g_signal_connect_swapped (clip, "notify::tracking", G_CALLBACK (update_state), self);
    g_signal_connect_swapped (clip, "notify::selected", G_CALLBACK (update_state), self);
    g_signal_connect_swapped (clip, "notify::asked", G_CALLBACK (update_state), self);
    g_signal_connect_swapped (clip, "scene-changed", G_CALLBACK (update_state), self);
    g_signal_connect_swapped (clip, "waveform", G_CALLBACK (update_state), self);
    g_signal_connect_swapped (clip, "lanes-changed", G_CALLBACK (lanes_cb), self);
    g_signal_connect_swapped (clip, "notice", G_CALLBACK (notice_cb), self);
    g_signal_connect_swapped (clip, "failed", G_CALLBACK (failed_cb), self);
    status_cb (self);
  } else {
    gtk_widget_set_visible (GTK_WIDGET (self->prompt_bar), FALSE);
    gtk_widget_set_visible (GTK_WIDGET (self->problem), FALSE);
  }
  update_state (self);
}

void
em_window_open_item (EmWindow *self, EmQueueItem *item)
{
  g_autoptr (GError) error = NULL;
  EmClip *clip;

  if (self->clip && em_clip_get_id (self->clip) == em_queue_item_row (item)->id)
    return;
  clip = em_project_open_clip (self->project, item, &error);
  if (clip == NULL) {
    em_window_toast (self, error->message, NULL);
    return;
  }
  em_window_show_clip (self, clip);
  gtk_widget_grab_focus (GTK_WIDGET (self->viewer));
}

/* The place of the open clip in the filtered order. */
static guint
place_of_clip (EmWindow *self)
{
  guint n = g_list_model_get_n_items (G_LIST_MODEL (self->filtered));

  for (guint i = 0; self->clip && i < n; i++) {
    g_autoptr (EmQueueItem) item = g_list_model_get_item (G_LIST_MODEL (self->filtered), i);

    if (em_queue_item_row (item)->id == em_clip_get_id (self->clip))
      return i;
  }
  return GTK_INVALID_LIST_POSITION;
}

void
em_window_step_clip (EmWindow *self, int direction)
{
  guint at = place_of_clip (self);
  g_autoptr (EmQueueItem) item = NULL;

  if (at == GTK_INVALID_LIST_POSITION || (at == 0 && direction < 0))
    return;
  item = g_list_model_get_item (G_LIST_MODEL (self->filtered), at + direction);
  if (item) {
    gtk_single_selection_set_selected (self->selection, at + direction);
    em_window_open_item (self, item);
  }
}

/* Canvas ------------------------------------------------------------------------------------------
 */

static void
act_cb (EmWindow *self, const EmAct *act)
{
  if (self->clip == NULL || !em_project_is_writable (self->project))
    return;
  switch (act->kind) {
  case EM_ACT_PROMPT:
    self->has_asked = TRUE;
    em_clip_add_prompt (self->clip, &act->prompt);
    break;
  case EM_ACT_SELECT_PROMPT:
    em_stage_select_prompt (self->stage, act->index);
    break;
  case EM_ACT_MOVE_PROMPT:
    em_clip_move_prompt (self->clip, act->index, &act->prompt);
    break;
  case EM_ACT_CANDIDATE:
  case EM_ACT_CANDIDATE_NEW:
    em_clip_accept_one (self->clip, act->index, act->kind == EM_ACT_CANDIDATE_NEW);
    break;
  case EM_ACT_SELECT_OBJECT:
    em_clip_select (self->clip, em_stage_object (self->stage, act->index));
    break;
  default:
    break;
  }
}

static void
pointer_cb (EmWindow *self, double x, double y, gboolean inside)
{
  EmObject *object = inside ? em_stage_object_at (self->stage, x, y) : NULL;
  g_autofree char *text = NULL;

  if (inside && object)
    text = g_strdup_printf ("%d, %d · %s (%" G_GINT64_FORMAT ")", (int) x, (int) y,
                            em_object_get_name (object), em_object_get_id (object));
  else if (inside)
    text = g_strdup_printf ("%d, %d", (int) x, (int) y);
  gtk_label_set_label (self->pointer, text ? text : "");
}

static void
zoomed_cb (EmWindow *self)
{
  g_autofree char *text = g_strdup_printf ("%.0f %%", 100 * em_viewer_get_scale (self->viewer));

  gtk_menu_button_set_label (self->zoom_button, text);
}

static void
hover_cb (EmWindow *self, int candidate)
{
  em_stage_set_hovered (self->stage, candidate);
  em_timeline_highlight_second (
      self->timeline,
      candidate >= 0 ? em_clip_second_of (self->clip, em_clip_get_frame (self->clip)) : -1);
}

static void
opacity_cb (EmWindow *self)
{
  em_stage_set_opacity (self->stage, gtk_range_get_value (GTK_RANGE (self->opacity)));
}

/* Switches that keep a state ----------------------------------------------------------------------
 */

static void
switch_cb (GSimpleAction *action, GVariant *state, gpointer data)
{
  EmWindow *self = data;
  const char *name = g_action_get_name (G_ACTION (action));
  gboolean on
      = g_variant_is_of_type (state, G_VARIANT_TYPE_BOOLEAN) && g_variant_get_boolean (state);

  if (g_str_equal (name, "use-sound")) {
    if (self->clip)
      em_clip_set_use_sound (self->clip, on);
    return; /* shown when the project has it */
  }
  g_simple_action_set_state (action, state);
  if (g_str_equal (name, "tool"))
    em_viewer_set_tool (self->viewer, g_str_equal (g_variant_get_string (state, NULL), "prompt")
                                          ? EM_TOOL_PROMPT
                                          : EM_TOOL_SELECT);
  else if (g_str_equal (name, "swap"))
    em_viewer_set_swapped (self->viewer, on);
  else if (g_str_equal (name, "outlines"))
    em_stage_set_outlines (self->stage, on);
  else if (g_str_equal (name, "solo"))
    em_stage_set_solo (self->stage, on);
  else if (g_str_equal (name, "hide-masks"))
    em_stage_set_hidden (self->stage, on);
  else if (g_str_equal (name, "spectrogram"))
    em_timeline_set_spectrogram (self->timeline, on);
  else if (g_str_equal (name, "loop") && self->clip)
    em_clip_set_looping (self->clip, on);
  else if (g_str_equal (name, "mute")) {
    self->is_muted = on;
    if (self->clip)
      em_clip_set_muted (self->clip, on);
  }
}

static void
add_switches (EmWindow *self)
{
  static const GActionEntry entries[] = {
    { "use-sound", NULL, NULL, "false", switch_cb },
    { "tool", NULL, "s", "'prompt'", switch_cb },
    { "swap", NULL, NULL, "false", switch_cb },
    { "outlines", NULL, NULL, "false", switch_cb },
    { "solo", NULL, NULL, "false", switch_cb },
    { "hide-masks", NULL, NULL, "false", switch_cb },
    { "spectrogram", NULL, NULL, "true", switch_cb },
    { "loop", NULL, NULL, "false", switch_cb },
    { "mute", NULL, NULL, "false", switch_cb },
  };

  g_action_map_add_action_entries (G_ACTION_MAP (self), entries, G_N_ELEMENTS (entries), self);
}

/* Queue -------------------------------------------------------------------------------------------
 */

static void
setup_row_cb (GtkSignalListItemFactory *factory, GtkListItem *item, EmWindow *self)
{
  gtk_list_item_set_child (item, em_clip_row_new ());
}

static void
bind_row_cb (GtkSignalListItemFactory *factory, GtkListItem *item, EmWindow *self)
{
  em_clip_row_bind (EM_CLIP_ROW (gtk_list_item_get_child (item)), self->project,
                    gtk_list_item_get_item (item));
}

static void
unbind_row_cb (GtkSignalListItemFactory *factory, GtkListItem *item, EmWindow *self)
{
  em_clip_row_unbind (EM_CLIP_ROW (gtk_list_item_get_child (item)));
}

static void
row_activated_cb (GtkListView *view, guint position, EmWindow *self)
{
  g_autoptr (EmQueueItem) item = g_list_model_get_item (G_LIST_MODEL (self->filtered), position);

  if (item)
    em_window_open_item (self, item);
}

static void
add_queue (EmWindow *self)
{
  GtkListItemFactory *factory = gtk_signal_list_item_factory_new ();
  GtkExpression *words = gtk_property_expression_new (EM_TYPE_QUEUE_ITEM, NULL, "words");
  GtkStringFilter *filter = gtk_string_filter_new (words);

  g_object_bind_property (self->search, "text", filter, "search", G_BINDING_SYNC_CREATE);
  self->filtered = gtk_filter_list_model_new (NULL, GTK_FILTER (filter));
  self->selection = gtk_single_selection_new (G_LIST_MODEL (g_object_ref (self->filtered)));
  gtk_single_selection_set_autoselect (self->selection, FALSE);
  gtk_single_selection_set_can_unselect (self->selection, TRUE);
  g_signal_connect (factory, "setup", G_CALLBACK (setup_row_cb), self);
  g_signal_connect (factory, "bind", G_CALLBACK (bind_row_cb), self);
  g_signal_connect (factory, "unbind", G_CALLBACK (unbind_row_cb), self);
  gtk_list_view_set_factory (self->queue, factory);
  gtk_list_view_set_model (self->queue, GTK_SELECTION_MODEL (self->selection));
  g_signal_connect (self->queue, "activate", G_CALLBACK (row_activated_cb), self);
  g_object_unref (factory);
}

/* Life --------------------------------------------------------------------------------------------
 */

EmProject *
em_window_get_project (EmWindow *self)
{
  return self->project;
}

EmClip *
em_window_get_clip (EmWindow *self)
{
  return self->clip;
}

EmViewer *
em_window_get_viewer (EmWindow *self)
{
  return self->viewer;
}

static void
set_switch (EmWindow *self, const char *name, gboolean on)
{
  g_action_change_state (g_action_map_lookup_action (G_ACTION_MAP (self), name),
                         g_variant_new_boolean (on));
}

static gboolean
get_switch (EmWindow *self, const char *name)
{
  g_autoptr (GVariant) state = g_action_group_get_action_state (G_ACTION_GROUP (self), name);

  return g_variant_get_boolean (state);
}

static void
load_settings (EmWindow *self)
{
  if (self->settings == NULL)
    return;
  gtk_window_set_default_size (GTK_WINDOW (self),
                               g_settings_get_int (self->settings, "window-width"),
                               g_settings_get_int (self->settings, "window-height"));
  if (g_settings_get_boolean (self->settings, "window-maximized"))
    gtk_window_maximize (GTK_WINDOW (self));
  adw_flap_set_reveal_flap (self->objects_flap,
                            g_settings_get_boolean (self->settings, "show-objects"));
  gtk_range_set_value (GTK_RANGE (self->opacity),
                       g_settings_get_double (self->settings, "mask-opacity"));
  set_switch (self, "spectrogram", g_settings_get_boolean (self->settings, "show-spectrogram"));
  set_switch (self, "mute", g_settings_get_boolean (self->settings, "muted"));
}

static void
save_settings (EmWindow *self)
{
  int width, height;

  if (self->settings == NULL)
    return;
  gtk_window_get_default_size (GTK_WINDOW (self), &width, &height);
  g_settings_set_int (self->settings, "window-width", width);
  g_settings_set_int (self->settings, "window-height", height);
  g_settings_set_boolean (self->settings, "window-maximized",
                          gtk_window_is_maximized (GTK_WINDOW (self)));
  g_settings_set_boolean (self->settings, "show-objects",
                          adw_flap_get_reveal_flap (self->objects_flap));
  g_settings_set_double (self->settings, "mask-opacity",
                         gtk_range_get_value (GTK_RANGE (self->opacity)));
  g_settings_set_boolean (self->settings, "show-spectrogram", get_switch (self, "spectrogram"));
  g_settings_set_boolean (self->settings, "muted", get_switch (self, "mute"));
}

static gboolean
em_window_close_request (GtkWindow *window)
{
  save_settings (EM_WINDOW (window));
  em_window_close_project (EM_WINDOW (window));
  return GTK_WINDOW_CLASS (em_window_parent_class)->close_request (window);
}

static void
em_window_dispose (GObject *object)
{
  EmWindow *self = EM_WINDOW (object);

  em_window_close_project (self);
  if (self->engine)
    g_signal_handlers_disconnect_by_data (self->engine, self);
  if (self->queue)
    gtk_list_view_set_factory (self->queue, NULL);
  g_clear_pointer (&self->stage, em_stage_free);
  g_clear_pointer (&self->recent_rows, g_ptr_array_unref);
  g_clear_object (&self->selection);
  g_clear_object (&self->filtered);
  g_clear_object (&self->settings);
  g_clear_object (&self->engine);
  em_rle_clear (&self->clipboard);
  G_OBJECT_CLASS (em_window_parent_class)->dispose (object);
}

static void
em_window_class_init (EmWindowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = em_window_dispose;
  GTK_WINDOW_CLASS (klass)->close_request = em_window_close_request;
  g_type_ensure (EM_TYPE_VIEWER);
  g_type_ensure (EM_TYPE_TIMELINE);
  g_type_ensure (EM_TYPE_OBJECT_PANE);
  g_type_ensure (EM_TYPE_PROMPT_BAR);
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/org/earmark/Earmark/ui/em-window.ui");
#define CHILD(name) gtk_widget_class_bind_template_child (widget_class, EmWindow, name)
  CHILD (toasts);
  CHILD (header);
  CHILD (queue_toggle);
  CHILD (objects_toggle);
  CHILD (suggest_button);
  CHILD (track_button);
  CHILD (undo_button);
  CHILD (redo_button);
  CHILD (play_button);
  CHILD (title);
  CHILD (model_button);
  CHILD (jobs_button);
  CHILD (rate_button);
  CHILD (zoom_button);
  CHILD (model_text);
  CHILD (banner_text);
  CHILD (hint);
  CHILD (time);
  CHILD (frame_label);
  CHILD (pointer);
  CHILD (saved);
  CHILD (model_popover);
  CHILD (jobs_list);
  CHILD (banner);
  CHILD (pages);
  CHILD (recent);
  CHILD (paned);
  CHILD (queue_flap);
  CHILD (objects_flap);
  CHILD (search);
  CHILD (queue);
  CHILD (objects);
  CHILD (viewer);
  CHILD (prompt_bar);
  CHILD (timeline);
  CHILD (busy);
  CHILD (problem);
  CHILD (opacity);
#undef CHILD
  em_window_install_actions (widget_class);
  em_window_install_sentence_actions (widget_class);
  em_window_install_open_actions (widget_class);
  em_window_install_model_actions (widget_class);
  em_window_install_help_actions (widget_class);
}

static void
banner_closed_cb (EmWindow *self)
{
  gtk_info_bar_set_revealed (self->banner, FALSE);
}

static void
em_window_init (EmWindow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  self->recent_rows = g_ptr_array_new ();
  self->stage = em_stage_new (self->viewer);
  add_switches (self);
  add_queue (self);
  em_window_add_keys (self);
  g_object_bind_property (self->queue_flap, "reveal-flap", self->queue_toggle, "active",
                          G_BINDING_SYNC_CREATE | G_BINDING_BIDIRECTIONAL);
  g_object_bind_property (self->objects_flap, "reveal-flap", self->objects_toggle, "active",
                          G_BINDING_SYNC_CREATE | G_BINDING_BIDIRECTIONAL);
  g_signal_connect_swapped (self->viewer, "act", G_CALLBACK (act_cb), self);
  g_signal_connect_swapped (self->viewer, "pointer", G_CALLBACK (pointer_cb), self);
  g_signal_connect_swapped (self->viewer, "zoomed", G_CALLBACK (zoomed_cb), self);
  g_signal_connect_swapped (self->viewer, "hover-candidate", G_CALLBACK (hover_cb), self);
  g_signal_connect_swapped (self->opacity, "value-changed", G_CALLBACK (opacity_cb), self);
  g_signal_connect_swapped (self->banner, "response", G_CALLBACK (banner_closed_cb), self);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->viewer), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  _ ("Canvas"), -1);
  em_window_show_recent (self);
  self->settings = em_settings_open ();
  load_settings (self);
}

EmWindow *
em_window_new (AdwApplication *application, EmEngine *engine)
{
  EmWindow *self = g_object_new (EM_TYPE_WINDOW, "application", application, NULL);

  self->engine = g_object_ref (engine);
  g_signal_connect_swapped (engine, "notify", G_CALLBACK (em_window_show_model), self);
  g_signal_connect_swapped (engine, "device-failed", G_CALLBACK (em_window_device_failed), self);
  em_window_show_model (self);
  em_window_update_actions (self);
  return self;
}
