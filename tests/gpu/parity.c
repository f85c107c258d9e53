/* em-parity [--backend NAME] [--size N] [--least IOU] MODEL... - masks of a backend beside those of
 * f32 on the CPU.
 *
 * Models are named as em-bench names them; the released sizes have drawn weights. What such a model
 * sees in a picture means nothing, but a mask of it comes about as any other does. Two things set
 * it apart. It may be nearly empty or nearly full, and would agree whatever the logits were: such a
 * one does not count, and too few that count are a failure. Its logits cross zero in slopes instead
 * of edges, so that rounding alone moves its outline: pixels whose logit lies within UNSURE of the
 * logits' size from zero are left out of the IoU that has to pass; the IoU with them is told beside
 * it. And the predicted IoUs by which one of three masks is taken are a toss-up now and then: a few
 * masks may be altogether different. Exit status 8: masks differ. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "clip.h"
#include "engine/threads.h"
#include "model.h"

enum { WIDTH = 640, HEIGHT = 360, DISCS = 3, CLICKS = 24, TRACKS = 4, TRACKED = 6 };

#define UNSURE 0.2
#define OTHER  0.5 /* a mask whose logits differ by more is another one */
#define ROUGH  0.2 /* what logits may differ by */

/* Pixels that both have, and that either has. */
typedef struct {
  double both, either;
} Overlap;

/* All masks of a kind; overlaps are of those that count. */
typedef struct {
  const char *what;
  int n, n_counted, n_other;
  Overlap all, sure;
  double area, least;         /* share of the picture, summed; the least IoU of sure pixels */
  double squares, difference; /* of logits and of what they differ by */
} Kind;

typedef struct {
  BenchModel models[2]; /* f32 on the CPU, the other */
  BenchClip clip;
  EmPredictor *p[2];
} Parity;

static double
iou_of (Overlap o)
{
  return o.either > 0 ? o.both / o.either : 0;
}

static void
add (Overlap *to, bool a, bool b)
{
  to->both += a && b;
  to->either += a || b;
}

/* On logits: what is resized for display is the same on every backend. */
static void
count (Kind *k, const EmAnswer a[2])
{
  int n = a[0].side * a[0].side, in = 0;
  Overlap sure = { 0 }, all = { 0 };
  double squares = 0, difference = 0;

  for (int i = 0; i < n; i++) {
    double d = a[1].logits[i] - a[0].logits[i];

    squares += (double) a[0].logits[i] * a[0].logits[i];
    difference += d * d;
    in += a[0].logits[i] > 0;
  }
  for (int i = 0; i < n; i++) {
    bool is[2] = { a[0].logits[i] > 0, a[1].logits[i] > 0 };

    add (&all, is[0], is[1]);
    if (fabs ((double) a[0].logits[i]) > UNSURE * sqrt (squares / n))
      add (&sure, is[0], is[1]);
  }
  k->n++;
  if (difference > OTHER * OTHER * squares) {
    k->n_other++;
    return;
  }
  k->squares += squares;
  k->difference += difference;
  if (in < 0.01 * n || in > 0.99 * n)
    return;
  k->n_counted++;
  k->all.both += all.both;
  k->all.either += all.either;
  k->sure.both += sure.both;
  k->sure.either += sure.either;
  k->area += (double) in / n;
  k->least = fmin (k->least, iou_of (sure));
}

static void
clear (EmAnswer a[2])
{
  em_answer_clear (&a[0]);
  em_answer_clear (&a[1]);
}

static bool
hear (Parity *t, Kind *k, EmError *err)
{
  for (int w = 0; w < em_predictor_n_windows (t->p[0]); w++) {
    EmAnswer a[2][16];
    int n = 0;

    for (int i = 0; i < 2; i++)
      if (!em_predictor_sound (t->p[i], w, a[i], &n, err))
        return false;
    for (int i = 0; i < n; i++) {
      EmAnswer pair[2] = { a[0][i], a[1][i] };

      count (k, pair);
      clear (pair);
    }
  }
  return true;
}

/* A grid over the picture. */
static void
place (int click, float xy[2])
{
  xy[0] = (float) (WIDTH * (click % 6 + 0.5) / 6);
  xy[1] = (float) (HEIGHT * (click / 6 + 0.5) / 4);
}

static bool
click (Parity *t, Kind *k, bool sound, EmError *err)
{
  for (int c = 0; c < CLICKS; c++) {
    EmPromptSet set = { .n = 1, .sound = sound };
    EmAnswer a[2];
    float xy[2];

    place (c, xy);
    set.items[0] = (EmPrompt){ .kind = EM_PROMPT_POSITIVE, .x0 = xy[0], .y0 = xy[1] };
    for (int i = 0; i < 2; i++)
      if (!em_predictor_decode (t->p[i], c % 3, &set, &a[i], err))
        return false;
    count (k, a);
    clear (a);
  }
  return true;
}

/* Each by its own memory: what differs on one frame goes on to the next, and grows with drawn
 * weights. So the tracks are short and several. */
static bool
track (Parity *t, Kind *k, int click, EmError *err)
{
  float xy[2];

  place (click, xy);
  for (int i = 0; i < 2; i++) {
    em_predictor_reset (t->p[i]);
    if (!em_predictor_add_points (t->p[i], 0, 1, xy, &(int){ 1 }, 1, NULL, true, NULL, err)
        || !em_predictor_propagate (t->p[i], 0, TRACKED - 1, 1, err))
      return false;
  }
  for (int f = 0; f < TRACKED; f++) {
    EmAnswer a[2];
    int frame;

    for (int i = 0; i < 2; i++)
      if (!em_predictor_step (t->p[i], &frame, &a[i], err))
        return false;
    count (k, a);
    clear (a);
  }
  return true;
}

static bool
report (const char *word, const Kind *k, double least)
{
  double rough = k->squares > 0 ? sqrt (k->difference / k->squares) : 0;
  bool good = iou_of (k->sure) >= least && rough <= ROUGH && k->n_counted > k->n / 3
              && k->n_other <= k->n / 6;

  printf ("%s, %s: %d masks, %d count and are %.0f %% of the picture; IoU %.5f (least %.5f), with "
          "unsure pixels %.5f; logits differ by %.2g; %d other masks%s\n",
          word, k->what, k->n, k->n_counted, k->n_counted ? 100 * k->area / k->n_counted : 0,
          iou_of (k->sure), k->least, iou_of (k->all), rough, k->n_other, good ? "" : ": MISS");
  fflush (stdout);
  return good;
}

/* False with err->code EM_OK: it ran, and masks differ. */
static bool
compare (Parity *t, const char *word, double least, EmError *err)
{
  Kind heard = { .what = "heard", .least = 1 }, clicked = { .what = "clicked", .least = 1 },
       mixed = { .what = "clicked with sound", .least = 1 },
       tracked = { .what = "tracked", .least = 1 };
  EmPredictorOptions options = em_predictor_defaults ();
  const EmModelConfig *config = &t->models[0].model->config;
  bool good = true;

  for (int i = 0; i < 2; i++)
    if (!(t->p[i] = em_predictor_open (t->models[i].model, &t->clip.source, &options, err)))
      return false;
  if (!click (t, &clicked, false, err))
    return false;
  good &= report (word, &clicked, least);
  if (config->has_fuser) {
    if (!hear (t, &heard, err) || !click (t, &mixed, true, err))
      return false;
    good &= report (word, &heard, least);
    good &= report (word, &mixed, least);
  }
  if (config->sam2.tracks) {
    for (int c = 0; c < TRACKS; c++)
      if (!track (t, &tracked, c * (CLICKS / TRACKS) + c, err))
        return false;
    good &= report (word, &tracked, least);
  }
  return good;
}

static bool
run (const char *word, const char *backend, int size, double least, EmError *err)
{
  Parity *t = calloc (1, sizeof *t);
  bool good;

  EM_BUG_UNLESS (t);
  good = bench_model_open (&t->models[0], word, "cpu", size, NULL, err)
         && bench_model_open (&t->models[1], word, backend, size, &t->models[0], err);
  if (good) {
    const EmModelConfig *config = &t->models[0].model->config;

    bench_clip_init (&t->clip, WIDTH, HEIGHT, TRACKED, DISCS,
                     config->has_fuser ? config->fuser.window : 0);
    good = compare (t, word, least, err);
    em_predictor_close (t->p[0]);
    em_predictor_close (t->p[1]);
    bench_clip_clear (&t->clip);
  }
  bench_model_close (&t->models[1]);
  bench_model_close (&t->models[0]);
  free (t);
  return good;
}

int
main (int argc, char **argv)
{
  static const struct option options[] = { { "backend", required_argument, NULL, 'b' },
                                           { "size", required_argument, NULL, 's' },
                                           { "least", required_argument, NULL, 'l' },
                                           { NULL, 0, NULL, 0 } };
  const char *backend = "cuda:bf16";
  double least = 0.99;
  bool good = true;
  int size = 0;

  em_threads_sleep_when_idle (argv);
  for (int c; (c = getopt_long (argc, argv, "", options, NULL)) != -1;)
    if (c == 'b')
      backend = optarg;
    else if (c == 's')
      size = atoi (optarg);
    else if (c == 'l')
      least = strtod (optarg, NULL);
    else
      optind = argc;
  if (optind >= argc) {
    fprintf (stderr, "usage: em-parity [--backend NAME] [--size N] [--least IOU] MODEL...\n"
                     "  --backend NAME  what is compared with f32 on the CPU (cuda:bf16)\n"
                     "  --size N        pixels that pictures are seen at (the model's own)\n"
                     "  --least IOU     that passes (0.99)\n"
                     "MODEL: demo, nano, tiny, small, base_plus, large, or a package.\n");
    return em_exit_code (EM_E_USAGE);
  }
  for (int i = optind; i < argc; i++) {
    EmError err = EM_ERROR_INIT;

    good &= run (argv[i], backend, size, least, &err);
    if (err.code != EM_OK) {
      fprintf (stderr, "em-parity: %s\n", err.text);
      return em_exit_code (err.code);
    }
  }
  return good ? 0 : em_exit_code (EM_E_CHECK);
}
