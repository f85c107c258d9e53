/* long.c - what a long clip costs in memory. */
#include "bench.h"
#include "engine/yardstick.h"
#include <stdio.h>
#include <stdlib.h>

#define EVERY       100 /* frames between two looks at the memory */
#define CORRECTIONS 250 /* frames between two corrections */
#define SETTLED     200 /* frames after which nothing may grow */
#define SLACK       ((int64_t) 32 << 20)

typedef struct {
  const BenchModel *m;
  BenchClip clip;
  EmPredictor *p;
  int n_objects, n_corrections, n_frames; /* of the latter: done */
  int seconds;                            /* 0: any number */
  int64_t settled, most;                  /* bytes at SETTLED, and at most */
  double start;
} Long;

/* Of the device, or of the process where that has no memory of its own. */
static int64_t
in_use (const Long *l)
{
  return l->m->be->memory_on_host ? em_yardstick_resident () : (int64_t) l->m->be->used_bytes;
}

static bool
click (Long *l, int object, int frame, EmError *err)
{
  int x, y, radius;

  bench_clip_disc (&l->clip, object, frame, &x, &y, &radius);
  return em_predictor_add_points (l->p, frame, object + 1, (float[]){ (float) x, (float) y },
                                  &(int){ 1 }, 1, NULL, true, NULL, err);
}

static void
note (Long *l, int frame)
{
  EmPredictorBytes held = em_predictor_bytes (l->p);
  int64_t now = in_use (l);

  l->n_frames = frame + 1;
  l->most = now > l->most ? now : l->most;
  if (frame < SETTLED)
    l->settled = l->most;
  if ((frame + 1) % EVERY == 0 || frame + 1 == l->clip.source.n_frames) {
    printf ("%6d %10.1f %12.1f %12.1f %10.1f %10.1f\n", frame + 1, (double) now / (1 << 20),
            (double) em_yardstick_resident () / (1 << 20), (double) held.features / (1 << 20),
            (double) held.banks / (1 << 20), (frame + 1) / (bench_clock () - l->start));
    fflush (stdout);
  }
}

/* A correction ends the pass: it goes on behind the frame. */
static bool
track (Long *l, EmError *err)
{
  EmAnswer *answers = calloc ((size_t) l->n_objects, sizeof *answers);
  int last = l->clip.source.n_frames - 1, frame = 0;
  bool good = em_predictor_propagate (l->p, 0, last, 1, err);

  EM_BUG_UNLESS (answers);
  while (good && (!l->seconds || bench_clock () < l->start + l->seconds)
         && em_predictor_step (l->p, &frame, answers, err)) {
    for (int i = 0; i < l->n_objects; i++)
      em_answer_clear (&answers[i]);
    note (l, frame);
    if (frame % CORRECTIONS == CORRECTIONS - 1 && frame < last)
      good = click (l, l->n_corrections++ % l->n_objects, frame, err)
             && em_predictor_propagate (l->p, frame + 1, last, 1, err);
  }
  free (answers);
  return err->code == EM_OK;
}

static bool
judge (const Long *l, int limit_mb, EmError *err)
{
  double most = (double) l->most / (1 << 20), grown = (double) (l->most - l->settled) / (1 << 20);

  printf ("\n%d of %d frames, %d corrections: %.1f MB at most", l->n_frames,
          l->clip.source.n_frames, l->n_corrections, most);
  if (l->n_frames > SETTLED)
    printf (", %.1f MB more than after %d frames", grown, SETTLED);
  printf ("\n");
  if (l->most > l->settled + SLACK)
    return em_fail (err, EM_E_CHECK, "memory grows with the clip: by %.1f MB after frame %d", grown,
                    SETTLED);
  if (limit_mb && most > limit_mb)
    return em_fail (err, EM_E_CHECK, "%.1f MB in use, at most %d MB are allowed", most, limit_mb);
  return true;
}

bool
bench_long (const BenchModel *m, int n_frames, int n_objects, int seconds, int limit_mb,
            EmError *err)
{
  EmPredictorOptions options = em_predictor_defaults ();
  Long l = { .m = m, .n_objects = n_objects, .seconds = seconds, .start = bench_clock () };
  bool good;

  bench_clip_init (&l.clip, BENCH_WIDTH, BENCH_HEIGHT, n_frames, n_objects, 0);
  printf ("%d frames of %d x %d, %d object%s, on %s (%s)\n\n", n_frames, BENCH_WIDTH, BENCH_HEIGHT,
          n_objects, n_objects == 1 ? "" : "s", m->be->name, m->be->device);
  printf ("%6s %10s %12s %12s %10s %10s\n", "frames", m->be->memory_on_host ? "MB" : "device MB",
          "resident MB", "features MB", "banks MB", "frames/s");
  l.p = em_predictor_open (m->model, &l.clip.source, &options, err);
  good = l.p != NULL;
  for (int i = 0; good && i < n_objects; i++)
    good = click (&l, i, 0, err);
  good = good && track (&l, err) && judge (&l, limit_mb, err);
  em_predictor_close (l.p);
  bench_clip_clear (&l.clip);
  return good;
}
