/* drive.c - the application inside a test program. */
#include "drive.h"

static EmApplication *running;

EmApplication *
drive_start (void)
{
  g_autoptr (GError) error = NULL;

  running = em_application_new (G_APPLICATION_NON_UNIQUE);
  g_application_register (G_APPLICATION (running), NULL, &error);
  g_assert_no_error (error);
  return running;
}

void
drive_step (void)
{
  if (!g_main_context_iteration (NULL, FALSE))
    g_usleep (1000);
}

void
drive_pause (int ms)
{
  gint64 end = g_get_monotonic_time () + ms * 1000;

  while (g_get_monotonic_time () < end)
    drive_step ();
}

EmWindow *
drive_window (EmApplication *app)
{
  EmWindow *window = em_window_new (ADW_APPLICATION (app), em_application_get_engine (app));

  gtk_window_set_default_size (GTK_WINDOW (window), 1280, 800);
  gtk_window_present (GTK_WINDOW (window));
  WAIT (gtk_widget_get_mapped (GTK_WIDGET (window)));
  return window;
}

void
drive_stop (EmApplication *app)
{
  GList *windows;

  while ((windows = gtk_application_get_windows (GTK_APPLICATION (app)))) {
    gtk_window_close (windows->data);
    drive_pause (20);
  }
  drive_pause (100);
  g_application_quit (G_APPLICATION (app));
  g_signal_emit_by_name (app, "shutdown");
  running = NULL;
}

gboolean
drive_can (EmWindow *window, const char *action)
{
  GtkWidget *probe = g_object_ref_sink (gtk_button_new ()); /* sees what every button sees */
  gboolean enabled;

  gtk_actionable_set_action_name (GTK_ACTIONABLE (probe), action);
  gtk_widget_set_parent (probe, GTK_WIDGET (window));
  enabled = gtk_widget_get_sensitive (probe);
  gtk_widget_unparent (probe);
  g_object_unref (probe);
  return enabled;
}

void
drive_act (EmWindow *window, const char *action)
{
  if (!drive_can (window, action))
    g_error ("%s is disabled", action);
  g_assert_true (gtk_widget_activate_action (GTK_WIDGET (window), action, NULL));
}

gboolean
drive_is_idle (EmWindow *window)
{
  EmClip *clip = em_window_get_clip (window);
  EmProject *project = em_window_get_project (window);
  gboolean busy = TRUE;

  if (clip == NULL || em_clip_get_status (clip) != EM_CLIP_READY)
    return FALSE;
  g_object_get (clip, "busy", &busy, NULL);
  return !busy && !em_clip_is_tracking (clip) && em_project_is_saved (project)
         && em_clip_is_settled (clip);
}

void
drive_open (EmWindow *window, const char *path)
{
  if (path)
    em_window_open_path (window, path);
  else
    em_window_open_demo (window);
  WAIT (em_window_get_clip (window) != NULL);
  WAIT (em_clip_get_status (em_window_get_clip (window)) == EM_CLIP_READY);
  WAIT (em_clip_get_audio (em_window_get_clip (window)) != NULL);
  WAIT (em_clip_get_picture (em_window_get_clip (window)) != NULL);
  WAIT (em_engine_is_loaded (em_application_get_engine (running)));
  WAIT (drive_is_idle (window));
}

void
drive_seek (EmWindow *window, int frame)
{
  em_clip_seek (em_window_get_clip (window), frame);
  WAIT (em_clip_get_frame (em_window_get_clip (window)) == frame);
}

void
drive_click (EmWindow *window, int button, double x, double y)
{
  EmGesture gesture = { .button = button, .x0 = x, .y0 = y, .x1 = x, .y1 = y };

  em_viewer_gesture (em_window_get_viewer (window), &gesture);
}

void
drive_drag (EmWindow *window, double x0, double y0, double x1, double y1)
{
  EmGesture gesture = { .button = EM_BUTTON_PRIMARY, .x0 = x0, .y0 = y0, .x1 = x1, .y1 = y1 };

  em_viewer_gesture (em_window_get_viewer (window), &gesture);
}

GdkTexture *
drive_shot (GtkWidget *widget)
{
  g_autoptr (GdkPaintable) paintable = gtk_widget_paintable_new (widget);
  g_autoptr (GtkSnapshot) snapshot = gtk_snapshot_new ();
  int w = gtk_widget_get_width (widget), h = gtk_widget_get_height (widget);
  g_autoptr (GskRenderNode) node = NULL;
  GskRenderer *renderer = gtk_native_get_renderer (gtk_widget_get_native (widget));

  gdk_paintable_snapshot (paintable, snapshot, w, h);
  node = gtk_snapshot_to_node (snapshot);
  if (node == NULL)
    return NULL;
  return gsk_renderer_render_texture (renderer, node, &GRAPHENE_RECT_INIT (0, 0, w, h));
}

int
drive_colors (GdkTexture *texture)
{
  int w = gdk_texture_get_width (texture), h = gdk_texture_get_height (texture);
  g_autofree guint32 *pixels = g_new (guint32, (gsize) w * h);
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);

  gdk_texture_download (texture, (guchar *) pixels, (gsize) w * 4);
  for (gsize i = 0; i < (gsize) w * h; i += 7)
    g_hash_table_add (seen, GUINT_TO_POINTER (pixels[i]));
  return (int) g_hash_table_size (seen);
}

EmDb *
drive_db (EmWindow *window)
{
  g_autoptr (GError) error = NULL;
  EmDb *db = em_db_open (em_project_get_path (em_window_get_project (window)), EM_DB_READ, &error);

  g_assert_no_error (error);
  return db;
}

EmCell
drive_cell (EmWindow *window, int64_t object, int frame)
{
  EmObject *o = em_clip_get_object (em_window_get_clip (window), object);

  return o ? *em_object_cell (o, frame) : (EmCell){ .exists = false };
}

static gboolean
has_text (GtkWidget *widget)
{
  if (GTK_IS_LABEL (widget) && *gtk_label_get_label (GTK_LABEL (widget)))
    return TRUE;
  for (GtkWidget *c = gtk_widget_get_first_child (widget); c; c = gtk_widget_get_next_sibling (c))
    if (has_text (c))
      return TRUE;
  return FALSE;
}

int
drive_unnamed (GtkWidget *widget)
{
  gboolean is_control = GTK_IS_BUTTON (widget) || GTK_IS_MENU_BUTTON (widget)
                        || GTK_IS_SCALE (widget) || ADW_IS_SPLIT_BUTTON (widget)
                        || GTK_IS_SEARCH_ENTRY (widget) || EM_IS_VIEWER (widget);
  gboolean is_whole = is_control || ADW_IS_ENTRY_ROW (widget) || GTK_IS_SCROLLBAR (widget)
                      || GTK_IS_INFO_BAR (widget); /* their inside is not ours */
  int n = 0;

  if (is_control && !has_text (widget)
      && !gtk_test_accessible_has_property (GTK_ACCESSIBLE (widget),
                                            GTK_ACCESSIBLE_PROPERTY_LABEL)) {
    g_test_message ("no name: %s %s", G_OBJECT_TYPE_NAME (widget),
                    gtk_widget_get_tooltip_text (widget));
    n++;
  }
  if (is_control && !gtk_widget_get_sensitive (widget) && !gtk_widget_get_tooltip_text (widget)) {
    g_test_message ("off and silent: %s", G_OBJECT_TYPE_NAME (widget));
    n++;
  }
  for (GtkWidget *c = gtk_widget_get_first_child (widget); c && !is_whole;
       c = gtk_widget_get_next_sibling (c))
    n += drive_unnamed (c);
  return n;
}
