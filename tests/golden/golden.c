/* golden.c - one golden file, checked: reading, comparing, listening, reporting. */
#include "golden.h"
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "formula.h"
#include "golden_private.h"

#define MAX_SIDE     (1 << 24) /* of any axis */
#define MAX_NUMEL    (1ll << 36)
#define N_STATISTICS 4 /* mean, root mean square, minimum, maximum lead a probe */

typedef enum { NOT_RUN, SKIPPED, PASSED, MISSED, TOLD } Outcome;

typedef struct {
  char *key; /* without ".probe" */
  bool is_probe;
  const EmTensor *value;
  int ndim;
  int64_t shape[EM_MAX_DIMS]; /* of the tensor, not of the probe */
  Outcome outcome;
  double error, tolerance;
  bool absolute;
  char remark[120];
} Entry;

struct Golden {
  const char *backend;
  EmWeights *file;
  char *name;
  uint64_t seed;
  double tolerance; /* relative, where nothing else is said */
  int n;
  Entry *entries;
  GoldenList *lists; /* what was drawn, newest first */
};

static const double accepted = 1e-4;

/* How exact each family must be; the first match counts. */
static const struct {
  const char *pattern;
  double tolerance;
  bool absolute, told_only;
} rules[] = {
  { "*object_score", 1e-4, true, false },
  { "*stability4", 5e-3, true, false }, /* a ratio of pixel counts: a few pixels may flip */
  { "*mask_area", 4, true, false },
  { "*min_abs_logit", 0, true, true },
  { "*num_ptr_tokens", 0, true, false },
  { "*num_obj_ptr_tokens", 0, true, false },
  { "*selected", 0, true, false },
  { "*.labels", 0, true, false },
  { "gt_area", 0, true, false },
  { "*", 0, false, false }, /* golden_set_tolerance, else `accepted` */
};

static bool
parse_shape (Entry *e, const char *text)
{
  long long n = 1;
  char *end;

  for (e->ndim = 0; *text; text = *end ? end + 1 : end) {
    long long d = strtoll (text, &end, 10);

    if (end == text || d < 1 || d > MAX_SIDE || (*end && *end != ',') || e->ndim == EM_MAX_DIMS)
      return false;
    e->shape[e->ndim++] = d;
    if ((n *= d) > MAX_NUMEL)
      return false;
  }
  return true;
}

/* What runners size their arrays by: a file may be damaged, and must not be believed. */
static bool
check_sizes (const Golden *g, EmError *err)
{
  static const struct {
    const char *key;
    int64_t low, high;
  } sizes[] = { { "T", 1, 64 },
                { "N", 1, 256 },
                { "image_size", 32, 2048 },
                { "text_rows", 0, 512 },
                { "memory_tokens", 1, 1 << 16 },
                { "num_ptr_tokens", 0, 1 << 16 },
                { "video_width", 1, 4096 },
                { "video_height", 1, 4096 },
                { "samples", 1, 1 << 24 },
                { "target_rate", 1, 1 << 20 },
                { "size", 1, 4096 } };

  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    const char *text = golden_meta (g, sizes[i].key);
    char *end;
    long long value = text ? strtoll (text, &end, 10) : sizes[i].low;

    if (text && (end == text || *end || value < sizes[i].low || value > sizes[i].high))
      return em_fail (err, EM_E_INPUT, "%s: metadata %s is \"%.40s\", expected %lld to %lld",
                      g->name, sizes[i].key, text, (long long) sizes[i].low,
                      (long long) sizes[i].high);
  }
  return true;
}

static int64_t
entry_numel (const Entry *e)
{
  int64_t n = 1;

  for (int i = 0; i < e->ndim; i++)
    n *= e->shape[i];
  return n;
}

static bool
read_entry (Golden *g, Entry *e, const char *name, EmError *err)
{
  size_t n = strlen (name);
  char shape_key[256];
  const char *shape;

  e->value = em_weights_find (g->file, name);
  e->is_probe = n > 6 && !strcmp (name + n - 6, ".probe");
  e->key = strndup (name, e->is_probe ? n - 6 : n);
  if (e->value->dtype != EM_F32)
    return em_fail (err, EM_E_INPUT, "%s: %s is not float32", g->name, name);
  if (!e->is_probe) {
    e->ndim = e->value->ndim;
    memcpy (e->shape, e->value->shape, sizeof e->shape);
    return true;
  }
  snprintf (shape_key, sizeof shape_key, "shape.%s", e->key);
  shape = em_weights_metadata (g->file, shape_key);
  if (!shape || !parse_shape (e, shape) || entry_numel (e) < 1)
    return em_fail (err, EM_E_INPUT, "%s: no usable %s in the metadata", g->name, shape_key);
  if (em_numel (e->value) <= N_STATISTICS)
    return em_fail (err, EM_E_INPUT, "%s: probe %s is too short", g->name, name);
  return true;
}

Golden *
golden_open (const char *path, EmError *err)
{
  Golden *g = calloc (1, sizeof *g);
  const char *slash = strrchr (path, '/'), *base = slash ? slash + 1 : path;
  const char *dot = strrchr (base, '.'), *format, *seed;

  g->tolerance = accepted;
  g->name = strndup (base, dot ? (size_t) (dot - base) : strlen (base));
  g->file = em_weights_open (path, err);
  if (!g->file)
    goto fail;
  format = golden_meta (g, "format");
  seed = golden_meta (g, "seed");
  if (!format || strcmp (format, "em-golden-1") || !seed) {
    em_fail (err, EM_E_INPUT, "%s: not a golden: metadata has no format em-golden-1 with a seed",
             path);
    goto fail;
  }
  if (!check_sizes (g, err))
    goto fail;
  g->seed = strtoull (seed, NULL, 10);
  g->n = em_weights_count (g->file);
  g->entries = calloc ((size_t) g->n + 1, sizeof *g->entries);
  for (int i = 0; i < g->n; i++)
    if (!read_entry (g, &g->entries[i], em_weights_name (g->file, i), err))
      goto fail;
  return g;

fail:
  golden_close (g);
  return NULL;
}

void
golden_close (Golden *g)
{
  if (!g)
    return;
  golden_lists_free (g->lists);
  for (int i = 0; g->entries && i < g->n; i++)
    free (g->entries[i].key);
  free (g->entries);
  em_weights_close (g->file);
  free (g->name);
  free (g);
}

void
golden_set_backend (Golden *g, const char *name)
{
  g->backend = name;
}

const char *
golden_backend (const Golden *g)
{
  return g->backend ? g->backend : "cpu";
}

void
golden_set_tolerance (Golden *g, double tolerance)
{
  g->tolerance = tolerance;
}

const char *
golden_name (const Golden *g)
{
  return g->name;
}

const char *
golden_meta (const Golden *g, const char *key)
{
  return em_weights_metadata (g->file, key);
}

int64_t
golden_meta_int (const Golden *g, const char *key, int64_t otherwise)
{
  const char *text = golden_meta (g, key);

  return text ? strtoll (text, NULL, 10) : otherwise;
}

uint64_t
golden_seed (const Golden *g)
{
  return g->seed;
}

static Entry *
find (const Golden *g, const char *key)
{
  for (int i = 0; i < g->n; i++)
    if (!strcmp (g->entries[i].key, key))
      return &g->entries[i];
  return NULL;
}

int
golden_count (const Golden *g)
{
  return g->n;
}

const char *
golden_key (const Golden *g, int i)
{
  return g->entries[i].key;
}

bool
golden_has (const Golden *g, const char *key)
{
  return find (g, key) != NULL;
}

const float *
golden_whole (const Golden *g, const char *key, int64_t *n)
{
  Entry *e = find (g, key);

  if (!e || e->is_probe)
    return NULL;
  *n = em_numel (e->value);
  return em_f32 (e->value);
}

int
golden_shape (const Golden *g, const char *key, int64_t shape[EM_MAX_DIMS])
{
  Entry *e = find (g, key);

  if (!e)
    return -1;
  memcpy (shape, e->shape, sizeof e->shape);
  return e->ndim;
}

/* The norm of the difference over the norm of the golden; the former alone if that is zero. */
static double
relative_l2 (const float *want, const float *got, int64_t n)
{
  double difference = 0, norm = 0;

  for (int64_t i = 0; i < n; i++) {
    double d = (double) got[i] - want[i];

    difference += d * d;
    norm += (double) want[i] * want[i];
  }
  return sqrt (norm > 0 ? difference / norm : difference);
}

static double
largest_difference (const float *want, const float *got, int64_t n)
{
  double worst = 0;

  for (int64_t i = 0; i < n; i++) {
    double d = fabs ((double) got[i] - want[i]);

    if (!(d <= worst)) /* a NaN stays */
      worst = d;
  }
  return worst;
}

/* Mean and root mean square cover the elements that were not sampled: neither can be off by more
 * than the root mean square of the difference. */
static double
statistics_error (const float *want, const float *got, int64_t n)
{
  double sum = 0, squares = 0, rms;

  for (int64_t i = 0; i < n; i++) {
    sum += got[i];
    squares += (double) got[i] * got[i];
  }
  rms = sqrt (squares / n);
  return fmax (fabs (sum / n - want[0]), fabs (rms - want[1])) / (want[1] > 0 ? want[1] : 1);
}

static double
measure (const Entry *e, const float *got, int64_t n, bool absolute)
{
  const float *want = em_f32 (e->value);
  uint64_t hash = formula_hash ("probe");
  uint32_t n_samples = (uint32_t) (em_numel (e->value) - N_STATISTICS);
  float *samples;
  double error;

  if (!e->is_probe)
    return absolute ? largest_difference (want, got, n) : relative_l2 (want, got, n);
  samples = malloc (sizeof *samples * (size_t) n_samples);
  for (uint32_t j = 0; j < n_samples; j++)
    samples[j] = got[formula_bits (hash, 0, j) % (uint64_t) n];
  if (absolute)
    error = largest_difference (want + N_STATISTICS, samples, n_samples);
  else
    error = fmax (relative_l2 (want + N_STATISTICS, samples, n_samples),
                  statistics_error (want, got, n));
  if (isnan (relative_l2 (want + N_STATISTICS, samples, n_samples)))
    error = NAN; /* fmax would hide it */
  free (samples);
  return error;
}

static void
compare_entry (Entry *e, const float *got, int64_t n, double tolerance, bool absolute)
{
  e->tolerance = tolerance;
  e->absolute = absolute;
  e->remark[0] = 0;
  if (n != entry_numel (e)) {
    e->error = NAN;
    e->outcome = MISSED;
    snprintf (e->remark, sizeof e->remark, "%lld elements, the golden has %lld", (long long) n,
              (long long) entry_numel (e));
    return;
  }
  e->error = measure (e, got, n, absolute);
  e->outcome = e->error <= tolerance ? PASSED : MISSED;
}

void
golden_compare (Golden *g, const char *key, const float *got, int64_t n)
{
  Entry *e = find (g, key);
  int r = 0;

  if (!e)
    return;
  while (fnmatch (rules[r].pattern, key, 0))
    r++;
  compare_entry (e, got, n, rules[r].absolute ? rules[r].tolerance : g->tolerance,
                 rules[r].absolute);
  if (rules[r].told_only && !e->remark[0])
    e->outcome = TOLD;
}

void
golden_compare_number (Golden *g, const char *key, double got)
{
  float number = (float) got;

  golden_compare (g, key, &number, 1);
}

void
golden_compare_within (Golden *g, const char *key, const float *got, int64_t n, double tolerance,
                       bool absolute)
{
  Entry *e = find (g, key);

  if (e)
    compare_entry (e, got, n, tolerance, absolute);
}

static float *
host_floats (EmCtx *ctx, const EmTensor *x)
{
  int64_t n = em_numel (x);
  size_t bytes = (size_t) n * em_dtype_bytes (x->dtype);
  void *raw = malloc (bytes ? bytes : 1);
  float *out = malloc (sizeof *out * (n ? n : 1));

  if (!ctx->be->download (ctx->be, raw, x->data, bytes))
    em_fail (&ctx->err, EM_E_DEVICE, "could not read a value back from %s", ctx->be->name);
  else if (x->dtype == EM_I32)
    for (int64_t i = 0; i < n; i++)
      out[i] = (float) ((int32_t *) raw)[i];
  else
    em_to_f32 (out, raw, x->dtype, n);
  free (raw);
  return out;
}

/* Same shape but for axes of length one? */
static bool
same_axes (const Entry *e, const EmTensor *x)
{
  int i = 0, j = 0;

  for (;;) {
    while (i < e->ndim && e->shape[i] == 1)
      i++;
    while (j < x->ndim && x->shape[j] == 1)
      j++;
    if (i == e->ndim || j == x->ndim)
      return i == e->ndim && j == x->ndim;
    if (e->shape[i++] != x->shape[j++])
      return false;
  }
}

/* [n, rest, c] -> [n, c, rest] */
static float *
channels_first (const float *in, int64_t n, int64_t c, int64_t rest)
{
  float *out = malloc (sizeof *out * n * c * rest);

  for (int64_t i = 0; i < n; i++)
    for (int64_t p = 0; p < rest; p++)
      for (int64_t k = 0; k < c; k++)
        out[(i * c + k) * rest + p] = in[(i * rest + p) * c + k];
  return out;
}

void
golden_compare_tensor (Golden *g, EmCtx *ctx, const char *key, const EmTensor *x, bool as_is)
{
  Entry *e = find (g, key);
  float *host, *turned = NULL;
  bool can_turn, same;

  if (!e || em_is_nil (x))
    return;
  host = host_floats (ctx, x);
  can_turn = e->ndim == 4 && em_last_dim (x) == e->shape[1] && em_numel (x) == entry_numel (e);
  same = same_axes (e, x);
  if (can_turn && !(same && as_is))
    turned = channels_first (host, e->shape[0], e->shape[1], e->shape[2] * e->shape[3]);
  golden_compare (g, key, turned ? turned : host, em_numel (x));
  free (turned);
  free (host);
}

void
golden_skip (Golden *g, const char *keys, const char *why)
{
  for (int i = 0; i < g->n; i++) {
    Entry *e = &g->entries[i];

    if (e->outcome == NOT_RUN && !fnmatch (keys, e->key, 0)) {
      e->outcome = SKIPPED;
      snprintf (e->remark, sizeof e->remark, "%s", why);
    }
  }
}

void
golden_tap (void *self, const char *name, const EmTensor *value)
{
  GoldenTap *tap = self;
  char key[256];

  snprintf (key, sizeof key, "%s%s", tap->prefix, name);
  golden_compare_tensor (tap->golden, tap->ctx, key, value, tap->as_is && tap->as_is (key));
}

GoldenList **
golden_lists (Golden *g)
{
  return &g->lists;
}

static void
print_entry (const Entry *e)
{
  static const char *const words[] = { [NOT_RUN] = "not run",
                                       [SKIPPED] = "not run",
                                       [PASSED] = "ok",
                                       [MISSED] = "MISS",
                                       [TOLD] = "told" };

  if (e->outcome == NOT_RUN || e->outcome == SKIPPED)
    printf ("  %-44s %9s  %-7s%s%s\n", e->key, "", words[e->outcome], e->remark[0] ? ": " : "",
            e->remark);
  else
    printf ("  %-44s %9.2e  %-7s %s%s%s\n", e->key, e->error, words[e->outcome],
            e->absolute ? "absolute" : "", e->remark[0] ? " " : "", e->remark);
}

bool
golden_report (const Golden *g, bool quiet, bool strict)
{
  int n_ran = 0, n_outputs = 0, n_missed = 0, n_not_run = 0, n_forgotten = 0;
  const Entry *worst = NULL;
  bool good;

  for (int i = 0; i < g->n; i++) {
    const Entry *e = &g->entries[i];
    bool ran = e->outcome == PASSED || e->outcome == MISSED;

    n_ran += ran;
    n_outputs += ran && strncmp (e->key, "input.", 6) != 0;
    n_missed += e->outcome == MISSED;
    n_not_run += e->outcome == NOT_RUN || e->outcome == SKIPPED;
    n_forgotten += e->outcome == NOT_RUN;
    if (ran && !e->absolute && (!worst || !(e->error <= worst->error)))
      worst = e;
    if (!quiet || e->outcome == MISSED || (strict && e->outcome == NOT_RUN))
      print_entry (e);
  }
  good = !n_missed && n_outputs && !(strict && n_forgotten);
  printf ("%s %s: %d compared, %d missed, %d not run", good ? "ok  " : "MISS", g->name, n_ran,
          n_missed, n_not_run);
  if (worst)
    printf (", worst %.1e at %s", worst->error, worst->key);
  printf (n_outputs ? "\n" : ": nothing of the engine ran\n");
  return good;
}
