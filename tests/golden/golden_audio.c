/* golden_audio.c - what comes before the fuser: resampling, spectrogram, VGGish. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "inputs.h"
#include "models/vggish.h"
#include "part.h"
#include "predict/mel.h"
#include "predict/resample.h"
#include "runners.h"

static float *
rounded (const double *values, int64_t n, int stride)
{
  float *out = malloc (sizeof *out * (n ? n : 1));

  for (int64_t i = 0; i < n; i++)
    out[i] = (float) values[i * stride];
  return out;
}

static void
compare_rate (Golden *g, int rate, int target)
{
  char in_key[32], out_key[32];
  int64_t shape[EM_MAX_DIMS], n_out;
  double *in, *out;
  float *values;

  snprintf (in_key, sizeof in_key, "input.%d", rate);
  snprintf (out_key, sizeof out_key, "out.%d", rate);
  if (golden_shape (g, in_key, shape) != 1)
    return;
  n_out = em_resample_length (shape[0], rate, target);
  in = input_resample (g, in_key, (int) shape[0]);
  out = malloc (sizeof *out * (n_out + 1));
  em_resample (in, shape[0], rate, out, target, 1);
  values = rounded (out, n_out, 1);
  golden_compare (g, out_key, values, n_out);
  free (values);
  free (out);
  free (in);
}

bool
golden_run_resample (Golden *g, EmError *err)
{
  int target = (int) golden_meta_int (g, "target_rate", 16000);
  double *filter = malloc (sizeof *filter * EM_RESAMPLE_TABLE);
  float *every;

  em_resample_filter (filter);
  every = rounded (filter, EM_RESAMPLE_TABLE / 1024 + 1, 1024);
  golden_compare (g, "half_window", every, EM_RESAMPLE_TABLE / 1024 + 1);
  free (every);
  free (filter);
  for (int i = 0; i < golden_count (g); i++) {
    int rate;

    if (sscanf (golden_key (g, i), "input.%d", &rate) == 1 && rate > 0)
      compare_rate (g, rate, target);
  }
  return true;
}

/* VGGish at its official widths, under the package's prefix. */
static void
bind_vggish (EmBinder *b, void *part)
{
  const EmVggConfig official = { .channels = { 64, 128, 256, 512 }, .fc = 4096, .embedding = 128 };
  size_t mark = em_bind_enter (b, "vgg.");

  em_vggish_bind (b, part, &official);
  em_bind_leave (b, mark);
}

static void
compare_spectrogram (Golden *g, const float *spect, int n)
{
  double *matrix = malloc (sizeof *matrix * EM_MEL_BINS * EM_MEL_BANDS);
  float *values;

  em_mel_matrix (matrix);
  values = rounded (matrix, EM_MEL_BINS * EM_MEL_BANDS, 1);
  golden_compare (g, "mel_matrix", values, EM_MEL_BINS * EM_MEL_BANDS);
  golden_compare (g, "logmel", spect, (int64_t) n * EM_MEL_EXAMPLE);
  free (values);
  free (matrix);
}

/* One ear's [n, 96, 64] of spect [n, 2, 96, 64]. */
static EmTensor *
ear (EmCtx *ctx, const float *spect, int n, int which)
{
  int64_t plane = EM_MEL_FRAMES * EM_MEL_BANDS;
  float *one = malloc (sizeof *one * n * plane);
  EmTensor *x;

  for (int e = 0; e < n; e++)
    memcpy (one + e * plane, spect + (2 * e + which) * plane, sizeof *one * plane);
  x = em_upload (ctx, one, 3, (int64_t[]){ n, EM_MEL_FRAMES, EM_MEL_BANDS });
  free (one);
  return x;
}

static bool
run_vggish (Golden *g, const float *spect, int n, EmError *err)
{
  EmVggish vggish;
  GoldenPart part;
  bool good = golden_part_open (&part, g, bind_vggish, &vggish, err);

  for (int which = 0; good && which < 2; which++) {
    golden_part_listen (&part, which ? "right." : "left.");
    em_vggish_forward (part.ctx, &vggish, ear (part.ctx, spect, n, which));
    good = em_ctx_end_pass (part.ctx, err);
  }
  golden_part_close (&part);
  return good;
}

bool
golden_run_vggish (Golden *g, EmError *err)
{
  int64_t samples = golden_meta_int (g, "samples", 0);
  int n = em_mel_count (samples);
  double *wave;
  float *stereo, *spect;
  bool good;

  if (golden_meta_int (g, "sample_rate", 0) != EM_MEL_RATE
      || golden_meta_int (g, "channels", 0) != 2 || n < 1)
    return em_fail (err, EM_E_INPUT, "metadata asks for other sound than 16 kHz stereo");
  wave = input_wave (g, (int) samples);
  stereo = rounded (wave, 2 * samples, 1);
  spect = malloc (sizeof *spect * n * EM_MEL_EXAMPLE);
  em_mel_examples (stereo, samples, spect);
  compare_spectrogram (g, spect, n);
  good = run_vggish (g, spect, n, err);
  free (spect);
  free (stereo);
  free (wave);
  return good;
}
