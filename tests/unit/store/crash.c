/* crash.c - kill -9 at any moment: what was confirmed is there, what was not is wholly absent.
 *
 * A child writes into the project and tells the parent, through a pipe, each step that returned. It
 * is killed at a random moment, inside and between transactions. */
#include "check.h"
#include "fixture.h"
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include "store/db_private.h"
#include "store/verify.h"

#define ROUNDS 25

typedef struct {
  int64_t step;
  int frames; /* of the track so far; 0: a stroke */
} Told;

static void
tell (int fd, int64_t step, int frames)
{
  Told t = { step, frames };

  if (write (fd, &t, sizeof t) != sizeof t)
    _exit (2);
}

/* Strokes and tracks in turn, for ever. */
static void
annotate (const char *path, int64_t clip, int64_t o, int fd)
{
  Fixture f = { .path = (char *) path, .clip = clip };

  f.db = em_db_open (path, EM_DB_WRITE, NULL);
  if (!f.db)
    _exit (3);
  for (unsigned i = 0;; i++) {
    g_autoptr (EmEdit) start = em_edit_new (EM_STEP_TRACK);
    int64_t step = put (&f, EM_STEP_BRUSH, o, (int) (i % FRAMES), EM_STATE_KEYFRAME, i);

    tell (fd, step, 0);
    em_edit_set_open (start);
    step = em_db_edit (f.db, clip, start, NULL);
    tell (fd, step, 0);
    for (int k = 0; k < FRAMES; k++) {
      g_autoptr (EmEdit) rows = track_rows (o + 1, k, k, i);

      if (!step || !em_db_append (f.db, clip, step, rows, NULL, NULL))
        _exit (4);
      tell (fd, step, k + 1);
    }
    em_db_close_step (f.db, clip, step, NULL);
  }
}

static void
check_round (Fixture *f, const Told *told)
{
  EmVerifyReport r;
  g_autofree char *sql = NULL;
  g_autoptr (EmDbClip) clip = NULL;
  EmDbMove m;

  MUST (f->db = em_db_open (f->path, EM_DB_WRITE, error)); /* the dead writer is no obstacle */
  MUST (em_db_verify (f->db, &r, error));
  for (guint i = 0; i < r.faults->len; i++)
    fprintf (stderr, "verify: %s\n", (char *) r.faults->pdata[i]);
  CHECK_INT (r.faults->len, 0);
  em_verify_report_clear (&r);
  MUST (clip = em_db_clip (f->db, f->clip, error));
  CHECK (clip->head == told->step || clip->head == told->step + 1);
  if (told->frames) {
    int n;

    sql = g_strdup_printf ("SELECT count(*) FROM cell WHERE step = %" G_GINT64_FORMAT, told->step);
    n = (int) fixture_int (f->path, sql);
    CHECK (n == told->frames || n == told->frames + 1);
  }
  /* Undo still walks back to the start, and forth. */
  do
    MUST (em_db_undo (f->db, f->clip, &m, error));
  while (m.step);
  do
    MUST (em_db_redo (f->db, f->clip, &m, error));
  while (m.step);
  em_db_close (f->db);
  f->db = NULL;
}

static void
no_confirmed_step_is_lost (void)
{
  Fixture f;
  uint64_t seed = 11;
  int64_t o, total = 0;

  fixture_open (&f);
  o = add_object (&f);
  add_object (&f);
  em_db_close (f.db);
  f.db = NULL;
  for (int round = 0; round < ROUNDS; round++) {
    int pipes[2];
    pid_t pid;
    Told told = { 0 }, next;

    CHECK (pipe (pipes) == 0);
    pid = fork ();
    if (pid == 0) {
      close (pipes[0]);
      annotate (f.path, f.clip, o, pipes[1]);
    }
    close (pipes[1]);
    /* Let it come to work, then let it live for a moment of chance. */
    CHECK (read (pipes[0], &told, sizeof told) == sizeof told);
    g_usleep (check_random (&seed) % 30000);
    kill (pid, SIGKILL);
    waitpid (pid, NULL, 0);
    while (read (pipes[0], &next, sizeof next) == sizeof next) {
      told = next;
      total++;
    }
    close (pipes[0]);
    check_round (&f, &told);
  }
  fprintf (stderr, "%d kills, %lld confirmed commits, none lost\n", ROUNDS, (long long) total);
  CHECK (total > ROUNDS);
  fixture_close (&f);
}

/* Killed with a transaction open: nothing of it is there. */
static void
an_open_transaction_leaves_nothing (void)
{
  Fixture f;
  pid_t pid;
  int status;

  fixture_open (&f);
  add_object (&f);
  em_db_close (f.db);
  f.db = NULL;
  pid = fork ();
  if (pid == 0) {
    EmDb *db = em_db_open (f.path, EM_DB_WRITE, NULL);

    if (!db || !em_db_begin_batch (db, NULL))
      _exit (1);
    f.db = db;
    put (&f, EM_STEP_BRUSH, 1, 3, EM_STATE_KEYFRAME, 5);
    sqlite3_db_cacheflush (db->sqlite); /* its pages are in the journal already */
    raise (SIGKILL);
  }
  waitpid (pid, &status, 0);
  CHECK (WIFSIGNALED (status));
  MUST (f.db = em_db_open (f.path, EM_DB_WRITE, error));
  CHECK_INT (state_at (&f, 1, 3), -1);
  CHECK_INT (fixture_int (f.path, "SELECT count(*) FROM mask"), 0);
  put (&f, EM_STEP_BRUSH, 1, 3, EM_STATE_KEYFRAME, 6); /* and the same place takes the next one */
  CHECK_INT (state_at (&f, 1, 3), EM_STATE_KEYFRAME);
  fixture_close (&f);
}

/* A project is deleted after a crash, and made again under its name: the old journal beside it must
 * not be taken for the new one's. */
static void
an_orphaned_journal_is_not_read (void)
{
  Fixture f;
  EmDbSetup setup = { .annotator = "Bo" };
  EmDbProject before, after;
  EmVerifyReport r;
  g_autofree char *wal = NULL;
  pid_t pid;

  fixture_open (&f);
  add_object (&f);
  MUST (em_db_project (f.db, &before, error));
  em_db_close (f.db);
  pid = fork ();
  if (pid == 0) {
    f.db = em_db_open (f.path, EM_DB_WRITE, NULL);
    if (!f.db)
      _exit (1);
    for (unsigned i = 0; i < 20; i++)
      put (&f, EM_STEP_BRUSH, 1, (int) i, EM_STATE_KEYFRAME, i);
    raise (SIGKILL);
  }
  waitpid (pid, NULL, 0);
  wal = g_strconcat (f.path, "-wal", NULL);
  CHECK (access (wal, F_OK) == 0);
  unlink (f.path);
  MUST (f.db = em_db_create (f.path, &setup, error));
  MUST (em_db_project (f.db, &after, error));
  CHECK (after.id != before.id);
  CHECK_INT (after.n_clips, 0);
  MUST (em_db_verify (f.db, &r, error));
  CHECK_INT (r.faults->len, 0);
  em_verify_report_clear (&r);
  em_db_project_clear (&before);
  em_db_project_clear (&after);
  fixture_close (&f);
}

CHECK_MAIN (no_confirmed_step_is_lost, an_open_transaction_leaves_nothing,
            an_orphaned_journal_is_not_read)
