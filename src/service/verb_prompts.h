/* verb_prompts.h - what a prompt does to a cell. Store thread. */
#pragma once
#include "service/clip_verbs.h"
#include "store/prompt_json.h"

G_BEGIN_DECLS

typedef struct {
  EmCellRow row;       /* everything but object and frame */
  char *prompts;       /* what row.prompts points to */
  const char *refusal; /* nothing is to be written; static text */
} EmPromptStep;
void em_prompt_step_clear (EmPromptStep *step);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (EmPromptStep, em_prompt_step_clear)

/* `now` is the cell as it is, NULL if there is none. */
bool em_prompt_step (EmDb *db, const EmVerb *verb, const EmDbCell *now, EmPromptStep *out,
                     GError **error);

G_END_DECLS
