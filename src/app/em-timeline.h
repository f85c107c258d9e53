/* em-timeline.h - the clip over time: ruler and grid, waveform, spectrogram, a lane per object.
 *
 * Binds to an EmClip and asks it to seek, select and set the range; keeps zoom and scroll only. The
 * playhead is a widget of its own on top, so that playing redraws a line and not the lanes. Main
 * thread. */
#pragma once
#include <gtk/gtk.h>
#include "app/time_axis.h"
#include "service/em-clip.h"

#define EM_TYPE_TIMELINE (em_timeline_get_type ())
G_DECLARE_FINAL_TYPE (EmTimeline, em_timeline, EM, TIMELINE, GtkWidget)

/* Width of the names on the left. */
#define EM_TIMELINE_GUTTER 148

GtkWidget *em_timeline_new (void);
void em_timeline_set_clip (EmTimeline *self, EmClip *clip); /* NULL: empty */
void em_timeline_set_spectrogram (EmTimeline *self, gboolean shown);
void em_timeline_zoom (EmTimeline *self, double factor); /* about the playhead; 0 fits */
/* A second of sound to stand out, -1: none. */
void em_timeline_highlight_second (EmTimeline *self, int second);
