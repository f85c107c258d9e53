/* em-store.c - a project for programs with a main loop.
 *
 * Two threads of one kind, each with a connection and a queue. The writing one also does what has
 * to happen between jobs: it shows that it lives, copies the project a few pages at a time, and
 * keeps a call whose commit failed at the head of its queue until the disk takes it. */
#include "store/em-store.h"
#include "store/backup.h"

#define BEAT_US      (10 * G_USEC_PER_SEC)
#define RETRY_US     (2 * G_USEC_PER_SEC)
#define POLL_US      (G_USEC_PER_SEC / 2)
#define BACKUP_US    (30 * 60 * G_USEC_PER_SEC)
#define BACKUP_PAGES 256

typedef struct {
  EmStoreFunc fn;
  gpointer data;
  GDestroyNotify destroy, free_result;
  GTask *task;
} Call;

typedef struct {
  EmStore *store; /* outlives its threads */
  EmDb *db;       /* only the thread's, once it runs */
  GThread *thread;
  GMutex lock;
  GCond wake;
  GQueue calls; /* of Call; under the lock */
  bool is_ending;
  bool is_saved;       /* under the lock: no call is waiting for the disk */
  gint64 last_beat_us; /* from here on only the thread's */
  gint64 last_backup_us;
  EmBackup *backup;
  int64_t commits;
} Worker;

struct _EmStore {
  GObject parent_instance;
  char *path, *warning;
  bool is_writable;
  GMainContext *context; /* where signals are told */
  Worker writer, reader;
};

G_DEFINE_FINAL_TYPE (EmStore, em_store, G_TYPE_OBJECT)

enum { SAVED, NOT_SAVED, LOST, CHANGED, N_SIGNALS };
static guint signals[N_SIGNALS];

/* Telling the owner's thread ----------------------------------------------------------------------
 */

typedef struct {
  EmStore *store;
  guint signal;
  char *text;
  GArray *clips;
} News;

static gboolean
tell_cb (gpointer data)
{
  News *n = data;

  if (n->signal == LOST)
    n->store->is_writable = false;
  if (n->text)
    g_signal_emit (n->store, signals[n->signal], 0, n->text);
  else if (n->clips)
    g_signal_emit (n->store, signals[n->signal], 0, n->clips);
  else
    g_signal_emit (n->store, signals[n->signal], 0);
  return G_SOURCE_REMOVE;
}

static void
news_free (gpointer data)
{
  News *n = data;

  g_object_unref (n->store);
  g_free (n->text);
  g_clear_pointer (&n->clips, g_array_unref);
  g_free (n);
}

static void
tell (EmStore *self, guint signal, const char *text, GArray *clips)
{
  News *n = g_new0 (News, 1);
  g_autoptr (GSource) source = g_idle_source_new ();

  n->store = g_object_ref (self);
  n->signal = signal;
  n->text = g_strdup (text);
  n->clips = clips;
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, tell_cb, n, news_free);
  g_source_attach (source, self->context);
}

/* The threads -------------------------------------------------------------------------------------
 */

static void
call_free (Call *c)
{
  if (c->destroy)
    c->destroy (c->data);
  g_object_unref (c->task);
  g_free (c);
}

static gboolean
call_over_cb (gpointer data)
{
  call_free (data);
  return G_SOURCE_REMOVE;
}

/* A task holds the store: were its last reference dropped here, the store would wait for this very
 * thread to end. */
static void
call_over (Worker *w, Call *c)
{
  g_autoptr (GSource) source = g_idle_source_new ();

  g_source_set_callback (source, call_over_cb, c, NULL);
  g_source_attach (source, w->store->context);
}

static void
set_saved (Worker *w, bool is_saved, const char *why)
{
  bool was;

  g_mutex_lock (&w->lock);
  was = w->is_saved;
  w->is_saved = is_saved;
  g_mutex_unlock (&w->lock);
  if (was != is_saved)
    tell (w->store, is_saved ? SAVED : NOT_SAVED, why, NULL);
}

/* True when the call is over; false when it has to be tried again. */
static bool
run_call (Worker *w, Call *c, bool is_last_chance)
{
  GError *error = NULL;
  gpointer result;

  if (g_task_return_error_if_cancelled (c->task))
    return true;
  result = c->fn (w->db, c->data, &error);
  if (!error) {
    set_saved (w, true, NULL);
    g_task_return_pointer (c->task, result, c->free_result);
    return true;
  }
  if (w->store->is_writable && em_db_may_retry (w->db) && !is_last_chance) {
    set_saved (w, false, error->message);
    g_error_free (error);
    return false;
  }
  if (g_error_matches (error, EM_STORE_ERROR, EM_E_LOCKED) && w->store->is_writable
      && !em_db_is_writable (w->db))
    tell (w->store, LOST, error->message, NULL);
  g_task_return_error (c->task, error);
  return true;
}

/* The writer's other duties. Returns until when nothing of them is due. */
static gint64
do_duties (Worker *w)
{
  gint64 now = g_get_monotonic_time ();
  g_autoptr (GError) error = NULL;

  if (!em_db_is_writable (w->db))
    return now + POLL_US;
  if (now - w->last_beat_us >= BEAT_US) {
    w->last_beat_us = now;
    if (!em_db_beat (w->db, &error) && !em_db_is_writable (w->db))
      tell (w->store, LOST, error->message, NULL);
    g_clear_error (&error);
  }
  if (!w->backup && now - w->last_backup_us >= BACKUP_US) {
    w->last_backup_us = now;
    w->backup = em_backup_begin (w->db, NULL, &error);
    if (error)
      g_warning ("No backup was made: %s", error->message);
    g_clear_error (&error);
  }
  if (w->backup) {
    if (em_backup_step (w->backup, BACKUP_PAGES, &error))
      return now; /* the next job first, then the next pages */
    if (error)
      g_warning ("No backup was made: %s", error->message);
    g_clear_pointer (&w->backup, em_backup_end);
  }
  return w->last_beat_us + BEAT_US;
}

/* What other processes wrote, told to whoever only watches. */
static void
watch (Worker *w)
{
  GArray *clips;

  if (em_db_is_writable (w->db) || !em_db_changed (w->db))
    return;
  clips = em_db_touched_since (w->db, &w->commits, NULL);
  if (clips)
    tell (w->store, CHANGED, NULL, clips);
}

static gpointer
work (gpointer data)
{
  Worker *w = data;
  bool is_writer = w == &w->store->writer;
  gint64 not_before = 0; /* a failed call waits until then */
  gint64 next_duty = 0;

  g_mutex_lock (&w->lock);
  for (;;) {
    gint64 now = g_get_monotonic_time ();
    bool is_ending = w->is_ending;
    Call *c = now >= not_before || is_ending ? g_queue_pop_head (&w->calls) : NULL;

    if (c) {
      g_mutex_unlock (&w->lock);
      if (run_call (w, c, is_ending)) {
        call_over (w, c);
        c = NULL;
      }
      g_mutex_lock (&w->lock);
      if (c) {
        g_queue_push_head (&w->calls, c);
        not_before = g_get_monotonic_time () + RETRY_US;
      }
    } else if (is_ending) {
      break;
    } else if (is_writer && now >= next_duty) {
      g_mutex_unlock (&w->lock);
      watch (w);
      next_duty = do_duties (w);
      g_mutex_lock (&w->lock);
    } else if (!is_writer) {
      g_cond_wait (&w->wake, &w->lock);
    } else {
      gint64 until = now < not_before ? MIN (not_before, next_duty) : next_duty;

      g_cond_wait_until (&w->wake, &w->lock, until);
    }
  }
  g_mutex_unlock (&w->lock);
  em_backup_end (w->backup);
  em_db_close (w->db);
  return NULL;
}

static void
start (Worker *w, EmStore *store, EmDb *db, const char *name)
{
  w->store = store;
  w->db = db;
  w->is_saved = true;
  w->last_beat_us = g_get_monotonic_time ();
  w->last_backup_us = w->last_beat_us - BACKUP_US; /* the first copy right away */
  g_mutex_init (&w->lock);
  g_cond_init (&w->wake);
  g_queue_init (&w->calls);
  w->thread = g_thread_new (name, work, w);
}

static void
stop (Worker *w)
{
  if (!w->thread)
    return;
  g_mutex_lock (&w->lock);
  w->is_ending = true;
  g_cond_signal (&w->wake);
  g_mutex_unlock (&w->lock);
  g_thread_join (w->thread);
  w->thread = NULL;
  g_mutex_clear (&w->lock);
  g_cond_clear (&w->wake);
}

/* The object --------------------------------------------------------------------------------------
 */

static EmStore *
store_from (EmDb *db, GError **error)
{
  EmStore *self;
  EmDb *second = em_db_open (em_db_path (db), EM_DB_READ, error);

  if (!second) {
    em_db_close (db);
    return NULL;
  }
  self = g_object_new (EM_TYPE_STORE, NULL);
  self->path = g_strdup (em_db_path (db));
  self->warning = g_strdup (em_db_warning (db));
  self->is_writable = em_db_is_writable (db);
  self->context = g_main_context_ref_thread_default ();
  start (&self->writer, self, db, "store");
  start (&self->reader, self, second, "store reads");
  return self;
}

EmStore *
em_store_open (const char *path, EmDbMode mode, GError **error)
{
  EmDb *db = em_db_open (path, mode, error);

  return db ? store_from (db, error) : NULL;
}

typedef struct {
  char *path;
  EmDbMode mode;
} Opening;

static void
opening_free (gpointer data)
{
  g_free (((Opening *) data)->path);
  g_free (data);
}

static void
close_unfetched (gpointer data)
{
  em_db_close (data);
}

static void
open_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Opening *o = data;
  GError *error = NULL;
  EmDb *db = em_db_open (o->path, o->mode, &error);

  if (db)
    g_task_return_pointer (task, db, close_unfetched);
  else
    g_task_return_error (task, error);
}

void
em_store_open_async (const char *path, EmDbMode mode, GCancellable *cancellable,
                     GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  Opening *o = g_new0 (Opening, 1);

  o->path = g_strdup (path);
  o->mode = mode;
  g_task_set_task_data (task, o, opening_free);
  g_task_run_in_thread (task, open_thread);
}

EmStore *
em_store_open_finish (GAsyncResult *result, GError **error)
{
  EmDb *db = g_task_propagate_pointer (G_TASK (result), error);

  return db ? store_from (db, error) : NULL;
}

bool
em_store_close (EmStore *self, GError **error)
{
  bool was_saved;

  stop (&self->reader);
  if (!self->writer.thread)
    return true;
  stop (&self->writer);
  was_saved = self->writer.is_saved;
  if (!was_saved)
    g_set_error (error, EM_STORE_ERROR, EM_E_INPUT, "%s: the last edits could not be saved",
                 self->path);
  return was_saved;
}

const char *
em_store_path (EmStore *self)
{
  return self->path;
}

const char *
em_store_warning (EmStore *self)
{
  return self->warning;
}

bool
em_store_is_writable (EmStore *self)
{
  return self->is_writable;
}

bool
em_store_is_saved (EmStore *self)
{
  bool is_saved;

  if (!self->writer.thread)
    return self->writer.is_saved;
  g_mutex_lock (&self->writer.lock);
  is_saved = self->writer.is_saved;
  g_mutex_unlock (&self->writer.lock);
  return is_saved;
}

static void
queue (EmStore *self, Worker *w, EmStoreFunc fn, gpointer data, GDestroyNotify destroy,
       GDestroyNotify free_result, GCancellable *cancellable, GAsyncReadyCallback callback,
       gpointer user_data)
{
  Call *c = g_new0 (Call, 1);

  c->fn = fn;
  c->data = data;
  c->destroy = destroy;
  c->free_result = free_result;
  c->task = g_task_new (self, cancellable, callback, user_data);
  if (!w->thread) {
    g_task_return_new_error (c->task, EM_STORE_ERROR, EM_E_CANCELLED, "the project is closed");
    call_free (c);
    return;
  }
  g_mutex_lock (&w->lock);
  g_queue_push_tail (&w->calls, c);
  g_cond_signal (&w->wake);
  g_mutex_unlock (&w->lock);
}

void
em_store_call_async (EmStore *self, EmStoreFunc fn, gpointer data, GDestroyNotify destroy,
                     GDestroyNotify free_result, GAsyncReadyCallback callback, gpointer user_data)
{
  queue (self, &self->writer, fn, data, destroy, free_result, NULL, callback, user_data);
}

void
em_store_read_async (EmStore *self, EmStoreFunc fn, gpointer data, GDestroyNotify destroy,
                     GDestroyNotify free_result, GCancellable *cancellable,
                     GAsyncReadyCallback callback, gpointer user_data)
{
  queue (self, &self->reader, fn, data, destroy, free_result, cancellable, callback, user_data);
}

gpointer
em_store_call_finish (EmStore *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
em_store_dispose (GObject *object)
{
  EmStore *self = EM_STORE (object);
  g_autoptr (GError) error = NULL;

  if (!em_store_close (self, &error))
    g_warning ("%s", error->message);
  G_OBJECT_CLASS (em_store_parent_class)->dispose (object);
}

static void
em_store_finalize (GObject *object)
{
  EmStore *self = EM_STORE (object);

  g_free (self->path);
  g_free (self->warning);
  g_clear_pointer (&self->context, g_main_context_unref);
  G_OBJECT_CLASS (em_store_parent_class)->finalize (object);
}

static guint
new_signal (const char *name, GType argument)
{
  if (argument == G_TYPE_NONE)
    return g_signal_new (name, EM_TYPE_STORE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE,
                         0);
  return g_signal_new (name, EM_TYPE_STORE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1,
                       argument);
}

static void
em_store_class_init (EmStoreClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = em_store_dispose;
  G_OBJECT_CLASS (klass)->finalize = em_store_finalize;
  signals[SAVED] = new_signal ("saved", G_TYPE_NONE);
  signals[NOT_SAVED] = new_signal ("not-saved", G_TYPE_STRING);
  signals[LOST] = new_signal ("lost", G_TYPE_STRING);
  signals[CHANGED] = new_signal ("changed", G_TYPE_ARRAY);
}

static void
em_store_init (EmStore *self)
{
}
