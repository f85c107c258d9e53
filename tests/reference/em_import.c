/* em-import FILE... -o PACKAGE - what others publish as one package, as "earmark-cli weights
 * import" does, on machines that have no GLib. */
#include <stdio.h>
#include <string.h>
#include "models/import.h"

static bool
import (int n, char **files, const char *output, EmError *err)
{
  EmImport *im = em_import_new ();
  EmImportReport report = { 0 };
  EmModelConfig config;
  EmWeights *w = NULL;
  char digest[65];
  bool good = true;

  for (int i = 0; good && i < n; i++)
    good = em_import_add (im, files[i], err);
  good = good && (w = em_import_join (im, &config, &report, err));
  if (good && !em_package_is_complete (&report.package))
    good = em_fail (err, EM_E_WEIGHTS, "%d tensors are missing, %d do not fit, the first: %s",
                    report.package.missing.n, report.package.wrong.n,
                    report.package.wrong.n ? report.package.wrong.names[0]
                                           : report.package.missing.names[0]);
  good = good && em_weights_digest_as (w, -1, digest, err)
         && em_package_save (w, -1, digest, output, err);
  em_import_report_clear (&report);
  em_import_free (im);
  return good;
}

int
main (int argc, char **argv)
{
  EmError err = EM_ERROR_INIT;

  if (argc < 4 || strcmp (argv[argc - 2], "-o")) {
    fprintf (stderr, "usage: em-import FILE... -o PACKAGE\n");
    return em_exit_code (EM_E_USAGE);
  }
  if (import (argc - 3, argv + 1, argv[argc - 1], &err))
    return 0;
  fprintf (stderr, "em-import: %s\n", err.text);
  return em_exit_code (err.code);
}
