/* golden_model.h - a model as a golden names it, its weights drawn by the formula. */
#pragma once
#include "golden.h"
#include "models/model.h"

typedef struct {
  EmBackend *be;
  EmModel *model;
  EmCtx *ctx;
} GoldenModel;

/* The weights belong to `g`, which must outlive the model. */
bool golden_model_open (GoldenModel *m, Golden *g, bool with_sound, EmError *err);
void golden_model_close (GoldenModel *m);

/* [n, c, rest] -> [n, rest, c]; the caller frees. */
float *golden_channels_last (const float *in, int64_t n, int64_t c, int64_t rest);
