/* worker.c - order, replacing, cancelling and ending of the queue. */
#include "check.h"
#include "service/em-worker.h"
#include <string.h>

static GString *log_; /* letters of what ran and what answered, in order; under lock */
static GMutex lock;
static int n_freed;

static void
note (char letter)
{
  g_mutex_lock (&lock);
  g_string_append_c (log_, letter);
  g_mutex_unlock (&lock);
}

typedef struct {
  char letter;
  int steps;
  GMutex *gate; /* held by the test: the work waits for it */
  bool looks;   /* runs until its flag is set */
} Job;

static EmWorkNext
run (EmWork *work, gpointer data)
{
  Job *j = data;

  note (j->letter);
  if (j->gate) {
    g_mutex_lock (j->gate);
    g_mutex_unlock (j->gate);
  }
  while (j->looks && !*em_work_flag (work))
    g_usleep (500);
  if (j->looks)
    return EM_WORK_CANCELLED;
  if (--j->steps > 0)
    return EM_WORK_AGAIN;
  if (em_work_task (work))
    g_task_return_boolean (em_work_task (work), TRUE);
  return EM_WORK_DONE;
}

static void
job_free (gpointer data)
{
  n_freed++;
  g_free (data);
}

typedef struct {
  char letter;
  int n_done, n_cancelled;
} Answer;

static void
answer_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  Answer *a = data;

  if (g_task_propagate_boolean (G_TASK (result), &error))
    a->n_done++;
  else if (g_error_matches (error, EM_ERROR, EM_E_CANCELLED))
    a->n_cancelled++;
  if (a->letter)
    note (a->letter);
}

static Job *
job_new (char letter, int steps)
{
  Job *j = g_new0 (Job, 1);

  j->letter = letter;
  j->steps = steps;
  return j;
}

static void
push (EmWorker *w, int rank, guint group, const char *key, Job *job, Answer *answer,
      GCancellable *cancellable)
{
  g_autoptr (GTask) task = answer ? g_task_new (NULL, cancellable, answer_cb, answer) : NULL;
  EmWorkOptions options = { rank, group, key, task };

  em_work_unref (em_worker_push (w, &options, run, job, job_free));
}

static void
until_idle (EmWorker *w)
{
  int64_t end = g_get_monotonic_time () + 10 * G_USEC_PER_SEC;

  while ((em_worker_waiting (w) || g_main_context_pending (NULL)) && g_get_monotonic_time () < end)
    if (!g_main_context_iteration (NULL, FALSE))
      g_usleep (500);
  CHECK_INT (em_worker_waiting (w), 0);
}

/* Until the first work has said its letter. */
static void
until_begun (void)
{
  for (bool has_begun = false; !has_begun; g_usleep (500)) {
    g_mutex_lock (&lock);
    has_begun = log_->len > 0;
    g_mutex_unlock (&lock);
  }
}

static void
begin (void)
{
  g_string_truncate (log_, 0);
  n_freed = 0;
}

/* Rank first, then age; long work steps aside for what is more urgent, and keeps its place. */
static void
check_order (void)
{
  EmWorker *w = em_worker_new ("test", NULL, NULL);
  GMutex gate;
  Job *first = job_new ('g', 1);

  begin ();
  g_mutex_init (&gate);
  g_mutex_lock (&gate);
  first->gate = &gate;
  push (w, 0, 0, NULL, first, NULL, NULL);
  until_begun ();
  push (w, 5, 0, NULL, job_new ('L', 3), NULL, NULL);
  push (w, 5, 0, NULL, job_new ('M', 2), NULL, NULL);
  push (w, 1, 0, NULL, job_new ('b', 1), NULL, NULL);
  push (w, 3, 0, NULL, job_new ('c', 1), NULL, NULL);
  push (w, 1, 0, NULL, job_new ('d', 1), NULL, NULL);
  g_mutex_unlock (&gate);
  until_idle (w);
  CHECK_TEXT (log_->str, "gbdcLLLMM");
  CHECK_INT (n_freed, 6);
  g_assert_finalize_object (w);
  g_mutex_clear (&gate);
}

static EmWorkNext
push_between (EmWork *work, gpointer data)
{
  Job *j = data;

  note (j->letter);
  if (j->steps == 2)
    g_mutex_unlock (j->gate); /* now the test pushes something urgent */
  g_usleep (j->steps == 2 ? 50000 : 0);
  return --j->steps > 0 ? EM_WORK_AGAIN : EM_WORK_DONE;
}

static void
check_overtaking (void)
{
  EmWorker *w = em_worker_new ("test", NULL, NULL);
  Job *slow = job_new ('T', 3);
  EmWorkOptions options = { .rank = 5 };
  GMutex gate;

  begin ();
  g_mutex_init (&gate);
  g_mutex_lock (&gate);
  slow->gate = &gate;
  em_work_unref (em_worker_push (w, &options, push_between, slow, job_free));
  g_mutex_lock (&gate);
  push (w, 1, 0, NULL, job_new ('c', 1), NULL, NULL);
  g_mutex_unlock (&gate);
  until_idle (w);
  CHECK_TEXT (log_->str, "TTcT");
  g_object_unref (w);
  g_mutex_clear (&gate);
}

static void
check_replacing (void)
{
  EmWorker *w = em_worker_new ("test", NULL, NULL);
  Answer old = { 0 }, new = { 0 }, other = { 0 };
  Job *first = job_new ('g', 1);
  GMutex gate;

  begin ();
  g_mutex_init (&gate);
  g_mutex_lock (&gate);
  first->gate = &gate;
  push (w, 0, 0, "key", first, NULL, NULL); /* runs: is not replaced */
  until_begun ();
  push (w, 1, 0, "key", job_new ('x', 1), &old, NULL);
  push (w, 1, 0, "other", job_new ('y', 1), &other, NULL);
  push (w, 1, 0, "key", job_new ('z', 1), &new, NULL);
  CHECK_INT (old.n_cancelled, 0); /* not inside our own call */
  g_mutex_unlock (&gate);
  until_idle (w);
  CHECK_TEXT (log_->str, "gyz");
  CHECK_INT (old.n_cancelled, 1);
  CHECK_INT (other.n_done, 1);
  CHECK_INT (new.n_done, 1);
  CHECK_INT (n_freed, 4);
  g_object_unref (w);
  g_mutex_clear (&gate);
}

static void
check_cancelling (void)
{
  EmWorker *w = em_worker_new ("test", NULL, NULL);
  g_autoptr (GCancellable) before = g_cancellable_new (), later = g_cancellable_new ();
  Answer running = { 0 }, waiting = { 0 }, never = { 0 }, kept = { 0 };
  Job *endless = job_new ('r', 1);

  begin ();
  endless->looks = true;
  push (w, 1, 7, NULL, endless, &running, NULL);
  push (w, 2, 8, NULL, job_new ('w', 1), &waiting, later);
  g_cancellable_cancel (before);
  push (w, 2, 8, NULL, job_new ('n', 1), &never, before);
  push (w, 2, 9, NULL, job_new ('k', 1), &kept, NULL);
  until_begun ();
  g_cancellable_cancel (later);
  em_worker_cancel (w, 7);
  until_idle (w);
  CHECK_TEXT (log_->str, "rk");
  CHECK_INT (running.n_cancelled, 1);
  CHECK_INT (waiting.n_cancelled, 1);
  CHECK_INT (never.n_cancelled, 1);
  CHECK_INT (kept.n_done, 1);
  CHECK_INT (n_freed, 4);
  g_object_unref (w);
}

static gboolean
told_cb (gpointer data)
{
  note (*(char *) data);
  return G_SOURCE_REMOVE;
}

static EmWorkNext
tell (EmWork *work, gpointer data)
{
  em_work_tell (work, told_cb, (char *) "1", NULL);
  em_work_tell (work, told_cb, (char *) "2", NULL);
  g_task_return_boolean (em_work_task (work), TRUE);
  return EM_WORK_DONE;
}

/* What is told comes before the answer, also when the work is cancelled after it told. */
static EmWorkNext
tell_and_wait (EmWork *work, gpointer data)
{
  em_work_tell (work, told_cb, (char *) "3", NULL);
  while (!em_work_is_cancelled (work))
    g_usleep (500);
  return EM_WORK_AGAIN;
}

static void
check_telling (void)
{
  EmWorker *w = em_worker_new ("test", NULL, NULL);
  Answer a = { .letter = 'A' }, b = { .letter = 'B' };
  g_autoptr (GTask) one = g_task_new (NULL, NULL, answer_cb, &a);
  g_autoptr (GTask) two = g_task_new (NULL, NULL, answer_cb, &b);
  EmWorkOptions first = { .rank = 1, .task = one }, second = { .rank = 2, .task = two };

  begin ();
  em_work_unref (em_worker_push (w, &first, tell, NULL, NULL));
  em_work_unref (em_worker_push (w, &second, tell_and_wait, NULL, NULL));
  g_usleep (50000);
  em_worker_cancel (w, 0);
  until_idle (w);
  CHECK_TEXT (log_->str, "12A3B");
  CHECK_INT (a.n_done + b.n_cancelled, 2);
  g_object_unref (w);
}

static void
exit_cb (gpointer data, gpointer unused)
{
  *(GThread **) data = g_thread_self ();
}

/* Ending with work in the queue: nothing runs any more, everybody is answered, nothing leaks. */
static void
check_ending (void)
{
  GThread *exited = NULL;
  EmWorker *w = em_worker_new ("test", exit_cb, &exited);
  Answer running = { 0 }, waiting = { 0 };
  Job *endless = job_new ('r', 1);

  begin ();
  endless->looks = true;
  push (w, 1, 0, NULL, endless, &running, NULL);
  push (w, 2, 0, NULL, job_new ('w', 1), &waiting, NULL);
  until_begun ();
  g_object_unref (w);
  CHECK (exited && exited != g_thread_self ());
  while (g_main_context_iteration (NULL, FALSE))
    ;
  CHECK_TEXT (log_->str, "r");
  CHECK_INT (running.n_cancelled, 1);
  CHECK_INT (waiting.n_cancelled, 1);
  CHECK_INT (n_freed, 2);
}

static void
waiting_cb (EmWorker *w, GParamSpec *spec, gpointer data)
{
  int *n = data;

  n[0]++;
  g_object_get (w, "waiting", &n[1], NULL);
}

static void
check_news (void)
{
  EmWorker *w = em_worker_new ("test", NULL, NULL);
  int n[2] = { 0, 9 };

  begin ();
  g_signal_connect (w, "notify::waiting", G_CALLBACK (waiting_cb), n);
  push (w, 1, 0, NULL, job_new ('a', 1), NULL, NULL);
  until_idle (w);
  CHECK (n[0] > 0);
  CHECK_INT (n[1], 0);
  g_object_unref (w);
}

int
main (void)
{
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR | G_LOG_LEVEL_WARNING);
  log_ = g_string_new (NULL);
  check_order ();
  check_overtaking ();
  check_replacing ();
  check_cancelling ();
  check_telling ();
  check_ending ();
  check_news ();
  g_string_free (log_, TRUE);
  fprintf (stderr, "%d checks failed\n", check_failures);
  return check_failures != 0;
}
