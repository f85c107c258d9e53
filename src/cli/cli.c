/* cli.c - options, errors, JSON and progress of the command line. */
#include "cli/cli.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

atomic_bool em_cli_interrupted;

int
em_cli_fail (const EmError *err)
{
  fprintf (stderr, "earmark-cli: %s\n", err->text);
  return em_exit_code (err->code);
}

int
em_cli_fail_text (EmStatus code, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  fputs ("earmark-cli: ", stderr);
  vfprintf (stderr, format, args);
  fputc ('\n', stderr);
  va_end (args);
  return em_exit_code (code);
}

/* "cuda" or "cuda:0"; whether there is one of that name em_backend_open says. */
static bool
is_device (const char *name)
{
  size_t word = strspn (name, "abcdefghijklmnopqrstuvwxyz");

  return word
         && (!name[word]
             || (name[word] == ':' && name[word + 1]
                 && strspn (name + word + 1, "0123456789") == strlen (name + word + 1)));
}

bool
em_cli_parse (int *argc, char ***argv, const GOptionEntry *entries, const char *usage,
              const char *summary, const char *example, int min, int max, EmCliOptions *options,
              int *status)
{
  gboolean help = FALSE;
  const GOptionEntry shared[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &options->json, "Print one JSON document", NULL },
    { "progress", 0, 0, G_OPTION_ARG_STRING, &options->progress,
      "auto, plain, json or none (default: auto)", "HOW" },
    { "model", 0, 0, G_OPTION_ARG_STRING, &options->model,
      "Package file, name or digest (default: the demo model)", "M" },
    { "device", 0, 0, G_OPTION_ARG_STRING, &options->device,
      "auto, cpu, cuda or cuda:K, the K-th GPU from 0 (default: auto)", "D" },
    { "precision", 0, 0, G_OPTION_ARG_STRING, &options->precision,
      "f32, or bf16: twice as fast and less exact, where the device can (default: bf16 on a GPU, "
      "f32 on a CPU)",
      "P" },
    { "size", 0, 0, G_OPTION_ARG_INT, &options->size,
      "Show the model pictures of N x N pixels (default: what it was trained at)", "N" },
    { "quiet", 'q', 0, G_OPTION_ARG_NONE, &options->quiet, "No progress", NULL },
    { "help", 'h', 0, G_OPTION_ARG_NONE, &help, "Show this text", NULL },
    { NULL }
  };
  g_autofree char *title = g_strdup_printf ("%s %s", (*argv)[0], usage);
  g_autofree char *tail = g_strdup_printf ("Example:\n  %s\n", example);
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;

  *status = 0;
  g_option_context_set_help_enabled (context, FALSE);
  g_option_context_set_summary (context, summary);
  g_option_context_set_description (context, tail);
  if (entries)
    g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_add_main_entries (context, shared, NULL);
  if (!g_option_context_parse (context, argc, argv, &error)) {
    *status = em_cli_fail_text (EM_E_USAGE, "%s: %s", (*argv)[0], error->message);
    return false;
  }
  if (help) {
    g_autofree char *text = g_option_context_get_help (context, TRUE, NULL);
    const char *rest = strstr (text, "\n\n"); /* after GLib's own line of usage */

    printf ("Usage:\n  earmark-cli %s%s", title, rest ? rest : "\n");
    return false;
  }
  if (*argc - 1 < min || *argc - 1 > max) {
    *status = em_cli_fail_text (EM_E_USAGE, "usage: earmark-cli %s", title);
    return false;
  }
  if (options->progress
      && !g_strv_contains ((const char *const[]){ "auto", "plain", "json", "none", NULL },
                           options->progress)) {
    *status = em_cli_fail_text (EM_E_USAGE, "--progress is %s, expected auto, plain, json or none",
                                options->progress);
    return false;
  }
  if (options->device && !is_device (options->device)) {
    *status = em_cli_fail_text (EM_E_USAGE, "--device is %s, expected auto, cpu, cuda or cuda:K",
                                options->device);
    return false;
  }
  if (options->precision && strcmp (options->precision, "f32")
      && strcmp (options->precision, "bf16")) {
    *status = em_cli_fail_text (EM_E_USAGE, "--precision is %s, expected f32 or bf16",
                                options->precision);
    return false;
  }
  return true;
}

void
em_cli_options_clear (EmCliOptions *o)
{
  g_clear_pointer (&o->progress, g_free);
  g_clear_pointer (&o->model, g_free);
  g_clear_pointer (&o->device, g_free);
  g_clear_pointer (&o->precision, g_free);
}

void
em_cli_print_json (const char *command, json_t *value)
{
  g_autofree char *schema = g_strdup_printf ("earmark-%s", command);
  json_t *document = json_pack ("{s:s, s:i}", "schema", schema, "version", 1);

  json_object_update (document, value);
  json_decref (value);
  json_dumpf (document, stdout, JSON_INDENT (1) | JSON_REAL_PRECISION (7));
  putchar ('\n');
  json_decref (document);
}

void
em_cli_progress_begin (EmCliProgress *p, const EmCliOptions *options, const char *what, int total)
{
  *p = (EmCliProgress){ options, what, g_get_monotonic_time (), 0, total };
}

static void
print_progress (EmCliProgress *p, int done, bool last)
{
  const char *how = p->options->progress ? p->options->progress : "auto";
  bool terminal = strcmp (how, "auto") == 0 && isatty (STDERR_FILENO);
  gint64 now = g_get_monotonic_time ();
  double seconds = (double) (now - p->start_us) / 1e6, rate = seconds > 0 ? done / seconds : 0;

  if (p->options->quiet || strcmp (how, "none") == 0)
    return;
  if (!last && p->last_us && now - p->last_us < (terminal ? 200000 : 5000000))
    return;
  p->last_us = now;
  if (strcmp (how, "json") == 0)
    fprintf (stderr, "{\"progress\":\"%s\",\"done\":%d,\"total\":%d,\"rate\":%.3g}\n", p->what,
             done, p->total, rate);
  else
    fprintf (stderr, "%s%s %d/%d, %.1f/s, ETA %.0f s%s", terminal ? "\r" : "", p->what, done,
             p->total, rate, rate > 0 ? (p->total - done) / rate : 0,
             terminal && !last ? "   " : "\n");
}

void
em_cli_progress (EmCliProgress *p, int done)
{
  print_progress (p, done, false);
}

void
em_cli_progress_end (EmCliProgress *p, int done)
{
  print_progress (p, done, true);
}
