/* predictor_private.h - the parts of a predictor, for predictor.c and for tests that look inside.
 */
#pragma once
#include "predict/predictor.h"
#include "predict/replay.h"
#include "predict/sound.h"
#include "predict/track.h"

struct EmPredictor {
  EmModel *model;
  EmClipSource source;
  EmPredictorOptions options;
  EmThrift thrift;
  EmCtx *ctx;
  EmFeatureStore *features;
  EmSoundStore *sound;
  EmReplay *replay;
  EmTracker *tracker;
  const EmEntry **entries; /* of a step, room for every object */
  int room;
};
