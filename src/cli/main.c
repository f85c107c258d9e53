/* main.c - earmark-cli: find the command, run it. */
#include "cli/cli.h"
#include "engine/threads.h"
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
  const char *name, *summary;
  int (*run) (int argc, char **argv);
} commands[] = {
#define EM_COMMAND(name, summary) { #name, summary, cmd_##name },
#include "cli/commands.def"
#undef EM_COMMAND
  { NULL, NULL, NULL },
};

static void
interrupted (int sig)
{
  if (atomic_exchange (&em_cli_interrupted, true))
    _exit (130);
}

static void
print_help (void)
{
  puts ("Usage:\n  earmark-cli COMMAND [OPTIONS]\n\nCommands:");
  for (int i = 0; commands[i].name; i++)
    printf ("  %-10s %s\n", commands[i].name, commands[i].summary);
  puts (
      "\nearmark-cli COMMAND --help tells more.\n\nExit codes: 0 done, 1 internal error, 2 usage, "
      "3 some clips failed, 4 input or output\nunusable, 5 weights unusable, 6 device or memory, 7 "
      "project locked, 8 check failed,\n130 interrupted.");
}

int
main (int argc, char **argv)
{
  struct sigaction on_interrupt = { .sa_handler = interrupted };

  em_threads_sleep_when_idle (argv);
  g_set_prgname ("earmark-cli"); /* not the command, which the option parser would take */
  setlocale (LC_ALL, "C.UTF-8"); /* files and logs: a point is the decimal mark everywhere */
  sigaction (SIGINT, &on_interrupt, NULL);
  sigaction (SIGTERM, &on_interrupt, NULL);
  if (argc < 2 || strcmp (argv[1], "--help") == 0 || strcmp (argv[1], "-h") == 0) {
    print_help ();
    return argc < 2 ? 2 : 0;
  }
  if (strcmp (argv[1], "--version") == 0) {
    puts ("earmark-cli " EM_VERSION);
    return 0;
  }
  for (int i = 0; commands[i].name; i++)
    if (strcmp (argv[1], commands[i].name) == 0)
      return commands[i].run (argc - 1, argv + 1);
  return em_cli_fail_text (EM_E_USAGE, "no command named %s; earmark-cli --help lists them",
                           argv[1]);
}
