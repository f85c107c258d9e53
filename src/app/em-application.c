/* em-application.c - start, files, help and about. The model is loaded at start, off the main
 * thread, while the window is already there. */
#include "app/em-application.h"
#include "app/settings.h"
#include <glib/gi18n.h>
#include <gst/gst.h>

struct _EmApplication {
  AdwApplication parent_instance;
  EmEngine *engine;
  char *model;       /* a package to load instead of the demo's */
  char *device;      /* as em_backend_open takes it */
  gboolean is_asked; /* the model was named on the command line */
};

G_DEFINE_FINAL_TYPE (EmApplication, em_application, ADW_TYPE_APPLICATION)

static void
loaded_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (EmApplication) self = data;
  g_autoptr (GError) error = NULL;

  if (em_engine_load_finish (EM_ENGINE (source), result, &error) || error->code == EM_E_CANCELLED)
    return;
  g_message ("%s", error->message);     /* the badge says that there is no model */
  if (self->model && !self->is_asked) { /* last time's package is gone */
    g_clear_pointer (&self->model, g_free);
    em_engine_load_async (EM_ENGINE (source), NULL, self->device, NULL, loaded_cb,
                          g_object_ref (self));
  }
}

EmEngine *
em_application_get_engine (EmApplication *self)
{
  return self->engine;
}

static EmWindow *
get_window (EmApplication *self)
{
  GtkWindow *window = gtk_application_get_active_window (GTK_APPLICATION (self));
  EmWindow *made;

  if (EM_IS_WINDOW (window))
    return EM_WINDOW (window);
  made = em_window_new (ADW_APPLICATION (self), self->engine);
  gtk_window_present (GTK_WINDOW (made));
  return made;
}

static void
em_application_activate (GApplication *app)
{
  gtk_window_present (GTK_WINDOW (get_window (EM_APPLICATION (app))));
}

static int
em_application_command_line (GApplication *app, GApplicationCommandLine *line)
{
  EmApplication *self = EM_APPLICATION (app);
  GVariantDict *options = g_application_command_line_get_options_dict (line);
  g_auto (GStrv) argv = g_application_command_line_get_arguments (line, NULL);
  gboolean demo = FALSE;
  EmWindow *window = get_window (self);

  g_variant_dict_lookup (options, "demo", "b", &demo);
  gtk_window_present (GTK_WINDOW (window));
  if (demo) {
    em_window_open_demo (window);
  } else if (argv[0] && argv[1]) {
    g_autoptr (GFile) file = g_application_command_line_create_file_for_arg (line, argv[1]);
    g_autofree char *path = g_file_get_path (file);

    if (path)
      em_window_open_path (window, path);
  }
  return 0;
}

static int
em_application_handle_local_options (GApplication *app, GVariantDict *options)
{
  EmApplication *self = EM_APPLICATION (app);

  if (g_variant_dict_contains (options, "version")) {
    g_print ("earmark %s\n", EM_VERSION);
    return 0;
  }
  self->is_asked = g_variant_dict_lookup (options, "model", "^ay", &self->model);
  g_variant_dict_lookup (options, "device", "s", &self->device);
  return -1;
}

/* Actions -----------------------------------------------------------------------------------------
 */

static void
quit_cb (GSimpleAction *action, GVariant *target, gpointer data)
{
  GList *windows = g_list_copy (gtk_application_get_windows (data));

  for (GList *l = windows; l; l = l->next)
    gtk_window_close (l->data);
  g_list_free (windows);
}

static void
em_application_startup (GApplication *app)
{
  static const GActionEntry entries[] = { { "quit", quit_cb } };
  EmApplication *self = EM_APPLICATION (app);
  g_autoptr (GSettings) settings = em_settings_open ();

  G_APPLICATION_CLASS (em_application_parent_class)->startup (app);
  gst_init (NULL, NULL);
  g_action_map_add_action_entries (G_ACTION_MAP (app), entries, G_N_ELEMENTS (entries), app);
  gtk_application_set_accels_for_action (GTK_APPLICATION (app), "app.quit",
                                         (const char *[]){ "<Control>q", NULL });
  self->engine = em_engine_new ();
  if (!self->is_asked && settings)
    self->model = g_settings_get_string (settings, "model");
  if (self->model && *self->model == '\0')
    g_clear_pointer (&self->model, g_free);
  em_engine_load_async (self->engine, self->model, self->device, NULL, loaded_cb,
                        g_object_ref (self));
}

static void
em_application_shutdown (GApplication *app)
{
  EmApplication *self = EM_APPLICATION (app);

  G_APPLICATION_CLASS (em_application_parent_class)->shutdown (app);
  g_clear_object (&self->engine); /* waits for the op that runs, joins the thread */
}

static void
em_application_finalize (GObject *object)
{
  EmApplication *self = EM_APPLICATION (object);

  g_free (self->model);
  g_free (self->device);
  G_OBJECT_CLASS (em_application_parent_class)->finalize (object);
}

static void
em_application_class_init (EmApplicationClass *klass)
{
  GApplicationClass *app_class = G_APPLICATION_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = em_application_finalize;
  app_class->activate = em_application_activate;
  app_class->startup = em_application_startup;
  app_class->shutdown = em_application_shutdown;
  app_class->command_line = em_application_command_line;
  app_class->handle_local_options = em_application_handle_local_options;
}

static void
em_application_init (EmApplication *self)
{
  static const GOptionEntry options[] = {
    { "version", 0, 0, G_OPTION_ARG_NONE, NULL, N_ ("Print the version"), NULL },
    { "demo", 0, 0, G_OPTION_ARG_NONE, NULL, N_ ("Open the demo project"), NULL },
    { "model", 0, 0, G_OPTION_ARG_FILENAME, NULL, N_ ("Use this model package"), N_ ("FILE") },
    { "device", 0, 0, G_OPTION_ARG_STRING, NULL, N_ ("Compute on this device"),
      N_ ("auto|cpu|cuda[:N]") },
    { NULL },
  };

  g_application_add_main_option_entries (G_APPLICATION (self), options);
  g_application_set_option_context_parameter_string (G_APPLICATION (self),
                                                     _ ("[CLIP|FOLDER|PROJECT]"));
  g_application_set_option_context_summary (
      G_APPLICATION (self), _ ("Label the sounding objects of a clip.\n"
                               "A clip or folder opened here keeps its project in the user's data "
                               "folder; nothing is written beside media."));
}

EmApplication *
em_application_new (GApplicationFlags flags)
{
  return g_object_new (EM_TYPE_APPLICATION, "application-id", "org.earmark.Earmark", "flags",
                       G_APPLICATION_HANDLES_COMMAND_LINE | flags, "resource-base-path",
                       "/org/earmark/Earmark", NULL);
}
