/* schema.h - the tables of a project file, as numbered steps.
 *
 * A step is never edited once released: a new project runs all of them, an old one those it lacks,
 * each in a transaction of its own. What a file holds beyond that (triggers, foreign tables, views
 * or indices) makes it somebody else's file. */
#pragma once
#include <sqlite3.h>
#include "store/db.h"

#define EM_SCHEMA_APPLICATION_ID 0x45726d6b /* "Ermk" */

extern const char *const em_schema_steps[]; /* SQL, oldest first */
extern const int em_schema_version;         /* how many */

/* Runs steps `from` .. `n` - 1 of `steps`; user_version says how far it came. */
bool em_schema_migrate (sqlite3 *sqlite, const char *path, const char *const *steps, int from,
                        int n, GError **error);
/* Has the file exactly the objects of a new project? */
bool em_schema_check (sqlite3 *sqlite, const char *path, GError **error);
