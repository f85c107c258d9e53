/* golden_video.c - the tracker against the official video predictor: clicks, a correction, a box on
 * a second object, a pass in reverse, a mask on a third. The metadata says which steps there are
 * and where the prompts lie. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "golden_model.h"
#include "inputs.h"
#include "predict/predictor_private.h"
#include "runners.h"

typedef struct {
  Golden *g;
  GoldenModel model;
  EmPredictor *p;
  json_t *steps;
  int n_frames, width, height, side;
  float *frames; /* [T, 3, S, S] */
  int n_calls;   /* of memory attention, while step A is tapped */
} Run;

static bool
read_frame (void *self, int frame, float *chw, EmError *err)
{
  Run *r = self;
  size_t n = (size_t) 3 * r->side * r->side;

  memcpy (chw, r->frames + n * frame, n * sizeof *chw);
  return true;
}

/* The reference's memory attention is sequence first with a batch of one: the same order. */
static void
hear (void *self, const char *name, const EmTensor *x)
{
  static const char *const keys[][2] = { { "memory", "memory" },
                                         { "memory_pos", "memory_pos" },
                                         { "num_obj_ptr_tokens", "num_ptr_tokens" },
                                         { "memory_attention.out", "out" } };
  Run *r = self;
  float *values = malloc ((size_t) em_numel (x) * sizeof *values);
  char key[64];

  for (int i = 0; i < 4; i++)
    if (!strcmp (name, keys[i][0])) {
      r->n_calls += i == 0;
      snprintf (key, sizeof key, "A.memattn%d.%s", r->n_calls, keys[i][1]);
      if (golden_has (r->g, key) && em_download (r->p->ctx, values, x))
        golden_compare (r->g, key, values, em_numel (x));
    }
  free (values);
}

/* The switches behind `config`'s words, then the JSON at its end. */
static bool
read_options (Run *r, EmPredictorOptions *o, EmError *err)
{
  const char *config = golden_meta (r->g, "config"), *json = config ? strchr (config, '{') : NULL;
  bool processed = config && strstr (config, "post-processing overrides on");
  json_t *switches = json ? json_loads (json, 0, NULL) : NULL, *value;
  const char *name;

  *o = em_predictor_defaults ();
  o->memory_f32 = config && strstr (config, "memory kept in float32");
  o->corrected_become_cond = false;
  o->binarize_prompted = o->dynamic_multimask = processed;
  o->max_cond_frames = 0;
  if (!switches)
    return em_fail (err, EM_E_INPUT, "%s: config ends with no JSON of switches",
                    golden_name (r->g));
  json_object_foreach (switches, name, value)
  {
    if (!strcmp (name, "add_all_frames_to_correct_as_cond"))
      o->corrected_become_cond = json_is_true (value);
    else if (!strcmp (name, "binarize_mask_from_pts_for_mem_enc"))
      o->binarize_prompted = json_is_true (value);
    else if (!strcmp (name, "dynamic_multimask_via_stability"))
      o->dynamic_multimask = json_is_true (value);
    else if (!strcmp (name, "max_cond_frames_in_attn"))
      o->max_cond_frames = json_integer_value (value) < 2 ? 0 : (int) json_integer_value (value);
    else if (strcmp (name, "fill_hole_area") || json_integer_value (value) != 0)
      em_fail (err, EM_E_INPUT, "%s: the predictor has no switch %s", golden_name (r->g), name);
  }
  json_decref (switches);
  return err->code == EM_OK;
}

static double
number (const Run *r, const char *name, int i)
{
  json_t *value = json_object_get (r->steps, name);

  return json_number_value (i < 0 ? value : json_array_get (value, (size_t) i));
}

/* Display logits of all objects on a frame, as `key`. Nothing held shows as -1024. */
static void
compare_display (Run *r, const char *key, int frame)
{
  int n = em_predictor_n_objects (r->p);
  size_t size = (size_t) r->width * r->height;
  float *all;

  if (!golden_has (r->g, key))
    return;
  all = malloc (size * (size_t) n * sizeof *all);
  for (int i = 0; i < n; i++) {
    EmEntry *e = em_tracker_at (r->p->tracker, frame, em_predictor_object (r->p, i));
    EmError err = EM_ERROR_INIT;

    for (size_t k = 0; !e && k < size; k++)
      all[size * i + k] = -1024;
    if (e && em_tracker_show (r->p->tracker, e, &err))
      em_logits_resize (e->low_res, r->p->model->mask_side, all + size * i, r->width, r->height);
  }
  golden_compare (r->g, key, all, (int64_t) size * n);
  free (all);
}

static void
compare_entry (Run *r, const char *prefix, const EmEntry *e)
{
  const EmModel *m = r->p->model;
  EmTensor memory = e->memory;
  char key[96];

  snprintf (key, sizeof key, "%s.low_res", prefix);
  golden_compare (r->g, key, e->low_res, (int64_t) m->mask_side * m->mask_side);
  snprintf (key, sizeof key, "%s.object_score", prefix);
  golden_compare_within (r->g, key, &e->score, 1, 1e-4, true);
  snprintf (key, sizeof key, "%s.obj_ptr", prefix);
  golden_compare_tensor (r->g, r->model.ctx, key, &e->pointer, true);
  snprintf (key, sizeof key, "%s.maskmem", prefix);
  memory.ndim = 4;
  memory.shape[1] = memory.shape[2] = m->side;
  memory.shape[3] = m->config.sam2.mem_dim;
  golden_compare_tensor (r->g, r->model.ctx, key, &memory, false);
}

/* "0,5" of conditioning frames in the order of their insertion. */
static bool
same_cond_frames (Run *r, const char *step, int object, const EmBank *bank, EmError *err)
{
  char key[64], got[512] = "";
  const char *want;
  size_t n = 0;

  snprintf (key, sizeof key, "%s.obj%d.cond_frames", step, object);
  want = golden_meta (r->g, key);
  for (int i = 0; i < bank->cond.n && n < sizeof got - 16; i++)
    n += (size_t) snprintf (got + n, sizeof got - n, "%s%d", i ? "," : "",
                            bank->cond.items[i]->frame);
  if (!want || !strcmp (want, got))
    return true;
  return em_fail (err, EM_E_CHECK, "%s: after step %s object %d has conditioning frames %s, not %s",
                  golden_name (r->g), step, object, got, want);
}

/* Everything that is stored, under the step's name. */
static bool
compare_banks (Run *r, const char *step, const char *name, EmError *err)
{
  for (int i = 0; i < em_predictor_n_objects (r->p); i++) {
    int object = em_predictor_object (r->p, i);
    const EmBank *bank = em_tracker_bank (r->p->tracker, object);
    const EmEntries *kinds[2] = { &bank->cond, &bank->tracked };
    char prefix[64];

    if (!same_cond_frames (r, step, object, bank, err))
      return false;
    for (int k = 0; k < 2; k++)
      for (int e = 0; e < kinds[k]->n; e++) {
        if (!em_tracker_make (r->p->tracker, kinds[k]->items[e], err))
          return false;
        snprintf (prefix, sizeof prefix, "%s.obj%d.frame%d", name, object,
                  kinds[k]->items[e]->frame);
        compare_entry (r, prefix, kinds[k]->items[e]);
      }
  }
  return true;
}

/* Propagates over the frames of `STEP.order` and compares what comes out on the way and at the end.
 */
static bool
propagate (Run *r, const char *step, EmError *err)
{
  char key[64];
  const char *order, *last, *name = step;
  EmAnswer answers[8];
  int frame, start, end;

  snprintf (key, sizeof key, "%s.order", step);
  order = golden_meta (r->g, key);
  last = strrchr (order, ',');
  snprintf (key, sizeof key, "%s.same_as_A", step);
  if (golden_meta_int (r->g, key, 0))
    name = "A";
  start = atoi (order);
  end = atoi (last ? last + 1 : order);
  if (!em_predictor_propagate (r->p, start, end, end < start ? -1 : 1, err))
    return false;
  for (const char *next = order; em_predictor_step (r->p, &frame, answers, err);) {
    if (!next || atoi (next) != frame)
      return em_fail (err, EM_E_CHECK, "%s: step %s came to frame %d, its order is %s",
                      golden_name (r->g), step, frame, order);
    next = strchr (next, ',');
    next = next ? next + 1 : NULL;
    for (int i = 0; i < em_predictor_n_objects (r->p); i++)
      em_answer_clear (&answers[i]);
    snprintf (key, sizeof key, "%s.frame%d.video_res", name, frame);
    compare_display (r, key, frame);
  }
  return err->code == EM_OK && compare_banks (r, step, name, err);
}

static bool
has_step (const Run *r, const char *step)
{
  char key[16];

  snprintf (key, sizeof key, "%s.order", step);
  return golden_meta (r->g, key) != NULL;
}

static bool
add_rectangle (Run *r, int frame, int object, EmError *err)
{
  int top = (int) number (r, "mask", 0), bottom = (int) number (r, "mask", 1),
      left = (int) number (r, "mask", 2), right = (int) number (r, "mask", 3);
  uint8_t *pixels = calloc ((size_t) r->width * r->height, 1);
  bool good;
  EmRle mask;

  for (int y = top; y < bottom && y < r->height; y++)
    for (int x = left; x < right && x < r->width; x++)
      pixels[y * r->width + x] = 1;
  mask = em_rle_encode (pixels, r->width, r->height);
  good = em_predictor_add_mask (r->p, frame, object, &mask, NULL, err);
  em_rle_clear (&mask);
  free (pixels);
  return good;
}

static bool
first_prompt (Run *r, EmError *err)
{
  const char *kind = golden_meta (r->g, "first_prompt");
  float xy[2] = { (float) number (r, "c0", 0), (float) number (r, "c0", 1) };

  if (kind && strncmp (kind, "mask", 4))
    return em_fail (err, EM_E_INPUT, "%s: no such first prompt: %s", golden_name (r->g), kind);
  if (kind ? !add_rectangle (r, 0, 1, err)
           : !em_predictor_add_points (r->p, 0, 1, xy, &(int){ 1 }, 1, NULL, true, NULL, err))
    return false;
  compare_display (r, "click0.video_res", 0);
  return true;
}

static bool
correct (Run *r, EmError *err)
{
  json_t *list = json_object_get (r->steps, "c5"), *item;
  int frame = (int) number (r, "f5", -1), n = 0, labels[EM_MAX_PROMPTS];
  float xy[EM_MAX_PROMPTS][2];

  for (size_t i = 0; i < json_array_size (list) && n < EM_MAX_PROMPTS; i++, n++) {
    item = json_array_get (list, i);
    xy[n][0] = (float) json_number_value (json_array_get (item, 0));
    xy[n][1] = (float) json_number_value (json_array_get (item, 1));
    labels[n] = (int) json_number_value (json_array_get (item, 2));
  }
  if (!em_predictor_add_points (r->p, frame, 1, xy[0], labels, n, NULL, true, NULL, err))
    return false;
  compare_display (r, "correct.video_res", frame);
  return true;
}

static bool
box (Run *r, EmError *err)
{
  int frame = (int) number (r, "f2", -1);
  float corners[4];

  for (int i = 0; i < 4; i++)
    corners[i] = (float) number (r, "box", i);
  if (!em_predictor_add_points (r->p, frame, 2, NULL, NULL, 0, corners, true, NULL, err))
    return false;
  compare_display (r, "box.video_res", frame);
  return true;
}

static bool
mask (Run *r, EmError *err)
{
  int frame = (int) number (r, "fm", -1);

  if (!add_rectangle (r, frame, 3, err))
    return false;
  compare_display (r, "mask.video_res", frame);
  return true;
}

static bool
run_steps (Run *r, EmError *err)
{
  static const struct {
    const char *name;
    bool (*prompt) (Run *r, EmError *err);
  } steps[]
      = { { "A", first_prompt }, { "B", correct }, { "C", box }, { "D", NULL }, { "E", mask } };

  for (int i = 0; i < 5; i++) {
    if (!has_step (r, steps[i].name))
      continue;
    if (steps[i].prompt && !steps[i].prompt (r, err))
      return false;
    em_predictor_set_tap (r->p, i == 0 ? hear : NULL, r);
    if (!propagate (r, steps[i].name, err))
      return false;
    em_predictor_set_tap (r->p, NULL, NULL);
  }
  return true;
}

bool
golden_run_video (Golden *g, EmError *err)
{
  Run r = { .g = g };
  EmClipSource source = { .self = &r, .read_normalised = read_frame };
  const char *steps = golden_meta (g, "steps");
  EmPredictorOptions options;
  bool good = false;

  r.n_frames = source.n_frames = (int) golden_meta_int (g, "T", 10);
  r.side = (int) golden_meta_int (g, "image_size", 256);
  r.width = source.width = (int) golden_meta_int (g, "video_width", r.side);
  r.height = source.height = (int) golden_meta_int (g, "video_height", r.side);
  r.steps = json_loads (steps ? steps : "", 0, NULL);
  if (!r.steps)
    em_fail (err, EM_E_INPUT, "%s: no usable steps in the metadata", golden_name (g));
  else if (read_options (&r, &options, err) && golden_model_open (&r.model, g, false, err)) {
    r.frames = input_frames (g, r.n_frames, r.side);
    r.p = em_predictor_open (r.model.model, &source, &options, err);
    good = r.p && run_steps (&r, err);
  }
  em_predictor_close (r.p);
  golden_model_close (&r.model);
  json_decref (r.steps);
  free (r.frames);
  return good;
}
