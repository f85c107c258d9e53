/* em-worker.c - one thread with a sorted queue.
 *
 * Everything is under one lock but the work itself. A task holds its source object, which owns the
 * worker: the thread therefore never drops a task, it hands it back to the context of the caller.
 */
#include "service/em-worker.h"

typedef struct {
  gatomicrefcount refs;
  GMutex lock; /* all below but the thread */
  GCond wake;
  bool is_ending;
  GQueue waiting; /* EmWork, sorted */
  EmWork *running;
  guint64 n_pushed;
  GSource *news; /* tells the maker that the number changed */
  GFunc at_exit;
  gpointer at_exit_data;
} Core;

struct _EmWork {
  gatomicrefcount refs;
  atomic_bool is_cancelled;
  bool is_answered; /* once it is over */
  Core *core;
  GMainContext *context; /* where answers and leftovers go */
  int rank;
  guint64 number;
  guint group;
  char *key;
  GTask *task;
  GCancellable *cancellable;
  gulong handler;
  EmWorkFn fn;
  gpointer data;
  GDestroyNotify destroy;
};

struct _EmWorker {
  GObject parent_instance;
  Core *core;
  GThread *thread;
  GMainContext *context;
};

enum { PROP_WAITING = 1, N_PROPS };
static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (EmWorker, em_worker, G_TYPE_OBJECT)

static void
core_unref (Core *c)
{
  if (!g_atomic_ref_count_dec (&c->refs))
    return;
  g_mutex_clear (&c->lock);
  g_cond_clear (&c->wake);
  g_source_unref (c->news);
  g_free (c);
}

EmWork *
em_work_ref (EmWork *work)
{
  g_atomic_ref_count_inc (&work->refs);
  return work;
}

void
em_work_unref (EmWork *work)
{
  if (!g_atomic_ref_count_dec (&work->refs))
    return;
  core_unref (work->core);
  g_main_context_unref (work->context);
  g_free (work->key);
  g_free (work);
}

const atomic_bool *
em_work_flag (EmWork *work)
{
  return &work->is_cancelled;
}

bool
em_work_is_cancelled (EmWork *work)
{
  return atomic_load (&work->is_cancelled);
}

GTask *
em_work_task (EmWork *work)
{
  return work->task;
}

static void
attach (GMainContext *context, GSourceFunc fn, gpointer data, GDestroyNotify destroy)
{
  g_autoptr (GSource) source = g_idle_source_new ();

  /* That of a GTask's answer: sources of one priority run in the order they came. */
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, fn, data, destroy);
  g_source_attach (source, context);
}

void
em_work_tell (EmWork *work, GSourceFunc fn, gpointer data, GDestroyNotify destroy)
{
  attach (work->context, fn, data, destroy);
}

/* Saying "cancelled" is left to the caller's main loop even where the caller cancelled: its
 * callback does not run inside its own call, and comes after what the work has told. */
static gboolean
over_cb (gpointer data)
{
  EmWork *work = data;

  if (work->task && !work->is_answered)
    g_task_return_new_error (work->task, EM_ERROR, EM_E_CANCELLED, "cancelled");
  return G_SOURCE_REMOVE;
}

static void
leftovers_free (gpointer data)
{
  EmWork *work = data;

  if (work->destroy)
    work->destroy (work->data);
  g_clear_object (&work->task);
  g_clear_object (&work->cancellable);
  em_work_unref (work);
}

/* Ends work that is neither waiting nor running any more; takes the queue's reference. */
static void
finish (EmWork *work, bool is_answered)
{
  if (work->handler)
    g_signal_handler_disconnect (work->cancellable, work->handler);
  work->is_answered = is_answered;
  g_source_set_ready_time (work->core->news, 0);
  attach (work->context, over_cb, work, leftovers_free);
}

void
em_work_cancel (EmWork *work)
{
  Core *c = work->core;
  bool was_waiting;

  atomic_store (&work->is_cancelled, true);
  g_mutex_lock (&c->lock);
  was_waiting = g_queue_remove (&c->waiting, work);
  g_mutex_unlock (&c->lock);
  if (was_waiting)
    finish (work, false);
}

static void
cancelled_cb (GCancellable *cancellable, gpointer data)
{
  em_work_cancel (data);
}

static void
closure_free (gpointer data, GClosure *closure)
{
  em_work_unref (data);
}

/* The thread --------------------------------------------------------------------------------------
 */

static int
by_rank (gconstpointer a, gconstpointer b, gpointer data)
{
  const EmWork *x = a, *y = b;

  if (x->rank != y->rank)
    return x->rank < y->rank ? -1 : 1;
  return x->number < y->number ? -1 : x->number > y->number;
}

static EmWork *
next_work (Core *c)
{
  EmWork *work;

  g_mutex_lock (&c->lock);
  while (!c->is_ending && c->waiting.length == 0)
    g_cond_wait (&c->wake, &c->lock);
  work = c->running = g_queue_pop_head (&c->waiting);
  g_mutex_unlock (&c->lock);
  return work;
}

static gpointer
run (gpointer data)
{
  Core *c = data;

  for (EmWork *work; (work = next_work (c));) {
    EmWorkNext next = em_work_is_cancelled (work) ? EM_WORK_CANCELLED : work->fn (work, work->data);

    g_mutex_lock (&c->lock);
    c->running = NULL;
    if (next == EM_WORK_AGAIN && (c->is_ending || em_work_is_cancelled (work)))
      next = EM_WORK_CANCELLED;
    if (next == EM_WORK_AGAIN)
      g_queue_insert_sorted (&c->waiting, work, by_rank, NULL);
    g_mutex_unlock (&c->lock);
    if (next != EM_WORK_AGAIN)
      finish (work, next == EM_WORK_DONE);
  }
  if (c->at_exit)
    c->at_exit (c->at_exit_data, NULL);
  core_unref (c);
  return NULL;
}

/* The face ----------------------------------------------------------------------------------------
 */

static gboolean
news_cb (gpointer data)
{
  g_autoptr (EmWorker) self = g_weak_ref_get (data);

  if (self) {
    g_source_set_ready_time (self->core->news, -1);
    g_object_notify_by_pspec (G_OBJECT (self), props[PROP_WAITING]);
  }
  return G_SOURCE_CONTINUE;
}

static gboolean
dispatch_news (GSource *source, GSourceFunc callback, gpointer data)
{
  return callback (data);
}

static void
weak_free (gpointer data)
{
  g_weak_ref_clear (data);
  g_free (data);
}

static void
em_worker_dispose (GObject *object)
{
  EmWorker *self = EM_WORKER (object);

  if (self->core) {
    EM_BUG_UNLESS (g_thread_self () != self->thread);
    g_mutex_lock (&self->core->lock);
    self->core->is_ending = true;
    g_cond_signal (&self->core->wake);
    g_mutex_unlock (&self->core->lock);
    em_worker_cancel (self, 0);
    g_thread_join (self->thread);
    g_source_destroy (self->core->news);
    g_clear_pointer (&self->core, core_unref);
    g_clear_pointer (&self->context, g_main_context_unref);
  }
  G_OBJECT_CLASS (em_worker_parent_class)->dispose (object);
}

static void
em_worker_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  if (id == PROP_WAITING)
    g_value_set_int (value, em_worker_waiting (EM_WORKER (object)));
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
em_worker_class_init (EmWorkerClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = em_worker_dispose;
  object_class->get_property = em_worker_get_property;
  props[PROP_WAITING]
      = g_param_spec_int ("waiting", NULL, NULL, 0, G_MAXINT, 0,
                          G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);
  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
em_worker_init (EmWorker *self)
{
}

EmWorker *
em_worker_new (const char *name, GFunc at_exit, gpointer data)
{
  static GSourceFuncs funcs = { .dispatch = dispatch_news };
  EmWorker *self = g_object_new (EM_TYPE_WORKER, NULL);
  GWeakRef *weak = g_new0 (GWeakRef, 1);
  Core *c = self->core = g_new0 (Core, 1);

  g_atomic_ref_count_init (&c->refs);
  g_mutex_init (&c->lock);
  g_cond_init (&c->wake);
  g_queue_init (&c->waiting);
  c->at_exit = at_exit;
  c->at_exit_data = data;
  self->context = g_main_context_ref_thread_default ();
  g_weak_ref_init (weak, self);
  c->news = g_source_new (&funcs, sizeof (GSource));
  g_source_set_callback (c->news, news_cb, weak, weak_free);
  g_source_attach (c->news, self->context);
  g_atomic_ref_count_inc (&c->refs);
  self->thread = g_thread_new (name, run, c);
  return self;
}

/* Takes out what waits under this key; the caller holds the lock and finishes it after. */
static EmWork *
take_key (Core *c, const char *key)
{
  for (GList *l = c->waiting.head; key && l; l = l->next) {
    EmWork *work = l->data;
    if (g_strcmp0 (work->key, key) == 0) {
      g_queue_delete_link (&c->waiting, l);
      atomic_store (&work->is_cancelled, true);
      return work;
    }
  }
  return NULL;
}

EmWork *
em_worker_push (EmWorker *self, const EmWorkOptions *options, EmWorkFn fn, gpointer data,
                GDestroyNotify destroy)
{
  EmWork *work = g_new0 (EmWork, 1), *replaced;
  Core *c = self->core;

  g_atomic_ref_count_init (&work->refs);
  work->core = c;
  g_atomic_ref_count_inc (&c->refs);
  work->rank = options->rank;
  work->group = options->group;
  work->key = g_strdup (options->key);
  work->fn = fn;
  work->data = data;
  work->destroy = destroy;
  work->context = g_main_context_ref (self->context);
  if (options->task) {
    GCancellable *cancellable = g_task_get_cancellable (options->task);

    work->task = g_object_ref (options->task);
    g_task_set_check_cancellable (work->task, FALSE); /* one error domain: ours */
    g_main_context_unref (work->context);
    work->context = g_main_context_ref (g_task_get_context (work->task));
    if (cancellable) {
      work->cancellable = g_object_ref (cancellable);
      work->handler = g_signal_connect_data (cancellable, "cancelled", G_CALLBACK (cancelled_cb),
                                             em_work_ref (work), closure_free, 0);
    }
  }

  em_work_ref (work); /* the caller's */
  g_mutex_lock (&c->lock);
  EM_BUG_UNLESS (!c->is_ending);
  work->number = c->n_pushed++;
  replaced = take_key (c, work->key);
  g_queue_insert_sorted (&c->waiting, work, by_rank, NULL);
  g_cond_signal (&c->wake);
  g_mutex_unlock (&c->lock);
  if (replaced)
    finish (replaced, false);
  if (work->cancellable && g_cancellable_is_cancelled (work->cancellable))
    em_work_cancel (work); /* it was before we listened */
  g_source_set_ready_time (c->news, 0);
  return work;
}

void
em_worker_cancel (EmWorker *self, guint group)
{
  Core *c = self->core;
  GQueue gone = G_QUEUE_INIT;

  g_mutex_lock (&c->lock);
  for (GList *l = c->waiting.head, *next; l; l = next) {
    EmWork *work = l->data;
    next = l->next;
    if (group == 0 || work->group == group) {
      atomic_store (&work->is_cancelled, true);
      g_queue_delete_link (&c->waiting, l);
      g_queue_push_tail (&gone, work);
    }
  }
  if (c->running && (group == 0 || c->running->group == group))
    atomic_store (&c->running->is_cancelled, true);
  g_mutex_unlock (&c->lock);
  for (EmWork *work; (work = g_queue_pop_head (&gone));)
    finish (work, false);
}

int
em_worker_waiting (EmWorker *self)
{
  int n;

  g_mutex_lock (&self->core->lock);
  n = (int) self->core->waiting.length + (self->core->running != NULL);
  g_mutex_unlock (&self->core->lock);
  return n;
}
