/* em-engine.c - the one place where masks are computed: its face towards the main thread. */
#include "service/em-engine.h"
#include "engine/yardstick.h"
#include "service/em-worker.h"
#include "service/engine_jobs.h"
#include <string.h>

struct _EmEngine {
  GObject parent_instance;
  EmWorker *worker;
  EmEngineCore *core;
  EmModelInfo *info; /* NULL without a model */
  guint n_clips;
  int thrift;
  double flop_per_frame; /* told with a step down; 0: not known */
  char *path;            /* of the model */
  /* Answers that were on their way when somebody cancelled are dropped: requests are numbered, and
   * for every clip (0: all) the number is kept below which nothing is told any more. */
  guint64 n_requests;
  GHashTable *cancelled; /* clip -> number */
};

enum {
  PROP_LOADED = 1,
  PROP_BUSY,
  PROP_READS,
  PROP_WAITING,
  PROP_NAME,
  PROP_DIGEST,
  PROP_DEVICE,
  PROP_THRIFT,
  N_PROPS
};
static GParamSpec *props[N_PROPS];

enum { DEVICE_FAILED, N_SIGNALS };
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (EmEngine, em_engine, G_TYPE_OBJECT)

/* What a task remembers of its request. */
typedef struct {
  guint64 number;
  guint clip;
  EmWork *work;
  gint *n_done; /* tracking: frames told of */
} Ticket;

bool
em_engine_take_error (EmError *err, GError **error)
{
  if (err->code == EM_OK)
    return true;
  g_set_error_literal (error, EM_ERROR, err->code, err->text);
  *err = (EmError) EM_ERROR_INIT;
  return false;
}

static void
waiting_cb (EmEngine *self)
{
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_WAITING]);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_BUSY]);
}

static void
exit_cb (gpointer core, gpointer unused)
{
  em_engine_core_close (core);
}

static void
em_engine_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  EmEngine *self = EM_ENGINE (object);

  switch (id) {
  case PROP_LOADED:
    g_value_set_boolean (value, self->info != NULL);
    break;
  case PROP_BUSY:
    g_value_set_boolean (value, em_worker_waiting (self->worker) > 0);
    break;
  case PROP_READS:
    g_value_set_boolean (value, em_engine_reads (self));
    break;
  case PROP_WAITING:
    g_value_set_int (value, em_worker_waiting (self->worker));
    break;
  case PROP_NAME:
    g_value_set_string (value, em_engine_model_name (self));
    break;
  case PROP_DIGEST:
    g_value_set_string (value, em_engine_model_digest (self));
    break;
  case PROP_DEVICE:
    g_value_set_string (value, em_engine_device (self));
    break;
  case PROP_THRIFT:
    g_value_set_int (value, self->thrift);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
}

static void
em_engine_dispose (GObject *object)
{
  EmEngine *self = EM_ENGINE (object);

  if (self->worker)
    g_signal_handlers_disconnect_by_data (self->worker, self);
  g_clear_object (&self->worker); /* the thread ends here, after closing what it owns */
  g_clear_pointer (&self->core, em_engine_core_free);
  g_clear_pointer (&self->info, em_model_info_free);
  g_clear_pointer (&self->cancelled, g_hash_table_unref);
  g_clear_pointer (&self->path, g_free);
  G_OBJECT_CLASS (em_engine_parent_class)->dispose (object);
}

static void
em_engine_class_init (EmEngineClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->get_property = em_engine_get_property;
  object_class->dispose = em_engine_dispose;
  props[PROP_LOADED] = g_param_spec_boolean ("loaded", NULL, NULL, FALSE, flags);
  props[PROP_BUSY] = g_param_spec_boolean ("busy", NULL, NULL, FALSE, flags);
  props[PROP_READS] = g_param_spec_boolean ("reads", NULL, NULL, FALSE, flags);
  props[PROP_WAITING] = g_param_spec_int ("waiting", NULL, NULL, 0, G_MAXINT, 0, flags);
  props[PROP_NAME] = g_param_spec_string ("model-name", NULL, NULL, "", flags);
  props[PROP_DIGEST] = g_param_spec_string ("model-digest", NULL, NULL, "", flags);
  props[PROP_DEVICE] = g_param_spec_string ("device", NULL, NULL, "", flags);
  props[PROP_THRIFT]
      = g_param_spec_int ("thrift", NULL, NULL, 0, EM_THRIFT_LEAST, EM_THRIFT_NONE, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);
  signals[DEVICE_FAILED]
      = g_signal_new ("device-failed", EM_TYPE_ENGINE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                      G_TYPE_NONE, 2, G_TYPE_INT, G_TYPE_STRING);
}

static void
em_engine_init (EmEngine *self)
{
  self->core = em_engine_core_new ();
  self->cancelled = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  self->worker = em_worker_new ("engine", exit_cb, self->core);
  g_signal_connect_swapped (self->worker, "notify::waiting", G_CALLBACK (waiting_cb), self);
}

EmEngine *
em_engine_new (void)
{
  return g_object_new (EM_TYPE_ENGINE, NULL);
}

/* Requests ----------------------------------------------------------------------------------------
 */

static void
ticket_free (gpointer data)
{
  Ticket *t = data;

  em_work_unref (t->work);
  g_clear_pointer (&t->n_done, g_atomic_rc_box_release);
  g_free (t);
}

/* Queues work that answers through a new task. */
static Ticket *
ask (EmEngine *self, gpointer tag, guint clip, int rank, const char *key, EmWorkFn fn, gpointer job,
     GDestroyNotify destroy, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, data);
  EmWorkOptions options = { .rank = rank, .group = clip, .key = key, .task = task };
  Ticket *ticket = g_new (Ticket, 1);

  g_task_set_source_tag (task, tag);
  *ticket = (Ticket){ ++self->n_requests, clip };
  ticket->work = em_worker_push (self->worker, &options, fn, job, destroy);
  g_object_set_data_full (G_OBJECT (task), "em-ticket", ticket, ticket_free);
  return ticket; /* the task's, which answers from the main loop at the earliest */
}

/* True if the answer comes after the request was cancelled. */
static bool
is_dropped (EmEngine *self, GTask *task)
{
  const Ticket *t = g_object_get_data (G_OBJECT (task), "em-ticket");
  const guint64 *clip = g_hash_table_lookup (self->cancelled, GUINT_TO_POINTER (t->clip));
  const guint64 *all = g_hash_table_lookup (self->cancelled, NULL);

  return em_work_is_cancelled (t->work) || (clip && t->number <= *clip)
         || (all && t->number <= *all);
}

static gpointer
take_answer (EmEngine *self, GAsyncResult *result, gpointer tag, GDestroyNotify destroy,
             GError **error)
{
  GTask *task = G_TASK (result);
  gpointer answer;

  EM_BUG_UNLESS (g_task_is_valid (result, self) && g_task_get_source_tag (task) == tag);
  answer = g_task_propagate_pointer (task, error);
  if (answer && is_dropped (self, task)) {
    destroy (answer);
    g_set_error_literal (error, EM_ERROR, EM_E_CANCELLED, "cancelled");
    return NULL;
  }
  return answer;
}

void
em_engine_cancel (EmEngine *self, guint clip)
{
  guint64 *number = g_new (guint64, 1);

  *number = self->n_requests;
  g_hash_table_insert (self->cancelled, GUINT_TO_POINTER (clip), number);
  em_engine_core_want_none (self->core, clip);
  em_worker_cancel (self->worker, clip);
}

/* Memory ------------------------------------------------------------------------------------------
 */

static void
set_thrift (EmEngine *self, int thrift)
{
  if (self->thrift == thrift)
    return;
  self->thrift = thrift;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_THRIFT]);
}

typedef struct {
  EmEngine *engine;
  int thrift;
  double flop_per_frame;
  int status; /* the device failed with; EM_OK: a step down */
  char *text;
} News;

static void
news_free (gpointer data)
{
  News *n = data;

  g_object_unref (n->engine);
  g_free (n->text);
  g_free (n);
}

static gboolean
news_cb (gpointer data)
{
  News *n = data;

  if (n->flop_per_frame > 0)
    n->engine->flop_per_frame = n->flop_per_frame;
  set_thrift (n->engine, MAX (n->engine->thrift, n->thrift));
  if (n->status != EM_OK)
    g_signal_emit (n->engine, signals[DEVICE_FAILED], 0, n->status, n->text);
  return G_SOURCE_REMOVE;
}

/* Every task's source is its engine. */
static void
tell (EmWork *work, News news)
{
  News *n = g_memdup2 (&news, sizeof news);

  n->engine = g_object_ref (g_task_get_source_object (em_work_task (work)));
  em_work_tell (work, news_cb, n, news_free);
}

void
em_engine_tell_thrift (EmWork *work, EmThrift thrift, double flop_per_frame)
{
  tell (work, (News){ .thrift = thrift, .flop_per_frame = flop_per_frame });
}

void
em_engine_tell_failed (EmWork *work, int status, const char *text)
{
  if ((status == EM_E_MEMORY || status == EM_E_DEVICE) && em_work_task (work))
    tell (work, (News){ .status = status, .text = g_strdup (text) });
}

/* The model ---------------------------------------------------------------------------------------
 */

static void
loaded_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  EmEngine *self = EM_ENGINE (source);
  g_autoptr (GTask) task = data;
  GError *error = NULL;
  EmModelInfo *info = g_task_propagate_pointer (G_TASK (result), &error);

  if (!info) {
    g_task_return_error (task, error);
    return;
  }
  g_clear_pointer (&self->info, em_model_info_free);
  self->info = info;
  g_free (self->path);
  self->path = g_strdup (g_object_get_data (G_OBJECT (task), "em-path"));
  self->flop_per_frame = 0;
  set_thrift (self, EM_THRIFT_NONE);
  for (int i = 0; i < 5; i++)
    g_object_notify_by_pspec (
        G_OBJECT (self),
        props[(int[]){ PROP_LOADED, PROP_READS, PROP_NAME, PROP_DIGEST, PROP_DEVICE }[i]]);
  g_task_return_boolean (task, TRUE);
}

void
em_engine_load_async (EmEngine *self, const char *path, const char *device,
                      GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (self, NULL, callback, data);
  EmLoadJob *job = g_new0 (EmLoadJob, 1);

  g_task_set_source_tag (task, em_engine_load_async);
  g_object_set_data_full (G_OBJECT (task), "em-path", g_strdup (path), g_free);
  job->core = self->core;
  job->path = g_strdup (path);
  job->device = g_strdup (device);
  ask (self, loaded_cb, 0, EM_RANK_MODEL, NULL, em_load_job_run, job, em_load_job_free, cancellable,
       loaded_cb, task);
}

bool
em_engine_load_finish (EmEngine *self, GAsyncResult *result, GError **error)
{
  EM_BUG_UNLESS (g_task_is_valid (result, self)
                 && g_task_get_source_tag (G_TASK (result)) == em_engine_load_async);
  return g_task_propagate_boolean (G_TASK (result), error);
}

bool
em_engine_is_loaded (EmEngine *self)
{
  return self->info != NULL;
}

bool
em_engine_has_sound (EmEngine *self)
{
  return self->info && self->info->window > 0;
}

bool
em_engine_reads (EmEngine *self)
{
  return self->info && self->info->reads;
}

const char *
em_engine_model_name (EmEngine *self)
{
  return self->info ? self->info->name : "";
}

const char *
em_engine_model_digest (EmEngine *self)
{
  return self->info ? self->info->digest : "";
}

const char *
em_engine_device (EmEngine *self)
{
  return self->info ? self->info->device : "";
}

int
em_engine_thrift (EmEngine *self)
{
  return self->thrift;
}

const char *
em_engine_model_path (EmEngine *self)
{
  return self->path;
}

double
em_engine_cpu_seconds (EmEngine *self)
{
  double side = 512, time = em_yardstick_product (512, 512, 512, true, false);

  return time > 0 ? self->flop_per_frame * time / (2 * side * side * side) : 0;
}

int
em_engine_window_size (EmEngine *self)
{
  return self->info ? self->info->window : 0;
}

/* Clips -------------------------------------------------------------------------------------------
 */

guint
em_engine_open_clip (EmEngine *self, EmFrameIndex *index, const char *path, EmAudio *audio,
                     double grid_phase)
{
  em_engine_core_set_clip (self->core, ++self->n_clips, index, path, audio, grid_phase);
  return self->n_clips;
}

void
em_engine_set_clip_audio (EmEngine *self, guint clip, EmAudio *audio)
{
  em_engine_core_change_clip (self->core, clip, audio, -1);
}

void
em_engine_set_clip_phase (EmEngine *self, guint clip, double grid_phase)
{
  em_engine_core_change_clip (self->core, clip, NULL, grid_phase);
}

void
em_engine_close_clip (EmEngine *self, guint clip)
{
  EmWorkOptions options = { .rank = EM_RANK_CLICK, .key = "sweep" };

  if (clip == 0)
    return;
  em_engine_core_forget_clip (self->core, clip);
  em_engine_cancel (self, clip);
  em_work_unref (em_worker_push (self->worker, &options, em_sweep_job_run, self->core, NULL));
}

void
em_engine_embed (EmEngine *self, guint clip, int frame)
{
  EmWorkOptions options = { .rank = EM_RANK_EMBED, .key = "embed" };

  if (!self->info)
    return;
  em_engine_core_want (self->core, clip, frame);
  em_work_unref (em_worker_push (self->worker, &options, em_embed_job_run, self->core, NULL));
}

/* Questions ---------------------------------------------------------------------------------------
 */

void
em_engine_suggest_async (EmEngine *self, guint clip, int first, int last, double floor,
                         const char *text, EmSuggestFn progress, GCancellable *cancellable,
                         GAsyncReadyCallback callback, gpointer data)
{
  EmSuggestJob *job = g_new0 (EmSuggestJob, 1);

  job->core = self->core;
  job->clip = clip;
  job->first = first;
  job->last = last;
  job->floor = floor;
  job->text = g_strdup (text);
  job->progress = progress;
  job->data = data;
  ask (self, em_engine_suggest_async, clip, first == last ? EM_RANK_ASK : EM_RANK_ASK_ALL, NULL,
       em_suggest_job_run, job, em_suggest_job_free, cancellable, callback, data);
}

GPtrArray *
em_engine_suggest_finish (EmEngine *self, GAsyncResult *result, GError **error)
{
  return take_answer (self, result, em_engine_suggest_async, (GDestroyNotify) g_ptr_array_unref,
                      error);
}

void
em_engine_decode_async (EmEngine *self, guint clip, int64_t object, int frame,
                        const EmPromptSet *set, bool is_preview, GCancellable *cancellable,
                        GAsyncReadyCallback callback, gpointer data)
{
  EmDecodeJob *job = g_new0 (EmDecodeJob, 1);
  g_autofree char *key
      = is_preview ? g_strdup_printf ("preview %u", clip)
                   : g_strdup_printf ("click %u %" G_GINT64_FORMAT " %d", clip, object, frame);

  job->core = self->core;
  job->clip = clip;
  job->object = object;
  job->frame = frame;
  job->set = *set;
  job->set.base = NULL;
  if (set->base && set->base->width > 0) {
    job->base = em_rle_copy (set->base);
    job->set.base = &job->base;
  }
  ask (self, em_engine_decode_async, clip, is_preview ? EM_RANK_PREVIEW : EM_RANK_CLICK, key,
       em_decode_job_run, job, em_decode_job_free, cancellable, callback, data);
}

EmDecoded *
em_engine_decode_finish (EmEngine *self, GAsyncResult *result, GError **error)
{
  return take_answer (self, result, em_engine_decode_async, (GDestroyNotify) em_decoded_unref,
                      error);
}

void
em_engine_track_async (EmEngine *self, guint clip, EmTrackRequest *request, EmTrackFn progress,
                       GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  EmTrackJob *job = g_new0 (EmTrackJob, 1);
  gint *n_done;

  job->core = self->core;
  job->clip = clip;
  job->request = request;
  job->progress = progress;
  job->data = data;
  job->n_done = g_atomic_rc_box_new0 (gint);
  n_done = g_atomic_rc_box_acquire (job->n_done);
  ask (self, em_engine_track_async, clip, EM_RANK_TRACK, NULL, em_track_job_run, job,
       em_track_job_free, cancellable, callback, data)
      ->n_done
      = n_done;
}

bool
em_engine_track_finish (EmEngine *self, GAsyncResult *result, int *n_done, GError **error)
{
  GTask *task = G_TASK (result);
  const Ticket *ticket = g_object_get_data (G_OBJECT (task), "em-ticket");

  EM_BUG_UNLESS (g_task_is_valid (result, self)
                 && g_task_get_source_tag (task) == em_engine_track_async);
  if (n_done)
    *n_done = g_atomic_int_get (ticket->n_done);
  return g_task_propagate_boolean (task, error);
}
