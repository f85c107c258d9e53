/* em-prompt-bar.h - the tools floating over the canvas, and above them what the sound proposes. */
#pragma once
#include <adwaita.h>
#include "service/em-clip.h"

#define EM_TYPE_PROMPT_BAR (em_prompt_bar_get_type ())
G_DECLARE_FINAL_TYPE (EmPromptBar, em_prompt_bar, EM, PROMPT_BAR, AdwBin)

void em_prompt_bar_set_clip (EmPromptBar *self, EmClip *clip);
