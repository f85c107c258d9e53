/* prompt_encoder.c - Fourier positions plus learned kinds; a mask through three small convolutions.
 *
 * The kind of a point is data, not control flow: a one-hot row picks its embedding by a product
 * (exact, one term is not zero), and a pad's position is dropped by a choice. */
#include "models/prompt_encoder.h"

#define N_KINDS 5 /* not a point, negative, positive, two corners of a box */

void
em_prompt_encoder_bind (EmBinder *b, EmPromptEncoder *p, const EmSam2Config *config)
{
  static const char *const layers[5] = { "0", "1", "3", "4", "6" };
  int d = config->d_model;
  size_t mark = em_bind_enter (b, "sam_prompt_encoder.");

  p->image_size = config->image_size;
  p->d = d;
  em_bind_exact (b, &p->gaussian, "pe_layer.positional_encoding_gaussian_matrix", 2, d / 2);
  if (config->image_pe_layer)
    em_bind_exact (b, &p->image_gaussian, "image_pe_layer.positional_encoding_gaussian_matrix", 2,
                   d / 2);
  for (int i = 0; i < 4; i++) {
    size_t inner = em_bind_enter (b, "point_embeddings.%d.", i);

    em_bind (b, &p->point_embeddings[i], "weight", 1, d);
    em_bind_leave (b, inner);
  }
  em_bind (b, &p->not_a_point, "not_a_point_embed.weight", 1, d);
  em_bind (b, &p->no_mask, "no_mask_embed.weight", 1, d);

  size_t inner = em_bind_enter (b, "mask_downscaling.");
  em_bind_pair (b, &p->mask_downscaling[0], layers[0], 4, 1, 2, 2);
  em_bind_pair (b, &p->mask_downscaling[1], layers[1], 4);
  em_bind_pair (b, &p->mask_downscaling[2], layers[2], 16, 4, 2, 2);
  em_bind_pair (b, &p->mask_downscaling[3], layers[3], 16);
  em_bind_pair (b, &p->mask_downscaling[4], layers[4], d, 16, 1, 1);
  em_bind_leave (b, inner);
  em_bind_leave (b, mark);
}

EmPoints
em_points_upload (EmCtx *ctx, const EmPromptEncoder *p, const float *xy, const int *labels, int n)
{
  float at[2 * (EM_MAX_POINTS + 1)] = { 0 };
  float kind[N_KINDS * (EM_MAX_POINTS + 1)] = { 0 };
  float is_point[EM_MAX_POINTS + 1] = { 0 };
  EmPoints points;

  EM_BUG_UNLESS (n >= 0 && n <= EM_MAX_POINTS);
  for (int i = 0; i <= n; i++) {
    int label = i < n ? labels[i] : EM_POINT_PAD;

    if (label >= EM_POINT_PAD && label < N_KINDS - 1)
      kind[N_KINDS * i + label + 1] = 1;
    is_point[i] = label != EM_POINT_PAD;
    for (int k = 0; i < n && k < 2; k++) /* positions are of pixel centres */
      at[2 * i + k] = (xy[2 * i + k] + 0.5f) / p->image_size;
  }
  points.xy = em_upload (ctx, at, 2, (int64_t[]){ n + 1, 2 });
  points.kind = em_upload (ctx, kind, 2, (int64_t[]){ n + 1, N_KINDS });
  points.is_point = em_upload (ctx, is_point, 1, (int64_t[]){ n + 1 });
  return points;
}

EmTensor *
em_prompt_points (EmCtx *ctx, const EmPromptEncoder *p, const EmPoints *points)
{
  EmTensor *kind = em_reshape (ctx, points->kind, 1, points->kind->shape[0], N_KINDS);
  EmTensor *kinds = em_reshape (ctx, p->kinds, 1, N_KINDS, p->d);
  EmTensor *embedding, *position, *sparse;

  embedding = em_matmul (ctx, kind, false, kinds, false, 1); /* [1, P+1, d] */
  embedding = em_reshape (ctx, embedding, points->xy->shape[0], p->d);
  position = em_fourier (ctx, points->xy, p->gaussian);
  sparse = em_where (ctx, points->is_point, em_add (ctx, position, embedding), embedding);
  return em_reshape (ctx, sparse, 1, points->xy->shape[0], p->d);
}

EmTensor *
em_prompt_mask (EmCtx *ctx, const EmPromptEncoder *p, EmTensor *logits)
{
  const EmPair *l = p->mask_downscaling;
  int side = p->image_size / 4;
  EmTensor *x = em_reshape (ctx, logits, 1, side, side, 1);

  x = em_conv2d (ctx, x, l[0].w, l[0].b, 2, 0, EM_ACT_NONE);
  x = em_layer_norm_act (ctx, x, l[1].w, l[1].b, 1e-6f, EM_ACT_GELU);
  x = em_conv2d (ctx, x, l[2].w, l[2].b, 2, 0, EM_ACT_NONE);
  x = em_layer_norm_act (ctx, x, l[3].w, l[3].b, 1e-6f, EM_ACT_GELU);
  x = em_linear (ctx, x, l[4].w, l[4].b, EM_ACT_NONE, NULL);
  return em_reshape (ctx, x, 1, side / 4 * (side / 4), p->d);
}

EmTensor *
em_prompt_no_mask (EmCtx *ctx, const EmPromptEncoder *p)
{
  return em_reshape (ctx, p->no_mask, p->d);
}
