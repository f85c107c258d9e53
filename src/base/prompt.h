/* prompt.h - what a person can say about one object on one frame.
 *
 * Coordinates are display pixels, x right, y down, pixel (0, 0) covering [0, 1) x [0, 1); a click
 * on a pixel has its integer coordinates. Prompts are ordered: each is decoded on the logits of
 * those before it. */
#pragma once
#include <stdbool.h>
#include "base/rle.h"

typedef enum { EM_PROMPT_NEGATIVE = 0, EM_PROMPT_POSITIVE = 1, EM_PROMPT_BOX = 2 } EmPromptKind;

typedef struct {
  EmPromptKind kind;
  float x0, y0; /* the point, or the box's upper left corner */
  float x1, y1; /* the box's lower right corner; unused by points */
} EmPrompt;

typedef enum { EM_MIX_JOINT, EM_MIX_ENSEMBLE } EmMix;

#define EM_MAX_PROMPTS 64 /* on one object and frame */

/* All that determines a decoded mask beside picture, sound and weights. */
typedef struct {
  int n;
  EmPrompt items[EM_MAX_PROMPTS];
  bool sound; /* the audio condition takes part */
  EmMix mix;
  const EmRle
      *base; /* the mask the first decode is built on; NULL or empty size: none. Borrowed. */
} EmPromptSet;
