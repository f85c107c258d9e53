/* segment.h - the masks of one clip: from prompts, or from what sounds.
 *
 * A key mask is one that a prompt or the sound decided; frames between are tracked from those. The
 * results are kept as runs, so that a long clip fits into memory. */
#pragma once
#include "cli/cli_model.h"
#include "cli/prompts_file.h"

typedef struct {
  int object, frame;
  EmRle mask;
  float iou, score; /* NAN where nothing was asked of the model */
  bool is_key;      /* decided by prompts or sound, not tracked */
  int sounding;     /* 1, 0; -1: nobody listened */
} EmSegment;

typedef struct {
  int n, room;
  EmSegment *items; /* by object, then frame */
  double decode_s, track_s;
} EmSegments;

/* Seconds whose sound is softer than -60 dBFS are silent: nothing is asked there. */
#define EM_SILENCE 1e-3

/* `p` is open on `source`; `wanted` has a flag per frame; `progress` may be NULL. Object 1 is the
 * region that sounds, or, with `text`, what that expression refers to, silent or not; where the
 * model finds nothing its mask is empty. */
bool em_segment_sound (EmSegments *out, EmPredictor *p, const EmClipSource *source,
                       const char *text, const bool *wanted, EmCliProgress *progress, EmError *err);
bool em_segment_prompts (EmSegments *out, EmPredictor *p, const EmClipSource *source,
                         const EmPromptsFile *prompts, const bool *wanted, EmCliProgress *progress,
                         EmError *err);
void em_segments_clear (EmSegments *s);

/* The second that a frame belongs to: always one with a grid frame. */
int em_segment_second (const EmClipSource *source, int frame);

/* What the sound says about a grid frame, as suggestions count: empty if the second is silent or
 * the model finds nothing there. The caller clears it. */
bool em_segment_is_heard (EmPredictor *p, int second, const EmAnswer *answer);
