/* sql.h - one SQL statement at a time, with an error that sticks.
 *
 * Prepared statements are kept by their text, which must be a string literal. A failure anywhere in
 * bind or row is remembered and told once, by em_sql_end(). Inside src/store only. */
#pragma once
#include <sqlite3.h>
#include "store/db.h"

typedef struct {
  EmDb *db;
  const char *text;
  sqlite3_stmt *stmt;
  int rc, bound;
} EmSql;

EmSql em_sql (EmDb *db, const char *literal);
/* Parameters in the order of their question marks. */
void em_sql_int (EmSql *q, int64_t v);
void em_sql_int_or_null (EmSql *q, int64_t v);            /* 0: NULL */
void em_sql_real (EmSql *q, double v);                    /* NAN: NULL */
void em_sql_text (EmSql *q, const char *v);               /* NULL: NULL; borrowed until the end */
void em_sql_blob (EmSql *q, const void *v, size_t bytes); /* NULL: NULL; borrowed until the end */
bool em_sql_row (EmSql *q);
bool em_sql_end (EmSql *q, GError **error);
/* Rows are ignored, then as em_sql_end(). */
bool em_sql_run (EmSql *q, GError **error);

int64_t em_sql_get_int (EmSql *q, int column);       /* NULL: 0 */
float em_sql_get_real (EmSql *q, int column);        /* NULL: NAN */
char *em_sql_get_text (EmSql *q, int column);        /* NULL: NULL; g_free */
const char *em_sql_peek_text (EmSql *q, int column); /* until the next row; NULL: "" */

/* Statements without parameters and rows. */
bool em_sql_exec (EmDb *db, const char *text, GError **error);
/* Turns the connection's last failure into a sentence; returns false. */
bool em_sql_fail (EmDb *db, int rc, GError **error);
EmStatus em_sql_status (int rc);
