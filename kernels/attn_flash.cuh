/* attn_flash.cuh - attention in bf16 on tensor cores, the scores never in memory.
 *
 * A group of warps has a block of queries of one head, a warp 16 or 32 of them. Keys go by in
 * tiles: s = q k^T into registers, running maximum and sum, out = out * shrink + p v with p in the
 * registers s was in. A tile of v is on its way while q k^T is made, the next of k during p v.
 * Scores, sums and out are f32, p is bf16.
 *
 * Roofline: 2 nq nk (d + dv) operations on tensor cores; the instructions of sm_80 give an H100
 * about six tenths of its 990 TF/s. A warp reads k and v from shared memory for its own queries,
 * 2 (d + dv) bytes a key at 128 bytes a clock, so 16 queries a warp stay below 470 TF/s and 32
 * below 950: 32 it is where the registers for out allow it. Exponentials go 16 to a clock and
 * multiprocessor. Floors on an H200: memory, 4096 x 28736 of 256 and 64, 75 GF, 130 us; memory with
 * itself, 4096 x 4096 of 256, 17 GF, 40 us by what is read; a trunk's whole map, 8 heads of 56, 34
 * GF with the padding, 58 us, its exponentials 36 of them. */
#pragma once
#include "attn_warp.cuh"

/* `scale` of the scores; d and dv are what heads really have, multiples of 8. */
template <class F, class Rows>
__global__ void __launch_bounds__ (F::THREADS *F::GROUPS, F::AT_ONCE)
    flash (Rows rows, Split split, int d, int dv, float scale)
{
  int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
  int group = F::GROUPS > 1 ? warp : 0, thread = F::GROUPS > 1 ? lane : threadIdx.x;
  int number = (int) blockIdx.x * F::GROUPS + group;
  Task task = task_of (split, number, F::QUERIES);
  if (number >= split.n_tasks)
    return;
  typename Rows::Head head = rows.head (task.head);
  if (task.first >= head.nq)
    return;

  bf16 *q = (bf16 *) em_shared () + group * F::GROUP_SIZE, *k = q + F::QUERIES * F::LD;
  bf16 *v = k + F::KEYS * F::LD, *mine = q + (F::GROUPS > 1 ? 0 : warp) * F::TILES * 16 * F::LD;
  int first = task.first + (int) (mine - q) / F::LD;
  bool awake = first < head.nq; /* else the warp only helps to fetch */
  int at = task.part * split.n_tiles * F::KEYS;
  int end = split.n_parts == 1 ? head.nk : min (head.nk, at + split.n_tiles * F::KEYS);
  float unit = scale * 1.44269504f, bonus = Rows::EVEN ? 0 : head.last_bonus () / scale;
  auto fetch_k = [&] (int from) {
    fetch_rows<F::KEYS, F::D, F::THREADS, Rows::EVEN> (
        k, thread, from, end, d, [&] (int j) { return head.k_at (j); }, head.k_row);
  };
  auto fetch_v = [&] (int from) {
    fetch_rows<F::KEYS, F::DV, F::THREADS, Rows::EVEN> (
        v, thread, from, end, dv, [&] (int j) { return head.v_at (j); }, head.v_row);
  };
  Warp<F> w;

  bool pools = false;
  if constexpr (!Rows::EVEN)
    pools = head.part > 1;
  if (!pools)
    fetch_rows<F::QUERIES, F::D, F::THREADS, Rows::EVEN> (
        q, thread, task.first, head.nq, d, [&] (int i) { return head.q_at (i, 0); }, head.q_row);
  fetch_k (at);
  cp_async_commit ();
  fetch_v (at);
  cp_async_commit ();
  if constexpr (!Rows::EVEN)
    if (pools)
      fetch_pooled<F::QUERIES, F::D, F::THREADS> (q, thread, task.first, d, head);
  cp_async_wait<1> ();
  sync_group<F> ();
  w.keep_q (mine, lane);

  for (;; at += F::KEYS) {
    bool last = at + F::KEYS >= end;

    if (awake)
      w.meet (mine, k, lane);
    cp_async_wait<0> ();
    sync_group<F> (); /* v is there, and nobody reads k any more */
    if (!last) {
      fetch_k (at + F::KEYS);
      cp_async_commit ();
    }
    if (awake) {
      if (last)
        w.mask (end - at, bonus, lane);
      w.soften (unit);
      w.gather (v, lane);
    }
    if (last)
      break;
    cp_async_wait<0> ();
    sync_group<F> (); /* the next k is there, and nobody reads v any more */
    fetch_v (at + F::KEYS);
    cp_async_commit ();
  }

  if (!awake)
    return;
  w.add_sums ();
  if (split.n_parts > 1)
    w.store_part (split, task.part, task.head * head.nq + first, head.nq - first, dv, lane);
  else
    w.store (mine, head, first, dv, lane);
}

/* How many of these tasks run at a time. */
template <class F>
static int64_t
flash_slots (EmCuda *c)
{
  size_t fit = em_cuda_shared_most (c) / F::BYTES;
  int64_t blocks = fit < F::AT_ONCE ? (int64_t) fit : F::AT_ONCE;

  return blocks * F::GROUPS * em_cuda_processors (c);
}

/* False where this device cannot. */
template <class F, class Rows>
static bool
launch_flash (EmCuda *c, const char *what, const Rows &rows, int64_t n_heads, int nq, int nk, int d,
              int dv)
{
  int64_t slots = flash_slots<F> (c);
  Split split;

  if (!slots)
    return false;
  /* A window's heads differ in their keys, and there are enough. */
  if (plan_split (&split, c, n_heads, nq, F::QUERIES, nk, F::KEYS, dv, Rows::EVEN ? slots : 0)) {
    em_cuda_launch (c, what, flash<F, Rows>, dim3 (em_cuda_blocks (split.n_tasks, F::GROUPS)),
                    F::THREADS * F::GROUPS, F::BYTES, rows, split, d, dv,
                    (float) (1 / sqrt ((double) d)));
    if constexpr (Rows::EVEN)
      launch_join (c, what, rows, split, 0.69314718f);
  }
  return true;
}
