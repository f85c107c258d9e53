/* viewer_marks.c - shapes carry the meaning, colour only repeats it: a plus is positive, a minus
 * negative, a ring without filling is not yet in the project. */
#include "app/viewer_marks.h"
#include <math.h>

#define POINT_RADIUS 7.0

static void
set_rgb (cairo_t *cr, guint32 rgb, double alpha)
{
  cairo_set_source_rgba (cr, (rgb >> 16 & 255) / 255.0, (rgb >> 8 & 255) / 255.0,
                         (rgb & 255) / 255.0, alpha);
}

/* A dark line under a light one. */
static void
stroke_twice (cairo_t *cr, guint32 rgb, double width)
{
  set_rgb (cr, 0x000000, 0.75);
  cairo_set_line_width (cr, width + 2);
  cairo_stroke_preserve (cr);
  set_rgb (cr, rgb, 1);
  cairo_set_line_width (cr, width);
  cairo_stroke (cr);
}

static void
draw_point (cairo_t *cr, const EmViewport *v, const EmMark *mark)
{
  gboolean positive = mark->prompt.kind == EM_PROMPT_POSITIVE;
  guint32 fill = positive ? 0x2ec27e : 0xe01b24;
  double x, y, arm = POINT_RADIUS - 3;

  em_viewport_to_view (v, mark->prompt.x0 + 0.5, mark->prompt.y0 + 0.5, &x, &y);
  cairo_new_path (cr);
  cairo_arc (cr, x, y, POINT_RADIUS, 0, 2 * G_PI);
  if (!mark->hollow) {
    set_rgb (cr, fill, 1);
    cairo_fill_preserve (cr);
  }
  stroke_twice (cr, mark->hollow ? fill : 0xffffff, 1.5);
  set_rgb (cr, mark->hollow ? fill : 0xffffff, 1);
  cairo_set_line_width (cr, 2);
  cairo_move_to (cr, x - arm, y);
  cairo_line_to (cr, x + arm, y);
  if (positive) {
    cairo_move_to (cr, x, y - arm);
    cairo_line_to (cr, x, y + arm);
  }
  cairo_stroke (cr);
  if (mark->selected) {
    cairo_arc (cr, x, y, POINT_RADIUS + 4, 0, 2 * G_PI);
    stroke_twice (cr, 0xffffff, 1.5);
  }
}

static void
draw_box (cairo_t *cr, const EmViewport *v, const EmPrompt *box, gboolean hollow, gboolean selected)
{
  static const double dashes[] = { 6, 4 };
  double x0, y0, x1, y1;

  em_viewport_to_view (v, box->x0, box->y0, &x0, &y0);
  em_viewport_to_view (v, box->x1, box->y1, &x1, &y1);
  cairo_new_path (cr);
  cairo_rectangle (cr, round (x0) + 0.5, round (y0) + 0.5, round (x1 - x0), round (y1 - y0));
  if (hollow)
    cairo_set_dash (cr, dashes, 2, 0);
  stroke_twice (cr, 0xffffff, selected ? 3 : 1.5);
  cairo_set_dash (cr, NULL, 0, 0);
}

static void
rounded (cairo_t *cr, double x, double y, double w, double h, double r)
{
  cairo_new_sub_path (cr);
  cairo_arc (cr, x + w - r, y + r, r, -G_PI / 2, 0);
  cairo_arc (cr, x + w - r, y + h - r, r, 0, G_PI / 2);
  cairo_arc (cr, x + r, y + h - r, r, G_PI / 2, G_PI);
  cairo_arc (cr, x + r, y + r, r, G_PI, G_PI * 1.5);
  cairo_close_path (cr);
}

static void
draw_label (cairo_t *cr, const EmMarkScene *s, int i)
{
  int px = 0, py = 0;
  double x, y;
  g_autofree char *text = g_strdup_printf ("%d  %.0f %%", i + 1, 100 * s->scores[i]);
  cairo_text_extents_t extents;

  if (!em_rle_deepest (&s->candidates[i], &px, &py))
    return;
  em_viewport_to_view (s->view, px + 0.5, py + 0.5, &x, &y);
  cairo_select_font_face (cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_BOLD);
  cairo_set_font_size (cr, 12);
  cairo_text_extents (cr, text, &extents);
  rounded (cr, x - extents.width / 2 - 8, y - 11, extents.width + 16, 22, 11);
  set_rgb (cr, i == s->hovered ? 0x3584e4 : 0x000000, i == s->hovered ? 0.95 : 0.7);
  cairo_fill (cr);
  set_rgb (cr, 0xffffff, 1);
  cairo_move_to (cr, x - extents.width / 2 - extents.x_bearing,
                 y - extents.height / 2 - extents.y_bearing);
  cairo_show_text (cr, text);
}

static void
draw_crosshair (cairo_t *cr, const EmMarkScene *s)
{
  double x, y;

  em_viewport_to_view (s->view, s->cross_x + 0.5, s->cross_y + 0.5, &x, &y);
  cairo_new_path (cr);
  for (int sign = -1; sign <= 1; sign += 2) {
    cairo_move_to (cr, x + sign * 5, y);
    cairo_line_to (cr, x + sign * 22, y);
    cairo_move_to (cr, x, y + sign * 5);
    cairo_line_to (cr, x, y + sign * 22);
  }
  stroke_twice (cr, 0xffffff, 2);
}

void
em_marks_draw (cairo_t *cr, const EmMarkScene *s)
{
  for (int i = 0; i < s->n_marks; i++)
    if (s->marks[i].prompt.kind == EM_PROMPT_BOX)
      draw_box (cr, s->view, &s->marks[i].prompt, s->marks[i].hollow, s->marks[i].selected);
  if (s->has_drag)
    draw_box (cr, s->view, &s->drag, TRUE, FALSE);
  for (int i = 0; i < s->n_candidates; i++)
    draw_label (cr, s, i);
  for (int i = 0; i < s->n_marks; i++)
    if (s->marks[i].prompt.kind != EM_PROMPT_BOX)
      draw_point (cr, s->view, &s->marks[i]);
  if (s->has_crosshair)
    draw_crosshair (cr, s);
}
