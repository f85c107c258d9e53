/* picture.c - pictures stretched and normalised, masks as bits.
 *
 * Roofline: bytes, in principle: a frame of 1920 x 1080 made 1024 x 1024 reads 6 MB and writes 12.
 * In fact the 8 products of each of 3 million sums across the lines take the time. A mask is mixed
 * in full only at its edges. This file is compiled without contraction. */
#include "engine/cpu/cpu.h"
#include "engine/cpu/vec.h"

#define POINT 22 /* bits of a weight after the point */
#define HALF  (1 << (POINT - 1))
#define SMALL 8192 /* values below which threads cost more than they save */
#define BLOCK 48   /* values of a line that are summed together: whole pixels, whole vectors */

/* Red, green, blue, and the red of the next; at any number. */
typedef int32_t Pixel __attribute__ ((vector_size (16)));
typedef int32_t PixelAny __attribute__ ((vector_size (16), aligned (4), may_alias));

static inline uint8_t
rounded (int32_t sum)
{
  int32_t v = sum >> POINT;

  return (uint8_t) (v < 0 ? 0 : v > 255 ? 255 : v);
}

/* wide [w * 3 + 1] and sums [side * 3 + 1]: room, since a pixel is four numbers. */
static void
line_across (const EmTensor *table, const uint8_t *in, int64_t w, int32_t *wide, int32_t *sums,
             uint8_t *out)
{
  int64_t side = table->shape[0], taps = table->shape[1] - 1;
  const int32_t *row = em_i32 (table);

  for (int64_t i = 0; i < 3 * w; i++)
    wide[i] = in[i];
  wide[3 * w] = 0;
  for (int64_t i = 0; i < side; i++, row += 1 + taps) {
    const int32_t *at = wide + 3 * row[0];
    Pixel sum = { HALF, HALF, HALF, HALF };

    for (int64_t t = 0; t < taps; t++)
      sum += row[1 + t] * *(const PixelAny *) (at + 3 * t);
    *(PixelAny *) (sums + 3 * i) = sum;
  }
  for (int64_t i = 0; i < 3 * side; i++)
    out[i] = rounded (sums[i]);
}

/* What a byte of each channel becomes. */
typedef struct {
  float of[3][256];
} Normal;

static void
normal_init (Normal *normal)
{
  static const float mean[3] = { 0.485f, 0.456f, 0.406f }, std[3] = { 0.229f, 0.224f, 0.225f };

  for (int c = 0; c < 3; c++)
    for (int v = 0; v < 256; v++)
      normal->of[c][v] = ((float) v / 255.0f - mean[c]) / std[c];
}

/* `n` values of a line, at most BLOCK, from lines `jump` apart. */
static inline void
block_down (const int32_t *weight, int64_t taps, const uint8_t *in, int64_t jump, int64_t n,
            const Normal *normal, float *out)
{
  int32_t sum[BLOCK];
  uint8_t v[BLOCK];

  for (int64_t k = 0; k < n; k++)
    sum[k] = HALF;
  for (int64_t t = 0; t < taps; t++, in += jump)
    for (int64_t k = 0; k < n; k++)
      sum[k] += weight[t] * in[k];
  for (int64_t k = 0; k < n; k++)
    v[k] = rounded (sum[k]);
  for (int64_t k = 0; k < n; k += 3)
    for (int c = 0; c < 3; c++)
      out[k + c] = normal->of[c][v[k + c]];
}

void
EM_CPU (picture) (EmBackend *be, EmTensor *y, const EmTensor *rgb, const EmTensor *columns,
                  const EmTensor *rows)
{
  static const int32_t one = 1 << POINT;
  EmCpu *cpu = em_cpu_of (be);
  int64_t h = rgb->shape[0], w = rgb->shape[1], side = y->shape[1], line = 3 * side;
  int64_t taps = rows->shape[1] - 1;
  const uint8_t *lines = rgb->data;
  Normal normal;

  normal_init (&normal);
  if (w != side) {
    uint8_t *out = (uint8_t *) em_cpu_scratch (cpu, (h * line + 3) / 4);
    int32_t *room = (int32_t *) em_cpu_scratch (cpu, cpu->n_threads * (3 * w + 1 + line + 1));

#pragma omp parallel for num_threads(cpu->n_threads) if (h * line > SMALL)
    for (int64_t i = 0; i < h; i++) {
      int32_t *wide = room + em_cpu_thread () * (3 * w + 1 + line + 1);

      line_across (columns, (const uint8_t *) rgb->data + i * 3 * w, w, wide, wide + 3 * w + 1,
                   out + i * line);
    }
    lines = out;
  }
#pragma omp parallel for if (side * line > SMALL)
  for (int64_t i = 0; i < side; i++) {
    const int32_t *row = em_i32 (rows) + i * (1 + taps);
    bool alone = h == side;
    const int32_t *weight = alone ? &one : row + 1;
    const uint8_t *in = lines + (alone ? i : row[0]) * line;
    float *out = em_f32 (y) + i * line;
    int64_t k = 0;

    for (; k + BLOCK <= line; k += BLOCK)
      block_down (weight, alone ? 1 : taps, in + k, line, BLOCK, &normal, out + k);
    block_down (weight, alone ? 1 : taps, in + k, line, line - k, &normal, out + k);
  }
  em_cpu_scratch_end (cpu);
}

/* Where output d reads on an axis of n inputs: between i and j, at t. */
typedef struct {
  int32_t i, j;
  float t;
} Between;

static Between *
betweens (EmCpu *cpu, int64_t n, int64_t out)
{
  Between *all = (Between *) em_cpu_scratch (cpu, 3 * out);
  float scale = (float) n / (float) out;

  for (int64_t d = 0; d < out; d++) {
    float at = ((float) d + 0.5f) * scale - 0.5f;
    int32_t last = (int32_t) n - 1, i;

    at = at < 0 ? 0 : at;
    i = (int32_t) at;
    i = i > last ? last : i;
    all[d] = (Between){ i, i < last ? i + 1 : last, at - (float) i };
  }
  return all;
}

static inline float
mix (float a, float b, float t)
{
  return (1 - t) * a + t * b;
}

static inline void
set_bits (uint32_t *words, int64_t from, int64_t to)
{
  for (int64_t end; from < to; from = end) {
    end = (from | 31) + 1 < to ? (from | 31) + 1 : to;
    words[from / 32] |= UINT32_MAX >> (32 - (end - from)) << from % 32;
  }
}

/* Column by column: one of the map is mixed as a whole. Between two of its values of one sign every
 * pixel has that sign, so pixels are mixed only where the sign changes. */
void
EM_CPU (mask_bits) (EmBackend *be, EmTensor *bits, const EmTensor *logits, int height)
{
  EmCpu *cpu = em_cpu_of (be);
  int64_t side = logits->shape[0], width = bits->shape[0], n_words = bits->shape[1];
  const Between *across = betweens (cpu, side, width), *down = betweens (cpu, side, height);
  int32_t *end = (int32_t *) em_cpu_scratch (cpu, height); /* of pixels between the same two */
  float *turned = em_cpu_scratch (cpu, side * side);       /* columns of the map, as lines */
  float *columns = em_cpu_scratch (cpu, cpu->n_threads * side);

  for (int32_t y = height; y-- > 0;)
    end[y] = y + 1 < height && down[y + 1].i == down[y].i ? end[y + 1] : y + 1;
  for (int64_t i = 0; i < side; i++)
    for (int64_t j = 0; j < side; j++)
      turned[j * side + i] = em_f32 (logits)[i * side + j];

#pragma omp parallel for num_threads(cpu->n_threads) if (width * side > SMALL)
  for (int64_t x = 0; x < width; x++) {
    const float *left = turned + across[x].i * side, *right = turned + across[x].j * side;
    float *column = columns + em_cpu_thread () * side, t = across[x].t;
    uint32_t *words = (uint32_t *) bits->data + x * n_words;

    for (int64_t i = 0; i < side; i++)
      column[i] = mix (left[i], right[i], t);
    memset (words, 0, (size_t) n_words * sizeof *words);
    for (int32_t y = 0; y < height; y = end[y]) {
      float a = column[down[y].i], b = column[down[y].j];

      if (a > 0 && b > 0)
        set_bits (words, y, end[y]);
      else if (a > 0 || b > 0)
        for (int32_t k = y; k < end[y]; k++)
          words[k / 32] |= (uint32_t) (mix (a, b, down[k].t) > 0) << k % 32;
    }
  }
  em_cpu_scratch_end (cpu);
}
