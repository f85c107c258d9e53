/* verify.h - is a project whole?
 *
 * SQLite's own checks first, then ours: masks decode and fit their clip, pointers lead somewhere,
 * heads and counters are valid. The file is only read. */
#pragma once
#include "store/db.h"

G_BEGIN_DECLS

typedef struct {
  int64_t clips, steps, cells, masks, suggestions, expressions; /* rows looked at */
  GPtrArray *faults; /* of char *, one line each; at most 100 */
} EmVerifyReport;

/* False only when it could not be checked at all; a project with faults gives true and lists them.
 */
bool em_db_verify (EmDb *db, EmVerifyReport *out, GError **error);
void em_verify_report_clear (EmVerifyReport *r);

G_END_DECLS
