/* checkops.h - every op on every backend against plain C.
 *
 * A case draws inputs, writes what it expects in double into memory from check_want, and hands the
 * call to CHECK_OP. That poisons the memory the output is going to get, makes the call, and looks
 * at the values, at what lies behind the output and at the inputs. A referee is the formula in
 * loops and uses nothing of the engine. With --bench cases only measure (BENCH), with --mutate
 * something small is spoilt after each call and the look must notice. */
#pragma once
#include "base/rng.h"
#include "engine/backend.h"
#include "engine/ops.h"

typedef struct Check Check;

/* Each line of ops.def has one: a missing one does not link. */
#define EM_CHECK(name)    void check_##name (Check *k)
#define EM_OP(name, args) EM_CHECK (name);
#include "engine/ops.def"
#undef EM_OP

EmCtx *check_ctx (Check *k);
void check_finish (Check *k); /* the device is done with all it was given */
bool check_benching (Check *k);
/* Products are bf16, or whatever is stored is. Drawn inputs are then numbers that it holds, so that
 * only what an op rounds on its way needs another tolerance; that results are stored in it is
 * allowed for, but where the tolerance is 0. */
bool check_half (Check *k);
bool check_stored_half (Check *k);    /* the latter */
float check_held (Check *k, float x); /* x as inputs hold it */

/* Inputs. They live until the end of the round, see check_round. */
int64_t rnd_int (Check *k, int64_t low, int64_t high); /* both included */
double rnd_unit (Check *k);                            /* in [0, 1) */
double rnd_gauss (Check *k);
#define rnd_pick(k, ...)                                                                           \
  ((int64_t[]){ __VA_ARGS__ }[rnd_int ((k), 0, sizeof ((int64_t[]){ __VA_ARGS__ }) / 8 - 1)])
EmTensor *rnd_tensor (Check *k, double mean, double spread, int ndim, const int64_t *shape);
#define rnd_normal(k, mean, spread, ...)                                                           \
  rnd_tensor ((k), (mean), (spread), (int) (sizeof ((int64_t[]){ __VA_ARGS__ }) / 8),              \
              (int64_t[]){ __VA_ARGS__ })
/* f32 on every backend: what ops.h says has to be. */
EmTensor *rnd_exact_tensor (Check *k, double mean, double spread, int ndim, const int64_t *shape);
#define rnd_exact(k, mean, spread, ...)                                                            \
  rnd_exact_tensor ((k), (mean), (spread), (int) (sizeof ((int64_t[]){ __VA_ARGS__ }) / 8),        \
                    (int64_t[]){ __VA_ARGS__ })
/* Changes an input before the call: the host's copy, then sent again. */
float *host (Check *k, const EmTensor *t);
void host_changed (Check *k, EmTensor *t);
EmTensor *index_tensor (Check *k, const int32_t *values, int64_t n); /* i32 [n] */
EmTensor *byte_tensor (Check *k, const uint8_t *values, int64_t n);  /* u8 [n] */
EmAct rnd_act (Check *k);

/* True `rounds` times, never when benchmarking; forgets the inputs of the round before. */
bool check_round (Check *k, int *round, int rounds);

/* Room for n expected values. */
double *check_want (Check *k, int64_t n);
double ref_act (double x, EmAct act);

/* `call` gives the tensor whose values were wanted, each within tol (|want| + rms of all). Bits in
 * an i32 are wanted as the number that they are. */
#define CHECK_OP(k, call, tol)                                                                     \
  do {                                                                                             \
    check_before (k);                                                                              \
    check_after ((k), (call), (tol));                                                              \
  } while (0)
void check_before (Check *k);
void check_after (Check *k, EmTensor *y, double tol);

/* A product that an op stands for; `count` of them, row-major [m, k] [k, n] (w transposed if tb).
 */
typedef struct {
  int64_t m, n, k, count;
  bool tb;
} BenchGemm;

/* Medians. An op bound by arithmetic names its products and is compared with the product library's
 * own time for them, in this run; one bound by memory gives its bytes and is compared with a copy.
 */
#define BENCH_GEMM(k, call, name, ...)                                                             \
  for (BenchTimer timer = { 0 }; bench_next ((k), &timer);)                                        \
  bench_gemm_done ((k), &timer, (call), (name), (BenchGemm[]){ __VA_ARGS__, { 0 } })
#define BENCH_BYTES(k, call, name, bytes)                                                          \
  for (BenchTimer timer = { 0 }; bench_next ((k), &timer);)                                        \
  bench_bytes_done ((k), &timer, (call), (name), (bytes))
typedef struct {
  int n;
  double start, times[64];
  size_t mark;
} BenchTimer;
bool bench_next (Check *k, BenchTimer *timer);
void bench_gemm_done (Check *k, BenchTimer *timer, EmTensor *y, const char *name,
                      const BenchGemm *gemms);
void bench_bytes_done (Check *k, BenchTimer *timer, EmTensor *y, const char *name, double bytes);

/* For bench.c. */
const char *check_op_name (const Check *k);
