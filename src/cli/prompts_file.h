/* prompts_file.h - what a person says about a clip, as a JSON file.
 *
 *   {"objects": [{"id": 1, "prompts": [{"frame": 0, "points": [[x, y, label], ...],
 *                                       "box": [x0, y0, x1, y1], "sound": true}]}]}
 *
 * in display pixels; label 1 says "part of it", 0 "not part of it". Everything is checked: a file
 * that was read fits the clip. */
#pragma once
#include "base/prompt.h"

typedef struct {
  int frame;
  EmPromptSet set; /* without a base */
} EmKeyPrompt;

typedef struct {
  int id; /* 1..999 */
  int n;
  EmKeyPrompt *keys; /* by frame */
} EmPromptedObject;

typedef struct {
  int n;
  EmPromptedObject *objects; /* by id */
} EmPromptsFile;

/* For a clip of this size; `sound` is what a prompt without "sound" gets, and false overrules the
 * file. EM_E_INPUT if the file cannot be read or is no JSON, EM_E_USAGE if it says something that
 * makes no sense for the clip. */
bool em_prompts_file_read (EmPromptsFile *out, const char *path, int n_frames, int width,
                           int height, bool sound, EmError *err);
void em_prompts_file_clear (EmPromptsFile *file);
