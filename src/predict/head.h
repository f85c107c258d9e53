/* head.h - one answer of SAM 2: an image feature, prompts, and what becomes of them.
 *
 * The pieces of a pass that clicks, sound and tracking share, over ops only: everything stays on
 * the backend until em_answer_store copies the results out. Callers begin and end the pass. */
#pragma once
#include "predict/bank.h"
#include "predict/features.h"

/* The feature that the decoder looks at, [1, N, d]: as it is, or conditioned by what is recalled.
 * Taps pix_feat, and for the latter memory, memory_pos, num_obj_ptr_tokens. A recall without
 * entries is the former. */
EmTensor *em_head_image (EmCtx *ctx, const EmModel *m, const EmFeatures *f, const EmRecall *recall);

/* Points in model pixels, labels EM_POINT_*, box corners first. */
typedef struct {
  int n;
  float xy[EM_MAX_POINTS][2];
  int labels[EM_MAX_POINTS];
} EmPointSet;

typedef struct {
  /* NULL: no prompt tokens at all (sound alone); n = 0: a video frame without prompts. */
  const EmPointSet *points;
  EmTensor *mask;                                        /* [1, S/4, S/4] mask prompt; NULL: none */
  EmTensor *audio_v[EM_N_FUSION], *audio_a[EM_N_FUSION]; /* all or none */
  bool multimask; /* the best of three, else the single one */
  bool dynamic;   /* which falls back to them if unstable */
} EmHeadInput;

typedef struct {
  EmTensor *mask;        /* [1, S/4, S/4], not gated */
  EmTensor *iou, *score; /* [1] each */
  EmTensor *pointer;     /* [1, d], gated by the score; NULL of a model that does not track */
} EmHead;

/* Sound joins: prompts [1, N, d] and [1, d], which come from outside the pass. */
void em_head_listen (EmCtx *ctx, EmHeadInput *in, const EmTensor audio_v[EM_N_FUSION],
                     const EmTensor audio_a[EM_N_FUSION]);

EmHead em_head_decode (EmCtx *ctx, const EmModel *m, const EmFeatures *f, EmTensor *image,
                       const EmHeadInput *in);

/* An earlier answer's logits on the host as the mask prompt of the next: clamped to +-32. */
EmTensor *em_head_again (EmCtx *ctx, const EmModel *m, const float *low_res);

/* A mask as the head takes it, from runs of any size: [1, S, S] of 0 and 1. */
EmTensor *em_head_square (EmCtx *ctx, const EmModel *m, const EmRle *mask);

/* The answer that a person's mask is: its logits and pointer come from `square` (em_head_square),
 * its iou is 1, its score +10, or -10 where it is empty. */
EmHead em_head_of_mask (EmCtx *ctx, const EmModel *m, const EmFeatures *f, EmTensor *square,
                        bool dynamic);

/* What is remembered of logits [1, S/4, S/4]: [1, N, m]. */
EmTensor *em_head_remember (EmCtx *ctx, const EmModel *m, const EmFeatures *f, EmTensor *logits,
                            EmTensor *score, bool binarize);

/* Copies an answer into `e`; memory NULL: none yet, else `e` has room for it. */
void em_head_store (EmCtx *ctx, EmEntry *e, const EmHead *head, EmTensor *memory);
