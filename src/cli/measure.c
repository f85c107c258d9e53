/* measure.c - what a model does on one labelled clip. */
#include "cli/measure.h"
#include <glib.h>
#include <math.h>
#include <string.h>
#include "cli/measure_avs.h"
#include "cli/segment.h"
#include "cli/truth.h"
#include "metrics/jf.h"

/* An object is in view where it covers a thousandth of the picture: 66 pixels of 256 x 256. */
#define IN_VIEW 1e-3

typedef struct {
  EmReport *report;
  const EmMeasureOptions *o;
  EmPredictor *p;
  const EmClipSource *source;
  const EmTracks *truth;
} Measure;

/* The ways to prompt, each with and without sound. */
typedef enum { BY_CLICK, BY_BOX, N_PROMPTS } PromptBy;
typedef enum { ALONE, JOINT, ENSEMBLE, N_MIXES } MixBy;

static const struct {
  const char *name, *definition, *track, *track_definition, *absent;
} kinds[N_PROMPTS][N_MIXES] = {
  [BY_CLICK] = {
    [ALONE] = { "click",
                "one positive click on each object that sounds and is in view, on the grid frame "
                "of that second; no sound, no memory",
                "click, tracked",
                "one click on the first frame on which the object is in view, followed through all "
                "later frames; every later frame on which any of it is visible",
                "click, tracked, absent" },
    [JOINT] = { "sound + click",
                "the same clicks with the sound of that second in the same decode (joint)",
                "sound + click, tracked", "the same with the sound of the first frame's second",
                "sound + click, tracked, absent" },
    [ENSEMBLE] = { "sound + click, ensemble",
                   "the same clicks; mean of the logits of clicks alone and sound alone",
                   "sound + click, ensemble, tracked",
                   "the same with the ensemble on the first frame",
                   "sound + click, ensemble, tracked, absent" },
  },
  [BY_BOX] = {
    [ALONE] = { "box", "the tight box instead of the click", "box, tracked",
                "as click, tracked, from a box", "box, tracked, absent" },
    [JOINT] = { "sound + box", "the tight box with sound (joint)", "sound + box, tracked",
                "as box, tracked, with sound (joint)", "sound + box, tracked, absent" },
    [ENSEMBLE] = { "sound + box, ensemble", "the tight box with sound, ensemble",
                   "sound + box, ensemble, tracked", "as box, tracked, with sound, ensemble",
                   "sound + box, ensemble, tracked, absent" },
  },
};

static bool
is_asked (const EmMeasureOptions *o, PromptBy by, MixBy mix)
{
  static const unsigned flags[N_PROMPTS][2]
      = { { EM_MEASURE_CLICK, EM_MEASURE_SOUND_CLICK }, { EM_MEASURE_BOX, EM_MEASURE_SOUND_BOX } };

  if (!(o->what & flags[by][mix != ALONE]))
    return false;
  return mix == ALONE || (mix == JOINT ? o->joint : o->ensemble);
}

void
em_measure_declare (EmReport *r, const EmMeasureOptions *o)
{
  if (o->what & EM_MEASURE_SOUND) {
    em_report_measure (r, "sound",
                       "no prompts; the union of the objects that sound for at least half of the "
                       "second, on its grid frame, where it is in view; the prediction is empty "
                       "below -60 dBFS and where the object score says that nothing is there");
    em_report_measure (r, "sound, not gated",
                       "the same without regard to the object score, as the published evaluation "
                       "does it");
    em_report_measure (r, "false alarm",
                       "share of the grid frames with nothing sounding to be seen on which the "
                       "sound's mask is not empty");
    em_report_measure (r, "false alarm, area", "mean share of the picture that is marked on those");
    em_avs_declare (r);
    if (o->track)
      em_report_measure (
          r, "sound, tracked",
          "all frames, those of a second being tracked from its grid mask; against the "
          "union of what sounds for half of the frame's second");
  }
  for (int by = 0; by < N_PROMPTS; by++)
    for (int mix = 0; mix < N_MIXES; mix++)
      if (is_asked (o, by, mix))
        em_report_measure (r, kinds[by][mix].name, kinds[by][mix].definition);
  if (is_asked (o, BY_CLICK, JOINT))
    em_report_measure (r, "sound + click, silent object",
                       "the same on objects that are in view but do not sound: what listening "
                       "costs them");
  for (int by = 0; o->track && by < N_PROMPTS; by++)
    for (int mix = 0; mix < N_MIXES; mix++)
      if (is_asked (o, by, mix)) {
        em_report_measure (r, kinds[by][mix].track, kinds[by][mix].track_definition);
        em_report_measure (r, kinds[by][mix].absent,
                           "share of the later frames on which nothing of the object is visible "
                           "and nothing is predicted");
      }
}

static bool
in_view (const EmRle *mask)
{
  return mask && em_rle_area (mask) >= IN_VIEW * mask->width * mask->height;
}

static void
add_pair (Measure *m, const char *measure, const char *class_name, int frame,
          const EmRle *prediction, const EmRle *truth)
{
  em_report_add (m->report, measure,
                 &(EmSample){ m->o->slice, m->truth->name, class_name, frame,
                              em_region_j (prediction, truth, NULL),
                              em_boundary_f (prediction, truth, NULL, -1, NULL, NULL) });
}

static void
add_share (Measure *m, const char *measure, const char *class_name, int frame, double share)
{
  em_report_add (m->report, measure,
                 &(EmSample){ m->o->slice, m->truth->name, class_name, frame, share, NAN });
}

/* The union of what sounds in a second, on a frame of it; width 0 if something that sounds is not
 * labelled there. `class_name` is that of the one that sounds, "several" or "none". */
static EmRle
sounding_union (const Measure *m, int second, int frame, const char **class_name)
{
  EmRle u = em_rle_new (m->truth->width, m->truth->height);

  *class_name = "none";
  for (int i = 0; i < m->truth->n_objects; i++) {
    const EmTrackObject *o = &m->truth->objects[i];
    const EmRle *mask = em_truth_mask (m->truth, o, frame);
    EmRle wider;

    if (!em_truth_sounds (m->truth, o->id, second))
      continue;
    if (!mask) {
      em_rle_clear (&u);
      return u;
    }
    *class_name = strcmp (*class_name, "none") ? "several" : o->class_name;
    wider = em_rle_combine (&u, mask, EM_RLE_OR);
    em_rle_clear (&u);
    u = wider;
  }
  return u;
}

static void
score_second (Measure *m, EmAvsClip *avs, int second, const EmAnswer *answer)
{
  EmRle nothing = em_rle_new (m->truth->width, m->truth->height);
  const EmRle *heard = em_segment_is_heard (m->p, second, answer) ? &answer->mask : &nothing;
  int frame = m->source->grid[second];
  const char *class_name;
  EmRle u = sounding_union (m, second, frame, &class_name);

  if (u.width)
    em_avs_clip_add (avs, answer, &u);
  if (in_view (&u)) {
    add_pair (m, "sound", class_name, frame, heard, &u);
    add_pair (m, "sound, not gated", class_name, frame, &answer->mask, &u);
  } else if (u.width && !em_rle_area (&u)) {
    double pixels = (double) u.width * u.height;

    add_share (m, "false alarm", class_name, frame, em_rle_area (heard) > 0);
    add_share (m, "false alarm, area", class_name, frame, (double) em_rle_area (heard) / pixels);
  }
  em_rle_clear (&u);
  em_rle_clear (&nothing);
}

static bool
measure_sound (Measure *m, EmError *err)
{
  const EmSample place = { m->o->slice, m->truth->name, "", 0, NAN, NAN };
  int t = em_predictor_window_size (m->p), n = 0;
  EmAvsClip avs = { 0 };
  EmAnswer *answers = g_new0 (EmAnswer, t > 0 ? t : 1);
  bool good = true;

  for (int w = 0; good && w < em_predictor_n_windows (m->p); w++) {
    good = em_predictor_sound (m->p, w, answers, &n, err);
    for (int i = 0; good && i < n; i++)
      score_second (m, &avs, w * t + i, &answers[i]);
    for (int i = 0; i < n; i++)
      em_answer_clear (&answers[i]);
  }
  if (good)
    em_avs_clip_end (&avs, m->report, &place);
  g_free (answers);
  return good;
}

/* All frames, tracked from the grid: as segment does it. */
static bool
measure_all_frames (Measure *m, EmError *err)
{
  EmSegments found = { 0 };
  g_autofree bool *wanted = g_new (bool, m->source->n_frames);
  bool good;

  memset (wanted, true, sizeof *wanted * (size_t) m->source->n_frames);
  good = em_segment_sound (&found, m->p, m->source, NULL, wanted, NULL, err);
  for (int i = 0; good && i < found.n; i++) {
    const EmSegment *item = &found.items[i];
    const char *class_name;
    EmRle u
        = sounding_union (m, em_segment_second (m->source, item->frame), item->frame, &class_name);

    if (in_view (&u))
      add_pair (m, "sound, tracked", class_name, item->frame, &item->mask, &u);
    em_rle_clear (&u);
  }
  em_segments_clear (&found);
  return good;
}

/* The robot's prompt for a mask that is not empty. */
static EmPromptSet
robot (const EmRle *mask, PromptBy by, MixBy mix)
{
  EmPromptSet set
      = { .n = 1, .sound = mix != ALONE, .mix = mix == ENSEMBLE ? EM_MIX_ENSEMBLE : EM_MIX_JOINT };
  EmPrompt *p = &set.items[0];
  EmBox box = em_rle_box (mask);
  int x = 0, y = 0;

  if (by == BY_BOX) {
    *p = (EmPrompt){ EM_PROMPT_BOX, (float) box.x, (float) box.y, (float) (box.x + box.width),
                     (float) (box.y + box.height) };
  } else {
    em_rle_deepest (mask, &x, &y);
    *p = (EmPrompt){ .kind = EM_PROMPT_POSITIVE, .x0 = (float) x, .y0 = (float) y };
  }
  return set;
}

static bool
measure_prompt (Measure *m, const EmTrackObject *o, int frame, const EmRle *mask, PromptBy by,
                MixBy mix, const char *measure, EmError *err)
{
  EmPromptSet set = robot (mask, by, mix);
  EmAnswer answer = { 0 };
  bool good = em_predictor_decode (m->p, frame, &set, &answer, err);

  if (good)
    add_pair (m, measure, o->class_name, frame, &answer.mask, mask);
  em_answer_clear (&answer);
  return good;
}

/* One object on one grid frame, prompted in every way that was asked for. */
static bool
measure_object (Measure *m, const EmTrackObject *o, int second, EmError *err)
{
  int frame = m->source->grid[second];
  const EmRle *mask = em_truth_mask (m->truth, o, frame);

  if (!in_view (mask))
    return true;
  if (!em_truth_sounds (m->truth, o->id, second))
    return !is_asked (m->o, BY_CLICK, JOINT)
           || measure_prompt (m, o, frame, mask, BY_CLICK, JOINT, "sound + click, silent object",
                              err);
  for (int by = 0; by < N_PROMPTS; by++)
    for (int mix = 0; mix < N_MIXES; mix++)
      if (is_asked (m->o, by, mix)
          && !measure_prompt (m, o, frame, mask, by, mix, kinds[by][mix].name, err))
        return false;
  return true;
}

static int
first_in_view (const Measure *m, const EmTrackObject *o)
{
  for (int f = 0; f < m->truth->n_frames; f++)
    if (in_view (em_truth_mask (m->truth, o, f)))
      return f;
  return -1;
}

static void
score_tracked (Measure *m, const EmTrackObject *o, int frame, const EmRle *prediction, PromptBy by,
               MixBy mix)
{
  const EmRle *mask = em_truth_mask (m->truth, o, frame);

  if (!mask)
    return;
  if (em_rle_area (mask))
    add_pair (m, kinds[by][mix].track, o->class_name, frame, prediction, mask);
  else
    add_share (m, kinds[by][mix].absent, o->class_name, frame, em_rle_area (prediction) == 0);
}

/* Follows every object that comes into view on frame `first`. */
static bool
track_from (Measure *m, int first, const int *first_of, PromptBy by, MixBy mix, EmError *err)
{
  EmAnswer *answers = g_new0 (EmAnswer, m->truth->n_objects);
  bool good = true;
  int frame;

  em_predictor_reset (m->p);
  for (int i = 0; good && i < m->truth->n_objects; i++) {
    const EmTrackObject *o = &m->truth->objects[i];
    EmAnswer answer = { 0 };
    EmPromptSet set;

    if (first_of[i] != first)
      continue;
    set = robot (em_truth_mask (m->truth, o, first), by, mix);
    good = em_predictor_decode (m->p, first, &set, &answer, err)
           && em_predictor_add_mask (m->p, first, (int) o->id, &answer.mask, NULL, err);
    em_answer_clear (&answer);
  }
  good = good && em_predictor_propagate (m->p, first, m->truth->n_frames - 1, 1, err);
  while (good && em_predictor_step (m->p, &frame, answers, err))
    for (int i = 0; i < em_predictor_n_objects (m->p); i++) {
      if (frame > first)
        score_tracked (m, em_tracks_object (m->truth, em_predictor_object (m->p, i)), frame,
                       &answers[i].mask, by, mix);
      em_answer_clear (&answers[i]);
    }
  g_free (answers);
  return good && err->code == EM_OK;
}

/* Objects that come into view together are followed together. */
static bool
measure_tracks (Measure *m, PromptBy by, MixBy mix, EmError *err)
{
  int n = m->truth->n_objects;
  g_autofree int *first = g_new (int, n + 1);
  bool good = true;

  for (int i = 0; i < n; i++)
    first[i] = first_in_view (m, &m->truth->objects[i]);
  for (int i = 0; good && i < n; i++) {
    bool is_new = first[i] >= 0;

    for (int j = 0; j < i; j++)
      is_new &= first[j] != first[i];
    if (is_new)
      good = track_from (m, first[i], first, by, mix, err);
  }
  return good;
}

bool
em_measure_clip (EmReport *report, const EmMeasureOptions *options, EmPredictor *p,
                 const EmClipSource *source, const EmTracks *truth, EmError *err)
{
  Measure m = { report, options, p, source, truth };
  bool with_sound = options->what & EM_MEASURE_SOUND;
  bool good = (!with_sound || measure_sound (&m, err))
              && (!with_sound || !options->track || measure_all_frames (&m, err));

  for (int k = 0; k < source->n_grid; k++)
    for (int i = 0; good && i < truth->n_objects; i++)
      good = measure_object (&m, &truth->objects[i], k, err);
  for (int by = 0; options->track && by < N_PROMPTS; by++)
    for (int mix = 0; mix < N_MIXES; mix++)
      if (good && is_asked (options, by, mix))
        good = measure_tracks (&m, by, mix, err);
  return good;
}
