/* sound.c - windows of seconds through ear, fuser and clip tracking. */
#include "predict/sound.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "predict/mel.h"

#define MAX_TEXTS 16 /* expressions whose answers are found again */

/* A window that has been answered. */
typedef struct {
  int index; /* -1: none */
  int64_t text;
  uint64_t asked;
  float *low_res; /* [T, S/4, S/4] */
  float *iou, *score;
} Window;

/* An expression. A number is never given to another one: what is kept under it may outlive it. */
typedef struct {
  int64_t number; /* 0: none */
  uint64_t asked;
  int n;
  int32_t ids[EM_MAX_TEXT_ROWS];
} Text;

struct EmSoundStore {
  EmCtx *ctx;
  const EmModel *model;
  const EmClipSource *source;
  EmFeatureStore *features;
  int t, n_windows;
  EmSlots *prompts; /* keys: see key_of_place, key_of_frame */
  Text texts[MAX_TEXTS];
  const Text *text; /* what is read; NULL: nothing */
  int64_t n_texts;
  EmEntryPool pool; /* of clip tracking's bank */
  int prompt_room;  /* frames whose prompts are kept */
  int room;         /* answered windows kept */
  Window *windows;
  uint64_t clock;
};

static void *
need (void *p)
{
  EM_BUG_UNLESS (p);
  return p;
}

EmSoundStore *
em_sound_store_new (EmCtx *ctx, const EmModel *model, const EmClipSource *source,
                    EmFeatureStore *features, size_t bytes)
{
  EmSoundStore *s = need (calloc (1, sizeof *s));
  const EmModelConfig *config = &model->config;
  size_t map = (size_t) model->mask_side * model->mask_side, window_bytes, prompt_bytes, room;

  s->ctx = ctx;
  s->model = model;
  s->source = source;
  s->features = features;
  if (!config->has_fuser || source->n_grid < 1 || !(source->sound || source->spect))
    return s;
  s->t = config->fuser.window;
  s->n_windows = (source->n_grid + s->t - 1) / s->t;

  prompt_bytes = em_dtype_bytes (model->be->compute) * EM_N_FUSION * (size_t) config->fuser.dim
                 * (size_t) (model->n_tokens + 1);
  window_bytes = sizeof (float) * (size_t) s->t * (map + 2);
  room = bytes / 2 / prompt_bytes;
  room = room > 1 << 20 ? 1 << 20 : room;
  s->prompt_room = (int) room > s->t ? (int) room : s->t + 1;
  s->prompts = em_slots_new (model->be, prompt_bytes, s->prompt_room);
  s->pool = em_entry_pool_new (model->be, EM_F32, model->n_tokens, config->sam2.mem_dim,
                               config->sam2.d_model, model->mask_side);
  room = bytes / 2 / window_bytes;
  s->room = room < 2 ? 2 : room > 512 ? 512 : (int) room;
  s->windows = need (calloc ((size_t) s->room, sizeof *s->windows));
  for (int i = 0; i < s->room; i++)
    s->windows[i].index = -1;
  return s;
}

void
em_sound_store_free (EmSoundStore *s)
{
  if (!s)
    return;
  for (int i = 0; s->windows && i < s->room; i++) {
    free (s->windows[i].low_res);
    free (s->windows[i].iou);
    free (s->windows[i].score);
  }
  free (s->windows);
  em_slots_free (s->prompts);
  em_entry_pool_clear (&s->pool);
  free (s);
}

void
em_sound_store_shrink (EmSoundStore *s, bool least)
{
  em_slots_shrink (s->prompts, 0);
  s->prompt_room = least ? s->t + 1 : s->prompt_room;
  em_slots_shrink (s->prompts, s->prompt_room);
  em_slots_shrink (s->pool.memories, 1);
  em_slots_shrink (s->pool.pointers, 1);
}

int
em_sound_n_windows (const EmSoundStore *s)
{
  return s->n_windows;
}

void
em_sound_read (EmSoundStore *s, const int32_t *ids, int n)
{
  Text *place = &s->texts[0];

  EM_BUG_UNLESS (n >= 0 && n <= (s->model->config.has_text ? s->model->config.text.rows : 0));
  s->text = NULL;
  if (n == 0)
    return;
  for (int i = 0; i < MAX_TEXTS; i++) {
    Text *t = &s->texts[i];

    if (t->number && t->n == n && memcmp (t->ids, ids, (size_t) n * sizeof *ids) == 0) {
      place = t;
      break;
    }
    if (t->asked < place->asked)
      place = t;
  }
  if (place->n != n || memcmp (place->ids, ids, (size_t) n * sizeof *ids) != 0) {
    place->number = ++s->n_texts;
    place->n = n;
    memcpy (place->ids, ids, (size_t) n * sizeof *ids);
  }
  place->asked = ++s->clock;
  s->text = place;
}

int64_t
em_sound_text (const EmSoundStore *s)
{
  return s->text ? s->text->number : 0;
}

/* A second's samples, both ears in turn; silence where the sound has ended. */
static void
copy_second (const EmSoundStore *s, int second, float *out)
{
  int64_t begin = (int64_t) second * EM_MEL_RATE, n = s->source->n_samples - begin;

  n = n < 0 ? 0 : n > EM_MEL_RATE ? EM_MEL_RATE : n;
  if (n > 0)
    memcpy (out, s->source->sound + 2 * begin, (size_t) n * 2 * sizeof *out);
  memset (out + 2 * n, 0, (size_t) (EM_MEL_RATE - n) * 2 * sizeof *out);
}

double
em_sound_rms (const EmSoundStore *s, int second)
{
  int64_t begin = (int64_t) second * EM_MEL_RATE, end = begin + EM_MEL_RATE;
  double sum = 0;

  if (!s->source->sound)
    return s->source->spect ? 1 : 0;
  end = end > s->source->n_samples ? s->source->n_samples : end;
  if (second < 0 || begin >= end)
    return 0;
  for (int64_t i = 2 * begin; i < 2 * end; i++)
    sum += (double) s->source->sound[i] * s->source->sound[i];
  return sqrt (sum / (double) (2 * (end - begin)));
}

int
em_sound_second (const EmSoundStore *s, int frame)
{
  const EmClipSource *source = s->source;
  int best = 0, last = source->n_grid - 1;

  if (source->pts_ns) {
    int64_t second = source->pts_ns[frame] / 1000000000;

    return second > last ? last : (int) second;
  }
  for (int k = 1; k <= last; k++)
    if (abs (source->grid[k] - frame) < abs (source->grid[best] - frame))
      best = k;
  return best;
}

bool
em_sound_on_grid (const EmSoundStore *s, int frame)
{
  return s->source->grid[em_sound_second (s, frame)] == frame;
}

/* Every text has keys of its own. Places of windows, the padding of the last included, come first;
 * then single frames. */
static int64_t
first_key (const EmSoundStore *s)
{
  return em_sound_text (s) * ((int64_t) s->n_windows * s->t + s->source->n_frames);
}

static int64_t
key_of_place (const EmSoundStore *s, int window, int place)
{
  return first_key (s) + (int64_t) window * s->t + place;
}

static int64_t
key_of_frame (const EmSoundStore *s, int frame)
{
  return first_key (s) + (int64_t) s->n_windows * s->t + frame;
}

/* The second at a place of a window: the last is repeated. */
static int
second_at (const EmSoundStore *s, int window, int place)
{
  int second = window * s->t + place, last = s->source->n_grid - 1;

  return second > last ? last : second;
}

/* In the type the backend computes in. */
static EmAudioPrompts
prompts_over (const EmSoundStore *s, char *slot)
{
  int64_t n = s->model->n_tokens, d = s->model->config.fuser.dim;
  EmDtype type = s->model->be->compute;
  size_t row = (size_t) d * em_dtype_bytes (type);
  EmAudioPrompts p;

  for (int k = 0; k < EM_N_FUSION; k++, slot += (n + 1) * row) {
    p.v[k] = em_tensor_of (type, slot, 3, (int64_t[]){ 1, n, d });
    p.a[k] = em_tensor_of (type, slot + n * row, 2, (int64_t[]){ 1, d });
  }
  return p;
}

/* [T, 2, 96, 64]: the window's sound as the ear takes it. */
static EmTensor *
spectrum (EmSoundStore *s, int window)
{
  int t = s->t;
  float *spect = need (malloc (sizeof *spect * EM_MEL_EXAMPLE * (size_t) t));
  EmTensor *x;

  if (s->source->spect)
    for (int i = 0; i < t; i++)
      memcpy (spect + (size_t) i * EM_MEL_EXAMPLE,
              s->source->spect + (size_t) second_at (s, window, i) * EM_MEL_EXAMPLE,
              sizeof *spect * EM_MEL_EXAMPLE);
  else {
    int64_t n = (int64_t) t * EM_MEL_RATE;
    float *stereo = need (malloc (sizeof *stereo * 2 * (size_t) n));

    for (int i = 0; i < t; i++)
      copy_second (s, second_at (s, window, i), stereo + (size_t) i * 2 * EM_MEL_RATE);
    em_mel_clip (stereo, n, t, spect);
    free (stereo);
  }
  x = em_upload (s->ctx, spect, 4, (int64_t[]){ t, 2, EM_MEL_FRAMES, EM_MEL_BANDS });
  free (spect);
  return x;
}

/* One pass of ear and fuser over a window whose picture at `place` is `frame` (-1: the grid's own).
 * Keeps the prompts of all places, or of that one. */
static bool
fuse (EmSoundStore *s, int window, int place, int frame, EmError *err)
{
  EmCtx *ctx = s->ctx;
  const EmModel *m = s->model;
  int t = s->t, first = frame < 0 ? 0 : place, end = frame < 0 ? t : place + 1, n_slots = 0;
  int *frames = need (malloc ((size_t) t * sizeof *frames));
  EmPatches *patches = need (malloc ((size_t) t * sizeof *patches));
  EmTensor **parts = need (malloc (EM_N_FUSION * (size_t) t * sizeof *parts)),
           *stacked[EM_N_FUSION];
  void **slots = need (malloc ((size_t) t * sizeof *slots));
  bool good;

  for (int i = 0; i < t; i++)
    frames[i] = i == place && frame >= 0 ? frame : s->source->grid[second_at (s, window, i)];
  good = em_feature_store_patches (s->features, frames, t, patches, err);
  while (good && n_slots < end - first)
    if ((slots[n_slots] = em_slots_take (s->prompts, err)))
      n_slots++;
    else
      good = false;

  if (good) {
    EmTensor *spect = spectrum (s, window);

    for (int i = 0; i < EM_N_FUSION * t; i++)
      parts[i] = em_enter (ctx, &patches[i % t].patch[i / t]);
    for (int k = 0; k < EM_N_FUSION; k++)
      stacked[k] = em_concat (ctx, 0, t, parts + k * t);
    EmTensor *text
        = s->text ? em_roberta_forward (ctx, &m->roberta, s->text->ids, s->text->n) : NULL;
    EmFused fused = em_model_hear (ctx, m, stacked, spect, text);

    for (int i = first; i < end; i++) {
      EmAudioPrompts p = prompts_over (s, slots[i - first]);

      for (int k = 0; k < EM_N_FUSION; k++) {
        em_store (ctx, &p.v[k], em_rows_of (ctx, fused.v[k], i, i + 1));
        em_store (ctx, &p.a[k], em_rows_of (ctx, fused.a[k], i, i + 1));
      }
    }
    good = em_ctx_end_pass (ctx, err);
  }
  for (int i = 0; i < n_slots; i++)
    if (!good)
      em_slots_give (s->prompts, slots[i]);
    else
      em_slots_keep (s->prompts, slots[i],
                     frame < 0 ? key_of_place (s, window, i) : key_of_frame (s, frame));
  free (frames);
  free (patches);
  free (parts);
  free (slots);
  return good;
}

bool
em_sound_prompts (EmSoundStore *s, int frame, EmAudioPrompts *prompts, EmError *err)
{
  int second = em_sound_second (s, frame), window = second / s->t, place = second % s->t;
  bool on_grid = s->source->grid[second] == frame;
  int64_t key = on_grid ? key_of_place (s, window, place) : key_of_frame (s, frame);

  if (!em_slots_find (s->prompts, key) && !fuse (s, window, place, on_grid ? -1 : frame, err))
    return false;
  *prompts = prompts_over (s, em_slots_find (s->prompts, key));
  return true;
}

/* One frame of clip tracking: no prompts but sound, three masks and the best taken, nothing gated
 * but the pointer, and the memory of a hard mask. */
static EmEntry *
track_place (EmSoundStore *s, const EmBank *bank, int window, int place, EmError *err)
{
  EmRecallRules rules = { .n_frames = s->t,
                          .num_maskmem = s->model->config.sam2.num_maskmem,
                          .max_obj_ptrs = s->model->config.sam2.max_obj_ptrs_in_encoder,
                          .stride = 1 };
  int frame = s->source->grid[second_at (s, window, place)];
  EmHeadInput in = { .multimask = true };
  EmAudioPrompts audio;
  EmFeatures f;
  EmEntry *e;

  if (!em_feature_store_get (s->features, frame, &f, NULL, err)
      || !(e = em_entry_new (&s->pool, place, err)))
    return NULL;
  if (em_entry_room_for_memory (&s->pool, e, err)) {
    audio = prompts_over (s, em_slots_find (s->prompts, key_of_place (s, window, place)));
    em_head_listen (s->ctx, &in, audio.v, audio.a);
    EmRecall recall = em_bank_recall (bank, place, 1, &rules);
    EmTensor *image = em_head_image (s->ctx, s->model, &f, &recall);
    EmHead head = em_head_decode (s->ctx, s->model, &f, image, &in);

    em_head_store (s->ctx, e, &head,
                   em_head_remember (s->ctx, s->model, &f, head.mask, head.score, true));
    em_recall_clear (&recall);
    if (em_ctx_end_pass (s->ctx, err))
      return e;
  }
  em_entry_free (&s->pool, e);
  return NULL;
}

static Window *
window_for (EmSoundStore *s, int index)
{
  Window *w = &s->windows[0];

  for (int i = 0; i < s->room; i++) {
    if (s->windows[i].index == index && s->windows[i].text == em_sound_text (s))
      return &s->windows[i];
    if (s->windows[i].asked < w->asked)
      w = &s->windows[i];
  }
  return w;
}

/* Tracks through a window whose prompts are there. Padding behind the last second is tracked only
 * where it conditions the rest. */
static bool
track_window (EmSoundStore *s, int index, int n, Window *w, EmError *err)
{
  size_t map = (size_t) s->model->mask_side * s->model->mask_side;
  int cond = s->model->config.fuser.cond_middle ? s->t / 2 : 0;
  EmBank bank = { 0 };
  bool good = true;

  w->index = -1;
  if (!w->low_res) {
    w->low_res = need (malloc (sizeof (float) * map * (size_t) s->t));
    w->iou = need (malloc (sizeof (float) * (size_t) s->t));
    w->score = need (malloc (sizeof (float) * (size_t) s->t));
  }
  for (int step = 0; good && step <= s->t; step++) { /* the conditioning one, then 0, 1, 2 ... */
    int place = step == 0 ? cond : step - 1;
    EmEntry *e;

    if (step > 0 && (place == cond || place >= n))
      continue;
    e = track_place (s, &bank, index, place, err);
    if ((good = e != NULL)) {
      memcpy (w->low_res + map * (size_t) place, e->low_res, sizeof (float) * map);
      w->iou[place] = e->iou;
      w->score[place] = e->score;
      em_entries_put (&s->pool, step == 0 ? &bank.cond : &bank.tracked, e);
    }
  }
  em_bank_clear (&s->pool, &bank);
  if (good) {
    w->index = index;
    w->text = em_sound_text (s);
  }
  return good;
}

/* All of a window's prompts must be there at once: some may have been given up for others'. */
static bool
has_prompts (EmSoundStore *s, int window)
{
  for (int i = 0; i < s->t; i++)
    if (!em_slots_find (s->prompts, key_of_place (s, window, i)))
      return false;
  return true;
}

int
em_sound_window (EmSoundStore *s, int window, EmHeard *heard, EmError *err)
{
  size_t map = (size_t) s->model->mask_side * s->model->mask_side;
  int n = s->source->n_grid - window * s->t;
  Window *w;

  EM_BUG_UNLESS (window >= 0 && window < s->n_windows);
  n = n > s->t ? s->t : n;
  w = window_for (s, window);
  if ((w->index != window || w->text != em_sound_text (s))
      && ((!has_prompts (s, window) && !fuse (s, window, 0, -1, err))
          || !track_window (s, window, n, w, err)))
    return 0;
  w->asked = ++s->clock;
  for (int i = 0; i < n; i++)
    heard[i] = (EmHeard){ w->low_res + map * (size_t) i, w->iou[i], w->score[i] };
  return n;
}
