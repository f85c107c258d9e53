/* window_open.c - projects in and out: dialogs, dropping files, recent projects, clip states. */
#include "app/em-window-private.h"
#include "app/em-export-dialog.h"
#include "app/em-job-row.h"
#include "app/em-project-dialog.h"
#include "service/places.h"
#include <glib/gi18n.h>

#define DEMO_CLIP "/org/earmark/Earmark/demo.webm"

/* Jobs --------------------------------------------------------------------------------------------
 */

static GtkWidget *
make_job_row (gpointer item, gpointer data)
{
  return em_job_row_new (item);
}

static void
show_job (EmWindow *self)
{
  g_autoptr (EmJob) job = NULL;
  g_autofree char *label = NULL;

  if (self->project)
    job = g_list_model_get_item (G_LIST_MODEL (em_project_get_jobs (self->project)), 0);
  gtk_widget_set_visible (GTK_WIDGET (self->jobs_button), job != NULL);
  if (job == NULL)
    return;
  label = em_job_get_fraction (job) < 0
              ? g_strdup ("…")
              : g_strdup_printf ("%.0f %%", 100 * em_job_get_fraction (job));
  gtk_menu_button_set_label (self->jobs_button, label);
  gtk_widget_set_tooltip_markup (GTK_WIDGET (self->jobs_button), NULL);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->jobs_button), em_job_get_detail (job));
}

static void
jobs_changed_cb (EmWindow *self, guint at, guint removed, guint added, GListModel *jobs)
{
  for (guint i = at; i < at + added; i++) {
    g_autoptr (EmJob) job = g_list_model_get_item (jobs, i);

    g_signal_connect_object (job, "notify::detail", G_CALLBACK (show_job), self, G_CONNECT_SWAPPED);
  }
  show_job (self);
}

/* The project -------------------------------------------------------------------------------------
 */

static void
show_saved (EmWindow *self)
{
  gboolean saved = em_project_is_saved (self->project);
  gboolean writable = em_project_is_writable (self->project);

  gtk_label_set_label (self->saved, !writable ? _ ("Read only")
                                    : saved   ? _ ("Saved")
                                              : _ ("Not saved"));
  gtk_widget_remove_css_class (GTK_WIDGET (self->saved), "notsaved");
  if (!saved)
    gtk_widget_add_css_class (GTK_WIDGET (self->saved), "notsaved");
  em_window_update_actions (self);
}

static void
show_banner (EmWindow *self, const char *text)
{
  if (text)
    gtk_label_set_label (self->banner_text, text);
  gtk_info_bar_set_revealed (self->banner, text != NULL);
}

static void
failed_cb (EmWindow *self, const char *text)
{
  show_banner (self, text);
}

static gpointer
read_classes (EmDb *db, gpointer data, GError **error)
{
  return em_db_classes (db, error);
}

static void
free_array (gpointer data)
{
  g_ptr_array_unref (data);
}

static void
classes_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (EmWindow) self = data;
  g_autoptr (GPtrArray) rows = em_store_call_finish (EM_STORE (source), result, NULL);
  g_autoptr (GPtrArray) names = g_ptr_array_new ();

  if (rows == NULL || self->project == NULL)
    return;
  for (guint i = rows->len; i-- > 0;) /* the newest first */
    g_ptr_array_add (names, ((EmDbClass *) rows->pdata[i])->name);
  g_ptr_array_add (names, NULL);
  em_object_pane_set_classes (self->objects, (const char *const *) names->pdata);
}

static void
ask_classes (EmWindow *self)
{
  em_store_read_async (em_project_get_store (self->project), read_classes, NULL, NULL, free_array,
                       NULL, classes_cb, g_object_ref (self));
}

/* Opens the first clip that is known to be one, as soon as there is one. */
static void
open_first (EmWindow *self)
{
  GListModel *clips;

  if (self->clip || self->project == NULL)
    return;
  clips = em_project_get_clips (self->project);
  for (guint i = 0; i < g_list_model_get_n_items (clips); i++) {
    g_autoptr (EmQueueItem) item = g_list_model_get_item (clips, i);

    if (em_queue_item_row (item)->state != EM_CLIP_PROBLEM
        && em_queue_item_row (item)->n_frames > 0) {
      gtk_single_selection_set_selected (self->selection, i);
      em_window_open_item (self, item);
      return;
    }
  }
}

void
em_window_take_project (EmWindow *self, EmProject *project)
{
  g_autofree char *uri = NULL;
  const char *warning;
  GListStore *jobs;

  em_window_close_project (self);
  self->project = project;
  jobs = em_project_get_jobs (project);
  gtk_filter_list_model_set_model (self->filtered, em_project_get_clips (project));
  gtk_list_box_bind_model (self->jobs_list, G_LIST_MODEL (jobs), make_job_row, self, NULL);
  g_signal_connect_object (jobs, "items-changed", G_CALLBACK (jobs_changed_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (project, "notify", G_CALLBACK (show_saved), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (project, "failed", G_CALLBACK (failed_cb), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (project, "indexed", G_CALLBACK (open_first), self, G_CONNECT_SWAPPED);
  warning = em_store_warning (em_project_get_store (project));
  if (!em_project_is_writable (project) && warning == NULL)
    warning = _ ("Somebody else is working on this project. It is open for reading only.");
  show_banner (self, warning);
  adw_flap_set_reveal_flap (self->queue_flap,
                            g_list_model_get_n_items (em_project_get_clips (project)) > 1);
  gtk_stack_set_visible_child_name (self->pages, "work");
  uri = g_filename_to_uri (em_project_get_path (project), NULL, NULL);
  gtk_recent_manager_add_full (
      gtk_recent_manager_get_default (), uri,
      &(GtkRecentData){ .display_name = (char *) em_project_get_name (project),
                        .mime_type = (char *) "application/x-earmark",
                        .app_name = (char *) "Earmark",
                        .app_exec = (char *) "earmark %f" });
  show_saved (self);
  ask_classes (self);
  open_first (self);
}

void
em_window_close_project (EmWindow *self)
{
  if (self->project == NULL)
    return;
  em_window_show_clip (self, NULL);
  gtk_filter_list_model_set_model (self->filtered, NULL);
  gtk_list_box_bind_model (self->jobs_list, NULL, NULL, NULL, NULL);
  g_signal_handlers_disconnect_by_data (self->project, self);
  em_project_close (self->project);
  g_clear_object (&self->project);
  show_banner (self, NULL);
  show_job (self);
  em_window_update_actions (self);
}

static void
opened_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (EmWindow) self = data;
  g_autoptr (GError) error = NULL;
  EmProject *project = em_project_open_finish (result, &error);

  if (project) {
    em_window_take_project (self, project);
    return;
  }
  gtk_stack_set_visible_child_name (self->pages, self->project ? "work" : "welcome");
  if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    show_banner (self, error->message);
}

static void
begin_opening (EmWindow *self)
{
  g_cancellable_cancel (self->opening);
  g_clear_object (&self->opening);
  self->opening = g_cancellable_new ();
  if (self->project == NULL)
    gtk_stack_set_visible_child_name (self->pages, "opening");
}

/* A project that is open here already is not opened twice: it is closed first. */
void
em_window_open_path (EmWindow *self, const char *path)
{
  em_window_close_project (self);
  begin_opening (self);
  em_project_open_async (self->engine, path, self->opening, opened_cb, g_object_ref (self));
}

void
em_window_open_demo (EmWindow *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) clip
      = g_resources_lookup_data (DEMO_CLIP, G_RESOURCE_LOOKUP_FLAGS_NONE, &error);

  if (clip == NULL) {
    em_window_toast (self, _ ("This build carries no demo clip"), NULL);
    return;
  }
  em_window_close_project (self);
  begin_opening (self);
  em_project_open_demo_async (self->engine, clip, self->opening, opened_cb, g_object_ref (self));
}

/* Dialogs -----------------------------------------------------------------------------------------
 */

typedef void (*Chosen) (EmWindow *self, const char *path);

static void
response_cb (GtkNativeDialog *dialog, int response, Chosen chosen)
{
  EmWindow *self = g_object_get_data (G_OBJECT (dialog), "window");
  g_autoptr (GFile) file = gtk_file_chooser_get_file (GTK_FILE_CHOOSER (dialog));
  g_autofree char *path = file ? g_file_get_path (file) : NULL;

  if (response == GTK_RESPONSE_ACCEPT && path)
    chosen (self, path);
  g_object_unref (dialog);
}

static void
choose (EmWindow *self, const char *title, GtkFileChooserAction action, const char *pattern,
        const char *pattern_name, Chosen chosen)
{
  GtkFileChooserNative *dialog
      = gtk_file_chooser_native_new (title, GTK_WINDOW (self), action, NULL, NULL);

  if (pattern) {
    GtkFileFilter *filter = gtk_file_filter_new ();

    gtk_file_filter_set_name (filter, pattern_name);
    if (g_str_has_prefix (pattern, "*"))
      gtk_file_filter_add_pattern (filter, pattern);
    else
      for (int i = 0; em_media_suffixes ()[i]; i++)
        gtk_file_filter_add_suffix (filter, em_media_suffixes ()[i]);
    gtk_file_chooser_add_filter (GTK_FILE_CHOOSER (dialog), filter);
    g_object_unref (filter);
  }
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (dialog), TRUE);
  g_object_set_data (G_OBJECT (dialog), "window", self);
  g_signal_connect (dialog, "response", G_CALLBACK (response_cb), chosen);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (dialog));
}

static void
chosen_add (EmWindow *self, const char *path)
{
  em_project_add_media (self->project, path);
}

static void
open_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  EmWindow *self = EM_WINDOW (widget);

  if (g_str_equal (name, "win.open"))
    choose (self, _ ("Open Clip"), GTK_FILE_CHOOSER_ACTION_OPEN, "media", _ ("Clips"),
            em_window_open_path);
  else if (g_str_equal (name, "win.open-folder"))
    choose (self, _ ("Open Folder of Clips"), GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER, NULL, NULL,
            em_window_open_path);
  else if (g_str_equal (name, "win.open-project"))
    choose (self, _ ("Open Project"), GTK_FILE_CHOOSER_ACTION_OPEN, "*" EM_PROJECT_SUFFIX,
            _ ("Earmark projects"), em_window_open_path);
  else
    choose (self, _ ("Add Clips"), GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER, NULL, NULL, chosen_add);
}

static void
open_demo_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  em_window_open_demo (EM_WINDOW (widget));
}

static void
open_recent_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  em_window_open_path (EM_WINDOW (widget), g_variant_get_string (target, NULL));
}

static void
finish_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  EmWindow *self = EM_WINDOW (widget);
  GListModel *clips = em_project_get_clips (self->project);

  for (guint i = 0; i < g_list_model_get_n_items (clips); i++) {
    g_autoptr (EmQueueItem) item = g_list_model_get_item (clips, i);

    if (em_queue_item_row (item)->id == em_clip_get_id (self->clip))
      em_project_set_clip_state (self->project, item, EM_CLIP_DONE);
  }
  em_window_toast (self, _ ("Clip finished"), NULL);
  em_window_step_clip (self, 1);
}

/* New project, export -----------------------------------------------------------------------------
 */

static void
create_cb (EmWindow *self, const char *path, const char *media, const char *preset,
           const char *annotator)
{
  em_window_close_project (self);
  begin_opening (self);
  em_project_create_async (self->engine, path, media, preset, *annotator ? annotator : NULL,
                           self->opening, opened_cb, g_object_ref (self));
}

static void
new_project_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  EmProjectDialog *dialog = em_project_dialog_new (GTK_WINDOW (widget));

  g_signal_connect_object (dialog, "create", G_CALLBACK (create_cb), widget, G_CONNECT_SWAPPED);
  gtk_window_present (GTK_WINDOW (dialog));
}

static void
exported_cb (EmWindow *self, const char *text, const char *folder)
{
  AdwToast *toast = adw_toast_new (text);

  if (folder) {
    adw_toast_set_button_label (toast, _ ("Open Folder"));
    adw_toast_set_action_name (toast, "win.show-folder");
    adw_toast_set_action_target (toast, "s", folder);
    adw_toast_set_timeout (toast, 8);
  }
  adw_toast_overlay_add_toast (self->toasts, toast);
}

static void
export_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  EmWindow *self = EM_WINDOW (widget);
  EmExportDialog *dialog = em_export_dialog_new (GTK_WINDOW (self), self->project, self->clip);

  g_signal_connect_object (dialog, "done", G_CALLBACK (exported_cb), self, G_CONNECT_SWAPPED);
  gtk_window_present (GTK_WINDOW (dialog));
}

static void
show_folder_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  g_autofree char *uri = g_filename_to_uri (g_variant_get_string (target, NULL), NULL, NULL);

  if (uri)
    gtk_show_uri (GTK_WINDOW (widget), uri, GDK_CURRENT_TIME);
}

static gboolean
drop_cb (GtkDropTarget *drop, const GValue *value, double x, double y, EmWindow *self)
{
  GFile *file = g_value_get_object (value);
  g_autofree char *path = file ? g_file_get_path (file) : NULL;

  if (path == NULL)
    return FALSE;
  em_window_open_path (self, path);
  return TRUE;
}

/* Recent ------------------------------------------------------------------------------------------
 */

#define MAX_RECENT 5

void
em_window_show_recent (EmWindow *self)
{
  g_autolist (GtkRecentInfo) items
      = gtk_recent_manager_get_items (gtk_recent_manager_get_default ());
  GtkDropTarget *drop = gtk_drop_target_new (G_TYPE_FILE, GDK_ACTION_COPY);

  for (GList *l = items; l && self->recent_rows->len < MAX_RECENT; l = l->next) {
    g_autofree char *path = g_filename_from_uri (gtk_recent_info_get_uri (l->data), NULL, NULL),
                    *folder = NULL;
    GtkWidget *row;

    if (path == NULL || !em_is_project_path (path) || !gtk_recent_info_exists (l->data))
      continue;
    folder = g_path_get_dirname (path);
    row = adw_action_row_new ();
    adw_preferences_row_set_use_markup (ADW_PREFERENCES_ROW (row), FALSE);
    adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row),
                                   gtk_recent_info_get_display_name (l->data));
    adw_action_row_set_subtitle (ADW_ACTION_ROW (row), folder);
    gtk_list_box_row_set_activatable (GTK_LIST_BOX_ROW (row), TRUE);
    gtk_actionable_set_action_name (GTK_ACTIONABLE (row), "win.open-recent");
    gtk_actionable_set_action_target (GTK_ACTIONABLE (row), "s", path);
    adw_preferences_group_add (self->recent, row);
    g_ptr_array_add (self->recent_rows, row);
  }
  gtk_widget_set_visible (GTK_WIDGET (self->recent), self->recent_rows->len > 0);
  g_signal_connect (drop, "drop", G_CALLBACK (drop_cb), self);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (drop));
}

void
em_window_install_open_actions (GtkWidgetClass *klass)
{
  gtk_widget_class_install_action (klass, "win.open", NULL, open_cb);
  gtk_widget_class_install_action (klass, "win.open-folder", NULL, open_cb);
  gtk_widget_class_install_action (klass, "win.open-project", NULL, open_cb);
  gtk_widget_class_install_action (klass, "win.add-clips", NULL, open_cb);
  gtk_widget_class_install_action (klass, "win.open-demo", NULL, open_demo_cb);
  gtk_widget_class_install_action (klass, "win.open-recent", "s", open_recent_cb);
  gtk_widget_class_install_action (klass, "win.finish", NULL, finish_cb);
  gtk_widget_class_install_action (klass, "win.new-project", NULL, new_project_cb);
  gtk_widget_class_install_action (klass, "win.export", NULL, export_cb);
  gtk_widget_class_install_action (klass, "win.show-folder", "s", show_folder_cb);
}
