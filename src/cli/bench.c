/* bench.c - the stages of a model timed one by one. */
#include "cli/bench.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include "base/rng.h"
#include "cli/bench_long.h"
#include "engine/yardstick.h"

#define WIDTH    640
#define HEIGHT   360
#define RATE     16000
#define CLICKS   15
#define HEARINGS 5
#define PRODUCTS 9
#define LAST     2 /* frames of a pass */
#define PASSES   4 /* over the clip, tracking: memory must not grow after the second */

typedef struct {
  int64_t m, n, k, tb;
} Shape;

static guint
shape_hash (gconstpointer key)
{
  const Shape *s = key;

  return (guint) (s->m * 31 + s->n * 1009 + s->k * 65537 + s->tb);
}

static gboolean
shape_equal (gconstpointer a, gconstpointer b)
{
  return memcmp (a, b, sizeof (Shape)) == 0;
}

static void
stage_free (gpointer data)
{
  EmBenchStage *s = data;

  g_array_unref (s->times);
  g_hash_table_unref (s->products);
  g_free (s);
}

static EmBenchStage *
stage_new (EmBench *b, const char *name, const char *what)
{
  EmBenchStage *s = g_new0 (EmBenchStage, 1);

  s->name = name;
  s->what = what;
  s->times = g_array_new (FALSE, FALSE, sizeof (double));
  s->products = g_hash_table_new_full (shape_hash, shape_equal, g_free, g_free);
  g_ptr_array_add (b->stages, s);
  return s;
}

static void
note_product (void *self, int64_t m, int64_t n, int64_t k, bool tb, int64_t count)
{
  EmBenchStage *s = self;
  Shape shape = { m, n, k, tb };
  int64_t *had = g_hash_table_lookup (s->products, &shape);

  s->flop += 2.0 * (double) m * (double) n * (double) k * (double) count;
  if (had)
    *had += count;
  else
    g_hash_table_insert (s->products, g_memdup2 (&shape, sizeof shape),
                         g_memdup2 (&count, sizeof count));
}

double
em_bench_median (const EmBenchStage *s)
{
  g_autofree double *times = g_memdup2 (s->times->data, s->times->len * sizeof *times);

  return s->times->len ? em_yardstick_median (times, (int) s->times->len) : NAN;
}

double
em_bench_library (const EmBenchStage *s)
{
  GHashTableIter iter;
  gpointer key, value;
  double sum = 0;

  g_hash_table_iter_init (&iter, s->products);
  while (g_hash_table_iter_next (&iter, &key, &value)) {
    const Shape *p = key;
    sum += (double) *(int64_t *) value * em_yardstick_product (p->m, p->n, p->k, p->tb, false);
  }
  return sum;
}

/* A clip of two discs on a gradient, one frame a second, and a note as sound. */
typedef struct {
  EmClipSource source;
  uint8_t *pictures; /* [n, HEIGHT, WIDTH, 3] */
  int64_t *pts_ns;
  int *grid;
  float *sound;
} Drawn;

#define PICTURE_BYTES ((size_t) WIDTH * HEIGHT * 3)

static bool
drawn_read (void *self, int frame, uint8_t *rgb, EmError *err)
{
  const Drawn *d = self;

  memcpy (rgb, d->pictures + (size_t) frame * PICTURE_BYTES, PICTURE_BYTES);
  return true;
}

static void
draw (uint8_t *rgb, int frame)
{
  for (int y = 0; y < HEIGHT; y++)
    for (int x = 0; x < WIDTH; x++, rgb += 3) {
      int ax = x - 200 - 7 * frame, ay = y - 180, bx = x - 450 + 5 * frame,
          by = y - 120 - 3 * frame;
      bool a = ax * ax + ay * ay < 80 * 80, b = bx * bx + by * by < 50 * 50;

      rgb[0] = (uint8_t) (a ? 220 : b ? 40 : x / 4);
      rgb[1] = (uint8_t) (a ? 60 : b ? 200 : y / 3);
      rgb[2] = (uint8_t) ((x * y) % 64 + (a || b ? 100 : 30));
    }
}

static void
drawn_make (Drawn *d, int n)
{
  int64_t samples = (int64_t) n * RATE;

  *d = (Drawn){ .pts_ns = g_new (int64_t, n), .grid = g_new (int, n) };
  d->pictures = g_malloc ((gsize) n * PICTURE_BYTES);
  d->sound = g_new (float, 2 * samples);
  for (int i = 0; i < n; i++) {
    draw (d->pictures + (size_t) i * PICTURE_BYTES, i);
    d->pts_ns[i] = i * INT64_C (1000000000);
    d->grid[i] = i;
  }
  for (int64_t i = 0; i < samples; i++)
    d->sound[2 * i] = d->sound[2 * i + 1] = (float) (0.3 * sin (0.17 * (double) i));
  d->source = (EmClipSource){ .self = d,
                              .n_frames = n,
                              .width = WIDTH,
                              .height = HEIGHT,
                              .read = drawn_read,
                              .sound = d->sound,
                              .n_samples = samples,
                              .grid = d->grid,
                              .n_grid = n,
                              .pts_ns = d->pts_ns };
}

static void
drawn_clear (Drawn *d)
{
  g_free (d->pictures);
  g_free (d->pts_ns);
  g_free (d->grid);
  g_free (d->sound);
}

/* When all that was asked for is done. A device works while the processor waits. */
static double
now (const EmBench *b)
{
  b->be->finish (b->be);
  return b->be->spent ? 1e-6 * (double) g_get_monotonic_time () : em_yardstick_clock ();
}

/* Products are noted in the first run only; it is no different from the others. */
static double
begin (const EmBench *b, EmBenchStage *s, EmPredictor *p)
{
  em_predictor_set_product (p, s->times->len ? NULL : note_product, s);
  return now (b);
}

static void
end (const EmBench *b, EmBenchStage *s, double start)
{
  double time = now (b) - start;

  g_array_append_val (s->times, time);
}

/* One plain product by the engine itself, its right side a weight: the rate that this machine,
 * these threads and this precision allow. */
static bool
multiply (EmBench *b, const atomic_bool *cancel, EmError *err)
{
  EmBackend *be = b->be;
  EmBenchStage *s = stage_new (b, "product", "4096 x 1024 by 1024 x 1024, for comparison");
  EmCtx *ctx = em_ctx_new (be, err);
  size_t mark;

  if (!ctx)
    return false;
  ctx->cancel = cancel;
  EmTensor *x = em_new_f32 (ctx, 4096, 1024), *w = em_new_f32 (ctx, 1024, 1024);
  g_autofree float *noise = g_new (float, em_numel (x));
  em_rng_fill (noise, em_numel (x), "product", 1, 2, -1);
  x = em_computed (ctx, em_upload (ctx, noise, x->ndim, x->shape));
  w = em_computed (ctx, em_upload (ctx, noise, w->ndim, w->shape));
  be->hold (be, w->data, 1024 * 1024 * em_dtype_bytes (w->dtype), false);
  mark = em_ctx_mark (ctx);
  for (int i = 0; i <= PRODUCTS && em_ok (ctx); i++) { /* the first warms up */
    ctx->product = i == 1 ? note_product : NULL;
    ctx->product_self = s;
    double start = now (b);
    em_linear (ctx, x, w, NULL, EM_ACT_NONE, NULL);
    if (i)
      end (b, s, start);
    em_ctx_release (ctx, mark);
  }
  be->let_go (be, w->data, 1024 * 1024 * em_dtype_bytes (w->dtype));
  bool good = em_ctx_end_pass (ctx, err);
  em_ctx_free (ctx);
  return good;
}

static bool
encode (EmBench *b, EmPredictor *p, int n_frames, EmError *err)
{
  EmBenchStage *s = stage_new (b, "encode", "a frame's picture into features");

  for (int f = 0; f < n_frames; f++) {
    double start = begin (b, s, p);

    if (!em_predictor_embed (p, f, err))
      return false;
    end (b, s, start);
  }
  return true;
}

/* Sound and pictures of one window, T seconds, into prompts. On a context of its own: what a
 * predictor heard it keeps. */
static bool
hear (EmBench *b, EmModel *model, const atomic_bool *cancel, EmError *err)
{
  EmBenchStage *s = stage_new (b, "hear", "a window's sound and pictures into prompts");
  EmCtx *ctx = em_ctx_new (model->be, err);
  int64_t side = model->config.sam2.image_size, t = model->config.fuser.window;
  EmTensor *patches[EM_N_FUSION];
  size_t mark;

  if (!ctx)
    return false;
  ctx->cancel = cancel;
  EmTensor *frame = em_new_f32 (ctx, 1, side, side, 3), *spect = em_new_f32 (ctx, t, 2, 96, 64);
  g_autofree float *noise = g_new (float, MAX (em_numel (frame), em_numel (spect)));
  em_rng_fill (noise, em_numel (frame), "frame", 1, 1, 0);
  frame = em_upload (ctx, noise, frame->ndim, frame->shape);
  em_rng_fill (noise, em_numel (spect), "spect", 1, 2, -2);
  spect = em_upload (ctx, noise, spect->ndim, spect->shape);
  EmImageFeatures features = em_model_encode (ctx, model, frame, true);
  for (int i = 0; i < EM_N_FUSION; i++)
    patches[i] = em_repeat (ctx, em_fuser_patch (ctx, &model->fuser, i, features.fpn[i]), t);
  mark = em_ctx_mark (ctx);

  for (int i = 0; i < HEARINGS && em_ok (ctx); i++) {
    ctx->product = i ? NULL : note_product;
    ctx->product_self = s;
    double start = now (b);
    em_model_hear (ctx, model, patches, spect, NULL);
    end (b, s, start);
    em_ctx_release (ctx, mark);
  }
  bool good = em_ctx_end_pass (ctx, err);
  em_ctx_free (ctx);
  return good;
}

/* Never the same prompts twice: an answer once given is kept. */
static bool
click_at (EmPredictor *p, int i, bool sound, EmAnswer *answer, EmError *err)
{
  EmPromptSet set = { .n = 1, .sound = sound };

  set.items[0] = (EmPrompt){ .kind = EM_PROMPT_POSITIVE, .x0 = 200 + (float) i, .y0 = 180 };
  return em_predictor_decode (p, 0, &set, answer, err);
}

static bool
click (EmBench *b, EmPredictor *p, bool sound, EmError *err)
{
  EmBenchStage *s = sound ? stage_new (b, "click+sound", "a click on a frame that was heard")
                          : stage_new (b, "click", "a click on an embedded frame");
  EmAnswer answer;

  if (sound) { /* hears the window, which is no part of a click */
    if (!click_at (p, CLICKS, true, &answer, err))
      return false;
    em_answer_clear (&answer);
  }
  for (int i = 0; i < CLICKS; i++) {
    double start = begin (b, s, p);

    if (!click_at (p, i, sound, &answer, err))
      return false;
    end (b, s, start);
    em_answer_clear (&answer);
  }
  return true;
}

/* One pass over the clip; the last frames count, where the memory is as full as it gets. */
static bool
track_once (const EmBench *b, EmBenchStage *s, EmPredictor *p, int n_frames, EmError *err)
{
  float xy[2] = { 200, 180 };
  int label = 1, frame = 0;
  EmAnswer answer;

  em_predictor_reset (p);
  if (!em_predictor_add_points (p, 0, 1, xy, &label, 1, NULL, true, NULL, err)
      || !em_predictor_propagate (p, 0, n_frames - 1, 1, err))
    return false;
  for (int next = 0; next < n_frames; next++) {
    bool counts = next >= MAX (1, n_frames - LAST); /* frame 0 is known */
    double start = counts ? begin (b, s, p) : 0;

    if (!em_predictor_step (p, &frame, &answer, err))
      return false;
    if (counts)
      end (b, s, start);
    em_answer_clear (&answer);
  }
  return true;
}

static bool
track (EmBench *b, EmPredictor *p, int n_frames, EmError *err)
{
  EmBenchStage *s = stage_new (b, "track", "an object one frame onward, features known");

  for (int i = 0; i < PASSES; i++) {
    if (!track_once (b, s, p, n_frames, err))
      return false;
    if (i == 1) {
      b->rss_bytes[0] = em_yardstick_resident ();
      b->device_bytes[0] = (int64_t) b->be->used_bytes;
    }
  }
  b->rss_bytes[1] = em_yardstick_resident ();
  b->device_bytes[1] = (int64_t) b->be->used_bytes;
  return true;
}

/* The same click on the plainest form of the engine. */
static bool
compare (EmBench *b, EmWeights *weights, int image_size, const EmClipSource *source, EmPredictor *p,
         EmError *err)
{
  EmPredictorOptions options = em_predictor_defaults ();
  EmBackend *plain = em_backend_open ("cpu:baseline:own", err);
  EmModel *model = plain ? em_model_open (weights, plain, image_size, err) : NULL;
  EmPredictor *other = model ? em_predictor_open (model, source, &options, err) : NULL;
  EmAnswer here = { 0 }, there = { 0 };
  bool good
      = other && click_at (p, 0, false, &here, err) && click_at (other, 0, false, &there, err);

  for (int i = 0; good && i < here.side * here.side; i++) {
    b->logit_rms += (double) here.logits[i] * here.logits[i];
    b->difference = MAX (b->difference, fabs ((double) here.logits[i] - there.logits[i]));
  }
  if (good)
    b->logit_rms = sqrt (b->logit_rms / (here.side * here.side));
  em_answer_clear (&here);
  em_answer_clear (&there);
  em_predictor_close (other);
  em_model_close (model);
  em_backend_close (plain);
  return good;
}

bool
em_bench_run (EmBench *b, EmModel *model, EmWeights *weights, int n_frames,
              const atomic_bool *cancel, EmError *err)
{
  EmPredictorOptions options = em_predictor_defaults ();
  EmPredictor *p;
  Drawn drawn;
  struct rusage usage;
  bool good = false;

  b->be = model->be;
  b->stages = g_ptr_array_new_with_free_func (stage_free);
  drawn_make (&drawn, n_frames);
  p = em_predictor_open (model, &drawn.source, &options, err);
  if (p) {
    em_predictor_set_cancel (p, cancel);
    good
        = encode (b, p, n_frames, err) && click (b, p, false, err)
          && (!model->config.has_fuser || (hear (b, model, cancel, err) && click (b, p, true, err)))
          && track (b, p, n_frames, err);
    getrusage (RUSAGE_SELF, &usage); /* before what only serves to compare */
    b->peak_bytes = (int64_t) usage.ru_maxrss * 1024;
    good = good && multiply (b, cancel, err)
           && compare (b, weights, model->config.sam2.image_size, &drawn.source, p, err);
  }
  em_predictor_close (p);
  drawn_clear (&drawn);
  return good;
}

void
em_bench_clear (EmBench *b)
{
  if (b->stages)
    g_ptr_array_unref (b->stages);
}
