/* viewer_marks.h - prompts, boxes, candidate labels and the crosshair, drawn over the picture. */
#pragma once
#include <cairo.h>
#include "app/em-viewer.h"

typedef struct {
  const EmViewport *view;
  const EmMark *marks;
  int n_marks;
  const EmRle *candidates;
  const float *scores;
  int n_candidates;
  int hovered; /* candidate, -1: none */
  gboolean has_drag;
  EmPrompt drag; /* the box being drawn */
  gboolean has_crosshair;
  int cross_x, cross_y;
} EmMarkScene;

void em_marks_draw (cairo_t *cr, const EmMarkScene *scene);
