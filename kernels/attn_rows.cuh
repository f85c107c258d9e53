/* attn_rows.cuh - where the rows of q, k, v and y of one head lie.
 *
 * The attention kernels know one head at a time, by number: how many queries and keys it has and
 * the address of each row. One kind is rows at even distances, the other the tokens of a window of
 * a map, which are read where they are instead of being gathered first. A window's tokens outside
 * the map all have the bias for q, k and v: nobody asks for their queries, and as keys they are
 * one, the last, with log of their number added to its score. */
#pragma once
#include "common.cuh"

/* Rows at even distances: attention, and windows that are the whole map. All in elements. */
template <typename T> struct EvenRows {
  typedef T Element;
  static constexpr bool EVEN = true;

  struct Head {
    const T *q, *k, *v;
    T *y;
    int q_row, k_row, v_row, y_row;
    int nq, nk;

    __device__ const T *
    q_at (int i, int) const
    {
      return q + (int64_t) i * q_row;
    }
    __device__ const T *
    k_at (int j) const
    {
      return k + (int64_t) j * k_row;
    }
    __device__ const T *
    v_at (int j) const
    {
      return v + (int64_t) j * v_row;
    }
    __device__ T *
    y_at (int i) const
    {
      return y + (int64_t) i * y_row;
    }
    __device__ float
    last_bonus () const
    {
      return 0;
    }
  };

  const T *q, *k, *v;
  T *y;
  int q_row, k_row, v_row, y_row;
  int64_t q_batch, k_batch, v_batch, y_batch; /* 0: one for all */
  int n_heads, nq, nk, d, dv;

  __device__ Head
  head (int i) const
  {
    int batch = i / n_heads, at = i % n_heads;

    return { q + batch * q_batch + at * d,
             k + batch * k_batch + at * d,
             v + batch * v_batch + at * dv,
             y + batch * y_batch + at * dv,
             q_row,
             k_row,
             v_row,
             y_row,
             nq,
             nk };
  }
};

/* n / d for n * d < 2^32, by a product with the inverse. */
struct Divider {
  unsigned d, inverse;

  __device__ explicit Divider (int by) : d ((unsigned) by), inverse (0)
  {
    if (by > 1)
      inverse = 0xffffffffu / d + 1;
  }
  __device__ int
  quotient (int n) const
  {
    return d > 1 ? (int) ((uint64_t) inverse * (unsigned) n >> 32) : n;
  }
};

/* Windows of a map [n, h, w, 3c], heads of one window next to each other. */
template <typename T> struct WindowRows {
  typedef T Element;
  static constexpr bool EVEN = false;

  struct Head {
    const T *map, *bias; /* q of the window's first token, and of the bias */
    T *y;
    static constexpr int q_row = 0, k_row = 0, v_row = 0; /* there is no such distance */
    int w, c, part;
    Divider across, q_across; /* tokens and queries in a row of the window, inside the map */
    int n_real, n_padded, nq, nk;

    __device__ const T *
    token (int row, int column) const
    {
      return map + (int64_t) (row * w + column) * (3 * c);
    }
    __device__ const T *
    token (int j) const
    {
      int row = across.quotient (j);

      return j < n_real ? token (row, j - row * (int) across.d) : bias;
    }
    /* Query i is the largest of `n` of 0 .. part * part - 1. */
    __device__ const T *
    q_at (int i, int n) const
    {
      int row = q_across.quotient (i), column = i - row * (int) q_across.d;

      return token (row * part + n / 2, column * part + n % 2);
    }
    __device__ const T *
    k_at (int j) const
    {
      return token (j) + c;
    }
    __device__ const T *
    v_at (int j) const
    {
      return token (j) + 2 * c;
    }
    __device__ T *
    y_at (int i) const
    {
      int row = q_across.quotient (i), column = i - row * (int) q_across.d;

      return y + (int64_t) (row * (w / part) + column) * c;
    }
    __device__ float
    last_bonus () const
    {
      return n_padded ? logf ((float) n_padded) : 0;
    }
  };

  const T *qkv, *bias;
  T *y;
  int h, w, c, n_heads;
  int side_y, side_x, down, across; /* of a window; windows in a column and in a row of the map */
  int part;                         /* 2: q is the maximum of 2x2 */

  __device__ Head
  head (int i) const
  {
    int at = i % n_heads * (c / n_heads), window = i / n_heads;
    int image = window / (down * across), place = window % (down * across);
    int top = place / across * side_y, left = place % across * side_x;
    int rows = min (side_y, h - top), columns = min (side_x, w - left);
    int real = rows * columns, padded = side_y * side_x - real;

    return { qkv + ((int64_t) (image * h + top) * w + left) * (3 * c) + at,
             bias + at,
             y + ((int64_t) (image * (h / part) + top / part) * (w / part) + left / part) * c + at,
             w,
             c,
             part,
             Divider (columns),
             Divider (max (columns / part, 1)),
             real,
             padded,
             rows / part * (columns / part),
             real + (padded > 0) };
  }
};

/* All heads of `rows`; in attn.cu. */
void em_cuda_attend (EmCuda *c, const char *what, const EvenRows<float> &rows, int64_t n_heads);
void em_cuda_attend (EmCuda *c, const char *what, const EvenRows<bf16> &rows, int64_t n_heads);
