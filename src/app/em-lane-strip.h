/* em-lane-strip.h - the lower part of the timeline: one lane per object.
 *
 * Each state is drawn as colour plus shape. A click seeks and selects, a double click makes the run
 * under it the range. The runs in view are also children with role LIST_ITEM, for screen readers.
 * Owned and driven by EmTimeline. */
#pragma once
#include "app/em-timeline.h"

#define EM_TYPE_LANE_STRIP (em_lane_strip_get_type ())
G_DECLARE_FINAL_TYPE (EmLaneStrip, em_lane_strip, EM, LANE_STRIP, GtkWidget)

GtkWidget *em_lane_strip_new (EmAxis *axis);
void em_lane_strip_set_clip (EmLaneStrip *self, EmClip *clip);
void em_lane_strip_update (EmLaneStrip *self);
