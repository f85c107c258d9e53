/* lane.h - one pass over the cells of an object. Inside src/store only. */
#pragma once
#include "store/db_read.h"

typedef struct {
  int frame;
  EmState state;
  int64_t step, made;
  bool rejected, pending, stale;
} EmLaneCell;

/* Sets `stale` of cells that are in frame order: a propagated mask is stale if the nearest cell to
 * its left or right that a person decided has a mask, or if cleared a step, newer than its own. */
void em_lane_mark_stale (EmLaneCell *cells, int n);
/* The cells that count, by frame, stale marked. */
GArray *em_lane_cells (EmDb *db, int64_t clip, int64_t object, GError **error); /* of EmLaneCell */
