/* The CUDA backend as a whole, on the simulated GPU: passes come out of graphs as they came out of
 * single launches, memory that is out is a step down, ops that go through the host say so. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "check.h"
#include "predict/predictor_private.h"
#include "predict/tiny.h"

#define FRAMES 6

static Tiny tiny;
static TinyClip clip;
static size_t (*used) (void);
static void (*set_budget) (size_t bytes);
static size_t (*graph_launches) (void);
static void (*lose_device) (bool is_lost);

/* The simulator's own functions, of the module that the backend is. */
static bool
find_functions (void)
{
  char path[4096];
  void *module;

  snprintf (path, sizeof path, "%s/earmark-cudasim.so", getenv ("EARMARK_MODULES"));
  module = dlopen (path, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
  *(void **) &used = dlsym (module, "cudasim_used");
  *(void **) &set_budget = dlsym (module, "cudasim_set_budget");
  *(void **) &graph_launches = dlsym (module, "cudasim_graph_launches");
  *(void **) &lose_device = dlsym (module, "cudasim_lose_device");
  return used && set_budget && graph_launches && lose_device;
}

typedef struct {
  EmBackend *be;
  EmModel *model;
} Device;

static Device
device_open (const char *name)
{
  EmError err = EM_ERROR_INIT;
  Device d = { em_backend_open (name, &err), NULL };

  d.model = em_model_open (tiny.weights, d.be, 0, &err);
  CHECK_TEXT (err.text, "");
  CHECK (d.model != NULL);
  return d;
}

static void
device_close (Device *d)
{
  em_model_close (d->model);
  em_backend_close (d->be);
}

typedef struct {
  int n;
  float logits[200][TINY_MAP];
} Work;

static void
keep (Work *w, EmAnswer *a)
{
  memcpy (w->logits[w->n++], a->logits, sizeof w->logits[0]);
  em_answer_clear (a);
}

/* Clicks on every frame, the sound, two objects tracked to the end and one of them back again. */
static bool
work_on (EmPredictor *p, Work *w, EmError *err)
{
  EmAnswer a[TINY_T];
  bool good = true;
  int frame, n;

  w->n = 0;
  em_predictor_reset (p);
  for (int i = 0; good && i < FRAMES; i++) {
    EmPromptSet set = { .n = 1, .items = { tiny_point (8 + (float) i, 9, true) } };

    if ((good = em_predictor_decode (p, i, &set, a, err)))
      keep (w, a);
  }
  if (good && (good = em_predictor_sound (p, 0, a, &n, err)))
    for (int i = 0; i < n; i++)
      keep (w, &a[i]);
  for (int i = 1; good && i <= 2; i++)
    good = em_predictor_add_points (p, 0, i, (float[]){ 8.0f * (float) i, 12 }, (int[]){ 1 }, 1,
                                    NULL, true, NULL, err);
  for (int direction = 1; good && direction >= -1; direction -= 2) {
    good = em_predictor_propagate (p, direction > 0 ? 0 : FRAMES - 1,
                                   direction > 0 ? FRAMES - 1 : 0, direction, err);
    while (good && em_predictor_step (p, &frame, a, err))
      for (int i = 0; i < 2; i++)
        keep (w, &a[i]);
  }
  return good && err->code == EM_OK;
}

/* The same on a clip that is opened for it. */
static bool
work (EmModel *model, Work *w, EmThrift *thrift, EmError *err)
{
  EmPredictorOptions options = em_predictor_defaults ();
  EmPredictor *p = em_predictor_open (model, &clip.source, &options, err);
  bool good = p && work_on (p, w, err);

  if (thrift)
    *thrift = p ? em_predictor_thrift (p) : EM_THRIFT_NONE;
  em_predictor_close (p);
  return good;
}

static double
distance (const Work *a, const Work *b)
{
  double apart = 0, size = 0;

  CHECK_INT (a->n, b->n);
  for (int i = 0; i < a->n; i++)
    for (int k = 0; k < TINY_MAP; k++) {
      double d = (double) a->logits[i][k] - b->logits[i][k];

      apart += d * d;
      size += (double) a->logits[i][k] * a->logits[i][k];
    }
  return size > 0 ? apart / size : apart;
}

static bool
same (const Work *a, const Work *b)
{
  return a->n == b->n && memcmp (a->logits, b->logits, sizeof a->logits[0] * (size_t) a->n) == 0;
}

/* First call by call, then captured, then replayed: the same bits, and those of the CPU but for
 * rounding. So it is with another clip, which may get the addresses that the first had. */
static void
graphs_change_nothing (void)
{
  static const char *const names[] = { "cudasim:f32", "cudasim:bf16" };
  static Work by_cpu, first, again;
  EmPredictorOptions options = em_predictor_defaults ();
  EmError err = EM_ERROR_INIT;

  CHECK (work (tiny.model, &by_cpu, NULL, &err));
  for (int i = 0; i < 2; i++) {
    Device d = device_open (names[i]);
    EmPredictor *p = em_predictor_open (d.model, &clip.source, &options, &err);
    size_t launches[3], before = graph_launches ();

    for (int round = 0; round < 3; round++) {
      CHECK (work_on (p, round ? &again : &first, &err));
      CHECK (round == 0 || same (&first, &again));
      launches[round] = graph_launches ();
    }
    CHECK (launches[0] > before); /* passes come again within a round */
    CHECK (launches[2] - launches[1] > launches[0] - before);
    em_predictor_close (p);
    before = graph_launches ();
    CHECK (work (d.model, &again, NULL, &err) && same (&first, &again));
    CHECK (graph_launches () - before < launches[2] - launches[1]); /* none from before */
    printf ("%s: %zu graphs launched in the last of 3 rounds, %.1e from the CPU\n", names[i],
            launches[2] - launches[1], distance (&by_cpu, &first));
    CHECK (distance (&by_cpu, &first) < (i ? 3e-2 : 1e-8));
    CHECK_TEXT (d.be->slow_ops (d.be), "");
    device_close (&d);
  }
  CHECK_TEXT (err.text, "");
  CHECK_INT (used (), 0); /* everything was given back */
}

/* Less and less of the device's memory. */
static void
less_memory (void)
{
  static Work plenty, less;
  EmError err = EM_ERROR_INIT;
  EmThrift thrift = EM_THRIFT_NONE;
  Device d = device_open ("cudasim:bf16");
  bool stepped = false, worked = true;
  size_t kept;

  CHECK (work (d.model, &plenty, &thrift, &err) && thrift == EM_THRIFT_NONE);
  d.be->trim (d.be);
  kept = used (); /* the weights, and the scratch of ops */
  for (size_t more = 3200 << 10; worked && more; more -= 64 << 10) {
    set_budget (kept + more);
    worked = work (d.model, &less, &thrift, &err);
    CHECK (!worked || same (&plenty, &less));
    stepped |= worked && thrift > EM_THRIFT_NONE;
    d.be->trim (d.be);
  }
  set_budget (SIZE_MAX);
  CHECK (stepped && !worked);
  CHECK_INT (err.code, EM_E_MEMORY);
  CHECK (strstr (err.text, "out of memory") && !strchr (err.text, '\n'));
  /* And with memory again it works again. */
  err = (EmError) EM_ERROR_INIT;
  CHECK (work (d.model, &less, &thrift, &err) && same (&plenty, &less));
  device_close (&d);
}

/* Scratch that cannot grow at some point within a pass, wherever that is: the pass ends like any
 * that failed. */
static bool (*real_commit) (EmBackend *be, void *memory, size_t bytes);
static int n_commits, commit_fails_at;

static bool
commit_but_one (EmBackend *be, void *memory, size_t bytes)
{
  return n_commits++ != commit_fails_at && real_commit (be, memory, bytes);
}

static void
any_growth_fails (void)
{
  EmPredictorOptions options = em_predictor_defaults ();
  EmPromptSet set = { .n = 1, .items = { tiny_point (8, 9, true) } };
  Device d = device_open ("cudasim:bf16");
  EmError err = EM_ERROR_INIT;
  EmAnswer a;
  int calls = 1;

  real_commit = d.be->commit;
  d.be->commit = commit_but_one;
  for (int i = -1; i < calls; i++) { /* none, then each */
    EmPredictor *p = em_predictor_open (d.model, &clip.source, &options, &err);
    int frame;

    n_commits = 0;
    commit_fails_at = i;
    CHECK (em_predictor_decode (p, 0, &set, &a, &err));
    em_answer_clear (&a);
    CHECK (em_predictor_add_points (p, 0, 1, (float[]){ 8, 12 }, (int[]){ 1 }, 1, NULL, true, NULL,
                                    &err)
           && em_predictor_propagate (p, 0, 1, 1, &err));
    for (int k = 0; k < 2; k++) {
      CHECK (em_predictor_step (p, &frame, &a, &err));
      em_answer_clear (&a);
    }
    CHECK_TEXT (err.text, "");
    CHECK_INT (em_predictor_thrift (p), i < 0 ? EM_THRIFT_NONE : EM_THRIFT_DROPPED);
    calls = i < 0 ? n_commits : calls;
    em_predictor_close (p);
  }
  printf ("%d growths of scratch refused in turn\n", calls);
  CHECK (calls > 10);
  device_close (&d);
}

/* Weights whose second form the device keeps, of convolutions that lie in a row. */
enum { CONVS = 3, FORM_BYTES = 8 * 8 * 3 * 3 * sizeof (float), MAP = 6 * 6 * 8 };

static void
weights_open (EmBackend *be, EmTensor w[CONVS], uint32_t seed)
{
  float values[FORM_BYTES / sizeof (float)];

  for (int i = 0; i < CONVS; i++) {
    for (size_t k = 0; k < FORM_BYTES / sizeof (float); k++)
      values[k] = (float) ((seed = seed * 1664525 + 1013904223) >> 8) / (1 << 24) - 0.4f;
    w[i] = (EmTensor){ EM_F32, 4, { 8, 8, 3, 3, 1 }, be->alloc (be, FORM_BYTES) };
    CHECK (be->upload (be, w[i].data, values, FORM_BYTES));
    be->hold (be, w[i].data, FORM_BYTES, false);
  }
}

static void
weights_close (EmBackend *be, EmTensor w[CONVS])
{
  for (int i = 0; i < CONVS; i++) {
    be->let_go (be, w[i].data, FORM_BYTES);
    be->free (be, w[i].data, FORM_BYTES);
  }
}

static bool
convolve (EmCtx *ctx, EmTensor w[CONVS], float out[MAP])
{
  EmError err = EM_ERROR_INIT;
  float in[MAP];
  EmTensor *y;

  for (int i = 0; i < MAP; i++)
    in[i] = (float) (i % 7) / 7;
  y = em_upload (ctx, in, 4, (int64_t[]){ 1, 6, 6, 8 });
  for (int i = 0; i < CONVS; i++)
    y = em_conv2d (ctx, y, &w[i], NULL, 1, 1, EM_ACT_RELU);
  em_download (ctx, out, y);
  return em_ctx_end_pass (ctx, &err);
}

/* A pass that had no memory for some of them, then for one more, leaves none that is not filled. */
static void
forms_are_whole (void)
{
  EmError err = EM_ERROR_INIT;
  EmBackend *be = em_backend_open ("cudasim:f32", &err);
  EmCtx *ctx = em_ctx_new (be, &err);
  EmTensor w[CONVS], others[CONVS];
  float want[MAP], out[MAP];

  weights_open (be, w, 1);
  CHECK (convolve (ctx, w, want) && want[0] == want[0]);
  be->trim (be);
  weights_open (be, others, 2);
  CHECK (convolve (ctx, others, out)); /* scratch is there, and nothing of w */
  for (size_t n = 0; n < 2; n++) {
    set_budget (used () + n * FORM_BYTES);
    CHECK (!convolve (ctx, w, out));
  }
  set_budget (SIZE_MAX);
  for (int round = 0; round < 3; round++)
    CHECK (convolve (ctx, w, out) && memcmp (out, want, sizeof out) == 0);
  weights_close (be, others);
  weights_close (be, w);
  em_ctx_free (ctx);
  em_backend_close (be);
}

/* A device that fails says so in one line, as often as it is asked, and lets go. */
static void
the_device_fails (void)
{
  static Work before, after;
  EmError err = EM_ERROR_INIT;
  Device d = device_open ("cudasim:bf16");

  CHECK (work (d.model, &before, NULL, &err));
  lose_device (true);
  for (int i = 0; i < 2; i++) {
    EmThrift thrift = EM_THRIFT_NONE;

    err = (EmError) EM_ERROR_INIT;
    CHECK (!work (d.model, &after, &thrift, &err));
    CHECK_INT (err.code, EM_E_DEVICE);
    CHECK (strstr (err.text, "illegal memory access") && !strchr (err.text, '\n'));
    CHECK_INT (thrift, EM_THRIFT_NONE); /* less memory would not help */
  }
  lose_device (false);
  err = (EmError) EM_ERROR_INIT;
  CHECK (work (d.model, &after, NULL, &err) && same (&before, &after));
  lose_device (true);
  device_close (&d); /* closing is all that is left to do */
  lose_device (false);
}

/* A bank that is full is a concat of dozens of parts. */
static void
many_through_the_host (EmBackend *be)
{
  EmError err = EM_ERROR_INIT;
  EmCtx *ctx = em_ctx_new (be, &err);
  EmTensor *parts[40];
  float joined[40] = { 0 };

  for (int i = 0; i < 40; i++)
    parts[i] = em_upload (ctx, &(float){ (float) i }, 1, (int64_t[]){ 1 });
  CHECK (em_download (ctx, joined, em_concat (ctx, 0, 40, parts)));
  for (int i = 0; i < 40; i++)
    CHECK (joined[i] == (float) i);
  CHECK (em_ctx_end_pass (ctx, &err));
  em_ctx_free (ctx);
}

/* Any op by way of the CPU gives what the device gives, and is named. */
static void
ops_through_the_host (void)
{
  static Work by_device, by_host;
  EmError err = EM_ERROR_INIT;
  Device d = device_open ("cudasim:f32");
  Device h = device_open ("cudasim:f32:host=attention,layer_norm,permute,concat,where,take,cast");

  CHECK (work (d.model, &by_device, NULL, &err) && work (h.model, &by_host, NULL, &err));
  CHECK (distance (&by_device, &by_host) < 1e-8);
  CHECK (strstr (h.be->slow_ops (h.be), "attention") && strstr (h.be->slow_ops (h.be), "take"));
  many_through_the_host (h.be);
  device_close (&h);
  device_close (&d);
  CHECK (!em_backend_open ("cudasim:host=sorcery", &err) && strstr (err.text, "sorcery"));
  err = (EmError) EM_ERROR_INIT;
  CHECK (!em_backend_open ("cudasim:quickly", &err) && strstr (err.text, "quickly"));
  err = (EmError) EM_ERROR_INIT;
  CHECK (!em_backend_open ("cudasim:7", &err) && strstr (err.text, "GPU 7"));
}

/* Two GPUs in one process, in turn, as when another model is tried beside the one in use. */
static void
two_devices (void)
{
  static Work first, again;
  EmError err = EM_ERROR_INIT;
  Device a, b;

  setenv ("EARMARK_CUDASIM_DEVICES", "2", 1);
  a = device_open ("cudasim:1:bf16");
  CHECK (work (a.model, &first, NULL, &err));
  b = device_open ("cudasim:0:bf16");
  CHECK (work (a.model, &again, NULL, &err) && same (&first, &again));
  CHECK (work (b.model, &again, NULL, &err) && same (&first, &again));
  device_close (&b);
  CHECK (work (a.model, &again, NULL, &err) && same (&first, &again));
  device_close (&a);
  CHECK_TEXT (err.text, "");
  unsetenv ("EARMARK_CUDASIM_DEVICES");
}

/* A machine without a GPU: one line. */
static void
no_device (void)
{
  EmError err = EM_ERROR_INIT;

  setenv ("EARMARK_CUDASIM_DEVICES", "0", 1);
  CHECK (!em_backend_open ("cudasim", &err));
  CHECK_INT (err.code, EM_E_DEVICE);
  CHECK (strstr (err.text, "no NVIDIA GPU") && !strchr (err.text, '\n'));
  unsetenv ("EARMARK_CUDASIM_DEVICES");
}

/* With an argument: the GPU is one of before 2020. */
int
main (int argc, char **argv)
{
  EmError err = EM_ERROR_INIT;
  EmBackend *be = em_backend_open ("cudasim", &err);

  if (argc > 1) {
    CHECK (!be && strstr (err.text, argv[1]) && !strchr (err.text, '\n'));
    return check_failures > 0;
  }
  CHECK_TEXT (err.text, "");
  em_backend_close (be);
  CHECK (find_functions ());
  tiny_open (&tiny, (TinyKind){ 0 });
  tiny_clip_open (&clip, FRAMES, 2);
  forms_are_whole ();
  graphs_change_nothing ();
  less_memory ();
  any_growth_fails ();
  the_device_fails ();
  ops_through_the_host ();
  two_devices ();
  no_device ();
  tiny_clip_close (&clip);
  tiny_close (&tiny);
  return check_failures > 0;
}
