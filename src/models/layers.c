/* layers.c - MLPs, projected attention, position tables. */
#include "models/layers.h"
#include <math.h>

void
em_mlp3_bind (EmBinder *b, EmMlp3 *mlp, const char *name, int in, int hidden, int out)
{
  size_t mark = em_bind_enter (b, "%s.layers.", name);

  em_bind_pair (b, &mlp->layers[0], "0", hidden, in);
  em_bind_pair (b, &mlp->layers[1], "1", hidden, hidden);
  em_bind_pair (b, &mlp->layers[2], "2", out, hidden);
  em_bind_leave (b, mark);
}

/* The two hidden layers. */
static EmTensor *
hidden (EmCtx *ctx, const EmMlp3 *mlp, EmTensor *x)
{
  x = em_linear (ctx, x, mlp->layers[0].w, mlp->layers[0].b, EM_ACT_RELU, NULL);
  return em_linear (ctx, x, mlp->layers[1].w, mlp->layers[1].b, EM_ACT_RELU, NULL);
}

EmTensor *
em_mlp3 (EmCtx *ctx, const EmMlp3 *mlp, EmTensor *x)
{
  return em_project (ctx, &mlp->layers[2], hidden (ctx, mlp, x));
}

EmTensor *
em_mlp3_f32 (EmCtx *ctx, const EmMlp3 *mlp, EmTensor *x, EmAct last)
{
  return em_linear_f32 (ctx, hidden (ctx, mlp, x), mlp->layers[2].w, mlp->layers[2].b, last);
}

void
em_attention_bind (EmBinder *b, EmAttention *a, const char *name, int d, int kv, int inner)
{
  size_t mark = em_bind_enter (b, "%s.", name);

  em_bind_pair (b, &a->q, "q_proj", inner, d);
  em_bind_pair (b, &a->k, "k_proj", inner, kv);
  em_bind_pair (b, &a->v, "v_proj", inner, kv);
  em_bind_pair (b, &a->out, "out_proj", d, inner);
  em_bind_leave (b, mark);
}

EmTensor *
em_project (EmCtx *ctx, const EmPair *p, EmTensor *x)
{
  return em_linear (ctx, x, p->w, p->b, EM_ACT_NONE, NULL);
}

EmTensor *
em_attend (EmCtx *ctx, const EmAttention *a, EmTensor *q, EmTensor *k, EmTensor *v, int n_heads,
           EmTensor *residual)
{
  EmTensor *y = em_attention (ctx, em_project (ctx, &a->q, q), em_project (ctx, &a->k, k),
                              em_project (ctx, &a->v, v), n_heads);

  return em_linear (ctx, y, a->out.w, a->out.b, EM_ACT_NONE, residual);
}

/* n channels of one coordinate p: sine and cosine in turn, each pair slower than the last. */
static void
sine_channels (float *out, double p, int n)
{
  for (int k = 0; k < n; k++) {
    double angle = p / pow (10000, (double) (k / 2 * 2) / n);

    out[k] = (float) (k % 2 ? cos (angle) : sin (angle));
  }
}

void
em_sine_grid (float *out, int h, int w, int c)
{
  const double full_turn = 2 * M_PI;

  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      float *at = out + ((int64_t) y * w + x) * c;

      sine_channels (at, (y + 1) / (h + 1e-6) * full_turn, c / 2);
      sine_channels (at + c / 2, (x + 1) / (w + 1e-6) * full_turn, c / 2);
    }
}

void
em_sine_line (float *out, double position, int c)
{
  int half = c / 2;

  for (int k = 0; k < half; k++) {
    double angle = position / pow (10000, (double) (k / 2 * 2) / half);

    out[k] = (float) sin (angle);
    out[half + k] = (float) cos (angle);
  }
}

/* Positions are whole numbers of the grid: they do not rescale with the image. */
void
em_rope_grid (float *out, int side, int d)
{
  int quarter = d / 4;

  for (int y = 0; y < side; y++)
    for (int x = 0; x < side; x++)
      for (int c = 0; c < 2 * quarter; c++, out += 2) {
        double angle = (c < quarter ? x : y) * pow (10000, -4.0 * (c % quarter) / d);

        out[0] = (float) cos (angle);
        out[1] = (float) sin (angle);
      }
}
