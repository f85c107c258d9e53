/* cmd_weights.c - the packages of a user: import, list, verify. */
#include <stdio.h>
#include <string.h>
#include "cli/cli.h"
#include "models/family.h"
#include "models/import.h"
#include "models/model.h"
#include "weights/library.h"

#define MAX_LISTED 10 /* names for a person; a program gets all */

static json_t *
json_of_names (const EmPackageNames *list)
{
  json_t *array = json_array ();

  for (int i = 0; i < list->n; i++)
    json_array_append_new (array, json_string (list->names[i]));
  return array;
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

/* One sentence for a list: how many, of which parts, the first three by name. */
static bool
complain_about (const EmPackageNames *list, const char *what, EmError *err)
{
  static const char *const parts[] = { "sam2.", "fuser.", "vgg.", "text." };
  g_autoptr (GString) text = g_string_new (NULL);

  for (size_t k = 0; k < G_N_ELEMENTS (parts); k++) {
    int n = 0;

    for (int i = 0; i < list->n; i++)
      n += g_str_has_prefix (list->names[i], parts[k]);
    if (n)
      g_string_append_printf (text, "%s%d of %.*s", text->len ? ", " : "", n,
                              (int) strlen (parts[k]) - 1, parts[k]);
  }
  g_string_append (text, ": ");
  for (int i = 0; i < list->n && i < 3; i++)
    g_string_append_printf (text, "%s%.100s", i ? "; " : "", list->names[i]);
  return em_fail (err, EM_E_WEIGHTS, "tensors %s, %s%s", what, text->str,
                  list->n > 3 ? " ..." : "");
}

static bool
complain (const EmPackageReport *report, EmError *err)
{
  return report->wrong.n ? complain_about (&report->wrong, "do not fit the configuration", err)
                         : complain_about (&report->missing, "are missing", err);
}

typedef struct {
  char **inputs; /* ends with NULL */
  char *output;  /* NULL: the library */
  int dtype;
  EmModelConfig config;
  EmImportReport report;
  char *path; /* where it is now */
  char digest[65];
  int n_tensors;
} Import;

static bool
import (Import *im, EmError *err)
{
  EmImport *files = em_import_new ();
  EmWeights *w = NULL;
  bool ok = true;

  for (char **input = im->inputs; ok && *input; input++)
    ok = em_import_add (files, *input, err);
  ok = ok && (w = em_import_join (files, &im->config, &im->report, err))
       && (em_package_is_complete (&im->report.package) || complain (&im->report.package, err))
       && em_weights_digest_as (w, im->dtype, im->digest, err);
  if (ok) {
    im->n_tensors = em_weights_count (w);
    im->path = im->output ? strdup (im->output) : em_library_place (im->digest, err);
    ok = im->path && em_package_save (w, im->dtype, im->digest, im->path, err);
  }
  em_import_free (files);
  return ok;
}

/* The lists of tensors that are not as expected; a failed import has them too. */
static const struct {
  const char *what;
  size_t offset; /* into EmImportReport */
} lists[] = {
  { "missing", offsetof (EmImportReport, package.missing) },
  { "wrong", offsetof (EmImportReport, package.wrong) },
  { "unused", offsetof (EmImportReport, package.unused) },
  { "unexpected", offsetof (EmImportReport, unexpected) },
};

static void
print_import (const Import *im, const EmError *err, bool json)
{
  bool ok = err->code == EM_OK;
  json_t *all = json_pack ("{s:b}", "ok", ok);

  if (ok) {
    json_object_update_new (all, json_pack ("{s:s, s:s, s:s, s:i, s:b}", "name", im->config.name,
                                            "digest", im->digest, "path", im->path, "tensors",
                                            im->n_tensors, "hears", im->config.has_fuser));
    if (!json)
      printf ("%s\n  digest  %s\n  file    %s\n  tensors %d\n  sound   %s\n", im->config.name,
              im->digest, im->path, im->n_tensors, im->config.has_fuser ? "yes" : "no");
  }
  for (size_t i = 0; i < G_N_ELEMENTS (lists); i++) {
    const EmPackageNames *names
        = (const EmPackageNames *) ((const char *) &im->report + lists[i].offset);

    json_object_set_new (all, lists[i].what, json_of_names (names));
    if (!json && names->n)
      printf ("  %-7s %d tensors\n", lists[i].what, names->n);
    for (int k = 0; !json && k < names->n && k < MAX_LISTED; k++) {
      g_autofree char *name = g_strescape (names->names[k], NULL); /* a stranger's */

      printf ("          %s\n", name);
    }
    if (!json && names->n > MAX_LISTED)
      printf ("          ... (all of them with --json)\n");
  }
  if (json)
    em_cli_print_json ("weights-import", json_incref (all));
  json_decref (all);
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

  if (em_cli_parse (&argc, &argv, entries, "FILE...",
                    "Joins published weights to one model package, checks it and keeps it.",
                    "earmark-cli weights import sam2_hiera_large.pt auralsam2_avs_v1m.pth", 1, 16,
                    &options, &status)) {
    im.inputs = argv + 1;
    im.output = output;
    if (parse_dtype (dtype, &im.dtype, &err))
      import (&im, &err);
    print_import (&im, &err, options.json);
    if (err.code != EM_OK)
      status = em_cli_fail (&err);
  }
  em_import_report_clear (&im.report);
  free (im.path);
  em_cli_options_clear (&options);
  return status;
}

/* What a package can do: {"sees": "2.1 base_plus", "hears": 5, "reads": true}; null where its
 * configuration is unsound. */
static json_t *
parts_of (const char *path)
{
  EmWeights *w = em_weights_open (path, NULL);
  EmModelConfig *c = g_new0 (EmModelConfig, 1);
  json_t *parts = NULL;

  if (w && em_model_config_of (c, w, NULL)) {
    g_autofree char *sees
        = g_strdup_printf ("%s %s", c->sam2.v21 ? "2.1" : "2.0", em_family_name (&c->sam2));

    parts = json_pack ("{s:s, s:b, s:i, s:b}", "sees", sees, "tracks", c->sam2.tracks, "hears",
                       c->has_fuser ? c->fuser.window : 0, "reads", c->has_text);
  }
  g_free (c);
  em_weights_close (w);
  return parts ? parts : json_null ();
}

/* "sees 2.1 base_plus, hears, reads" */
static void
print_parts (const json_t *parts)
{
  const char *sees = json_string_value (json_object_get (parts, "sees"));

  if (!sees) {
    printf ("unusable: see \"earmark-cli weights verify\"");
    return;
  }
  printf ("sees %s%s%s%s", sees,
          json_is_true (json_object_get (parts, "tracks")) ? "" : " in single pictures",
          json_integer_value (json_object_get (parts, "hears")) ? ", hears" : "",
          json_is_true (json_object_get (parts, "reads")) ? ", reads" : "");
}

static json_t *
json_of_entry (const EmLibraryEntry *e)
{
  return json_pack ("{s:s, s:s, s:s, s:I, s:o}", "name", e->name, "digest", e->digest, "path",
                    e->path, "bytes", (json_int_t) e->bytes, "parts", parts_of (e->path));
}

static void
print_entry (const EmLibraryEntry *e, const json_t *entry, const char *state)
{
  printf ("%.12s  %s%8.1f MB  %s (", e->digest, state, (double) e->bytes / 1e6, e->name);
  print_parts (json_object_get (entry, "parts"));
  printf (")\n");
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
    json_t *entry = json_of_entry (&entries[i]);

    json_array_append_new (array, entry);
    if (!options.json)
      print_entry (&entries[i], entry, "");
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

    json_t *entry = json_of_entry (&entries[i]);

    json_object_update_new (entry, json_pack ("{s:b, s:s}", "ok", ok, "problem", err.text));
    json_array_append_new (results, entry);
    if (ok && tell)
      print_entry (&entries[i], entry, "ok");
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
    { "import", "weights import", "FILE... [--dtype f32|f16|bf16] [-o FILE]", run_import },
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
