/* settings.c - the installed schema, else that of the build; a key file, so that people can read
 * it. */
#define G_SETTINGS_ENABLE_BACKEND
#include "app/settings.h"
#include <gio/gsettingsbackend.h>

#define SCHEMA "org.earmark.Earmark"

GSettings *
em_settings_open (void)
{
  GSettingsSchemaSource *installed = g_settings_schema_source_get_default ();
  g_autoptr (GSettingsSchemaSource) built
      = g_settings_schema_source_new_from_directory (EM_SCHEMA_DIR, installed, TRUE, NULL);
  g_autoptr (GSettingsSchema) schema = NULL;
  g_autoptr (GSettingsBackend) backend = NULL;

  if (built || installed)
    schema = g_settings_schema_source_lookup (built ? built : installed, SCHEMA, TRUE);
  if (schema == NULL)
    return NULL;
  if (g_getenv ("GSETTINGS_BACKEND") == NULL) {
    g_autofree char *path
        = g_build_filename (g_get_user_config_dir (), "earmark", "earmark.conf", NULL);

    backend = g_keyfile_settings_backend_new (path, "/org/earmark/Earmark/", "earmark");
  }
  return g_settings_new_full (schema, backend, NULL);
}
