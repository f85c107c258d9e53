/* What the model hears: the mel bands, the spectrum against its definition, the resampler. */
#include "check.h"
#include "predict/mel.h"
#include "predict/resample.h"

static uint64_t noise = 5;

static void
matrix (void)
{
  static double m[EM_MEL_BINS * EM_MEL_BANDS];
  int n = 0, first = 0, last = 0, peak = 0;

  em_mel_matrix (m);
  for (int i = 0; i < EM_MEL_BINS * EM_MEL_BANDS; i++)
    n += m[i] != 0;
  CHECK_INT (n, 461);
  CHECK_NEAR (m[5 * 64 + 0], 0.947690, 1e-6);
  CHECK_NEAR (m[5 * 64 + 1], 0.052310, 1e-6);
  CHECK_NEAR (m[6 * 64 + 1], 0.933106, 1e-6);
  for (int b = 0; b < EM_MEL_BINS; b++)
    if (m[b * 64 + 63] > 0) {
      first = first ? first : b;
      last = b;
      peak = m[b * 64 + 63] > m[peak * 64 + 63] ? b : peak;
    }
  CHECK (first == 223 && last == 239 && peak == 231);
  CHECK_NEAR (m[231 * 64 + 63], 0.987827, 1e-6);
}

static void
counts (void)
{
  const struct {
    int64_t n;
    int count;
  } cases[]
      = { { 0, 0 },     { 15599, 0 },  { 15600, 1 },   { 77039, 4 },   { 77040, 5 },  { 80000, 5 },
          { 92400, 6 }, { 153839, 9 }, { 153840, 10 }, { 160000, 10 }, { 169200, 11 } };

  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    CHECK_INT (em_mel_count (cases[i].n), cases[i].count);
}

static float *
sound (int64_t n)
{
  float *s = malloc (sizeof *s * 2 * (size_t) n);

  for (int64_t i = 0; i < 2 * n; i++)
    s[i] = (float) ((int) (check_random (&noise) % 65536) - 32768) / 32768 * (i % 2 ? 0.01f : 1);
  return s;
}

/* The definition, for one frame of one ear. */
static void
twin_bands (const float *stereo, int ear, double bands[EM_MEL_BANDS])
{
  static double m[EM_MEL_BINS * EM_MEL_BANDS];

  em_mel_matrix (m);
  memset (bands, 0, sizeof *bands * EM_MEL_BANDS);
  for (int b = 0; b < EM_MEL_BINS; b++) {
    double re = 0, im = 0;

    for (int i = 0; i < 400; i++) {
      double x = stereo[2 * i + ear] * (0.5 - 0.5 * cos (2 * M_PI * i / 400));

      re += x * cos (2 * M_PI * b * i / 512);
      im += x * sin (2 * M_PI * b * i / 512);
    }
    for (int k = 0; k < EM_MEL_BANDS; k++)
      bands[k] += sqrt (re * re + im * im) * m[b * EM_MEL_BANDS + k];
  }
  for (int k = 0; k < EM_MEL_BANDS; k++)
    bands[k] = log (bands[k] + 0.01);
}

/* The right ear is a hundred times softer: what leaks from the left would show there. */
static void
spectrum (void)
{
  int64_t n = 15600 + 96 * 160;
  float *stereo = sound (n), *out = malloc (sizeof *out * 2 * EM_MEL_EXAMPLE);
  const int frames[] = { 0, 1, 50, 95, 96, 191 };

  em_mel_examples (stereo, n, out);
  for (size_t i = 0; i < sizeof frames / sizeof *frames; i++)
    for (int ear = 0; ear < 2; ear++) {
      double want[EM_MEL_BANDS];
      const float *got
          = out + frames[i] / 96 * EM_MEL_EXAMPLE + ear * 96 * 64 + frames[i] % 96 * EM_MEL_BANDS;

      twin_bands (stereo + 2 * 160 * frames[i], ear, want);
      for (int k = 0; k < EM_MEL_BANDS; k++)
        CHECK_NEAR (got[k], want[k], 1e-6);
    }
  free (out);
  free (stereo);
}

/* Too short, too long, hardly anything, nothing: T examples in every case. */
static void
clips (void)
{
  enum { T = 3, E = EM_MEL_EXAMPLE };
  float *stereo = sound (70000), *all = malloc (sizeof *all * 5 * E);
  float *clip = malloc (sizeof *clip * T * E);

  em_mel_examples (stereo, 70000, all);
  em_mel_clip (stereo, 70000, T, clip);
  CHECK (!memcmp (clip, all, sizeof *clip * T * E));

  em_mel_clip (stereo, 40000, T, clip); /* two examples */
  CHECK (!memcmp (clip, all, sizeof *clip * 2 * E));
  CHECK (!memcmp (clip + 2 * E, all + E, sizeof *clip * E));

  em_mel_clip (stereo, 8000, T, clip);
  CHECK (!memcmp (clip, all, sizeof *clip * 48 * EM_MEL_BANDS)); /* heard, then silence */
  CHECK_NEAR (clip[95 * EM_MEL_BANDS], log (0.01), 1e-6);
  CHECK (!memcmp (clip, clip + 2 * E, sizeof *clip * E));

  em_mel_clip (NULL, 0, T, clip);
  for (int i = 0; i < T * E; i++)
    if (clip[i] != clip[0])
      CHECK (!"silence everywhere");
  CHECK_NEAR (clip[0], log (0.01), 1e-6);
  free (clip);
  free (all);
  free (stereo);
}

/* A tone below what either rate carries keeps its shape, ears stay apart, a constant stays one. */
static void
resampling (void)
{
  const int rates[] = { 8000, 11025, 22050, 44100, 48000, 96000 };

  for (size_t r = 0; r < sizeof rates / sizeof *rates; r++) {
    int64_t n = rates[r] / 4, n_out = em_resample_length (n, rates[r], 16000);
    double *in = malloc (sizeof *in * 2 * (size_t) n);
    double *out = malloc (sizeof *out * 2 * (size_t) n_out);

    CHECK_INT (n_out, n * 16000 / rates[r]);
    for (int64_t i = 0; i < n; i++) {
      in[2 * i] = sin (2 * M_PI * 1000 * i / rates[r]);
      in[2 * i + 1] = 0.5;
    }
    em_resample (in, n, rates[r], out, 16000, 2);
    em_resample (in + 1, n, rates[r], out + 1, 16000, 2);
    for (int64_t i = 800; i < n_out - 800; i++) {
      CHECK_NEAR (out[2 * i], sin (2 * M_PI * 1000 * i / 16000), 2e-3);
      CHECK_NEAR (out[2 * i + 1], 0.5, 2e-3);
    }
    free (out);
    free (in);
  }
}

/* What 16 kHz cannot carry must go, not fold back. */
static void
no_alias (void)
{
  int64_t n = 48000 / 2;
  double *in = malloc (sizeof *in * (size_t) n), *out = malloc (sizeof *out * (size_t) n);

  for (int64_t i = 0; i < n; i++)
    in[i] = sin (2 * M_PI * 11000 * i / 48000);
  em_resample (in, n, 48000, out, 16000, 1);
  for (int64_t i = 800; i < em_resample_length (n, 48000, 16000) - 800; i++)
    CHECK_NEAR (out[i], 0, 1e-4);
  free (out);
  free (in);
}

CHECK_MAIN (matrix, counts, spectrum, clips, resampling, no_alias)
