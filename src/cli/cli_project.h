/* cli_project.h - a project as a command works with it: opening, choosing clips, what failed.
 *
 * A clip that fails is told on stderr, kept for the report and skipped; the command goes on and
 * ends with exit code 3. Anything that spoils the whole run is an EmError. */
#pragma once
#include "cli/cli.h"
#include "store/db_read.h"

typedef struct {
  EmDb *db;
  EmDbProject info;
  json_t *failed; /* [{"clip": ..., "error": ...}] */
  int n_done, n_skipped;
} EmCliProject;

/* For writing, a backup is made first where something changed since the last one. */
bool em_cli_project_open (EmCliProject *p, const char *path, EmDbMode mode, EmError *err);
void em_cli_project_close (EmCliProject *p);

/* `list`: names with commas between, "@FILE" with a name a line, or NULL for all; at most `limit`
 * of them (0: any number). A name that is not there is EM_E_USAGE. */
GPtrArray *em_cli_project_clips (EmCliProject *p, const char *list, int limit, EmError *err);
/* The path of the clip's media; false with a sentence where they are missing. */
bool em_cli_project_media (EmCliProject *p, const EmDbClip *clip, char **path, EmError *err);
double em_cli_project_phase (const EmCliProject *p); /* of the grid, in seconds */

/* The grid frames of an indexed clip, *n of them; NULL on failure. g_free. */
int *em_cli_project_grid (EmCliProject *p, const EmDbClip *clip, int *n, EmError *err);
/* One JSON object on a line of its own, at once on stdout; takes `value` over. */
void em_cli_print_line (json_t *value);

void em_cli_project_failed (EmCliProject *p, const EmDbClip *clip, const EmError *err);
/* Does this failure end the command: interrupted, locked, device, disk? */
bool em_cli_is_final (const EmError *err);
/* The exit code when the work is done: 3 with failed clips, 130 when interrupted, else 0. Adds
 * "failed" to `report` (may be NULL) . */
int em_cli_project_status (EmCliProject *p, json_t *report);

/* Moves a GError into `err` and frees it; returns false. */
bool em_cli_take_gerror (GError *error, EmError *err);
