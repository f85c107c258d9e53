/* main.c - the window's program. */
#include "app/em-application.h"
#include <glib/gi18n.h>
#include <locale.h>
#include "engine/threads.h"

int
main (int argc, char **argv)
{
  g_autoptr (EmApplication) app = NULL;

  em_threads_sleep_when_idle (argv);
  setlocale (LC_ALL, "");
  bindtextdomain (GETTEXT_PACKAGE, EM_LOCALE_DIR);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);
  app = em_application_new (0);
  return g_application_run (G_APPLICATION (app), argc, argv);
}
