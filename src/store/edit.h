/* edit.h - the rows of one step while they are collected. Inside src/store only. */
#pragma once
#include "store/db_expression.h"
#include "store/db_step.h"

typedef struct {
  EmDbObject row;
  int64_t placeholder; /* below 0 for a new one, else 0 */
  int64_t id;          /* as committed */
} EmEditObject;

typedef struct {
  EmCellRow row; /* its texts and mask belong to the edit */
  EmRle mask;
} EmEditCell;

typedef struct {
  int64_t number, object, start_ns, end_ns;
  EmOrigin origin;
  float confidence;
  bool is_deleted;
} EmEditInterval;

typedef struct {
  int frame;
  char *source;
  EmDecision decision;
  double threshold;
  int n;
  EmRle *masks;
  int64_t *objects;
} EmEditDecision;

struct EmEdit {
  EmStepKind kind;
  int64_t focus_object;
  int focus_frame;
  char *request, *name, *log;
  bool is_open, spares_protected;
  int n_new;
  GArray *objects, *cells, *intervals, *decisions; /* of the above */
  GPtrArray *expressions;                          /* of EmDbExpression */
  int64_t expression_number;                       /* of the new one, as committed */
  int written;
};
