/* clip_verbs.h - what a person can do to a clip, as steps in the project.
 *
 * Each verb runs on the store's writing thread and decides there, on what the project holds at that
 * moment, what the step is: which state a click leads to, what its base mask is, whether anything
 * is written at all. So verbs may be queued faster than their answers come back. The answer, an
 * EmDelta, is what the window must now show; it is read back from the project after the commit. */
#pragma once
#include "service/em-object.h"
#include "store/db_expression.h"
#include "store/db_suggest.h"

G_BEGIN_DECLS

typedef enum {
  EM_VERB_ADD_PROMPT,    /* prompt; object 0: a new object; sound: for a frame without prompts */
  EM_VERB_REMOVE_PROMPT, /* index */
  EM_VERB_MOVE_PROMPT,   /* index, prompt */
  EM_VERB_SET_SOUND,     /* sound */
  EM_VERB_FILL,          /* step, mask, iou, score, weights: the answer to a pending click */
  EM_VERB_ACCEPT,        /* object 0: new; mask, iou, score, weights, suggestion, expression */
  EM_VERB_REFUSE,        /* suggestion */
  EM_VERB_ABSENT,        /* frame..last */
  EM_VERB_CLEAR,         /* frame */
  EM_VERB_APPROVE,       /* frame..last: whatever has a mask or an absence there */
  EM_VERB_PASTE,         /* mask */
  EM_VERB_NEW_OBJECT,    /* name or NULL */
  EM_VERB_RENAME,        /* name */
  EM_VERB_CLASS,         /* name; "" for none */
  EM_VERB_LOCK,          /* flag */
  EM_VERB_DELETE_OBJECT,
  EM_VERB_EXPRESSION,         /* row, in whole; number 0: a new one */
  EM_VERB_APPROVE_EXPRESSION, /* expression, flag */
  EM_VERB_UNDO,
  EM_VERB_REDO,
  EM_VERB_TRACK_BEGIN,  /* request */
  EM_VERB_TRACK_APPEND, /* step, tracked */
  EM_VERB_TRACK_END,    /* step */
} EmVerbKind;

/* One object's mask on one frame, as the tracker hands it over. */
typedef struct {
  int64_t object;
  int frame;
  EmRle mask;
  float iou, score;
} EmTrackedMask;

typedef struct {
  EmVerbKind kind;
  int64_t clip, object;
  int frame, last;
  EmPrompt prompt;
  int index;
  bool sound, flag;
  EmMix mix;
  int64_t step;
  EmRle mask;
  float iou, score;
  char *weights; /* digest or NULL */
  char *name, *request;
  /* The suggestion that is decided. */
  char *source;
  double threshold;
  EmDecision decision;
  GArray *candidates; /* EmRle, owned */
  GArray *assigned;   /* int64_t, beside them: 0 refused, -1 the object of this verb */
  GArray *tracked;    /* EmTrackedMask, owned */
  int64_t expression; /* number; of a suggestion: what was read, 0: it came from the sound */
  EmDbExpression *row;
} EmVerb;
EmVerb *em_verb_new (EmVerbKind kind, int64_t clip, int64_t object, int frame);
void em_verb_free (EmVerb *verb);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EmVerb, em_verb_free)
void em_verb_add_candidate (EmVerb *verb, const EmRle *mask, int64_t object);
void em_verb_add_tracked (EmVerb *verb, int64_t object, int frame, const EmRle *mask, float iou,
                          float score);

typedef struct {
  int64_t object;
  int frame;
  EmDbCell *row; /* NULL: there is none now */
  EmMask *mask;  /* may be NULL: read it when it is needed */
  EmMask *base;  /* of a pending cell that is built on a mask */
} EmDeltaCell;

typedef struct {
  int64_t step; /* made, or moved over; 0: nothing was written */
  EmStepKind kind;
  int64_t object;         /* it is about; a new one's id */
  int frame;              /* -1: none */
  int written;            /* cells */
  char *refusal;          /* why nothing was written, or NULL */
  GArray *cells;          /* EmDeltaCell */
  GArray *lanes;          /* int64_t: objects whose cells are all in `cells` */
  GPtrArray *objects;     /* EmDbObject in list order if rows changed, else NULL */
  GPtrArray *class_names; /* beside them */
  GPtrArray *expressions; /* EmDbExpression by number if they may have changed, else NULL */
  int64_t expression;     /* the verb was about, or made */
  EmDbMove undo, redo;    /* what is possible now; step 0: nothing */
} EmDelta;
void em_delta_free (EmDelta *delta);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EmDelta, em_delta_free)

/* EmStoreFunc: `data` is an EmVerb, the answer an EmDelta. Does not consume the verb. */
gpointer em_verb_run (EmDb *db, gpointer data, GError **error);

/* All lanes and objects of a clip: what opening shows first. EmStoreFunc on an int64_t clip id. */
gpointer em_clip_read_all (EmDb *db, gpointer data, GError **error);

/* The cells that still wait for their mask. EmStoreFunc on an int64_t clip id, the answer an
 * EmDelta that moves nothing. */
gpointer em_clip_read_pending (EmDb *db, gpointer data, GError **error);

/* Missing masks. EmStoreFunc: `data` an EmMaskWish, the answer a GPtrArray of EmMask or NULL,
 * beside the wishes. */
typedef struct {
  int64_t object;
  int frame;
  int64_t made;
} EmMaskKey;
typedef struct {
  int64_t clip;
  GArray *keys; /* EmMaskKey */
} EmMaskWish;
EmMaskWish *em_mask_wish_new (int64_t clip);
void em_mask_wish_free (EmMaskWish *wish);
gpointer em_masks_read (EmDb *db, gpointer data, GError **error);

G_END_DECLS
