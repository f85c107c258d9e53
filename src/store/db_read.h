/* db_read.h - what counts now: objects, cells, masks, lanes, whole clips.
 *
 * Everything handed out is a copy that the caller owns. A read never waits for a writer; it sees
 * the commits made before it began. */
#pragma once
#include "store/db_clip.h"
#include "store/db_step.h"

G_BEGIN_DECLS

GPtrArray *em_db_objects (EmDb *db, int64_t clip, bool deleted_too,
                          GError **error); /* in list order */

typedef struct {
  int64_t object;
  int frame;
  int64_t step;
  EmState state;
  char *prompts; /* JSON or NULL */
  bool pending, rejected;
  int64_t made; /* the step whose mask counts; 0: none */
} EmDbCell;
void em_db_cell_free (EmDbCell *cell);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EmDbCell, em_db_cell_free)

EmDbCell *em_db_cell (EmDb *db, int64_t clip, int64_t object, int frame,
                      GError **error);                                              /* NULL: none */
GPtrArray *em_db_cells_at (EmDb *db, int64_t clip, int frame, GError **error);      /* by object */
GPtrArray *em_db_cells_of (EmDb *db, int64_t clip, int64_t object, GError **error); /* by frame */
GPtrArray *em_db_pending (EmDb *db, int64_t clip, GError **error); /* cells still to be decoded */

typedef struct {
  int64_t object;
  int frame;
  int64_t made;
  EmRle rle;
  EmBox box;
  int64_t area;
  EmOrigin origin;
  char *weights, *sources; /* or NULL */
  float iou, score;        /* NAN: none */
  int64_t parent;          /* the version it replaced; 0: none */
} EmDbMask;
void em_db_mask_free (EmDbMask *mask);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EmDbMask, em_db_mask_free)
EmDbMask *em_db_mask (EmDb *db, int64_t clip, int64_t object, int frame, int64_t made,
                      GError **error);

/* All versions of one mask, newest first, those of cut and undone steps too; without runs. */
typedef struct {
  int64_t made, area, author, at_us;
  EmStepKind kind;
  EmOrigin origin;
  bool is_cut, is_now;
} EmDbVersion;
GArray *em_db_history (EmDb *db, int64_t clip, int64_t object, int frame, GError **error);

/* A lane: runs of frames of one object in the same state. Frames without a cell are in no run. */
typedef struct {
  int first, last; /* both included */
  EmState state;
  bool stale, rejected, pending;
} EmDbRun;
GArray *em_db_lane (EmDb *db, int64_t clip, int64_t object, GError **error); /* of EmDbRun */
/* The cells of an object with what their masks are, runs left out: what tracking plans with. */
typedef struct {
  int frame;
  EmState state;
  bool stale, rejected, pending;
  int64_t made, area; /* 0 and -1 without a mask */
  EmOrigin origin;
  const char *weights; /* interned, or NULL */
} EmDbLaneCell;
GArray *em_db_lane_cells (EmDb *db, int64_t clip, int64_t object, GError **error);
bool em_db_counts (EmDb *db, int64_t clip, int64_t object, EmDbCounts *out,
                   GError **error); /* object 0: all */

typedef struct {
  int64_t number, object, start_ns, end_ns;
  EmOrigin origin;
  float confidence; /* NAN: none */
} EmDbInterval;
GArray *em_db_intervals (EmDb *db, int64_t clip, GError **error); /* by start */

/* A clip as formats and metrics see it: masks whose state is in `states` (bits 1 << EmState;
 * rejected ones are left out), objects in list order, intervals, expressions. Names resolve
 * classes. */
EmTracks *em_db_tracks (EmDb *db, int64_t clip, unsigned states, GError **error);
#define EM_STATES_PROTECTED                                                                        \
  (1u << EM_STATE_APPROVED | 1u << EM_STATE_ABSENT | 1u << EM_STATE_CORRECTED                      \
   | 1u << EM_STATE_KEYFRAME)
#define EM_STATES_ALL (EM_STATES_PROTECTED | 1u << EM_STATE_PROPAGATED | 1u << EM_STATE_IMPORTED)

G_END_DECLS
