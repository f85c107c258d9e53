/* em-viewer.h - the canvas: picture, masks, prompts, pointer.
 *
 * Shows what it is given and reports what the person did with "act"; it knows nothing of clips. The
 * picture and masks are painted by GL where there is GL, else in software; prompts, boxes and
 * labels are drawn on top. Main thread. */
#pragma once
#include <gtk/gtk.h>
#include "app/canvas.h"
#include "app/viewer_input.h"

#define EM_TYPE_VIEWER (em_viewer_get_type ())
G_DECLARE_FINAL_TYPE (EmViewer, em_viewer, EM, VIEWER, GtkWidget)

/* A prompt as it is drawn. Hollow: not yet in the project. */
typedef struct {
  EmPrompt prompt;
  gboolean hollow, selected;
} EmMark;

/* Everything on the canvas at one moment; the viewer keeps copies and references of its own. */
typedef struct {
  EmPicture picture;
  GPtrArray *layers; /* EmLayer, bottom first, or NULL */
  const EmMark *marks;
  int n_marks;
  const EmRle *candidates;
  const float *candidate_scores;
  int n_candidates;
  const EmRle *const *masks; /* hit targets, top first */
  int n_masks;
} EmViewerContent;

GtkWidget *em_viewer_new (void);
void em_viewer_set_content (EmViewer *self, const EmViewerContent *content);
/* The picture alone: what playback changes 30 times a second. */
void em_viewer_set_picture (EmViewer *self, const EmPicture *picture);
void em_viewer_set_tool (EmViewer *self, EmTool tool);
EmTool em_viewer_get_tool (EmViewer *self);
void em_viewer_set_swapped (EmViewer *self, gboolean swapped);
gboolean em_viewer_get_swapped (EmViewer *self);

void em_viewer_fit (EmViewer *self);
void em_viewer_set_zoom (EmViewer *self, double scale); /* about the middle */
void em_viewer_zoom_step (EmViewer *self, int direction);
void em_viewer_show_box (EmViewer *self, EmBox box);
double em_viewer_get_scale (EmViewer *self);
gboolean em_viewer_uses_gl (EmViewer *self);

/* Keyboard points: a crosshair that arrow keys move, in picture pixels. */
void em_viewer_set_crosshair (EmViewer *self, gboolean shown);
gboolean em_viewer_get_crosshair (EmViewer *self);
void em_viewer_move_crosshair (EmViewer *self, int dx, int dy);
/* As a click of that button at the crosshair. */
void em_viewer_click_crosshair (EmViewer *self, int button);

/* The gesture as the pointer would make it, in picture pixels; emits "act". */
void em_viewer_gesture (EmViewer *self, const EmGesture *gesture);

/* Signals:
 *   "act" (EmViewer *, const EmAct *act)
 *   "pointer" (EmViewer *, double x, double y, gboolean inside)   picture pixels
 *   "zoomed" (EmViewer *)                                         scale or place changed
 *   "hover-candidate" (EmViewer *, int index)                     -1: none */
