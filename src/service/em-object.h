/* em-object.h - one object of the open clip, as the window sees it.
 *
 * Mirrors what the project holds: the object's row, and its lane, one cell per frame. Only EmClip
 * writes to it, after the store confirmed; everybody else reads and listens. "visible" alone is a
 * matter of the view, kept nowhere. Main thread. */
#pragma once
#include <glib-object.h>
#include "store/db_read.h"

G_BEGIN_DECLS

/* The pixels of one cell: immutable, counted, the same on the canvas and in the store. */
typedef struct {
  int64_t made; /* the step that made it */
  EmRle rle;
  EmBox box;
  int64_t area;
  EmOrigin origin;
  float iou, score; /* NAN: none */
  char *weights;    /* digest or NULL */
} EmMask;
EmMask *em_mask_new (const EmDbMask *row); /* copies */
EmMask *em_mask_ref (EmMask *mask);
void em_mask_unref (EmMask *mask);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EmMask, em_mask_unref)

typedef struct {
  bool exists; /* there is a row; an EMPTY one was cleared by hand */
  EmState state;
  bool pending, rejected, stale;
  int64_t step, made; /* of the row; of the mask that counts, 0: none */
  char *prompts;      /* JSON or NULL */
  EmMask *mask;       /* NULL while it is read, or where there is none */
} EmCell;

#define EM_TYPE_OBJECT (em_object_get_type ())
G_DECLARE_FINAL_TYPE (EmObject, em_object, EM, OBJECT, GObject)

/* Properties: "id" (int64), "name", "class-name", "color" (0xRRGGBB), "pattern" (0..2), "locked",
 * "number" (place in the list, from 1), "visible" (can be set).
 * Signal "lane-changed" (int first, int last): cells of these frames changed. */
EmObject *em_object_new (const EmDbObject *row, const char *class_name, int n_frames);

int64_t em_object_get_id (EmObject *self);
const char *em_object_get_name (EmObject *self);
const char *em_object_get_class_name (EmObject *self); /* "" if none */
guint em_object_get_color (EmObject *self);
/* Objects share seven hues; the pattern tells those of the same hue apart, for life. */
guint em_object_get_pattern (EmObject *self);
bool em_object_is_locked (EmObject *self);
bool em_object_is_visible (EmObject *self);
void em_object_set_visible (EmObject *self, bool visible);
guint em_object_get_number (EmObject *self);
const EmDbObject *em_object_row (EmObject *self); /* as the store knows it */

int em_object_n_frames (EmObject *self);
const EmCell *em_object_cell (EmObject *self, int frame); /* never NULL inside the clip */
/* How many cells are in each state; EMPTY counts those cleared by hand. */
const EmDbCounts *em_object_counts (EmObject *self);
/* The next frame with a protected cell from `frame` on in that direction, -1: none. */
int em_object_next_decided (EmObject *self, int frame, int direction);

typedef struct {
  int first, last; /* both included */
  EmState state;
  bool stale, rejected, pending;
  bool is_empty; /* a mask without pixels: the tracker lost the object */
} EmRun;
/* The lane as runs of equal cells, frames first..last; of EmRun. Keyframes and corrections are a
 * run each: every one carries its own mark. */
GArray *em_object_runs (EmObject *self, int first, int last);

/* For EmClip. A row that is NULL clears the cell. `mask` may be NULL: then the old one is kept if
 * it is the one that counts. Call em_object_settle() after a batch: it derives what is stale,
 * counts, and tells. */
void em_object_take_row (EmObject *self, const EmDbObject *row, const char *class_name,
                         guint number);
void em_object_take_cell (EmObject *self, int frame, const EmDbCell *row, EmMask *mask);
void em_object_take_mask (EmObject *self, int frame, EmMask *mask);
/* The cells that follow are all there are: those not taken before the next settle are gone. */
void em_object_begin_lane (EmObject *self);
void em_object_settle (EmObject *self);

G_END_DECLS
