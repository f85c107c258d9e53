/* em-sentence-pane.h - the expressions of the open clip, below its objects. The one selected is the
 * one asked about. */
#pragma once
#include <adwaita.h>
#include "service/clip_expressions.h"

#define EM_TYPE_SENTENCE_PANE (em_sentence_pane_get_type ())
G_DECLARE_FINAL_TYPE (EmSentencePane, em_sentence_pane, EM, SENTENCE_PANE, AdwBin)

void em_sentence_pane_set_clip (EmSentencePane *self, EmClip *clip);
