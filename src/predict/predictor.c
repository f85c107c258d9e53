/* predictor.c - the public face: checks what comes from outside, and puts the parts together. */
#include "predict/predictor.h"
#include <math.h>
#include <stdlib.h>
#include "base/log.h"
#include "engine/ops.h"
#include "predict/predictor_private.h"

EmPredictorOptions
em_predictor_defaults (void)
{
  return (EmPredictorOptions){ .corrected_become_cond = true,
                               .binarize_prompted = true,
                               .dynamic_multimask = true,
                               .max_cond_frames = 4,
                               .memory_stride = 1,
                               .feature_cache_bytes = (size_t) 512 << 20,
                               .bank_bytes = (size_t) 32 << 20,
                               .max_kept_frames = 96 };
}

void
em_answer_clear (EmAnswer *a)
{
  em_rle_clear (&a->mask);
  *a = (EmAnswer){ 0 };
}

/* What a caller of any kind can get wrong about a clip. */
static bool
check_source (const EmClipSource *s, EmError *err)
{
  EM_BUG_UNLESS (s->read || s->read_normalised);
  if (s->n_frames < 1 || s->width < 1 || s->height < 1)
    return em_fail (err, EM_E_INPUT, "a clip of %d frames of %d x %d pixels has nothing to see",
                    s->n_frames, s->width, s->height);
  for (int k = 0; k < s->n_grid; k++)
    if (s->grid[k] < 0 || s->grid[k] >= s->n_frames || (k && s->grid[k] < s->grid[k - 1]))
      return em_fail (err, EM_E_INPUT, "second %d has frame %d, which is out of order or not there",
                      k, s->grid[k]);
  return true;
}

EmPredictor *
em_predictor_open (EmModel *model, const EmClipSource *source, const EmPredictorOptions *options,
                   EmError *err)
{
  EmPredictor *p;
  EmCtx *ctx;

  if (!check_source (source, err) || !(ctx = em_ctx_new (model->be, err)))
    return NULL;
  p = calloc (1, sizeof *p);
  EM_BUG_UNLESS (p && options->max_cond_frames != 1 && options->memory_stride >= 1);
  p->model = model;
  p->source = *source;
  p->options = *options;
  p->ctx = ctx;
  p->features = em_feature_store_new (ctx, model, &p->source, options->feature_cache_bytes / 4 * 3,
                                      options->max_kept_frames, err);
  if (!p->features) {
    em_ctx_free (ctx);
    free (p);
    return NULL;
  }
  p->sound
      = em_sound_store_new (ctx, model, &p->source, p->features, options->feature_cache_bytes / 4);
  p->replay = em_replay_new (ctx, model, &p->source, &p->options, p->features, p->sound);
  p->tracker = em_tracker_new (ctx, model, &p->source, &p->options, p->features);
  return p;
}

void
em_predictor_close (EmPredictor *p)
{
  if (!p)
    return;
  em_tracker_free (p->tracker);
  em_replay_free (p->replay);
  em_sound_store_free (p->sound);
  em_feature_store_free (p->features);
  em_ctx_free (p->ctx);
  free (p->entries);
  free (p);
}

EmPredictorBytes
em_predictor_bytes (const EmPredictor *p)
{
  return (EmPredictorBytes){ em_feature_store_bytes (p->features),
                             em_entry_pool_bytes (em_tracker_pool (p->tracker)) };
}

EmThrift
em_predictor_thrift (const EmPredictor *p)
{
  return p->thrift;
}

double
em_predictor_flop_per_frame (const EmPredictor *p)
{
  int64_t n = em_feature_store_encoded (p->features);

  return n ? p->ctx->flop / (double) n : 0;
}

/* One step, if memory is what is missing and there is a step left. */
static bool
step_down (EmPredictor *p, EmError *err)
{
  EmBackend *be = p->model->be;

  if (err->code != EM_E_MEMORY || p->thrift == EM_THRIFT_LEAST)
    return false;
  p->thrift++;
  em_feature_store_shrink (p->features, p->thrift >= EM_THRIFT_SMALL);
  em_sound_store_shrink (p->sound, p->thrift >= EM_THRIFT_SMALL);
  if (p->thrift == EM_THRIFT_LEAST)
    p->options.bank_bytes = 0;
  em_tracker_shrink (p->tracker);
  if (be->trim)
    be->trim (be);
  em_log (EM_LOG_INFO, "%s: going on with less", err->text);
  *err = (EmError) EM_ERROR_INIT;
  return true;
}

/* `ok` becomes what `call` gives, which reports to `own`, with as little memory as it takes. */
#define FRUGALLY(p, err, ok, call)                                                                 \
  do {                                                                                             \
    EmError own = EM_ERROR_INIT;                                                                   \
    while (!((ok) = (call)) && step_down ((p), &own))                                              \
      ;                                                                                            \
    if (own.code != EM_OK)                                                                         \
      em_fail ((err), own.code, "%s", own.text);                                                   \
  } while (0)

void
em_predictor_set_cancel (EmPredictor *p, const atomic_bool *cancel)
{
  p->ctx->cancel = cancel;
}

void
em_predictor_set_tap (EmPredictor *p, EmTapFn tap, void *self)
{
  p->ctx->tap = tap;
  p->ctx->tap_self = self;
}

void
em_predictor_set_product (EmPredictor *p, EmProductFn product, void *self)
{
  p->ctx->product = product;
  p->ctx->product_self = self;
}

static bool
check_frame (const EmPredictor *p, int frame, EmError *err)
{
  if (frame >= 0 && frame < p->source.n_frames)
    return true;
  return em_fail (err, EM_E_USAGE, "there is no frame %d: the clip has %d", frame,
                  p->source.n_frames);
}

/* Of whatever goes to the tracker. */
static bool
check_track (const EmPredictor *p, int object, EmError *err)
{
  if (!p->model->config.sam2.tracks)
    return em_fail (err, EM_E_USAGE,
                    "the model \"%.100s\" is for single pictures: tracking needs the weights of a "
                    "video model, which has memory",
                    p->model->config.name);
  return object > 0 || em_fail (err, EM_E_USAGE, "%d is no object's number", object);
}

static bool
check_mask (const EmPredictor *p, const EmRle *mask, EmError *err)
{
  if (mask->width == p->source.width && mask->height == p->source.height)
    return true;
  return em_fail (err, EM_E_USAGE, "a mask of %d x %d pixels does not fit a clip of %d x %d",
                  mask->width, mask->height, p->source.width, p->source.height);
}

static bool
check_point (float x, float y, EmError *err)
{
  return (isfinite (x) && isfinite (y)) || em_fail (err, EM_E_USAGE, "a point is not a number");
}

/* An answer of what is there already: it takes less scratch than what made that, and is not
 * cancelled, so that a step that was made is answered. */
static bool
fill_answer (EmPredictor *p, EmAnswer *a, const float *low_res, float iou, float score,
             EmError *err)
{
  int side = p->model->mask_side, width = p->source.width, height = p->source.height;
  uint32_t *bits = malloc ((size_t) width * ((height + 31) / 32) * sizeof *bits);
  const atomic_bool *cancel = p->ctx->cancel;
  EmTensor *logits;
  bool good;

  EM_BUG_UNLESS (bits);
  p->ctx->cancel = NULL;
  logits = em_upload (p->ctx, low_res, 2, (int64_t[]){ side, side });
  em_download_raw (p->ctx, bits, em_mask_bits (p->ctx, logits, width, height));
  good = em_ctx_end_pass (p->ctx, err);
  p->ctx->cancel = cancel;
  if (good)
    *a = (EmAnswer){ .mask = em_rle_of_bits (bits, width, height),
                     .logits = low_res,
                     .side = side,
                     .iou = iou,
                     .score = score };
  free (bits);
  return good;
}

static void
clear_answers (EmAnswer *answers, int n)
{
  for (int i = 0; i < n; i++)
    em_answer_clear (&answers[i]);
}

int
em_predictor_n_windows (const EmPredictor *p)
{
  return em_sound_n_windows (p->sound);
}

int
em_predictor_window_size (const EmPredictor *p)
{
  return p->model->config.has_fuser ? p->model->config.fuser.window : 0;
}

double
em_predictor_rms (const EmPredictor *p, int second)
{
  return em_sound_rms (p->sound, second);
}

bool
em_predictor_set_text (EmPredictor *p, const char *utf8, EmError *err)
{
  const EmModelConfig *config = &p->model->config;
  int32_t ids[EM_MAX_TEXT_ROWS];
  int n = 0;

  if (utf8 && !config->has_text)
    return em_fail (
        err, EM_E_USAGE,
        "the model \"%.100s\" cannot read: text needs Ref-AVS weights imported together "
        "with DistilRoBERTa",
        config->name);
  if (utf8 && !(n = em_bpe_encode (p->model->bpe, utf8, ids, config->text.rows, err)))
    return false;
  em_sound_read (p->sound, ids, n);
  return true;
}

/* How many, or 0 with *err. */
static int
hear (EmPredictor *p, int window, EmHeard *heard, EmAnswer *answers, EmError *err)
{
  int n = em_sound_window (p->sound, window, heard, err);

  for (int i = 0; i < n; i++)
    if (!fill_answer (p, &answers[i], heard[i].low_res, heard[i].iou, heard[i].score, err)) {
      clear_answers (answers, i);
      return 0;
    }
  return n;
}

bool
em_predictor_sound (EmPredictor *p, int window, EmAnswer *answers, int *n, EmError *err)
{
  int n_windows = em_sound_n_windows (p->sound);
  EmHeard *heard;

  *n = 0;
  if (n_windows == 0)
    return em_fail (err, EM_E_USAGE,
                    p->model->config.has_fuser ? "the clip has no sound"
                                               : "the model does not hear: it has no fuser");
  if (window < 0 || window >= n_windows)
    return em_fail (err, EM_E_USAGE, "there is no window %d: the clip has %d", window, n_windows);
  heard = malloc ((size_t) em_predictor_window_size (p) * sizeof *heard);
  EM_BUG_UNLESS (heard);
  FRUGALLY (p, err, *n, hear (p, window, heard, answers, &own));
  free (heard);
  return *n > 0;
}

bool
em_predictor_embed (EmPredictor *p, int frame, EmError *err)
{
  EmFeatures f;
  EmPatches patches, *wanted = em_sound_n_windows (p->sound) ? &patches : NULL;
  bool good;

  if (!check_frame (p, frame, err))
    return false;
  FRUGALLY (p, err, good, em_feature_store_get (p->features, frame, &f, wanted, &own));
  return good;
}

static bool
check_set (const EmPredictor *p, const EmPromptSet *set, EmError *err)
{
  if (set->n < 0 || set->n > EM_MAX_PROMPTS)
    return em_fail (err, EM_E_USAGE, "%d prompts on a frame are too many: at most %d", set->n,
                    EM_MAX_PROMPTS);
  if (set->n == 0 && !(set->sound && em_sound_n_windows (p->sound) > 0))
    return em_fail (err, EM_E_USAGE,
                    "neither a point or box nor sound: there is nothing to decode");
  for (int i = 0; i < set->n; i++) {
    const EmPrompt *item = &set->items[i];

    if (!check_point (item->x0, item->y0, err)
        || (item->kind == EM_PROMPT_BOX && !check_point (item->x1, item->y1, err)))
      return false;
  }
  return !set->base || set->base->width == 0 || check_mask (p, set->base, err);
}

static bool
decode (EmPredictor *p, int frame, const EmPromptSet *set, EmAnswer *answer, EmError *err)
{
  EmReplayed got;

  return em_replay_decode (p->replay, frame, set, &got, err)
         && fill_answer (p, answer, got.low_res, got.iou, got.score, err);
}

bool
em_predictor_decode (EmPredictor *p, int frame, const EmPromptSet *set, EmAnswer *answer,
                     EmError *err)
{
  bool good;

  if (!check_frame (p, frame, err) || !check_set (p, set, err))
    return false;
  FRUGALLY (p, err, good, decode (p, frame, set, answer, &own));
  return good;
}

void
em_predictor_reset (EmPredictor *p)
{
  em_tracker_reset (p->tracker);
}

static bool
show (EmPredictor *p, EmEntry *e, EmAnswer *answer, EmError *err)
{
  return em_tracker_show (p->tracker, e, err)
         && fill_answer (p, answer, e->low_res, e->iou, e->score, err);
}

/* An entry may be asked for without an answer: then nothing is made of it. */
static bool
answer_entry (EmPredictor *p, EmEntry *e, EmAnswer *answer, EmError *err)
{
  bool good;

  if (!e || !answer)
    return e != NULL;
  FRUGALLY (p, err, good, show (p, e, answer, &own));
  return good;
}

bool
em_predictor_add_points (EmPredictor *p, int frame, int object, const float *xy, const int *labels,
                         int n, const float *box, bool clear_old, EmAnswer *answer, EmError *err)
{
  EmPrompt items[EM_MAX_PROMPTS];
  EmPointSet points;
  int n_items = 0;
  EmEntry *e;

  if (!check_frame (p, frame, err) || !check_track (p, object, err))
    return false;
  if (n < 0 || n + (box != NULL) > EM_MAX_PROMPTS)
    return em_fail (err, EM_E_USAGE, "%d points at once are too many: at most %d", n,
                    EM_MAX_PROMPTS - 1);
  if (n == 0 && !box)
    return em_fail (err, EM_E_USAGE, "neither a point nor a box for object %d", object);
  if (box && !clear_old)
    return em_fail (err, EM_E_USAGE, "a box replaces the points before it: clear them");
  if (box) {
    if (!check_point (box[0], box[1], err) || !check_point (box[2], box[3], err))
      return false;
    items[n_items++] = (EmPrompt){ EM_PROMPT_BOX, box[0], box[1], box[2], box[3] };
  }
  for (int i = 0; i < n; i++) {
    if (!check_point (xy[2 * i], xy[2 * i + 1], err))
      return false;
    if (labels[i] != 0 && labels[i] != 1)
      return em_fail (err, EM_E_USAGE, "a point's label is 0 or 1, not %d", labels[i]);
    items[n_items++] = (EmPrompt){ labels[i] ? EM_PROMPT_POSITIVE : EM_PROMPT_NEGATIVE, xy[2 * i],
                                   xy[2 * i + 1] };
  }
  em_replay_points (items, n_items, &p->source, p->model->config.sam2.image_size, &points);
  FRUGALLY (p, err, e, em_tracker_add_points (p->tracker, frame, object, &points, clear_old, &own));
  return answer_entry (p, e, answer, err);
}

bool
em_predictor_add_mask (EmPredictor *p, int frame, int object, const EmRle *mask, EmAnswer *answer,
                       EmError *err)
{
  EmEntry *e;

  if (!check_frame (p, frame, err) || !check_track (p, object, err) || !check_mask (p, mask, err))
    return false;
  FRUGALLY (p, err, e, em_tracker_add_mask (p->tracker, frame, object, mask, answer, &own));
  return answer_entry (p, e, answer, err);
}

bool
em_predictor_remember (EmPredictor *p, int frame, int object, const EmRle *mask, EmError *err)
{
  if (!check_frame (p, frame, err) || !check_track (p, object, err) || !check_mask (p, mask, err))
    return false;
  em_tracker_remember (p->tracker, frame, object, mask);
  return true;
}

bool
em_predictor_clear_frame (EmPredictor *p, int frame, int object, EmError *err)
{
  return check_frame (p, frame, err) && em_tracker_clear_frame (p->tracker, frame, object, err);
}

bool
em_predictor_remove_object (EmPredictor *p, int object, EmError *err)
{
  return em_tracker_remove (p->tracker, object, err);
}

bool
em_predictor_at (EmPredictor *p, int frame, int object, EmAnswer *answer, EmError *err)
{
  return check_frame (p, frame, err)
         && answer_entry (p, em_tracker_at (p->tracker, frame, object), answer, err);
}

bool
em_predictor_propagate (EmPredictor *p, int start, int end, int direction, EmError *err)
{
  bool good;

  EM_BUG_UNLESS (direction == 1 || direction == -1);
  if (!check_frame (p, start, err) || !check_frame (p, end, err))
    return false;
  if (direction * (end - start) < 0)
    return em_fail (err, EM_E_USAGE, "frame %d does not come %s frame %d", end,
                    direction > 0 ? "after" : "before", start);
  FRUGALLY (p, err, good, em_tracker_begin (p->tracker, start, end, direction, &own));
  return good;
}

static bool
answer_step (EmPredictor *p, EmAnswer *answers, int n, EmError *err)
{
  for (int i = 0; i < n; i++) {
    const EmEntry *e = p->entries[i];

    if (!fill_answer (p, &answers[i], e->low_res, e->iou, e->score, err)) {
      clear_answers (answers, i);
      return false;
    }
  }
  return true;
}

bool
em_predictor_step (EmPredictor *p, int *frame, EmAnswer *answers, EmError *err)
{
  int n = em_tracker_n_objects (p->tracker);
  bool good;

  if (n > p->room) {
    p->entries = realloc (p->entries, (size_t) n * sizeof *p->entries);
    EM_BUG_UNLESS (p->entries);
    p->room = n;
  }
  FRUGALLY (p, err, good, em_tracker_step (p->tracker, frame, p->entries, &own));
  if (good)
    FRUGALLY (p, err, good, answer_step (p, answers, n, &own));
  return good;
}

int
em_predictor_n_objects (const EmPredictor *p)
{
  return em_tracker_n_objects (p->tracker);
}

int
em_predictor_object (const EmPredictor *p, int i)
{
  return em_tracker_object (p->tracker, i);
}
