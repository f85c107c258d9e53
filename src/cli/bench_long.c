/* bench_long.c - what a long clip costs in memory. */
#include "cli/bench_long.h"
#include "engine/yardstick.h"

#define WIDTH  320
#define HEIGHT 192
#define RADIUS 22
#define SLACK  (8 << 20)

/* Discs that go back and forth, each at its own pace. */
static int
along (int frame, int step, int length)
{
  int at = frame * step % (2 * length);

  return at < length ? at : 2 * length - at;
}

static void
center (int object, int frame, int *x, int *y)
{
  *x = RADIUS + along (frame + 40 * object, 1 + object % 3, WIDTH - 1 - 2 * RADIUS);
  *y = RADIUS + (HEIGHT - 1 - 2 * RADIUS) * (object % 3) / 2;
}

static bool
read_frame (void *self, int frame, uint8_t *rgb, EmError *err)
{
  const EmBenchLong *b = self;

  for (int y = 0; y < HEIGHT; y++)
    for (int x = 0; x < WIDTH; x++) {
      uint8_t *at = rgb + 3 * (y * WIDTH + x);

      at[0] = (uint8_t) (x / 2);
      at[1] = (uint8_t) y;
      at[2] = (uint8_t) ((x * y + frame) % 64 + 40);
    }
  for (int i = 0; i < b->n_objects; i++) {
    int cx, cy;

    center (i, frame, &cx, &cy);
    for (int y = -RADIUS; y <= RADIUS; y++)
      for (int x = -RADIUS; x <= RADIUS; x++)
        if (x * x + y * y <= RADIUS * RADIUS) {
          uint8_t *at = rgb + 3 * ((cy + y) * WIDTH + cx + x);

          at[0] = (uint8_t) (220 - 80 * (i % 3));
          at[1] = (uint8_t) (60 + 70 * (i % 3));
          at[2] = 160;
        }
  }
  return true;
}

static bool
click (EmPredictor *p, int object, int frame, EmError *err)
{
  int x, y;

  center (object, frame, &x, &y);
  return em_predictor_add_points (p, frame, object + 1, (float[]){ (float) x, (float) y },
                                  &(int){ 1 }, 1, NULL, true, NULL, err);
}

static bool
step (EmPredictor *p, EmAnswer *answers, int *frame, EmError *err)
{
  int n = em_predictor_n_objects (p);

  if (!em_predictor_step (p, frame, answers, err))
    return false;
  for (int i = 0; i < n; i++)
    em_answer_clear (&answers[i]);
  return true;
}

/* A correction ends the pass: it goes on behind the frame. */
static bool
track (EmBenchLong *b, EmPredictor *p, int n_frames, EmError *err)
{
  g_autofree EmAnswer *answers = g_new0 (EmAnswer, b->n_objects);
  gint64 start = g_get_monotonic_time ();
  int frame = 0, every = EM_BENCH_EVERY * 5 / 2;

  if (!em_predictor_propagate (p, 0, n_frames - 1, 1, err))
    return false;
  while (step (p, answers, &frame, err)) {
    if ((frame + 1) % EM_BENCH_EVERY == 0 || frame == n_frames - 1) {
      EmBenchNote note = { frame, em_yardstick_resident (), em_predictor_bytes (p),
                           (double) (g_get_monotonic_time () - start) / 1e6 };

      g_array_append_val (b->notes, note);
    }
    if (frame % every == every - 1 && frame + 1 < n_frames) {
      if (!click (p, b->n_corrections++ % b->n_objects, frame, err)
          || !em_predictor_propagate (p, frame + 1, n_frames - 1, 1, err))
        return false;
    }
  }
  return err->code == EM_OK;
}

bool
em_bench_long_run (EmBenchLong *b, EmModel *model, int n_frames, int n_objects,
                   const atomic_bool *cancel, EmError *err)
{
  EmPredictorOptions options = em_predictor_defaults ();
  EmClipSource source
      = { .self = b, .n_frames = n_frames, .width = WIDTH, .height = HEIGHT, .read = read_frame };
  EmPredictor *p;
  bool good;

  *b = (EmBenchLong){ .notes = g_array_new (FALSE, FALSE, sizeof (EmBenchNote)),
                      .n_objects = n_objects };
  p = em_predictor_open (model, &source, &options, err);
  good = p != NULL;
  if (good)
    em_predictor_set_cancel (p, cancel);
  for (int i = 0; good && i < n_objects; i++)
    good = click (p, i, 0, err);
  good = good && track (b, p, n_frames, err);
  em_predictor_close (p);
  return good;
}

static int64_t
rest (const EmBenchNote *n)
{
  return n->rss_bytes - (int64_t) (n->held.features + n->held.banks);
}

bool
em_bench_long_grows (const EmBenchLong *b)
{
  const EmBenchNote *notes = (const EmBenchNote *) b->notes->data;

  for (guint i = 1; i < b->notes->len; i++)
    if (rest (&notes[i]) > rest (&notes[0]) + SLACK)
      return true;
  return false;
}

void
em_bench_long_clear (EmBenchLong *b)
{
  if (b->notes)
    g_array_unref (b->notes);
}
