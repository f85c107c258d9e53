/* fuser.h - AuralFuser: pictures and sound of a clip to prompts for the mask decoder.
 *
 * It hears T seconds at once: at each of three scales the frames' positions and the token rows (one
 * per second, then one per word if there are any) pass through blocks of their own and then through
 * a fusion that every position of every frame shares with every token. Evaluation only: batch norms
 * use their running statistics. Read-only after loading. */
#pragma once
#include "engine/ops.h"
#include "models/config.h"
#include "weights/bind.h"

typedef struct {
  EmPair norm1, q, kv, proj, norm2, fc1, fc2;
  EmPair sr, norm, dwconv; /* visual blocks only */
} EmFuserBlock;

typedef struct {
  EmPair conv, bn;
  EmTensor *mean, *var;
} EmFusionOut; /* a 1x1 convolution and its batch norm */

typedef struct {
  EmPair align;
  EmPair q_frame, k_frame, v_frame, q_audio, k_audio, v_audio;
  EmFusionOut w_z, w_z2; /* frames, tokens */
  EmPair norm_layer, norm_layer2;
} EmFusion;

typedef struct {
  EmFuserConfig config;
  EmPair patch_embeds[EM_N_FUSION];
  EmPair smooth_convs[EM_N_FUSION - 1]; /* before stages 2 and 3 */
  EmFuserBlock f_blocks[EM_N_FUSION][EM_MAX_DEPTH];
  EmFuserBlock a_blocks[EM_N_FUSION][EM_MAX_DEPTH];
  EmFusion fusion[EM_N_FUSION];
  EmTensor *text_w[2], *text_b[2]; /* text_proj; NULLs if text_width is 0 */
  EmTensor *pos;                   /* [N, dim], sine encoding of the stride-16 grid */
  EmTensor *token_pos;             /* [dim]; both are made by em_model_open */
} EmFuser;

/* Names begin at the binder's prefix: "patch_embeds.0.weight" ... */
void em_fuser_bind (EmBinder *b, EmFuser *f, const EmFuserConfig *config);

/* The position that the reference gives to every token row alike: 0, 1, 0, 1 ... */
void em_fuser_token_position (float *out, int dim);

/* Stages 1..3 in this order; row t of the tokens belongs to frame t. */
typedef struct {
  EmTensor *v[EM_N_FUSION]; /* [T, N, dim] */
  EmTensor *a[EM_N_FUSION]; /* [rows, dim] */
} EmFused;

/* What a stage (0..2) reads of a pyramid level, frame by frame: fpn[stage] [n, ...], at stride 4, 8
 * or 16, -> [n, S/16, S/16, dim]. Tap stageK.patch. */
EmTensor *em_fuser_patch (EmCtx *ctx, const EmFuser *f, int stage, EmTensor *fpn);

/* patches[0..2] of T frames as em_fuser_patch gives them; audio [T, dim], both ears; text [rows,
 * text_width] or NULL. T is that of the frames and should be what the weights were trained with.
 * Taps text_proj and stageK.block_in, .block0, .blocks, .token_in, .token_block0, .token_blocks,
 * .align, .O, .R, .Y, .y, .V, .A. */
EmFused em_fuser_forward (EmCtx *ctx, const EmFuser *f, EmTensor *const patches[EM_N_FUSION],
                          EmTensor *audio, EmTensor *text);
