/* stages.c - the stages, one after the other, each on a predictor of its own. */
#include "bench.h"
#include <math.h>
#include <stdlib.h>
#include <time.h>
#include "engine/yardstick.h"
#include "predict/predictor_private.h"

#define WARM_UP      2   /* a pass is gathered, then captured, then replayed */
#define WARM_SECONDS 0.5 /* of products before the first stage */

/* What a stage's steps share. */
typedef struct {
  Bench *b;
  EmPredictor *p;
  EmCtx *ctx; /* that counts operations */
  int next;   /* number of the step: none comes twice, since answers are kept */
  bool sound;
  EmTensor *patches[EM_N_FUSION], *spect;
  EmAnswer *answers;
} Run;

typedef bool Step (Run *r, EmError *err);

double
bench_clock (void)
{
  struct timespec t;

  clock_gettime (CLOCK_MONOTONIC, &t);
  return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

static void *
need (void *p)
{
  EM_BUG_UNLESS (p);
  return p;
}

static BenchStage *
stage_new (Bench *b, const char *name, const char *what)
{
  BenchStage *s = &b->stages[b->n++];
  EmBackend *be = b->model->be;

  EM_BUG_UNLESS (b->n <= BENCH_MAX_STAGES);
  *s = (BenchStage){ .name = name, .what = what, .frames = 1 };
  s->wall = need (malloc (sizeof *s->wall * (size_t) b->rounds));
  if (be->spent)
    s->device = need (malloc (sizeof *s->device * (size_t) b->rounds));
  s->floor = bench_floor (b->word, b->model->model->config.sam2.image_size, b->n_objects, name);
  return s;
}

static void
sample_memory (Bench *b)
{
  size_t used = b->model->be->used_bytes;

  b->peak_bytes = used > b->peak_bytes ? used : b->peak_bytes;
}

/* `before`, which may be NULL, comes before every run and does not count. */
static bool
measure (Run *r, BenchStage *s, Step *before, Step *step, EmError *err)
{
  EmBackend *be = r->b->model->be;

  for (int i = 0; i < WARM_UP + r->b->rounds; i++, r->next++) {
    double start, spent = 0;

    if (before && !before (r, err))
      return false;
    be->finish (be);
    if (be->spent)
      spent = be->spent (be);
    r->ctx->flop = 0;
    start = bench_clock ();
    if (!step (r, err))
      return false;
    be->finish (be);
    if (i >= WARM_UP) {
      s->wall[s->n] = bench_clock () - start;
      if (be->spent)
        s->device[s->n] = be->spent (be) - spent;
      s->n++;
    }
    s->flop = r->ctx->flop;
    sample_memory (r->b);
  }
  bench_print_stage (s);
  return true;
}

/* With room for what one answer needs, or as the app opens it. */
static bool
open_predictor (Run *r, const EmClipSource *source, bool small, EmError *err)
{
  EmPredictorOptions options = em_predictor_defaults ();

  if (small)
    options.feature_cache_bytes = 0;
  r->next = 0;
  r->p = em_predictor_open (r->b->model->model, source, &options, err);
  r->ctx = r->p ? r->p->ctx : NULL;
  return r->p != NULL;
}

static void
close_predictor (Run *r)
{
  em_predictor_close (r->p);
  r->p = NULL;
}

/* More frames in turn than the smallest cache holds. */
static int
frames_in_turn (const EmModelConfig *c)
{
  return 4 + 2 * (c->has_fuser ? c->fuser.window : 0);
}

static bool
step_encode (Run *r, EmError *err)
{
  return em_predictor_embed (r->p, r->next % frames_in_turn (&r->b->model->model->config), err);
}

static bool
encode (Run *r, const EmClipSource *source, const char *name, const char *what, EmError *err)
{
  bool good = open_predictor (r, source, true, err)
              && measure (r, stage_new (r->b, name, what), NULL, step_encode, err);

  close_predictor (r);
  return good;
}

static bool
step_hear (Run *r, EmError *err)
{
  size_t mark = em_ctx_mark (r->ctx);

  em_model_hear (r->ctx, r->b->model->model, r->patches, r->spect, NULL);
  em_ctx_release (r->ctx, mark);
  return em_ok (r->ctx);
}

/* Sound and pictures of a window into prompts, what enters being there. */
static bool
hear (Run *r, EmError *err)
{
  EmModel *m = r->b->model->model;
  BenchStage *s = stage_new (r->b, "hear", "sound and pictures of a window into prompts, a frame");
  int64_t t = m->config.fuser.window, g = m->side, d = m->config.fuser.dim;
  int64_t n_patch = t * g * g * d, n_spect = t * 2 * 96 * 64;
  float *noise = need (malloc (sizeof *noise * (size_t) (n_patch > n_spect ? n_patch : n_spect)));
  bool good;

  s->frames = (int) t;
  if (!(r->ctx = em_ctx_new (m->be, err))) {
    free (noise);
    return false;
  }
  for (int k = 0; k < EM_N_FUSION; k++) {
    for (int64_t i = 0; i < n_patch; i++)
      noise[i] = (float) ((i * 7919 + k) % 1009) / 504.0f - 1;
    r->patches[k] = em_computed (r->ctx, em_upload (r->ctx, noise, 4, (int64_t[]){ t, g, g, d }));
  }
  for (int64_t i = 0; i < n_spect; i++)
    noise[i] = (float) ((i * 7919) % 1009) / 252.0f - 3;
  r->spect = em_upload (r->ctx, noise, 4, (int64_t[]){ t, 2, 96, 64 });
  free (noise);
  good = measure (r, s, NULL, step_hear, err);
  good &= em_ctx_end_pass (r->ctx, err);
  em_ctx_free (r->ctx);
  return good;
}

static void
prompt_set (const Run *r, EmPromptSet *set)
{
  const EmClipSource *source = &r->p->source;

  *set = (EmPromptSet){ .n = 1, .sound = r->sound };
  set->items[0] = (EmPrompt){ .kind = EM_PROMPT_POSITIVE,
                              .x0 = (float) (source->width / 4 + r->next % (source->width / 2)),
                              .y0 = (float) source->height / 2 };
}

static bool
step_embed (Run *r, EmError *err)
{
  return em_predictor_embed (r->p, 0, err);
}

static bool
step_click (Run *r, EmError *err)
{
  EmReplayed got;
  EmPromptSet set;

  prompt_set (r, &set);
  return em_replay_decode (r->p->replay, 0, &set, &got, err);
}

static bool
step_click_mask (Run *r, EmError *err)
{
  EmAnswer answer;
  EmPromptSet set;

  prompt_set (r, &set);
  if (!em_predictor_decode (r->p, 0, &set, &answer, err))
    return false;
  em_answer_clear (&answer);
  return true;
}

static bool
click (Run *r, const EmClipSource *source, EmError *err)
{
  Bench *b = r->b;
  bool hears = b->model->model->config.has_fuser;
  bool good = open_predictor (r, source, false, err)
              && measure (r, stage_new (b, "click", "a point on an embedded frame into logits"),
                          step_embed, step_click, err)
              && measure (r, stage_new (b, "click-mask", "the same into a mask of 1920 x 1080"),
                          step_embed, step_click_mask, err);

  if (good && hears) {
    r->sound = true;
    good = measure (r, stage_new (b, "click+sound", "a point where sound was heard, into logits"),
                    step_embed, step_click, err)
           && measure (r, stage_new (b, "click-mask+sound", "the same into a mask of 1920 x 1080"),
                       step_embed, step_click_mask, err);
    r->sound = false;
  }
  close_predictor (r);
  return good;
}

static bool
step_track (Run *r, EmError *err)
{
  int frame;

  if (!em_predictor_step (r->p, &frame, r->answers, err))
    return em_fail (err, EM_E_INTERNAL, "the clip is too short for so many rounds");
  for (int i = 0; i < r->b->n_objects; i++)
    em_answer_clear (&r->answers[i]);
  return true;
}

/* The frame that the next step comes to. */
static bool
step_embed_next (Run *r, EmError *err)
{
  return em_predictor_embed (r->p, r->next, err);
}

/* Steps until a frame sees as much as it ever does. */
static int
lead_of (const EmSam2Config *c)
{
  return 2
         + (c->num_maskmem > c->max_obj_ptrs_in_encoder ? c->num_maskmem
                                                        : c->max_obj_ptrs_in_encoder);
}

static bool
track (Run *r, const BenchClip *clip, const EmClipSource *source, EmError *err)
{
  Bench *b = r->b;
  int lead = lead_of (&b->model->model->config.sam2);
  bool good = open_predictor (r, source, false, err);

  r->answers = need (calloc ((size_t) b->n_objects, sizeof *r->answers));
  for (int i = 0; good && i < b->n_objects; i++) {
    int x, y, radius;

    bench_clip_disc (clip, i, 0, &x, &y, &radius);
    good = em_predictor_add_points (r->p, 0, i + 1, (float[]){ (float) x, (float) y }, &(int){ 1 },
                                    1, NULL, true, NULL, err);
  }
  good = good && em_predictor_propagate (r->p, 0, source->n_frames - 1, 1, err);
  for (; good && r->next < lead; r->next++)
    good = step_track (r, err);
  good = good
         && measure (r, stage_new (b, "track", "a frame onward, 7 memories and 16 pointers seen"),
                     step_embed_next, step_track, err)
         && measure (r, stage_new (b, "track+encode", "the same with its image pass"), NULL,
                     step_track, err);
  free (r->answers);
  close_predictor (r);
  return good;
}

static double
median_ms (const BenchStage *s, const double *times)
{
  double *copy = need (malloc (sizeof *copy * (size_t) (s->n + 1))), ms;

  memcpy (copy, times, sizeof *copy * (size_t) s->n);
  ms = s->n ? 1e3 * em_yardstick_median (copy, s->n) / s->frames : NAN;
  free (copy);
  return ms;
}

double
bench_wall_ms (const BenchStage *s)
{
  return median_ms (s, s->wall);
}

double
bench_device_ms (const BenchStage *s)
{
  return s->device ? median_ms (s, s->device) : NAN;
}

double
bench_tflops (const BenchStage *s)
{
  double ms = s->device ? bench_device_ms (s) : bench_wall_ms (s);

  return 1e-9 * s->flop / s->frames / ms;
}

static bool
check (const Bench *b, EmError *err)
{
  for (int i = 0; i < b->n; i++) {
    const BenchStage *s = &b->stages[i];

    if (!(s->flop > 0) || s->n != b->rounds || !(bench_wall_ms (s) > 0)
        || (s->device && !(bench_device_ms (s) > 0)))
      return em_fail (err, EM_E_CHECK, "%s: %g operations in %g ms, %d times, make no sense",
                      s->name, s->flop, bench_wall_ms (s), s->n);
  }
  return true;
}

/* A device that idled is slow for a while, longer than a stage's warm-up takes. */
static bool
warm (EmBackend *be, EmError *err)
{
  EmCtx *ctx = em_ctx_new (be, err);
  double start = bench_clock ();

  if (!ctx)
    return false;
  while (em_ok (ctx) && bench_clock () < start + WARM_SECONDS) {
    size_t mark = em_ctx_mark (ctx);
    EmTensor *x = em_new (ctx, be->compute, 3, (int64_t[]){ 1, 1024, 1024 });

    em_matmul (ctx, x, false, x, true, 1);
    be->finish (be);
    em_ctx_release (ctx, mark);
  }
  em_ctx_end_pass (ctx, err);
  em_ctx_free (ctx);
  return err->code == EM_OK;
}

bool
bench_run (Bench *b, EmError *err)
{
  const EmModelConfig *config = &b->model->model->config;
  EmBackend *be = b->model->be;
  Run r = { .b = b };
  int n_frames = lead_of (&config->sam2) + frames_in_turn (config) + 2 * (WARM_UP + b->rounds);
  BenchClip clip;
  EmClipSource silent;
  bool good;

  bench_print_head (b);
  if (be->spent) {
    if (!warm (be, err))
      return false;
    be->spent (be); /* begins to measure */
  }
  bench_clip_init (&clip, BENCH_WIDTH, BENCH_HEIGHT, n_frames, b->n_objects,
                   config->has_fuser ? config->fuser.window : 0);
  silent = clip.source;
  silent.sound = NULL;
  silent.n_grid = 0;

  good = encode (&r, &silent, "encode", "a picture into features", err)
         && (!config->has_fuser
             || (encode (&r, &clip.source, "encode+sound", "the same, and what the fuser sees", err)
                 && hear (&r, err)))
         && click (&r, &clip.source, err)
         && (!config->sam2.tracks || track (&r, &clip, &silent, err)) && check (b, err);
  bench_clip_clear (&clip);
  return good;
}

void
bench_clear (Bench *b)
{
  for (int i = 0; i < b->n; i++) {
    free (b->stages[i].wall);
    free (b->stages[i].device);
  }
  b->n = 0;
}
