/* plan.h - which frames of an object are to be tracked, and from where.
 *
 * What a person decided, and what was imported, stays; the frames between fall into stretches. A
 * stretch is tracked forward from the seed on its left; backward from the one on its right where
 * there is none on the left, or where the object is absent right before the stretch. A stretch that
 * is wholly tracked by the same weights and not stale is done; one tracked in part goes on there.
 */
#pragma once
#include "store/db_read.h"

typedef struct {
  int first, last;     /* frames to fill, both included */
  const char *weights; /* digest: masks by others are computed again; interned */
  bool force;          /* also what is done */
  bool only_heard;     /* only accepted sound masks are seeds */
} EmPlanRules;

/* from..to in the order of tracking. `from` is the seed's frame, or, where `n_remember` frames
 * before it were tracked already, the first one after those. */
typedef struct {
  int64_t object;
  int from, to, n_remember;
  int way; /* +1 forward, -1 backward: a single frame does not tell */
} EmSpan;

/* `cells` are the object's, by frame. (transfer full, of EmSpan, in the order of the clip) */
GArray *em_plan (const EmDbLaneCell *cells, int n_cells, int64_t object, int n_frames,
                 const EmPlanRules *rules);
/* Frames of the masks that condition a span: the nearest few on either side of it, those in it. (of
 * int) */
GArray *em_plan_seeds (const EmDbLaneCell *cells, int n_cells, const EmSpan *span,
                       const EmPlanRules *rules);
