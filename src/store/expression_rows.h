/* expression_rows.h - expressions inside a step's transaction. Inside src/store only. */
#pragma once
#include "store/db_expression.h"

/* The expressions of `e` as rows of `step`. Objects named by placeholders must have their ids. */
bool em_write_expressions (EmDb *db, int64_t clip, int64_t step, EmEdit *e, GError **error);
/* Sets what the row refers to, from its column; false for what Earmark never wrote. */
bool em_expression_take_target (EmDbExpression *e, const char *json);
/* How many there are now and what they say, into the EmDbClips of `clips`; clip 0: of the whole
 * project, else of this one. */
bool em_read_sentences (EmDb *db, int64_t clip, GPtrArray *clips, GError **error);
