/* em-export-dialog.c - choices into an EmExportPlan; the job runs on after the dialog is closed. */
#include "app/em-export-dialog.h"
#include "service/project_export.h"
#include <glib/gi18n.h>

struct _EmExportDialog {
  AdwWindow parent_instance;
  AdwComboRow *format, *clips, *frames, *split; /* template children */
  AdwActionRow *keeps, *loses, *folder;
  GtkSwitch *decided, *propagated, *imported, *with_frames, *with_audio;
  GtkWidget *export;
  EmProject *project;
  int64_t clip;
  char *path; /* of the folder, NULL until it is chosen */
};

G_DEFINE_FINAL_TYPE (EmExportDialog, em_export_dialog, ADW_TYPE_WINDOW)

static guint done_signal;

static const EmFormat *
chosen_format (EmExportDialog *self)
{
  int n;
  const EmFormat *all = em_formats (&n);

  return &all[MIN (adw_combo_row_get_selected (self->format), (guint) n - 1)];
}

static void
set_row (AdwActionRow *row, const char *text)
{
  g_autofree char *escaped = g_markup_escape_text (text, -1);

  adw_action_row_set_subtitle (row, escaped);
}

static const char *
problem (EmExportDialog *self)
{
  if (self->path == NULL)
    return _ ("Choose a folder");
  if (!gtk_switch_get_active (self->decided) && !gtk_switch_get_active (self->propagated)
      && !gtk_switch_get_active (self->imported))
    return _ ("Choose at least one kind of mask");
  return NULL;
}

static void
update (EmExportDialog *self)
{
  gtk_widget_set_sensitive (self->export, problem (self) == NULL);
  gtk_widget_set_tooltip_text (self->export, problem (self));
  set_row (self->folder, self->path ? self->path : _ ("A new or empty folder"));
}

static void
format_cb (EmExportDialog *self)
{
  const EmFormat *format = chosen_format (self);

  set_row (self->keeps, format->keeps);
  set_row (self->loses, format->loses);
  adw_combo_row_set_selected (self->frames, format->frames);
  update (self);
}

static void
folder_response_cb (GtkNativeDialog *dialog, int response, EmExportDialog *self)
{
  g_autoptr (GFile) file = gtk_file_chooser_get_file (GTK_FILE_CHOOSER (dialog));

  if (response == GTK_RESPONSE_ACCEPT && file) {
    g_free (self->path);
    self->path = g_file_get_path (file);
    update (self);
  }
  g_object_unref (dialog);
}

static void
folder_cb (EmExportDialog *self)
{
  GtkFileChooserNative *dialog = gtk_file_chooser_native_new (
      _ ("Export To"), GTK_WINDOW (self), GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER, NULL, NULL);

  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (dialog), TRUE);
  g_signal_connect (dialog, "response", G_CALLBACK (folder_response_cb), self);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (dialog));
}

typedef struct {
  EmExportDialog *dialog;
  char *folder;
} Started;

static void
exported_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  Started *started = data;
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  EmExportReport report = { 0 };
  bool done = em_project_export_finish (result, &report, &error);

  if (done)
    text = g_strdup_printf (ngettext ("Exported %d mask, %d files, %d skipped",
                                      "Exported %d masks, %d files, %d skipped", report.n_masks),
                            report.n_masks, report.n_files, report.n_skipped);
  else
    text = g_strdup_printf (_ ("Nothing was exported: %s"), error->message);
  g_signal_emit (started->dialog, done_signal, 0, text, done ? started->folder : NULL);
  g_object_unref (started->dialog);
  g_free (started->folder);
  g_free (started);
}

void
em_export_dialog_start (EmExportDialog *self)
{
  static const char *const splits[] = { "train", "val", "test" };
  EmExportPlan plan = { .format = chosen_format (self), .options = em_export_defaults () };
  Started *started;

  if (problem (self))
    return;
  plan.folder = self->path;
  plan.options.frames = (EmFrameSet) adw_combo_row_get_selected (self->frames);
  plan.options.split = splits[adw_combo_row_get_selected (self->split)];
  plan.options.grid_phase = em_project_get_grid_phase (self->project);
  plan.options.with_frames = gtk_switch_get_active (self->with_frames);
  plan.options.with_audio = gtk_switch_get_active (self->with_audio);
  plan.options.tool = "earmark " EM_VERSION;
  plan.states = (gtk_switch_get_active (self->decided) ? EM_STATES_PROTECTED : 0)
                | (gtk_switch_get_active (self->propagated) ? 1u << EM_STATE_PROPAGATED : 0)
                | (gtk_switch_get_active (self->imported) ? 1u << EM_STATE_IMPORTED : 0);
  if (adw_combo_row_get_selected (self->clips) == 1)
    plan.clip = self->clip;
  started = g_new0 (Started, 1);
  started->dialog = g_object_ref (self);
  started->folder = g_strdup (self->path);
  em_project_export_async (self->project, &plan, exported_cb, started);
  gtk_window_close (GTK_WINDOW (self));
}

void
em_export_dialog_set (EmExportDialog *self, const char *format, const char *folder,
                      gboolean with_propagated)
{
  int n;
  const EmFormat *all = em_formats (&n);

  for (int i = 0; i < n; i++)
    if (g_str_equal (all[i].name, format))
      adw_combo_row_set_selected (self->format, (guint) i);
  g_free (self->path);
  self->path = g_strdup (folder);
  gtk_switch_set_active (self->propagated, with_propagated);
  update (self);
}

static void
em_export_dialog_finalize (GObject *object)
{
  EmExportDialog *self = EM_EXPORT_DIALOG (object);

  g_clear_object (&self->project);
  g_free (self->path);
  G_OBJECT_CLASS (em_export_dialog_parent_class)->finalize (object);
}

static void
em_export_dialog_class_init (EmExportDialogClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = em_export_dialog_finalize;
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/org/earmark/Earmark/ui/em-export-dialog.ui");
#define CHILD(name) gtk_widget_class_bind_template_child (widget_class, EmExportDialog, name)
  CHILD (format);
  CHILD (clips);
  CHILD (frames);
  CHILD (split);
  CHILD (keeps);
  CHILD (loses);
  CHILD (folder);
  CHILD (decided);
  CHILD (propagated);
  CHILD (imported);
  CHILD (with_frames);
  CHILD (with_audio);
  CHILD (export);
#undef CHILD
  done_signal = g_signal_new ("done", EM_TYPE_EXPORT_DIALOG, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                              G_TYPE_NONE, 2, G_TYPE_STRING, G_TYPE_STRING);
}

static void
em_export_dialog_init (EmExportDialog *self)
{
  int n;
  const EmFormat *all = em_formats (&n);
  g_autoptr (GtkStringList) titles = gtk_string_list_new (NULL);

  gtk_widget_init_template (GTK_WIDGET (self));
  for (int i = 0; i < n; i++)
    gtk_string_list_append (titles, all[i].title);
  adw_combo_row_set_model (self->format, G_LIST_MODEL (titles));
  g_signal_connect_swapped (self->format, "notify::selected", G_CALLBACK (format_cb), self);
  g_signal_connect_swapped (self->decided, "notify::active", G_CALLBACK (update), self);
  g_signal_connect_swapped (self->propagated, "notify::active", G_CALLBACK (update), self);
  g_signal_connect_swapped (self->imported, "notify::active", G_CALLBACK (update), self);
  g_signal_connect_swapped (self->folder, "activated", G_CALLBACK (folder_cb), self);
  g_signal_connect_swapped (self->export, "clicked", G_CALLBACK (em_export_dialog_start), self);
  format_cb (self);
}

EmExportDialog *
em_export_dialog_new (GtkWindow *parent, EmProject *project, EmClip *clip)
{
  EmExportDialog *self = g_object_new (EM_TYPE_EXPORT_DIALOG, "transient-for", parent, NULL);
  g_autoptr (GtkStringList) clips = gtk_string_list_new (NULL);

  self->project = g_object_ref (project);
  gtk_string_list_append (clips, _ ("All clips of the project"));
  if (clip) {
    self->clip = em_clip_get_id (clip);
    gtk_string_list_append (clips, em_clip_get_name (clip));
  }
  adw_combo_row_set_model (self->clips, G_LIST_MODEL (clips));
  adw_combo_row_set_selected (self->clips, clip ? 1 : 0);
  return self;
}
