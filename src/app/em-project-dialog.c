/* em-project-dialog.c - four answers and a button that says which one is missing. */
#include "app/em-project-dialog.h"
#include "service/places.h"
#include "store/preset.h"
#include <glib/gi18n.h>

struct _EmProjectDialog {
  AdwWindow parent_instance;
  AdwActionRow *media, *file; /* template children */
  AdwComboRow *preset;
  AdwEntryRow *annotator;
  GtkWidget *create;
  char *media_path, *file_path;
};

G_DEFINE_FINAL_TYPE (EmProjectDialog, em_project_dialog, ADW_TYPE_WINDOW)

static guint create_signal;

static const char *
preset_title (const char *name)
{
  static const struct {
    const char *name, *title;
  } titles[] = {
    { "video", N_ ("General video masks") },
    { "avsbench-s4", N_ ("AVSBench, single source") },
    { "avsbench-ms3", N_ ("AVSBench, multi source") },
    { "avsbench-v2", N_ ("AVSBench, semantic") },
    { "refavs", N_ ("Ref-AVS") },
  };

  for (guint i = 0; i < G_N_ELEMENTS (titles); i++)
    if (g_str_equal (titles[i].name, name))
      return _ (titles[i].title);
  return name;
}

static void
update (EmProjectDialog *self)
{
  const char *problem = self->media_path == NULL  ? _ ("Choose a folder of clips")
                        : self->file_path == NULL ? _ ("Choose a file for the project")
                                                  : NULL;
  g_autofree char *media = g_markup_escape_text (
      self->media_path ? self->media_path : _ ("Videos, or folders of pictures with a sound file"),
      -1);
  g_autofree char *file = g_markup_escape_text (
      self->file_path ? self->file_path : _ ("One file that holds everything but the media"), -1);

  adw_action_row_set_subtitle (self->media, media);
  adw_action_row_set_subtitle (self->file, file);
  gtk_widget_set_sensitive (self->create, problem == NULL);
  gtk_widget_set_tooltip_text (self->create, problem);
}

static void
media_response_cb (GtkNativeDialog *dialog, int response, EmProjectDialog *self)
{
  g_autoptr (GFile) file = gtk_file_chooser_get_file (GTK_FILE_CHOOSER (dialog));

  if (response == GTK_RESPONSE_ACCEPT && file) {
    g_free (self->media_path);
    self->media_path = g_file_get_path (file);
    update (self);
  }
  g_object_unref (dialog);
}

static void
file_response_cb (GtkNativeDialog *dialog, int response, EmProjectDialog *self)
{
  g_autoptr (GFile) file = gtk_file_chooser_get_file (GTK_FILE_CHOOSER (dialog));

  if (response == GTK_RESPONSE_ACCEPT && file) {
    g_autofree char *path = g_file_get_path (file);

    g_free (self->file_path);
    self->file_path = em_is_project_path (path) ? g_steal_pointer (&path)
                                                : g_strconcat (path, EM_PROJECT_SUFFIX, NULL);
    update (self);
  }
  g_object_unref (dialog);
}

static void
show_chooser (GtkFileChooserNative *dialog, GCallback response, EmProjectDialog *self)
{
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (dialog), TRUE);
  g_signal_connect (dialog, "response", response, self);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (dialog));
}

static void
media_cb (EmProjectDialog *self)
{
  show_chooser (gtk_file_chooser_native_new (_ ("Folder of Clips"), GTK_WINDOW (self),
                                             GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER, NULL, NULL),
                G_CALLBACK (media_response_cb), self);
}

static void
file_cb (EmProjectDialog *self)
{
  GtkFileChooserNative *dialog = gtk_file_chooser_native_new (
      _ ("Project File"), GTK_WINDOW (self), GTK_FILE_CHOOSER_ACTION_SAVE, NULL, NULL);

  gtk_file_chooser_set_current_name (GTK_FILE_CHOOSER (dialog), "clips" EM_PROJECT_SUFFIX);
  show_chooser (dialog, G_CALLBACK (file_response_cb), self);
}

static void
create_cb (EmProjectDialog *self)
{
  g_signal_emit (self, create_signal, 0, self->file_path, self->media_path,
                 em_presets[adw_combo_row_get_selected (self->preset)],
                 gtk_editable_get_text (GTK_EDITABLE (self->annotator)));
  gtk_window_close (GTK_WINDOW (self));
}

static void
em_project_dialog_finalize (GObject *object)
{
  EmProjectDialog *self = EM_PROJECT_DIALOG (object);

  g_free (self->media_path);
  g_free (self->file_path);
  G_OBJECT_CLASS (em_project_dialog_parent_class)->finalize (object);
}

static void
em_project_dialog_class_init (EmProjectDialogClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = em_project_dialog_finalize;
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/org/earmark/Earmark/ui/em-project-dialog.ui");
  gtk_widget_class_bind_template_child (widget_class, EmProjectDialog, media);
  gtk_widget_class_bind_template_child (widget_class, EmProjectDialog, file);
  gtk_widget_class_bind_template_child (widget_class, EmProjectDialog, preset);
  gtk_widget_class_bind_template_child (widget_class, EmProjectDialog, annotator);
  gtk_widget_class_bind_template_child (widget_class, EmProjectDialog, create);
  create_signal
      = g_signal_new ("create", EM_TYPE_PROJECT_DIALOG, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                      G_TYPE_NONE, 4, G_TYPE_STRING, G_TYPE_STRING, G_TYPE_STRING, G_TYPE_STRING);
}

static void
em_project_dialog_init (EmProjectDialog *self)
{
  g_autoptr (GtkStringList) presets = gtk_string_list_new (NULL);
  guint video = 0;

  gtk_widget_init_template (GTK_WIDGET (self));
  for (guint i = 0; em_presets[i]; i++) {
    gtk_string_list_append (presets, preset_title (em_presets[i]));
    if (g_str_equal (em_presets[i], "video"))
      video = i;
  }
  adw_combo_row_set_model (self->preset, G_LIST_MODEL (presets));
  adw_combo_row_set_selected (self->preset, video);
  gtk_editable_set_text (GTK_EDITABLE (self->annotator), g_get_real_name ());
  g_signal_connect_swapped (self->media, "activated", G_CALLBACK (media_cb), self);
  g_signal_connect_swapped (self->file, "activated", G_CALLBACK (file_cb), self);
  g_signal_connect_swapped (self->create, "clicked", G_CALLBACK (create_cb), self);
  update (self);
}

EmProjectDialog *
em_project_dialog_new (GtkWindow *parent)
{
  return g_object_new (EM_TYPE_PROJECT_DIALOG, "transient-for", parent, NULL);
}
