/* verb_read.h - filling a delta from the project. Store thread, for the verbs alone. */
#pragma once
#include "service/clip_verbs.h"

G_BEGIN_DECLS

EmDelta *em_delta_new (void);
/* Each adds to `delta` what counts now: one cell with its mask, a whole lane without masks, all
 * objects. */
bool em_delta_read_cell (EmDb *db, int64_t clip, EmDelta *delta, int64_t object, int frame,
                         GError **error);
bool em_delta_read_lane (EmDb *db, int64_t clip, EmDelta *delta, int64_t object, GError **error);
bool em_delta_read_objects (EmDb *db, int64_t clip, EmDelta *delta, GError **error);

G_END_DECLS
