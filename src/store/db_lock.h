/* db_lock.h - one writer, by a row in the file. Inside src/store only. */
#pragma once
#include "store/db.h"

/* beat_seen -1: only a free lock, or one whose process is gone. */
bool em_db_lock (EmDb *db, int64_t beat_seen, GError **error);
void em_db_unlock (EmDb *db);
/* First thing in each write transaction: false when somebody took over. */
bool em_db_still_ours (EmDb *db, GError **error);
/* Inside a transaction; 0 on failure. */
int64_t em_db_insert_class (EmDb *db, const char *name, GError **error);
