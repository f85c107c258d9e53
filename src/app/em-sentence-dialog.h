/* em-sentence-dialog.h - one expression: its words, what it refers to, language and split. */
#pragma once
#include <adwaita.h>
#include "service/clip_expressions.h"

#define EM_TYPE_SENTENCE_DIALOG (em_sentence_dialog_get_type ())
G_DECLARE_FINAL_TYPE (EmSentenceDialog, em_sentence_dialog, EM, SENTENCE_DIALOG, AdwWindow)

/* `expression` NULL: a new one, which refers to the selected object and takes language and split of
 * the one before it. *Save* is one step of `clip`. */
EmSentenceDialog *em_sentence_dialog_new (GtkWindow *parent, EmClip *clip,
                                          EmExpression *expression);
/* As the widgets would: for those who drive the window. */
void em_sentence_dialog_set_text (EmSentenceDialog *self, const char *text);
void em_sentence_dialog_set_null (EmSentenceDialog *self, gboolean is_null);
void em_sentence_dialog_save (EmSentenceDialog *self);
