/* em-bench - how long the stages of a model take on a backend, and what they need of its memory. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench.h"
#include "engine/threads.h"

typedef struct {
  const char *backend, *word, *json;
  int size, rounds, n_objects, n_long;
  int seconds, limit_mb; /* limit_mb -1: what is usual */
} Options;

static int
usage (void)
{
  fprintf (stderr,
           "usage: em-bench [OPTIONS]\n"
           "  --backend NAME  what computes: cpu, cuda, cuda:f32 ... (auto)\n"
           "  --model MODEL   demo, nano, tiny, small, base_plus, large, or a package (demo)\n"
           "  --size N        pixels that pictures are seen at (the model's own)\n"
           "  --objects N     tracked at once (1; with --long 3)\n"
           "  --rounds N      runs of each stage that count (20)\n"
           "  --json FILE     the numbers once more\n"
           "  --long N        instead: track through N frames and watch the memory\n"
           "  --seconds N     of --long: stops after so many\n"
           "  --limit MB      of --long: more than this fails (3072 for base_plus at 1024 with 3\n"
           "                  objects, else none)\n"
           "Of a drawn clip of %d x %d. Exit status 8: a number makes no sense, or memory grows.\n",
           BENCH_WIDTH, BENCH_HEIGHT);
  return em_exit_code (EM_E_USAGE);
}

static bool
parse_int (const char *text, int low, int high, int *out)
{
  char *end;
  long value = strtol (text, &end, 10);

  *out = (int) value;
  return end != text && !*end && value >= low && value <= high;
}

static bool
parse (Options *o, int argc, char **argv)
{
  static const struct option options[]
      = { { "backend", required_argument, NULL, 'b' }, { "model", required_argument, NULL, 'm' },
          { "size", required_argument, NULL, 's' },    { "objects", required_argument, NULL, 'o' },
          { "rounds", required_argument, NULL, 'r' },  { "json", required_argument, NULL, 'j' },
          { "long", required_argument, NULL, 'l' },    { "limit", required_argument, NULL, 'L' },
          { "seconds", required_argument, NULL, 't' }, { NULL, 0, NULL, 0 } };
  bool good = true;

  for (int c; good && (c = getopt_long (argc, argv, "", options, NULL)) != -1;)
    switch (c) {
    case 'b':
      o->backend = optarg;
      break;
    case 'm':
      o->word = optarg;
      break;
    case 'j':
      o->json = optarg;
      break;
    case 's':
      good = parse_int (optarg, 0, 2048, &o->size);
      break;
    case 'o':
      good = parse_int (optarg, 1, 100, &o->n_objects);
      break;
    case 'r':
      good = parse_int (optarg, 1, 10000, &o->rounds);
      break;
    case 'l':
      good = parse_int (optarg, 2, 1000000, &o->n_long);
      break;
    case 't':
      good = parse_int (optarg, 1, 1000000, &o->seconds);
      break;
    case 'L':
      good = parse_int (optarg, 0, 1 << 20, &o->limit_mb);
      break;
    default:
      good = false;
    }
  return good && optind == argc;
}

static bool
run_long (const Options *o, const BenchModel *m, EmError *err)
{
  int n_objects = o->n_objects ? o->n_objects : 3, limit_mb = o->limit_mb;

  if (!m->model->config.sam2.tracks)
    return em_fail (err, EM_E_USAGE, "%s is for single pictures: it does not track", o->word);
  if (limit_mb < 0)
    limit_mb = !strcmp (o->word, "base_plus") && m->model->config.sam2.image_size == 1024
                       && n_objects <= 3 && !m->be->memory_on_host
                   ? 3072
                   : 0;
  return bench_long (m, o->n_long, n_objects, o->seconds, limit_mb, err);
}

static bool
run_stages (const Options *o, const BenchModel *m, EmError *err)
{
  Bench b = {
    .model = m, .word = o->word, .rounds = o->rounds, .n_objects = o->n_objects ? o->n_objects : 1
  };
  bool good = bench_run (&b, err);

  if (good)
    bench_print_foot (&b);
  good = good && (!o->json || bench_write_json (&b, o->json, err));
  bench_clear (&b);
  return good;
}

int
main (int argc, char **argv)
{
  Options o = { .backend = "auto", .word = "demo", .rounds = 20, .limit_mb = -1 };
  EmError err = EM_ERROR_INIT;
  BenchModel m;

  em_threads_sleep_when_idle (argv);
  if (!parse (&o, argc, argv))
    return usage ();
  if (bench_model_open (&m, o.word, o.backend, o.size, NULL, &err)) {
    if (o.n_long)
      run_long (&o, &m, &err);
    else
      run_stages (&o, &m, &err);
  }
  bench_model_close (&m);
  if (err.code == EM_OK)
    return 0;
  fprintf (stderr, "em-bench: %s\n", err.text);
  return em_exit_code (err.code);
}
