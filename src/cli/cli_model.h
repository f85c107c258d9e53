/* cli_model.h - the model and the clip that a command works with. */
#pragma once
#include "cli/cli.h"
#include "predict/predictor.h"
#include "service/clip_source.h"

typedef struct {
  EmWeights *weights;
  EmBackend *be;
  EmModel *model;
} EmCliModel;

/* As --model, --device, --precision and --size say; NULL is the demo model. Close in either case.
 */
bool em_cli_model_open (EmCliModel *m, const EmCliOptions *options, EmError *err);
void em_cli_model_close (EmCliModel *m);

/* A clip with a predictor over it. An interrupt cancels what runs. Close in either case, before the
 * model. */
typedef struct {
  EmMediaSource *media;
  EmPredictor *predictor;
} EmCliClip;
bool em_cli_clip_open (EmCliClip *clip, const EmCliModel *m, const char *path, double grid_phase,
                       EmError *err);
void em_cli_clip_close (EmCliClip *clip);
