/* measure.h - what a model does on one labelled clip.
 *
 * Prompts come from the truth by the click robot: its click is the deepest pixel of the object (the
 * farthest from the outside; ties to the upper, then the left), its box the tight one. Scores go to
 * a report under the names below. */
#pragma once
#include "base/tracks.h"
#include "metrics/report.h"
#include "predict/predictor.h"

typedef enum {
  EM_MEASURE_SOUND = 1 << 0,
  EM_MEASURE_CLICK = 1 << 1,
  EM_MEASURE_BOX = 1 << 2,
  EM_MEASURE_SOUND_CLICK = 1 << 3,
  EM_MEASURE_SOUND_BOX = 1 << 4,
  EM_MEASURE_ALL = (1 << 5) - 1,
} EmMeasureWhat;

typedef struct {
  unsigned what;        /* of EmMeasureWhat */
  bool joint, ensemble; /* how sound and prompts mix: either or both */
  bool track;           /* also follow the first prompt of each kind asked through all frames */
  const char *slice;
} EmMeasureOptions;

/* Declares the measures that these options lead to. */
void em_measure_declare (EmReport *report, const EmMeasureOptions *options);

/* `truth` fits the clip, `source`, that `p` is open on. */
bool em_measure_clip (EmReport *report, const EmMeasureOptions *options, EmPredictor *p,
                      const EmClipSource *source, const EmTracks *truth, EmError *err);

/* What a project holds of the clip, all states. EM_E_INPUT if it is not the same clip. */
void em_measure_declare_stored (EmReport *report);
bool em_measure_stored (EmReport *report, const char *slice, const EmTracks *truth,
                        const EmTracks *stored, EmError *err);
