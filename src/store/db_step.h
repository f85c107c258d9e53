/* db_step.h - steps: what a person did, and its way back.
 *
 * An EmEdit collects rows in memory; em_db_edit() commits them as one step of one clip, in one
 * transaction. Undo and redo move clip.head over steps and never touch a row. A long job begins
 * with an open step and appends to it, a frame at a time, until it is closed. */
#pragma once
#include <math.h>
#include "store/db.h"

G_BEGIN_DECLS

typedef enum {
  EM_STEP_PROMPT,
  EM_STEP_BRUSH,
  EM_STEP_ACCEPT,
  EM_STEP_REFUSE,
  EM_STEP_TRACK,
  EM_STEP_NEW_OBJECT,
  EM_STEP_RENAME,
  EM_STEP_CLASS,
  EM_STEP_COLOR,
  EM_STEP_ORDER,
  EM_STEP_LOCK,
  EM_STEP_DELETE_OBJECT,
  EM_STEP_INTERVAL,
  EM_STEP_ABSENT,
  EM_STEP_CLEAR,
  EM_STEP_PASTE,
  EM_STEP_RESTORE,
  EM_STEP_APPROVE,
  EM_STEP_REJECT,
  EM_STEP_IMPORT,
  EM_STEP_MARK, /* a named restore point, no rows */
  EM_STEP_EXPRESSION,
  EM_N_STEP_KINDS,
} EmStepKind;
const char *em_step_kind_name (EmStepKind kind); /* "prompt", "brush" ... */

typedef enum {
  EM_ORIGIN_AUDIO,
  EM_ORIGIN_PROMPT,
  EM_ORIGIN_PROPAGATED,
  EM_ORIGIN_BRUSH,
  EM_ORIGIN_IMPORTED,
  EM_N_ORIGINS,
} EmOrigin;
const char *em_origin_name (EmOrigin origin); /* "audio", "prompt" ... */

/* One object's row, in whole: the newest one counts. */
typedef struct {
  int64_t id; /* within its clip, from 1 */
  char *name;
  int64_t class_id; /* 0: none */
  uint32_t color;
  int position; /* in the list; the first is on top */
  bool is_locked, is_deleted;
  int64_t step; /* of this row; ignored when written */
} EmDbObject;
void em_db_object_free (EmDbObject *object);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EmDbObject, em_db_object_free)

/* One object on one frame. With `mask` a new mask is stored, made by this step; else `made` points
 * at one made before (approve, reject, restore, a pending click), 0 for none. Borrowed until the
 * call returns. */
typedef struct {
  int64_t object; /* an id, or what em_edit_new_object gave */
  int frame;
  EmState state;       /* EM_STATE_EMPTY: cleared by hand */
  const char *prompts; /* JSON of prompt_json.h; NULL: none */
  bool pending;        /* the mask for these prompts is still to be decoded */
  bool rejected;
  int64_t made;
  const EmRle *mask;
  EmOrigin origin;
  const char *weights; /* digest, or NULL */
  float iou, score;    /* NAN: none */
  const char *sources; /* JSON array of source keyframes, or NULL */
} EmCellRow;
#define EM_CELL_ROW_INIT                                                                           \
  {                                                                                                \
    .iou = NAN, .score = NAN                                                                       \
  }

typedef enum {
  EM_DECISION_ACCEPTED,
  EM_DECISION_PART,
  EM_DECISION_REFUSED,
  EM_DECISION_IGNORED
} EmDecision;

typedef struct EmEdit EmEdit;
EmEdit *em_edit_new (EmStepKind kind);
void em_edit_free (EmEdit *e); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EmEdit, em_edit_free)
/* Where undo takes the view; 0 and -1 for nowhere. */
void em_edit_set_focus (EmEdit *e, int64_t object, int frame);
void em_edit_set_request (EmEdit *e, const char *json); /* range, objects, weights of a job */
void em_edit_set_name (EmEdit *e, const char *name);    /* of a restore point */
void em_edit_set_log (EmEdit *e, const char *json);     /* detail of the log line */
/* The step stays open for em_db_append(). */
void em_edit_set_open (EmEdit *e);
/* An automatic edit (C10): cells protected at the moment of the commit are left out. */
void em_edit_spare_protected (EmEdit *e);

/* Returns a number below 0 that stands for the object in this edit; position < 0: last. color
 * 0xFFFFFFFF: the next of the palette. name NULL: "Object N". */
int64_t em_edit_new_object (EmEdit *e, const char *name, int64_t class_id, uint32_t color,
                            int position);
void em_edit_object (EmEdit *e, const EmDbObject *row);
void em_edit_cell (EmEdit *e, const EmCellRow *row);
/* number 0: a new one. Half open, on the media clock. */
void em_edit_interval (EmEdit *e, int64_t number, int64_t object, int64_t start_ns, int64_t end_ns,
                       EmOrigin origin, float confidence, bool is_deleted);
/* What became of a suggestion: each candidate as it was shown, and where it went. Refused ones are
 * the negative examples of the next round. */
typedef struct {
  const EmRle *mask; /* copied */
  int64_t object;    /* 0: refused */
} EmDbCandidate;
void em_edit_decide (EmEdit *e, int frame, const char *source, EmDecision decision,
                     double threshold, const EmDbCandidate *candidates, int n);

/* Commits the edit: the undone steps are cut, the step is added, head moves onto it. Returns its
 * number, 0 on failure; the edit is unchanged then and may be tried again. */
int64_t em_db_edit (EmDb *db, int64_t clip, EmEdit *e, GError **error);
int em_edit_written (const EmEdit *e);                            /* cells, after a commit */
int64_t em_edit_object_id (const EmEdit *e, int64_t placeholder); /* after a commit */

/* Adds the cells of `e` (nothing else of it) to an open step, in one transaction. Cells that are
 * protected now, of locked or deleted objects, or decided above that step, are left out. Fails with
 * EM_E_CANCELLED when the step was closed, undone or cut: the job is over. */
bool em_db_append (EmDb *db, int64_t clip, int64_t step, EmEdit *e, int *written, GError **error);
bool em_db_close_step (EmDb *db, int64_t clip, int64_t step, GError **error); /* twice is fine */
/* The mask for a pending click joins the click's own step. *written is false when the step was
 * undone or cut or the cell is not pending any more: the result is dropped. */
bool em_db_fill_pending (EmDb *db, int64_t clip, int64_t step, const EmCellRow *row, bool *written,
                         GError **error);

typedef struct {
  int64_t step; /* the step that was undone or redone; 0: there was none */
  EmStepKind kind;
  int64_t object; /* 0: none */
  int frame;      /* -1: none */
} EmDbMove;
/* True with move->step 0 at either end. Undoing an open step closes it. */
bool em_db_undo (EmDb *db, int64_t clip, EmDbMove *move, GError **error);
bool em_db_redo (EmDb *db, int64_t clip, EmDbMove *move, GError **error);
/* What undo and redo would move over; either may be NULL. */
bool em_db_peek (EmDb *db, int64_t clip, EmDbMove *undo, EmDbMove *redo, GError **error);

typedef struct {
  int64_t clip, step;
  EmStepKind kind;
  int64_t object;
  int frame;
  int64_t author, at_us;
  char *request, *name; /* or NULL */
  bool is_open, is_undone;
  int64_t cut; /* the step that cut it off, or 0 */
} EmDbStep;
void em_db_step_free (EmDbStep *step);
GPtrArray *em_db_steps (EmDb *db, int64_t clip, GError **error); /* of EmDbStep, cut ones too */
/* Steps still open, of all clips: right after opening for writing, the jobs to offer again. */
GPtrArray *em_db_open_steps (EmDb *db, GError **error);
/* The objects that rows of this step belong to: what to rebuild after undo. */
GArray *em_db_step_objects (EmDb *db, int64_t clip, int64_t step, GError **error); /* of int64_t */

G_END_DECLS
