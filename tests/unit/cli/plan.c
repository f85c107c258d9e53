/* plan.c - lanes drawn as text, and the spans that must come of them.
 *
 *   K keyframe  A approved  0 absent  i imported  h accepted sound  p tracked  s stale  o by other
 *   weights  . nothing  X keyframe still being decoded  e cleared by hand */
#include "check.h"
#include "cli/plan.h"

static EmDbLaneCell cells[100];
static int n_cells;

static int
draw (const char *lane)
{
  n_cells = 0;
  for (int i = 0; lane[i]; i++) {
    EmDbLaneCell c = { .frame = i, .made = 1, .area = 5, .origin = EM_ORIGIN_BRUSH };

    switch (lane[i]) {
    case '.':
      continue;
    case 'K':
      c.state = EM_STATE_KEYFRAME;
      break;
    case 'X':
      c.state = EM_STATE_KEYFRAME;
      c.pending = true;
      break;
    case 'h':
      c.state = EM_STATE_KEYFRAME;
      c.origin = EM_ORIGIN_AUDIO;
      break;
    case 'A':
      c.state = EM_STATE_APPROVED;
      break;
    case '0':
      c.state = EM_STATE_ABSENT;
      c.area = 0;
      break;
    case 'i':
      c.state = EM_STATE_IMPORTED;
      break;
    case 'e':
      c.state = EM_STATE_EMPTY;
      c.made = 0;
      c.area = -1;
      break;
    default:
      c.state = EM_STATE_PROPAGATED;
      c.stale = lane[i] == 's';
      c.weights = g_intern_string (lane[i] == 'o' ? "other" : "mine");
    }
    cells[n_cells++] = c;
  }
  return (int) strlen (lane);
}

/* Spans as "from-to" or "from-to+remembered", seeds in brackets. */
static void
expect (const char *lane, const EmPlanRules *rules, const char *want)
{
  int n = draw (lane);
  EmPlanRules all = *rules;
  g_autoptr (GArray) spans = NULL;
  g_autoptr (GString) got = g_string_new (NULL);

  all.weights = g_intern_string ("mine");
  if (all.last == 0)
    all.last = n;
  spans = em_plan (cells, n_cells, 1, n, &all);
  for (guint i = 0; i < spans->len; i++) {
    const EmSpan *s = &g_array_index (spans, EmSpan, i);
    g_autoptr (GArray) seeds = em_plan_seeds (cells, n_cells, s, &all);

    CHECK (s->from == s->to || s->way == (s->to < s->from ? -1 : 1));
    g_string_append_printf (got, "%s%s%d-%d", i ? " " : "",
                            s->from == s->to && s->way < 0 ? "<" : "", s->from, s->to);
    if (s->n_remember)
      g_string_append_printf (got, "+%d", s->n_remember);
    g_string_append_c (got, '[');
    for (guint k = 0; k < seeds->len; k++)
      g_string_append_printf (got, "%s%d", k ? "," : "", g_array_index (seeds, int, k));
    g_string_append_c (got, ']');
  }
  if (strcmp (got->str, want) != 0)
    fprintf (stderr, "%s\n", lane);
  CHECK_TEXT (got->str, want);
}

static void
stretches_lie_between_what_was_decided (void)
{
  EmPlanRules rules = { 0 };

  expect ("......", &rules, "");
  expect ("K.....", &rules, "0-5[0]");
  expect (".....K", &rules, "5-0[5]");
  expect ("..K...", &rules, "2-0[2] 2-5[2]");
  expect ("K..A..", &rules, "0-2[0,3] 3-5[0,3]");
  expect ("i..K", &rules, "0-2[0,3]");
  expect ("KKKK", &rules, "");
  expect ("K.X..", &rules, "0-1[0] 0-4[0]"); /* an undecoded click stays, and is no start */
  expect ("K.e.K", &rules, "0-3[0,4]");      /* cleared by hand: free to be filled */
}

static void
done_work_is_not_done_again (void)
{
  EmPlanRules rules = { 0 }, force = { .force = true };

  expect ("Kppp", &rules, "");
  expect ("Kppp", &force, "0-3[0]");
  expect ("Kpp..", &rules, "3-4+2[0]"); /* taken up where it stopped */
  expect ("Kppp...K", &rules, "4-6+3[0,7]");
  expect ("..ppK", &rules, "1-0+2[4]");
  expect (".pppK", &rules, "<0-0+3[4]"); /* one frame is left: still backward */
  expect ("Kppp.", &rules, "4-4+3[0]");
  expect ("Kpsp", &rules, "2-3+1[0]");
  expect ("Ksss", &rules, "0-3[0]");
  expect ("Koop", &rules, "0-3[0]");
  expect ("K..pp", &rules, "0-4[0]"); /* a hole at the seed: from there */
  expect ("Kpppppppppppppppppppp..", &rules, "21-22+16[0]");
}

static void
ranges_and_sources_narrow_it (void)
{
  EmPlanRules range = { .first = 2, .last = 3 }, heard = { .only_heard = true };

  expect ("K.....", &range, "0-3[0]");
  expect (".....K", &range, "5-2[5]");
  expect ("K..h..K", &heard, "3-1[3] 3-5[3]");
  expect ("K.....", &heard, "");
}

static void
absence_is_a_seed_without_pixels (void)
{
  EmPlanRules rules = { 0 };

  expect ("K..00..K", &rules, "0-2[0,3,4,7] 7-5[0,3,4,7]"); /* each side from its own */
  expect ("K..00...", &rules, "0-2[0,3,4] 0-7[0,3,4]");     /* carried over the gap */
  expect ("K..00pp.", &rules, "0-2[0,3,4] 0-7[0,3,4]"); /* not taken up: the memory lies beyond */
  expect ("00..", &rules, "");
}

static void
the_nearest_seeds_condition (void)
{
  EmPlanRules rules = { .first = 12, .last = 12 };

  expect ("K.K.K.K.K.K.K.K.K.K.K.K.K", &rules, "");
  rules.first = rules.last = 13;
  expect ("K.K.K.K.K.K.K.K.K.K.K.K.K", &rules, "12-13[4,6,8,10,12,14,16,18,20]");
}

CHECK_MAIN (stretches_lie_between_what_was_decided, done_work_is_not_done_again,
            ranges_and_sources_narrow_it, absence_is_a_seed_without_pixels,
            the_nearest_seeds_condition)
