/* track_private.h - what track.c (objects and prompts) and track_steps.c (passes) share. */
#pragma once
#include "predict/track.h"

/* The points given so far on a frame. */
typedef struct {
  int frame;
  EmPointSet set;
} EmGiven;

typedef struct {
  int id;
  EmBank bank;
  EmBank fresh; /* prompted since the last propagation began, without a memory */
  int n_given;
  EmGiven *given;
  int8_t *passed; /* per frame: 0 never tracked over, else the direction of the last pass */
} EmTracked;

struct EmTracker {
  EmCtx *ctx;
  const EmModel *model;
  const EmClipSource *source;
  const EmPredictorOptions *options;
  EmFeatureStore *features;
  EmEntryPool pool;
  EmRecallRules rules;
  int n, room;
  EmTracked *objects; /* in the order they were added */
  EmEntry **made;     /* room for every object: a step's new entries */
  EmRecall *recalls;  /* likewise: what its objects look at */
  uint64_t clock;     /* of looks at entries */
  bool running;
  int next, end, direction;
};

/* The entry of a person's mask; `hard`: given as a prompt. */
EmEntry *em_tracked_given (int frame, const EmRle *mask, bool hard);
/* Makes all that a frame looks at; a pass each, so none may be under way. */
bool em_tracker_make_recalled (EmTracker *t, const EmRecall *recall, EmError *err);
/* Gives up what was made of given masks and not looked at for the longest, as far as the rules let
 * frames look. */
void em_tracked_unmake (EmTracker *t, EmTracked *o);
