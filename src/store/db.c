/* db.c - making, opening and closing a project file, and its transactions.
 *
 * The file's first hundred bytes are looked at before SQLite is, so that a text file gets a plain
 * sentence. A new project is built beside its place and linked there when it is whole. */
#include "store/db.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdarg.h>
#include <string.h>
#include <sys/random.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "store/backup.h"
#include "store/db_lock.h"
#include "store/db_private.h"
#include "store/schema.h"

#define BUSY_MS 5000

GQuark
em_store_error_quark (void)
{
  return g_quark_from_static_string ("earmark-error");
}

bool
em_store_fail (GError **error, EmStatus code, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  if (error && !*error)
    *error = g_error_new_valist (EM_STORE_ERROR, code, format, args);
  va_end (args);
  return false;
}

bool
em_store_fail_with (GError **error, const EmError *err, const char *what)
{
  return em_store_fail (error, err->code, "%s: %s", what, err->text);
}

/* From the kernel: ids must not repeat in another process, nor in the child of a fork. */
int64_t
em_db_random_id (void)
{
  uint64_t r;

  EM_BUG_UNLESS (getrandom (&r, sizeof r, 0) == sizeof r);
  return (int64_t) (r % ((1ull << 53) - 1)) + 1;
}

int64_t
em_db_now_us (void)
{
  return g_get_real_time ();
}

const char *
em_db_path (const EmDb *db)
{
  return db->path;
}

bool
em_db_is_writable (const EmDb *db)
{
  return db->is_writable;
}

const char *
em_db_warning (const EmDb *db)
{
  return db->warning;
}

bool
em_db_may_retry (const EmDb *db)
{
  switch (db->last_rc & 0xff) {
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
  case SQLITE_FULL:
  case SQLITE_IOERR:
  case SQLITE_CANTOPEN:
  case SQLITE_READONLY:
  case SQLITE_NOMEM:
    return true;
  default:
    return false;
  }
}

/* Is it there, and does it begin like one of ours? The application id is written before the file
 * gets its name, so it is never only in the journal. */
static bool
check_head (const char *path, GError **error)
{
  uint8_t head[100];
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? -1 : read (fd, head, sizeof head);
  int problem = errno;

  if (fd >= 0)
    close (fd);
  if (n < 0)
    return em_store_fail (error, EM_E_INPUT, "%s: %s", path, g_strerror (problem));
  if (n == 0)
    return em_store_fail (error, EM_E_INPUT, "%s: the file is empty, not an Earmark project", path);
  if (n < (ssize_t) sizeof head || memcmp (head, "SQLite format 3", 16) != 0
      || GUINT32_FROM_BE (*(const uint32_t *) (head + 68)) != EM_SCHEMA_APPLICATION_ID)
    return em_store_fail (error, EM_E_INPUT, "%s: not an Earmark project", path);
  return true;
}

/* File systems where a memory-mapped WAL index is not shared between machines. */
static bool
is_on_network (const char *path)
{
  static const uint32_t magic[] = {
    0x6969,     /* NFS */
    0x517b,     /* SMB */
    0xff534d42, /* CIFS */
    0xfe534d42, /* SMB2 */
    0x01021997, /* 9p */
    0x5346414f, /* AFS */
    0x73757245, /* Coda */
    0x65735546, /* FUSE: sshfs and the like */
    0x00c36400, /* Ceph */
  };
  struct statfs fs;

  if (statfs (path, &fs) != 0)
    return false;
  for (size_t i = 0; i < G_N_ELEMENTS (magic); i++)
    if ((uint32_t) fs.f_type == magic[i])
      return true;
  return false;
}

static void
finalize_statement (gpointer statement)
{
  sqlite3_finalize (statement);
}

static EmDb *
connect_to (const char *path, EmDbMode mode, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *wal = g_strconcat (path, "-wal", NULL);
  g_autofree char *escaped = g_uri_escape_string (path, "/", TRUE);
  bool can_write = access (path, W_OK) == 0 && access (folder, W_OK) == 0;
  bool as_is = !can_write && access (wal, F_OK) != 0;
  g_autofree char *uri = g_strconcat ("file:", escaped, as_is ? "?immutable=1" : NULL, NULL);
  EmDb *db;
  int rc;

  if (mode == EM_DB_WRITE && !can_write) {
    em_store_fail (error, EM_E_INPUT, "%s: the file or its folder cannot be written", path);
    return NULL;
  }
  db = g_new0 (EmDb, 1);
  db->path = g_strdup (path);
  db->statements = g_hash_table_new_full (g_direct_hash, g_direct_equal, NULL, finalize_statement);
  if (!can_write)
    db->warning = g_strdup ("The project cannot be written here: it is opened for viewing");
  /* A reader opens writable where it can: the last to close then leaves one file and no journal. */
  rc = sqlite3_open_v2 (uri, &db->sqlite,
                        (can_write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_URI
                            | SQLITE_OPEN_NOMUTEX,
                        NULL);
  if (rc != SQLITE_OK) {
    em_sql_fail (db, rc, error);
    em_db_close (db);
    return NULL;
  }
  return db;
}

static bool
set_up (EmDb *db, EmDbMode mode, GError **error)
{
  bool far = is_on_network (db->path);

  sqlite3_extended_result_codes (db->sqlite, 1);
  sqlite3_busy_timeout (db->sqlite, BUSY_MS);
  sqlite3_db_config (db->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  sqlite3_db_config (db->sqlite, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
  sqlite3_db_config (db->sqlite, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
  if (!em_sql_exec (db,
                    "PRAGMA foreign_keys = ON; PRAGMA cell_size_check = ON;"
                    "PRAGMA journal_size_limit = 67108864",
                    error))
    return false;
  if (mode == EM_DB_READ)
    return em_sql_exec (db, "PRAGMA query_only = ON", error);
  if (far)
    db->warning
        = g_strdup ("The project lies on a network file system: saving is slower there, and "
                    "two computers must not open it at once");
  /* FULL, not NORMAL: a power cut must not take back what the screen confirmed. */
  return em_sql_exec (db,
                      far ? "PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA"
                          : "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL",
                      error);
}

static int
pragma_int (EmDb *db, const char *pragma, int fallback)
{
  sqlite3_stmt *s = NULL;
  int value = fallback;

  if (sqlite3_prepare_v2 (db->sqlite, pragma, -1, &s, NULL) == SQLITE_OK
      && sqlite3_step (s) == SQLITE_ROW)
    value = sqlite3_column_int (s, 0);
  sqlite3_finalize (s);
  return value;
}

static bool
bring_up_to_date (EmDb *db, EmDbMode mode, GError **error)
{
  int version = pragma_int (db, "PRAGMA user_version", -1);

  if (version < 0)
    return em_sql_fail (db, sqlite3_errcode (db->sqlite), error);
  if (version > em_schema_version)
    return em_store_fail (error, EM_E_INPUT,
                          "%s: made by a newer Earmark, schema %d, this one reads %d", db->path,
                          version, em_schema_version);
  if (version < em_schema_version) {
    if (mode == EM_DB_READ)
      return em_store_fail (error, EM_E_INPUT,
                            "%s: made by an older Earmark, schema %d; open it for writing once",
                            db->path, version);
    if (!em_db_backup (db, NULL, error)
        || !em_schema_migrate (db->sqlite, db->path, em_schema_steps, version, em_schema_version,
                               error))
      return false;
  }
  return em_schema_check (db->sqlite, db->path, error);
}

static bool
read_identity (EmDb *db, GError **error)
{
  EmSql q = em_sql (db, "SELECT id, author FROM project WHERE one = 1");

  if (em_sql_row (&q)) {
    db->project_id = em_sql_get_int (&q, 0);
    db->author = em_sql_get_int (&q, 1);
  }
  return em_sql_end (&q, error)
         && (db->project_id
             || em_store_fail (error, EM_E_INPUT, "%s: the project's own row is missing",
                               db->path));
}

/* Counts of clips whose job was cut short were never brought up to date. */
static bool
settle_summaries (EmDb *db, GError **error)
{
  g_autoptr (GPtrArray) open = em_db_open_steps (db, error);

  if (!open)
    return false;
  for (guint i = 0; i < open->len; i++) {
    const EmDbStep *s = open->pdata[i];

    if (!em_db_begin (db, error))
      return false;
    if (!em_db_summarize (db, s->clip, NULL, error)) {
      em_db_rollback (db);
      return false;
    }
    if (!em_db_commit (db, error))
      return false;
  }
  return true;
}

static EmDb *
open_project (const char *path, EmDbMode mode, int64_t beat_seen, GError **error)
{
  g_autofree char *full = g_canonicalize_filename (path, NULL);
  g_autoptr (EmDb) db = NULL;

  if (!check_head (full, error))
    return NULL;
  db = connect_to (full, mode, error);
  if (!db || !set_up (db, mode, error))
    return NULL;
  /* A newer file is refused before anything in it is touched, the lock's row included. */
  if (!bring_up_to_date (db, mode, error) || !read_identity (db, error))
    return NULL;
  if (mode == EM_DB_WRITE) {
    if (!em_db_lock (db, beat_seen, error))
      return NULL;
    db->is_writable = true;
    if (!settle_summaries (db, error))
      return NULL;
  }
  em_db_changed (db);
  return g_steal_pointer (&db);
}

EmDb *
em_db_open (const char *path, EmDbMode mode, GError **error)
{
  return open_project (path, mode, -1, error);
}

EmDb *
em_db_open_taking_over (const char *path, int64_t beat_seen, GError **error)
{
  return open_project (path, EM_DB_WRITE, beat_seen, error);
}

void
em_db_close (EmDb *db)
{
  if (!db)
    return;
  if (db->token)
    em_db_unlock (db);
  g_hash_table_unref (db->statements);
  sqlite3_close (db->sqlite);
  g_free (db->path);
  g_free (db->warning);
  g_free (db);
}

static bool
insert_first_rows (EmDb *db, const EmDbSetup *setup, GError **error)
{
  const char *person = setup->annotator ? setup->annotator : g_get_real_name ();
  EmSql q = em_sql (db, "INSERT INTO annotator (id, name) VALUES (?, ?)");

  db->author = em_db_random_id ();
  em_sql_int (&q, db->author);
  em_sql_text (&q, person);
  if (!em_sql_run (&q, error))
    return false;

  q = em_sql (db, "INSERT INTO project (one, id, created, preset, grid_step, grid_phase, settings,"
                  " author, commits) VALUES (1, ?, ?, ?, ?, ?, ?, ?, 0)");
  em_sql_int (&q, em_db_random_id ());
  em_sql_int (&q, em_db_now_us ());
  em_sql_text (&q, setup->preset ? setup->preset : "video");
  em_sql_int (&q, setup->grid_step_ns ? setup->grid_step_ns : 1000000000);
  em_sql_int (&q, setup->grid_phase_ns);
  em_sql_text (&q, setup->settings ? setup->settings : "{}");
  em_sql_int (&q, db->author);
  if (!em_sql_run (&q, error)
      || !em_sql_exec (db, "INSERT INTO writer (one, beat) VALUES (1, 0)", error))
    return false;

  for (int i = 0; setup->classes && setup->classes[i]; i++)
    if (!em_db_insert_class (db, setup->classes[i], error))
      return false;
  return true;
}

static bool
build (const char *path, const EmDbSetup *setup, GError **error)
{
  EmDb db = { .path = (char *) path };
  bool fine;

  db.statements = g_hash_table_new_full (g_direct_hash, g_direct_equal, NULL, finalize_statement);
  /* Its file is there already: mkstemp made it. */
  fine = sqlite3_open_v2 (path, &db.sqlite, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK;
  if (!fine)
    em_sql_fail (&db, sqlite3_errcode (db.sqlite), error);
  else
    fine = em_sql_exec (&db, "PRAGMA foreign_keys = ON", error)
           && em_schema_migrate (db.sqlite, path, em_schema_steps, 0, em_schema_version, error)
           && em_sql_exec (&db, "BEGIN IMMEDIATE", error) && insert_first_rows (&db, setup, error)
           && em_sql_exec (&db, "COMMIT", error);
  g_hash_table_unref (db.statements);
  sqlite3_close (db.sqlite);
  return fine;
}

/* What a crash left beside a project that was deleted since: SQLite would take it for the new one's
 * journal and write old pages into it. */
static void
drop_orphans (const char *path)
{
  static const char *const suffixes[] = { "-wal", "-shm", "-journal" };

  for (size_t i = 0; i < G_N_ELEMENTS (suffixes); i++) {
    g_autofree char *name = g_strconcat (path, suffixes[i], NULL);

    unlink (name);
  }
}

EmDb *
em_db_create (const char *path, const EmDbSetup *setup, GError **error)
{
  g_autofree char *full = g_canonicalize_filename (path, NULL);
  g_autofree char *folder = g_path_get_dirname (full), *name = g_path_get_basename (full);
  g_autofree char *draft = g_strdup_printf ("%s/.%s.XXXXXX", folder, name);
  int fd;
  bool fine;

  if (g_file_test (full, G_FILE_TEST_EXISTS)) {
    em_store_fail (error, EM_E_INPUT, "%s: there is a file of that name already", full);
    return NULL;
  }
  fd = g_mkstemp_full (draft, O_RDWR | O_CLOEXEC, 0666);
  if (fd < 0) {
    em_store_fail (error, EM_E_INPUT, "%s: %s", full, g_strerror (errno));
    return NULL;
  }
  close (fd);
  fine = build (draft, setup, error);
  drop_orphans (full);
  /* link, unlike rename, never replaces what somebody else put there meanwhile; file systems
   * without hard links get the rename. */
  if (fine && link (draft, full) != 0) {
    if (errno == EEXIST || rename (draft, full) != 0)
      fine = em_store_fail (error, EM_E_INPUT, "%s: %s", full, g_strerror (errno));
  }
  unlink (draft);
  return fine ? em_db_open (full, EM_DB_WRITE, error) : NULL;
}

bool
em_db_begin (EmDb *db, GError **error)
{
  EM_BUG_UNLESS (db->in_batch || sqlite3_get_autocommit (db->sqlite));
  db->last_rc = SQLITE_OK; /* what fails from here on is not SQLite's doing unless it says so */
  if (!db->is_writable)
    return em_store_fail (error, EM_E_LOCKED, "%s: open for viewing only", db->path);
  if (!em_sql_exec (db, db->in_batch ? "SAVEPOINT one" : "BEGIN IMMEDIATE", error))
    return false;
  if (em_db_still_ours (db, error)
      && em_sql_exec (db, "UPDATE project SET commits = commits + 1", error))
    return true;
  em_db_rollback (db);
  return false;
}

bool
em_db_commit (EmDb *db, GError **error)
{
  if (em_sql_exec (db, db->in_batch ? "RELEASE one" : "COMMIT", error))
    return true;
  em_db_rollback (db);
  return false;
}

/* Some failures (a full disk) have rolled back already, a whole batch too. */
void
em_db_rollback (EmDb *db)
{
  if (sqlite3_get_autocommit (db->sqlite))
    return;
  sqlite3_exec (db->sqlite, db->in_batch ? "ROLLBACK TO one; RELEASE one" : "ROLLBACK", NULL, NULL,
                NULL);
}

bool
em_db_begin_read (EmDb *db, GError **error)
{
  if (!sqlite3_get_autocommit (db->sqlite))
    return true;
  db->in_read = em_sql_exec (db, "BEGIN", error);
  return db->in_read;
}

void
em_db_end_read (EmDb *db)
{
  if (db->in_read)
    sqlite3_exec (db->sqlite, "COMMIT", NULL, NULL, NULL);
  db->in_read = false;
}

bool
em_db_begin_batch (EmDb *db, GError **error)
{
  EM_BUG_UNLESS (!db->in_batch);
  if (!em_sql_exec (db, "BEGIN IMMEDIATE", error))
    return false;
  db->in_batch = true;
  return true;
}

bool
em_db_end_batch (EmDb *db, GError **error)
{
  bool was_rolled_back = sqlite3_get_autocommit (db->sqlite);

  EM_BUG_UNLESS (db->in_batch);
  db->in_batch = false;
  if (was_rolled_back)
    return em_store_fail (error, EM_E_INPUT, "%s: the changes could not be saved", db->path);
  return em_db_commit (db, error);
}

bool
em_db_touch (EmDb *db, int64_t clip, GError **error)
{
  EmSql q
      = em_sql (db, "UPDATE clip SET touched = (SELECT commits FROM project), at = ? WHERE id = ?");

  em_sql_int (&q, em_db_now_us ());
  em_sql_int (&q, clip);
  return em_sql_run (&q, error);
}

bool
em_db_changed (EmDb *db)
{
  int64_t before = db->data_version;

  db->data_version = pragma_int (db, "PRAGMA data_version", 0);
  return db->data_version != before;
}

GArray *
em_db_touched_since (EmDb *db, int64_t *commits, GError **error)
{
  g_autoptr (GArray) clips = g_array_new (FALSE, FALSE, sizeof (int64_t));
  int64_t now = *commits;
  /* One statement, so that the list and the number are of the same commit. */
  EmSql q = em_sql (db, "SELECT p.commits, k.id FROM project p LEFT JOIN clip k ON k.touched > ?");

  em_sql_int (&q, *commits);
  while (em_sql_row (&q)) {
    int64_t id = em_sql_get_int (&q, 1);

    now = em_sql_get_int (&q, 0);
    if (id)
      g_array_append_val (clips, id);
  }
  if (!em_sql_end (&q, error))
    return NULL;
  *commits = now;
  return g_steal_pointer (&clips);
}
