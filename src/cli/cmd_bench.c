/* cmd_bench.c - earmark-cli bench: how fast the parts of a model are on this machine. */
#include <math.h>
#include <stdio.h>
#include <sys/resource.h>
#include "cli/bench.h"
#include "cli/bench_long.h"
#include "cli/cli_model.h"

#define SLACK_BYTES (8 << 20) /* of memory that may come and go without growing */

static double
rate (double flop, double seconds)
{
  return seconds > 0 ? 1e-9 * flop / seconds : NAN;
}

static json_t *
number_or_null (double x)
{
  return isfinite (x) ? json_real (x) : json_null ();
}

/* The product library is the CPU's: no yardstick for another device. */
static json_t *
stage_json (const EmBenchStage *s, double full, bool on_device)
{
  double time = em_bench_median (s), library = on_device ? 0 : em_bench_library (s);

  return json_pack ("{s:s, s:s, s:f, s:i, s:f, s:o, s:o, s:o, s:o}", "name", s->name, "what",
                    s->what, "ms", 1e3 * time, "runs", (int) s->times->len, "gflop", 1e-9 * s->flop,
                    "gflops", number_or_null (rate (s->flop, time)), "library_gflops",
                    number_or_null (rate (s->flop, library)), "share",
                    number_or_null (library > 0 ? library / time : NAN), "product_share",
                    number_or_null (rate (s->flop, time) / full));
}

static json_t *
bench_json (const EmBench *b, const EmCliModel *m)
{
  const char *slow = m->be->slow_ops ? m->be->slow_ops (m->be) : "";
  const EmBenchStage *product = b->stages->pdata[b->stages->len - 1];
  double full = rate (product->flop, em_bench_median (product));
  json_t *stages = json_array ();

  for (guint i = 0; i < b->stages->len; i++)
    json_array_append_new (stages, stage_json (b->stages->pdata[i], full, b->be->spent));
  return json_pack (
      "{s:s, s:s, s:{s:s, s:s, s:i}, s:o, s:{s:f, s:f, s:f, s:f, s:b}, s:f, s:f}", "device",
      m->be->device, "slow_ops", slow, "model", "name", m->model->config.name, "digest",
      em_weights_digest (m->weights), "image_size", m->model->config.sam2.image_size, "stages",
      stages, "memory", "peak_mb", (double) b->peak_bytes / (1 << 20), "second_pass_mb",
      (double) b->rss_bytes[0] / (1 << 20), "last_pass_mb", (double) b->rss_bytes[1] / (1 << 20),
      "device_mb", (double) b->device_bytes[1] / (1 << 20), "flat",
      b->rss_bytes[1] <= b->rss_bytes[0] + SLACK_BYTES
          && b->device_bytes[1] <= b->device_bytes[0] + SLACK_BYTES,
      "logit_difference", b->difference, "logit_rms", b->logit_rms);
}

static void
print_text (json_t *all)
{
  json_t *stage, *memory = json_object_get (all, "memory");
  size_t i;

  printf ("%s on %s\n\n",
          json_string_value (json_object_get (json_object_get (all, "model"), "name")),
          json_string_value (json_object_get (all, "device")));
  json_array_foreach (json_object_get (all, "stages"), i, stage)
  {
    json_t *share = json_object_get (stage, "share");

    printf ("%-12s %9.2f ms %8.2f GFLOP %7.1f GFLOP/s",
            json_string_value (json_object_get (stage, "name")),
            json_real_value (json_object_get (stage, "ms")),
            json_real_value (json_object_get (stage, "gflop")),
            json_real_value (json_object_get (stage, "gflops")));
    if (i + 1 < json_array_size (json_object_get (all, "stages")))
      printf (" %4.0f%% of the last line,",
              100 * json_number_value (json_object_get (stage, "product_share")));
    if (json_is_real (share))
      printf (" %.0f%% of the library's f32 %.1f", 100 * json_real_value (share),
              json_real_value (json_object_get (stage, "library_gflops")));
    printf ("   %s\n", json_string_value (json_object_get (stage, "what")));
  }
  printf ("\nmemory: %.0f MB at most; %s while tracking (%.0f MB, later %.0f MB)\n",
          json_real_value (json_object_get (memory, "peak_mb")),
          json_is_true (json_object_get (memory, "flat")) ? "flat" : "GROWING",
          json_real_value (json_object_get (memory, "second_pass_mb")),
          json_real_value (json_object_get (memory, "last_pass_mb")));
  if (json_real_value (json_object_get (memory, "device_mb")) > 0)
    printf ("device memory: %.0f MB\n", json_real_value (json_object_get (memory, "device_mb")));
  if (*json_string_value (json_object_get (all, "slow_ops")))
    printf ("SLOW, by the CPU or without the library of the device: %s\n",
            json_string_value (json_object_get (all, "slow_ops")));
  printf ("logits (rms %.2g) differ by at most %.2g from those of a CPU without vector "
          "instructions\n",
          json_real_value (json_object_get (all, "logit_rms")),
          json_real_value (json_object_get (all, "logit_difference")));
}

static void
report (const EmBench *b, const EmCliModel *m, const EmCliOptions *options)
{
  json_t *all = bench_json (b, m);

  if (options->json) {
    em_cli_print_json ("bench", all);
  } else {
    print_text (all);
    json_decref (all);
  }
}

/* --long ------------------------------------------------------------------------------------------
 */

static json_t *
long_json (const EmBenchLong *b, const EmCliModel *m)
{
  json_t *notes = json_array ();
  struct rusage usage;

  for (guint i = 0; i < b->notes->len; i++) {
    const EmBenchNote *n = &g_array_index (b->notes, EmBenchNote, i);

    json_array_append_new (notes,
                           json_pack ("{s:i, s:f, s:f, s:f, s:f}", "frame", n->frame, "resident_mb",
                                      (double) n->rss_bytes / (1 << 20), "features_mb",
                                      (double) n->held.features / (1 << 20), "banks_mb",
                                      (double) n->held.banks / (1 << 20), "seconds", n->seconds));
  }
  getrusage (RUSAGE_SELF, &usage);
  return json_pack ("{s:s, s:{s:s, s:s, s:i}, s:i, s:i, s:f, s:b, s:o}", "device", m->be->device,
                    "model", "name", m->model->config.name, "digest",
                    em_weights_digest (m->weights), "image_size", m->model->config.sam2.image_size,
                    "objects", b->n_objects, "corrections", b->n_corrections, "peak_mb",
                    (double) usage.ru_maxrss / 1024, "flat", !em_bench_long_grows (b), "memory",
                    notes);
}

static void
print_long (json_t *all)
{
  json_t *note;
  size_t i;

  printf ("%s on %s, %lld objects, %lld corrections\n\n| frame | resident MB | features MB | banks "
          "MB | frames/s |\n"
          "|---|---|---|---|---|\n",
          json_string_value (json_object_get (json_object_get (all, "model"), "name")),
          json_string_value (json_object_get (all, "device")),
          json_integer_value (json_object_get (all, "objects")),
          json_integer_value (json_object_get (all, "corrections")));
  json_array_foreach (json_object_get (all, "memory"), i, note)
  {
    double frames = 1 + (double) json_integer_value (json_object_get (note, "frame"));

    printf ("| %.0f | %.1f | %.1f | %.1f | %.1f |\n", frames - 1,
            json_real_value (json_object_get (note, "resident_mb")),
            json_real_value (json_object_get (note, "features_mb")),
            json_real_value (json_object_get (note, "banks_mb")),
            frames / json_real_value (json_object_get (note, "seconds")));
  }
  printf ("\n%.0f MB at most; beside what is kept for clicks and tracking it is %s\n",
          json_real_value (json_object_get (all, "peak_mb")),
          json_is_true (json_object_get (all, "flat")) ? "flat" : "GROWING");
}

static bool
run_long (const EmCliModel *m, const EmCliOptions *options, int n_frames, int n_objects,
          EmError *err)
{
  EmBenchLong b = { 0 };
  bool good = em_bench_long_run (&b, m->model, n_frames, n_objects, &em_cli_interrupted, err);

  if (good) {
    json_t *all = long_json (&b, m);

    if (options->json) {
      em_cli_print_json ("bench", all);
    } else {
      print_long (all);
      json_decref (all);
    }
    if (em_bench_long_grows (&b))
      good = em_fail (err, EM_E_CHECK, "memory grows with the clip");
  }
  em_bench_long_clear (&b);
  return good;
}

static bool
run_stages (EmBench *b, const EmCliModel *m, const EmCliOptions *options, int n_frames,
            EmError *err)
{
  bool good = em_bench_run (b, m->model, m->weights, n_frames, &em_cli_interrupted, err);

  if (good)
    report (b, m, options);
  return good;
}

int
cmd_bench (int argc, char **argv)
{
  EmCliOptions shared = { 0 };
  EmCliModel model = { 0 };
  EmBench bench = { 0 };
  EmError err = EM_ERROR_INIT;
  int n_frames = 10, n_long = 0, n_objects = 3, status;
  const GOptionEntry entries[]
      = { { "frames", 0, 0, G_OPTION_ARG_INT, &n_frames,
            "Encode and track this many frames (default: 10)", "N" },
          { "long", 0, 0, G_OPTION_ARG_INT, &n_long,
            "Instead: track through N frames, correct on the way, and show the memory", "N" },
          { "objects", 0, 0, G_OPTION_ARG_INT, &n_objects, "Of --long (default: 3)", "N" },
          { NULL } };

  if (em_cli_parse (&argc, &argv, entries, "",
                    "Time the parts of a model on a drawn clip, and compare each with what the "
                    "matrix product library alone needs for the same products.",
                    "earmark-cli bench --frames 20 --json", 0, 0, &shared, &status)) {
    if (n_frames < 2 || n_long < 0 || n_long == 1)
      em_fail (&err, EM_E_USAGE, "--%s is %d, expected at least 2",
               n_frames < 2 ? "frames" : "long", n_frames < 2 ? n_frames : n_long);
    else if (n_objects < 1 || n_objects > 100)
      em_fail (&err, EM_E_USAGE, "--objects is %d, expected 1 to 100", n_objects);
    else if (em_cli_model_open (&model, &shared, &err) && n_long)
      run_long (&model, &shared, n_long, n_objects, &err);
    else if (err.code == EM_OK)
      run_stages (&bench, &model, &shared, n_frames, &err);
    status = err.code == EM_OK ? 0 : em_cli_fail (&err);
  }
  em_bench_clear (&bench);
  em_cli_model_close (&model);
  em_cli_options_clear (&shared);
  return status;
}
