/* verb_expression.h - what a person can do to the sentences of a clip. Store thread, for the verbs
 * alone. */
#pragma once
#include "service/clip_verbs.h"

G_BEGIN_DECLS

/* EM_VERB_EXPRESSION: a new row, another one, or one that is deleted. Whoever changes what an
 * approved expression says or means takes the approval back. */
bool em_expression_write (EmDb *db, const EmVerb *verb, EmDelta *delta, GError **error);
/* EM_VERB_APPROVE_EXPRESSION */
bool em_expression_approve (EmDb *db, const EmVerb *verb, EmDelta *delta, GError **error);
/* Adds to `edit` that verb->expression means `object` too, unless it does already. *refusal says
 * why it cannot, else it stays. */
bool em_expression_link (EmDb *db, const EmVerb *verb, EmEdit *edit, int64_t object,
                         const char **refusal, GError **error);

G_END_DECLS
