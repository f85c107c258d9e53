/* bank.c - entries by frame, and SAM 2's choice among them. */
#include "predict/bank.h"
#include <stdlib.h>
#include <string.h>

static void *
need (void *p)
{
  EM_BUG_UNLESS (p);
  return p;
}

EmEntryPool
em_entry_pool_new (EmBackend *be, EmDtype dtype, int n_tokens, int mem_dim, int d, int side)
{
  EmEntryPool pool
      = { .dtype = dtype, .n_tokens = n_tokens, .mem_dim = mem_dim, .d = d, .side = side };

  pool.memories = em_slots_new (be, (size_t) n_tokens * mem_dim * em_dtype_bytes (dtype), 1);
  pool.pointers = em_slots_new (be, (size_t) d * sizeof (float), 1);
  return pool;
}

void
em_entry_pool_clear (EmEntryPool *pool)
{
  em_slots_free (pool->memories);
  em_slots_free (pool->pointers);
  *pool = (EmEntryPool){ 0 };
}

bool
em_entry_room (EmEntryPool *pool, EmEntry *e, EmError *err)
{
  void *pointer = em_is_nil (&e->pointer) ? em_slots_take (pool->pointers, err) : e->pointer.data;

  if (!pointer)
    return false;
  e->pointer = em_tensor_f32 (pointer, 1, pool->d);
  if (!e->low_res)
    e->low_res = need (malloc ((size_t) pool->side * pool->side * sizeof (float)));
  return true;
}

EmEntry *
em_entry_new (EmEntryPool *pool, int frame, EmError *err)
{
  EmEntry *e = need (calloc (1, sizeof *e));

  e->frame = frame;
  e->made = EM_MADE_ALL;
  if (em_entry_room (pool, e, err))
    return e;
  free (e);
  return NULL;
}

EmEntry *
em_entry_given (int frame, const EmRle *mask, bool hard)
{
  EmEntry *e = need (calloc (1, sizeof *e));

  e->frame = frame;
  e->given = em_rle_copy (mask);
  e->hard = hard;
  return e;
}

void
em_entry_unmake (EmEntryPool *pool, EmEntry *e)
{
  em_slots_give (pool->memories, e->memory.data);
  em_slots_give (pool->pointers, e->pointer.data);
  free (e->low_res);
  e->low_res = NULL;
  e->memory = e->pointer = (EmTensor){ 0 };
  e->made = EM_MADE_NOTHING;
}

bool
em_entry_room_for_memory (EmEntryPool *pool, EmEntry *e, EmError *err)
{
  void *memory = em_is_nil (&e->memory) ? em_slots_take (pool->memories, err) : e->memory.data;

  if (!memory)
    return false;
  e->memory
      = em_tensor_of (pool->dtype, memory, 3, (int64_t[]){ 1, pool->n_tokens, pool->mem_dim });
  return true;
}

void
em_entry_free (EmEntryPool *pool, EmEntry *e)
{
  if (!e)
    return;
  em_entry_unmake (pool, e);
  em_rle_clear (&e->given);
  free (e);
}

size_t
em_entry_bytes (const EmEntryPool *pool)
{
  return sizeof (EmEntry) + (size_t) pool->side * pool->side * sizeof (float)
         + (size_t) pool->n_tokens * pool->mem_dim * em_dtype_bytes (pool->dtype)
         + (size_t) pool->d * sizeof (float);
}

size_t
em_entry_pool_bytes (const EmEntryPool *pool)
{
  return (size_t) em_slots_in_use (pool->pointers)
             * (sizeof (EmEntry) + (size_t) pool->side * pool->side * sizeof (float))
         + em_slots_bytes (pool->memories) + em_slots_bytes (pool->pointers);
}

static int
index_of (const EmEntries *es, int frame)
{
  for (int i = es->n - 1; i >= 0; i--) /* what is asked for was mostly put there lately */
    if (es->items[i]->frame == frame)
      return i;
  return -1;
}

EmEntry *
em_entries_at (const EmEntries *es, int frame)
{
  int i = index_of (es, frame);

  return i < 0 ? NULL : es->items[i];
}

void
em_entries_put (EmEntryPool *pool, EmEntries *es, EmEntry *e)
{
  int i = index_of (es, e->frame);

  if (i >= 0) {
    em_entry_free (pool, es->items[i]);
    es->items[i] = e;
    return;
  }
  if (es->n == es->room) {
    es->room = es->room ? 2 * es->room : 32;
    es->items = need (realloc (es->items, (size_t) es->room * sizeof *es->items));
  }
  es->items[es->n++] = e;
}

static EmEntry *
take_nth (EmEntries *es, int i)
{
  EmEntry *e = es->items[i];

  memmove (es->items + i, es->items + i + 1, (size_t) (es->n - i - 1) * sizeof *es->items);
  es->n--;
  return e;
}

EmEntry *
em_entries_take (EmEntries *es, int frame)
{
  int i = index_of (es, frame);

  return i < 0 ? NULL : take_nth (es, i);
}

void
em_entries_clear (EmEntryPool *pool, EmEntries *es)
{
  for (int i = 0; i < es->n; i++)
    em_entry_free (pool, es->items[i]);
  free (es->items);
  *es = (EmEntries){ 0 };
}

/* The nearest conditioning entries: the last before the frame, the first at or after it, then
 * whatever is nearest; the rest is left to the look-back. */
static int
choose_cond (const EmEntries *cond, int frame, int most, const EmEntry **chosen, bool *taken)
{
  int n = 0, before = -1, after = -1;

  memset (taken, 0, (size_t) cond->n);
  if (most <= 0 || cond->n <= most) {
    for (int i = 0; i < cond->n; i++) {
      chosen[n++] = cond->items[i];
      taken[i] = true;
    }
    return n;
  }
  for (int i = 0; i < cond->n; i++) {
    int f = cond->items[i]->frame;

    if (f < frame && (before < 0 || f > cond->items[before]->frame))
      before = i;
    if (f >= frame && (after < 0 || f < cond->items[after]->frame))
      after = i;
  }
  for (int k = 0; k < 2; k++) {
    int i = k ? after : before;

    if (i >= 0 && n < most) {
      chosen[n++] = cond->items[i];
      taken[i] = true;
    }
  }
  while (n < most) {
    int best = -1;

    for (int i = 0; i < cond->n; i++)
      if (!taken[i]
          && (best < 0
              || abs (cond->items[i]->frame - frame) < abs (cond->items[best]->frame - frame)))
        best = i;
    chosen[n++] = cond->items[best];
    taken[best] = true;
  }
  return n;
}

/* A tracked entry, or a conditioning one that was not chosen. */
static const EmEntry *
look_back (const EmBank *bank, int frame, const bool *taken)
{
  const EmEntry *e = em_entries_at (&bank->tracked, frame);
  int i;

  if (e)
    return e;
  i = index_of (&bank->cond, frame);
  return i >= 0 && !taken[i] ? bank->cond.items[i] : NULL;
}

/* The frame that is `steps` back. Behind the nearest one they go by the stride, on its multiples:
 * the frames are the same ones for every frame in between. */
static int
frame_back (int frame, int direction, int steps, int stride)
{
  int back = direction * frame - 2; /* as if the clip ran the other way */

  if (steps == 1)
    return frame - direction;
  back -= back % stride + (back % stride < 0 ? stride : 0);
  return direction * (back - (steps - 2) * stride);
}

int
em_recall_reach (const EmRecallRules *rules)
{
  int spatial = rules->num_maskmem < 3
                    ? rules->num_maskmem
                    : (rules->num_maskmem - 3) * rules->stride + 2 + rules->stride;

  return spatial > rules->max_obj_ptrs ? spatial : rules->max_obj_ptrs;
}

EmRecall
em_bank_recall (const EmBank *bank, int frame, int direction, const EmRecallRules *rules)
{
  int n_cond = bank->cond.n, room = n_cond + 1;
  const EmEntry **chosen = need (malloc ((size_t) room * sizeof *chosen));
  bool *taken = need (malloc ((size_t) room * sizeof *taken));
  EmRecall r = { 0 };

  r.max_pointers = rules->n_frames < rules->max_obj_ptrs ? rules->n_frames : rules->max_obj_ptrs;
  r.spatial = need (malloc ((size_t) (room + rules->num_maskmem) * sizeof *r.spatial));
  r.pointers = need (malloc ((size_t) (room + r.max_pointers) * sizeof *r.pointers));
  n_cond = choose_cond (&bank->cond, frame, rules->max_cond_frames, chosen, taken);

  for (int i = 0; i < n_cond; i++)
    r.spatial[r.n_spatial++] = (EmSpatial){ chosen[i], rules->num_maskmem - 1 };
  for (int steps = rules->num_maskmem - 1; steps >= 1; steps--) {
    int f = frame_back (frame, direction, steps, rules->stride);
    const EmEntry *e = look_back (bank, f, taken);

    if (e)
      r.spatial[r.n_spatial++] = (EmSpatial){ e, steps - 1 };
  }

  for (int i = 0; i < n_cond; i++) /* pointers never come from the future */
    if (direction * (frame - chosen[i]->frame) >= 0)
      r.pointers[r.n_pointers++] = (EmPointed){ chosen[i], abs (frame - chosen[i]->frame) };
  for (int distance = 1; distance < r.max_pointers; distance++) {
    int f = frame - direction * distance;
    const EmEntry *e = f < 0 || f >= rules->n_frames ? NULL : look_back (bank, f, taken);

    if (e)
      r.pointers[r.n_pointers++] = (EmPointed){ e, distance };
  }
  free (chosen);
  free (taken);
  return r;
}

void
em_recall_clear (EmRecall *r)
{
  free (r->spatial);
  free (r->pointers);
  *r = (EmRecall){ 0 };
}

void
em_bank_forget (EmEntryPool *pool, EmBank *bank, int first, int last)
{
  for (int i = bank->tracked.n - 1; i >= 0; i--)
    if (bank->tracked.items[i]->frame >= first && bank->tracked.items[i]->frame <= last)
      em_entry_free (pool, take_nth (&bank->tracked, i));
}

void
em_bank_trim (EmEntryPool *pool, EmBank *bank, int frame, int most, int spare)
{
  while (bank->tracked.n > most) {
    int far = -1;

    for (int i = 0; i < bank->tracked.n; i++)
      if (far < 0
          || abs (bank->tracked.items[i]->frame - frame)
                 > abs (bank->tracked.items[far]->frame - frame))
        far = i;
    if (abs (bank->tracked.items[far]->frame - frame) < spare)
      return;
    em_entry_free (pool, take_nth (&bank->tracked, far));
  }
}

void
em_bank_clear (EmEntryPool *pool, EmBank *bank)
{
  em_entries_clear (pool, &bank->cond);
  em_entries_clear (pool, &bank->tracked);
}
