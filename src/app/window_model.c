/* window_model.c - the model badge, and another model on request. */
#include "app/em-window-private.h"
#include <glib/gi18n.h>
#include <string.h>

static const char *
thrift_text (int thrift)
{
  switch (thrift) {
  case EM_THRIFT_NONE:
    return "";
  case EM_THRIFT_DROPPED:
    return _ ("Memory was full: what was kept of frames was given up once");
  case EM_THRIFT_SMALL:
    return _ ("Memory is short: frames are not prepared ahead, returning to one takes longer");
  default:
    return _ ("Memory is very short: only what the next frame needs is kept");
  }
}

void
em_window_show_model (EmWindow *self)
{
  const char *name = em_engine_model_name (self->engine);
  const char *device = em_engine_device (self->engine);
  int thrift = em_engine_thrift (self->engine);
  g_autofree char *badge = NULL, *text = NULL;

  if (!em_engine_is_loaded (self->engine)) {
    gtk_menu_button_set_label (self->model_button, _ ("No model"));
    gtk_label_set_label (self->model_text,
                         _ ("No model is loaded. Playing, objects and states work; suggestions, "
                            "clicks and tracking wait for one."));
  } else {
    /* The device's first words: "CPU" of "CPU, 8 threads, avx512". */
    badge = g_strdup_printf ("%s · %.*s%s%s", name, (int) strcspn (device, ","), device,
                             thrift ? " · " : "", thrift ? _ ("less memory") : "");
    text = g_strdup_printf (_ ("%s\n\nDevice: %s\nDigest: %.16s…\nSound: %s%s%s"), name, device,
                            em_engine_model_digest (self->engine),
                            em_engine_has_sound (self->engine) ? _ ("yes, it hears what it sees")
                                                               : _ ("no, clicks and tracking only"),
                            thrift ? "\n" : "", thrift_text (thrift));
    gtk_menu_button_set_label (self->model_button, badge);
    gtk_label_set_label (self->model_text, text);
  }
  em_window_update_actions (self);
}

typedef struct {
  EmWindow *window;
  char *path; /* "": the demo model */
} Loading;

static void
loaded_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  Loading *loading = data;
  g_autoptr (EmWindow) self = loading->window;
  g_autofree char *path = loading->path;
  g_autoptr (GError) error = NULL;

  g_free (loading);
  if (em_engine_load_finish (EM_ENGINE (source), result, &error)) {
    if (self->settings)
      g_settings_set_string (self->settings, "model", path);
    em_window_toast (self, _ ("Model loaded. Stored masks are unchanged"), NULL);
  } else {
    AdwMessageDialog *dialog = ADW_MESSAGE_DIALOG (
        adw_message_dialog_new (GTK_WINDOW (self), _ ("The Model Does Not Fit"), error->message));

    adw_message_dialog_add_response (dialog, "close", _ ("Keep the One in Use"));
    gtk_window_present (GTK_WINDOW (dialog));
  }
}

static void
load (EmWindow *self, const char *path, const char *device)
{
  Loading *loading = g_new0 (Loading, 1);

  loading->window = g_object_ref (self);
  loading->path = g_strdup (path ? path : "");
  em_engine_load_async (self->engine, path, device, NULL, loaded_cb, loading);
}

static void
device_response_cb (EmWindow *self, const char *response)
{
  self->is_asking_device = FALSE;
  if (strcmp (response, "cpu") == 0)
    load (self, em_engine_model_path (self->engine), "cpu");
}

void
em_window_device_failed (EmWindow *self, int status, const char *text)
{
  double seconds = em_engine_cpu_seconds (self->engine);
  g_autofree char *time = NULL, *body = NULL;
  GtkWidget *dialog;

  if (self->is_asking_device || g_str_has_prefix (em_engine_device (self->engine), "CPU"))
    return; /* the toast has said it, and there is nothing to go on with */
  self->is_asking_device = TRUE;
  if (seconds > 0)
    time = g_strdup_printf (_ ("A tracked frame would take about %.2g seconds there."), seconds);
  else
    time = g_strdup (_ ("It is slower by far."));
  body = g_strdup_printf (
      status == EM_E_MEMORY
          ? _ ("%s.\n\nAll that was confirmed is stored. Closing other programs that use the GPU "
               "may "
               "help; or go on with the processor. %s")
          : _ ("%s.\n\nAll that was confirmed is stored. Starting Earmark anew may help; or go on "
               "with the processor. %s"),
      text, time);
  dialog = adw_message_dialog_new (
      GTK_WINDOW (self),
      status == EM_E_MEMORY ? _ ("The GPU Is Out of Memory") : _ ("The GPU Failed"), body);
  adw_message_dialog_add_responses (ADW_MESSAGE_DIALOG (dialog), "close", _ ("Stay with the GPU"),
                                    "cpu", _ ("Use the Processor"), NULL);
  adw_message_dialog_set_close_response (ADW_MESSAGE_DIALOG (dialog), "close");
  g_signal_connect_object (dialog, "response", G_CALLBACK (device_response_cb), self,
                           G_CONNECT_SWAPPED);
  gtk_window_present (GTK_WINDOW (dialog));
}

static void
response_cb (GtkNativeDialog *dialog, int response, EmWindow *self)
{
  g_autoptr (GFile) file = gtk_file_chooser_get_file (GTK_FILE_CHOOSER (dialog));
  g_autofree char *path = file ? g_file_get_path (file) : NULL;

  if (response == GTK_RESPONSE_ACCEPT && path)
    load (self, path, NULL);
  g_object_unref (dialog);
}

static void
load_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  GtkFileChooserNative *dialog = gtk_file_chooser_native_new (
      _ ("Load Model"), GTK_WINDOW (widget), GTK_FILE_CHOOSER_ACTION_OPEN, NULL, NULL);
  GtkFileFilter *filter = gtk_file_filter_new ();

  gtk_popover_popdown (EM_WINDOW (widget)->model_popover);
  gtk_file_filter_set_name (filter, _ ("Model packages"));
  gtk_file_filter_add_suffix (filter, "safetensors");
  gtk_file_chooser_add_filter (GTK_FILE_CHOOSER (dialog), filter);
  g_object_unref (filter);
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (dialog), TRUE);
  g_signal_connect (dialog, "response", G_CALLBACK (response_cb), widget);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (dialog));
}

static void
load_demo_cb (GtkWidget *widget, const char *name, GVariant *target)
{
  load (EM_WINDOW (widget), NULL, NULL);
}

void
em_window_install_model_actions (GtkWidgetClass *klass)
{
  gtk_widget_class_install_action (klass, "win.load-model", NULL, load_cb);
  gtk_widget_class_install_action (klass, "win.load-demo-model", NULL, load_demo_cb);
}
