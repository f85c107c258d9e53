/* backup.c - rolling copies of a project.
 *
 * Copies are named TIME-COMMITS.earmark, so the folder alone tells which is the oldest and whether
 * the newest is still up to date. A copy is a closed project: one file, no lock, no journal. */
#include "store/backup.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "store/db_private.h"

#define KEEP 5

struct EmBackup {
  EmDb *db;
  sqlite3 *copy;
  sqlite3_backup *job;
  char *draft, *path, *folder;
};

static char *
default_folder (EmDb *db)
{
  g_autofree char *id = g_strdup_printf ("%" G_GINT64_FORMAT, db->project_id);

  return g_build_filename (g_get_user_state_dir (), "earmark", "backups", id, NULL);
}

static int
by_name (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* Finished copies in the folder, oldest first: the time leads the name. */
static GPtrArray *
copies (const char *folder)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  GDir *dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name (dir)))
    if (g_str_has_suffix (name, ".earmark") && strchr (name, '-'))
      g_ptr_array_add (names, g_strdup (name));
  if (dir)
    g_dir_close (dir);
  g_ptr_array_sort (names, by_name);
  return names;
}

static int64_t
commits_of (const char *name)
{
  const char *dash = strrchr (name, '-');

  return dash ? g_ascii_strtoll (dash + 1, NULL, 10) : -1;
}

static bool
read_commits (EmDb *db, int64_t *commits, GError **error)
{
  EmSql q = em_sql (db, "SELECT commits, id FROM project");

  if (em_sql_row (&q)) {
    *commits = em_sql_get_int (&q, 0);
    db->project_id = em_sql_get_int (&q, 1); /* a copy is made before the project counts as open */
  }
  return em_sql_end (&q, error);
}

EmBackup *
em_backup_begin (EmDb *db, const char *folder, GError **error)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  g_autofree char *time = g_date_time_format (now, "%Y%m%dT%H%M%S");
  g_autoptr (GPtrArray) old = NULL;
  g_autofree char *place = NULL, *name = NULL;
  int64_t commits = 0;
  EmBackup *b;

  if (!read_commits (db, &commits, error))
    return NULL;
  place = folder ? g_strdup (folder) : default_folder (db);
  if (g_mkdir_with_parents (place, 0700) != 0) {
    em_store_fail (error, EM_E_INPUT, "%s: %s", place, g_strerror (errno));
    return NULL;
  }
  old = copies (place);
  if (old->len && commits_of (old->pdata[old->len - 1]) == commits)
    return NULL;

  b = g_new0 (EmBackup, 1);
  b->db = db;
  b->folder = g_steal_pointer (&place);
  name = g_strdup_printf ("%s.%03dZ-%" G_GINT64_FORMAT ".earmark", time,
                          g_date_time_get_microsecond (now) / 1000, commits);
  b->path = g_build_filename (b->folder, name, NULL);
  b->draft = g_strconcat (b->path, ".part", NULL);
  if (sqlite3_open (b->draft, &b->copy) != SQLITE_OK
      || !(b->job = sqlite3_backup_init (b->copy, "main", db->sqlite, "main"))) {
    em_store_fail (error, EM_E_INPUT, "%s: %s", b->draft, sqlite3_errmsg (b->copy));
    em_backup_end (b);
    return NULL;
  }
  return b;
}

static void
drop_old (const char *folder)
{
  g_autoptr (GPtrArray) all = copies (folder);

  for (guint i = 0; i + KEEP < all->len; i++) {
    g_autofree char *path = g_build_filename (folder, all->pdata[i], NULL);

    unlink (path);
  }
}

static bool
finish (EmBackup *b, GError **error)
{
  int rc = sqlite3_backup_finish (b->job);

  b->job = NULL;
  if (rc == SQLITE_OK)
    rc = sqlite3_exec (b->copy,
                       "PRAGMA journal_mode = DELETE;"
                       "UPDATE writer SET token = NULL, annotator = NULL, host = NULL, boot = NULL,"
                       " pid = NULL, started = NULL, program = NULL",
                       NULL, NULL, NULL);
  if (rc != SQLITE_OK)
    return em_store_fail (error, EM_E_INPUT, "%s: %s", b->draft, sqlite3_errmsg (b->copy));
  sqlite3_close (b->copy);
  b->copy = NULL;
  if (rename (b->draft, b->path) != 0)
    return em_store_fail (error, EM_E_INPUT, "%s: %s", b->path, g_strerror (errno));
  g_clear_pointer (&b->draft, g_free);
  drop_old (b->folder);
  return true;
}

bool
em_backup_step (EmBackup *b, int pages, GError **error)
{
  int rc;

  if (!b->job)
    return false;
  rc = sqlite3_backup_step (b->job, pages);
  if (rc == SQLITE_DONE) {
    finish (b, error);
    return false;
  }
  if (rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
    return true;
  return em_store_fail (error, EM_E_INPUT, "%s: %s", b->draft, sqlite3_errstr (rc));
}

void
em_backup_end (EmBackup *b)
{
  if (!b)
    return;
  sqlite3_backup_finish (b->job);
  sqlite3_close (b->copy);
  if (b->draft)
    unlink (b->draft);
  g_free (b->draft);
  g_free (b->path);
  g_free (b->folder);
  g_free (b);
}

bool
em_db_backup (EmDb *db, const char *folder, GError **error)
{
  g_autoptr (GError) problem = NULL;
  EmBackup *b = em_backup_begin (db, folder, &problem);

  while (b && em_backup_step (b, -1, &problem))
    ;
  em_backup_end (b);
  if (!problem)
    return true;
  g_propagate_error (error, g_steal_pointer (&problem));
  return false;
}
