/* spectrogram.c - pitch over time, for the screen.
 *
 * A column is the mean power of up to eight windows spread over its time; a row takes the loudest
 * bin of its band, or where bands are narrower than bins what lies between two. The model's view is
 * computed as the model computes it, in single precision: it is a picture, not an input. */
#include "media/audio_private.h"
#include <gst/fft/gstfftf32.h>
#include <gst/gst.h>
#include <math.h>

#define FLOOR_DB    (-90.0f)
#define MAX_WINDOWS 8

#define MODEL_WINDOW 400
#define MODEL_FFT    512
#define MODEL_HOP    160
#define MODEL_BANDS  64
/* ln (magnitude + 0.01) is -4.6 in silence and 4.6 for a full-scale tone under a Hann window. */
#define MODEL_LOW  (-4.6f)
#define MODEL_HIGH 4.6f

typedef struct {
  EmAudio *audio;
  EmSpectrumKind kind;
  int channel;
  int window, length; /* samples looked at; samples transformed, a power of two */
  int rate;
  GstFFTF32 *fft;
  float *hann, *in;
  GstFFTF32Complex *out;
  float *power; /* [length / 2 + 1] */
  float *bands; /* [MODEL_BANDS] */
} Painter;

static float
mel (float hz)
{
  return 1127 * logf (1 + hz / 700);
}

static float
mel_to_hz (float m)
{
  return 700 * (expf (m / 1127) - 1);
}

static void
load (Painter *p, int64_t first)
{
  const EmAudio *a = p->audio;
  const int16_t *pcm = a->pcm.map;
  const float *ears = a->model.map;

  for (int i = 0; i < p->length; i++) {
    int64_t at = first + i;
    float left = 0, right = 0;

    if (i < p->window && p->kind == EM_SPECTRUM_MODEL && at >= 0 && at < a->n_model) {
      left = ears[2 * at];
      right = ears[2 * at + 1];
    } else if (i < p->window && p->kind != EM_SPECTRUM_MODEL && at >= 0 && at < a->n) {
      left = pcm[at * a->channels] / 32768.0f;
      right = pcm[at * a->channels + a->channels - 1] / 32768.0f;
    }
    p->in[i] = p->channel == 0 ? left : p->channel == 1 ? right : (left + right) / 2;
    p->in[i] *= p->hann[i];
  }
}

/* The mean power spectrum of the windows in [a, b) samples. */
static void
transform (Painter *p, int64_t a, int64_t b)
{
  int n_bins = p->length / 2 + 1;
  int n = (int) CLAMP ((b - a) / (p->window / 2), 1, MAX_WINDOWS);

  for (int k = 0; k < n_bins; k++)
    p->power[k] = 0;
  for (int w = 0; w < n; w++) {
    int64_t middle = a + (b - a) * (2 * w + 1) / (2 * n), first = middle - p->window / 2;
    if (p->kind == EM_SPECTRUM_MODEL) /* the model's windows begin on its own raster */
      first = middle / MODEL_HOP * MODEL_HOP;
    load (p, first);
    gst_fft_f32_fft (p->fft, p->in, p->out);
    for (int k = 0; k < n_bins; k++)
      p->power[k] += (p->out[k].r * p->out[k].r + p->out[k].i * p->out[k].i) / (float) n;
  }
}

static uint8_t
shade (float value, float low, float high)
{
  return (uint8_t) lrintf (255 * CLAMP ((value - low) / (high - low), 0, 1));
}

static void
model_bands (Painter *p)
{
  float low = mel (125), step = (mel (7500) - low) / (MODEL_BANDS + 1);

  for (int band = 0; band < MODEL_BANDS; band++) {
    float from = low + step * band, sum = 0;
    for (int k = 1; k <= p->length / 2; k++) {
      float m = mel ((float) k * p->rate / p->length);
      float weight = MIN ((m - from) / step, (from + 2 * step - m) / step);
      if (weight > 0)
        sum += weight * sqrtf (p->power[k]);
    }
    p->bands[band] = logf (sum + 0.01f);
  }
}

/* How loud it is between two bins' worth of pitch, which need not be whole. */
static float
loudest (const Painter *p, float from, float to)
{
  int a = (int) ceilf (from), b = (int) floorf (to);
  int low = (int) floorf ((from + to) / 2);
  float best = 0, part = (from + to) / 2 - (float) low;

  if (a > b) {
    low = CLAMP (low, 0, p->length / 2 - 1);
    return p->power[low] * (1 - part) + p->power[low + 1] * part;
  }
  for (int k = MAX (a, 0); k <= MIN (b, p->length / 2); k++)
    best = MAX (best, p->power[k]);
  return best;
}

static void
paint_column (Painter *p, uint8_t *pixels, int x, int width, int height)
{
  float top = (float) p->rate / 2, bins_per_hz = (float) p->length / p->rate;
  float full = (float) p->window / 4; /* a full-scale tone's bin under a Hann window */

  if (p->kind == EM_SPECTRUM_MODEL)
    model_bands (p);
  for (int y = 0; y < height; y++) {
    float low = (float) (height - 1 - y) / (float) height,
          high = (float) (height - y) / (float) height;
    uint8_t *pixel = &pixels[(gsize) y * width + x];

    if (p->kind == EM_SPECTRUM_MODEL) {
      *pixel = shade (p->bands[(int) (low * MODEL_BANDS)], MODEL_LOW, MODEL_HIGH);
      continue;
    }
    low = p->kind == EM_SPECTRUM_MEL ? mel_to_hz (low * mel (top)) : low * top;
    high = p->kind == EM_SPECTRUM_MEL ? mel_to_hz (high * mel (top)) : high * top;
    *pixel = shade (
        10 * log10f (loudest (p, low * bins_per_hz, high * bins_per_hz) / (full * full) + 1e-12f),
        FLOOR_DB, 0);
  }
}

static void
set_up (Painter *p, EmAudio *audio, EmSpectrumKind kind, int window, int channel)
{
  bool is_model = kind == EM_SPECTRUM_MODEL;

  EM_BUG_UNLESS (is_model || (window >= 256 && window <= 8192 && !(window & (window - 1))));
  *p = (Painter){ .audio = audio, .kind = kind, .channel = channel };
  p->window = is_model ? MODEL_WINDOW : window;
  p->length = is_model ? MODEL_FFT : window;
  p->rate = is_model ? EM_AUDIO_MODEL_RATE : audio->rate;
  p->fft = gst_fft_f32_new (p->length, FALSE);
  p->hann = g_new0 (float, p->length);
  p->in = g_new (float, p->length);
  p->out = g_new (GstFFTF32Complex, p->length / 2 + 1);
  p->power = g_new (float, p->length / 2 + 1);
  p->bands = g_new (float, MODEL_BANDS);
  for (int i = 0; i < p->window; i++)
    p->hann[i] = 0.5f - 0.5f * cosf (2 * (float) G_PI * (float) i / (float) p->window);
}

static void
clear (Painter *p)
{
  gst_fft_f32_free (p->fft);
  g_free (p->hann);
  g_free (p->in);
  g_free (p->out);
  g_free (p->power);
  g_free (p->bands);
}

void
em_audio_spectrogram (EmAudio *self, EmSpectrumKind kind, int window, int channel, int64_t from_ns,
                      int64_t to_ns, int width, int height, uint8_t *pixels)
{
  double step, first;
  Painter p;

  for (gsize i = 0; i < (gsize) width * (gsize) height; i++)
    pixels[i] = 0;
  if (self->n == 0)
    return;
  set_up (&p, self, kind, window, channel);
  step = (double) (to_ns - from_ns) / width * p.rate / GST_SECOND;
  first = (double) from_ns * p.rate / GST_SECOND;
  for (int x = 0; x < width; x++) {
    int64_t a = (int64_t) floor (first + x * step), b = (int64_t) floor (first + (x + 1) * step);
    if (b <= 0 || a >= (p.kind == EM_SPECTRUM_MODEL ? self->n_model : self->n))
      continue;
    transform (&p, a, MAX (b, a + 1));
    paint_column (&p, pixels, x, width, height);
  }
  clear (&p);
}
