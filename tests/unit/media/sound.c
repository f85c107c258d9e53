/* sound.c - samples on the clock of the pictures, and what is drawn of them. */
#include "check.h"
#include "clips.h"
#include <gst/app/gstappsink.h>
#include <gst/gst.h>

#define RATE EM_AUDIO_MODEL_RATE

static EmAudio *
load (const char *path, int track)
{
  g_autoptr (EmFrameIndex) index = open_index (path);
  EmAudio *audio;

  MUST (audio = em_audio_load (index, path, track, NULL, &error));
  return audio;
}

/* What make-clip.sh's sound is before anybody encodes it: left channel, signed 16 bit. */
static int16_t *
source_sound (int rate, int *n)
{
  g_autofree char *text = g_strdup_printf (
      "audiotestsrc wave=ticks tick-interval=1000000000 freq=2000 volume=0.8 "
      "sine-periods-per-tick=20 samplesperbuffer=960 num-buffers=100 "
      "! audio/x-raw,rate=%d,channels=1,format=S16LE ! appsink name=s sync=false",
      rate);
  GstElement *pipeline = gst_parse_launch (text, NULL);
  g_autoptr (GstElement) sink = gst_bin_get_by_name (GST_BIN (pipeline), "s");
  GByteArray *all = g_byte_array_new ();
  GstSample *sample;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  while ((sample = gst_app_sink_try_pull_sample (GST_APP_SINK (sink), 10 * GST_SECOND))) {
    GstMapInfo map;
    gst_buffer_map (gst_sample_get_buffer (sample), &map, GST_MAP_READ);
    g_byte_array_append (all, map.data, (guint) map.size);
    gst_buffer_unmap (gst_sample_get_buffer (sample), &map);
    gst_sample_unref (sample);
  }
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  *n = (int) all->len / 2;
  return (int16_t *) (void *) g_byte_array_free (all, FALSE);
}

/* How much later than the source the clip sounds, in ms: where the two match best. */
static double
lag_ms (EmAudio *audio, int from_ms, int to_ms)
{
  int rate = em_audio_rate (audio), channels = em_audio_channels (audio), n;
  g_autofree int16_t *want = source_sound (rate, &n);
  int64_t n_got = em_audio_n_samples (audio);
  g_autofree int16_t *got = g_new0 (int16_t, (gsize) n_got * (gsize) channels);
  double best = 0;
  int best_lag = INT32_MIN;

  CHECK_INT (em_audio_read (audio, 0, n_got, got), n_got);
  for (int lag = from_ms * rate / 1000; lag <= to_ms * rate / 1000; lag++) {
    double sum = 0;
    for (int i = MAX (0, -lag); i < n && i + lag < n_got; i++)
      if (want[i]) /* ticks are short */
        sum += (double) want[i] * got[(i + lag) * channels];
    if (sum > best) {
      best = sum;
      best_lag = lag;
    }
  }
  return 1000.0 * best_lag / rate;
}

static void
check_lag (const char *kind, double want_ms, double tolerance_ms)
{
  const char *path = clip (kind);
  g_autoptr (EmAudio) audio = path ? load (path, 0) : NULL;
  int n_before = check_failures;

  if (!path)
    return;
  CHECK_NEAR (lag_ms (audio, (int) want_ms - 40, (int) want_ms + 40), want_ms, tolerance_ms);
  if (n_before != check_failures)
    fprintf (stderr, "the clip was %s\n", kind);
}

static void
check_alignment (void)
{
  /* avenc_aac writes 1024 samples of its own in front and does not say so in the file. */
  double aac_ms = 1024 / 48.0;

  check_lag ("avi", 0, 0.01);
  check_lag ("mjpeg", 0, 0.01);
  check_lag ("surround", 0, 1.01); /* Matroska counts milliseconds */
  check_lag ("webm", 0, 1.01);
  check_lag ("webm-vp8", 0, 1.01);
  check_lag ("ogg", 0, 1.01);
  check_lag ("late-picture", -250, 1.01);
  check_lag ("mp4", aac_ms, 0.1);
  check_lag ("ts", aac_ms, 0.2);
  check_lag ("offset", 80 + aac_ms, 0.1);
}

/* 16 kHz PCM comes through to the last bit, in both forms. */
static void
check_bits (void)
{
  const char *path = clip ("wav-track");
  g_autoptr (EmAudio) audio = path ? load (path, 0) : NULL;
  g_autofree int16_t *pcm = NULL;
  const float *model;
  int64_t n;
  int n_loud = 0;

  if (!path)
    return;
  model = em_audio_samples (audio, &n);
  CHECK_INT (n, em_audio_n_samples (audio));
  pcm = g_new (int16_t, 2 * (gsize) n);
  CHECK_INT (em_audio_read (audio, 0, n, pcm), n);
  CHECK_INT (em_audio_read (audio, n, 10, pcm), 0);
  for (int64_t i = 0; i < 2 * n; i++) {
    n_loud += ABS (pcm[i]) > 1000;
    if (model[i] != pcm[i] / 32768.0f) {
      CHECK_NEAR (model[i], pcm[i] / 32768.0f, 0);
      break;
    }
  }
  CHECK (n_loud > 100);
}

static void
check_channels (void)
{
  const char *path = clip ("mono");
  g_autoptr (EmAudio) mono = path ? load (path, 0) : NULL, two = NULL, none = NULL;
  const float *samples;
  int64_t n = 0;
  double sum = 0;

  if (!path)
    return;
  CHECK_INT (em_audio_channels (mono), 1);
  samples = em_audio_samples (mono, &n);
  for (int64_t i = 0; i < n; i++) {
    sum += samples[2 * i] * samples[2 * i];
    if (samples[2 * i] != samples[2 * i + 1]) {
      CHECK (!"mono is not doubled");
      break;
    }
  }
  CHECK (sum > 1);
  if ((path = clip ("surround"))) {
    g_autoptr (EmAudio) six = load (path, 0);
    CHECK_INT (em_audio_channels (six), 2);
    CHECK (em_audio_rms (six, 0, 2000000000) > 0.01);
  }
  if ((path = clip ("two-tracks"))) {
    two = load (path, 1);
    CHECK_INT (em_audio_rate (two), 44100);
    CHECK_NEAR (em_audio_rms (two, 200000000, 900000000), 0.8 / sqrt (2), 0.02);
    none = load (path, 7);
    CHECK (!em_audio_has_sound (none));
  }
}

static void
check_silent (void)
{
  const char *path = clip ("mute");
  g_autoptr (EmAudio) audio = path ? load (path, 0) : NULL;
  float low[4] = { 9, 9, 9, 9 }, high[4] = { 9, 9, 9, 9 };
  uint8_t pixels[4] = { 9, 9, 9, 9 };
  int64_t n = 9;

  if (!path)
    return;
  CHECK (!em_audio_has_sound (audio));
  CHECK (em_audio_samples (audio, &n) == NULL);
  CHECK_INT (n, 0);
  CHECK_INT (em_audio_n_samples (audio), 0);
  em_audio_peaks (audio, -1, 0, 1000000000, 4, low, high);
  em_audio_spectrogram (audio, EM_SPECTRUM_MEL, 512, -1, 0, 1000000000, 2, 2, pixels);
  CHECK_NEAR (low[3], 0, 0);
  CHECK_NEAR (high[0], 0, 0);
  CHECK_INT (pixels[3], 0);
  CHECK_NEAR (em_audio_rms (audio, 0, 1000000000), 0, 0);
}

/* Half a second of sound under two of picture: the rest is silence, and the lengths are the clip's.
 */
static void
check_short (void)
{
  const char *path = clip ("short-sound");
  g_autoptr (EmAudio) audio = path ? load (path, 0) : NULL;
  int64_t n;

  if (!path)
    return;
  em_audio_samples (audio, &n);
  CHECK_INT (n, 2 * RATE);
  CHECK_INT (em_audio_n_samples (audio), 2 * em_audio_rate (audio));
  CHECK (em_audio_rms (audio, 100000000, 400000000) > 0.3);
  CHECK_NEAR (em_audio_rms (audio, 700000000, 2000000000), 0, 0);
}

/* Phase of a tone between two moments, in turns. */
static double
phase (double (*at) (EmAudio *, int64_t), EmAudio *audio, int rate, double hz)
{
  double c = 0, s = 0;

  for (int64_t i = rate / 2; i < rate; i++) {
    double angle = 2 * M_PI * hz * (double) i / rate;
    c += at (audio, i) * cos (angle);
    s += at (audio, i) * sin (angle);
  }
  return atan2 (c, s) / (2 * M_PI);
}

static double
model_at (EmAudio *audio, int64_t i)
{
  int64_t n;

  return em_audio_samples (audio, &n)[2 * i];
}

static double
track_at (EmAudio *audio, int64_t i)
{
  int16_t s[2];

  em_audio_read (audio, i, 1, s);
  return s[0] / 32768.0;
}

/* Resampling moves nothing: the 440 Hz tone has one phase at both rates, to a fraction of a
 * sample's 62 us. */
static void
check_resampling (void)
{
  const char *path = clip ("two-tracks");
  g_autoptr (EmAudio) audio = path ? load (path, 1) : NULL;
  double turns;

  if (!path)
    return;
  turns = phase (model_at, audio, RATE, 440) - phase (track_at, audio, em_audio_rate (audio), 440);
  CHECK_NEAR (turns / 440, 0, 5e-6);
}

/* Two ticks a minute apart are a minute apart. */
static void
check_drift (void)
{
  const char *path = clip ("long");
  g_autoptr (EmAudio) audio = path ? load (path, 0) : NULL;
  const float *samples;
  int64_t n, first = -1, last = -1;

  if (!path)
    return;
  samples = em_audio_samples (audio, &n);
  for (int64_t i = 0; i < n; i++)
    if (fabsf (samples[2 * i]) > 0.2f) {
      if (first < 0)
        first = i;
      if (last < 0 || i > last + RATE / 2)
        last = i;
      else if (i < last + RATE / 50)
        continue;
    }
  CHECK (last > 58 * RATE);
  CHECK_NEAR ((double) (last - first) / RATE, round ((double) (last - first) / RATE), 0.0003);
}

static void
check_peaks (void)
{
  const char *path = clip ("avi");
  g_autoptr (EmAudio) audio = path ? load (path, 0) : NULL;
  g_autofree int16_t *pcm = NULL;
  uint64_t seed = 5;
  int64_t n;

  if (!path)
    return;
  n = em_audio_n_samples (audio);
  pcm = g_new (int16_t, 2 * (gsize) n);
  em_audio_read (audio, 0, n, pcm);
  for (int k = 0; k < 300; k++) { /* whole samples, so that both see the same ones */
    int64_t a = check_random (&seed) % n, b = a + 1 + check_random (&seed) % (n - a);
    int channel = (int) (check_random (&seed) % 3) - 1;
    float low, high;
    int want_low = INT16_MAX, want_high = INT16_MIN;

    for (int64_t i = a; i < b; i++) {
      int s = channel < 0 ? (pcm[2 * i] + pcm[2 * i + 1]) / 2 : pcm[2 * i + channel];
      want_low = MIN (want_low, s);
      want_high = MAX (want_high, s);
    }
    em_audio_peaks (audio, channel, (a * 1000000000 + 47999) / 48000,
                    (b * 1000000000 + 47999) / 48000, 1, &low, &high);
    CHECK_NEAR (low, want_low / 32768.0, 1e-7);
    CHECK_NEAR (high, want_high / 32768.0, 1e-7);
  }
}

static void
check_spectrogram (void)
{
  const char *path = clip ("two-tracks"); /* the second is 440 Hz */
  g_autoptr (EmAudio) audio = path ? load (path, 1) : NULL;
  uint8_t pixels[100][20];
  /* 440 Hz of 22050 is in the lowest 2 %; on the mel scale at 0.142 of the height; between 125 and
   * 7500 Hz at 0.14 of the bands. */
  struct {
    EmSpectrumKind kind;
    int row;
  } cases[] = { { EM_SPECTRUM_LINEAR, 98 }, { EM_SPECTRUM_MEL, 85 }, { EM_SPECTRUM_MODEL, 86 } };

  if (!path)
    return;
  for (int k = 0; k < 3; k++) {
    int loudest = 0;
    em_audio_spectrogram (audio, cases[k].kind, 2048, -1, 0, 2000000000, 20, 100, &pixels[0][0]);
    for (int y = 1; y < 100; y++)
      if (pixels[y][10] > pixels[loudest][10])
        loudest = y;
    CHECK_NEAR (loudest, cases[k].row, 3);
    CHECK (pixels[loudest][10] > 200);
    CHECK (pixels[20][10] < 120);
  }
}

int
main (void)
{
  clips_open ();
  check_alignment ();
  check_bits ();
  check_channels ();
  check_silent ();
  check_short ();
  check_resampling ();
  check_drift ();
  check_peaks ();
  check_spectrogram ();
  clips_close ();
  return clips_result ();
}
