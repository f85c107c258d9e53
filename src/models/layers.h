/* layers.h - what several parts share: MLPs, projected attention, position tables. */
#pragma once
#include "engine/ops.h"
#include "weights/bind.h"

/* Linear layers with ReLU between, none after the last. */
typedef struct {
  EmPair layers[3];
} EmMlp3;
void em_mlp3_bind (EmBinder *b, EmMlp3 *mlp, const char *name, int in, int hidden, int out);
EmTensor *em_mlp3 (EmCtx *ctx, const EmMlp3 *mlp, EmTensor *x);
/* With an f32 result and an activation at its end: scores. */
EmTensor *em_mlp3_f32 (EmCtx *ctx, const EmMlp3 *mlp, EmTensor *x, EmAct last);

/* Attention with its four projections, out_proj (softmax (q k^T) v). */
typedef struct {
  EmPair q, k, v, out;
} EmAttention;
/* Queries of width d, keys and values of width kv, all projected to `inner`. */
void em_attention_bind (EmBinder *b, EmAttention *a, const char *name, int d, int kv, int inner);
/* out (attention (q, k, v)) + residual; batch first. residual may be NULL. */
EmTensor *em_attend (EmCtx *ctx, const EmAttention *a, EmTensor *q, EmTensor *k, EmTensor *v,
                     int n_heads, EmTensor *residual);
/* A linear layer without more. */
EmTensor *em_project (EmCtx *ctx, const EmPair *p, EmTensor *x);

/* Sine encoding of a grid, [h, w, c]: c/2 channels of y, then c/2 of x, sine and cosine in turn. */
void em_sine_grid (float *out, int h, int w, int c);
/* Sine encoding of one number, [c]: all sines, then all cosines. */
void em_sine_line (float *out, double position, int c);
/* Axial rotary table of a side x side grid, [side * side, d/2, 2] (cos, sin). */
void em_rope_grid (float *out, int side, int d);
