/* track_stretch.h - which frames of a lane are to be tracked, and from where.
 *
 * Decided and imported masks are the seeds; the frames between them fall into stretches. A stretch
 * is computed if a frame of it has no mask, a stale one, or one by other weights; so after a
 * correction only its neighbourhood runs again. */
#pragma once
#include "service/em-engine.h"
#include "service/em-object.h"

G_BEGIN_DECLS

/* There is a mask that tracking may start from. */
bool em_lane_has_seed (EmObject *object);
/* direction: both ways (0), forward (1), backward (-1). No spans: nothing is to do. (transfer full)
 */
EmTrackRequest *em_lane_track_request (EmObject *object, int first, int last, int direction,
                                       const char *weights);

G_END_DECLS
