/* Slots against a list, and SAM 2's choice among entries against the rule spelled out. */
#include "predict/bank.h"
#include "check.h"
#include "engine/backend.h"

static uint64_t noise = 5;
static EmBackend *be;

static int
pick (int n)
{
  return (int) (check_random (&noise) % (unsigned) n);
}

/* The twin: keys in the order they were asked for, the oldest first, and how many slots lie idle.
 */
typedef struct {
  int n, idle, order[8];
} Twin;

static bool
twin_drop (Twin *t, int key)
{
  for (int i = 0; i < t->n; i++)
    if (t->order[i] == key) {
      memmove (t->order + i, t->order + i + 1, (size_t) (--t->n - i) * sizeof (int));
      return true;
    }
  return false;
}

static bool
twin_find (Twin *t, int key)
{
  if (!twin_drop (t, key))
    return false;
  t->order[t->n++] = key;
  return true;
}

static void
slots_forget_what_was_not_asked_for_the_longest (void)
{
  enum { ROOM = 7, KEYS = 12 };
  EmSlots *s = em_slots_new (be, sizeof (int), ROOM);
  Twin t = { 0 };
  EmError err = EM_ERROR_INIT;

  for (int step = 0; step < 4000; step++) {
    int key = pick (KEYS), *slot;

    switch (pick (4)) {
    case 0:
      slot = em_slots_find (s, key);
      CHECK ((slot != NULL) == twin_find (&t, key));
      if (slot && pick (3) == 0) {
        em_slots_give (s, slot);
        twin_drop (&t, key);
      }
      break;
    default:
      slot = em_slots_take (s, &err);
      CHECK (slot);
      if (t.n == ROOM)
        twin_drop (&t, t.order[0]);
      if (pick (5) == 0) {
        em_slots_give (s, slot);
        break;
      }
      *slot = 1000 + key;
      em_slots_keep (s, slot, key);
      twin_drop (&t, key);
      t.order[t.n++] = key;
    }
    CHECK_INT (em_slots_in_use (s), t.n);
  }
  for (int i = 0; i < t.n; i++) {
    int *slot = em_slots_find (s, t.order[i]);

    CHECK (slot && *slot == 1000 + t.order[i]);
  }
  em_slots_free (s);
}

static EmEntryPool pool;

static EmEntry *
entry (int frame, bool with_memory)
{
  EmError err = EM_ERROR_INIT;
  EmEntry *e = em_entry_new (&pool, frame, &err);

  CHECK (e && (!with_memory || em_entry_room_for_memory (&pool, e, &err)));
  return e;
}

/* The text of the rule: what frame t attends to, as "cond" or "tracked" frame numbers. */
typedef struct {
  int n_spatial, n_pointers;
  int frame[64], row[64]; /* spatial */
  int pointer[64], distance[64];
} Want;

static void
spelled_out (Want *w, const EmBank *b, int t, int d, const EmRecallRules *r)
{
  bool chosen[200] = { false }, is_cond[200] = { false };
  int n = 0, maxp = r->n_frames < r->max_obj_ptrs ? r->n_frames : r->max_obj_ptrs;

  *w = (Want){ 0 };
  for (int i = 0; i < b->cond.n; i++)
    is_cond[b->cond.items[i]->frame] = true;
  if (r->max_cond_frames == 0 || b->cond.n <= r->max_cond_frames) {
    memcpy (chosen, is_cond, sizeof chosen);
    n = b->cond.n;
  } else {
    for (int f = t - 1; f >= 0; f--)
      if (is_cond[f]) {
        chosen[f] = true;
        n++;
        break;
      }
    for (int f = t; f < 200; f++)
      if (is_cond[f]) {
        chosen[f] = true;
        n++;
        break;
      }
    for (int away = 0; n < r->max_cond_frames; away++) /* ties: the one inserted first */
      for (int i = 0; i < b->cond.n && n < r->max_cond_frames; i++) {
        int f = b->cond.items[i]->frame;

        if (abs (f - t) == away && !chosen[f]) {
          chosen[f] = true;
          n++;
        }
      }
  }
  for (int f = 0; f < 200; f++)
    if (chosen[f]) {
      w->frame[w->n_spatial] = f;
      w->row[w->n_spatial++] = r->num_maskmem - 1;
      if ((d > 0 && f <= t) || (d < 0 && f >= t)) {
        w->pointer[w->n_pointers] = f;
        w->distance[w->n_pointers++] = abs (t - f);
      }
    }
  for (int k = 1; k < r->num_maskmem; k++) {
    int far = k == 1 ? 1 : 2 + (k - 2) * r->stride, f = t - d * far;

    while (k > 1 && f % r->stride) /* multiples of the stride, away from t */
      f -= d;
    if (f >= 0 && f < r->n_frames
        && (em_entries_at (&b->tracked, f) || (is_cond[f] && !chosen[f]))) {
      w->frame[w->n_spatial] = f;
      w->row[w->n_spatial++] = k - 1;
    }
  }
  for (int k = 1; k < maxp; k++) {
    int f = t - d * k;

    if (f >= 0 && f < r->n_frames
        && (em_entries_at (&b->tracked, f) || (is_cond[f] && !chosen[f]))) {
      w->pointer[w->n_pointers] = f;
      w->distance[w->n_pointers++] = k;
    }
  }
}

static void
recall_is_the_rule_spelled_out (void)
{
  for (int round = 0; round < 500; round++) {
    EmRecallRules rules = { .n_frames = 1 + pick (120),
                            .num_maskmem = 2 + pick (7),
                            .max_obj_ptrs = 1 + pick (20),
                            .max_cond_frames = pick (3) ? 2 + pick (4) : 0,
                            .stride = pick (2) ? 1 : 1 + pick (4) };
    EmBank bank = { 0 };
    int t = pick (rules.n_frames), d = pick (2) ? 1 : -1, last = 0;
    EmRecall got;
    Want want;

    for (int i = pick (8); i >= 0; i--)
      em_entries_put (&pool, &bank.cond, entry (pick (rules.n_frames), true));
    for (int i = pick (60); i >= 0; i--) {
      int f = pick (rules.n_frames);

      if (!em_entries_at (&bank.cond, f))
        em_entries_put (&pool, &bank.tracked, entry (f, true));
    }
    got = em_bank_recall (&bank, t, d, &rules);
    spelled_out (&want, &bank, t, d, &rules);
    CHECK_INT (got.n_spatial, want.n_spatial);
    CHECK_INT (got.n_pointers, want.n_pointers);
    CHECK_INT (got.max_pointers,
               rules.n_frames < rules.max_obj_ptrs ? rules.n_frames : rules.max_obj_ptrs);
    for (int i = 0; i < want.n_spatial; i++) {
      int found = 0;

      for (int k = 0; k < got.n_spatial; k++)
        found += got.spatial[k].entry->frame == want.frame[i] && got.spatial[k].row == want.row[i];
      CHECK_INT (found, 1);
    }
    for (int i = 0; i < want.n_pointers; i++) {
      int found = 0;

      for (int k = 0; k < got.n_pointers; k++)
        found += got.pointers[k].entry->frame == want.pointer[i]
                 && got.pointers[k].distance == want.distance[i];
      CHECK_INT (found, 1);
    }
    for (int k = 0; k < got.n_spatial; k++) /* conditioning, then from the oldest */
      if (got.spatial[k].row < rules.num_maskmem - 1) {
        CHECK (last == 0 || got.spatial[k].row < last);
        last = got.spatial[k].row;
      }
    em_recall_clear (&got);
    em_bank_clear (&pool, &bank);
  }
  CHECK_INT (em_slots_in_use (pool.memories), 0);
  CHECK_INT (em_slots_in_use (pool.pointers), 0);
}

static void
trimming_spares_the_near (void)
{
  EmBank bank = { 0 };

  em_entries_put (&pool, &bank.cond, entry (0, true));
  for (int f = 1; f < 60; f++)
    em_entries_put (&pool, &bank.tracked, entry (f, true));
  em_bank_trim (&pool, &bank, 40, 20, 16); /* 25..55 are nearer than 16 */
  CHECK_INT (bank.tracked.n, 31);
  for (int f = 25; f <= 55; f++)
    CHECK (em_entries_at (&bank.tracked, f));
  em_bank_trim (&pool, &bank, 40, 20, 5);
  CHECK_INT (bank.tracked.n, 20);
  CHECK (em_entries_at (&bank.tracked, 40) && em_entries_at (&bank.cond, 0));
  CHECK (!em_entries_at (&bank.tracked, 26));
  em_bank_clear (&pool, &bank);
}

static void
begin (void)
{
  EmError err = EM_ERROR_INIT;

  be = em_backend_open ("cpu", &err);
  CHECK (be);
  pool = em_entry_pool_new (be, EM_BF16, 4, 4, 8, 2);
}

static void
end (void)
{
  em_entry_pool_clear (&pool);
  em_backend_close (be);
}

CHECK_MAIN (begin, slots_forget_what_was_not_asked_for_the_longest, recall_is_the_rule_spelled_out,
            trimming_spares_the_near, end)
