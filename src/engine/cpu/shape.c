/* shape.c - moving things and choosing among them.
 *
 * Roofline: bytes in and out. Runs that are contiguous on both sides are copied as such. */
#include "engine/cpu/cpu.h"
#include "engine/cpu/vec.h"

#define SMALL 8192 /* elements below which threads cost more than they save */

/* y with its axes padded to five: extents, and the steps each takes in x and in y. */
typedef struct {
  int64_t n[EM_MAX_DIMS], in[EM_MAX_DIMS], out[EM_MAX_DIMS];
} Walk;

static Walk
walk_of (const EmTensor *y, const EmTensor *x, const int *order)
{
  Walk w;
  int pad = EM_MAX_DIMS - x->ndim;

  for (int i = EM_MAX_DIMS; i-- > 0;) {
    w.n[i] = i < pad ? 1 : y->shape[i - pad];
    w.out[i] = i == EM_MAX_DIMS - 1 ? 1 : w.out[i + 1] * w.n[i + 1];
    w.in[i] = i < pad ? 0 : 1;
    for (int a = i < pad ? x->ndim : order[i - pad] + 1; a < x->ndim; a++)
      w.in[i] *= x->shape[a];
  }
  return w;
}

/* `n` columns of x, `jump` apart, become `n` lines of y: columns follow each other in x. */
static void
transpose_band (float *out, int64_t line, const float *in, int64_t jump, int64_t n, int64_t length)
{
  int64_t i = 0;

  for (; n == VEC && i + VEC <= length; i += VEC) {
    Vec rows[VEC];

    for (int r = 0; r < VEC; r++)
      rows[r] = vec_load (in + (i + r) * jump);
    vec_transpose (rows);
    for (int r = 0; r < VEC; r++)
      vec_store (out + r * line + i, rows[r]);
  }
  for (; i < length; i++)
    for (int64_t r = 0; r < n; r++)
      out[r * line + i] = in[i * jump + r];
}

/* Lines of y are copied where they are contiguous in x too. Where they are not, another axis of y
 * is, and bands of VEC lines along that axis are transposed block by block. */
void
EM_CPU (permute) (EmBackend *be, EmTensor *y, const EmTensor *x, const int *order)
{
  Walk w = walk_of (y, x, order);
  int64_t length = w.n[4], jump = w.in[4], total = em_numel (y);
  int unit = 3;

  for (int i = 0; i < 4; i++)
    unit = w.in[i] == 1 && w.n[i] > 1 ? i : unit;
  bool copy = jump == 1 || w.in[unit] != 1;
  int64_t band = copy ? 1 : VEC, bands = (w.n[unit] + band - 1) / band;
  int64_t jobs = total ? total / length / w.n[unit] * bands : 0;

#pragma omp parallel for if (total > SMALL)
  for (int64_t job = 0; job < jobs; job++) {
    int64_t first = job % bands * band, rest = job / bands, n = w.n[unit] - first;
    const float *in = em_f32 (x) + first * w.in[unit];
    float *out = em_f32 (y) + first * w.out[unit];

    for (int i = 3; i >= 0; i--)
      if (i != unit) {
        in += rest % w.n[i] * w.in[i];
        out += rest % w.n[i] * w.out[i];
        rest /= w.n[i];
      }
    if (jump == 1)
      memcpy (out, in, (size_t) length * sizeof *out);
    else if (!copy)
      transpose_band (out, w.out[unit], in, jump, n < band ? n : band, length);
    else
      for (int64_t i = 0; i < length; i++)
        out[i] = in[i * jump];
  }
}

void
EM_CPU (concat) (EmBackend *be, EmTensor *y, int axis, int n, const EmTensor *const *parts)
{
  int64_t blocks = em_count_before (y, axis), line = em_count_from (y, axis), at = 0;

  for (int p = 0; p < n; p++) {
    int64_t part = em_count_from (parts[p], axis);

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
  int64_t blocks = em_count_before (x, axis), line = em_count_from (x, axis);
  int64_t part = em_count_from (y, axis), at = begin * em_count_from (x, axis + 1);

#pragma omp parallel for if (blocks > 1 && blocks * part > SMALL)
  for (int64_t i = 0; i < blocks; i++)
    memcpy (em_f32 (y) + i * part, em_f32 (x) + i * line + at, (size_t) part * sizeof (float));
}

/* bf16, the type of memory banks, in vectors; f16 only comes with weights. */
static void
cast_part (void *out, EmDtype to, const void *in, EmDtype from, int64_t n)
{
  const float *wide = in;
  uint16_t *half = out;

  if (to == EM_F32 && from == EM_BF16) {
    const uint16_t *narrow = in;
    float *f = out;

#pragma omp simd
    for (int64_t i = 0; i < n; i++)
      f[i] = em_bf16_to_f32 (narrow[i]);
  } else if (to == EM_F32) {
    em_to_f32 (out, in, from, n);
  } else if (to == EM_BF16) {
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
      half[i] = em_f32_to_bf16 (wide[i]);
  } else {
    for (int64_t i = 0; i < n; i++)
      half[i] = em_f32_to_f16 (wide[i]);
  }
}

void
EM_CPU (cast) (EmBackend *be, EmTensor *y, const EmTensor *x)
{
  int64_t n = em_numel (x);
  size_t from_bytes = em_dtype_bytes (x->dtype), to_bytes = em_dtype_bytes (y->dtype);

#pragma omp parallel for if (n > SMALL)
  for (int64_t at = 0; at < n; at += SMALL) {
    int64_t count = n - at < SMALL ? n - at : SMALL;
    const char *in = (const char *) x->data + (size_t) at * from_bytes;
    char *out = (char *) y->data + (size_t) at * to_bytes;

    if (x->dtype == EM_F32 || y->dtype == EM_F32) {
      cast_part (out, y->dtype, in, x->dtype, count);
    } else {
      float wide[SMALL];

      em_to_f32 (wide, in, x->dtype, count);
      cast_part (out, y->dtype, wide, EM_F32, count);
    }
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
  int64_t rows = x->shape[0], n = x->shape[1], row = em_count_from (x, 2);

  for (int64_t r = 0; r < rows; r++) {
    int64_t i = em_i32 (index)[r];

    EM_BUG_UNLESS (i >= 0 && i < n);
    memcpy (em_f32 (y) + r * row, em_f32 (x) + (r * n + i) * row, (size_t) row * sizeof (float));
  }
}

void
EM_CPU (stability) (EmBackend *be, EmTensor *y, const EmTensor *logits, float delta)
{
  int64_t n = logits->shape[0], row = em_count_from (logits, 1);

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
