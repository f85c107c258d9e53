/* window_help.c - help in the window itself, and about. */
#include "app/em-window-private.h"
#include <glib/gi18n.h>

static const struct {
  const char *title, *text;
} chapters[] = {
  { N_ ("The shortest way"),
    N_ ("Open a clip. Press A: the model proposes what makes the sound of this second. Enter takes "
        "it, Backspace refuses. Press T to track it through the clip. Everything is saved as you "
        "go; Ctrl+Z walks back, also after a restart.") },
  { N_ ("Clicks and boxes"),
    N_ ("With the prompt tool (P) a click adds to the selected object, a right click takes away, a "
        "drag draws a box around it. A mark can be selected, dragged, and removed with Delete. "
        "Without a selected object the first click makes a new one.") },
  { N_ ("Sound and clicks together"),
    N_ ("The ear in an object's row says whether the sound of this second takes part in its mask "
        "here. Switch it (U) to see clicks alone, sound alone, or both.") },
  { N_ ("Candidates"),
    N_ ("A click on a candidate gives it to the selected object, Ctrl and click makes a new object "
        "of it. The slider sets how sure the model must be of a pixel. Esc puts candidates "
        "aside.") },
  { N_ ("Expressions"),
    N_ ("A sentence such as “the dog that barks” can refer to objects, or to nothing in this clip. "
        "Shift+N writes one, for the selected object. With a model that can read, Q proposes what "
        "the selected sentence means here, Shift+Q in the range or the clip; Enter makes it a mask "
        "of the sentence's object, or of a new one. A brings the sound's candidates back.") },
  { N_ ("Tracking"),
    N_ ("T fills the frames between your decisions, both ways; Alt+T forward, Shift+T backward. "
        "What you decided is never overwritten. After a correction only its neighbourhood runs "
        "again. Esc stops; finished frames stay.") },
  { N_ ("Gone and back"),
    N_ ("W says that the object is not visible on this frame. That is knowledge, not a gap: it is "
        "exported as an empty mask and tells the tracker.") },
  { N_ ("Where things are kept"),
    N_ ("A project is one file. A clip or folder that you open without a project gets one in your "
        "data folder; nothing is ever written beside the media.") },
  { N_ ("The demo model"),
    N_ ("The model inside the program knows drawn, synthetic scenes. For real footage load a "
        "package made from published checkpoints: earmark-cli weights import.") },
};

static void
help_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  GtkWidget *window = adw_window_new (), *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0);
  AdwPreferencesPage *page = ADW_PREFERENCES_PAGE (adw_preferences_page_new ());

  for (guint i = 0; i < G_N_ELEMENTS (chapters); i++) {
    AdwPreferencesGroup *group = ADW_PREFERENCES_GROUP (adw_preferences_group_new ());

    adw_preferences_group_set_title (group, _ (chapters[i].title));
    adw_preferences_group_set_description (group, _ (chapters[i].text));
    adw_preferences_page_add (page, group);
  }
  gtk_box_append (GTK_BOX (box), adw_header_bar_new ());
  gtk_box_append (GTK_BOX (box), GTK_WIDGET (page));
  gtk_widget_set_vexpand (GTK_WIDGET (page), TRUE);
  adw_window_set_content (ADW_WINDOW (window), box);
  gtk_window_set_title (GTK_WINDOW (window), _ ("Help"));
  gtk_window_set_default_size (GTK_WINDOW (window), 560, 680);
  gtk_window_set_transient_for (GTK_WINDOW (window), GTK_WINDOW (widget));
  gtk_window_present (GTK_WINDOW (window));
}

static void
about_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  adw_show_about_window (GTK_WINDOW (widget), "application-name", "Earmark", "application-icon",
                         "org.earmark.Earmark", "version", EM_VERSION, "license-type",
                         GTK_LICENSE_APACHE_2_0, "comments",
                         _ ("Labels the sounding objects of a video."), NULL);
}

void
em_window_install_help_actions (GtkWidgetClass *klass)
{
  gtk_widget_class_install_action (klass, "win.help", NULL, help_cb);
  gtk_widget_class_install_action (klass, "win.about", NULL, about_cb);
}
