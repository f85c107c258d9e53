/* shape.c - moving things and choosing among them.
 *
 * Roofline: bytes in and out. Runs that are contiguous on both sides are copied as such. */
#include "engine/cpu/cpu.h"
#include "engine/cpu/vec.h"

#define SMALL 8192 /* elements below which threads cost more than they save */

/* Axes are padded to five; the last one of y may step through x. */
void
EM_CPU (permute) (EmBackend *be, EmTensor *y, const EmTensor *x, const int *order)
{
  int64_t stride[EM_MAX_DIMS + 1] = { [EM_MAX_DIMS] = 1 }, step[EM_MAX_DIMS] = { 0 };
  int64_t n[EM_MAX_DIMS], pad = EM_MAX_DIMS - x->ndim;

  for (int i = x->ndim; i-- > 0;)
    stride[i] = i == x->ndim - 1 ? 1 : stride[i + 1] * x->shape[i + 1];
  for (int i = 0; i < EM_MAX_DIMS; i++) {
    n[i] = i < pad ? 1 : y->shape[i - pad];
    step[i] = i < pad ? 0 : stride[order[i - pad]];
  }

  int64_t lines = n[0] * n[1] * n[2] * n[3], length = n[4], jump = step[4];
#pragma omp parallel for if (lines * length > SMALL)
  for (int64_t l = 0; l < lines; l++) {
    int64_t d = l % n[3], c = l / n[3] % n[2], b = l / n[3] / n[2] % n[1];
    int64_t a = l / n[3] / n[2] / n[1];
    const float *in = em_f32 (x) + a * step[0] + b * step[1] + c * step[2] + d * step[3];
    float *out = em_f32 (y) + l * length;

    if (jump == 1)
      memcpy (out, in, (size_t) length * sizeof *out);
    else
      for (int64_t i = 0; i < length; i++)
        out[i] = in[i * jump];
  }
}

/* Everything before the axis, and everything from it on. */
static int64_t
blocks_before (const EmTensor *t, int axis)
{
  int64_t n = 1;

  for (int i = 0; i < axis; i++)
    n *= t->shape[i];
  return n;
}

static int64_t
block_from (const EmTensor *t, int axis)
{
  int64_t n = 1;

  for (int i = axis; i < t->ndim; i++)
    n *= t->shape[i];
  return n;
}

void
EM_CPU (concat) (EmBackend *be, EmTensor *y, int axis, int n, const EmTensor *const *parts)
{
  int64_t blocks = blocks_before (y, axis), line = block_from (y, axis), at = 0;

  for (int p = 0; p < n; p++) {
    int64_t part = block_from (parts[p], axis);

#pragma omp parallel for if (blocks > 1 && blocks * part > SMALL)
    for (int64_t i = 0; i < blocks; i++)
      memcpy (em_f32 (y) + i * line + at, em_f32 (parts[p]) + i * part,
              (size_t) part * sizeof (float));
    at += part;
  }
}

void
EM_CPU (slice) (EmBackend *be, EmTensor *y, const EmTensor *x, int axis, int64_t begin)
{
  int64_t blocks = blocks_before (x, axis), line = block_from (x, axis);
  int64_t part = block_from (y, axis), at = begin * block_from (x, axis + 1);

#pragma omp parallel for if (blocks > 1 && blocks * part > SMALL)
  for (int64_t i = 0; i < blocks; i++)
    memcpy (em_f32 (y) + i * part, em_f32 (x) + i * line + at, (size_t) part * sizeof (float));
}

void
EM_CPU (cast) (EmBackend *be, EmTensor *y, const EmTensor *x)
{
  int64_t n = em_numel (x);
  size_t size = em_dtype_bytes (x->dtype);

#pragma omp parallel for if (n > SMALL)
  for (int64_t from = 0; from < n; from += SMALL) {
    int64_t count = n - from < SMALL ? n - from : SMALL;
    const char *in = (const char *) x->data + (size_t) from * size;
    uint16_t *half = (uint16_t *) y->data + from;
    float wide[SMALL];

    if (y->dtype == EM_F32) {
      em_to_f32 (em_f32 (y) + from, in, x->dtype, count);
      continue;
    }
    em_to_f32 (wide, in, x->dtype, count);
    for (int64_t i = 0; i < count; i++)
      half[i] = y->dtype == EM_BF16 ? em_f32_to_bf16 (wide[i]) : em_f32_to_f16 (wide[i]);
  }
}

void
EM_CPU (repeat) (EmBackend *be, EmTensor *y, const EmTensor *x)
{
  int64_t row = em_numel (x), n = y->shape[0];

#pragma omp parallel for if (n * row > SMALL)
  for (int64_t i = 0; i < n; i++)
    memcpy (em_f32 (y) + i * row, em_f32 (x), (size_t) row * sizeof (float));
}

void
EM_CPU (argmax) (EmBackend *be, EmTensor *index, const EmTensor *x)
{
  int64_t rows = x->shape[0], n = x->shape[1];

  for (int64_t r = 0; r < rows; r++) {
    const float *in = em_f32 (x) + r * n;
    int32_t best = 0;

    for (int64_t i = 1; i < n; i++)
      if (in[i] > in[best])
        best = (int32_t) i;
    em_i32 (index)[r] = best;
  }
}

void
EM_CPU (take) (EmBackend *be, EmTensor *y, const EmTensor *x, const EmTensor *index)
{
  int64_t rows = x->shape[0], n = x->shape[1], row = block_from (x, 2);

  for (int64_t r = 0; r < rows; r++) {
    int64_t i = em_i32 (index)[r];

    EM_BUG_UNLESS (i >= 0 && i < n);
    memcpy (em_f32 (y) + r * row, em_f32 (x) + (r * n + i) * row, (size_t) row * sizeof (float));
  }
}

void
EM_CPU (stability) (EmBackend *be, EmTensor *y, const EmTensor *logits, float delta)
{
  int64_t n = logits->shape[0], row = block_from (logits, 1);

  for (int64_t i = 0; i < n; i++) {
    const float *in = em_f32 (logits) + i * row;
    int64_t inner = 0, outer = 0;

#pragma omp parallel for simd reduction(+ : inner, outer) if (row > SMALL)
    for (int64_t j = 0; j < row; j++) {
      inner += in[j] > delta;
      outer += in[j] > -delta;
    }
    em_f32 (y)[i] = outer ? (float) ((double) inner / (double) outer) : 1.0f;
  }
}
