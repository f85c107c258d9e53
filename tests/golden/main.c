/* em-golden FILE... - compares the engine with numbers of the official code.
 *
 * A file's name says which part of the engine answers for it, its metadata says the rest. Exit
 * status 0: all that was compared agrees; 8: something differs, could not be read or did not run.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "engine/threads.h"
#include "runners.h"

static const char trainer[] = "belongs to the trainer";

/* clang-format off */
static const struct {
  const char *prefix; /* of the file name */
  bool (*run) (Golden *g, EmError *err);
  const char *why_not; /* instead of `run` */
} families[] = {
  { "sam2-image", golden_run_image, NULL },
  { "sam2-modules", golden_run_modules, NULL },
  { "sam2-video", golden_run_video, NULL },
  { "vggish", golden_run_vggish, NULL },
  { "resample", golden_run_resample, NULL },
  { "metrics", golden_run_metrics, NULL },
  { "auralfuser", golden_run_fuser, NULL },
  { "text", golden_run_text, NULL },
  { "auralsam2-e2e", golden_run_e2e, NULL },
  { "auralsam2-train", NULL, trainer },
  { "auralsam2-ref-audiocon", NULL, trainer },
};
/* clang-format on */

/* Compares one file; true if it agrees. */
static bool
check_file (const char *path, const char *backend, double tolerance, bool quiet, bool strict)
{
  EmError err = EM_ERROR_INIT;
  Golden *g = golden_open (path, &err);
  size_t n = sizeof families / sizeof *families, i = 0;
  bool good = false, ran = false;

  if (!g) {
    printf ("MISS %s\n", err.text);
    return false;
  }
  golden_set_backend (g, backend);
  if (tolerance > 0)
    golden_set_tolerance (g, tolerance);
  while (i < n && strncmp (golden_name (g), families[i].prefix, strlen (families[i].prefix)))
    i++;
  if (i == n)
    printf ("MISS %s: no part of the engine answers for files of this name\n", path);
  else if (families[i].why_not)
    golden_skip (g, "*", families[i].why_not);
  else
    ran = families[i].run (g, &err);

  if (i < n)
    good = golden_report (g, quiet, strict);
  if (i < n && !families[i].why_not && !ran) {
    printf ("MISS %s: %s\n", path, err.text);
    good = false;
  }
  golden_close (g);
  return good;
}

int
main (int argc, char **argv)
{
  static const struct option options[] = { { "quiet", no_argument, NULL, 'q' },
                                           { "strict", no_argument, NULL, 's' },
                                           { "tolerance", required_argument, NULL, 't' },
                                           { "backend", required_argument, NULL, 'b' },
                                           { NULL, 0, NULL, 0 } };
  bool quiet = false, strict = false, good = true;
  const char *backend = NULL;
  double tolerance = 0;

  setvbuf (stdout, NULL, _IOLBF, 0); /* what hangs or dies has told what it found */
  em_threads_sleep_when_idle (argv);
  for (int c; (c = getopt_long (argc, argv, "qst:b:", options, NULL)) != -1;)
    if (c == 'q')
      quiet = true;
    else if (c == 's')
      strict = true;
    else if (c == 'b')
      backend = optarg;
    else if (c == 't' && (tolerance = strtod (optarg, NULL)) > 0)
      continue;
    else
      optind = argc;
  if (optind >= argc) {
    fprintf (stderr,
             "usage: em-golden [--quiet] [--strict] [--tolerance X] [--backend NAME] FILE...\n"
             "  --quiet        tell misses only\n"
             "  --strict       a key that nobody compared is a miss\n"
             "  --tolerance X  relative error that passes (1e-4)\n"
             "  --backend NAME what computes: cpu, cuda:f32 ... (cpu)\n");
    return em_exit_code (EM_E_USAGE);
  }
  for (int i = optind; i < argc; i++) {
    good &= check_file (argv[i], backend, tolerance, quiet, strict);
    fflush (stdout);
  }
  return good ? 0 : em_exit_code (EM_E_CHECK);
}
