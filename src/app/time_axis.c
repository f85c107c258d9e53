/* time_axis.c - zoom, pan and ticks of the timeline. */
#include "app/time_axis.h"
#include <math.h>
#include <stdio.h>

#define NS     1e9
#define FINEST 1e5 /* ns per pixel: 10 px a millisecond */

static double
fit_scale (const EmAxis *a)
{
  return a->width > 0 && a->duration_ns > 0 ? a->duration_ns / a->width : NS / 100;
}

double
em_axis_scale (const EmAxis *a)
{
  return a->ns_per_px > 0 ? a->ns_per_px : fit_scale (a);
}

double
em_axis_to_x (const EmAxis *a, int64_t t_ns)
{
  return ((double) t_ns - a->start_ns) / em_axis_scale (a);
}

int64_t
em_axis_to_time (const EmAxis *a, double x)
{
  double t = a->start_ns + x * em_axis_scale (a);

  return (int64_t) fmin (fmax (t, 0), fmax ((double) a->duration_ns - 1, 0));
}

static void
clamp_start (EmAxis *a)
{
  double span = a->width * em_axis_scale (a);

  a->start_ns = fmax (fmin (a->start_ns, (double) a->duration_ns - span), 0);
}

void
em_axis_fit (EmAxis *a)
{
  a->ns_per_px = 0;
  a->start_ns = 0;
}

void
em_axis_zoom (EmAxis *a, double factor, double x)
{
  double scale = em_axis_scale (a), at = a->start_ns + x * scale;
  double next = fmax (scale / factor, FINEST);

  if (next >= fit_scale (a)) {
    em_axis_fit (a);
    return;
  }
  a->ns_per_px = next;
  a->start_ns = at - x * next;
  clamp_start (a);
}

void
em_axis_pan (EmAxis *a, double dx)
{
  a->start_ns += dx * em_axis_scale (a);
  clamp_start (a);
}

bool
em_axis_reveal (EmAxis *a, int64_t t_ns)
{
  double x = em_axis_to_x (a, t_ns);

  if (a->ns_per_px <= 0 || (x >= 0 && x < a->width))
    return false;
  a->start_ns = (double) t_ns - a->width * em_axis_scale (a) * 0.1;
  clamp_start (a);
  return true;
}

int64_t
em_axis_tick (const EmAxis *a, double min_px)
{
  static const double steps[]
      = { 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1,    2,
          5,     10,    15,    30,   60,   120,  300, 600, 900, 1800, 3600 };
  double least = min_px * em_axis_scale (a) / NS;

  for (unsigned i = 0; i < sizeof steps / sizeof steps[0]; i++)
    if (steps[i] >= least)
      return (int64_t) (steps[i] * NS + 0.5);
  return (int64_t) (ceil (least / 3600) * 3600 * NS);
}

void
em_time_text (int64_t t_ns, int digits, char *text)
{
  int64_t whole = t_ns / 1000000000, h = whole / 3600, m = whole / 60 % 60, s = whole % 60;
  int ms = (int) (t_ns / 1000000 % 1000); /* never rounds up into the next frame */
  int n = h > 0 ? snprintf (text, 32, "%d:%02d:%02d", (int) h, (int) m, (int) s)
                : snprintf (text, 32, "%d:%02d", (int) m, (int) s);

  if (digits > 0 && snprintf (text + n, 32 - (size_t) n, ".%03d", ms) >= digits + 1)
    text[n + 1 + digits] = '\0';
}
