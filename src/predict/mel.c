/* mel.c - sound as the ear's network hears it.
 *
 * Both ears go through one complex transform: left as the real part, right as the imaginary one;
 * their spectra come apart by symmetry. */
#include "predict/mel.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "base/error.h"

#define WINDOW     400 /* 25 ms */
#define HOP        160 /* 10 ms */
#define N          512
#define LOG2_N     9
#define LOW_HZ     125.0
#define HIGH_HZ    7500.0
#define LOG_OFFSET 0.01

typedef struct {
  double re, im;
} Complex;

typedef struct {
  double hann[WINDOW];
  Complex turn[N / 2]; /* exp (-2 pi i k / N) */
  double matrix[EM_MEL_BINS * EM_MEL_BANDS];
  int first[EM_MEL_BANDS], last[EM_MEL_BANDS]; /* bins with a weight, last excluded */
} Tables;

static double
hz_to_mel (double hz)
{
  return 1127 * log (1 + hz / 700);
}

void
em_mel_matrix (double out[EM_MEL_BINS * EM_MEL_BANDS])
{
  double low = hz_to_mel (LOW_HZ), high = hz_to_mel (HIGH_HZ);
  double step = (high - low) / (EM_MEL_BANDS + 1);

  for (int b = 0; b < EM_MEL_BINS; b++) {
    double mel = hz_to_mel (b * (EM_MEL_RATE / 2.0) / (EM_MEL_BINS - 1));

    for (int m = 0; m < EM_MEL_BANDS; m++) {
      double from = low + m * step, centre = low + (m + 1) * step, to = low + (m + 2) * step;
      double rise = (mel - from) / (centre - from), fall = (to - mel) / (to - centre);

      out[b * EM_MEL_BANDS + m] = b == 0 ? 0 : fmax (0, fmin (rise, fall));
    }
  }
}

static void
fill_tables (Tables *t)
{
  for (int i = 0; i < WINDOW; i++)
    t->hann[i] = 0.5 - 0.5 * cos (2 * M_PI * i / WINDOW);
  for (int k = 0; k < N / 2; k++)
    t->turn[k] = (Complex){ cos (2 * M_PI * k / N), -sin (2 * M_PI * k / N) };
  em_mel_matrix (t->matrix);
  for (int m = 0; m < EM_MEL_BANDS; m++) {
    int b = 0;

    while (b < EM_MEL_BINS && t->matrix[b * EM_MEL_BANDS + m] == 0)
      b++;
    t->first[m] = b;
    while (b < EM_MEL_BINS && t->matrix[b * EM_MEL_BANDS + m] != 0)
      b++;
    t->last[m] = b;
  }
}

static int
reversed (int i)
{
  int r = 0;

  for (int bit = 0; bit < LOG2_N; bit++)
    r |= (i >> bit & 1) << (LOG2_N - 1 - bit);
  return r;
}

/* In place, radix two; `z` comes in bit-reversed order. */
static void
transform (const Tables *t, Complex z[N])
{
  for (int half = 1; half < N; half *= 2)
    for (int i = 0; i < N; i += 2 * half)
      for (int j = 0; j < half; j++) {
        Complex w = t->turn[j * (N / 2 / half)], a = z[i + j], b = z[i + j + half];
        Complex wb = { w.re * b.re - w.im * b.im, w.re * b.im + w.im * b.re };

        z[i + j] = (Complex){ a.re + wb.re, a.im + wb.im };
        z[i + j + half] = (Complex){ a.re - wb.re, a.im - wb.im };
      }
}

/* One frame of both ears: 400 stereo samples to 64 bands each. */
static void
frame_bands (const Tables *t, const float *stereo, float *left, float *right)
{
  double magnitude[2][EM_MEL_BINS];
  Complex z[N];

  for (int i = 0; i < N; i++)
    z[reversed (i)] = i < WINDOW
                          ? (Complex){ stereo[2 * i] * t->hann[i], stereo[2 * i + 1] * t->hann[i] }
                          : (Complex){ 0, 0 };
  transform (t, z);
  for (int k = 0; k < EM_MEL_BINS; k++) {
    Complex a = z[k], b = z[(N - k) % N]; /* the left ear is the even part, the right the odd */

    magnitude[0][k] = 0.5 * hypot (a.re + b.re, a.im - b.im);
    magnitude[1][k] = 0.5 * hypot (a.im + b.im, a.re - b.re);
  }
  for (int m = 0; m < EM_MEL_BANDS; m++) {
    double sum[2] = { 0, 0 };

    for (int k = t->first[m]; k < t->last[m]; k++) {
      sum[0] += magnitude[0][k] * t->matrix[k * EM_MEL_BANDS + m];
      sum[1] += magnitude[1][k] * t->matrix[k * EM_MEL_BANDS + m];
    }
    left[m] = (float) log (sum[0] + LOG_OFFSET);
    right[m] = (float) log (sum[1] + LOG_OFFSET);
  }
}

int
em_mel_count (int64_t n)
{
  int64_t frames = n < WINDOW ? 0 : 1 + (n - WINDOW) / HOP;

  return (int) (frames / EM_MEL_FRAMES);
}

static void
examples (const float *stereo, int count, float *out)
{
  Tables *t = malloc (sizeof *t);

  EM_BUG_UNLESS (t);
  fill_tables (t);
  for (int e = 0; e < count; e++)
    for (int f = 0; f < EM_MEL_FRAMES; f++) {
      float *left = out + (int64_t) e * EM_MEL_EXAMPLE + f * EM_MEL_BANDS;

      frame_bands (t, stereo + 2 * ((int64_t) (e * EM_MEL_FRAMES + f) * HOP), left,
                   left + EM_MEL_FRAMES * EM_MEL_BANDS);
    }
  free (t);
}

void
em_mel_examples (const float *stereo, int64_t n, float *out)
{
  examples (stereo, em_mel_count (n), out);
}

void
em_mel_clip (const float *stereo, int64_t n, int t, float *out)
{
  int count = em_mel_count (n);

  EM_BUG_UNLESS (t > 0);
  if (count > t)
    count = t;
  if (count) {
    examples (stereo, count, out);
  } else {
    int needed = (EM_MEL_FRAMES - 1) * HOP + WINDOW;
    float *longer = calloc (2 * (size_t) needed, sizeof *longer);

    EM_BUG_UNLESS (longer && n >= 0);
    if (n > 0)
      memcpy (longer, stereo, sizeof *longer * 2 * (size_t) n);
    examples (longer, 1, out);
    free (longer);
    count = 1;
  }
  for (int e = count; e < t; e++)
    memcpy (out + (int64_t) e * EM_MEL_EXAMPLE, out + (int64_t) (count - 1) * EM_MEL_EXAMPLE,
            sizeof *out * EM_MEL_EXAMPLE);
}
