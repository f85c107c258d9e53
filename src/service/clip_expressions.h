/* clip_expressions.h - the sentences of an open clip, and asking the model what they mean.
 *
 * At most one expression is asked about at a time: its suggestions are those on screen, in the
 * place of the sound's. All of it is for the main thread, on an EmClip (em-clip.h). */
#pragma once
#include "service/em-clip.h"
#include "service/em-expression.h"

G_BEGIN_DECLS

GListModel *em_clip_get_expressions (EmClip *self); /* of EmExpression, by number */
EmExpression *em_clip_get_expression (EmClip *self, int64_t number);

/* Whose suggestions are on screen; NULL: the sound's. Property "asked" tells when it changes. */
EmExpression *em_clip_get_asked (EmClip *self);
void em_clip_ask_about (EmClip *self, EmExpression *expression);

/* Verbs. A new one (number 0) is asked about as soon as it is in the project. */
void em_clip_write_expression (EmClip *self, const EmDbExpression *row);
void em_clip_delete_expression (EmClip *self, EmExpression *expression);
void em_clip_approve_expression (EmClip *self, EmExpression *expression, bool approved);

/* Why the model cannot be asked for it now, or NULL. */
const char *em_clip_text_problem (EmClip *self, EmExpression *expression);
/* Asks for the second on screen, for the range or for the whole clip. What is in the project for
 * this sentence and these weights is shown, not asked for again, unless the one second on screen
 * was decided: that is asked anew. em_clip_cancel() stops it. */
void em_clip_read_here (EmClip *self, EmExpression *expression);
void em_clip_read (EmClip *self, EmExpression *expression, bool over_range);
/* The one the model reads just now, or NULL; told by "busy". */
EmExpression *em_clip_get_reading (EmClip *self);

G_END_DECLS
