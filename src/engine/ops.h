/* ops.h - the ops as model code sees them.
 *
 * Each takes a context first, allocates its result there and returns it; on a failed context all
 * return the nil tensor. Wrong shapes are a caller's bug and abort: whatever comes from a file has
 * been checked against the configuration before. NULL stands for "none" where a parameter says so.
 * Types: a float operand is f32 or of the backend's compute type (f32 on the CPU, mostly bf16 on a
 * GPU). Products, convolutions, attention and norms bring their operands to the compute type, and
 * their results have it. What moves and chooses, and what works element by element, keeps the type
 * of its operands; where they differ they are brought to the compute type. So a table or logits in
 * f32 stay so among themselves. Where a line says f32, it is f32 on every backend. Arithmetic is
 * f32 with sums in at least f32, whatever is stored; softmax by running maximum.
 * "Suffix" means: the trailing axes of the other operand, repeated over the leading ones. */
#pragma once
#include "engine/backend.h"
#include "engine/ctx.h"

EmTensor *em_add (EmCtx *ctx, EmTensor *a, EmTensor *b); /* b: same shape or suffix */
EmTensor *em_mul (EmCtx *ctx, EmTensor *a, EmTensor *b); /* b: same shape or suffix */
EmTensor *em_affine (EmCtx *ctx, EmTensor *x, float scale, float offset);
EmTensor *em_activate (EmCtx *ctx, EmTensor *x, EmAct act);
EmTensor *em_clamp (EmCtx *ctx, EmTensor *x, float low, float high);
/* cond f32 [n]; a [n, ...]; b same shape as a, or one row of it: row i is a's where cond[i] > 0.
 */
EmTensor *em_where (EmCtx *ctx, EmTensor *cond, EmTensor *a, EmTensor *b);
/* All f32: xy [n, 2] in [0, 1], gaussian [2, d/2] -> [n, d]: sin then cos of 2 pi (2 xy - 1)
 * gaussian. */
EmTensor *em_fourier (EmCtx *ctx, EmTensor *xy, EmTensor *gaussian);

/* x [.., in], w [out, in, (1, ...)], b [out] or NULL, residual [.., out] or NULL:
 * y = act (x w^T + b) + residual. Trailing ones of w's shape (1x1 convolutions) are ignored. */
EmTensor *em_linear (EmCtx *ctx, EmTensor *x, EmTensor *w, EmTensor *b, EmAct act,
                     EmTensor *residual);
/* The same with an f32 result: logits and scores. */
EmTensor *em_linear_f32 (EmCtx *ctx, EmTensor *x, EmTensor *w, EmTensor *b, EmAct act);
/* a [batch, m, k] ([batch, k, m] if ta), b [batch, k, n] ([batch, n, k] if tb), either batch may be
 * 1 -> [batch, m, n] = scale * a b. */
EmTensor *em_matmul (EmCtx *ctx, EmTensor *a, bool ta, EmTensor *b, bool tb, float scale);
EmTensor *em_matmul_f32 (EmCtx *ctx, EmTensor *a, bool ta, EmTensor *b, bool tb, float scale);

/* x [n, h, w, c], weight [out, c, kh, kw]. Zero padding. b may be NULL. */
EmTensor *em_conv2d (EmCtx *ctx, EmTensor *x, EmTensor *w, EmTensor *b, int stride, int pad,
                     EmAct act);
/* weight [c, 1, k, k], stride 1. */
EmTensor *em_depthwise (EmCtx *ctx, EmTensor *x, EmTensor *w, EmTensor *b, int pad, EmAct act);
/* Kernel 2, stride 2, weight [in, out, 2, 2]; skip [n, 2h, 2w, out] (or batch 1) is added before
 * act; NULL for none. */
EmTensor *em_conv_transpose (EmCtx *ctx, EmTensor *x, EmTensor *w, EmTensor *b, EmTensor *skip,
                             EmAct act);
EmTensor *em_max_pool (EmCtx *ctx, EmTensor *x); /* 2x2 stride 2: [n, h/2, w/2, c] */
/* fine [n, 2h, 2w, c] + nearest 2x of coarse [n, h, w, c]. */
EmTensor *em_upsample_add (EmCtx *ctx, EmTensor *coarse, EmTensor *fine);
/* x [n, h, w] (no channels) -> [n, height, width]. */
EmTensor *em_resize (EmCtx *ctx, EmTensor *x, int height, int width, EmFilter filter);

/* Over the last axis, biased variance; w and b have its length; act follows the affine. */
EmTensor *em_layer_norm (EmCtx *ctx, EmTensor *x, EmTensor *w, EmTensor *b, float eps);
EmTensor *em_layer_norm_act (EmCtx *ctx, EmTensor *x, EmTensor *w, EmTensor *b, float eps,
                             EmAct act);
/* Running statistics, per channel of the last axis. */
EmTensor *em_batch_norm (EmCtx *ctx, EmTensor *x, EmTensor *w, EmTensor *b, EmTensor *mean,
                         EmTensor *var, float eps);

/* q [b, nq, c], k [b, nk, c], v [b, nk, cv] -> [b, nq, cv]; k and v may have batch 1. Heads split
 * the last axis in order; scores are scaled by 1/sqrt (c / n_heads). Never materialises nq x nk. */
EmTensor *em_attention (EmCtx *ctx, EmTensor *q, EmTensor *k, EmTensor *v, int n_heads);
/* Hiera's: qkv [n, h, w, 3c] with channels [3][heads][c / heads] -> [n, h', w', c]. window 0: over
 * the whole map. Else windows of that side in row-major order, padded at the bottom and right with
 * tokens whose q, k, v are qkv_bias [3c] and which take part as keys. pool_q: q is max-pooled 2x2
 * inside each window and h' = h/2, w' = w/2, else h' = h. */
EmTensor *em_window_attention (EmCtx *ctx, EmTensor *qkv, EmTensor *qkv_bias, int n_heads,
                               int window, bool pool_q);
/* x [b, n, c], table f32 [m, c/2, 2] (cos, sin): token t < n_rotated is rotated by row t mod m,
 * pairs (2i, 2i+1); the others are copied. */
EmTensor *em_rope (EmCtx *ctx, EmTensor *x, EmTensor *table, int64_t n_rotated);

EmTensor *em_permute (EmCtx *ctx, EmTensor *x, const int *order); /* y's axis i is x's order[i] */
EmTensor *em_concat (EmCtx *ctx, int axis, int n, EmTensor *const *parts);
EmTensor *em_slice (EmCtx *ctx, EmTensor *x, int axis, int64_t begin, int64_t end);
EmTensor *em_cast (EmCtx *ctx, EmTensor *x, EmDtype dtype); /* between float types */
EmTensor *em_repeat (EmCtx *ctx, EmTensor *x, int64_t n);   /* [1, ...] or [...] -> [n, ...] */

EmTensor *em_argmax (EmCtx *ctx, EmTensor *x); /* f32 [n, k] -> i32 [n], the first of equals */
EmTensor *em_take (EmCtx *ctx, EmTensor *x, EmTensor *index); /* [n, k, ...], i32 [n] -> [n, ...] */
/* logits f32 [n, ...] -> f32 [n]: count (x > delta) / count (x > -delta), 1 where the latter is 0.
 */
EmTensor *em_stability (EmCtx *ctx, EmTensor *logits, float delta);

/* rgb u8 [h, w, 3] -> [1, side, side, 3] in the compute type: stretched across, then down, then
 * (v / 255 - mean) / std by channel. Row i of columns, i32 [side, 1 + taps], makes pixel i of a
 * line: the first pixel it takes and as many weights as there are taps, none of them behind the
 * line's end, with 22 bits after the point; so does rows for lines. Sums are integers, rounded to
 * u8 after either axis. An axis that has its size already is left alone. */
EmTensor *em_picture (EmCtx *ctx, EmTensor *rgb, EmTensor *columns, EmTensor *rows);
/* logits f32 [side, side], finite -> i32 [width, (height + 31) / 32], the mask at display size,
 * column by column: bit y % 32 of word y / 32 in row x is pixel (x, y), 1 where the bilinear value
 * (half-pixel centres, mixed along x first) is above 0. Bits behind the last pixel are 0. */
EmTensor *em_mask_bits (EmCtx *ctx, EmTensor *logits, int width, int height);
