/* viewport.c - zoom and pan: the two planes differ by one scale and one offset, nothing else. */
#include "app/viewport.h"
#include <math.h>

static double
fit_scale (const EmViewport *v)
{
  if (v->width < 1 || v->height < 1 || v->view_w < 1 || v->view_h < 1)
    return 1;
  return fmin (v->view_w / v->width, v->view_h / v->height);
}

double
em_viewport_scale (const EmViewport *v)
{
  return v->zoom > 0 ? v->zoom : fit_scale (v);
}

static void
centre (const EmViewport *v, double *x, double *y)
{
  *x = v->zoom > 0 ? v->x : v->width / 2.0;
  *y = v->zoom > 0 ? v->y : v->height / 2.0;
}

void
em_viewport_to_picture (const EmViewport *v, double vx, double vy, double *px, double *py)
{
  double s = em_viewport_scale (v), cx, cy;

  centre (v, &cx, &cy);
  *px = cx + (vx - v->view_w / 2) / s;
  *py = cy + (vy - v->view_h / 2) / s;
}

void
em_viewport_to_view (const EmViewport *v, double px, double py, double *vx, double *vy)
{
  double s = em_viewport_scale (v), cx, cy;

  centre (v, &cx, &cy);
  *vx = v->view_w / 2 + (px - cx) * s;
  *vy = v->view_h / 2 + (py - cy) * s;
}

void
em_viewport_fit (EmViewport *v)
{
  v->zoom = 0;
}

/* The middle of the view stays on the picture, so that nobody loses it. */
static void
clamp_centre (EmViewport *v)
{
  v->x = fmin (fmax (v->x, 0), v->width);
  v->y = fmin (fmax (v->y, 0), v->height);
}

void
em_viewport_zoom_at (EmViewport *v, double scale, double vx, double vy)
{
  double px, py;

  em_viewport_to_picture (v, vx, vy, &px, &py);
  v->zoom = fmin (fmax (scale, fmin (fit_scale (v), 0.5)), EM_ZOOM_MAX);
  v->x = px - (vx - v->view_w / 2) / v->zoom;
  v->y = py - (vy - v->view_h / 2) / v->zoom;
  clamp_centre (v);
}

void
em_viewport_zoom_step (EmViewport *v, int direction, double vx, double vy)
{
  static const double steps[] = { 0.5, 1, 2, 4, 8, 16 };
  int n = sizeof steps / sizeof steps[0];
  double now = em_viewport_scale (v), fit = fit_scale (v), next = 0;

  /* Fit takes its place among the steps by size. */
  for (int i = 0; i < n; i++)
    if (direction > 0 && steps[i] > now * 1.001 && (next == 0 || steps[i] < next))
      next = steps[i];
    else if (direction < 0 && steps[i] < now * 0.999)
      next = steps[i];
  if (direction > 0 && fit > now * 1.001 && (next == 0 || fit < next))
    em_viewport_fit (v);
  else if (direction < 0 && fit < now * 0.999 && fit > next)
    em_viewport_fit (v);
  else if (next > 0)
    em_viewport_zoom_at (v, next, vx, vy);
}

void
em_viewport_pan (EmViewport *v, double dx, double dy)
{
  double s = em_viewport_scale (v);

  if (v->zoom <= 0) /* a fitted picture has nowhere to go */
    return;
  v->x -= dx / s;
  v->y -= dy / s;
  clamp_centre (v);
}

void
em_viewport_show (EmViewport *v, EmBox box)
{
  if (box.width < 1 || box.height < 1) {
    em_viewport_fit (v);
    return;
  }
  v->zoom = fmin (v->view_w / (2.0 * box.width), v->view_h / (2.0 * box.height));
  v->zoom = fmin (fmax (v->zoom, fmin (fit_scale (v), 0.5)), EM_ZOOM_MAX);
  v->x = box.x + box.width / 2.0;
  v->y = box.y + box.height / 2.0;
}

bool
em_viewport_is_nearest (const EmViewport *v)
{
  return em_viewport_scale (v) > 2;
}
