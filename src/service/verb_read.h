/* verb_read.h - filling a delta: from an edit that is committed, from what the project holds. Store
 * thread, for the verbs alone. */
#pragma once
#include "service/clip_verbs.h"

G_BEGIN_DECLS

EmDelta *em_delta_new (void);
/* Each adds to `delta` what counts now: one cell with its mask, a whole lane without masks, all
 * objects and expressions. */
bool em_delta_read_cell (EmDb *db, int64_t clip, EmDelta *delta, int64_t object, int frame,
                         GError **error);
bool em_delta_read_lane (EmDb *db, int64_t clip, EmDelta *delta, int64_t object, GError **error);
bool em_delta_read_objects (EmDb *db, int64_t clip, EmDelta *delta, GError **error);
bool em_delta_read_expressions (EmDb *db, int64_t clip, EmDelta *delta, GError **error);

/* Commits and fills in what every step answers with. */
bool em_delta_commit (EmDb *db, const EmVerb *verb, EmEdit *edit, EmDelta *delta, GError **error);
/* Nothing is written, and this is why; returns true. */
bool em_delta_refuse (EmDelta *delta, const char *why);

G_END_DECLS
