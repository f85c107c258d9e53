/* suggestion_cut.c - masks from a suggestion's bytes.
 *
 * Logits are brought to display size by bilinear interpolation between pixel centres, as every mask
 * of the model is, and cut where they exceed the threshold's logit. */
#include "service/results.h"
#include <math.h>

#define MAX_CANDIDATES 32

uint8_t
em_logit_to_byte (float logit)
{
  return (uint8_t) CLAMP (lrintf (128 + 16 * logit), 0, 255);
}

float
em_logit_from_byte (uint8_t byte)
{
  return ((float) byte - 128) / 16;
}

/* Where a display pixel's centre lies among the logits. */
typedef struct {
  int low, high;
  float part; /* of high */
} Tap;

static Tap *
taps_new (int n, int side)
{
  Tap *taps = g_new (Tap, n);

  for (int i = 0; i < n; i++) {
    float at = MAX (((float) i + 0.5f) * (float) side / (float) n - 0.5f, 0);
    taps[i].low = MIN ((int) at, side - 1);
    taps[i].high = MIN (taps[i].low + 1, side - 1);
    taps[i].part = at - (float) taps[i].low;
  }
  return taps;
}

/* Logits at display size, less the threshold's. Caller frees. */
static float *
enlarge (const EmSuggestion *s, double threshold)
{
  const uint8_t *bytes = g_bytes_get_data (s->logits, NULL);
  g_autofree Tap *across = taps_new (s->width, s->side), *down = taps_new (s->height, s->side);
  float *out = g_new (float, (gsize) s->width *(gsize) s->height), *p = out;
  float cut = (float) log (threshold / (1 - threshold));

  for (int y = 0; y < s->height; y++) {
    const uint8_t *upper = bytes + down[y].low * s->side, *lower = bytes + down[y].high * s->side;
    for (int x = 0; x < s->width; x++) {
      Tap t = across[x];
      float a = upper[t.low] + t.part * (float) (upper[t.high] - upper[t.low]);
      float b = lower[t.low] + t.part * (float) (lower[t.high] - lower[t.low]);
      *p++ = (a + down[y].part * (b - a) - 128) / 16 - cut;
    }
  }
  return out;
}

EmRle
em_suggestion_region (const EmSuggestion *s, double threshold)
{
  g_autofree float *logits = NULL;

  EM_BUG_UNLESS (threshold > 0 && threshold < 1);
  if (!s->logits)
    return em_rle_new (s->width, s->height);
  logits = enlarge (s, threshold);
  return em_rle_threshold (logits, s->width, s->height);
}

/* Mean probability over the pixels of a part. */
static float
score_of (const EmRle *part, const float *logits, double threshold)
{
  float cut = (float) log (threshold / (1 - threshold));
  double sum = 0;
  int64_t at = 0, n = 0;

  for (int i = 0; i < part->n; i++) /* runs go down the columns */
    for (uint32_t k = 0; k < part->counts[i]; k++, at++)
      if (i % 2) {
        int64_t x = at / part->height, y = at % part->height;
        sum += 1 / (1 + exp (-(logits[y * part->width + x] + cut)));
        n++;
      }
  return n ? (float) (sum / (double) n) : 0;
}

void
em_candidate_clear (EmCandidate *c)
{
  em_rle_clear (&c->mask);
}

GArray *
em_suggestion_cut (const EmSuggestion *s, double threshold, int64_t min_area)
{
  GArray *out = g_array_new (FALSE, TRUE, sizeof (EmCandidate));
  g_autofree float *logits = s->logits ? enlarge (s, threshold) : NULL;
  EmRle region = em_suggestion_region (s, threshold), *parts;
  int n;

  g_array_set_clear_func (out, (GDestroyNotify) em_candidate_clear);
  parts = em_rle_parts (&region, &n);
  for (int i = 0; i < n; i++) {
    EmCandidate c = { .area = em_rle_area (&parts[i]) };

    if (out->len == MAX_CANDIDATES || c.area < min_area) {
      em_rle_clear (&parts[i]);
      continue;
    }
    c.mask = parts[i];
    c.box = em_rle_box (&c.mask);
    c.score = score_of (&c.mask, logits, threshold);
    g_array_append_val (out, c);
  }
  free (parts);
  em_rle_clear (&region);
  return out;
}
