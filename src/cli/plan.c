/* plan.c - which frames of an object are to be tracked, and from where. */
#include "cli/plan.h"

#define MAX_REMEMBER 16 /* object pointers reach no further back */
#define SEEDS_A_SIDE 4  /* the tracker attends to the nearest four */

static bool
is_decided (const EmDbLaneCell *c)
{
  return em_state_is_protected (c->state) || c->state == EM_STATE_IMPORTED;
}

/* A mask that conditions the tracker, empty ones too: the object is not here. */
static bool
is_seed (const EmDbLaneCell *c, const EmPlanRules *rules)
{
  return is_decided (c) && !c->pending && !c->rejected && c->area >= 0
         && (!rules->only_heard || c->origin == EM_ORIGIN_AUDIO);
}

static bool
is_done (const EmDbLaneCell *c, const EmPlanRules *rules)
{
  return c && !rules->force && c->state == EM_STATE_PROPAGATED && !c->stale && !c->rejected
         && c->weights == rules->weights;
}

/* The nearest seed with pixels from `frame` on in direction `way`, -1 if there is none. */
static int
next_start (const EmDbLaneCell *const *at, int n, int frame, int way, const EmPlanRules *rules)
{
  for (int i = frame; i >= 0 && i < n; i += way)
    if (at[i] && is_seed (at[i], rules) && at[i]->area > 0)
      return i;
  return -1;
}

/* Frames done already, from the seed's side on. */
static int
count_done (const EmDbLaneCell *const *at, int from, int to, const EmPlanRules *rules)
{
  int way = to >= from ? 1 : -1, n = 0;

  for (int i = from; i != to + way && is_done (at[i], rules); i += way)
    n++;
  return n;
}

static void
add_span (GArray *spans, int64_t object, const EmDbLaneCell *const *at, int seed, int near, int far,
          const EmPlanRules *rules)
{
  int way = far >= near ? 1 : -1, n = count_done (at, near, far, rules);
  EmSpan s = { object, seed, far, 0, way };

  if (n == ABS (far - near) + 1)
    return;
  if (n > 0 && seed + way == near) { /* nothing lies between: the track is taken up */
    s.from = near + way * n;
    s.n_remember = MIN (n, MAX_REMEMBER);
  }
  g_array_append_val (spans, s);
}

GArray *
em_plan (const EmDbLaneCell *cells, int n_cells, int64_t object, int n_frames,
         const EmPlanRules *rules)
{
  GArray *spans = g_array_new (FALSE, FALSE, sizeof (EmSpan));
  g_autofree const EmDbLaneCell **at = g_new0 (const EmDbLaneCell *, n_frames);
  int last = MIN (rules->last, n_frames - 1);

  for (int i = 0; i < n_cells; i++)
    if (cells[i].frame < n_frames)
      at[cells[i].frame] = &cells[i];
  for (int i = MAX (rules->first, 0); i <= last; i++) {
    int end = i, left, right;
    bool comes_back;

    if (at[i] && is_decided (at[i]))
      continue;
    while (end < last && !(at[end + 1] && is_decided (at[end + 1])))
      end++;
    left = next_start (at, n_frames, i - 1, -1, rules);
    right = next_start (at, n_frames, end + 1, 1, rules);
    comes_back = i > 0 && at[i - 1] && at[i - 1]->state == EM_STATE_ABSENT && right == end + 1;
    if (left >= 0 && !comes_back)
      add_span (spans, object, at, left, i, end, rules);
    else if (right >= 0)
      add_span (spans, object, at, right, end, i, rules);
    i = end;
  }
  return spans;
}

GArray *
em_plan_seeds (const EmDbLaneCell *cells, int n_cells, const EmSpan *span, const EmPlanRules *rules)
{
  GArray *seeds = g_array_new (FALSE, FALSE, sizeof (int));
  int low = MIN (span->from, span->to), high = MAX (span->from, span->to), n_before = 0,
      n_after = 0;

  for (int i = 0; i < n_cells; i++)
    n_before += cells[i].frame < low && is_seed (&cells[i], rules);
  for (int i = 0; i < n_cells && n_after < SEEDS_A_SIDE; i++) {
    if (!is_seed (&cells[i], rules))
      continue;
    if (cells[i].frame < low && n_before-- > SEEDS_A_SIDE)
      continue;
    n_after += cells[i].frame > high;
    g_array_append_val (seeds, cells[i].frame);
  }
  return seeds;
}
