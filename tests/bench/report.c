/* report.c - stages as a table and as JSON, beside what a GPU needs at least. */
#include "bench.h"
#include "engine/yardstick.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/json.h"

/* Milliseconds that an H200 needs at least for a frame, at 1024 and at 512 pixels: the stage's
 * operations at the 790 TFLOP/s that a large bf16 product reaches there, or its weights and every
 * product's operands once at 4.3 TB/s, whichever takes longer. Tracking is one object's, its image
 * pass apart. */
typedef struct {
  const char *word, *stage;
  double ms[2];
} Floor;

static const Floor floors[] = {
  { "tiny", "encode", { 0.370, 0.080 } },      { "small", "encode", { 0.456, 0.105 } },
  { "base_plus", "encode", { 0.819, 0.204 } }, { "large", "encode", { 2.307, 0.549 } },
  { NULL, "track", { 0.564, 0.055 } },         { NULL, "click", { 0.014, 0.005 } },
  { NULL, "hear", { 0.200, 0.048 } },
};

/* Of each object beyond the first: what they do not share. */
static const double further_object[2] = { 0.525, 0.055 };

static double
floor_ms (const char *word, int size, const char *stage)
{
  for (size_t i = 0; i < sizeof floors / sizeof *floors; i++)
    if ((!floors[i].word || !strcmp (word, floors[i].word)) && !strcmp (stage, floors[i].stage))
      return floors[i].ms[size];
  return 0;
}

double
bench_floor (const char *word, int image_size, int n_objects, const char *stage)
{
  int size = image_size == 512;
  double encode = floor_ms (word, size, "encode"),
         track = floor_ms (word, size, "track") + (n_objects - 1) * further_object[size];

  if ((image_size != 1024 && image_size != 512) || encode == 0)
    return 0; /* another model, another size */
  if (!strcmp (stage, "encode+sound"))
    return 1e-3 * encode;
  if (!strcmp (stage, "track"))
    return 1e-3 * track;
  if (!strcmp (stage, "track+encode"))
    return 1e-3 * (track + encode);
  return 1e-3 * floor_ms (word, size, stage);
}

static void
print_ms (double ms)
{
  if (isfinite (ms))
    printf (" %9.3f", ms);
  else
    printf (" %9s", "-");
}

void
bench_print_head (const Bench *b)
{
  EmBackend *be = b->model->be;

  printf ("%s, %d px, on %s (%s); clip of %d x %d, %d object%s, medians of %d runs, per frame\n\n",
          b->word, b->model->model->config.sam2.image_size, be->name, be->device, BENCH_WIDTH,
          BENCH_HEIGHT, b->n_objects, b->n_objects == 1 ? "" : "s", b->rounds);
  printf ("%-17s %9s %9s %9s %9s %9s %7s %8s\n", "stage", "device ms", "clock ms", "GFLOP",
          "TFLOP/s", "least ms", "times", "frames/s");
}

void
bench_print_stage (const BenchStage *s)
{
  double device = bench_device_ms (s), least = 1e3 * s->floor;

  printf ("%-17s", s->name);
  print_ms (device);
  print_ms (bench_wall_ms (s));
  printf (" %9.2f %9.2f", 1e-9 * s->flop / s->frames, bench_tflops (s));
  if (least > 0 && isfinite (device))
    printf (" %9.3f %7.2f", least, device / least);
  else
    printf (" %9s %7s", "-", "-");
  printf (" %8.1f  %s\n", 1e3 / bench_wall_ms (s), s->what);
  fflush (stdout);
}

void
bench_print_foot (const Bench *b)
{
  EmBackend *be = b->model->be;

  printf ("\n");
  if (b->peak_bytes)
    printf ("device memory: %.0f MB at most; ", (double) b->peak_bytes / (1 << 20));
  printf ("resident: %.0f MB\n", (double) em_yardstick_resident () / (1 << 20));
  if (be->slow_ops)
    printf ("what went a slow way: %s\n", *be->slow_ops (be) ? be->slow_ops (be) : "none");
}

static json_t *
number_or_null (double x)
{
  return isfinite (x) ? json_real (x) : json_null ();
}

static json_t *
stage_json (const BenchStage *s)
{
  return json_pack ("{s:s, s:s, s:o, s:f, s:i, s:f, s:f, s:o, s:f}", "name", s->name, "what",
                    s->what, "device_ms", number_or_null (bench_device_ms (s)), "clock_ms",
                    bench_wall_ms (s), "runs", s->n, "gflop", 1e-9 * s->flop / s->frames, "tflops",
                    bench_tflops (s), "least_ms",
                    number_or_null (s->floor > 0 ? 1e3 * s->floor : NAN), "frames_per_second",
                    1e3 / bench_wall_ms (s));
}

bool
bench_write_json (const Bench *b, const char *path, EmError *err)
{
  EmBackend *be = b->model->be;
  json_t *stages = json_array (), *all;
  bool good;

  for (int i = 0; i < b->n; i++)
    json_array_append_new (stages, stage_json (&b->stages[i]));
  all = json_pack ("{s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:o, s:f, s:f, s:s}", "backend", be->name,
                   "device", be->device, "model", b->word, "image_size",
                   b->model->model->config.sam2.image_size, "width", BENCH_WIDTH, "height",
                   BENCH_HEIGHT, "objects", b->n_objects, "stages", stages, "device_peak_mb",
                   (double) b->peak_bytes / (1 << 20), "resident_mb",
                   (double) em_yardstick_resident () / (1 << 20), "slow_ops",
                   be->slow_ops ? be->slow_ops (be) : "");
  good = em_json_write_file (path, all, err);
  json_decref (all);
  return good;
}
