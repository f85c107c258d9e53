/* fuser_private.h - what fuser.c and fusion.c share. */
#pragma once
#include "models/fuser.h"

void em_fusion_bind (EmBinder *b, EmFusion *f, const EmFuserConfig *config);

/* x [T, N, dim] and d [rows, dim] -> *v [T, N, dim], *a [rows, dim]. `stage` names the taps. */
void em_fusion_forward (EmCtx *ctx, const EmFusion *f, int stage, EmTensor *x, EmTensor *d,
                        EmTensor **v, EmTensor **a);
