/* em-sound-strip.h - the upper part of the timeline: ruler with grid points, waveform, spectrogram.
 *
 * Draws what the axis shows of an EmClip. Drags on the ruler scrub, drags on the sound set the
 * range. Owned and driven by EmTimeline. */
#pragma once
#include "app/em-timeline.h"

#define EM_TYPE_SOUND_STRIP (em_sound_strip_get_type ())
G_DECLARE_FINAL_TYPE (EmSoundStrip, em_sound_strip, EM, SOUND_STRIP, GtkWidget)

/* `axis` is the timeline's own and outlives the strip. */
GtkWidget *em_sound_strip_new (EmAxis *axis);
void em_sound_strip_set_clip (EmSoundStrip *self, EmClip *clip);
void em_sound_strip_set_spectrogram (EmSoundStrip *self, gboolean shown);
void em_sound_strip_set_second (EmSoundStrip *self, int second);
/* Axis or sound changed: draw anew. */
void em_sound_strip_update (EmSoundStrip *self);
