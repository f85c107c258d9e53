/* em-dump --model PACKAGE --inputs FILE --output FILE - the engine's numbers for other people's to
 * be compared with.
 *
 * Every line of stdin is a step, {"do": WHAT, ...}, and is answered by a line on stdout with the
 * seconds until all of it was done, the processor time of all threads, the memory used at most so
 * far, and of a GPU its memory in use ("device_kb"). A step with "events": true is also told the
 * seconds that the GPU's ops took ("device"); the events cost time, in this step and all later
 * ones. At the end of stdin all results are written, f32 and under the steps' names, as
 * safetensors; a points, mask or propagate step without a name keeps none. Pictures come as they
 * enter the encoder: `frames` [T, 3, S, S] of the inputs; so do masks, by the name of their tensor.
 *
 *   {"do": "open", "width": W, "height": H, "options": {...}, "rgb": true}    a new predictor with
 *                               these switches; rgb: pictures come as the app's do, from the
 *                               inputs' `rgb` [T, H, W, 3] of bytes
 *   {"do": "image", "frame": F, "prompts": [{"name": N, "points": [[x, y, label], ...],
 *    "mask": TENSOR}, ...]}     without memory: points in model pixels with labels -1 to 3, mask
 *                               logits [S/4, S/4], or both
 *   {"do": "embed", "frame": F}
 *   {"do": "points", "name": N, "frame": F, "object": O, "points": [[x, y, label], ...],
 *    "box": [x0, y0, x1, y1], "keep": true}     in display pixels; keep: earlier points count too
 *   {"do": "mask", "name": N, "frame": F, "object": O, "mask": TENSOR}     [H, W], not 0 is in
 *   {"do": "propagate", "name": N, "from": F, "to": F}     N.frameF.objO.* for all of both
 *   {"do": "reset"}     objects forgotten, features kept
 *
 * An answer is N.low_res [S/4, S/4], N.iou, N.score; of an image prompt N.masks [4, S/4, S/4],
 * N.iou [4], N.score, and N.single, N.single_iou of the choice among them; beside those
 * frameF.embed [N, d], .s0, .s1, channels last. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/json.h"
#include "engine/threads.h"
#include "predict/predictor.h"

typedef struct {
  EmWeights *weights, *inputs;
  EmBackend *be;
  EmModel *model;
  EmCtx *ctx; /* of image steps */
  EmPredictor *predictor;
  EmPredictorOptions options;
  EmClipSource source;
  const float *frames;
  const uint8_t *rgb;
  int n_frames, side; /* S */
  int n, room;        /* results, all owned */
  char **names;
  EmTensor *tensors;
} Dump;

static void *
need (void *p)
{
  EM_BUG_UNLESS (p);
  return p;
}

/* Room for a result under `prefix`.`name`. */
static float *
add_result (Dump *d, const char *prefix, const char *name, int ndim, const int64_t *shape)
{
  EmTensor t = em_tensor_of (EM_F32, NULL, ndim, shape);

  if (d->n == d->room) {
    d->room = d->room ? 2 * d->room : 64;
    d->names = need (realloc (d->names, (size_t) d->room * sizeof *d->names));
    d->tensors = need (realloc (d->tensors, (size_t) d->room * sizeof *d->tensors));
  }
  t.data = need (malloc ((size_t) em_numel (&t) * sizeof (float)));
  EM_BUG_UNLESS (asprintf (&d->names[d->n], "%s.%s", prefix, name) > 0);
  d->tensors[d->n++] = t;
  return t.data;
}

static void
add_tensor (Dump *d, const char *prefix, const char *name, const EmTensor *x)
{
  if (em_ok (d->ctx))
    em_download (d->ctx, add_result (d, prefix, name, x->ndim, x->shape), x);
}

/* Nothing is kept where `prefix` is NULL. */
static void
add_answer (Dump *d, const char *prefix, EmAnswer *a)
{
  int64_t side = a->side;

  if (prefix) {
    memcpy (add_result (d, prefix, "low_res", 2, (int64_t[]){ side, side }), a->logits,
            (size_t) (side * side) * sizeof (float));
    *add_result (d, prefix, "iou", 1, (int64_t[]){ 1 }) = a->iou;
    *add_result (d, prefix, "score", 1, (int64_t[]){ 1 }) = a->score;
  }
  em_answer_clear (a);
}

static bool
read_frame (void *self, int frame, float *chw, EmError *err)
{
  const Dump *d = self;
  size_t n = (size_t) 3 * d->side * d->side;

  memcpy (chw, d->frames + n * frame, n * sizeof *chw);
  return true;
}

static bool
read_rgb (void *self, int frame, uint8_t *rgb, EmError *err)
{
  const Dump *d = self;
  size_t n = (size_t) 3 * d->source.width * d->source.height;

  memcpy (rgb, d->rgb + n * frame, n);
  return true;
}

static bool
get_int (const json_t *step, const char *key, int low, int high, int *out, EmError *err)
{
  long long value = 0;
  bool good = em_json_int (step, key, low, high, &value, EM_E_USAGE, err);

  *out = (int) value;
  return good;
}

static bool
get_frame (const Dump *d, const json_t *step, const char *key, int *frame, EmError *err)
{
  return get_int (step, key, 0, d->n_frames - 1, frame, err);
}

/* [[x, y, label], ...]; none where `key` is missing. The number of them, -1 on error. */
static int
get_points (const json_t *step, const char *key, float xy[][2], int *labels, EmError *err)
{
  json_t *list = json_object_get (step, key), *item;
  size_t i;

  if (json_array_size (list) >= EM_MAX_PROMPTS)
    return em_fail (err, EM_E_USAGE, "more than %d points", EM_MAX_PROMPTS - 1) ? 0 : -1;
  json_array_foreach (list, i, item)
  {
    if (json_array_size (item) != 3)
      return em_fail (err, EM_E_USAGE, "point %zu is not [x, y, label]", i) ? 0 : -1;
    xy[i][0] = (float) json_number_value (json_array_get (item, 0));
    xy[i][1] = (float) json_number_value (json_array_get (item, 1));
    labels[i] = (int) json_number_value (json_array_get (item, 2));
  }
  return (int) json_array_size (list);
}

/* NULL where the step's results are not to be kept. */
static bool
get_name (const json_t *step, const char **name, EmError *err)
{
  *name = NULL;
  return !json_object_get (step, "name") || em_json_string (step, "name", name, EM_E_USAGE, err);
}

/* The input tensor of `height` x `width` floats that the step names. */
static const float *
get_input (const Dump *d, const json_t *step, const char *key, int height, int width, EmError *err)
{
  const EmTensor *t;
  const char *name;

  if (!em_json_string (step, key, &name, EM_E_USAGE, err))
    return NULL;
  t = em_weights_find (d->inputs, name);
  if (t && t->dtype == EM_F32 && em_numel (t) == (int64_t) height * width)
    return em_f32 (t);
  em_fail (err, EM_E_USAGE, "the inputs have no f32 tensor %s of %d x %d", name, height, width);
  return NULL;
}

/* Any of the predictor's switches; those not named are the app's. */
static bool
read_options (Dump *d, const json_t *values, EmError *err)
{
  const struct {
    const char *name;
    bool *flag;
    int *number;
    size_t *bytes;
  } known[] = { { "memory_f32", &d->options.memory_f32 },
                { "corrected_become_cond", &d->options.corrected_become_cond },
                { "binarize_prompted", &d->options.binarize_prompted },
                { "dynamic_multimask", &d->options.dynamic_multimask },
                { "clear_around_prompts", &d->options.clear_around_prompts },
                { "max_cond_frames", NULL, &d->options.max_cond_frames },
                { "memory_stride", NULL, &d->options.memory_stride },
                { "feature_cache_bytes", NULL, NULL, &d->options.feature_cache_bytes },
                { "bank_bytes", NULL, NULL, &d->options.bank_bytes } };
  int n_known = sizeof known / sizeof *known, k;
  const char *name;
  json_t *value;

  d->options = em_predictor_defaults ();
  json_object_foreach ((json_t *) values, name, value)
  {
    for (k = 0; k < n_known && strcmp (known[k].name, name); k++)
      ;
    if (k == n_known)
      return em_fail (err, EM_E_USAGE, "the predictor has no switch %s", name);
    if (known[k].flag)
      *known[k].flag = json_is_true (value);
    else if (known[k].number)
      *known[k].number = (int) json_integer_value (value);
    else
      *known[k].bytes = (size_t) json_integer_value (value);
  }
  if (d->options.max_cond_frames == 1 || d->options.memory_stride < 1)
    return em_fail (err, EM_E_USAGE,
                    "max_cond_frames is 0 or at least 2, memory_stride at least 1");
  return true;
}

static bool
find_rgb (Dump *d, int width, int height, EmError *err)
{
  const EmTensor *t = em_weights_find (d->inputs, "rgb");

  if (!t || t->dtype != EM_U8 || t->ndim != 4 || t->shape[0] != d->n_frames || t->shape[1] != height
      || t->shape[2] != width || t->shape[3] != 3)
    return em_fail (err, EM_E_USAGE, "the inputs have no rgb [%d, %d, %d, 3] of bytes", d->n_frames,
                    height, width);
  d->rgb = t->data;
  return true;
}

static bool
do_open (Dump *d, const json_t *step, EmError *err)
{
  bool rgb = json_is_true (json_object_get (step, "rgb"));
  int width, height;

  if (!get_int (step, "width", 1, 1 << 14, &width, err)
      || !get_int (step, "height", 1, 1 << 14, &height, err)
      || (rgb && !find_rgb (d, width, height, err))
      || !read_options (d, json_object_get (step, "options"), err))
    return false;
  em_predictor_close (d->predictor);
  d->source = (EmClipSource){ .self = d,
                              .n_frames = d->n_frames,
                              .width = width,
                              .height = height,
                              .read = rgb ? read_rgb : NULL,
                              .read_normalised = rgb ? NULL : read_frame };
  d->predictor = em_predictor_open (d->model, &d->source, &d->options, err);
  return d->predictor != NULL;
}

static bool
decode_image (Dump *d, const json_t *prompt, const EmImageFeatures *f, EmTensor *image,
              EmError *err)
{
  float xy[EM_MAX_PROMPTS][2];
  int labels[EM_MAX_PROMPTS], side = d->model->mask_side;
  int n = get_points (prompt, "points", xy, labels, err);
  const EmPromptEncoder *p = &d->model->prompt_encoder;
  EmDecodeInput in = { .image = image, .s0 = f->s0, .s1 = f->s1 };
  const float *mask = NULL;
  const char *name;

  if (n < 0 || !em_json_string (prompt, "name", &name, EM_E_USAGE, err)
      || (json_object_get (prompt, "mask")
          && !(mask = get_input (d, prompt, "mask", side, side, err))))
    return false;
  in.dense
      = mask ? em_prompt_mask (d->ctx, p, em_upload (d->ctx, mask, 3, (int64_t[]){ 1, side, side }))
             : em_prompt_no_mask (d->ctx, p);
  if (n) {
    EmPoints points = em_points_upload (d->ctx, p, xy[0], labels, n);

    in.sparse = em_prompt_points (d->ctx, p, &points);
  }
  EmMaskDecoded out = em_mask_decode (d->ctx, &d->model->mask_decoder, p, &in);
  EmChoice single = em_choose_single (d->ctx, &out, d->options.dynamic_multimask);

  add_tensor (d, name, "masks", out.masks);
  add_tensor (d, name, "iou", out.iou);
  add_tensor (d, name, "score", out.score);
  add_tensor (d, name, "single", single.mask);
  add_tensor (d, name, "single_iou", single.iou);
  return true;
}

static bool
do_image (Dump *d, const json_t *step, EmError *err)
{
  json_t *prompts = json_object_get (step, "prompts"), *prompt;
  int64_t plane = (int64_t) d->side * d->side;
  float *turned;
  char prefix[32];
  bool good = true;
  int frame;
  size_t i;

  if (!get_frame (d, step, "frame", &frame, err))
    return false;
  turned = need (malloc ((size_t) plane * 3 * sizeof *turned));
  for (int64_t at = 0; at < 3 * plane; at++)
    turned[at] = d->frames[3 * plane * frame + at % 3 * plane + at / 3];
  EmTensor *x = em_upload (d->ctx, turned, 4, (int64_t[]){ 1, d->side, d->side, 3 });
  EmImageFeatures f = em_model_encode (d->ctx, d->model, x, false);
  EmTensor *image = em_model_no_memory (d->ctx, d->model, f.fpn[2]);
  free (turned);

  snprintf (prefix, sizeof prefix, "frame%d", frame);
  add_tensor (d, prefix, "embed", image);
  add_tensor (d, prefix, "s0", f.s0);
  add_tensor (d, prefix, "s1", f.s1);
  json_array_foreach (prompts, i, prompt)
  {
    size_t mark = em_ctx_mark (d->ctx);

    good = good && decode_image (d, prompt, &f, image, err);
    em_ctx_release (d->ctx, mark);
  }
  return em_ctx_end_pass (d->ctx, err) && good;
}

static bool
do_embed (Dump *d, const json_t *step, EmError *err)
{
  int frame;

  return get_frame (d, step, "frame", &frame, err) && em_predictor_embed (d->predictor, frame, err);
}

static bool
do_points (Dump *d, const json_t *step, EmError *err)
{
  float xy[EM_MAX_PROMPTS][2], corners[4];
  int labels[EM_MAX_PROMPTS], frame, object, n = get_points (step, "points", xy, labels, err);
  json_t *box = json_object_get (step, "box");
  const char *name;
  EmAnswer answer;

  for (size_t i = 0; i < 4; i++)
    corners[i] = (float) json_number_value (json_array_get (box, i));
  if (n < 0 || !get_name (step, &name, err) || !get_frame (d, step, "frame", &frame, err)
      || !get_int (step, "object", 1, 1 << 20, &object, err)
      || !em_predictor_add_points (d->predictor, frame, object, xy[0], labels, n,
                                   box ? corners : NULL,
                                   !json_is_true (json_object_get (step, "keep")), &answer, err))
    return false;
  add_answer (d, name, &answer);
  return true;
}

static bool
do_mask (Dump *d, const json_t *step, EmError *err)
{
  int width = d->source.width, height = d->source.height, frame, object;
  const float *values = get_input (d, step, "mask", height, width, err);
  EmAnswer answer;
  const char *name;
  bool good;
  EmRle mask;

  if (!values || !get_name (step, &name, err) || !get_frame (d, step, "frame", &frame, err)
      || !get_int (step, "object", 1, 1 << 20, &object, err))
    return false;
  mask = em_rle_threshold (values, width, height);
  good = em_predictor_add_mask (d->predictor, frame, object, &mask, &answer, err);
  em_rle_clear (&mask);
  if (good)
    add_answer (d, name, &answer);
  return good;
}

static bool
do_propagate (Dump *d, const json_t *step, EmError *err)
{
  int from, to, frame, n = em_predictor_n_objects (d->predictor);
  EmAnswer *answers;
  char prefix[128];
  const char *name;

  if (!get_name (step, &name, err) || !get_frame (d, step, "from", &from, err)
      || !get_frame (d, step, "to", &to, err)
      || !em_predictor_propagate (d->predictor, from, to, to < from ? -1 : 1, err))
    return false;
  answers = need (malloc ((size_t) n * sizeof *answers));
  while (em_predictor_step (d->predictor, &frame, answers, err))
    for (int i = 0; i < n; i++) {
      if (name)
        snprintf (prefix, sizeof prefix, "%.80s.frame%d.obj%d", name, frame,
                  em_predictor_object (d->predictor, i));
      add_answer (d, name ? prefix : NULL, &answers[i]);
    }
  free (answers);
  return err->code == EM_OK;
}

static bool
do_reset (Dump *d, const json_t *step, EmError *err)
{
  em_predictor_reset (d->predictor);
  return true;
}

static bool
run_step (Dump *d, const json_t *step, EmError *err)
{
  static const struct {
    const char *name;
    bool alone; /* without a predictor */
    bool (*run) (Dump *d, const json_t *step, EmError *err);
  } steps[] = { { "open", true, do_open },    { "image", true, do_image },
                { "embed", false, do_embed }, { "points", false, do_points },
                { "mask", false, do_mask },   { "propagate", false, do_propagate },
                { "reset", false, do_reset } };
  const char *what;

  if (!em_json_string (step, "do", &what, EM_E_USAGE, err))
    return false;
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
    if (!strcmp (steps[i].name, what)) {
      if (!steps[i].alone && !d->predictor)
        return em_fail (err, EM_E_USAGE, "%s comes before open", what);
      return steps[i].run (d, step, err);
    }
  return em_fail (err, EM_E_USAGE, "there is no step \"%s\"", what);
}

static double
now (clockid_t clock)
{
  struct timespec t;

  clock_gettime (clock, &t);
  return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

/* The high-water mark of this process' memory, in kB, as the kernel has it. */
static long
peak_kb (void)
{
  FILE *f = fopen ("/proc/self/status", "r");
  char line[256];
  long kb = 0;

  while (f && fgets (line, sizeof line, f))
    if (sscanf (line, "VmHWM: %ld", &kb) == 1)
      break;
  if (f)
    fclose (f);
  return kb;
}

static bool
run_steps (Dump *d, EmError *err)
{
  EmBackend *be = d->be;
  char *line = NULL;
  size_t room = 0;
  bool good = true;

  for (ssize_t n; good && (n = getline (&line, &room, stdin)) > 0;) {
    json_t *step = em_json_parse (line, (size_t) n, "a step", EM_E_USAGE, err);
    bool events = be->spent && json_is_true (json_object_get (step, "events"));
    double device = events ? be->spent (be) : 0, seconds, cpu;

    be->finish (be);
    seconds = -now (CLOCK_MONOTONIC);
    cpu = -now (CLOCK_PROCESS_CPUTIME_ID);
    good = step && run_step (d, step, err);
    be->finish (be);
    cpu += now (CLOCK_PROCESS_CPUTIME_ID);
    seconds += now (CLOCK_MONOTONIC);
    json_decref (step);
    if (!good)
      break;
    printf ("{\"seconds\": %.6f, \"cpu\": %.6f, \"peak_kb\": %ld", seconds, cpu, peak_kb ());
    if (be->spent)
      printf (", \"device_kb\": %zu", be->used_bytes >> 10);
    if (events)
      printf (", \"device\": %.6f", be->spent (be) - device);
    printf ("}\n");
    fflush (stdout);
  }
  free (line);
  return good;
}

static bool
open_all (Dump *d, const char *device, const char *model, const char *inputs, EmError *err)
{
  const EmTensor *frames;

  d->options = em_predictor_defaults ();
  if (!(d->weights = em_weights_open (model, err)) || !(d->inputs = em_weights_open (inputs, err))
      || !(d->be = em_backend_open (device, err))
      || !(d->model = em_model_open (d->weights, d->be, 0, err))
      || !(d->ctx = em_ctx_new (d->be, err)))
    return false;
  d->side = d->model->config.sam2.image_size;
  frames = em_weights_find (d->inputs, "frames");
  if (!frames || frames->dtype != EM_F32 || frames->ndim != 4 || frames->shape[1] != 3
      || frames->shape[2] != d->side || frames->shape[3] != d->side)
    return em_fail (err, EM_E_INPUT, "%s: expected frames [T, 3, %d, %d] of f32", inputs, d->side,
                    d->side);
  d->frames = em_f32 (frames);
  d->n_frames = (int) frames->shape[0];
  return true;
}

static void
close_all (Dump *d)
{
  for (int i = 0; i < d->n; i++) {
    free (d->names[i]);
    free (d->tensors[i].data);
  }
  free (d->names);
  free (d->tensors);
  em_predictor_close (d->predictor);
  em_ctx_free (d->ctx);
  em_model_close (d->model);
  em_backend_close (d->be);
  em_weights_close (d->inputs);
  em_weights_close (d->weights);
}

int
main (int argc, char **argv)
{
  static const struct option options[] = { { "model", required_argument, NULL, 'm' },
                                           { "inputs", required_argument, NULL, 'i' },
                                           { "output", required_argument, NULL, 'o' },
                                           { "device", required_argument, NULL, 'd' },
                                           { NULL, 0, NULL, 0 } };
  const char *model = NULL, *inputs = NULL, *output = NULL, *device = "cpu";
  EmError err = EM_ERROR_INIT;
  Dump d = { 0 };
  bool good;

  em_threads_sleep_when_idle (argv);
  for (int c; (c = getopt_long (argc, argv, "m:i:o:d:", options, NULL)) != -1;)
    if (c == 'm')
      model = optarg;
    else if (c == 'i')
      inputs = optarg;
    else if (c == 'o')
      output = optarg;
    else if (c == 'd')
      device = optarg;
  if (!model || !inputs || !output || optind < argc) {
    fprintf (stderr, "usage: em-dump --model PACKAGE --inputs FILE --output FILE [--device NAME]"
                     " < STEPS\n");
    return em_exit_code (EM_E_USAGE);
  }
  good = open_all (&d, device, model, inputs, &err) && run_steps (&d, &err)
         && em_weights_save (output, d.n, (const char *const *) d.names, d.tensors, NULL, 0, &err);
  close_all (&d);
  if (!good)
    fprintf (stderr, "em-dump: %s\n", err.text);
  return good ? 0 : em_exit_code (err.code);
}
