/* db_private.h - what the db_*.c files share: the connection, its transactions, the summary. */
#pragma once
#include "store/db_clip.h"
#include "store/db_step.h"
#include "store/sql.h"

struct EmDb {
  sqlite3 *sqlite;
  char *path;
  char *warning;
  bool is_writable, in_batch, in_read;
  int64_t project_id;
  int64_t author;
  int64_t token; /* of the writer lock; 0: not held */
  int64_t data_version;
  int64_t logits_room;    /* bytes until the next look at what suggestions take; 0: look */
  int64_t last_log_us;    /* log lines are in order even when the clock is not */
  int last_rc;            /* SQLite's result of the last failed call */
  GHashTable *statements; /* literal's address -> sqlite3_stmt */
};

/* A write transaction: begin shows the writer lives and counts the commit; anything that fails
 * after it must end in rollback. */
bool em_db_begin (EmDb *db, GError **error);
bool em_db_commit (EmDb *db, GError **error); /* rolls back when it fails */
void em_db_rollback (EmDb *db);
/* Several reads of one moment. No-ops inside a transaction. */
bool em_db_begin_read (EmDb *db, GError **error);
void em_db_end_read (EmDb *db);
/* Inside a transaction: this clip is different now. */
bool em_db_touch (EmDb *db, int64_t clip, GError **error);
bool em_db_write_log (EmDb *db, int64_t clip, const char *kind, int64_t step, int64_t object,
                      int frame, const char *detail, GError **error);
/* Inside a transaction: counts these objects (int64_t; NULL: all) again into clip.summary. */
bool em_db_summarize (EmDb *db, int64_t clip, GArray *objects, GError **error);
/* What clip.summary says; false when it is not a summary. */
bool em_db_parse_summary (const char *json, EmDbCounts *sum, int *n_objects);

uint32_t em_db_palette (int i); /* colours of objects and classes, in turn */
EmStepKind em_step_kind_from_name (const char *name);
int64_t em_db_random_id (void); /* 1 .. 2^53 - 1 */
int64_t em_db_now_us (void);
bool em_store_fail (GError **error, EmStatus code, const char *format, ...) G_GNUC_PRINTF (3, 4);
bool em_store_fail_with (GError **error, const EmError *err, const char *what);
