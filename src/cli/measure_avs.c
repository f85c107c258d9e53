/* measure_avs.c - the published scores of one clip. */
#include "cli/measure_avs.h"
#include <glib.h>
#include <math.h>
#include "predict/frame.h"

void
em_avs_declare (EmReport *r)
{
  em_report_measure (r, "sound, AVSBench",
                     "MJ and MF per clip as published: grid frames at 224 x 224, not gated; J of a "
                     "frame with nothing to be found is the share of its background that stayed "
                     "background; F with beta^2 0.3, the best of 255 thresholds of its mean curve "
                     "over the frames with something");
  em_report_measure (r, "null S",
                     "per clip, the root of the share of pixels marked on grid frames with nothing "
                     "to be found, not gated");
}

/* The nearest pixel of the truth for each of 224 x 224. */
static void
shrink (const EmRle *truth, uint8_t *out)
{
  int w = truth->width, h = truth->height;
  g_autofree uint8_t *pixels = g_malloc ((gsize) w * h);

  em_rle_decode (truth, pixels, 1);
  for (int y = 0; y < EM_AVS_SIDE; y++)
    for (int x = 0; x < EM_AVS_SIDE; x++) {
      int from_x = (2 * x + 1) * w / (2 * EM_AVS_SIDE),
          from_y = (2 * y + 1) * h / (2 * EM_AVS_SIDE);

      out[y * EM_AVS_SIDE + x] = pixels[(int64_t) from_y * w + from_x];
    }
}

void
em_avs_clip_add (EmAvsClip *clip, const EmAnswer *answer, const EmRle *truth)
{
  const int64_t n = EM_AVS_SIDE * EM_AVS_SIDE;
  g_autofree float *logits = g_new (float, n);
  g_autofree uint8_t *target = g_new (uint8_t, n);

  em_logits_resize (answer->logits, answer->side, logits, EM_AVS_SIDE, EM_AVS_SIDE);
  shrink (truth, target);
  em_avs_add (&clip->group, logits, target, n);
  if (!em_rle_area (truth))
    em_avs_null_add (&clip->null, logits, n);
}

void
em_avs_clip_end (const EmAvsClip *clip, EmReport *r, const EmSample *place)
{
  EmSample sample = *place;

  if (clip->group.n_frames) {
    sample.j = em_avs_mj (&clip->group);
    sample.f = em_avs_mf (&clip->group);
    em_report_add (r, "sound, AVSBench", &sample);
  }
  if (clip->null.pixels) {
    sample.j = em_avs_null_root (&clip->null);
    sample.f = NAN;
    em_report_add (r, "null S", &sample);
  }
}
