/* viewer_input.h - what a gesture on the canvas means.
 *
 * The viewer reduces pointer events to an EmGesture in picture pixels and describes what lies on
 * the canvas in an EmScene; em_viewer_act() answers what the person asked for. No state, no
 * toolkit: the same scene and gesture always give the same act. Pointers in a scene are borrowed
 * for the call. */
#pragma once
#include <stdbool.h>
#include "base/prompt.h"

typedef enum { EM_TOOL_PROMPT, EM_TOOL_SELECT } EmTool;

enum { EM_BUTTON_PRIMARY = 1, EM_BUTTON_MIDDLE = 2, EM_BUTTON_SECONDARY = 3 };

typedef struct {
  int button;
  bool ctrl;
  double x0, y0, x1, y1; /* press and release, picture pixels */
} EmGesture;

typedef struct {
  EmTool tool;
  bool swapped;            /* primary gives negative points */
  int width, height;       /* picture */
  double scale;            /* view pixels per picture pixel */
  const EmPrompt *prompts; /* of the selected object on this frame */
  int n_prompts;
  const EmRle *candidates; /* undecided, largest first */
  int n_candidates;
  const EmRle *const *masks; /* visible objects in list order, the first on top */
  int n_masks;
} EmScene;

typedef enum {
  EM_ACT_NONE,
  EM_ACT_PROMPT,        /* prompt: a new point or box */
  EM_ACT_SELECT_PROMPT, /* index */
  EM_ACT_MOVE_PROMPT,   /* index, prompt: where it goes */
  EM_ACT_CANDIDATE,     /* index: assign to the selected object */
  EM_ACT_CANDIDATE_NEW, /* index: becomes an object of its own */
  EM_ACT_SELECT_OBJECT, /* index into masks, -1: none */
} EmActKind;

typedef struct {
  EmActKind kind;
  int index;
  EmPrompt prompt;
} EmAct;

EmAct em_viewer_act (const EmScene *scene, const EmGesture *gesture);

/* What lies under a picture point; -1 for nothing. */
int em_scene_prompt_at (const EmScene *scene, double x, double y);
int em_scene_candidate_at (const EmScene *scene, double x, double y);
int em_scene_mask_at (const EmScene *scene, double x, double y);

/* Whether one pixel is in the mask, by walking the runs. */
bool em_rle_holds (const EmRle *mask, int x, int y);

/* The corner-ordered, clipped box of a drag. False if less than two pixels of it are left. */
bool em_drag_box (double x0, double y0, double x1, double y1, int width, int height, EmPrompt *box);
