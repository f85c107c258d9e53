/* memory.h - what is remembered of a frame, and how the next one looks at it.
 *
 * Memory encoder: image feature and mask to m channels per position. Memory attention: the current
 * feature attends to a bank of such memories and of object pointers, which come last. */
#pragma once
#include "engine/ops.h"
#include "models/config.h"
#include "models/layers.h"

typedef struct {
  EmTensor *gamma;
  EmPair dwconv, norm, pwconv1, pwconv2;
} EmCxBlock;

typedef struct {
  int side, n_layers;
  EmPair conv[5], norm[4]; /* mask_downsampler.encoder 0 3 6 9 12, and 1 4 7 10 */
  EmPair pix_feat_proj, out_proj;
  EmCxBlock layers[EM_MAX_LAYERS];
  EmTensor *no_obj_embed_spatial; /* [1, m]; NULL in 2.0 */
} EmMemoryEncoder;

void em_memory_encoder_bind (EmBinder *b, EmMemoryEncoder *e, const EmSam2Config *config);

/* What the encoder sees of a mask: logits [1, h, w] at S/4 or S -> [1, S, S], bilinear, then
 * 20 p - 10 with p the sigmoid, or with `binarize` 1 where > 0. */
EmTensor *em_memory_mask (EmCtx *ctx, EmTensor *logits, int image_size, bool binarize);
/* What the encoder makes of the raw fpn2 [1, S/16, S/16, d] alone, of the same shape: the same for
 * all objects of a frame. */
EmTensor *em_memory_project (EmCtx *ctx, const EmMemoryEncoder *e, EmTensor *feature);
/* projected: of em_memory_project; mask [1, S, S] of em_memory_mask; score [1]: at <= 0 the
 * no-object embedding is added where there is one; NULL: never. -> [1, N, m] in f32. Taps
 * memory_encoder.mask_downsampler, .fuserN, .features (all [1, side, side, c]). */
EmTensor *em_memory_encode (EmCtx *ctx, const EmMemoryEncoder *e, EmTensor *projected,
                            EmTensor *mask, EmTensor *score);

typedef struct {
  EmAttention self_attn, cross_attn;
  EmPair values; /* [d, m], [d]: cross_attn's v and out in one; made by em_model_open */
  EmPair linear1, linear2, norm1, norm2, norm3;
} EmMemoryLayer;

typedef struct {
  int n_layers;
  EmMemoryLayer layers[EM_MAX_LAYERS];
  EmPair norm;
  EmTensor *rope; /* [N, d/2, 2]; made by em_model_open */
} EmMemoryAttention;

void em_memory_attention_bind (EmBinder *b, EmMemoryAttention *a, const EmSam2Config *config);

/* What of the attention does not look at the memory, the same for all objects of a frame: current
 * [1, N, d] raw fpn2, current_pos [N, d] (model->image_pe) -> [1, N, d], layer 0 up to its cross
 * attention. Tap memory_attention.layer0.self_attn. */
EmTensor *em_memory_attention_begin (EmCtx *ctx, const EmMemoryAttention *a, EmTensor *current,
                                     EmTensor *current_pos);
/* begun: of em_memory_attention_begin; memory and memory_pos [1, K, m], the last n_pointer_tokens
 * rows of which are pointers -> [1, N, d]. Taps memory_attention.layerN.self_attn,
 * .layerN.cross_attn, .layerN, .out. */
EmTensor *em_memory_attention (EmCtx *ctx, const EmMemoryAttention *a, EmTensor *begun,
                               EmTensor *memory, EmTensor *memory_pos, int64_t n_pointer_tokens);
