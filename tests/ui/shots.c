/* shots.c - pictures of every page, for the manual and for whoever works on the window.
 *
 *   shots FOLDER [dark]: drives the demo and saves what it looks like on the way. */
#include "drive.h"
#include "app/em-export-dialog.h"
#include "app/em-project-dialog.h"
#include "service/clip_expressions.h"

static const char *folder, *suffix;

static void
shoot (GtkWidget *widget, const char *name)
{
  g_autofree char *file = g_strdup_printf ("%s%s.png", name, suffix);
  g_autofree char *path = g_build_filename (folder, file, NULL);
  g_autoptr (GdkTexture) texture = NULL;

  drive_pause (500); /* animations end */
  texture = drive_shot (widget);
  g_assert_nonnull (texture);
  g_assert_true (gdk_texture_save_to_png (texture, path));
  g_print ("%s\n", path);
}

static void
shoot_window (GtkWindow *window, const char *name)
{
  gtk_window_present (window);
  WAIT (gtk_widget_get_mapped (GTK_WIDGET (window)));
  shoot (GTK_WIDGET (window), name);
  gtk_window_close (window);
  drive_pause (200);
}

static GtkWindow *
newest_window (EmApplication *app, EmWindow *but)
{
  GListModel *all = gtk_window_get_toplevels ();

  for (guint i = 0; i < g_list_model_get_n_items (all); i++) {
    g_autoptr (GtkWindow) window = g_list_model_get_item (all, i);

    if (window != GTK_WINDOW (but) && gtk_widget_get_visible (GTK_WIDGET (window)))
      return window;
  }
  return NULL;
}

static void
work (EmWindow *window)
{
  EmClip *clip = em_window_get_clip (window);
  int x, y;
  EmCell cell;

  shoot (GTK_WIDGET (window), "2-clip");
  drive_act (window, "win.suggest");
  WAIT (em_clip_get_proposal (clip) && drive_is_idle (window));
  drive_pause (4500); /* the toast goes */
  shoot (GTK_WIDGET (window), "3-suggestion");
  drive_act (window, "win.accept");
  WAIT (em_clip_get_selected (clip) && drive_is_idle (window));
  em_clip_rename (clip, em_clip_get_selected (clip), "Drum");
  em_clip_set_class (clip, em_clip_get_selected (clip), "drum");
  drive_act (window, "win.track");
  WAIT (em_object_counts (em_clip_get_selected (clip))->by_state[EM_STATE_PROPAGATED] > 25);
  shoot (GTK_WIDGET (window), "4-tracking");
  drive_act (window, "win.cancel");
  WAIT (drive_is_idle (window));
  drive_seek (window, em_clip_get_frame (clip) + 8);
  cell = drive_cell (window, em_object_get_id (em_clip_get_selected (clip)),
                     em_clip_get_frame (clip));
  if (cell.mask && em_rle_deepest (&cell.mask->rle, &x, &y)) {
    drive_click (window, EM_BUTTON_PRIMARY, x, y);
    drive_click (window, EM_BUTTON_SECONDARY, 20, 20);
  }
  WAIT (drive_is_idle (window));
  drive_act (window, "win.new-object");
  WAIT (drive_is_idle (window) && g_list_model_get_n_items (em_clip_get_objects (clip)) == 2);
  drive_drag (window, 128, 57, 205, 133);
  WAIT (drive_is_idle (window));
  drive_pause (4500);
  shoot (GTK_WIDGET (window), "5-corrected");
}

static void
say (EmWindow *window, const char *text, gboolean is_null, int64_t object)
{
  EmDbExpression row = { .text = (char *) text, .language = (char *) "en", .is_null = is_null };
  EmClip *clip = em_window_get_clip (window);

  row.split = (char *) (is_null ? "test_n" : "test_s");
  row.n_objects = object > 0;
  row.objects[0] = object;
  em_clip_write_expression (clip, &row);
  WAIT (em_clip_get_asked (clip)
        && g_str_equal (em_expression_get_text (em_clip_get_asked (clip)), text));
}

static void
speak (EmApplication *app, EmWindow *window)
{
  EmClip *clip = em_window_get_clip (window);

  say (window, "the violin that nobody plays", TRUE, 0);
  drive_act (window, "win.approve-expression");
  say (window, "whatever is hit by a stick while the light behind it goes out", FALSE, 0);
  say (window, "the drum", FALSE, em_object_get_id (em_clip_get_selected (clip)));
  WAIT (drive_is_idle (window));
  drive_pause (4500);
  shoot (GTK_WIDGET (window), "10-expressions");
  drive_act (window, "win.edit-expression");
  WAIT (newest_window (app, window));
  shoot_window (newest_window (app, window), "11-expression");
}

int
main (int argc, char **argv)
{
  EmApplication *app;
  EmWindow *window;

  g_assert_cmpint (argc, >=, 2);
  folder = argv[1];
  suffix = argc > 2 ? "-dark" : "";
  g_mkdir_with_parents (folder, 0777);
  app = drive_start ();
  adw_style_manager_set_color_scheme (adw_style_manager_get_default (),
                                      argc > 2 ? ADW_COLOR_SCHEME_FORCE_DARK
                                               : ADW_COLOR_SCHEME_FORCE_LIGHT);
  window = drive_window (app);
  gtk_window_set_default_size (GTK_WINDOW (window), 1360, 860);
  WAIT (em_engine_is_loaded (em_application_get_engine (app)));
  shoot (GTK_WIDGET (window), "1-welcome");
  drive_open (window, NULL);
  work (window);
  gtk_widget_activate_action (GTK_WIDGET (window), "win.export", NULL);
  WAIT (newest_window (app, window));
  shoot_window (newest_window (app, window), "6-export");
  gtk_widget_activate_action (GTK_WIDGET (window), "win.new-project", NULL);
  WAIT (newest_window (app, window));
  shoot_window (newest_window (app, window), "7-new-project");
  gtk_widget_activate_action (GTK_WIDGET (window), "win.show-help-overlay", NULL);
  WAIT (newest_window (app, window));
  shoot_window (newest_window (app, window), "8-shortcuts");
  gtk_widget_activate_action (GTK_WIDGET (window), "win.help", NULL);
  WAIT (newest_window (app, window));
  shoot_window (newest_window (app, window), "9-help");
  speak (app, window);
  drive_stop (app);
  return 0;
}
