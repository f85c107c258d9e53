/* vggish.h - the ear: a spectrogram example to an embedding.
 *
 * Six convolutions and three wide layers over one ear's [96, 64] log-mel examples, whatever their
 * widths. Read-only after loading; a forward pass belongs to the thread of its context. */
#pragma once
#include "engine/ops.h"
#include "models/config.h"
#include "weights/bind.h"

#define EM_N_VGG_CONVS 6
#define EM_VGG_FRAMES  96 /* of an example: 0.96 s */
#define EM_VGG_BANDS   64

typedef struct {
  EmPair features[EM_N_VGG_CONVS]; /* layers 0, 3, 6, 8, 11, 13 of the official list */
  EmPair embeddings[3];            /* 0, 2, 4 of theirs */
} EmVggish;

/* Names begin at the binder's prefix: "features.0.weight" ... */
void em_vggish_bind (EmBinder *b, EmVggish *v, const EmVggConfig *config);

/* examples [n, 96, 64] -> [n, embedding], after the last ReLU. Taps reluN (N as in the list),
 * pool15, fc_relu1, fc_relu3, fc_relu5, embedding. */
EmTensor *em_vggish_forward (EmCtx *ctx, const EmVggish *v, EmTensor *examples);

/* Both ears, spect [n, 2, 96, 64] -> [n, 2 embedding], left first. No taps of its own. */
EmTensor *em_vggish_ears (EmCtx *ctx, const EmVggish *v, EmTensor *spect);
