/* track.h - SAM 2's video predictor: prompts on some frames, masks on the others.
 *
 * Every object has a bank of its own and none sees another; a frame's image features serve all.
 * Prompted answers wait in `fresh` maps, without a memory, until the next propagation begins: then
 * they are encoded and take their place in the bank. A frame that was prompted before anything was
 * tracked over it conditions the rest; whether a later correction does is an option.
 *
 * Memory is bounded: of tracked frames, as many stay as the options' bank_bytes hold, at most
 * max_kept_frames, those nearest to the frame just done. What the next step attends to (num_maskmem
 * - 1 memories, max_obj_ptrs - 1 pointers) is always among them. A pass over a stretch whose
 * neighbours are gone does without them, as at the beginning of a clip. Of a mask that a person
 * gave only the runs stay for good: what a frame looks at is made when it looks. One thread. */
#pragma once
#include "predict/head.h"

typedef struct EmTracker EmTracker;

/* All that is passed must outlive the tracker. */
EmTracker *em_tracker_new (EmCtx *ctx, const EmModel *model, const EmClipSource *source,
                           const EmPredictorOptions *options, EmFeatureStore *features);
void em_tracker_free (EmTracker *t); /* NULL is fine */
void em_tracker_reset (EmTracker *t);

/* Entries handed out are the tracker's and live until its next call. The first prompt makes the
 * object; one that fails leaves everything as it was. Of a given mask nothing is made until it is
 * needed: em_tracker_show makes the logits of an entry handed out. */

/* points in model pixels, box corners first. */
EmEntry *em_tracker_add_points (EmTracker *t, int frame, int object, const EmPointSet *points,
                                bool clear_old, EmError *err);
EmEntry *em_tracker_add_mask (EmTracker *t, int frame, int object, const EmRle *mask, bool show,
                              EmError *err);
void em_tracker_remember (EmTracker *t, int frame, int object, const EmRle *mask);
bool em_tracker_clear_frame (EmTracker *t, int frame, int object, EmError *err);
bool em_tracker_remove (EmTracker *t, int object, EmError *err);

int em_tracker_n_objects (const EmTracker *t);
int em_tracker_object (const EmTracker *t, int i);
/* What an object has on a frame, the latest prompt first; NULL: nothing, or no such object. */
EmEntry *em_tracker_at (const EmTracker *t, int frame, int object);
bool em_tracker_show (EmTracker *t, EmEntry *e, EmError *err);  /* its logits, score, iou */
bool em_tracker_make (EmTracker *t, EmEntry *e, EmError *err);  /* pointer and memory as well */
const EmBank *em_tracker_bank (const EmTracker *t, int object); /* NULL: no such object */

/* Frees the memory of slots that no entry uses. */
void em_tracker_shrink (EmTracker *t);
/* Where entries come from; tests count what is in use. */
const EmEntryPool *em_tracker_pool (const EmTracker *t);

/* start..end, which lies in `direction` from it. */
bool em_tracker_begin (EmTracker *t, int start, int end, int direction, EmError *err);
/* One frame; entries has room for every object. False at the end with err->code EM_OK. */
bool em_tracker_step (EmTracker *t, int *frame, const EmEntry **entries, EmError *err);
