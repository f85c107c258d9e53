/* db_lock.c - one writer, by a row in the file.
 *
 * SQLite keeps two commits apart; this lock keeps two people apart. It names host, boot, process
 * and that process's start, so that after a crash nobody has to wait: a process that is not there
 * any more cannot come back under its number and start time. */
#include "store/db_lock.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include "store/db_private.h"

/* The boot and the process namespace: numbers mean something only within both. */
static char *
boot_id (void)
{
  g_autofree char *boot = NULL, *names = g_file_read_link ("/proc/self/ns/pid", NULL);

  if (!g_file_get_contents ("/proc/sys/kernel/random/boot_id", &boot, NULL, NULL))
    return g_strdup ("");
  return g_strdup_printf ("%s %s", g_strstrip (boot), names ? names : "");
}

/* In clock ticks since boot, 0 if there is no such process. */
static int64_t
process_start (int64_t pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%" G_GINT64_FORMAT "/stat", pid);
  g_autofree char *stat = NULL;
  const char *after;
  g_auto (GStrv) fields = NULL;

  if (!g_file_get_contents (path, &stat, NULL, NULL))
    return 0;
  after = strrchr (stat, ')'); /* the name before it may hold anything */
  if (!after)
    return 0;
  fields = g_strsplit (after + 1, " ", 22);
  return g_strv_length (fields) > 20 ? g_ascii_strtoll (fields[20], NULL, 10) : 0;
}

typedef struct {
  int64_t token, started;
  char *boot;
  EmDbWriter who;
} Owner;

static void
owner_clear (Owner *o)
{
  em_db_writer_clear (&o->who);
  g_clear_pointer (&o->boot, g_free);
}

static bool
read_owner (EmDb *db, Owner *o, GError **error)
{
  g_autofree char *boot = boot_id ();
  EmSql q
      = em_sql (db, "SELECT token, annotator, host, program, pid, beat, boot, started FROM writer");

  *o = (Owner){ 0 };
  if (em_sql_row (&q)) {
    o->token = em_sql_get_int (&q, 0);
    o->who.beat = em_sql_get_int (&q, 5);
    if (o->token) {
      o->who.annotator = em_sql_get_text (&q, 1);
      o->who.host = em_sql_get_text (&q, 2);
      o->who.program = em_sql_get_text (&q, 3);
      o->who.pid = em_sql_get_int (&q, 4);
      o->boot = em_sql_get_text (&q, 6);
      o->started = em_sql_get_int (&q, 7);
      o->who.is_gone = *boot && g_strcmp0 (o->boot, boot) == 0
                       && g_strcmp0 (o->who.host, g_get_host_name ()) == 0
                       && process_start (o->who.pid) != o->started;
    }
  }
  return em_sql_end (&q, error);
}

bool
em_db_writer (EmDb *db, EmDbWriter *out, GError **error)
{
  Owner o;
  bool fine = read_owner (db, &o, error);

  g_clear_pointer (&o.boot, g_free);
  *out = o.who;
  return fine;
}

void
em_db_writer_clear (EmDbWriter *w)
{
  g_free (w->annotator);
  g_free (w->host);
  g_free (w->program);
  *w = (EmDbWriter){ 0 };
}

static bool
write_owner (EmDb *db, GError **error)
{
  g_autofree char *boot = boot_id (), *person = em_db_annotator_name (db, db->author);
  EmSql q = em_sql (db, "UPDATE writer SET token = ?, annotator = ?, host = ?, boot = ?, pid = ?,"
                        " started = ?, program = ?, beat = max (beat + 1, ?)");

  em_sql_int (&q, db->token);
  em_sql_text (&q, person);
  em_sql_text (&q, g_get_host_name ());
  em_sql_text (&q, boot);
  em_sql_int (&q, getpid ());
  em_sql_int (&q, process_start (getpid ()));
  em_sql_text (&q, g_get_prgname () ? g_get_prgname () : "earmark");
  em_sql_int (&q, em_db_now_us ());
  return em_sql_run (&q, error);
}

bool
em_db_lock (EmDb *db, int64_t beat_seen, GError **error)
{
  Owner o = { 0 };
  bool fine;

  if (!em_sql_exec (db, "BEGIN IMMEDIATE", error))
    return false;
  fine = read_owner (db, &o, error);
  if (fine && o.token && !o.who.is_gone && o.who.beat != beat_seen)
    fine = em_store_fail (error, EM_E_LOCKED,
                          "%s: %s is writing it with %s (process %" G_GINT64_FORMAT " on %s)",
                          db->path, o.who.annotator, o.who.program, o.who.pid, o.who.host);
  owner_clear (&o);
  db->token = em_db_random_id ();
  if (fine && write_owner (db, error) && em_db_commit (db, error))
    return true;
  db->token = 0;
  em_db_rollback (db);
  return false;
}

/* Nobody is told of a failure here: a lock left behind is found dead by the next one. */
void
em_db_unlock (EmDb *db)
{
  EmSql q;

  db->in_batch = false; /* an unfinished one goes as a whole */
  em_db_rollback (db);
  q = em_sql (db, "UPDATE writer SET token = NULL, annotator = NULL, host = NULL, boot = NULL,"
                  " pid = NULL, started = NULL, program = NULL WHERE token = ?");
  em_sql_int (&q, db->token);
  em_sql_run (&q, NULL);
  db->token = 0;
}

bool
em_db_still_ours (EmDb *db, GError **error)
{
  EmSql q = em_sql (db, "UPDATE writer SET beat = max (beat + 1, ?) WHERE token = ?");

  em_sql_int (&q, em_db_now_us ());
  em_sql_int (&q, db->token);
  if (!em_sql_run (&q, error))
    return false;
  if (sqlite3_changes (db->sqlite) == 1)
    return true;
  db->token = 0;
  db->is_writable = false;
  return em_store_fail (error, EM_E_LOCKED,
                        "%s: somebody took the project over, it is open for viewing now", db->path);
}

bool
em_db_beat (EmDb *db, GError **error)
{
  if (!db->is_writable)
    return em_store_fail (error, EM_E_LOCKED, "%s: open for viewing only", db->path);
  db->last_rc = SQLITE_OK;
  if (!em_sql_exec (db, "BEGIN IMMEDIATE", error))
    return false;
  if (em_db_still_ours (db, error))
    return em_db_commit (db, error);
  em_db_rollback (db);
  return false;
}
