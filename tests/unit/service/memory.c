/* memory.c - a device that fails for once, and one whose memory goes: the engine tells what it does
 * without, then that there is none left, and goes on with the processor. The device is the
 * simulated GPU. */
#include <dlfcn.h>
#include "../media/clips.h"
#include "../predict/tiny.h"
#include "check.h"
#include "service/em-engine.h"
#include "until.h"

static EmEngine *engine;
static char *package;
static size_t (*used) (void);
static void (*set_budget) (size_t bytes);
static void (*lose_device) (bool is_lost);

typedef struct {
  int n, status;
} Got;

static int n_out, n_lost; /* how often memory was said to be out, the device to fail */
static char *last_text;

static void
failed_cb (EmEngine *self, int status, const char *text)
{
  n_out += status == EM_E_MEMORY;
  n_lost += status == EM_E_DEVICE;
  g_free (last_text);
  last_text = g_strdup (text);
}

static void
take (Got *g, GError *error)
{
  g->n++;
  g->status = error ? error->code : EM_OK;
  g_clear_error (&error);
}

static void
loaded_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;

  em_engine_load_finish (engine, result, &error);
  take (data, error);
}

static void
decoded_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;

  g_clear_pointer (&(EmDecoded *){ em_engine_decode_finish (engine, result, &error) },
                   em_decoded_unref);
  take (data, error);
}

static int
load (const char *device)
{
  Got got = { 0 };

  em_engine_load_async (engine, package, device, NULL, loaded_cb, &got);
  UNTIL (got.n == 1);
  return got.status;
}

static int
click (guint clip, int frame)
{
  EmPromptSet set = { .n = 1, .items = { { EM_PROMPT_POSITIVE, 60, 70 } } };
  Got got = { 0 };

  em_engine_decode_async (engine, clip, 1, frame, &set, false, NULL, decoded_cb, &got);
  UNTIL (got.n == 1);
  return got.status;
}

static void
find_functions (void)
{
  g_autofree char *path
      = g_build_filename (g_getenv ("EARMARK_MODULES"), "earmark-cudasim.so", NULL);
  void *module = dlopen (path, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);

  MUST (module);
  *(void **) &used = dlsym (module, "cudasim_used");
  *(void **) &set_budget = dlsym (module, "cudasim_set_budget");
  *(void **) &lose_device = dlsym (module, "cudasim_lose_device");
  MUST (used && set_budget && lose_device);
}

static void
make_package (void)
{
  EmError err = EM_ERROR_INIT;
  const char *metadata[2] = { "earmark.config", NULL };
  Tiny tiny;

  tiny_open (&tiny, (TinyKind){ .deaf = true });
  package = clips_path ("tiny.safetensors");
  metadata[1] = em_weights_metadata (tiny.weights, "earmark.config");
  CHECK (em_weights_save (package, tiny.n, (const char *const *) tiny.names, tiny.tensors, metadata,
                          1, &err));
  tiny_close (&tiny);
}

static void
check_memory (const char *path)
{
  g_autoptr (EmFrameIndex) index = open_index (path);
  EmAudio *audio;
  guint id;
  int frame = 1, status = EM_OK;

  MUST (audio = em_audio_load (index, path, 0, NULL, &error));
  CHECK_INT (load ("cudasim"), EM_OK);
  CHECK (g_str_has_prefix (em_engine_device (engine), "CUDASIM"));
  id = em_engine_open_clip (engine, index, path, audio, 0.5);
  find_functions ();
  CHECK_INT (click (id, 0), EM_OK);
  CHECK_INT (em_engine_thrift (engine), EM_THRIFT_NONE);

  lose_device (true);
  CHECK_INT (click (id, 1), EM_E_DEVICE);
  UNTIL (n_lost == 1);
  lose_device (false);
  CHECK_INT (click (id, 1), EM_OK);
  CHECK (n_out == 0 && em_engine_thrift (engine) == EM_THRIFT_NONE);

  set_budget (used ()); /* not a byte more: clicks on new frames want more and more */
  for (; status == EM_OK && frame < 40; frame++)
    status = click (id, frame);
  CHECK (em_engine_thrift (engine) > EM_THRIFT_NONE);
  set_budget (1 << 20); /* another program took the rest */
  for (; status == EM_OK && frame < 44; frame++)
    status = click (id, frame);
  if (status == EM_OK) { /* it still had all it needs: a predictor made anew does not */
    em_engine_close_clip (engine, id);
    id = em_engine_open_clip (engine, index, path, audio, 0.25);
    status = click (id, 3);
  }
  CHECK_INT (status, EM_E_MEMORY);
  UNTIL (n_out > 0);
  CHECK (last_text && strstr (last_text, "out of memory") && !strchr (last_text, '\n'));

  CHECK (em_engine_cpu_seconds (engine) >= 0);
  CHECK_TEXT (em_engine_model_path (engine), package);
  CHECK_INT (load ("cpu"), EM_OK);
  CHECK (g_str_has_prefix (em_engine_device (engine), "CPU"));
  CHECK_INT (em_engine_thrift (engine), EM_THRIFT_NONE);
  CHECK_INT (click (id, 5), EM_OK);
  set_budget (SIZE_MAX);
  em_engine_close_clip (engine, id);
  g_object_unref (audio);
}

int
main (void)
{
  const char *path;

  clips_open ();
  make_package ();
  engine = em_engine_new ();
  g_signal_connect (engine, "device-failed", G_CALLBACK (failed_cb), NULL);
  path = clip ("mp4");
  if (path)
    check_memory (path);
  UNTIL (G_OBJECT (engine)->ref_count == 1);
  g_assert_finalize_object (engine);
  g_free (package);
  g_free (last_text);
  clips_close ();
  return clips_result ();
}
