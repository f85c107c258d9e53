/* em-sentence-row.h - one expression in the list: what it says, what it refers to, and, while it is
 * asked about, what can be done with it. */
#pragma once
#include <adwaita.h>
#include "service/clip_expressions.h"

#define EM_TYPE_SENTENCE_ROW (em_sentence_row_get_type ())
G_DECLARE_FINAL_TYPE (EmSentenceRow, em_sentence_row, EM, SENTENCE_ROW, GtkListBoxRow)

/* Follows `expression`; what the clip says besides is told by em_sentence_row_update(). */
GtkWidget *em_sentence_row_new (EmClip *clip, EmExpression *expression);
EmExpression *em_sentence_row_get_expression (EmSentenceRow *self);
void em_sentence_row_update (EmSentenceRow *self);
