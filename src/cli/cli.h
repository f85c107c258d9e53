/* cli.h - what every command of earmark-cli shares.
 *
 * A command is a function that gets its own arguments, parses them with em_cli_parse, does its work
 * and returns an exit code. Results go to stdout, everything else to stderr. */
#pragma once
#include <glib.h>
#include <jansson.h>
#include <stdatomic.h>
#include "base/error.h"

/* Options every command has; em_cli_parse adds and fills them. */
typedef struct {
  gboolean json;   /* one JSON document on stdout instead of text */
  gboolean quiet;  /* no progress */
  char *progress;  /* "auto", "plain", "json", "none" */
  char *model;     /* --model: a path, a name or the first digits of a digest; NULL: the default */
  char *device;    /* "auto", "cpu" */
  char *precision; /* "f32", "bf16" */
  int size;        /* --size: of the pictures that the model sees; 0: the package's */
} EmCliOptions;

/* Parses `entries` (ends with a zero entry) and the shared ones. `usage` is what follows the
 * command's name ("CLIP -o DIR"), `summary` one sentence, `example` a full command line. Positional
 * arguments are left in *argc / *argv, argv[0] being the command; their number must lie in
 * [min, max]. False with *status set (0 after --help, 2 after a mistake). */
bool em_cli_parse (int *argc, char ***argv, const GOptionEntry *entries, const char *usage,
                   const char *summary, const char *example, int min, int max,
                   EmCliOptions *options, int *status);
void em_cli_options_clear (EmCliOptions *o);

/* "earmark-cli: TEXT" on stderr; returns the exit code. */
int em_cli_fail (const EmError *err);
int em_cli_fail_text (EmStatus code, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));

/* Prints {"schema": "earmark-COMMAND", "version": 1, ...value} and takes `value` over. */
void em_cli_print_json (const char *command, json_t *value);

/* Set by the first interrupt: finish the frame and save. A second one ends the program. */
extern atomic_bool em_cli_interrupted;

/* Progress on stderr: a line per 5 s with done/total, rate and ETA when stderr is no terminal, else
 * one line that is redrawn. `what` is a verb ("tracking"). */
typedef struct {
  const EmCliOptions *options;
  const char *what;
  gint64 start_us, last_us;
  int total;
} EmCliProgress;
void em_cli_progress_begin (EmCliProgress *p, const EmCliOptions *options, const char *what,
                            int total);
void em_cli_progress (EmCliProgress *p, int done);
void em_cli_progress_end (EmCliProgress *p, int done);

/* The commands. */
#define EM_COMMAND(name, summary) int cmd_##name (int argc, char **argv);
#include "cli/commands.def"
#undef EM_COMMAND
