/* head.c - image feature and prompts to mask, score and pointer. */
#include "predict/head.h"
#include <stdlib.h>
#include "models/layers.h"

/* The tokens of a bank: spatial memories in order, then the pointers' tokens. Positions are a grid
 * and a row by distance for the former, a line by distance for the latter. What comes from outside
 * the pass enters it first. */
static void
gather (EmCtx *ctx, const EmModel *m, const EmRecall *r, EmTensor **memory, EmTensor **pos)
{
  int64_t n = m->n_tokens, width = m->config.sam2.mem_dim, d = m->config.sam2.d_model;
  int64_t line = m->config.sam2.proj_tpos_enc_in_obj_ptrs ? d : width;
  int n_parts = r->n_spatial + r->n_pointers, n_places = r->n_spatial;
  EmTensor **tokens = malloc ((size_t) (n_parts + 1) * 2 * sizeof *tokens), **places, *at = NULL;
  float *lines = malloc ((size_t) (r->n_pointers + 1) * d * sizeof *lines);
  double unit = r->max_pointers > 1 ? r->max_pointers - 1 : 1;

  EM_BUG_UNLESS (tokens && lines);
  places = tokens + n_parts + 1;
  for (int i = 0; i < r->n_spatial; i++)
    tokens[i] = em_enter (ctx, &r->spatial[i].entry->memory);
  for (int i = 0; i < r->n_pointers; i++) {
    tokens[r->n_spatial + i] = em_enter (ctx, &r->pointers[i].entry->pointer);
    em_sine_line (lines + i * line, r->pointers[i].distance / unit, (int) line);
  }
  if (r->n_pointers)
    at = em_upload (ctx, lines, 2, (int64_t[]){ r->n_pointers, line });

  for (int i = 0; i < r->n_spatial; i++) {
    EmTensor *row = em_rows_of (ctx, m->maskmem_tpos_enc, r->spatial[i].row, r->spatial[i].row + 1);

    tokens[i] = em_computed (ctx, tokens[i]);
    places[i]
        = em_reshape (ctx, em_add (ctx, m->memory_pe, em_reshape (ctx, row, width)), 1, n, width);
  }
  for (int i = r->n_spatial; i < n_parts; i++)
    tokens[i] = em_reshape (ctx, em_computed (ctx, tokens[i]), 1, d / width, width);
  if (at)
    places[n_places++] = em_model_pointer_pos (ctx, m, at, r->n_pointers);
  *memory = em_concat (ctx, 1, n_parts, tokens);
  *pos = em_concat (ctx, 1, n_places, places);
  free (tokens);
  free (lines);
}

EmTensor *
em_head_image (EmCtx *ctx, const EmModel *m, const EmFeatures *f, const EmRecall *recall)
{
  int64_t n_pointer_tokens, n = m->n_tokens, d = m->config.sam2.d_model;
  EmTensor *memory, *pos, *image;

  if (!recall || recall->n_spatial + recall->n_pointers == 0) {
    image = em_model_no_memory (ctx, m, em_enter (ctx, &f->fpn2));
    em_tap (ctx, image, "pix_feat");
    return image;
  }
  if (!f->share->has_begun || ctx->tap) {
    image = em_memory_attention_begin (ctx, &m->memory_attention,
                                       em_reshape (ctx, em_enter (ctx, &f->fpn2), 1, n, d),
                                       m->image_pe);
    em_store (ctx, &f->share->begun, image);
    f->share->has_begun = em_ok (ctx);
  }
  n_pointer_tokens = recall->n_pointers * (d / m->config.sam2.mem_dim);
  gather (ctx, m, recall, &memory, &pos);
  em_tap (ctx, memory, "memory");
  em_tap (ctx, pos, "memory_pos");
  if (ctx->tap)
    em_tap (ctx, em_upload (ctx, &(float){ (float) n_pointer_tokens }, 1, (int64_t[]){ 1 }),
            "num_obj_ptr_tokens");
  image
      = em_memory_attention (ctx, &m->memory_attention, em_reshape (ctx, &f->share->begun, 1, n, d),
                             memory, pos, n_pointer_tokens);
  em_tap (ctx, image, "pix_feat");
  return image;
}

void
em_head_listen (EmCtx *ctx, EmHeadInput *in, const EmTensor audio_v[EM_N_FUSION],
                const EmTensor audio_a[EM_N_FUSION])
{
  for (int k = 0; k < EM_N_FUSION; k++) {
    in->audio_v[k] = em_enter (ctx, &audio_v[k]);
    in->audio_a[k] = em_enter (ctx, &audio_a[k]);
  }
}

EmHead
em_head_decode (EmCtx *ctx, const EmModel *m, const EmFeatures *f, EmTensor *image,
                const EmHeadInput *in)
{
  static const EmPointSet nothing = { .n = 1, .labels = { EM_POINT_PAD } };
  EmDecodeInput input = { .image = image };
  EmPoints points;
  EmHead head = { 0 };

  if (in->points) {
    const EmPointSet *set = in->points->n ? in->points : &nothing;

    points = em_points_upload (ctx, &m->prompt_encoder, set->xy[0], set->labels, set->n);
  }
  input.s0 = em_enter (ctx, &f->s0);
  input.s1 = em_enter (ctx, &f->s1);
  if (in->points)
    input.sparse = em_prompt_points (ctx, &m->prompt_encoder, &points);
  input.dense = in->mask ? em_prompt_mask (ctx, &m->prompt_encoder, in->mask)
                         : em_prompt_no_mask (ctx, &m->prompt_encoder);
  for (int k = 0; k < EM_N_FUSION; k++) {
    input.audio_v[k] = in->audio_v[k];
    input.audio_a[k] = in->audio_a[k];
  }

  EmMaskDecoded out = em_mask_decode (ctx, &m->mask_decoder, &m->prompt_encoder, &input);
  EmChoice choice
      = in->multimask ? em_choose_best (ctx, &out) : em_choose_single (ctx, &out, in->dynamic);

  head.mask = choice.mask;
  head.iou = choice.iou;
  head.score = out.score;
  if (m->config.sam2.tracks)
    head.pointer = em_model_pointer (ctx, m, choice.token, out.score);
  return head;
}

EmTensor *
em_head_square (EmCtx *ctx, const EmModel *m, const EmRle *mask)
{
  int side = m->config.sam2.image_size;
  int64_t n = (int64_t) mask->width * mask->height;
  uint8_t *pixels = malloc ((size_t) n);
  float *values = malloc ((size_t) n * sizeof *values);
  EmTensor *x;

  EM_BUG_UNLESS (pixels && values);
  em_rle_decode (mask, pixels, 1);
  for (int64_t i = 0; i < n; i++)
    values[i] = pixels[i];
  x = em_upload (ctx, values, 3, (int64_t[]){ 1, mask->height, mask->width });
  free (pixels);
  free (values);
  if (mask->width == side && mask->height == side)
    return x;
  /* In where at least half is: 1 - step (0.5 - x). */
  x = em_resize (ctx, x, side, side, EM_FILTER_BILINEAR_ANTIALIAS);
  x = em_activate (ctx, em_affine (ctx, x, -1, 0.5f), EM_ACT_STEP);
  return em_affine (ctx, x, -1, 1);
}

EmTensor *
em_head_again (EmCtx *ctx, const EmModel *m, const float *low_res)
{
  int64_t side = m->mask_side;

  return em_clamp (ctx, em_upload (ctx, low_res, 3, (int64_t[]){ 1, side, side }), -32, 32);
}

/* The head looks at the raw feature here, without memory and without no_mem_embed, and its mask is
 * not used. Two gates make the pointer: the head's score, then whether there is a mask at all. */
EmHead
em_head_of_mask (EmCtx *ctx, const EmModel *m, const EmFeatures *f, EmTensor *square, bool dynamic)
{
  static const EmPointSet nothing = { .n = 0 };
  EmTensor *image
      = em_reshape (ctx, em_enter (ctx, &f->fpn2), 1, m->n_tokens, m->config.sam2.d_model);
  EmTensor *area = em_stability (ctx, square, 0.5f); /* share of ones */
  EmHeadInput in = { .points = &nothing, .dynamic = dynamic };
  EmHead head;

  in.mask = em_model_mask_downsample (ctx, m, square);
  head = em_head_decode (ctx, m, f, image, &in);
  head.mask = em_model_mask_logits (ctx, m, square);
  head.iou = em_upload (ctx, &(float){ 1 }, 1, (int64_t[]){ 1 });
  head.score = em_where (ctx, area, em_upload (ctx, &(float){ 10 }, 1, (int64_t[]){ 1 }),
                         em_upload (ctx, &(float){ -10 }, 1, (int64_t[]){ 1 }));
  head.pointer = em_where (ctx, area, head.pointer, m->no_obj_ptr);
  return head;
}

EmTensor *
em_head_remember (EmCtx *ctx, const EmModel *m, const EmFeatures *f, EmTensor *logits,
                  EmTensor *score, bool binarize)
{
  EmTensor *mask;

  if (!f->share->has_projected) {
    em_store (ctx, &f->share->projected,
              em_memory_project (ctx, &m->memory_encoder, em_enter (ctx, &f->fpn2)));
    f->share->has_projected = em_ok (ctx);
  }
  mask = em_memory_mask (ctx, logits, m->config.sam2.image_size, binarize);
  return em_memory_encode (ctx, &m->memory_encoder, &f->share->projected, mask, score);
}

void
em_head_store (EmCtx *ctx, EmEntry *e, const EmHead *head, EmTensor *memory)
{
  em_download (ctx, e->low_res, head->mask);
  em_download (ctx, &e->iou, head->iou);
  em_download (ctx, &e->score, head->score);
  em_store (ctx, &e->pointer, head->pointer);
  if (memory)
    em_store (ctx, &e->memory, memory);
}
