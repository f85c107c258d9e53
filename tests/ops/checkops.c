/* checkops.c - runs the cases: seeds, poison, fences, the comparison, the options. */
#include "checkops.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "engine/ctx.h"

#define MAX_INPUTS  16
#define FENCE_BYTES 4096
#define POISON      0xff /* as floats: NaN */

typedef struct {
  EmTensor *tensor;
  void *host; /* f32, i32 or u8 */
  void *sent; /* in the tensor's type */
} Input;

typedef enum { MUTATE_NONE, MUTATE_VALUE, MUTATE_FENCE, MUTATE_INPUT, MUTATE_MISSING } Mutation;

struct Check {
  const char *op;
  EmBackend *be;
  EmCtx *ctx;
  uint64_t hash, seed, drawn;
  bool benching, half; /* half: products are bf16 */
  Mutation mutation;
  int n_inputs;
  Input inputs[MAX_INPUTS];
  double *want;
  int64_t n_want;
  size_t begin; /* mark before the call */
  int round, calls, red;
  int64_t poisoned; /* bytes */
};

static const struct {
  const char *name;
  void (*run) (Check *k);
} cases[] = {
#define EM_OP(name, args) { #name, check_##name },
#include "engine/ops.def"
#undef EM_OP
};

EmCtx *
check_ctx (Check *k)
{
  return k->ctx;
}

void
check_finish (Check *k)
{
  k->be->finish (k->be);
}

bool
check_half (Check *k)
{
  return k->half;
}

bool
check_stored_half (Check *k)
{
  return k->be->compute == EM_BF16;
}

bool
check_benching (Check *k)
{
  return k->benching;
}

const char *
check_op_name (const Check *k)
{
  return k->op;
}

double
rnd_unit (Check *k)
{
  return em_rng_unit (k->hash, k->seed, k->drawn++);
}

int64_t
rnd_int (Check *k, int64_t low, int64_t high)
{
  return low + (int64_t) (rnd_unit (k) * (double) (high - low + 1));
}

double
rnd_gauss (Check *k)
{
  double radius = sqrt (-2 * log (1 - rnd_unit (k)));

  return radius * cos (6.283185307179586 * rnd_unit (k));
}

EmAct
rnd_act (Check *k)
{
  return (EmAct) rnd_int (k, EM_ACT_NONE, EM_ACT_STEP);
}

static size_t
bytes_of (const EmTensor *t)
{
  return (size_t) em_numel (t) * em_dtype_bytes (t->dtype);
}

static EmTensor *
add_input (Check *k, EmTensor *t, void *data)
{
  void *sent = malloc (bytes_of (t) + 1);

  EM_BUG_UNLESS (k->n_inputs < MAX_INPUTS && sent && !em_is_nil (t));
  k->inputs[k->n_inputs++] = (Input){ t, data, sent };
  host_changed (k, t);
  return t;
}

float
check_held (Check *k, float x)
{
  return k->half ? em_bf16_to_f32 (em_f32_to_bf16 (x)) : x;
}

static EmTensor *
draw (Check *k, bool exact, double mean, double spread, int ndim, const int64_t *shape)
{
  EmTensor *t = em_new (k->ctx, exact ? EM_F32 : k->be->compute, ndim, shape);
  int64_t n = em_numel (t);
  float *data = malloc ((size_t) (n ? n : 1) * sizeof *data);

  EM_BUG_UNLESS (data);
  /* Large ones are only measured: uniform and quick. */
  for (int64_t i = 0; i < n; i++) {
    data[i] = (float) (mean + spread * (n > 100000 ? 3.4 * rnd_unit (k) - 1.7 : rnd_gauss (k)));
    if (!exact) /* what bf16 can hold multiplies without loss: an op may not be less exact */
      data[i] = check_held (k, data[i]);
  }
  return add_input (k, t, data);
}

EmTensor *
rnd_tensor (Check *k, double mean, double spread, int ndim, const int64_t *shape)
{
  return draw (k, false, mean, spread, ndim, shape);
}

EmTensor *
rnd_exact_tensor (Check *k, double mean, double spread, int ndim, const int64_t *shape)
{
  return draw (k, true, mean, spread, ndim, shape);
}

/* Sent as they are. */
static EmTensor *
plain_tensor (Check *k, EmDtype dtype, const void *values, int64_t n)
{
  EmTensor *t = em_new (k->ctx, dtype, 1, &n);
  void *data = malloc (bytes_of (t) + 1);

  EM_BUG_UNLESS (data);
  memcpy (data, values, bytes_of (t));
  return add_input (k, t, data);
}

EmTensor *
index_tensor (Check *k, const int32_t *values, int64_t n)
{
  return plain_tensor (k, EM_I32, values, n);
}

EmTensor *
byte_tensor (Check *k, const uint8_t *values, int64_t n)
{
  return plain_tensor (k, EM_U8, values, n);
}

static Input *
input_of (Check *k, const EmTensor *t)
{
  for (int i = 0; i < k->n_inputs; i++)
    if (k->inputs[i].tensor == t)
      return &k->inputs[i];
  EM_BUG_UNLESS (!"an input");
  return NULL;
}

float *
host (Check *k, const EmTensor *t)
{
  return input_of (k, t)->host;
}

void
host_changed (Check *k, EmTensor *t)
{
  Input *in = input_of (k, t);

  if (t->dtype == EM_I32 || t->dtype == EM_U8) {
    memcpy (in->sent, in->host, bytes_of (t));
  } else {
    em_of_f32 (in->sent, t->dtype, in->host, em_numel (t));
    em_to_f32 (in->host, in->sent, t->dtype, em_numel (t));
  }
  EM_BUG_UNLESS (k->be->upload (k->be, t->data, in->sent, bytes_of (t)));
}

double *
check_want (Check *k, int64_t n)
{
  free (k->want);
  k->want = malloc ((size_t) (n ? n : 1) * sizeof *k->want);
  EM_BUG_UNLESS (k->want);
  k->n_want = n;
  return k->want;
}

static void
forget (Check *k)
{
  for (int i = 0; i < k->n_inputs; i++) {
    free (k->inputs[i].host);
    free (k->inputs[i].sent);
  }
  k->n_inputs = 0;
  em_ctx_release (k->ctx, 0);
}

bool
check_round (Check *k, int *round, int rounds)
{
  forget (k);
  k->round = *round;
  return !k->benching && (*round)++ < rounds && em_ok (k->ctx);
}

double
ref_act (double x, EmAct act)
{
  switch (act) {
  case EM_ACT_NONE:
    break;
  case EM_ACT_RELU:
    return x > 0 ? x : x == x ? 0 : x;
  case EM_ACT_GELU:
    return x * 0.5 * erfc (-x * 0.7071067811865476);
  case EM_ACT_SIGMOID:
    return 1 / (1 + exp (-x));
  case EM_ACT_STEP:
    return x > 0 ? 1 : 0;
  }
  return x;
}

/* In every other round the inputs are promised to hold still, as weights are. */
static void
hold_inputs (Check *k, bool hold)
{
  for (int i = 0; i < k->n_inputs && k->round % 2; i++) {
    const EmTensor *t = k->inputs[i].tensor;

    if (hold)
      k->be->hold (k->be, t->data, bytes_of (t), false);
    else
      k->be->let_go (k->be, t->data, bytes_of (t));
  }
}

/* The next output comes from here, so what it does not write shows as NaN. */
void
check_before (Check *k)
{
  hold_inputs (k, true);
  k->poisoned = k->n_want * 8 + FENCE_BYTES;
  k->begin = em_ctx_mark (k->ctx);

  EmTensor *ground = em_new (k->ctx, EM_U8, 1, &k->poisoned);
  void *poison = malloc ((size_t) k->poisoned);
  EM_BUG_UNLESS (poison && !em_is_nil (ground));
  memset (poison, POISON, (size_t) k->poisoned);
  EM_BUG_UNLESS (k->be->upload (k->be, ground->data, poison, (size_t) k->poisoned));
  free (poison);
  em_ctx_release (k->ctx, k->begin);
}

static void
red (Check *k, const char *what, int64_t at, double got, double want)
{
  k->red++;
  if (k->mutation == MUTATE_NONE)
    printf ("  %s, round %d: %s at %" PRId64 ": %.9g, wanted %.9g\n", k->op, k->round, what, at,
            got, want);
}

/* `bytes` at `at` of the device's memory, changed by way of the host. */
static void
spoil (Check *k, void *at, size_t bytes, uint8_t flip, const void *other)
{
  uint8_t there[8];

  EM_BUG_UNLESS (bytes <= sizeof there && k->be->download (k->be, there, at, bytes));
  for (size_t i = 0; i < bytes; i++)
    there[i] = other ? ((const uint8_t *) other)[i] : there[i] ^ flip;
  EM_BUG_UNLESS (k->be->upload (k->be, at, there, bytes));
}

/* What reads like poison may be missing unseen. */
static bool
is_poison (const EmTensor *y, double want)
{
  return y->dtype == EM_I32 && want == -1;
}

/* One small thing is spoilt, a value by little more than may pass: the look that follows has to see
 * it. */
static void
mutate (Check *k, EmTensor *y, double tol)
{
  static const uint8_t poison[8]
      = { POISON, POISON, POISON, POISON, POISON, POISON, POISON, POISON };
  int64_t n = em_numel (y), at = rnd_int (k, 0, n - 1);
  size_t size = em_dtype_bytes (y->dtype);
  double scale = 0;

  for (int i = 0; i < 1000 && (!isfinite (k->want[at]) || is_poison (y, k->want[at])); i++)
    at = rnd_int (k, 0, n - 1); /* NaN stays NaN, whatever is done to it */
  char *bytes = (char *) y->data + at * (int64_t) size;
  if (k->mutation == MUTATE_INPUT) {
    const EmTensor *in = k->inputs[rnd_int (k, 0, k->n_inputs - 1)].tensor;

    spoil (k, (char *) in->data + rnd_int (k, 0, (int64_t) bytes_of (in) - 1), 1, 1, NULL);
  } else if (k->mutation == MUTATE_MISSING) {
    spoil (k, bytes, size, 0, poison);
  } else if (k->mutation == MUTATE_VALUE && (y->dtype == EM_I32 || y->dtype == EM_F16)) {
    spoil (k, bytes + (y->dtype == EM_I32 ? 0 : 1), 1, 1, NULL); /* an index by one */
  } else if (k->mutation == MUTATE_VALUE) {
    uint8_t there[sizeof (float)];
    float value;

    for (int64_t i = 0; i < n; i++)
      scale = isfinite (k->want[i]) ? fmax (scale, fabs (k->want[i])) : scale;
    EM_BUG_UNLESS (k->be->download (k->be, there, bytes, size));
    em_to_f32 (&value, there, y->dtype, 1);
    value += (float) (fmax (0.02, 5 * tol) * scale + 1e-30);
    em_of_f32 (there, y->dtype, &value, 1);
    spoil (k, bytes, size, 0, there);
  }
}

/* Into doubles, which hold an i32 to its last bit. */
static double *
values_of (Check *k, const EmTensor *y)
{
  int64_t n = em_numel (y);
  double *values = malloc ((size_t) (n ? n : 1) * sizeof *values);
  void *raw = malloc ((size_t) (n ? n : 1) * sizeof (float));

  EM_BUG_UNLESS (values && raw);
  if (y->dtype == EM_I32)
    EM_BUG_UNLESS (em_download_raw (k->ctx, raw, y));
  else
    EM_BUG_UNLESS (em_download (k->ctx, raw, y));
  for (int64_t i = 0; i < n; i++)
    values[i] = y->dtype == EM_I32 ? (double) ((int32_t *) raw)[i] : ((float *) raw)[i];
  free (raw);
  return values;
}

static void
compare (Check *k, EmTensor *y, double tol)
{
  int64_t n = em_numel (y), finite = 0;
  double *got = values_of (k, y), rms = 0;

  EM_BUG_UNLESS (n == k->n_want);
  for (int64_t i = 0; i < n; i++)
    if (isfinite (k->want[i])) {
      rms += k->want[i] * k->want[i];
      finite++;
    }
  rms = finite ? sqrt (rms / (double) finite) : 0;
  for (int64_t i = 0; i < n; i++) {
    double want = k->want[i];
    bool same = isfinite (want) ? fabs (got[i] - want) <= tol * (fabs (want) + rms)
                : isnan (want)  ? isnan (got[i])
                                : got[i] == want;

    if (!same) {
      red (k, "value", i, got[i], want);
      break;
    }
  }
  free (got);
}

/* Bytes from the end of the output on are as they were. */
static void
look_behind (Check *k, const EmTensor *y)
{
  int64_t room = k->poisoned - (int64_t) bytes_of (y) - 64;
  EmTensor *behind = em_new (k->ctx, EM_U8, 1, &room);
  uint8_t *fence = malloc ((size_t) room);

  EM_BUG_UNLESS (fence && !em_is_nil (behind));
  if (k->mutation == MUTATE_FENCE)
    spoil (k, (char *) behind->data + rnd_int (k, 0, 15), 1, POISON, NULL);
  EM_BUG_UNLESS (k->be->download (k->be, fence, behind->data, (size_t) room));
  for (int64_t i = 0; i < room; i++)
    if (fence[i] != POISON) {
      red (k, "written behind the output", i, fence[i], POISON);
      break;
    }
  free (fence);
}

static void
look_at_inputs (Check *k)
{
  for (int i = 0; i < k->n_inputs; i++) {
    size_t bytes = bytes_of (k->inputs[i].tensor);
    void *now = malloc (bytes + 1);

    EM_BUG_UNLESS (now && k->be->download (k->be, now, k->inputs[i].tensor->data, bytes));
    if (memcmp (now, k->inputs[i].sent, bytes))
      red (k, "input changed, number", i, 0, 0);
    free (now);
  }
}

void
check_after (Check *k, EmTensor *y, double tol)
{
  k->calls++;
  check_finish (k);
  hold_inputs (k, false);
  if (!em_ok (k->ctx)) {
    printf ("  %s: %s\n", k->op, k->be->err.code ? k->be->err.text : k->ctx->err.text);
    k->red++;
    return;
  }
  if (y->dtype == EM_BF16 && k->be->compute == EM_BF16 && tol > 0)
    tol += 1.0 / 256; /* it is stored so */
  if (k->mutation != MUTATE_NONE && em_numel (y) > 0)
    mutate (k, y, tol);
  compare (k, y, tol);
  look_behind (k, y);
  look_at_inputs (k);
  em_ctx_release (k->ctx, k->begin);
}

typedef struct {
  const char *op, *backend;
  uint64_t seed;
  bool bench, mutate;
} Options;

/* One op on one backend: how many calls were red. */
static int
run_case (int i, const char *backend, EmBackend *be, const Options *o, Mutation mutation,
          int *calls)
{
  EmError err = EM_ERROR_INIT;
  Check k = { .op = cases[i].name,
              .be = be,
              .seed = o->seed,
              .benching = o->bench,
              .half = be->compute == EM_BF16 || strcmp (backend, "cpu:bf16") == 0,
              .mutation = mutation,
              .ctx = em_ctx_new (be, &err),
              .hash = em_rng_hash (cases[i].name) };

  EM_BUG_UNLESS (k.ctx);
  cases[i].run (&k);
  forget (&k);
  em_ctx_end_pass (k.ctx, &err); /* what failed is this op's alone */
  em_ctx_free (k.ctx);
  free (k.want);
  *calls = k.calls;
  return k.red;
}

static int
run_backend (const char *name, const Options *o)
{
  EmError err = EM_ERROR_INIT;
  EmBackend *be = em_backend_open (name, &err);
  int bad = 0, calls = 0, all = 0;

  if (!be) {
    printf ("%s: not here (%s)\n", name, err.text);
    return o->backend ? 1 : 0;
  }
  printf ("%s: %s, seed %" PRIu64 "\n", name, be->device, o->seed);
  for (int i = 0; i < EM_N_OPS; i++) {
    if (o->op && strcmp (o->op, cases[i].name))
      continue;
    for (int m = o->mutate ? MUTATE_VALUE : MUTATE_NONE; m <= (o->mutate ? MUTATE_MISSING : 0);
         m++) {
      int red = run_case (i, name, be, o, (Mutation) m, &calls);

      all += calls;
      if (!o->bench && calls == 0) {
        printf ("  %s: nothing was checked\n", cases[i].name);
        bad++;
      } else if (o->mutate && red < calls) {
        printf ("  %s: %d of %d spoilt results (kind %d) passed\n", cases[i].name, calls - red,
                calls, m);
        bad++;
      } else if (!o->mutate && red) {
        bad++;
      }
    }
  }
  em_backend_close (be);
  if (!o->bench)
    printf ("  %d calls, %d ops wrong\n", all, bad);
  return bad;
}

static int
usage (void)
{
  fprintf (stderr, "usage: checkops [--backend NAME] [--op NAME] [--seed N] [--bench] [--mutate]\n"
                   "Without --backend: every one that opens here.\n");
  return 2;
}

int
main (int argc, char **argv)
{
  static const char *const backends[]
      = { "cpu",      "cpu:bf16", "cpu:avx512:own", "cpu:avx2:own", "cpu:baseline:own",
          "cuda:f32", "cuda:bf16" };
  Options o = { .seed = 1 };
  int bad = 0;

  setvbuf (stdout, NULL, _IOLBF, 0); /* what hangs or dies has told what it found */
  for (int i = 1; i < argc; i++) {
    if (strcmp (argv[i], "--bench") == 0)
      o.bench = true;
    else if (strcmp (argv[i], "--mutate") == 0)
      o.mutate = true;
    else if (i + 1 == argc)
      return usage ();
    else if (strcmp (argv[i], "--backend") == 0)
      o.backend = argv[++i];
    else if (strcmp (argv[i], "--op") == 0)
      o.op = argv[++i];
    else if (strcmp (argv[i], "--seed") == 0)
      o.seed = strtoull (argv[++i], NULL, 10);
    else
      return usage ();
  }
  if (o.backend || o.bench || o.mutate)
    return run_backend (o.backend ? o.backend : "cpu", &o) ? 1 : 0;
  for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
    bad += run_backend (backends[i], &o);
  return bad ? 1 : 0;
}
