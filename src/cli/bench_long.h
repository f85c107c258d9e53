/* bench_long.h - what a long clip costs in memory.
 *
 * Tracking is bounded by the predictor's settings, not by the clip: this drives it through a clip
 * of any length, drawn frame by frame so that the clip itself takes no room, and notes what the
 * process holds. */
#pragma once
#include <glib.h>
#include "predict/predictor.h"

#define EM_BENCH_EVERY 100 /* frames between two notes */

typedef struct {
  int frame;
  int64_t rss_bytes;     /* resident once this frame is tracked */
  EmPredictorBytes held; /* of those, what the predictor's settings allow it to keep */
  double seconds;        /* since the first frame */
} EmBenchNote;

typedef struct {
  GArray *notes; /* of EmBenchNote */
  int n_objects, n_corrections;
} EmBenchLong;

/* Tracks n_objects forward through n_frames, corrected in turn every 2.5 notes. */
bool em_bench_long_run (EmBenchLong *b, EmModel *model, int n_frames, int n_objects,
                        const atomic_bool *cancel, EmError *err);
/* Does more than what may be kept grow after the first note, but for a few MB that come and go? */
bool em_bench_long_grows (const EmBenchLong *b);
void em_bench_long_clear (EmBenchLong *b);
