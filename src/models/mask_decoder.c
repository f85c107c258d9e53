/* mask_decoder.c - a few tokens and the image look at each other, then the masks are drawn.
 *
 * Token order: object score, IoU, masks 0..3, prompts. The tokens are also their own position
 * encoding for the whole pass. With sound, mask tokens and image positions get an audio prompt
 * before each layer and before the last attention, from the fuser's last stage to its first. The
 * first token prompt reaches the position encoding too: in the reference the two are one buffer at
 * that moment, and the weights were trained so. */
#include "models/mask_decoder.h"
#include <math.h>
#include <string.h>

#define FIRST_MASK 2 /* row of mask token 0 */
#define N_TOKENS   6 /* before the prompts */

static void
bind_transformer (EmBinder *b, EmMaskDecoder *m, const EmSam2Config *config)
{
  int d = m->d, mlp = config->mask_decoder.mlp_dim;
  size_t mark = em_bind_enter (b, "transformer.");

  for (int i = 0; i < m->depth; i++) {
    static const char *const norms[4] = { "norm1", "norm2", "norm3", "norm4" };
    EmTwoWayLayer *l = &m->layers[i];
    size_t inner = em_bind_enter (b, "layers.%d.", i);

    em_attention_bind (b, &l->self_attn, "self_attn", d, d, d);
    em_attention_bind (b, &l->token_to_image, "cross_attn_token_to_image", d, d, d / 2);
    em_attention_bind (b, &l->image_to_token, "cross_attn_image_to_token", d, d, d / 2);
    em_bind_pair (b, &l->mlp[0], "mlp.layers.0", mlp, d);
    em_bind_pair (b, &l->mlp[1], "mlp.layers.1", d, mlp);
    for (int k = 0; k < 4; k++)
      em_bind_pair (b, &l->norm[k], norms[k], d);
    em_bind_leave (b, inner);
  }
  em_attention_bind (b, &m->final_attn, "final_attn_token_to_image", d, d, d / 2);
  em_bind_pair (b, &m->norm_final, "norm_final_attn", d);
  em_bind_leave (b, mark);
}

void
em_mask_decoder_bind (EmBinder *b, EmMaskDecoder *m, const EmSam2Config *config)
{
  int d = config->d_model, hidden = config->mask_decoder.iou_head_hidden_dim;
  size_t mark = em_bind_enter (b, "sam_mask_decoder.");

  m->d = d;
  m->depth = config->mask_decoder.depth;
  m->n_heads = config->mask_decoder.num_heads;
  m->side = config->image_size / 16;
  bind_transformer (b, m, config);
  em_bind (b, &m->iou_token, "iou_token.weight", 1, d);
  em_bind (b, &m->mask_tokens, "mask_tokens.weight", EM_N_MASKS, d);
  em_bind (b, &m->obj_score_token, "obj_score_token.weight", 1, d);
  /* Transposed convolutions have their outputs second. */
  em_bind (b, &m->up1_w, "output_upscaling.0.weight", d, d / 4, 2, 2);
  em_bind (b, &m->up1_b, "output_upscaling.0.bias", d / 4);
  em_bind_pair (b, &m->up_norm, "output_upscaling.1", d / 4);
  em_bind (b, &m->up2_w, "output_upscaling.3.weight", d / 4, d / 8, 2, 2);
  em_bind (b, &m->up2_b, "output_upscaling.3.bias", d / 8);
  em_bind_pair (b, &m->conv_s0, "conv_s0", d / 8, d, 1, 1);
  em_bind_pair (b, &m->conv_s1, "conv_s1", d / 4, d, 1, 1);
  for (int k = 0; k < EM_N_MASKS; k++) {
    size_t inner = em_bind_enter (b, "output_hypernetworks_mlps.");

    em_mlp3_bind (b, &m->hyper[k], (const char *[]){ "0", "1", "2", "3" }[k], d, d, d / 8);
    em_bind_leave (b, inner);
  }
  em_mlp3_bind (b, &m->iou_head, "iou_prediction_head", d, hidden, EM_N_MASKS);
  em_mlp3_bind (b, &m->score_head, "pred_obj_score_head", d, d, 1);
  em_bind_leave (b, mark);
}

void
em_high_res (EmCtx *ctx, const EmMaskDecoder *m, EmTensor *stage1, EmTensor *stage2, EmTensor **s0,
             EmTensor **s1)
{
  *s0 = em_project (ctx, &m->s0, stage1);
  *s1 = em_project (ctx, &m->s1, stage2);
  em_tap (ctx, *s0, "high_res.s0");
  em_tap (ctx, *s1, "high_res.s1");
}

static EmTensor *
norm (EmCtx *ctx, const EmPair *p, EmTensor *x)
{
  return em_layer_norm (ctx, x, p->w, p->b, 1e-5f);
}

/* Entries begin .. end - 1 of the second axis of x [1, n, ...], where they lie. */
static EmTensor *
entries (EmCtx *ctx, EmTensor *x, int64_t begin, int64_t end)
{
  int64_t shape[EM_MAX_DIMS];
  EmTensor *some;

  if (!em_ok (ctx))
    return em_nil (ctx);
  memcpy (shape, x->shape, sizeof shape);
  some = em_rows_of (ctx, em_view (ctx, x, x->ndim - 1, shape + 1), begin, end);
  shape[1] = end - begin;
  return em_view (ctx, some, x->ndim, shape);
}

/* tokens [1, n, d] with `prompt` [1, d] added to the rows of the masks */
static EmTensor *
add_to_masks (EmCtx *ctx, EmTensor *tokens, EmTensor *prompt)
{
  int64_t n = tokens->shape[1], d = em_last_dim (tokens);
  EmTensor *parts[3];

  parts[0] = entries (ctx, tokens, 0, FIRST_MASK);
  parts[1] = em_add (ctx, entries (ctx, tokens, FIRST_MASK, N_TOKENS), em_reshape (ctx, prompt, d));
  if (n > N_TOKENS)
    parts[2] = entries (ctx, tokens, N_TOKENS, n);
  return em_concat (ctx, 1, n > N_TOKENS ? 3 : 2, parts);
}

/* [1, 6 + P, d] */
static EmTensor *
all_tokens (EmCtx *ctx, const EmMaskDecoder *m, EmTensor *sparse)
{
  EmTensor *parts[4] = { m->obj_score_token, m->iou_token, m->mask_tokens };
  int64_t n = N_TOKENS;

  if (sparse) {
    parts[3] = em_reshape (ctx, sparse, sparse->shape[1], m->d);
    n += sparse->shape[1];
  }
  return em_reshape (ctx, em_concat (ctx, 0, sparse ? 4 : 3, parts), 1, n, m->d);
}

/* The two sides of the transformer and their position encodings. */
typedef struct {
  EmTensor *q, *q_pe; /* [1, n, d] */
  EmTensor *z, *z_pe; /* [1, N, d], [N, d] */
} TwoWay;

static void
two_way_layer (EmCtx *ctx, const EmMaskDecoder *m, int index, TwoWay *s)
{
  const EmTwoWayLayer *l = &m->layers[index];
  EmTensor *q = s->q, *z = s->z, *q_at, *z_at, *h;

  if (index == 0) { /* neither position nor residual: at first a token is its position */
    q = em_attend (ctx, &l->self_attn, q, q, q, m->n_heads, NULL);
  } else {
    q_at = em_add (ctx, q, s->q_pe);
    q = em_attend (ctx, &l->self_attn, q_at, q_at, q, m->n_heads, q);
  }
  q = norm (ctx, &l->norm[0], q);

  q_at = em_add (ctx, q, s->q_pe);
  z_at = em_add (ctx, z, s->z_pe);
  q = norm (ctx, &l->norm[1], em_attend (ctx, &l->token_to_image, q_at, z_at, z, m->n_heads, q));

  h = em_linear (ctx, q, l->mlp[0].w, l->mlp[0].b, EM_ACT_RELU, NULL);
  h = em_linear (ctx, h, l->mlp[1].w, l->mlp[1].b, EM_ACT_NONE, q);
  q = norm (ctx, &l->norm[2], h);

  q_at = em_add (ctx, q, s->q_pe);
  z = norm (ctx, &l->norm[3], em_attend (ctx, &l->image_to_token, z_at, q_at, q, m->n_heads, z));
  s->q = q;
  s->z = z;
}

/* Audio prompt number `use` in order of use: 0 before layer 0. */
static void
listen (EmCtx *ctx, const EmDecodeInput *in, int use, TwoWay *s)
{
  int stage = EM_N_FUSION - 1 - use;

  if (!in->audio_v[0] || stage < 0)
    return;
  s->z = em_add (ctx, s->z, in->audio_v[stage]);
  s->q = add_to_masks (ctx, s->q, in->audio_a[stage]);
  if (use == 0) {
    s->q_pe = s->q;
    em_tap (ctx, s->q_pe, "query_pe");
  }
}

static void
transform (EmCtx *ctx, const EmMaskDecoder *m, const EmDecodeInput *in, TwoWay *s)
{
  EmTensor *q_at, *z_at;

  for (int i = 0; i < m->depth; i++) {
    listen (ctx, in, i, s);
    two_way_layer (ctx, m, i, s);
  }
  listen (ctx, in, m->depth, s);
  q_at = em_add (ctx, s->q, s->q_pe);
  z_at = em_add (ctx, s->z, s->z_pe);
  s->q = norm (ctx, &m->norm_final,
               em_attend (ctx, &m->final_attn, q_at, z_at, s->z, m->n_heads, s->q));
}

/* z [1, N, d] -> [1, (S/4)^2, d/8] */
static EmTensor *
upscale (EmCtx *ctx, const EmMaskDecoder *m, EmTensor *z, EmTensor *s0, EmTensor *s1)
{
  int side = m->side;
  EmTensor *u = em_reshape (ctx, z, 1, side, side, m->d);

  u = em_conv_transpose (ctx, u, m->up1_w, m->up1_b, s1, EM_ACT_NONE);
  u = em_layer_norm_act (ctx, u, m->up_norm.w, m->up_norm.b, 1e-6f, EM_ACT_GELU);
  u = em_conv_transpose (ctx, u, m->up2_w, m->up2_b, s0, EM_ACT_GELU);
  em_tap (ctx, u, "upscaled");
  return em_reshape (ctx, u, 1, 16 * side * side, m->d / 8);
}

EmMaskDecoded
em_mask_decode (EmCtx *ctx, const EmMaskDecoder *m, const EmPromptEncoder *p,
                const EmDecodeInput *in)
{
  int d = m->d, side = 4 * m->side;
  EmTensor *tokens = all_tokens (ctx, m, in->sparse);
  TwoWay s = { tokens, tokens, NULL, p->dense_pe };
  EmTensor *row, *u, *hyper[EM_N_MASKS];
  EmMaskDecoded out;

  s.z = em_add (ctx, em_reshape (ctx, in->image, 1, m->side * m->side, d), in->dense);
  em_tap (ctx, tokens, "tokens_in");
  em_tap (ctx, s.z, "src_in");
  transform (ctx, m, in, &s);
  em_tap (ctx, s.q, "hs");
  em_tap (ctx, s.z, "src");
  out.tokens = s.q;

  u = upscale (ctx, m, s.z, in->s0, in->s1);
  for (int k = 0; k < EM_N_MASKS; k++) {
    row = entries (ctx, s.q, FIRST_MASK + k, FIRST_MASK + k + 1);
    hyper[k] = em_mlp3 (ctx, &m->hyper[k], row);
  }
  out.masks = em_matmul_f32 (ctx, em_concat (ctx, 1, EM_N_MASKS, hyper), false, u, true, 1);
  out.masks = em_reshape (ctx, out.masks, EM_N_MASKS, side, side);

  row = entries (ctx, s.q, 1, 2);
  out.iou = em_reshape (ctx, em_mlp3_f32 (ctx, &m->iou_head, row, EM_ACT_SIGMOID), 1, EM_N_MASKS);
  row = entries (ctx, s.q, 0, 1);
  out.score = em_reshape (ctx, em_mlp3_f32 (ctx, &m->score_head, row, EM_ACT_NONE), 1);
  em_tap (ctx, out.masks, "masks4");
  em_tap (ctx, out.iou, "iou4");
  em_tap (ctx, out.score, "object_score");
  return out;
}

EmChoice
em_choose_best (EmCtx *ctx, const EmMaskDecoded *in)
{
  int64_t side = in->masks->shape[1], d = em_last_dim (in->tokens);
  EmTensor *iou = entries (ctx, in->iou, 1, EM_N_MASKS);
  EmTensor *masks = em_rows_of (ctx, in->masks, 1, EM_N_MASKS);
  EmTensor *tokens = entries (ctx, in->tokens, FIRST_MASK + 1, N_TOKENS);
  EmChoice best;

  best.index = em_argmax (ctx, iou);
  best.mask = em_take (ctx, em_reshape (ctx, masks, 1, EM_N_MASKS - 1, side, side), best.index);
  best.iou = em_take (ctx, iou, best.index);
  best.token = em_take (ctx, em_reshape (ctx, tokens, 1, EM_N_MASKS - 1, d), best.index);
  em_tap (ctx, best.index, "selected");
  return best;
}

EmChoice
em_choose_single (EmCtx *ctx, const EmMaskDecoded *in, bool dynamic)
{
  EmTensor *first_token = entries (ctx, in->tokens, FIRST_MASK, FIRST_MASK + 1);
  EmChoice single, best;

  single.mask = em_rows_of (ctx, in->masks, 0, 1);
  single.iou = em_reshape (ctx, entries (ctx, in->iou, 0, 1), 1);
  single.token = em_reshape (ctx, first_token, 1, em_last_dim (in->tokens));
  single.index = em_nil (ctx);
  if (!dynamic)
    return single;

  /* Stable is >= 0.98, a choice is > 0: so from the float just below. */
  EmTensor *stability = em_stability (ctx, in->masks, 0.05f);
  EmTensor *stable = em_affine (ctx, em_rows_of (ctx, stability, 0, 1), 1, -nextafterf (0.98f, 0));
  em_tap (ctx, stability, "stability4");
  best = em_choose_best (ctx, in);
  single.mask = em_where (ctx, stable, single.mask, best.mask);
  single.iou = em_where (ctx, stable, single.iou, best.iou);
  return single;
}

EmTensor *
em_gate_mask (EmCtx *ctx, EmTensor *mask, EmTensor *score)
{
  return em_where (ctx, score, mask, em_affine (ctx, mask, 0, -1024));
}
