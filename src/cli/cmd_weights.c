/* cmd_weights.c - the packages of a user: import, list, verify. */
#include <stdio.h>
#include <string.h>
#include "cli/cli.h"
#include "models/package.h"
#include "weights/library.h"

static json_t *
json_of_names (const EmNames *list)
{
  json_t *array = json_array ();

  for (int i = 0; i < list->n; i++)
    json_array_append_new (array, json_string (list->names[i]));
  return array;
}

/* A zip archive, or called like one of PyTorch's. */
static bool
is_checkpoint (const char *path)
{
  char head[4] = { 0 };
  FILE *f = fopen (path, "rb");
  size_t n = f ? fread (head, 1, sizeof head, f) : 0;

  if (f)
    fclose (f);
  return (n == sizeof head && memcmp (head, "PK\3\4", sizeof head) == 0)
         || g_str_has_suffix (path, ".pt") || g_str_has_suffix (path, ".pth");
}

static bool
parse_dtype (const char *word, int *dtype, EmError *err)
{
  static const struct {
    const char *word;
    int dtype;
  } known[] = { { "f32", EM_F32 }, { "f16", EM_F16 }, { "bf16", EM_BF16 } };

  *dtype = -1;
  if (!word)
    return true;
  for (size_t i = 0; i < G_N_ELEMENTS (known); i++)
    if (strcmp (word, known[i].word) == 0) {
      *dtype = known[i].dtype;
      return true;
    }
  return em_fail (err, EM_E_USAGE, "--dtype is %.40s, expected f32, f16 or bf16", word);
}

static bool
complain_about (const char *path, const EmPackageReport *report, EmError *err)
{
  const EmNames *list = report->wrong.n ? &report->wrong : &report->missing;
  g_autoptr (GString) names = g_string_new (NULL);

  for (int i = 0; i < list->n && i < 3; i++)
    g_string_append_printf (names, "%s%.100s", i ? "; " : "", list->names[i]);
  return em_fail (err, EM_E_WEIGHTS, "%.120s: %d tensors %s: %s%s", path, list->n,
                  report->wrong.n ? "do not fit the configuration" : "are missing", names->str,
                  list->n > 3 ? " ..." : "");
}

typedef struct {
  const char *input;
  char *output; /* NULL: the library */
  int dtype;
  EmModelConfig config;
  EmPackageReport report;
  char *path; /* where it is now */
  char digest[65];
  int n_tensors;
} Import;

static bool
import (Import *im, EmError *err)
{
  EmWeights *w = NULL;
  EmPackage *p = NULL;
  bool ok;

  if (is_checkpoint (im->input))
    return em_fail (err, EM_E_WEIGHTS,
                    "%.200s is a PyTorch checkpoint: this version imports Earmark packages "
                    "(.safetensors) only",
                    im->input);
  ok = (w = em_weights_open (im->input, err)) && em_package_check (w, &im->config, &im->report, err)
       && (em_package_is_complete (&im->report) || complain_about (im->input, &im->report, err))
       && (p = em_package_convert (w, im->dtype, err));
  if (ok) {
    g_strlcpy (im->digest, em_package_digest (p), sizeof im->digest);
    im->n_tensors = em_weights_count (w);
    im->path = im->output ? strdup (im->output) : em_library_place (im->digest, err);
    ok = im->path && em_package_save (p, im->path, err);
  }
  em_package_free (p);
  em_weights_close (w);
  return ok;
}

static void
print_import (const Import *im, bool json)
{
  if (json) {
    em_cli_print_json ("weights-import",
                       json_pack ("{s:s, s:s, s:s, s:i, s:b, s:o}", "name", im->config.name,
                                  "digest", im->digest, "path", im->path, "tensors", im->n_tensors,
                                  "hears", im->config.has_fuser, "unused",
                                  json_of_names (&im->report.unused)));
    return;
  }
  printf ("%s\n  digest  %s\n  file    %s\n  tensors %d\n  sound   %s\n", im->config.name,
          im->digest, im->path, im->n_tensors, im->config.has_fuser ? "yes" : "no");
  for (int i = 0; i < im->report.unused.n; i++)
    printf ("  unused  %s\n", im->report.unused.names[i]);
}

static int
run_import (int argc, char **argv)
{
  g_autofree char *dtype = NULL, *output = NULL;
  const GOptionEntry entries[]
      = { { "dtype", 0, 0, G_OPTION_ARG_STRING, &dtype,
            "Store floats as f32, f16 or bf16 (default: as they are)", "TYPE" },
          { "output", 'o', 0, G_OPTION_ARG_FILENAME, &output,
            "Write there instead of the user's data folder", "FILE" },
          { NULL } };
  EmCliOptions options = { 0 };
  Import im = { 0 };
  EmError err = EM_ERROR_INIT;
  int status;

  if (em_cli_parse (&argc, &argv, entries, "FILE", "Checks a model package and keeps it.",
                    "earmark-cli weights import model.safetensors --dtype f16", 1, 1, &options,
                    &status)) {
    im.input = argv[1];
    im.output = output;
    if (parse_dtype (dtype, &im.dtype, &err) && import (&im, &err))
      print_import (&im, options.json);
    else
      status = em_cli_fail (&err);
  }
  em_package_report_clear (&im.report);
  free (im.path);
  em_cli_options_clear (&options);
  return status;
}

static int
run_list (int argc, char **argv)
{
  EmCliOptions options = { 0 };
  EmError err = EM_ERROR_INIT;
  EmLibraryEntry *entries;
  int status, n;

  if (!em_cli_parse (&argc, &argv, NULL, "", "Lists the packages that --model finds by name.",
                     "earmark-cli weights list", 0, 0, &options, &status))
    goto out;
  entries = em_library_list (&n, &err);
  if (!entries) {
    status = em_cli_fail (&err);
    goto out;
  }
  json_t *array = json_array ();
  for (int i = 0; i < n; i++) {
    const EmLibraryEntry *e = &entries[i];

    json_array_append_new (array,
                           json_pack ("{s:s, s:s, s:s, s:I}", "name", e->name, "digest", e->digest,
                                      "path", e->path, "bytes", (json_int_t) e->bytes));
    if (!options.json)
      printf ("%.12s  %8.1f MB  %s\n", e->digest, (double) e->bytes / 1e6, e->name);
  }
  if (options.json)
    em_cli_print_json ("weights-list", json_pack ("{s:O}", "models", array));
  json_decref (array);
  em_library_list_free (entries, n);

out:
  em_cli_options_clear (&options);
  return status;
}

/* 0, or the exit code of the first that fails; all are told. */
static int
verify_all (const EmLibraryEntry *entries, int n, json_t *results, bool tell)
{
  int status = 0;

  for (int i = 0; i < n; i++) {
    EmError err = EM_ERROR_INIT;
    bool ok = em_library_verify (&entries[i], &err);

    json_array_append_new (results, json_pack ("{s:s, s:b, s:s}", "digest", entries[i].digest, "ok",
                                               ok, "problem", err.text));
    if (ok && tell)
      printf ("%.12s  ok  %s\n", entries[i].digest, entries[i].name);
    if (!ok) {
      em_cli_fail (&err);
      status = em_exit_code (EM_E_CHECK);
    }
  }
  return status;
}

static int
run_verify (int argc, char **argv)
{
  EmCliOptions options = { 0 };
  EmError err = EM_ERROR_INIT;
  EmLibraryEntry *entries;
  int status, n;

  if (!em_cli_parse (&argc, &argv, NULL, "", "Compares every package with its digest.",
                     "earmark-cli weights verify", 0, 0, &options, &status))
    goto out;
  entries = em_library_list (&n, &err);
  if (!entries) {
    status = em_cli_fail (&err);
    goto out;
  }
  json_t *results = json_array ();
  status = verify_all (entries, n, results, !options.json);
  if (options.json)
    em_cli_print_json ("weights-verify", json_pack ("{s:O}", "models", results));
  json_decref (results);
  em_library_list_free (entries, n);

out:
  em_cli_options_clear (&options);
  return status;
}

int
cmd_weights (int argc, char **argv)
{
  static const struct {
    const char *name, *full, *usage;
    int (*run) (int argc, char **argv);
  } verbs[] = {
    { "import", "weights import", "FILE [--dtype f32|f16|bf16] [-o FILE]", run_import },
    { "list", "weights list", "", run_list },
    { "verify", "weights verify", "", run_verify },
  };
  bool help = argc > 1 && (strcmp (argv[1], "--help") == 0 || strcmp (argv[1], "-h") == 0);

  for (size_t i = 0; argc > 1 && i < G_N_ELEMENTS (verbs); i++)
    if (strcmp (argv[1], verbs[i].name) == 0) {
      argv[1] = (char *) verbs[i].full;
      return verbs[i].run (argc - 1, argv + 1);
    }
  fprintf (help ? stdout : stderr, "Usage:\n");
  for (size_t i = 0; i < G_N_ELEMENTS (verbs); i++)
    fprintf (help ? stdout : stderr, "  earmark-cli %s %s\n", verbs[i].full, verbs[i].usage);
  return help ? 0 : em_exit_code (EM_E_USAGE);
}
