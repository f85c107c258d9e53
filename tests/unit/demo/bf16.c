/* bf16 PACKAGE [BACKEND] - what bf16 costs: the demo model's masks on drawn worlds beside those of
 * f32 on the CPU. Without a backend, the CPU's own bf16. */
#include "check.h"
#include "predict/predictor.h"
#include "world.h"

enum {
  WORLDS = 3,
  PIXELS = EM_WORLD_SIDE * EM_WORLD_SIDE,
  TRACKED = 24, /* frames, two seconds */
  SKIPPED = 77  /* meson's word for it */
};

/* Pixels that both have, and that either has, of all masks of a kind. */
typedef struct {
  double both, either;
  int n, n_seen; /* masks; those that are not empty in f32 */
} Overlap;

typedef struct {
  EmWorld *world;
  EmClipSource source;
  float sound[2 * EM_WORLD_SAMPLES];
  int grid[EM_WORLD_SECONDS];
} Clip;

static const char *package;
static EmModel *models[2]; /* f32, bf16 */
static Overlap heard, clicked, tracked;

static bool
read_frame (void *self, int frame, uint8_t *rgb, EmError *err)
{
  const Clip *c = self;

  (void) err;
  em_world_draw (c->world, (double) frame / EM_WORLD_FPS, rgb, NULL);
  return true;
}

static Clip *
clip_new (uint64_t seed)
{
  static int16_t samples[2 * EM_WORLD_SAMPLES];
  Clip *c = calloc (1, sizeof *c);

  c->world = em_world_new (seed, EM_WORLD_STANDARD);
  em_world_sound (c->world, false, samples);
  for (int i = 0; i < 2 * EM_WORLD_SAMPLES; i++)
    c->sound[i] = samples[i] / 32768.0f;
  for (int i = 0; i < EM_WORLD_SECONDS; i++)
    c->grid[i] = i * EM_WORLD_FPS + EM_WORLD_FPS / 2;
  c->source = (EmClipSource){ .self = c,
                              .n_frames = EM_WORLD_FRAMES,
                              .width = EM_WORLD_SIDE,
                              .height = EM_WORLD_SIDE,
                              .read = read_frame,
                              .sound = c->sound,
                              .n_samples = EM_WORLD_SAMPLES,
                              .grid = c->grid,
                              .n_grid = EM_WORLD_SECONDS };
  return c;
}

static void
clip_free (Clip *c)
{
  em_world_free (c->world);
  free (c);
}

static void
count (Overlap *o, const EmAnswer *exact, const EmAnswer *rough)
{
  static uint8_t a[PIXELS], b[PIXELS];
  bool seen = false;

  em_rle_decode (&exact->mask, a, 1);
  em_rle_decode (&rough->mask, b, 1);
  for (int i = 0; i < PIXELS; i++) {
    o->both += a[i] & b[i];
    o->either += a[i] | b[i];
    seen |= a[i];
  }
  o->n++;
  o->n_seen += seen;
}

static void
clear (EmAnswer *answers)
{
  em_answer_clear (&answers[0]);
  em_answer_clear (&answers[1]);
}

static void
hear (EmPredictor *const p[2])
{
  EmError err = EM_ERROR_INIT;

  for (int w = 0; w < em_predictor_n_windows (p[0]); w++) {
    EmAnswer a[2][EM_WORLD_SECONDS];
    int n[2];

    for (int k = 0; k < 2; k++)
      CHECK (em_predictor_sound (p[k], w, a[k], &n[k], &err));
    for (int i = 0; i < n[0]; i++) {
      count (&heard, &a[0][i], &a[1][i]);
      em_answer_clear (&a[0][i]);
      em_answer_clear (&a[1][i]);
    }
  }
}

static void
click (EmPredictor *const p[2], const Clip *c)
{
  EmError err = EM_ERROR_INIT;

  for (int i = 0; i < em_world_object_count (c->world); i++) {
    EmPromptSet set = { .n = 1 };
    EmAnswer a[2];
    double x, y;

    em_world_place (c->world, i, 5, &x, &y);
    set.items[0] = (EmPrompt){ .kind = EM_PROMPT_POSITIVE, .x0 = (float) x, .y0 = (float) y };
    for (int k = 0; k < 2; k++)
      CHECK (em_predictor_decode (p[k], 5 * EM_WORLD_FPS, &set, &a[k], &err));
    count (&clicked, &a[0], &a[1]);
    clear (a);
  }
}

/* Each by its own memory: what differs on one frame goes on to the next. */
static void
track (EmPredictor *const p[2], const Clip *c)
{
  EmError err = EM_ERROR_INIT;
  double x, y;

  em_world_place (c->world, 0, 0, &x, &y);
  for (int k = 0; k < 2; k++)
    CHECK (em_predictor_add_points (p[k], 0, 1, (float[]){ (float) x, (float) y }, &(int){ 1 }, 1,
                                    NULL, true, NULL, &err)
           && em_predictor_propagate (p[k], 0, TRACKED - 1, 1, &err));
  for (int i = 0; i < TRACKED; i++) {
    EmAnswer a[2];
    int frame;

    for (int k = 0; k < 2; k++)
      CHECK (em_predictor_step (p[k], &frame, &a[k], &err));
    count (&tracked, &a[0], &a[1]);
    clear (a);
  }
}

static void
report (const char *what, const Overlap *o)
{
  double iou = o->both / o->either;

  printf ("%s: %d masks, %d of something, IoU with f32 %.5f\n", what, o->n, o->n_seen, iou);
  CHECK (o->n_seen > o->n / 3);
  CHECK (iou >= 0.99);
  CHECK (iou < 1); /* else it was f32 twice */
}

static void
masks_hardly_differ (void)
{
  EmPredictorOptions options = em_predictor_defaults ();
  EmError err = EM_ERROR_INIT;

  for (int seed = 1; seed <= WORLDS; seed++) {
    Clip *c = clip_new (7000 + (uint64_t) seed);
    EmPredictor *p[2];

    for (int k = 0; k < 2; k++)
      p[k] = em_predictor_open (models[k], &c->source, &options, &err);
    CHECK (p[0] && p[1]);
    hear (p);
    click (p, c);
    track (p, c);
    em_predictor_close (p[0]);
    em_predictor_close (p[1]);
    clip_free (c);
  }
  report ("heard", &heard);
  report ("clicked", &clicked);
  report ("tracked", &tracked);
  CHECK_INT (err.code, EM_OK);
}

int
main (int argc, char **argv)
{
  const char *names[2] = { "cpu", argc > 2 ? argv[2] : "cpu:bf16" };
  EmBackend *backends[2];
  EmError err = EM_ERROR_INIT;

  CHECK (argc == 2 || argc == 3);
  package = argv[1];
  EmWeights *weights = em_weights_open (package, &err);
  for (int k = 0; k < 2; k++)
    if (!(backends[k] = em_backend_open (names[k], &err))) {
      printf ("skipped: %s\n", err.text);
      return SKIPPED;
    }
  for (int k = 0; k < 2; k++)
    CHECK ((models[k] = em_model_open (weights, backends[k], 0, &err)));
  masks_hardly_differ ();
  for (int k = 0; k < 2; k++) {
    em_model_close (models[k]);
    em_backend_close (backends[k]);
  }
  em_weights_close (weights);
  return check_failures > 0;
}
