/* attn.c - attention with a running softmax, over whole maps, memories and windows.
 *
 * Roofline: 2 nq nk (d + dv) operations; the bound is arithmetic once k and v are read for many
 * rows of q at a time. Largest call, 4096 x 28736 of width 256: 120 GF, a quarter of a second at
 * 480 GF/s; its 1.2e8 exponentials add a tenth.
 *
 * A task is a block of q rows of one head. Keys go by in blocks: scores = q k^T into a tile, their
 * running maximum and sum, out = out * e^(old max - new max) + e^(scores - max) v. Keys are packed
 * in panels of TILE_COLS, transposed, so that both products run the register kernel. Tokens are
 * reached by row pointers, which makes windows and padding no special case. In the bf16 copy q, k,
 * v and e^(score - max) are bf16; scores, maxima, sums and results stay f32. */
#include "engine/cpu/cpu.h"
#include "engine/cpu/kernel.h"

#define KEYS      256              /* in a tile of scores */
#define Q_ROWS    (4 * TILE_ROWS)  /* rows of q in a task */
#define Q_MANY    (16 * TILE_ROWS) /* the same, when there is more than enough work */
#define GROUP     (2 * TILE_ROWS)  /* rows whose tile of scores stays in the first cache */
#define ALIGN(n)  (((n) + VEC - 1) / VEC * VEC)
#define PANELS(n) (((n) + TILE_COLS - 1) / TILE_COLS * TILE_COLS)

/* One head of one problem. Pointers are to tokens, the head's part begins `.._at` floats in. */
typedef struct {
  int64_t nq, nk, d, dv;
  int64_t q_at, k_at, v_at, out_at;
  const float *const *q;            /* [nq, pool] */
  int pool;                         /* q is the maximum of this many tokens */
  const float *const *k, *const *v; /* [nk] */
  float *const *out;                /* [nq] */
  float last_bonus; /* added to the last key's score: log of how often it stands there */
} Head;

static int64_t
packed_k_units (int64_t nk, int64_t d)
{
  return PANELS (nk) * UNITS (d);
}

static int64_t
packed_v_units (int64_t nk, int64_t dv)
{
  return UNITS (nk) * ALIGN (dv);
}

static int64_t
work_floats (int64_t q_rows, int64_t d, int64_t dv)
{
  return q_rows * (ALIGN (UNITS (d)) + ALIGN (dv) + 2 * VEC) + GROUP * KEYS + ALIGN (d);
}

/* Panel p holds keys p * TILE_COLS on. */
static void
pack_k (Unit *to, const Head *h, int64_t panel)
{
  int64_t first = panel * TILE_COLS, n = h->nk - first < TILE_COLS ? h->nk - first : TILE_COLS;
  const float *rows[TILE_COLS];

  for (int64_t j = 0; j < n; j++)
    rows[j] = h->k[first + j] + h->k_at;
  pack_panel (to + first * UNITS (h->d), rows, n, h->d);
}

/* Keys from `first` on, at most TILE_COLS: rows of ALIGN (dv) units along the keys, zero beyond
 * dv and beyond the last key. */
static void
pack_v (Unit *to, const Head *h, int64_t first)
{
  int64_t wide = ALIGN (h->dv), last = first + TILE_COLS < h->nk ? first + TILE_COLS : h->nk;

  for (int64_t j = first; j < last; j += PER_UNIT) {
    Unit *row = to + j / PER_UNIT * wide;
    const float *one = h->v[j] + h->v_at;
#if PER_UNIT == 2
    const float *next = j + 1 < last ? h->v[j + 1] + h->v_at : NULL;

    for (int64_t i = 0; i < h->dv; i += VEC) {
      int64_t n = h->dv - i < VEC ? h->dv - i : VEC;
      __m512 a = (__m512) (n == VEC ? vec_load (one + i) : vec_load_part (one + i, n));
      __m512 b = (__m512) (!next      ? vec_all (0)
                           : n == VEC ? vec_load (next + i)
                                      : vec_load_part (next + i, n));
      __m512i low = _mm512_cvtepu16_epi32 ((__m256i) _mm512_cvtneps_pbh (a));
      __m512i high = _mm512_cvtepu16_epi32 ((__m256i) _mm512_cvtneps_pbh (b));

      _mm512_storeu_si512 (row + i, _mm512_or_si512 (low, _mm512_slli_epi32 (high, 16)));
    }
#else
    memcpy (row, one, (size_t) h->dv * sizeof *row);
    memset (row + h->dv, 0, (size_t) (wide - h->dv) * sizeof *row);
#endif
  }
}

/* Scaled. `row` is room for one, d floats. */
static void
load_q (Unit *to, int64_t ld, const Head *h, int64_t first, int64_t rows, float *row)
{
  float scale = (float) (1 / sqrt ((double) h->d));

  for (int64_t r = 0; r < rows; r++) {
    const float *const *from = h->q + (first + r) * h->pool, *one = from[0] + h->q_at;

#pragma omp simd
    for (int64_t i = 0; i < h->d; i++)
      row[i] = one[i] * scale;
    for (int p = 1; p < h->pool; p++) {
      one = from[p] + h->q_at;
#pragma omp simd
      for (int64_t i = 0; i < h->d; i++)
        row[i] = one[i] * scale > row[i] ? one[i] * scale : row[i];
    }
    units_from (to + r * ld, row, h->d);
  }
}

/* n is a multiple of VEC here and below. */
static inline float
highest (const float *s, int64_t n)
{
  Vec high = vec_load (s);

  for (int64_t i = VEC; i < n; i += VEC)
    high = vec_max (high, vec_load (s + i));
  return vec_top (high);
}

/* Scores of a row become e^(score - max), as units in their place; returns their sum. */
static inline float
soften (float *s, int64_t n, float max)
{
  Vec sum = vec_all (0);

  for (int64_t i = 0; i < n; i += VEC * PER_UNIT) {
    Vec e = vec_exp (vec_load (s + i) - max);

    sum += e;
#if PER_UNIT == 2
    Vec next = vec_exp (vec_load (s + i + VEC) - max);

    sum += next;
    e = (Vec) units_of (e, next);
#endif
    vec_store (s + i / PER_UNIT, e);
  }
  return vec_sum (sum);
}

/* What is known of a block of rows after some of the keys. */
typedef struct {
  const Unit *q;
  int64_t ldq, depth, wide;
  float *out, *max, *sum; /* [rows, wide], not yet divided by sum */
} Block;

/* Rows r .. r + rows - 1 of the block, at most GROUP, meet keys at .. at + n - 1. */
static void
meet (const Block *b, int64_t r, int64_t rows, const Head *h, const Unit *pk, const Unit *pv,
      int64_t at, int64_t n, float *s)
{
  int64_t full = (n + VEC * PER_UNIT - 1) / (VEC * PER_UNIT) * (VEC * PER_UNIT);
  float *o = b->out + r * b->wide, *max = b->max + r, top[GROUP], shrink[GROUP];

  for (int64_t j = 0; j < full; j += TILE_COLS)
    tile_rows (full - j > VEC, rows, b->depth, b->q + r * b->ldq, b->ldq, pk + (at + j) * b->depth,
               TILE_COLS, s + j, KEYS, false);
  /* Step by step over all rows, so that no row waits for another's last lane. */
  for (int64_t i = 0; i < rows; i++) {
    float *scores = s + i * KEYS;

    if (at + n == h->nk)
      scores[n - 1] += h->last_bonus;
    for (int64_t j = n; j < full; j++)
      scores[j] = -INFINITY;
    top[i] = highest (scores, full);
  }
#pragma omp simd
  for (int64_t i = 0; i < rows; i++) {
    float before = max[i];

    max[i] = top[i] > before ? top[i] : before;
    shrink[i] = before == max[i] ? 1 : exp_f32 (before - max[i]);
  }
  for (int64_t i = 0; i < rows; i++) {
    b->sum[r + i] = b->sum[r + i] * shrink[i] + soften (s + i * KEYS, full, max[i]);
    if (at && shrink[i] != 1)
      for (int64_t j = 0; j < b->wide; j++)
        o[i * b->wide + j] *= shrink[i];
  }
  for (int64_t j = 0; j < b->wide; j += TILE_COLS)
    tile_rows (b->wide - j > VEC, rows, UNITS (n), (const Unit *) s, KEYS,
               pv + at / PER_UNIT * b->wide + j, b->wide, o + j, b->wide, true);
}

/* Rows first .. first + rows - 1 of q against all keys. */
static void
attend (const Head *h, const Unit *pk, const Unit *pv, int64_t first, int64_t rows, float *work)
{
  int64_t depth = UNITS (h->d), ldq = ALIGN (depth), wide = ALIGN (h->dv);
  float *row = work, *s = row + ALIGN (h->d), *q = s + GROUP * KEYS, *out = q + rows * ldq;
  float *max = out + rows * wide, *sum = max + ALIGN (rows);
  Block b = { (const Unit *) q, ldq, depth, wide, out, max, sum };

  load_q ((Unit *) q, ldq, h, first, rows, row);
  for (int64_t r = 0; r < rows; r++) {
    max[r] = -INFINITY;
    sum[r] = 0;
  }
  memset (out, 0, (size_t) (rows * wide) * sizeof *out);

  for (int64_t at = 0; at < h->nk; at += KEYS)
    for (int64_t r = 0; r < rows; r += GROUP)
      meet (&b, r, rows - r < GROUP ? rows - r : GROUP, h, pk, pv, at,
            h->nk - at < KEYS ? h->nk - at : KEYS, s);

  for (int64_t r = 0; r < rows; r++) {
    float *to = h->out[first + r] + h->out_at, share = 1 / sum[r];

    for (int64_t i = 0; i < h->dv; i++)
      to[i] = out[r * wide + i] * share;
  }
}

/* Row pointers, kept in scratch like the floats. */
static void *
pointers (EmCpu *cpu, int64_t n)
{
  return em_cpu_scratch (cpu, n * (int64_t) (sizeof (void *) / sizeof (float)));
}

/* Rows `ld` floats apart; with `n` rows to a batch, batches follow each other unless there is one
 * for all. */
static const float **
rows_of (EmCpu *cpu, const EmTensor *t, int64_t batch)
{
  int64_t n = t->shape[1], ld = t->shape[2];
  const float **p = pointers (cpu, batch * n);

  for (int64_t i = 0; i < batch * n; i++)
    p[i] = em_f32 (t) + (t->shape[0] == 1 ? i % n : i) * ld;
  return p;
}

static Unit *
units (EmCpu *cpu, int64_t n)
{
  return (Unit *) em_cpu_scratch (cpu, n);
}

/* n heads of equal sizes. Packing is a step of its own, shared by all blocks of q; head i uses the
 * packed keys of head i mod n_packed. */
static void
attend_all (EmCpu *cpu, const Head *heads, int64_t n, int64_t n_packed)
{
  int64_t nq = heads->nq, nk = heads->nk, d = heads->d, dv = heads->dv;
  int64_t panels = PANELS (nk) / TILE_COLS, threads = cpu->n_threads;
  int64_t rows = n * nq >= 4 * Q_MANY * threads ? Q_MANY : Q_ROWS;
  int64_t k_size = packed_k_units (nk, d), v_size = packed_v_units (nk, dv);
  Unit *pk = units (cpu, n_packed * k_size), *pv = units (cpu, n_packed * v_size);

  if (n * nq == 0)
    return;
#pragma omp parallel for if (n_packed * nk * d > 16384)
  for (int64_t i = 0; i < n_packed * panels; i++) {
    int64_t p = i / panels;

    pack_k (pk + p * k_size, &heads[p], i % panels);
    pack_v (pv + p * v_size, &heads[p], i % panels * TILE_COLS);
  }

  rows = rows < nq ? rows : nq;
  int64_t blocks = (nq + rows - 1) / rows, size = work_floats (rows, d, dv);
  float *work = em_cpu_scratch (cpu, threads * size);
#pragma omp parallel for schedule(dynamic) num_threads(threads) if (n * nq * nk > 4096)
  for (int64_t i = 0; i < n * blocks; i++) {
    int64_t p = i / blocks, first = i % blocks * rows;

    attend (&heads[p], pk + p % n_packed * k_size, pv + p % n_packed * v_size, first,
            nq - first < rows ? nq - first : rows, work + em_cpu_thread () * size);
  }
}

void
EM_CPU (attention) (EmBackend *be, EmTensor *y, const EmTensor *q, const EmTensor *k,
                    const EmTensor *v, int n_heads)
{
  EmCpu *cpu = em_cpu_of (be);
  int64_t batch = q->shape[0], nq = q->shape[1], nk = k->shape[1];
  int64_t d = q->shape[2] / n_heads, dv = v->shape[2] / n_heads;
  bool shared = k->shape[0] == 1 && v->shape[0] == 1;
  const float **qs = rows_of (cpu, q, batch), **ks = rows_of (cpu, k, batch);
  const float **vs = rows_of (cpu, v, batch);
  float **outs = (float **) rows_of (cpu, y, batch);
  Head *heads = pointers (cpu, batch * n_heads * (int64_t) (sizeof *heads / sizeof (void *)));

  for (int64_t i = 0; i < batch * n_heads; i++) {
    int64_t b = i / n_heads, h = i % n_heads;

    heads[i] = (Head){ .nq = nq,
                       .nk = nk,
                       .d = d,
                       .dv = dv,
                       .pool = 1,
                       .q_at = h * d,
                       .k_at = h * d,
                       .v_at = h * dv,
                       .out_at = h * dv,
                       .q = qs + b * nq,
                       .k = ks + b * nk,
                       .v = vs + b * nk,
                       .out = outs + b * nq };
  }
  attend_all (cpu, heads, batch * n_heads, shared ? n_heads : batch * n_heads);
  em_cpu_scratch_end (cpu);
}

/* A window's tokens. Padding is left out: as a query nobody asks for it, and as keys all padded
 * tokens are one, the bias, that counts as often as there are. */
typedef struct {
  const float **q, **k;
  float **out;
  int64_t nq, nk, n_padded;
} WindowTokens;

static void
window_tokens (WindowTokens *t, EmTensor *y, const EmTensor *qkv, const EmTensor *bias,
               int64_t image, int64_t top, int64_t left, int64_t side_y, int64_t side_x, bool pool)
{
  int64_t h = qkv->shape[1], w = qkv->shape[2], c3 = qkv->shape[3], c = c3 / 3;
  int64_t bottom = top + side_y < h ? top + side_y : h;
  int64_t right = left + side_x < w ? left + side_x : w, part = pool ? 2 : 1;
  const float *map = em_f32 (qkv) + image * h * w * c3;
  float *to = em_f32 (y) + image * y->shape[1] * y->shape[2] * c;

  t->nq = t->nk = 0;
  for (int64_t i = top; i < bottom; i++)
    for (int64_t j = left; j < right; j++)
      t->k[t->nk++] = map + (i * w + j) * c3;
  t->n_padded = side_y * side_x - t->nk;
  if (t->n_padded)
    t->k[t->nk++] = em_f32 (bias);

  for (int64_t i = top; i + part <= bottom; i += part)
    for (int64_t j = left; j + part <= right; j += part) {
      const float **q = t->q + t->nq * part * part, *at = map + (i * w + j) * c3;

      q[0] = at;
      if (pool) {
        q[1] = at + c3;
        q[2] = at + w * c3;
        q[3] = at + w * c3 + c3;
      }
      t->out[t->nq++] = to + (i / part * y->shape[2] + j / part) * c;
    }
}

static Head
window_head (const WindowTokens *t, int64_t c, int64_t d, int64_t h, bool pool)
{
  return (Head){ .nq = t->nq,
                 .nk = t->nk,
                 .d = d,
                 .dv = d,
                 .pool = pool ? 4 : 1,
                 .q_at = h * d,
                 .k_at = c + h * d,
                 .v_at = 2 * c + h * d,
                 .out_at = h * d,
                 .q = t->q,
                 .k = t->k,
                 .v = t->k,
                 .out = t->out,
                 .last_bonus = t->n_padded ? logf ((float) t->n_padded) : 0 };
}

/* Many small windows: one head of one window is a task, packing included. */
static void
attend_windows (EmCpu *cpu, EmTensor *y, const EmTensor *qkv, const EmTensor *bias, int n_heads,
                int64_t side, bool pool)
{
  int64_t down = (qkv->shape[1] + side - 1) / side, across = (qkv->shape[2] + side - 1) / side;
  int64_t c = qkv->shape[3] / 3, d = c / n_heads, tokens = side * side + 1;
  int64_t rows = Q_ROWS < tokens ? Q_ROWS : tokens;
  int64_t k_size = packed_k_units (tokens, d), v_size = packed_v_units (tokens, d);
  int64_t packed = k_size + v_size, size = work_floats (rows, d, d), threads = cpu->n_threads;
  Unit *panels = units (cpu, threads * packed);
  float *works = em_cpu_scratch (cpu, threads * size);
  const float **places = pointers (cpu, threads * 3 * tokens);

#pragma omp parallel for schedule(dynamic, 8) num_threads(threads)
  for (int64_t i = 0; i < qkv->shape[0] * down * across * n_heads; i++) {
    int64_t window = i / n_heads, at = window % (down * across);
    Unit *pk = panels + em_cpu_thread () * packed, *pv = pk + k_size;
    float *work = works + em_cpu_thread () * size;
    const float **mine = places + em_cpu_thread () * 3 * tokens;
    WindowTokens t = { .q = mine, .k = mine + tokens, .out = (float **) (mine + 2 * tokens) };

    window_tokens (&t, y, qkv, bias, window / (down * across), at / across * side,
                   at % across * side, side, side, pool);
    Head h = window_head (&t, c, d, i % n_heads, pool);
    for (int64_t p = 0; p * TILE_COLS < h.nk; p++) {
      pack_k (pk, &h, p);
      pack_v (pv, &h, p * TILE_COLS);
    }
    for (int64_t q = 0; q < h.nq; q += rows)
      attend (&h, pk, pv, q, h.nq - q < rows ? h.nq - q : rows, work);
  }
}

void
EM_CPU (window_attention) (EmBackend *be, EmTensor *y, const EmTensor *qkv,
                           const EmTensor *qkv_bias, int n_heads, int window, bool pool_q)
{
  EmCpu *cpu = em_cpu_of (be);
  int64_t n = qkv->shape[0], h = qkv->shape[1], w = qkv->shape[2], c = qkv->shape[3] / 3;

  if (em_numel (y) == 0)
    return;
  if (window) {
    attend_windows (cpu, y, qkv, qkv_bias, n_heads, window, pool_q);
  } else {
    Head *heads = pointers (cpu, n * n_heads * (int64_t) (sizeof *heads / sizeof (void *)));

    for (int64_t i = 0; i < n; i++) {
      WindowTokens t = { .q = pointers (cpu, h * w),
                         .k = pointers (cpu, h * w),
                         .out = pointers (cpu, h * w) };

      window_tokens (&t, y, qkv, qkv_bias, i, 0, 0, h, w, pool_q);
      for (int64_t j = 0; j < n_heads; j++)
        heads[i * n_heads + j] = window_head (&t, c, c / n_heads, j, pool_q);
    }
    attend_all (cpu, heads, n * n_heads, n * n_heads);
  }
  em_cpu_scratch_end (cpu);
}

void
EM_CPU (rope) (EmBackend *be, EmTensor *y, const EmTensor *x, const EmTensor *table,
               int64_t n_rotated)
{
  int64_t n = x->shape[1], c = x->shape[2], m = table->shape[0], rows = x->shape[0] * n;

#pragma omp parallel for if (rows * c > 8192)
  for (int64_t r = 0; r < rows; r++) {
    const float *in = em_f32 (x) + r * c, *turn = em_f32 (table) + r % n % m * c;
    float *out = em_f32 (y) + r * c;

    if (r % n >= n_rotated) {
      memcpy (out, in, (size_t) c * sizeof *out);
      continue;
    }
#pragma omp simd
    for (int64_t i = 0; i < c; i += 2) {
      out[i] = in[i] * turn[i] - in[i + 1] * turn[i + 1];
      out[i + 1] = in[i] * turn[i + 1] + in[i + 1] * turn[i];
    }
  }
}
