/* replay.c - prompts one by one, and the answers kept on the way. */
#include "predict/replay.h"
#include <stdlib.h>
#include <string.h>

#define KEPT 128 /* answers; a frame being worked on needs one per prompt */

/* The answer to the first n prompts of a set. */
typedef struct {
  bool used, sound;
  int64_t text; /* with sound: what was read */
  int frame, n;
  EmPrompt items[EM_MAX_PROMPTS];
  EmRle base;
  float *low_res; /* not gated */
  float iou, score;
  uint64_t asked;
} Kept;

struct EmReplay {
  EmCtx *ctx;
  const EmModel *model;
  const EmClipSource *source;
  const EmPredictorOptions *options;
  EmFeatureStore *features;
  EmSoundStore *sound;
  Kept kept[KEPT];
  uint64_t clock;
  float *scratch; /* an answer that is made of kept ones: gated, or a mean */
  int64_t n_passes;
};

static void *
need (void *p)
{
  EM_BUG_UNLESS (p);
  return p;
}

static size_t
map_size (const EmReplay *r)
{
  return (size_t) r->model->mask_side * r->model->mask_side;
}

EmReplay *
em_replay_new (EmCtx *ctx, const EmModel *model, const EmClipSource *source,
               const EmPredictorOptions *options, EmFeatureStore *features, EmSoundStore *sound)
{
  EmReplay *r = need (calloc (1, sizeof *r));

  r->ctx = ctx;
  r->model = model;
  r->source = source;
  r->options = options;
  r->features = features;
  r->sound = sound;
  r->scratch = need (malloc (map_size (r) * sizeof (float)));
  return r;
}

void
em_replay_free (EmReplay *r)
{
  if (!r)
    return;
  for (int i = 0; i < KEPT; i++) {
    em_rle_clear (&r->kept[i].base);
    free (r->kept[i].low_res);
  }
  free (r->scratch);
  free (r);
}

int64_t
em_replay_passes (const EmReplay *r)
{
  return r->n_passes;
}

static bool
same_prompt (const EmPrompt *a, const EmPrompt *b)
{
  return a->kind == b->kind && a->x0 == b->x0 && a->y0 == b->y0
         && (a->kind != EM_PROMPT_BOX || (a->x1 == b->x1 && a->y1 == b->y1));
}

static bool
has_base (const EmPromptSet *set)
{
  return set->base && set->base->width > 0;
}

/* Only what the first n prompts with or without sound depend on is compared: not the mix. */
static bool
answers (const Kept *k, int frame, const EmPromptSet *set, int n, bool sound, int64_t text)
{
  if (!k->used || k->frame != frame || k->n != n || k->sound != sound || (sound && k->text != text))
    return false;
  for (int i = 0; i < n; i++)
    if (!same_prompt (&k->items[i], &set->items[i]))
      return false;
  return has_base (set) ? em_rle_equal (&k->base, set->base) : k->base.width == 0;
}

static Kept *
find (EmReplay *r, int frame, const EmPromptSet *set, int n, bool sound)
{
  for (int i = 0; i < KEPT; i++)
    if (answers (&r->kept[i], frame, set, n, sound, em_sound_text (r->sound))) {
      r->kept[i].asked = ++r->clock;
      return &r->kept[i];
    }
  return NULL;
}

/* The place of the answer that nobody asked for the longest. */
static Kept *
oldest (EmReplay *r)
{
  Kept *old = &r->kept[0];

  for (int i = 1; i < KEPT; i++)
    if (r->kept[i].asked < old->asked)
      old = &r->kept[i];
  return old;
}

void
em_replay_points (const EmPrompt *items, int n, const EmClipSource *source, int image_size,
                  EmPointSet *out)
{
  float size = (float) image_size, w = (float) source->width, h = (float) source->height;

  out->n = 0;
  for (int pass = 0; pass < 2; pass++)
    for (int i = 0; i < n; i++) {
      const EmPrompt *p = &items[i];
      bool box = p->kind == EM_PROMPT_BOX;

      if (box != (pass == 0))
        continue;
      out->xy[out->n][0] = p->x0 / w * size;
      out->xy[out->n][1] = p->y0 / h * size;
      out->labels[out->n++] = box                             ? EM_POINT_TOP_LEFT
                              : p->kind == EM_PROMPT_POSITIVE ? EM_POINT_POSITIVE
                                                              : EM_POINT_NEGATIVE;
      if (!box)
        continue;
      out->xy[out->n][0] = p->x1 / w * size;
      out->xy[out->n][1] = p->y1 / h * size;
      out->labels[out->n++] = EM_POINT_BOTTOM_RIGHT;
    }
}

/* Below a score of 0 stock SAM 2 says that there is nothing. */
static const float *
gated (EmReplay *r, const Kept *k)
{
  if (k->sound || k->score > 0)
    return k->low_res;
  for (size_t i = 0; i < map_size (r); i++)
    r->scratch[i] = -1024;
  return r->scratch;
}

/* One decoder pass: n prompts on the answer to n - 1, or on the base. */
static bool
decode (EmReplay *r, int frame, const EmPromptSet *set, int n, bool sound, const Kept *before,
        Kept *out, EmError *err)
{
  EmCtx *ctx = r->ctx;
  const EmModel *m = r->model;
  EmPointSet points;
  EmFeatures f;
  EmAudioPrompts audio;
  EmHeadInput in = { .dynamic = r->options->dynamic_multimask };

  if (sound && !em_sound_prompts (r->sound, frame, &audio, err))
    return false;
  if (!em_feature_store_get (r->features, frame, &f, NULL, err))
    return false;
  em_replay_points (set->items, n, r->source, m->config.sam2.image_size, &points);
  in.multimask = sound || points.n <= 1;
  in.points = points.n ? &points : NULL;
  if (sound)
    em_head_listen (ctx, &in, audio.v, audio.a);
  if (before)
    in.mask = em_head_again (ctx, m, gated (r, before));
  else if (has_base (set))
    in.mask = em_model_mask_logits (ctx, m, em_head_square (ctx, m, set->base));

  EmTensor *image = em_head_image (ctx, m, &f, NULL);
  EmHead head = em_head_decode (ctx, m, &f, image, &in);

  em_download (ctx, out->low_res, head.mask);
  em_download (ctx, &out->iou, head.iou);
  em_download (ctx, &out->score, head.score);
  r->n_passes++;
  return em_ctx_end_pass (ctx, err);
}

/* Decodes the answer to the first n prompts on that to n - 1 (NULL: there is none) and keeps it. */
static const Kept *
extend (EmReplay *r, int frame, const EmPromptSet *set, int n, bool sound, const Kept *before,
        EmError *err)
{
  Kept *next = oldest (r); /* not `before`, which was asked for just now */

  next->used = false;
  em_rle_clear (&next->base);
  if (!next->low_res)
    next->low_res = need (malloc (map_size (r) * sizeof (float)));
  if (!decode (r, frame, set, n, sound, before, next, err))
    return NULL;
  next->used = true;
  next->sound = sound;
  next->text = em_sound_text (r->sound);
  next->frame = frame;
  next->n = n;
  memcpy (next->items, set->items, (size_t) n * sizeof *next->items);
  if (has_base (set))
    next->base = em_rle_copy (set->base);
  next->asked = ++r->clock;
  return next;
}

/* The answer to the first n prompts, from the longest beginning that is known. The first prompt is
 * decoded on the base, not on an answer to none. */
static const Kept *
answer (EmReplay *r, int frame, const EmPromptSet *set, int n, bool sound, EmError *err)
{
  int first = n > 0, k = n;
  const Kept *known = find (r, frame, set, k, sound);

  while (!known && k > first)
    known = find (r, frame, set, --k, sound);
  if (!known)
    k = first - 1;
  while (k < n)
    if (!(known = extend (r, frame, set, ++k, sound, known, err)))
      return NULL;
  return known;
}

/* Sound alone: what clip tracking says of a grid frame, else a decode of its own. */
static bool
heard_alone (EmReplay *r, int frame, EmHeard *out, EmError *err)
{
  int second = em_sound_second (r->sound, frame), t = r->model->config.fuser.window;
  EmPromptSet none = { .n = 0 };
  const Kept *k;

  if (em_sound_on_grid (r->sound, frame)) {
    EmHeard *heard = need (malloc ((size_t) t * sizeof *heard));
    int n = em_sound_window (r->sound, second / t, heard, err);

    if (n)
      *out = heard[second % t];
    free (heard);
    return n > 0;
  }
  k = answer (r, frame, &none, 0, true, err);
  if (k)
    *out = (EmHeard){ k->low_res, k->iou, k->score };
  return k != NULL;
}

/* Two trackers, one of clicks and one of sound; a frame with sound is not gated, so neither is the
 * clicks' part. */
static bool
ensemble (EmReplay *r, int frame, const EmPromptSet *set, EmReplayed *out, EmError *err)
{
  EmHeard heard;
  const Kept *clicks = answer (r, frame, set, set->n, false, err);
  float *logits;

  if (!clicks)
    return false;
  /* Kept answers move only when KEPT others were asked for since; the mean is made before that. */
  if (!heard_alone (r, frame, &heard, err))
    return false;
  logits = r->scratch;
  for (size_t i = 0; i < map_size (r); i++)
    logits[i] = 0.5f * (clicks->low_res[i] + heard.low_res[i]);
  *out = (EmReplayed){ logits, 0.5f * (clicks->iou + heard.iou),
                       0.5f * (clicks->score + heard.score) };
  return true;
}

bool
em_replay_decode (EmReplay *r, int frame, const EmPromptSet *set, EmReplayed *out, EmError *err)
{
  bool sound = set->sound && em_sound_n_windows (r->sound) > 0;
  const Kept *k;

  if (sound && set->mix == EM_MIX_ENSEMBLE && set->n > 0)
    return ensemble (r, frame, set, out, err);
  k = answer (r, frame, set, set->n, sound, err);
  if (!k)
    return false;
  *out = (EmReplayed){ gated (r, k), k->iou, k->score };
  return true;
}
