/* picture.h - a decoded sample as the picture people see.
 *
 * One way from a decoder's planes to RGBA at display size, used by decoder and player alike, so
 * that what is shown while playing, shown while paused, sent to the model and exported is the same
 * bytes. Pixel aspect is applied by widening or narrowing, rotation after that. Internal to media.
 */
#pragma once
#include <gst/gst.h>
#include <gst/video/video.h>
#include "media/gerror.h"

/* Keeps the converter of the last format; one thread at a time. Zero is a valid start. */
typedef struct {
  GstVideoConverter *converter;
  GstVideoInfo from, to;
} EmPictureMaker;

void em_picture_maker_clear (EmPictureMaker *maker);
/* Display size of pictures with these caps; false if they are no raw video in system memory. */
bool em_picture_size (GstCaps *caps, GstVideoOrientationMethod orientation, int *width,
                      int *height);
/* width x height x 4 bytes RGBA. A sample of another size, as folders may hold, is scaled to it.
 * NULL with EM_E_INPUT if the sample cannot be read. */
GBytes *em_picture_make (EmPictureMaker *maker, GstSample *sample,
                         GstVideoOrientationMethod orientation, int width, int height,
                         GError **error);
