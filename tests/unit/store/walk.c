/* walk.c - a thousand random steps, and a twin that keeps whole pictures of the clip.
 *
 * The twin is what the store must not be: it copies everything at each step, and undo goes back to
 * the copy. Staleness is worked out there from its definition, frame by frame. */
#include "check.h"
#include "fixture.h"
#include "store/db_expression.h"
#include "store/verify.h"

#define OBJECTS   3
#define SENTENCES 2
#define START     (OBJECTS + SENTENCES)
#define STEPS     1200

typedef struct {
  bool is_there, rejected;
  EmState state;
  unsigned seed; /* of its mask; 0: none */
  int64_t made;  /* in the store's numbers, which the twin is told */
  int64_t step;
} TwinCell;

typedef struct {
  int64_t step;
  bool locked[OBJECTS];
  unsigned said[SENTENCES]; /* what each says, as a number; 0: nothing */
  TwinCell cells[OBJECTS][FRAMES];
} Picture;

typedef struct {
  GArray *pictures; /* of Picture; [0] is the start */
  guint head;
  guint most;
  uint64_t random;
} Twin;

static Picture *
now (Twin *t)
{
  return &g_array_index (t->pictures, Picture, t->head);
}

static Picture *
push (Twin *t, int64_t step)
{
  Picture copy = *now (t);

  copy.step = step;
  g_array_set_size (t->pictures, ++t->head);
  g_array_append_val (t->pictures, copy);
  t->most = MAX (t->most, t->head);
  return now (t);
}

static bool
is_protected (const Picture *p, int o, int frame)
{
  return p->locked[o]
         || (p->cells[o][frame].is_there && em_state_is_protected (p->cells[o][frame].state));
}

/* Straight from the definition: look left, look right, each time from scratch. */
static bool
is_stale (const Picture *p, int o, int frame)
{
  const TwinCell *self = &p->cells[o][frame];

  if (!self->is_there || self->state != EM_STATE_PROPAGATED)
    return false;
  for (int way = -1; way <= 1; way += 2)
    for (int i = frame + way; i >= 0 && i < FRAMES; i += way) {
      const TwinCell *c = &p->cells[o][i];
      bool is_cleared = c->is_there && c->state == EM_STATE_EMPTY;

      if (!is_cleared && !(c->is_there && em_state_is_protected (c->state)))
        continue;
      if ((is_cleared || !c->made ? c->step : c->made) > self->made)
        return true;
      break;
    }
  return false;
}

/* Runs are as long as can be: two neighbours that could be one are a mistake. */
static bool
continues (const EmDbRun *a, const EmDbRun *b)
{
  return a->last + 1 == b->first && a->state == b->state && a->stale == b->stale
         && a->rejected == b->rejected;
}

static void
compare (Fixture *f, Twin *t)
{
  Picture *p = now (t);
  EmDbCounts sum = { 0 }, got;
  g_autoptr (EmDbClip) clip = NULL;

  for (int o = 0; o < OBJECTS; o++) {
    g_autoptr (GArray) lane = NULL;
    guint run = 0;

    MUST (lane = em_db_lane (f->db, f->clip, o + 1, error));
    for (int i = 0; i < FRAMES; i++) {
      const TwinCell *c = &p->cells[o][i];
      const EmDbRun *r;

      while (run < lane->len && g_array_index (lane, EmDbRun, run).last < i)
        run++;
      r = run < lane->len ? &g_array_index (lane, EmDbRun, run) : NULL;
      CHECK_INT (r && r->first <= i, c->is_there);
      if (!c->is_there || !r)
        continue;
      CHECK_INT (r->state, c->state);
      CHECK_INT (r->rejected, c->rejected);
      CHECK_INT (r->stale, is_stale (p, o, i));
      sum.by_state[c->state]++;
      sum.rejected += c->rejected;
      sum.stale += is_stale (p, o, i);
    }
    for (guint i = 1; i < lane->len; i++)
      CHECK (!continues (&g_array_index (lane, EmDbRun, i - 1), &g_array_index (lane, EmDbRun, i)));
  }
  MUST (em_db_counts (f->db, f->clip, 0, &got, error));
  CHECK (memcmp (&got, &sum, sizeof sum) == 0);
  MUST (clip = em_db_clip (f->db, f->clip, error));
  CHECK (memcmp (&clip->counts, &sum, sizeof sum) == 0);
}

static void
compare_sentences (Fixture *f, Twin *t)
{
  g_autoptr (GPtrArray) all = NULL;
  guint at = 0;

  MUST (all = em_db_expressions (f->db, f->clip, error));
  for (int i = 0; i < SENTENCES; i++) {
    g_autofree char *text = g_strdup_printf ("%u", now (t)->said[i]);
    const EmDbExpression *e = at < all->len ? all->pdata[at] : NULL;

    if (!now (t)->said[i])
      continue;
    CHECK (e && e->number == i + 1 && g_str_equal (e->text, text));
    at++;
  }
  CHECK_INT (all->len, at);
}

static void
compare_masks (Fixture *f, Twin *t)
{
  Picture *p = now (t);

  for (int o = 0; o < OBJECTS; o++)
    for (int i = 0; i < FRAMES; i++) {
      const TwinCell *c = &p->cells[o][i];
      EmRle got = clip_mask (f->db, f->clip, o + 1, i), want = { 0 };

      if (c->is_there && c->seed)
        want = some_mask (c->seed);
      CHECK (got.width == want.width && (!got.width || em_rle_equal (&got, &want)));
      em_rle_clear (&got);
      em_rle_clear (&want);
    }
}

static int
pick (Twin *t, int n)
{
  return (int) (check_random (&t->random) % (uint32_t) n);
}

static int
stretch (Twin *t, int first, int most)
{
  int n = pick (t, most);

  return MIN (FRAMES - 1, first + n);
}

static void
brush (Fixture *f, Twin *t, unsigned seed)
{
  static const EmState states[] = { EM_STATE_KEYFRAME, EM_STATE_CORRECTED, EM_STATE_IMPORTED,
                                    EM_STATE_EMPTY, EM_STATE_ABSENT };
  int o = pick (t, OBJECTS), frame = pick (t, FRAMES);
  EmState state = states[pick (t, 5)];
  int64_t step = put (f, EM_STEP_BRUSH, o + 1, frame, state, seed);
  bool has_mask = state != EM_STATE_EMPTY;

  push (t, step)->cells[o][frame] = (TwinCell){ .is_there = true,
                                                .state = state,
                                                .seed = has_mask ? seed : 0,
                                                .made = has_mask ? step : 0,
                                                .step = step };
}

/* Approve or reject every mask in a range: cells that point at masks made before. */
static void
review (Fixture *f, Twin *t)
{
  int o = pick (t, OBJECTS), first = pick (t, FRAMES), last = stretch (t, first, 12);
  bool approve = pick (t, 3) > 0;
  g_autoptr (EmEdit) e = em_edit_new (approve ? EM_STEP_APPROVE : EM_STEP_REJECT);
  Picture before = *now (t), *after;
  int64_t step;

  for (int i = first; i <= last; i++) {
    const TwinCell *c = &before.cells[o][i];
    EmCellRow row = EM_CELL_ROW_INIT;

    if (!c->is_there || !c->made)
      continue;
    row.object = o + 1;
    row.frame = i;
    row.state = approve ? EM_STATE_APPROVED : c->state;
    row.rejected = !approve;
    row.made = c->made;
    em_edit_cell (e, &row);
  }
  MUST (step = em_db_edit (f->db, f->clip, e, error));
  after = push (t, step);
  for (int i = first; i <= last; i++) {
    TwinCell *c = &after->cells[o][i];

    if (!c->is_there || !c->made)
      continue;
    c->state = approve ? EM_STATE_APPROVED : c->state;
    c->rejected = !approve;
    c->step = step;
  }
}

static void
lock_object (Fixture *f, Twin *t)
{
  int o = pick (t, OBJECTS);
  g_autoptr (EmEdit) e = em_edit_new (EM_STEP_LOCK);
  EmDbObject row
      = { .id = o + 1, .name = (char *) "o", .position = o, .is_locked = !now (t)->locked[o] };
  int64_t step;

  em_edit_object (e, &row);
  MUST (step = em_db_edit (f->db, f->clip, e, error));
  push (t, step)->locked[o] = row.is_locked;
}

/* Writes, rewrites or deletes a sentence. */
static void
speak (Fixture *f, Twin *t, int i, unsigned seed, bool is_new)
{
  g_autoptr (EmEdit) e = em_edit_new (EM_STEP_EXPRESSION);
  g_autofree char *text = g_strdup_printf ("%u", seed);
  EmDbExpression row = { .number = is_new ? 0 : i + 1, .text = text };
  int64_t step;

  row.is_deleted = !is_new && pick (t, 4) == 0;
  em_edit_expression (e, &row);
  MUST (step = em_db_edit (f->db, f->clip, e, error));
  push (t, step)->said[i] = row.is_deleted ? 0 : seed;
}

/* A track in portions, with an edit above it, an undo or a restart in its middle now and then. */
static void
track (Fixture *f, Twin *t, unsigned seed)
{
  int o = pick (t, OBJECTS), first = pick (t, FRAMES), last = stretch (t, first, 20);
  g_autoptr (EmEdit) start = em_edit_new (EM_STEP_TRACK);
  int64_t step;
  int interruption = pick (t, 6), middle = (first + last) / 2;
  Picture *p;

  em_edit_set_open (start);
  em_edit_set_focus (start, o + 1, first);
  MUST (step = em_db_edit (f->db, f->clip, start, error));
  push (t, step);
  for (int i = first; i <= last; i++) {
    g_autoptr (EmEdit) rows = track_rows (o + 1, i, i, seed);
    int written;

    if (interruption == 0 && i == middle) {
      EmDbMove m;

      MUST (em_db_undo (f->db, f->clip, &m, error));
      CHECK_INT (m.step, step);
      t->head--;
      MUST_FAIL (em_db_append (f->db, f->clip, step, rows, &written, error), EM_E_CANCELLED,
                 "step");
      return;
    }
    if (interruption == 1 && i == middle)
      fixture_reopen (f);
    p = now (t);
    MUST (em_db_append (f->db, f->clip, step, rows, &written, error));
    CHECK_INT (written, !is_protected (p, o, i));
    if (written)
      p->cells[o][i] = (TwinCell){ .is_there = true,
                                   .state = EM_STATE_PROPAGATED,
                                   .seed = seed + (unsigned) i,
                                   .made = step,
                                   .step = step };
  }
  MUST (em_db_close_step (f->db, f->clip, step, error));
}

static void
undo (Fixture *f, Twin *t)
{
  EmDbMove m;

  MUST (em_db_undo (f->db, f->clip, &m, error));
  CHECK_INT (m.step, now (t)->step);
  t->head -= t->head > 0;
}

static void
redo (Fixture *f, Twin *t)
{
  EmDbMove m;
  bool more = t->head + 1 < t->pictures->len;

  MUST (em_db_redo (f->db, f->clip, &m, error));
  t->head += more;
  CHECK_INT (m.step, more ? now (t)->step : 0);
}

static void
a_long_walk_agrees_with_its_twin (void)
{
  Fixture f;
  Twin t = { .pictures = g_array_new (FALSE, FALSE, sizeof (Picture)), .random = 20 };
  Picture start = { 0 };
  g_autoptr (GPtrArray) steps = NULL;
  EmVerifyReport r;
  guint cut = 0;

  fixture_open (&f);
  g_array_append_val (t.pictures, start);
  for (int o = 0; o < OBJECTS; o++) {
    CHECK_INT (add_object (&f), o + 1);
    push (&t, o + 1);
  }
  for (int i = 0; i < SENTENCES; i++)
    speak (&f, &t, i, STEPS + (unsigned) i + 1, true);
  for (int i = 0; i < STEPS; i++) {
    switch (pick (&t, 16)) {
    case 0:
    case 1:
      undo (&f, &t);
      break;
    case 2:
      redo (&f, &t);
      break;
    case 3:
      for (int k = pick (&t, 12); k > 0 && t.head > START; k--)
        undo (&f, &t);
      break;
    case 4:
      for (int k = pick (&t, 40); k > 0; k--)
        redo (&f, &t);
      break;
    case 5:
    case 6:
      review (&f, &t);
      break;
    case 7:
      lock_object (&f, &t);
      break;
    case 8:
      speak (&f, &t, pick (&t, SENTENCES), (unsigned) i + 1, false);
      break;
    case 9:
    case 10:
      track (&f, &t, 100000u + (unsigned) i * 100);
      break;
    default:
      brush (&f, &t, (unsigned) i + 1);
    }
    while (t.head < START) /* keep the objects and sentences themselves */
      redo (&f, &t);
    compare (&f, &t);
    compare_sentences (&f, &t);
    if (i % 50 == 0)
      compare_masks (&f, &t);
    if (i % 97 == 0)
      fixture_reopen (&f);
  }
  compare_masks (&f, &t);
  MUST (steps = em_db_steps (f.db, f.clip, error));
  for (guint i = 0; i < steps->len; i++)
    cut += ((EmDbStep *) steps->pdata[i])->cut != 0;
  fprintf (stderr, "%u steps, %u of them cut, at most %u deep\n", steps->len, cut, t.most);
  CHECK (steps->len > 600 && cut > 50);
  CHECK_INT (t.random ? em_db_verify (f.db, &r, NULL) : 0, true);
  CHECK_INT (r.faults->len, 0);
  em_verify_report_clear (&r);
  while (t.head > 0)
    undo (&f, &t);
  undo (&f, &t);
  g_array_unref (t.pictures);
  fixture_close (&f);
}

/* Six hundred steps straight on, then all the way back and forth. */
static void
undo_reaches_the_start (void)
{
  Fixture f;
  int64_t o;
  EmDbMove m;
  int n = 0;

  fixture_open (&f);
  o = add_object (&f);
  for (unsigned i = 0; i < 600; i++)
    put (&f, EM_STEP_BRUSH, o, (int) (i % FRAMES), EM_STATE_KEYFRAME, i + 1);
  do {
    MUST (em_db_undo (f.db, f.clip, &m, error));
    n += m.step != 0;
  } while (m.step);
  CHECK_INT (n, 601);
  for (n = 0;; n++) {
    MUST (em_db_redo (f.db, f.clip, &m, error));
    if (!m.step)
      break;
  }
  CHECK_INT (n, 601);
  for (int i = 0; i < FRAMES; i++) {
    EmRle got = clip_mask (f.db, f.clip, o, i), want = some_mask ((unsigned) (560 + i + 1));

    CHECK (em_rle_equal (&got, &want));
    em_rle_clear (&got);
    em_rle_clear (&want);
  }
  fixture_close (&f);
}

CHECK_MAIN (undo_reaches_the_start, a_long_walk_agrees_with_its_twin)
