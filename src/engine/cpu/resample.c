/* resample.c - maps made larger and smaller.
 *
 * Roofline: bytes of input and output; the largest, 256 -> 1024 logits, writes 4 MB. */
#include "engine/cpu/cpu.h"
#include "engine/cpu/vec.h"

void
EM_CPU (max_pool) (EmBackend *be, EmTensor *y, const EmTensor *x)
{
  int64_t h = y->shape[1], w = y->shape[2], c = y->shape[3], rows = y->shape[0] * h;
  int64_t line = x->shape[2] * c;

#pragma omp parallel for if (em_numel(y) > 4096)
  for (int64_t r = 0; r < rows; r++) {
    const float *in = em_f32 (x) + (r / h * x->shape[1] + 2 * (r % h)) * line;
    float *out = em_f32 (y) + r * w * c;

    for (int64_t i = 0; i < w; i++, in += 2 * c, out += c) {
#pragma omp simd
      for (int64_t j = 0; j < c; j++) {
        float a = in[j] > in[c + j] ? in[j] : in[c + j];
        float b = in[line + j] > in[line + c + j] ? in[line + j] : in[line + c + j];

        out[j] = a > b ? a : b;
      }
    }
  }
}

void
EM_CPU (upsample_add) (EmBackend *be, EmTensor *y, const EmTensor *coarse, const EmTensor *fine)
{
  int64_t w = fine->shape[2], c = fine->shape[3], rows = fine->shape[0] * fine->shape[1];

#pragma omp parallel for if (em_numel(y) > 4096)
  for (int64_t r = 0; r < rows; r++)
    for (int64_t i = 0; i < w; i++) {
      const float *low = em_f32 (coarse) + (r / 2 * (w / 2) + i / 2) * c;
      const float *high = em_f32 (fine) + (r * w + i) * c;
      float *out = em_f32 (y) + (r * w + i) * c;

#pragma omp simd
      for (int64_t j = 0; j < c; j++)
        out[j] = low[j] + high[j];
    }
}

/* Output i of one axis is the sum of `taps` neighbours from `first[i]` on, weighted. */
typedef struct {
  int64_t taps;
  int32_t *first;
  float *weight; /* [out, taps] */
} Axis;

/* Two neighbours around (i + 0.5) in/out - 0.5, which is not below 0. */
static void
axis_bilinear (Axis *a, int64_t in, int64_t out)
{
  float scale = (float) in / (float) out;

  for (int64_t i = 0; i < out; i++) {
    float at = ((float) i + 0.5f) * scale - 0.5f;
    at = at < 0 ? 0 : at;
    int64_t low = (int64_t) at;
    bool last = low >= in - 1;

    a->first[i] = (int32_t) (last ? in - 2 : low);
    a->weight[2 * i] = last ? 0 : 1 - (at - (float) low);
    a->weight[2 * i + 1] = 1 - a->weight[2 * i];
  }
}

/* A triangle of half-width max (in/out, 1) around (i + 0.5) in/out, cut at the border, sum 1. */
static void
axis_antialias (Axis *a, int64_t in, int64_t out)
{
  float scale = (float) in / (float) out, support = scale > 1 ? scale : 1;

  for (int64_t i = 0; i < out; i++) {
    float centre = scale * ((float) i + 0.5f), sum = 0, *w = a->weight + i * a->taps;
    int64_t from = (int64_t) (centre - support + 0.5f), to = (int64_t) (centre + support + 0.5f);

    from = centre - support + 0.5f < 0 ? 0 : from;
    to = to < in ? to : in;
    /* The window never leaves the map, so that all outputs have the same number of taps. */
    int64_t first = from + a->taps <= in ? from : in - a->taps;
    for (int64_t t = 0; t < a->taps; t++) {
      float distance = fabsf (((float) (first + t) - centre + 0.5f) / support);

      w[t] = first + t >= from && first + t < to && distance < 1 ? 1 - distance : 0;
      sum += w[t];
    }
    for (int64_t t = 0; t < a->taps; t++)
      w[t] /= sum;
    a->first[i] = (int32_t) first;
  }
}

static Axis
axis_new (EmCpu *cpu, int64_t in, int64_t out, EmFilter filter)
{
  double support = (double) in / (double) out;
  Axis a = { .taps = 2 };

  if (filter == EM_FILTER_BILINEAR_ANTIALIAS)
    a.taps = 2 * (int64_t) ceil (support > 1 ? support : 1) + 1;
  a.taps = a.taps < in ? a.taps : in;
  a.first = (int32_t *) em_cpu_scratch (cpu, out);
  a.weight = em_cpu_scratch (cpu, out * a.taps);
  if (in == 1)
    for (int64_t i = 0; i < out; i++) {
      a.first[i] = 0;
      a.weight[i] = 1;
    }
  else if (filter == EM_FILTER_BILINEAR)
    axis_bilinear (&a, in, out);
  else
    axis_antialias (&a, in, out);
  return a;
}

/* Rows of x to the new width first, then columns. */
void
EM_CPU (resize) (EmBackend *be, EmTensor *y, const EmTensor *x, EmFilter filter)
{
  EmCpu *cpu = em_cpu_of (be);
  int64_t h = x->shape[1], w = x->shape[2], out_h = y->shape[1], out_w = y->shape[2];
  int64_t images = x->shape[0];
  Axis across = axis_new (cpu, w, out_w, filter), down = axis_new (cpu, h, out_h, filter);
  float *wide = em_cpu_scratch (cpu, images * h * out_w);

#pragma omp parallel for if (images * h * out_w > 4096)
  for (int64_t r = 0; r < images * h; r++) {
    const float *in = em_f32 (x) + r * w;

    for (int64_t i = 0; i < out_w; i++) {
      float sum = 0;

      for (int64_t t = 0; t < across.taps; t++)
        sum += across.weight[i * across.taps + t] * in[across.first[i] + t];
      wide[r * out_w + i] = sum;
    }
  }
#pragma omp parallel for if (em_numel(y) > 4096)
  for (int64_t r = 0; r < images * out_h; r++) {
    int64_t i = r % out_h;
    const float *in = wide + (r / out_h * h + down.first[i]) * out_w;
    float *out = em_f32 (y) + r * out_w;

    memset (out, 0, (size_t) out_w * sizeof *out);
    for (int64_t t = 0; t < down.taps; t++) {
      float weight = down.weight[i * down.taps + t];
      const float *line = in + t * out_w;

#pragma omp simd
      for (int64_t j = 0; j < out_w; j++)
        out[j] += weight * line[j];
    }
  }
  em_cpu_scratch_end (cpu);
}
