/* mask_decoder.h - prompts and image to four masks, their quality, and whether the object is there.
 *
 * A two-way transformer between a few tokens and the N image positions, then an upscaling. Audio
 * prompts, where given, are added between its layers. Nothing here looks at data on the host: which
 * mask is chosen is an op. */
#pragma once
#include "engine/ops.h"
#include "models/config.h"
#include "models/layers.h"
#include "models/prompt_encoder.h"

#define EM_N_MASKS 4 /* 0 is the single mask, 1..3 the ambiguous ones */

typedef struct {
  EmAttention self_attn, token_to_image, image_to_token;
  EmPair mlp[2];
  EmPair norm[4];
} EmTwoWayLayer;

typedef struct {
  int d, depth, n_heads, side; /* side = S/16 */
  EmTwoWayLayer layers[EM_MAX_LAYERS];
  EmAttention final_attn;
  EmPair norm_final;
  EmTensor *iou_token, *mask_tokens, *obj_score_token; /* [1, d], [4, d], [1, d] */
  EmTensor *up1_w, *up1_b, *up2_w,
      *up2_b;     /* output_upscaling 0 and 3: [d, d/4, 2, 2], [d/4, d/8, ..] */
  EmPair up_norm; /* output_upscaling 1 */
  EmPair conv_s0, conv_s1;
  EmPair s0, s1; /* the same over the neck's laterals, [d/8, C], [d/4, 2C]; made by em_model_open */
  EmMlp3 hyper[EM_N_MASKS], iou_head, score_head;
} EmMaskDecoder;

void em_mask_decoder_bind (EmBinder *b, EmMaskDecoder *d, const EmSam2Config *config);

/* The trunk's first two stages [n, S/4, S/4, C], [n, S/8, S/8, 2C] -> s0 [n, S/4, S/4, d/8], s1 [n,
 * S/8, S/8, d/4]: once per image. Taps high_res.s0, .s1. */
void em_high_res (EmCtx *ctx, const EmMaskDecoder *d, EmTensor *stage1, EmTensor *stage2,
                  EmTensor **s0, EmTensor **s1);

typedef struct {
  EmTensor
      *image; /* [1, N, d] or [1, S/16, S/16, d]: conditioned by memory, or plus no_mem_embed */
  EmTensor *dense;   /* em_prompt_mask or em_prompt_no_mask */
  EmTensor *sparse;  /* [1, P, d]; NULL: no prompt tokens at all */
  EmTensor *s0, *s1; /* [1, ...] of em_high_res */
  /* Sound, this frame's: results of the fuser's stages 1..3 in that order, consumed last first.
   * All set or all NULL. */
  EmTensor *audio_v[EM_N_FUSION]; /* [1, N, d] */
  EmTensor *audio_a[EM_N_FUSION]; /* [1, d] */
} EmDecodeInput;

typedef struct {
  EmTensor *masks;  /* [4, S/4, S/4] logits */
  EmTensor *iou;    /* [1, 4], 0..1 */
  EmTensor *score;  /* [1] object logit: absent where <= 0 */
  EmTensor *tokens; /* [1, 6 + P, d]; mask k has row 2 + k */
} EmMaskDecoded;

/* Taps tokens_in, query_pe (with sound only), src_in, hs, src, upscaled, masks4, iou4,
 * object_score. */
EmMaskDecoded em_mask_decode (EmCtx *ctx, const EmMaskDecoder *d, const EmPromptEncoder *p,
                              const EmDecodeInput *in);

/* One of the four, by ops. */
typedef struct {
  EmTensor *mask;  /* [1, S/4, S/4] */
  EmTensor *iou;   /* [1] */
  EmTensor *token; /* [1, d], what the object pointer is made from */
  EmTensor *index; /* i32 [1] among masks 1..3 (em_choose_best) */
} EmChoice;
/* Masks 1..3: the one with the best predicted IoU. Tap selected. */
EmChoice em_choose_best (EmCtx *ctx, const EmMaskDecoded *in);
/* Mask 0; with `dynamic`, where its stability (delta 0.05) is below 0.98, the best of 1..3 instead,
 * the token staying that of mask 0. `index` is the nil tensor. Tap stability4 when dynamic. */
EmChoice em_choose_single (EmCtx *ctx, const EmMaskDecoded *in, bool dynamic);
/* mask where score [1] > 0, else -1024 everywhere. Stock SAM 2's video path only. */
EmTensor *em_gate_mask (EmCtx *ctx, EmTensor *mask, EmTensor *score);
