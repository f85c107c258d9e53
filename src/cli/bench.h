/* bench.h - the stages of a model timed one by one.
 *
 * Runs on a clip drawn in memory, so that no decoder is in the way and every machine does the same
 * work. A stage notes each run's time and the matrix products of one run; what the product library
 * alone needs for those, in this run and with warm caches, is the yardstick. */
#pragma once
#include <glib.h>
#include "predict/predictor.h"

typedef struct {
  const char *name, *what; /* "encode", for people */
  GArray *times;           /* of double, seconds */
  GHashTable *products;    /* of one run */
  double flop;             /* of one run */
} EmBenchStage;

typedef struct {
  EmBackend *be;
  GPtrArray *stages;       /* of EmBenchStage; the last is a plain product by the engine itself */
  int64_t peak_bytes;      /* most that was resident up to the end of tracking */
  int64_t rss_bytes[2];    /* resident after the second tracking pass and after the last */
  int64_t device_bytes[2]; /* likewise, of the device's memory; 0 where that is the host's */
  double difference;       /* largest, of a click's logits on the plainest form of the engine */
  double logit_rms;        /* of that click */
} EmBench;

/* `model` is over `weights`; `n_frames`, at least 2, are encoded and tracked. */
bool em_bench_run (EmBench *b, EmModel *model, EmWeights *weights, int n_frames,
                   const atomic_bool *cancel, EmError *err);
void em_bench_clear (EmBench *b);

double em_bench_median (const EmBenchStage *s); /* seconds */
/* The library's seconds for the products of a run; 0 where there is no library. */
double em_bench_library (const EmBenchStage *s);
