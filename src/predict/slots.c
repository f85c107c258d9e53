/* slots.c - a list of slots and when each was asked for; the list is short, so it is searched. */
#include "predict/slots.h"
#include <stdlib.h>
#include "engine/backend.h"
#include "engine/ops.h"

enum { FREE, TAKEN, KEPT };

typedef struct {
  void *memory;
  int state;
  int64_t key;
  uint64_t asked;
} Slot;

struct EmSlots {
  EmBackend *be;
  size_t slot_bytes;
  int room, n, n_kept, n_free;
  Slot *items;
  uint64_t clock;
};

EmSlots *
em_slots_new (EmBackend *be, size_t slot_bytes, int room)
{
  EmSlots *s = calloc (1, sizeof *s);

  EM_BUG_UNLESS (s && room >= 1 && slot_bytes > 0);
  s->be = be;
  s->slot_bytes = slot_bytes;
  s->room = room;
  return s;
}

void
em_slots_free (EmSlots *s)
{
  if (!s)
    return;
  for (int i = 0; i < s->n; i++)
    s->be->unreserve (s->be, s->items[i].memory, s->slot_bytes);
  free (s->items);
  free (s);
}

/* The free slot, or the one kept longest unasked, or NULL. */
static Slot *
find_room (EmSlots *s)
{
  Slot *oldest = NULL;

  if (!s->n_free && s->n_kept < s->room)
    return NULL;
  for (int i = 0; i < s->n; i++) {
    Slot *slot = &s->items[i];

    if (slot->state == FREE)
      return slot;
    if (slot->state == KEPT && (!oldest || slot->asked < oldest->asked))
      oldest = slot;
  }
  return oldest;
}

void *
em_slots_take (EmSlots *s, EmError *err)
{
  Slot *slot = find_room (s);

  if (!slot) {
    void *memory = s->be->reserve (s->be, s->slot_bytes);

    if (!memory) {
      em_fail (err, EM_E_DEVICE, "%s: out of memory, %zu MB more needed", s->be->name,
               (s->slot_bytes >> 20) + 1);
      return NULL;
    }
    s->items = realloc (s->items, (size_t) (s->n + 1) * sizeof *s->items);
    EM_BUG_UNLESS (s->items);
    slot = &s->items[s->n++];
    *slot = (Slot){ .memory = memory };
    s->n_free++;
  }
  s->n_free -= slot->state == FREE;
  s->n_kept -= slot->state == KEPT;
  slot->state = TAKEN;
  return slot->memory;
}

static Slot *
slot_of (EmSlots *s, const void *memory)
{
  for (int i = 0; i < s->n; i++)
    if (s->items[i].memory == memory)
      return &s->items[i];
  EM_BUG_UNLESS (!"a slot of another pool");
  return NULL;
}

static Slot *
slot_with (EmSlots *s, int64_t key)
{
  for (int i = 0; i < s->n; i++)
    if (s->items[i].state == KEPT && s->items[i].key == key)
      return &s->items[i];
  return NULL;
}

static void
give (EmSlots *s, Slot *slot)
{
  EM_BUG_UNLESS (slot->state != FREE);
  s->n_kept -= slot->state == KEPT;
  s->n_free++;
  slot->state = FREE;
}

void
em_slots_give (EmSlots *s, void *memory)
{
  if (memory)
    give (s, slot_of (s, memory));
}

void
em_slots_keep (EmSlots *s, void *memory, int64_t key)
{
  Slot *slot = slot_of (s, memory), *old = slot_with (s, key);

  EM_BUG_UNLESS (slot->state == TAKEN);
  if (old)
    give (s, old);
  slot->state = KEPT;
  slot->key = key;
  slot->asked = ++s->clock;
  s->n_kept++;
}

void *
em_slots_find (EmSlots *s, int64_t key)
{
  Slot *slot = slot_with (s, key);

  if (!slot)
    return NULL;
  slot->asked = ++s->clock;
  return slot->memory;
}

int
em_slots_in_use (const EmSlots *s)
{
  return s->n - s->n_free;
}

void
em_store (EmCtx *ctx, const EmTensor *to, EmTensor *x)
{
  if (!em_ok (ctx))
    return;
  EM_BUG_UNLESS (em_numel (to) == em_numel (x));
  if (x->dtype != to->dtype)
    x = em_cast (ctx, x, to->dtype);
  if (em_ok (ctx))
    ctx->be->move (ctx->be, to->data, x->data, (size_t) em_numel (to) * em_dtype_bytes (to->dtype));
}
