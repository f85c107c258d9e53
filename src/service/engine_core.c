/* engine_core.c - what lives on the engine's thread: backend, model, predictors. */
#include "service/engine_core.h"
#include "base/log.h"
#include "service/demo.h"
#include "service/em-engine.h"
#include <string.h>

#define MAX_OPEN   2                  /* predictors; a memory bank and a feature cache each */
#define MAX_WANTED 32                 /* frames to embed */
#define RING_BYTES ((size_t) 8 << 20) /* features are kept, pictures are hardly asked for twice */

typedef struct {
  guint revision; /* grows when sound or phase change: the predictor is made anew */
  EmFrameIndex *index;
  char *path;
  EmAudio *audio;
  double phase;
} Spec;

typedef struct {
  guint id;
  int frame;
} Wanted;

struct EmEngineCore {
  GMutex lock; /* clips and wanted */
  GHashTable *clips;
  GQueue wanted;
  guint n_revisions;

  /* The engine's thread only. */
  EmBackend *be;
  char *be_name; /* as it was asked for */
  EmWeights *weights;
  EmModel *model;
  guint n_models;
  GPtrArray *open; /* EmOpenClip */
  guint64 n_uses;
  EmOpenClip *kept;
  EmWork *keeper;
};

static void
spec_free (gpointer data)
{
  Spec *s = data;

  g_clear_object (&s->index);
  g_clear_object (&s->audio);
  g_free (s->path);
  g_free (s);
}

static void
open_clip_free (gpointer data)
{
  EmOpenClip *c = data;

  em_predictor_close (c->predictor);
  em_media_source_free (c->media);
  g_free (c);
}

void
em_model_info_free (EmModelInfo *info)
{
  g_free (info->name);
  g_free (info->digest);
  g_free (info->device);
  g_free (info);
}

EmEngineCore *
em_engine_core_new (void)
{
  EmEngineCore *core = g_new0 (EmEngineCore, 1);

  g_mutex_init (&core->lock);
  core->clips = g_hash_table_new_full (NULL, NULL, NULL, spec_free);
  g_queue_init (&core->wanted);
  core->open = g_ptr_array_new_with_free_func (open_clip_free);
  return core;
}

void
em_engine_core_free (EmEngineCore *core)
{
  g_hash_table_unref (core->clips);
  g_queue_clear_full (&core->wanted, g_free);
  g_ptr_array_unref (core->open);
  g_mutex_clear (&core->lock);
  g_free (core);
}

/* Clips -------------------------------------------------------------------------------------------
 */

void
em_engine_core_set_clip (EmEngineCore *core, guint id, EmFrameIndex *index, const char *path,
                         EmAudio *audio, double phase)
{
  Spec *s = g_new0 (Spec, 1);

  s->index = g_object_ref (index);
  s->path = g_strdup (path);
  g_set_object (&s->audio, audio);
  s->phase = phase;
  g_mutex_lock (&core->lock);
  s->revision = ++core->n_revisions;
  g_hash_table_insert (core->clips, GUINT_TO_POINTER (id), s);
  g_mutex_unlock (&core->lock);
}

/* `audio` NULL and a phase below 0 leave what is there. */
bool
em_engine_core_change_clip (EmEngineCore *core, guint id, EmAudio *audio, double phase)
{
  Spec *s;

  g_mutex_lock (&core->lock);
  s = g_hash_table_lookup (core->clips, GUINT_TO_POINTER (id));
  if (s) {
    if (audio)
      g_set_object (&s->audio, audio);
    if (phase >= 0)
      s->phase = phase;
    s->revision = ++core->n_revisions;
  }
  g_mutex_unlock (&core->lock);
  return s != NULL;
}

void
em_engine_core_forget_clip (EmEngineCore *core, guint id)
{
  g_mutex_lock (&core->lock);
  g_hash_table_remove (core->clips, GUINT_TO_POINTER (id));
  g_mutex_unlock (&core->lock);
}

static Spec *
copy_spec (EmEngineCore *core, guint id)
{
  Spec *copy = NULL, *s;

  g_mutex_lock (&core->lock);
  s = g_hash_table_lookup (core->clips, GUINT_TO_POINTER (id));
  if (s) {
    copy = g_new0 (Spec, 1);
    copy->revision = s->revision;
    copy->index = g_object_ref (s->index);
    copy->path = g_strdup (s->path);
    g_set_object (&copy->audio, s->audio);
    copy->phase = s->phase;
  }
  g_mutex_unlock (&core->lock);
  return copy;
}

void
em_engine_core_want (EmEngineCore *core, guint id, int frame)
{
  Wanted *w = g_new (Wanted, 1);

  *w = (Wanted){ id, frame };
  g_mutex_lock (&core->lock);
  g_queue_push_head (&core->wanted, w);
  if (core->wanted.length > MAX_WANTED)
    g_free (g_queue_pop_tail (&core->wanted));
  g_mutex_unlock (&core->lock);
}

bool
em_engine_core_take_wanted (EmEngineCore *core, guint *id, int *frame)
{
  Wanted *w;

  g_mutex_lock (&core->lock);
  w = g_queue_pop_head (&core->wanted);
  g_mutex_unlock (&core->lock);
  if (!w)
    return false;
  *id = w->id;
  *frame = w->frame;
  g_free (w);
  return true;
}

void
em_engine_core_want_none (EmEngineCore *core, guint id)
{
  g_mutex_lock (&core->lock);
  for (GList *l = core->wanted.head, *next; l; l = next) {
    next = l->next;
    if (id == 0 || ((Wanted *) l->data)->id == id) {
      g_free (l->data);
      g_queue_delete_link (&core->wanted, l);
    }
  }
  g_mutex_unlock (&core->lock);
}

/* The model ---------------------------------------------------------------------------------------
 */

static void
close_predictors (EmEngineCore *core)
{
  em_engine_core_keep (core, NULL, NULL);
  g_ptr_array_set_size (core->open, 0);
}

void
em_engine_core_close (EmEngineCore *core)
{
  close_predictors (core);
  g_clear_pointer (&core->model, em_model_close);
  g_clear_pointer (&core->weights, em_weights_close);
  g_clear_pointer (&core->be, em_backend_close);
  g_clear_pointer (&core->be_name, g_free);
}

static EmModelInfo *
describe (EmEngineCore *core)
{
  EmModelInfo *info = g_new0 (EmModelInfo, 1);
  g_autofree char *kind = g_ascii_strup (core->be->name, -1);

  info->name = g_strdup (core->model->config.name);
  info->digest = g_strdup (em_weights_digest (core->weights));
  info->device = g_strdup_printf ("%s, %s", kind, core->be->device);
  info->window = core->model->config.has_fuser ? core->model->config.fuser.window : 0;
  info->reads = core->model->config.has_text;
  return info;
}

EmModelInfo *
em_engine_core_load (EmEngineCore *core, const char *path, const char *device, GError **error)
{
  EmError err = EM_ERROR_INIT;
  const char *name = device ? device : "auto";
  bool is_new = g_strcmp0 (name, core->be_name) != 0;
  EmWeights *weights = path ? em_weights_open (path, &err) : em_demo_weights (&err);
  EmBackend *be = !weights ? NULL : is_new ? em_backend_open (name, &err) : core->be;
  EmModel *model = be ? em_model_open (weights, be, 0, &err) : NULL;

  if (!model) {
    if (be && is_new)
      em_backend_close (be);
    em_weights_close (weights);
    em_engine_take_error (&err, error);
    return NULL;
  }
  close_predictors (core);
  em_model_close (core->model);
  em_weights_close (core->weights);
  core->model = model;
  core->weights = weights;
  core->n_models++;
  if (is_new) {
    em_backend_close (core->be);
    core->be = be;
    g_free (core->be_name);
    core->be_name = g_strdup (name);
  }
  return describe (core);
}

guint
em_engine_core_model (EmEngineCore *core)
{
  return core->model ? core->n_models : 0;
}

/* Predictors --------------------------------------------------------------------------------------
 */

void
em_engine_core_keep (EmEngineCore *core, EmOpenClip *clip, EmWork *work)
{
  g_clear_pointer (&core->keeper, em_work_unref);
  core->kept = clip;
  core->keeper = work ? em_work_ref (work) : NULL;
}

static bool
is_kept (EmEngineCore *core, const EmOpenClip *clip)
{
  return clip == core->kept && core->keeper && !em_work_is_cancelled (core->keeper);
}

void
em_engine_core_sweep (EmEngineCore *core)
{
  for (guint i = core->open->len; i-- > 0;) {
    EmOpenClip *c = core->open->pdata[i];
    Spec *s = copy_spec (core, c->id);

    if ((!s || s->revision != c->revision) && !is_kept (core, c))
      g_ptr_array_remove_index (core->open, i);
    g_clear_pointer (&s, spec_free);
  }
}

static void
make_room (EmEngineCore *core)
{
  while (core->open->len >= MAX_OPEN) {
    guint oldest = core->open->len;

    for (guint i = 0; i < core->open->len; i++) {
      EmOpenClip *c = core->open->pdata[i];
      if (!is_kept (core, c)
          && (oldest == core->open->len
              || c->used < ((EmOpenClip *) core->open->pdata[oldest])->used))
        oldest = i;
    }
    if (oldest == core->open->len)
      break;
    g_ptr_array_remove_index (core->open, oldest);
  }
}

static EmOpenClip *
open_clip (EmEngineCore *core, guint id, const Spec *s, GError **error)
{
  g_autoptr (EmDecoder) decoder = em_decoder_open (s->index, s->path, NULL, error);
  EmPredictorOptions options = em_predictor_defaults ();
  EmError err = EM_ERROR_INIT;
  EmOpenClip *c;

  if (!decoder)
    return NULL;
  em_decoder_set_ring_bytes (decoder, RING_BYTES);
  c = g_new0 (EmOpenClip, 1);
  c->id = id;
  c->revision = s->revision;
  c->media = em_media_source_new (decoder, s->audio, s->phase);
  c->predictor = em_predictor_open (core->model, &c->media->source, &options, &err);
  if (!c->predictor) {
    open_clip_free (c);
    em_engine_take_error (&err, error);
    return NULL;
  }
  g_ptr_array_add (core->open, c);
  return c;
}

EmOpenClip *
em_engine_core_enter (EmEngineCore *core, guint id, EmWork *work, GError **error)
{
  Spec *s = copy_spec (core, id);
  EmOpenClip *c = NULL;
  GError *failed = NULL;

  if (!s) {
    g_set_error_literal (error, EM_ERROR, EM_E_CANCELLED, "the clip was closed");
    return NULL;
  }
  for (guint i = 0; i < core->open->len && !c; i++) {
    EmOpenClip *o = core->open->pdata[i];
    if (o->id == id && o->revision == s->revision)
      c = o;
  }
  if (!core->model) {
    g_set_error_literal (error, EM_ERROR, EM_E_WEIGHTS, "no model is loaded");
  } else if (!c) {
    em_engine_core_sweep (core);
    make_room (core);
    c = open_clip (core, id, s, &failed);
  }
  if (failed) {
    if (failed->domain == EM_ERROR)
      em_engine_tell_failed (work, failed->code, failed->message);
    g_propagate_error (error, failed);
  }
  spec_free (s);
  if (c)
    em_engine_core_reenter (c, work);
  if (c)
    c->used = ++core->n_uses;
  return c;
}

void
em_engine_core_reenter (EmOpenClip *clip, EmWork *work)
{
  clip->work = work;
  em_predictor_set_cancel (clip->predictor, em_work_flag (work));
}

void
em_engine_core_leave (EmOpenClip *clip)
{
  EmThrift thrift = em_predictor_thrift (clip->predictor);

  em_predictor_set_cancel (clip->predictor, NULL);
  if (thrift > clip->thrift && em_work_task (clip->work)) {
    clip->thrift = thrift;
    em_engine_tell_thrift (clip->work, thrift, em_predictor_flop_per_frame (clip->predictor));
  }
  clip->work = NULL;
}
