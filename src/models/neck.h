/* neck.h - the feature pyramid over the trunk. */
#pragma once
#include "engine/ops.h"
#include "models/config.h"
#include "weights/bind.h"

typedef struct {
  EmPair convs[EM_N_STAGES]; /* 0 is the coarsest level */
} EmNeck;

void em_neck_bind (EmBinder *b, EmNeck *neck, const EmSam2Config *config);

/* stages as the trunk gives them -> fpn[0..2] [n, S/4, S/4, d], [n, S/8, S/8, d], [n, S/16, S/16,
 * d]. Taps neck.lateralN (order of convs), neck.fpnN. */
void em_neck_forward (EmCtx *ctx, const EmNeck *neck, EmTensor *const stages[EM_N_STAGES],
                      EmTensor *fpn[3]);
