/* backup.h - rolling copies of a project through SQLite's backup interface.
 *
 * The last five are kept per project, named by time. A copy proceeds a few pages at a time between
 * the jobs of the thread that owns the connection, and is renamed into place when it is whole. */
#pragma once
#include "store/db.h"

G_BEGIN_DECLS

typedef struct EmBackup EmBackup;

/* folder NULL: backups/ in the user's state folder. NULL without error: the newest copy is of the
 * same commit, nothing is to do. */
EmBackup *em_backup_begin (EmDb *db, const char *folder, GError **error);
/* Copies up to `pages` (-1: all). False without error when the copy is complete and in place. */
bool em_backup_step (EmBackup *b, int pages, GError **error);
void em_backup_end (EmBackup *b); /* an unfinished copy is removed; NULL is fine */
/* All of it at once. */
bool em_db_backup (EmDb *db, const char *folder, GError **error);

G_END_DECLS
