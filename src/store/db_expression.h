/* db_expression.h - sentences that refer to objects of a clip (Ref-AVS).
 *
 * An expression is a stepped thing like an object: numbered within its clip, changed by whole rows,
 * undone with its step. What it refers to is a list of objects, or nothing in this clip at all: a
 * null expression, whose mask is empty by definition. */
#pragma once
#include "store/db_step.h"

G_BEGIN_DECLS

#define EM_MAX_EXPRESSION_OBJECTS 64

typedef enum {
  EM_EXPRESSION_DRAFT,
  EM_EXPRESSION_APPROVED, /* a person checked sentence and target */
  EM_N_EXPRESSION_STATES,
} EmExpressionState;

/* One expression's row, in whole: the newest one counts. */
typedef struct {
  int64_t number;         /* within its clip, from 1; 0 when written: a new one */
  char *text;             /* not empty */
  char *language, *split; /* "en", "test_s"; "" if none */
  bool is_null;           /* nothing in this clip is meant; then there are no objects */
  int n_objects;          /* 0 and not null: what it means is still to be said */
  int64_t objects[EM_MAX_EXPRESSION_OBJECTS]; /* ids, or what em_edit_new_object gave */
  int64_t author;                             /* who wrote it; 0 when written: who signs the step */
  EmExpressionState state;
  bool is_deleted;
  int64_t step; /* of this row; ignored when written */
} EmDbExpression;
void em_db_expression_free (EmDbExpression *expression);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EmDbExpression, em_db_expression_free)
EmDbExpression *em_db_expression_copy (const EmDbExpression *expression);

/* Adds a row to an edit; everything is copied. At most one new one per edit. */
void em_edit_expression (EmEdit *e, const EmDbExpression *row);
int64_t em_edit_expression_number (const EmEdit *e); /* of the new one, after a commit; 0: none */

/* As they count now, by number; of EmDbExpression. Objects that were deleted since are left out,
 * those in the row of a deleted expression are not looked at: it is not listed. */
GPtrArray *em_db_expressions (EmDb *db, int64_t clip, GError **error);

G_END_DECLS
