/* em-expression.h - one sentence of the open clip, as the window sees it.
 *
 * Mirrors the project's row; only EmClip writes to it, after the store confirmed. Properties, read
 * only, with notify: "text". Signal "changed" (): something of the row is another. Main thread. */
#pragma once
#include <glib-object.h>
#include "store/db_expression.h"

G_BEGIN_DECLS

#define EM_TYPE_EXPRESSION (em_expression_get_type ())
G_DECLARE_FINAL_TYPE (EmExpression, em_expression, EM, EXPRESSION, GObject)

EmExpression *em_expression_new (const EmDbExpression *row); /* copies */
int64_t em_expression_get_number (EmExpression *self);
const char *em_expression_get_text (EmExpression *self);
const EmDbExpression *em_expression_row (EmExpression *self);
bool em_expression_refers_to (EmExpression *self, int64_t object);

/* For EmClip; copies. */
void em_expression_take_row (EmExpression *self, const EmDbExpression *row);

G_END_DECLS
