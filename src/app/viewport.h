/* viewport.h - where the picture lies in the widget.
 *
 * Plain arithmetic between two planes: view pixels (the widget, logical) and picture pixels (the
 * clip at display size). The caller keeps the struct and sets view_w, view_h, width and height when
 * they change; everything else goes through the functions. Scale 1 is 100 %. */
#pragma once
#include <stdbool.h>
#include "base/rle.h"

#define EM_ZOOM_MAX 16.0

typedef struct {
  double view_w, view_h;
  int width, height;
  double zoom; /* view pixels per picture pixel; 0: fit */
  double x, y; /* picture point in the middle of the view; unused while fitting */
} EmViewport;

double em_viewport_scale (const EmViewport *v); /* 1 while there is no picture or no view */
void em_viewport_to_picture (const EmViewport *v, double vx, double vy, double *px, double *py);
void em_viewport_to_view (const EmViewport *v, double px, double py, double *vx, double *vy);

void em_viewport_fit (EmViewport *v);
/* The picture point under (vx, vy) stays there, as far as the limits allow. */
void em_viewport_zoom_at (EmViewport *v, double scale, double vx, double vy);
/* The next of fit, 50, 100, 200, 400, 800, 1600 %, up (+1) or down (-1). */
void em_viewport_zoom_step (EmViewport *v, int direction, double vx, double vy);
void em_viewport_pan (EmViewport *v, double dx, double dy); /* view pixels */
/* Brings `box` to the middle with half its size around it. An empty box fits. */
void em_viewport_show (EmViewport *v, EmBox box);
/* Pixels are shown as squares, so that each can be judged. */
bool em_viewport_is_nearest (const EmViewport *v);
