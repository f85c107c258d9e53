/* prompt_encoder.h - points, boxes and masks as tokens and maps.
 *
 * Sparse prompts are rows of width d, the dense prompt is a map over the grid. */
#pragma once
#include "engine/ops.h"
#include "models/config.h"
#include "weights/bind.h"

enum {
  EM_POINT_PAD = -1,
  EM_POINT_NEGATIVE,
  EM_POINT_POSITIVE,
  EM_POINT_TOP_LEFT,
  EM_POINT_BOTTOM_RIGHT
};

typedef struct {
  int image_size, d;
  EmTensor *gaussian;              /* [2, d/2], of points */
  EmTensor *image_gaussian;        /* the same of the grid, where it is another one; else NULL */
  EmTensor *point_embeddings[4];   /* [1, d] each */
  EmTensor *not_a_point, *no_mask; /* [1, d] */
  EmTensor *kinds;                 /* [5, d]: not a point, then the four; made by em_model_open */
  EmTensor *dense_pe;              /* [N, d]; made by em_model_open */
  EmPair mask_downscaling[5];      /* 0, 1, 3, 4, 6 of the checkpoint */
} EmPromptEncoder;

void em_prompt_encoder_bind (EmBinder *b, EmPromptEncoder *p, const EmSam2Config *config);

/* Points as a pass wants them: what depends on their number only is shape, the rest is data. */
typedef struct {
  EmTensor *xy;       /* [P+1, 2] in 0..1 */
  EmTensor *kind;     /* [P+1, 5] one-hot row of `kinds` */
  EmTensor *is_point; /* [P+1]: 0 where the embedding replaces the position */
} EmPoints;

/* xy in model pixels (0..S, before the half-pixel shift), labels EM_POINT_*; box corners come
 * first. One pad is appended. n = 0 gives that one; a video frame without prompts wants two: n = 1
 * with EM_POINT_PAD. n at most EM_MAX_POINTS. */
#define EM_MAX_POINTS 256
EmPoints em_points_upload (EmCtx *ctx, const EmPromptEncoder *p, const float *xy, const int *labels,
                           int n);
EmTensor *em_prompt_points (EmCtx *ctx, const EmPromptEncoder *p, const EmPoints *points);
/* -> [1, P+1, d] */

/* logits [1, S/4, S/4] of an earlier mask -> [1, N, d] */
EmTensor *em_prompt_mask (EmCtx *ctx, const EmPromptEncoder *p, EmTensor *logits);
/* The dense prompt where there is no mask: [d], the same everywhere. */
EmTensor *em_prompt_no_mask (EmCtx *ctx, const EmPromptEncoder *p);
