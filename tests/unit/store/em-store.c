/* em-store.c - the threaded face: order, retries, a lost lock, watching, closing. */
#include "check.h"
#include "fixture.h"
#include <sys/resource.h>
#include <signal.h>
#include "store/em-store.h"

typedef struct {
  GMainLoop *loop;
  int n, saved, not_saved, lost, changed;
  int64_t results[200];
  GError *error;
} Heard;

static void
wait_for (Heard *h, const int *count, int want)
{
  gint64 until = g_get_monotonic_time () + 20 * G_USEC_PER_SEC;

  while (*count < want && g_get_monotonic_time () < until)
    g_main_context_iteration (NULL, FALSE) || (g_usleep (500), true);
  CHECK (*count >= want);
}

static void
answered_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  Heard *h = data;
  int64_t *got;

  g_clear_error (&h->error);
  got = em_store_call_finish (EM_STORE (source), result, &h->error);
  h->results[h->n % 200] = got ? *got : 0;
  g_free (got);
  h->n++;
}

static void
saved_cb (EmStore *store, Heard *h)
{
  h->saved++;
}

static void
not_saved_cb (EmStore *store, const char *why, Heard *h)
{
  CHECK (why && *why);
  h->not_saved++;
}

static void
lost_cb (EmStore *store, const char *why, Heard *h)
{
  h->lost++;
}

static void
changed_cb (EmStore *store, GArray *clips, Heard *h)
{
  h->changed += (int) clips->len;
}

static void
listen_to (EmStore *store, Heard *h)
{
  g_signal_connect (store, "saved", G_CALLBACK (saved_cb), h);
  g_signal_connect (store, "not-saved", G_CALLBACK (not_saved_cb), h);
  g_signal_connect (store, "lost", G_CALLBACK (lost_cb), h);
  g_signal_connect (store, "changed", G_CALLBACK (changed_cb), h);
}

typedef struct {
  int64_t clip, object;
  int frame;
} Stroke;

static GThread *store_thread;

/* A stroke; answers with its step. */
static gpointer
stroke (EmDb *db, gpointer data, GError **error)
{
  Stroke *s = data;
  g_autoptr (EmEdit) e = em_edit_new (EM_STEP_BRUSH);
  EmRle mask = some_mask (1);
  EmCellRow row = EM_CELL_ROW_INIT;
  int64_t step;

  CHECK (!store_thread || store_thread == g_thread_self ());
  store_thread = g_thread_self ();
  row.object = s->object;
  row.frame = s->frame;
  row.state = EM_STATE_KEYFRAME;
  row.mask = &mask;
  em_edit_cell (e, &row);
  step = em_db_edit (db, s->clip, e, error);
  em_rle_clear (&mask);
  return step ? g_memdup2 (&step, sizeof step) : NULL;
}

static gpointer
count_steps (EmDb *db, gpointer data, GError **error)
{
  g_autoptr (GPtrArray) steps = em_db_steps (db, *(int64_t *) data, error);
  int64_t n = steps ? steps->len : 0;

  CHECK (store_thread != g_thread_self ()); /* reads have a thread of their own */
  return steps ? g_memdup2 (&n, sizeof n) : NULL;
}

static void
queue_stroke (EmStore *store, Heard *h, int64_t clip, int64_t object, int frame)
{
  Stroke s = { clip, object, frame };

  em_store_call_async (store, stroke, g_memdup2 (&s, sizeof s), g_free, g_free, answered_cb, h);
}

static EmStore *
open_store (Fixture *f, EmDbMode mode, Heard *h)
{
  EmStore *store;

  *h = (Heard){ 0 };
  store_thread = NULL;
  MUST (store = em_store_open (f->path, mode, error));
  listen_to (store, h);
  return store;
}

static void
calls_run_in_order (void)
{
  Fixture f;
  Heard h;
  EmStore *store;
  int64_t o;

  fixture_open (&f);
  o = add_object (&f);
  em_db_close (f.db);
  f.db = NULL;
  store = open_store (&f, EM_DB_WRITE, &h);
  CHECK (em_store_is_writable (store) && em_store_is_saved (store));
  for (int i = 0; i < 100; i++)
    queue_stroke (store, &h, f.clip, o, i % FRAMES);
  wait_for (&h, &h.n, 100);
  for (int i = 0; i < 100; i++)
    CHECK_INT (h.results[i], i + 2);
  em_store_read_async (store, count_steps, g_memdup2 (&f.clip, sizeof f.clip), g_free, g_free, NULL,
                       answered_cb, &h);
  wait_for (&h, &h.n, 101);
  CHECK_INT (h.results[100], 101); /* reads see what was committed before */
  queue_stroke (store, &h, f.clip, 99, 0);
  wait_for (&h, &h.n, 102);
  CHECK (g_error_matches (h.error, EM_STORE_ERROR, EM_E_USAGE)); /* a mistake is not tried again */
  CHECK_INT (h.not_saved, 0);

  /* What is queued when the store closes is written first. */
  for (int i = 0; i < 20; i++)
    queue_stroke (store, &h, f.clip, o, i);
  MUST (em_store_close (store, error));
  wait_for (&h, &h.n, 122);
  CHECK_INT (h.results[121], 121);
  queue_stroke (store, &h, f.clip, o, 0);
  wait_for (&h, &h.n, 123);
  CHECK (g_error_matches (h.error, EM_STORE_ERROR, EM_E_CANCELLED));
  g_clear_error (&h.error);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  CHECK_INT (G_OBJECT (store)->ref_count, 1);
  g_object_unref (store);
  CHECK_INT (fixture_int (f.path, "SELECT count(*) FROM step"), 121);
  fixture_close (&f);
}

static void
set_file_limit (rlim_t bytes)
{
  struct rlimit limit;

  getrlimit (RLIMIT_FSIZE, &limit);
  limit.rlim_cur = bytes;
  setrlimit (RLIMIT_FSIZE, &limit);
}

/* A full disk, by a limit on the size of files: the edit waits, is told, and is saved in the end.
 */
static void
a_full_disk_keeps_the_edit (void)
{
  Fixture f;
  Heard h;
  EmStore *store;
  int64_t o;

  signal (SIGXFSZ, SIG_IGN);
  fixture_open (&f);
  o = add_object (&f);
  em_db_close (f.db);
  f.db = NULL;
  store = open_store (&f, EM_DB_WRITE, &h);
  queue_stroke (store, &h, f.clip, o, 0);
  wait_for (&h, &h.n, 1);
  set_file_limit (4096);
  queue_stroke (store, &h, f.clip, o, 1);
  queue_stroke (store, &h, f.clip, o, 2);
  wait_for (&h, &h.not_saved, 1);
  CHECK (!em_store_is_saved (store));
  CHECK_INT (h.n, 1); /* never shown as saved */
  set_file_limit (RLIM_INFINITY);
  wait_for (&h, &h.n, 3);
  wait_for (&h, &h.saved, 1);
  CHECK (em_store_is_saved (store));
  CHECK (!h.error);
  CHECK_INT (h.results[1], 3);
  CHECK_INT (h.results[2], 4);
  g_object_unref (store);
  CHECK_INT (fixture_int (f.path, "SELECT count(*) FROM step"), 4);
  fixture_close (&f);
}

static void
closing_with_an_unsaved_edit_says_so (void)
{
  Fixture f;
  Heard h;
  EmStore *store;
  int64_t o;

  fixture_open (&f);
  o = add_object (&f);
  em_db_close (f.db);
  f.db = NULL;
  store = open_store (&f, EM_DB_WRITE, &h);
  queue_stroke (store, &h, f.clip, o, 0);
  wait_for (&h, &h.n, 1);
  set_file_limit (4096);
  queue_stroke (store, &h, f.clip, o, 1);
  wait_for (&h, &h.not_saved, 1);
  MUST_FAIL (em_store_close (store, error), EM_E_INPUT, "could not be saved");
  set_file_limit (RLIM_INFINITY);
  wait_for (&h, &h.n, 2);
  CHECK (h.error);
  g_clear_error (&h.error);
  g_object_unref (store);
  fixture_close (&f);
}

static void
a_taken_lock_is_told (void)
{
  Fixture f;
  Heard h;
  EmStore *store;
  int64_t o;

  fixture_open (&f);
  o = add_object (&f);
  em_db_close (f.db);
  f.db = NULL;
  store = open_store (&f, EM_DB_WRITE, &h);
  fixture_sql (f.path, "UPDATE writer SET token = 1");
  queue_stroke (store, &h, f.clip, o, 0);
  wait_for (&h, &h.lost, 1);
  wait_for (&h, &h.n, 1);
  CHECK (g_error_matches (h.error, EM_STORE_ERROR, EM_E_LOCKED));
  CHECK (!em_store_is_writable (store));
  CHECK_INT (h.not_saved, 0);
  g_clear_error (&h.error);
  g_object_unref (store);
  fixture_close (&f);
}

static void
a_watcher_hears_of_changes (void)
{
  Fixture f;
  Heard h;
  EmStore *store;

  fixture_open (&f);
  store = open_store (&f, EM_DB_READ, &h);
  CHECK (!em_store_is_writable (store));
  add_object (&f);
  wait_for (&h, &h.changed, 1);
  queue_stroke (store, &h, f.clip, 1, 0);
  wait_for (&h, &h.n, 1);
  CHECK (g_error_matches (h.error, EM_STORE_ERROR, EM_E_LOCKED));
  g_clear_error (&h.error);
  g_object_unref (store);
  fixture_close (&f);
}

static gpointer
count_clips (EmDb *db, gpointer data, GError **error)
{
  g_autoptr (GPtrArray) clips = em_db_clips (db, error);

  return clips ? g_memdup2 (&clips->len, sizeof clips->len) : NULL;
}

static void
last_one_out_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  int *n = data;

  g_free (em_store_call_finish (EM_STORE (source), result, NULL));
  g_object_unref (source); /* the owner's; the task holds the last */
  ++*n;
}

/* A store may go in the callback of its last call: its thread must not be the one to free it. */
static void
the_last_reference_goes_in_a_callback (void)
{
  Fixture f;

  fixture_open (&f);
  add_object (&f);
  for (int i = 0; i < 100; i++) {
    EmStore *store;
    GWeakRef weak;
    GObject *left;
    int n = 0;

    MUST (store = em_store_open (f.path, EM_DB_READ, error));
    g_weak_ref_init (&weak, store);
    em_store_call_async (store, count_clips, NULL, NULL, g_free, last_one_out_cb, &n);
    while (n == 0)
      g_main_context_iteration (NULL, TRUE);
    while ((left = g_weak_ref_get (&weak))) {
      g_object_unref (left);
      g_main_context_iteration (NULL, FALSE);
    }
    g_weak_ref_clear (&weak);
  }
  fixture_close (&f);
}

static void
opened_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  EmStore **store = data;
  g_autoptr (GError) error = NULL;

  *store = em_store_open_finish (result, &error);
  CHECK (*store || error);
  if (!*store)
    *store = (EmStore *) opened_cb; /* answered, with an error */
}

static void
opens_off_the_main_thread_and_backs_up (void)
{
  Fixture f;
  EmStore *store = NULL, *second = NULL;
  g_autofree char *folder = NULL;
  EmDbProject p;
  bool found = false;

  fixture_open (&f);
  add_object (&f);
  MUST (em_db_project (f.db, &p, error));
  em_db_close (f.db);
  f.db = NULL;
  em_store_open_async (f.path, EM_DB_WRITE, NULL, opened_cb, &store);
  while (!store)
    g_main_context_iteration (NULL, TRUE);
  CHECK_TEXT (em_store_path (store), f.path);
  em_store_open_async (f.path, EM_DB_WRITE, NULL, opened_cb, &second);
  while (!second)
    g_main_context_iteration (NULL, TRUE);
  CHECK (second == (EmStore *) opened_cb);

  folder = g_strdup_printf ("%s/earmark/backups/%" G_GINT64_FORMAT, g_get_user_state_dir (), p.id);
  for (int i = 0; i < 2000 && !found; i++) {
    g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name (dir)))
      found |= g_str_has_suffix (name, ".earmark");
    g_usleep (1000);
  }
  CHECK (found);
  em_db_project_clear (&p);
  g_object_unref (store);
  fixture_close (&f);
}

CHECK_MAIN (calls_run_in_order, a_full_disk_keeps_the_edit, closing_with_an_unsaved_edit_says_so,
            a_taken_lock_is_told, a_watcher_hears_of_changes, the_last_reference_goes_in_a_callback,
            opens_off_the_main_thread_and_backs_up)
