/* viewer_input.c - gesture to prompt.
 *
 * Order of what a press means: an existing prompt under it, a candidate under it, then the tool. A
 * press that moves further than the slop is a drag. */
#include "app/viewer_input.h"
#include <math.h>

#define SLOP       4.0 /* view pixels a click may wander */
#define HIT_RADIUS 8.0 /* view pixels around a point mark */

bool
em_rle_holds (const EmRle *mask, int x, int y)
{
  int64_t at, sum = 0;

  if (mask->width < 1 || x < 0 || y < 0 || x >= mask->width || y >= mask->height)
    return false;
  at = (int64_t) x * mask->height + y;
  for (int i = 0; i < mask->n; i++) {
    sum += mask->counts[i];
    if (at < sum)
      return i % 2;
  }
  return false;
}

int
em_scene_candidate_at (const EmScene *scene, double x, double y)
{
  for (int i = 0; i < scene->n_candidates; i++)
    if (em_rle_holds (&scene->candidates[i], (int) floor (x), (int) floor (y)))
      return i;
  return -1;
}

int
em_scene_mask_at (const EmScene *scene, double x, double y)
{
  for (int i = 0; i < scene->n_masks; i++)
    if (scene->masks[i] && em_rle_holds (scene->masks[i], (int) floor (x), (int) floor (y)))
      return i;
  return -1;
}

/* Distance in view pixels to a box's edge line. */
static double
edge_distance (const EmPrompt *b, double x, double y, double scale)
{
  double inside = fmin (fmin (x - b->x0, b->x1 - x), fmin (y - b->y0, b->y1 - y));
  double dx = fmax (fmax (b->x0 - x, x - b->x1), 0), dy = fmax (fmax (b->y0 - y, y - b->y1), 0);

  return scale * (inside >= 0 ? inside : hypot (dx, dy));
}

int
em_scene_prompt_at (const EmScene *scene, double x, double y)
{
  int best = -1;
  double reach = HIT_RADIUS;

  for (int i = 0; i < scene->n_prompts; i++) {
    const EmPrompt *p = &scene->prompts[i];
    double d = p->kind == EM_PROMPT_BOX
                   ? edge_distance (p, x, y, scene->scale) * 2 /* its line is a thinner target */
                   : hypot (x - p->x0 - 0.5, y - p->y0 - 0.5) * scene->scale;

    if (d <= reach) { /* the later one lies on top */
      best = i;
      reach = d;
    }
  }
  return best;
}

bool
em_drag_box (double x0, double y0, double x1, double y1, int width, int height, EmPrompt *box)
{
  box->kind = EM_PROMPT_BOX;
  box->x0 = (float) fmin (fmax (floor (fmin (x0, x1)), 0), width);
  box->y0 = (float) fmin (fmax (floor (fmin (y0, y1)), 0), height);
  box->x1 = (float) fmin (fmax (ceil (fmax (x0, x1)), 0), width);
  box->y1 = (float) fmin (fmax (ceil (fmax (y0, y1)), 0), height);
  return box->x1 - box->x0 >= 2 && box->y1 - box->y0 >= 2;
}

static bool
is_inside (const EmScene *s, double x, double y)
{
  return x >= 0 && y >= 0 && x < s->width && y < s->height;
}

static EmAct
move_prompt (const EmScene *s, const EmGesture *g, int index)
{
  EmAct act = { .kind = EM_ACT_MOVE_PROMPT, .index = index, .prompt = s->prompts[index] };
  EmPrompt *p = &act.prompt;
  float dx = (float) round (g->x1 - g->x0), dy = (float) round (g->y1 - g->y0);

  if (p->kind == EM_PROMPT_BOX) { /* a box keeps its size and stays on the picture */
    dx = fminf (fmaxf (dx, -p->x0), s->width - p->x1);
    dy = fminf (fmaxf (dy, -p->y0), s->height - p->y1);
    p->x1 += dx;
    p->y1 += dy;
  } else {
    dx = fminf (fmaxf (dx, -p->x0), s->width - 1 - p->x0);
    dy = fminf (fmaxf (dy, -p->y0), s->height - 1 - p->y0);
  }
  p->x0 += dx;
  p->y0 += dy;
  return act;
}

static EmAct
click (const EmScene *s, const EmGesture *g)
{
  EmAct act = { .kind = EM_ACT_NONE, .index = -1 };
  bool positive = (g->button == EM_BUTTON_PRIMARY) != s->swapped;
  int hit;

  if (!is_inside (s, g->x0, g->y0))
    return act;
  if (g->button == EM_BUTTON_PRIMARY && (hit = em_scene_prompt_at (s, g->x0, g->y0)) >= 0) {
    act.kind = EM_ACT_SELECT_PROMPT;
    act.index = hit;
  } else if (g->button == EM_BUTTON_PRIMARY
             && (hit = em_scene_candidate_at (s, g->x0, g->y0)) >= 0) {
    act.kind = g->ctrl ? EM_ACT_CANDIDATE_NEW : EM_ACT_CANDIDATE;
    act.index = hit;
  } else if (s->tool == EM_TOOL_SELECT) {
    if (g->button == EM_BUTTON_PRIMARY) {
      act.kind = EM_ACT_SELECT_OBJECT;
      act.index = em_scene_mask_at (s, g->x0, g->y0);
    }
  } else {
    act.kind = EM_ACT_PROMPT;
    act.prompt.kind = positive ? EM_PROMPT_POSITIVE : EM_PROMPT_NEGATIVE;
    act.prompt.x0 = (float) floor (g->x0);
    act.prompt.y0 = (float) floor (g->y0);
  }
  return act;
}

EmAct
em_viewer_act (const EmScene *s, const EmGesture *g)
{
  EmAct act = { .kind = EM_ACT_NONE, .index = -1 };
  int hit;

  if (g->button != EM_BUTTON_PRIMARY && g->button != EM_BUTTON_SECONDARY)
    return act;
  if (hypot (g->x1 - g->x0, g->y1 - g->y0) * s->scale <= SLOP)
    return click (s, g);
  if (g->button != EM_BUTTON_PRIMARY)
    return act;
  if ((hit = em_scene_prompt_at (s, g->x0, g->y0)) >= 0)
    return move_prompt (s, g, hit);
  if (s->tool == EM_TOOL_PROMPT
      && em_drag_box (g->x0, g->y0, g->x1, g->y1, s->width, s->height, &act.prompt))
    act.kind = EM_ACT_PROMPT;
  return act;
}
