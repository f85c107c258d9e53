/* audio_peaks.c - the waveform at any zoom.
 *
 * A pyramid of least and largest samples: blocks of 64, then of 8 blocks each. A column walks up at
 * its left and right edges and takes whole blocks between, so it is exact and costs some dozens of
 * reads however wide it is. */
#include "media/audio_private.h"
#include <gst/gst.h>

static int16_t
sample_at (const EmAudio *self, int lane, int64_t i)
{
  const int16_t *pcm = self->pcm.map;

  if (self->channels == 1)
    return pcm[i];
  if (lane < 2)
    return pcm[2 * i + lane];
  return (int16_t) ((pcm[2 * i] + pcm[2 * i + 1]) / 2);
}

static void
widen (EmPeak *p, int16_t low, int16_t high)
{
  p->low = MIN (p->low, low);
  p->high = MAX (p->high, high);
}

static const EmPeak NOTHING = { INT16_MAX, INT16_MIN };

static void
make_lane (EmAudio *self, int lane)
{
  EmPeaks *peaks = &self->peaks[lane];
  EmPeak peak = NOTHING;

  for (int level = 0; level < EM_PEAK_LEVELS; level++)
    peaks->levels[level] = g_array_new (FALSE, FALSE, sizeof (EmPeak));
  for (int64_t i = 0; i < self->n; i++) {
    int16_t s = sample_at (self, lane, i);
    widen (&peak, s, s);
    if ((i + 1) % EM_PEAK_FIRST == 0 || i + 1 == self->n) {
      g_array_append_val (peaks->levels[0], peak);
      peak = NOTHING;
    }
  }
  for (int level = 1; level < EM_PEAK_LEVELS; level++) {
    const GArray *below = peaks->levels[level - 1];
    for (guint i = 0; i < below->len; i += EM_PEAK_STEP) {
      peak = NOTHING;
      for (guint k = i; k < MIN (i + EM_PEAK_STEP, below->len); k++)
        widen (&peak, g_array_index (below, EmPeak, k).low, g_array_index (below, EmPeak, k).high);
      g_array_append_val (peaks->levels[level], peak);
    }
  }
}

void
em_audio_make_peaks (EmAudio *self)
{
  for (int lane = 0; lane < (self->channels == 2 ? 3 : 1); lane++)
    make_lane (self, lane);
}

void
em_audio_clear_peaks (EmAudio *self)
{
  for (int lane = 0; lane < 3; lane++)
    for (int level = 0; level < EM_PEAK_LEVELS; level++)
      g_clear_pointer (&self->peaks[lane].levels[level], g_array_unref);
}

/* Blocks a..b-1 of a level. */
static void
fold_blocks (const EmPeaks *peaks, int level, int64_t a, int64_t b, EmPeak *p)
{
  const EmPeak *blocks = (const EmPeak *) (void *) peaks->levels[level]->data;
  bool is_top = level + 1 == EM_PEAK_LEVELS;

  for (; a < b && (is_top || a % EM_PEAK_STEP); a++)
    widen (p, blocks[a].low, blocks[a].high);
  for (; a < b && b % EM_PEAK_STEP; b--)
    widen (p, blocks[b - 1].low, blocks[b - 1].high);
  if (a < b)
    fold_blocks (peaks, level + 1, a / EM_PEAK_STEP, b / EM_PEAK_STEP, p);
}

/* Samples a..b-1. */
static EmPeak
fold (const EmAudio *self, int lane, int64_t a, int64_t b)
{
  EmPeak p = NOTHING;

  for (; a < b && a % EM_PEAK_FIRST; a++)
    widen (&p, sample_at (self, lane, a), sample_at (self, lane, a));
  for (; a < b && b % EM_PEAK_FIRST; b--)
    widen (&p, sample_at (self, lane, b - 1), sample_at (self, lane, b - 1));
  if (a < b)
    fold_blocks (&self->peaks[lane], 0, a / EM_PEAK_FIRST, b / EM_PEAK_FIRST, &p);
  return p;
}

void
em_audio_peaks (EmAudio *self, int channel, int64_t from_ns, int64_t to_ns, int n, float *low,
                float *high)
{
  int lane = self->channels < 2 ? 0 : channel < 0 || channel > 1 ? 2 : channel;
  double step = (double) (to_ns - from_ns) / n * self->rate / GST_SECOND;
  double first = (double) from_ns * self->rate / GST_SECOND;

  for (int i = 0; i < n; i++) {
    /* At high zoom a column is less than a sample: it shows the one under it. */
    int64_t a = (int64_t) (first + i * step), b = (int64_t) (first + (i + 1) * step);
    EmPeak p;

    low[i] = high[i] = 0;
    a = CLAMP (a, 0, self->n);
    b = CLAMP (MAX (b, a + 1), 0, self->n);
    if (a >= b || first + (i + 1) * step <= 0)
      continue;
    p = fold (self, lane, a, b);
    low[i] = p.low / 32768.0f;
    high[i] = p.high / 32768.0f;
  }
}
