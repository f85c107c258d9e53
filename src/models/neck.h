/* neck.h - the feature pyramid over the trunk. */
#pragma once
#include "engine/ops.h"
#include "models/config.h"
#include "weights/bind.h"

typedef struct {
  EmPair convs[EM_N_STAGES]; /* 0 is the coarsest level */
} EmNeck;

void em_neck_bind (EmBinder *b, EmNeck *neck, const EmSam2Config *config);

/* stages as the trunk gives them -> fpn[2] [n, S/16, S/16, d]; fpn[0] [n, S/4, S/4, d] and fpn[1]
 * [n, S/8, S/8, d] only with `fine`, else nil: the decoder reads the stages themselves
 * (em_high_res). Taps neck.lateralN (order of convs), neck.fpnN. */
void em_neck_forward (EmCtx *ctx, const EmNeck *neck, EmTensor *const stages[EM_N_STAGES],
                      bool fine, EmTensor *fpn[3]);
