/* sql.c - one SQL statement at a time.
 *
 * A statement in use is out of the cache, so a function may run the text that its caller is in the
 * middle of: the second one is prepared afresh and the cache keeps one of them. */
#include "store/sql.h"
#include <math.h>
#include "store/db_private.h"

EmStatus
em_sql_status (int rc)
{
  switch (rc & 0xff) {
  case SQLITE_OK:
  case SQLITE_ROW:
  case SQLITE_DONE:
    return EM_OK;
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    return EM_E_LOCKED;
  case SQLITE_INTERRUPT:
    return EM_E_CANCELLED;
  case SQLITE_NOMEM:
    return EM_E_DEVICE;
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
  case SQLITE_FULL:
  case SQLITE_IOERR:
  case SQLITE_READONLY:
  case SQLITE_CANTOPEN:
  case SQLITE_PERM:
  case SQLITE_AUTH:
  case SQLITE_NOLFS:
  case SQLITE_PROTOCOL:
  case SQLITE_SCHEMA:
    return EM_E_INPUT;
  default:
    return EM_E_INTERNAL;
  }
}

bool
em_sql_fail (EmDb *db, int rc, GError **error)
{
  const char *advice = "";

  db->last_rc = rc;
  switch (rc & 0xff) {
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
    advice = ": the file is damaged, go back to a copy from the backups folder";
    break;
  case SQLITE_FULL:
    advice = ": make room on this disk";
    break;
  case SQLITE_BUSY:
    advice = ": another program holds the file";
    break;
  }
  g_set_error (error, EM_STORE_ERROR, em_sql_status (rc), "%s: %s%s", db->path,
               sqlite3_errmsg (db->sqlite), advice);
  return false;
}

EmSql
em_sql (EmDb *db, const char *literal)
{
  EmSql q = { .db = db, .text = literal };

  if (!g_hash_table_steal_extended (db->statements, literal, NULL, (gpointer *) &q.stmt))
    q.rc = sqlite3_prepare_v3 (db->sqlite, literal, -1, SQLITE_PREPARE_PERSISTENT, &q.stmt, NULL);
  return q;
}

static void
note (EmSql *q, int rc)
{
  if (q->rc == SQLITE_OK)
    q->rc = rc;
}

void
em_sql_int (EmSql *q, int64_t v)
{
  q->bound++;
  if (q->rc == SQLITE_OK)
    note (q, sqlite3_bind_int64 (q->stmt, q->bound, v));
}

void
em_sql_int_or_null (EmSql *q, int64_t v)
{
  if (v)
    em_sql_int (q, v);
  else
    em_sql_text (q, NULL);
}

void
em_sql_real (EmSql *q, double v)
{
  q->bound++;
  if (q->rc == SQLITE_OK) /* SQLite binds a NaN as NULL, as we want it */
    note (q, sqlite3_bind_double (q->stmt, q->bound, v));
}

void
em_sql_text (EmSql *q, const char *v)
{
  q->bound++;
  if (q->rc == SQLITE_OK)
    note (q, sqlite3_bind_text (q->stmt, q->bound, v, -1, SQLITE_STATIC));
}

void
em_sql_blob (EmSql *q, const void *v, size_t bytes)
{
  q->bound++;
  if (q->rc == SQLITE_OK)
    note (q, sqlite3_bind_blob64 (q->stmt, q->bound, v, bytes, SQLITE_STATIC));
}

bool
em_sql_row (EmSql *q)
{
  int rc;

  if (q->rc != SQLITE_OK)
    return false;
  rc = sqlite3_step (q->stmt);
  if (rc == SQLITE_ROW)
    return true;
  if (rc != SQLITE_DONE)
    note (q, rc);
  return false;
}

bool
em_sql_end (EmSql *q, GError **error)
{
  int rc = q->rc;

  if (rc != SQLITE_OK)
    em_sql_fail (q->db, rc, error); /* before the reset, which may change the message */
  if (q->stmt) {
    sqlite3_reset (q->stmt);
    sqlite3_clear_bindings (q->stmt);
    g_hash_table_insert (q->db->statements, (gpointer) q->text, q->stmt);
    q->stmt = NULL;
  }
  return rc == SQLITE_OK;
}

bool
em_sql_run (EmSql *q, GError **error)
{
  while (em_sql_row (q))
    ;
  return em_sql_end (q, error);
}

int64_t
em_sql_get_int (EmSql *q, int column)
{
  return sqlite3_column_int64 (q->stmt, column);
}

float
em_sql_get_real (EmSql *q, int column)
{
  if (sqlite3_column_type (q->stmt, column) == SQLITE_NULL)
    return NAN;
  return (float) sqlite3_column_double (q->stmt, column);
}

char *
em_sql_get_text (EmSql *q, int column)
{
  return g_strdup ((const char *) sqlite3_column_text (q->stmt, column));
}

const char *
em_sql_peek_text (EmSql *q, int column)
{
  const char *text = (const char *) sqlite3_column_text (q->stmt, column);

  return text ? text : "";
}

bool
em_sql_exec (EmDb *db, const char *text, GError **error)
{
  int rc = sqlite3_exec (db->sqlite, text, NULL, NULL, NULL);

  return rc == SQLITE_OK || em_sql_fail (db, rc, error);
}
