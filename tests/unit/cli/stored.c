/* What a project holds, against the truth: matching, missing masks, sounding time. */
#include <glib.h>
#include "check.h"
#include "cli/measure.h"

#define W 8
#define H 4
#define S 1000000000ll

static const int64_t times[3] = { 0, S, 2 * S };

/* A mask of columns from..to-1. */
static EmRle
columns (int from, int to)
{
  uint8_t pixels[W * H];

  for (int i = 0; i < W * H; i++)
    pixels[i] = i % W >= from && i % W < to;
  return em_rle_encode (pixels, W, H);
}

static EmTracks *
clip (void)
{
  return em_tracks_new ("c", W, H, 3, times, 3 * S);
}

static double
mean (const EmReport *r, const char *measure)
{
  return em_report_mean (r, measure, NULL).mean;
}

static void
by_number_and_name (void)
{
  EmTracks *truth = clip (), *stored = clip ();
  EmReport *r = em_report_new ();
  EmError err = EM_ERROR_INIT;
  EmTrackObject *o;

  /* Object 1 is there on frame 0 (half right) and 1 (missing), and not labelled on 2. */
  o = em_tracks_add_object (truth, 1, "a", "drum", 0, 0);
  em_track_object_set (o, 0, EM_STATE_APPROVED, columns (0, 4));
  em_track_object_set (o, 1, EM_STATE_APPROVED, columns (0, 4));
  o = em_tracks_add_object (stored, 1, "other", "", 0, 0);
  em_track_object_set (o, 0, EM_STATE_PROPAGATED, columns (0, 8));
  em_track_object_set (o, 2, EM_STATE_PROPAGATED, columns (0, 8));
  /* Object 2 has another number in the project and is absent in both on frame 0. */
  o = em_tracks_add_object (truth, 2, "b", "bell", 0, 0);
  em_track_object_set (o, 0, EM_STATE_ABSENT, (EmRle){ 0 });
  o = em_tracks_add_object (stored, 9, "b", "", 0, 0);
  em_track_object_set (o, 0, EM_STATE_ABSENT, (EmRle){ 0 });

  em_tracks_add_interval (truth, 1, 0, 2 * S);
  em_tracks_add_interval (stored, 1, S, 3 * S);

  em_measure_declare_stored (r);
  CHECK (em_measure_stored (r, "", truth, stored, &err));
  CHECK_INT (em_report_count (r, "stored"), 3);
  CHECK_NEAR (mean (r, "stored"), (0.5 + 0 + 1) / 3, 1e-12);
  CHECK_NEAR (mean (r, "sounding"), (2.0 * 1 / 4 + 1) / 2, 1e-12);
  em_report_free (r);
  em_tracks_free (stored);
  em_tracks_free (truth);
}

static void
another_clip (void)
{
  EmTracks *truth = clip (), *stored = em_tracks_new ("c", W, H + 1, 3, times, 3 * S);
  EmReport *r = em_report_new ();
  EmError err = EM_ERROR_INIT;

  em_measure_declare_stored (r);
  CHECK (!em_measure_stored (r, "", truth, stored, &err));
  CHECK_INT (err.code, EM_E_INPUT);
  CHECK (strstr (err.text, "3 frames of 8 x 4, the project 3 of 8 x 5"));
  em_report_free (r);
  em_tracks_free (stored);
  em_tracks_free (truth);
}

CHECK_MAIN (by_number_and_name, another_clip)
