/* measure_avs.h - the published scores of one clip: MJ, MF, null S, at 224 x 224. */
#pragma once
#include "metrics/avs.h"
#include "metrics/report.h"
#include "predict/predictor.h"

#define EM_AVS_SIDE 224

typedef struct {
  EmAvsGroup group; /* every frame handed in */
  EmAvsNull null;   /* those with nothing to be found */
} EmAvsClip;        /* begins as zero */

void em_avs_declare (EmReport *report);
/* A grid frame: the answer's logits as they are, the truth of display size. */
void em_avs_clip_add (EmAvsClip *clip, const EmAnswer *answer, const EmRle *truth);
/* One sample per measure; `place` says where. */
void em_avs_clip_end (const EmAvsClip *clip, EmReport *report, const EmSample *place);
