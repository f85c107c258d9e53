/* slots.c - a list of slots and when each was asked for; the list is short, so it is searched.
 * Memory is reserved in blocks, since a slot may be smaller than a page. */
#include "predict/slots.h"
#include <stdlib.h>
#include <string.h>
#include "engine/backend.h"

#define BLOCK ((size_t) 1 << 16)
#define ALIGN ((size_t) 256)

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
  Slot *items; /* in blocks of per_block, each of which begins a reservation */
  int per_block;
  uint64_t clock;
};

EmSlots *
em_slots_new (EmBackend *be, size_t slot_bytes, int room)
{
  EmSlots *s = calloc (1, sizeof *s);

  EM_BUG_UNLESS (s && room >= 1 && slot_bytes > 0);
  s->be = be;
  s->slot_bytes = (slot_bytes + ALIGN - 1) / ALIGN * ALIGN;
  s->per_block = s->slot_bytes < BLOCK ? (int) (BLOCK / s->slot_bytes) : 1;
  s->room = room;
  return s;
}

void
em_slots_free (EmSlots *s)
{
  if (!s)
    return;
  for (int i = 0; i < s->n; i += s->per_block)
    s->be->free (s->be, s->items[i].memory, s->slot_bytes * (size_t) s->per_block);
  free (s->items);
  free (s);
}

/* With room left a free slot, NULL if there is none; else the one kept longest unasked. */
static Slot *
find_room (EmSlots *s)
{
  Slot *oldest = NULL;

  for (int i = 0; i < s->n; i++) {
    Slot *slot = &s->items[i];

    if (slot->state == FREE && s->n_kept < s->room)
      return slot;
    if (slot->state == KEPT && s->n_kept >= s->room && (!oldest || slot->asked < oldest->asked))
      oldest = slot;
  }
  return oldest;
}

static bool
add_block (EmSlots *s, EmError *err)
{
  size_t bytes = s->slot_bytes * (size_t) s->per_block;
  char *memory = s->be->alloc (s->be, bytes);

  if (!memory)
    return em_fail (err, EM_E_MEMORY, "%s: out of memory, %zu MB more needed", s->be->name,
                    (bytes + (1 << 20) - 1) >> 20);
  s->items = realloc (s->items, (size_t) (s->n + s->per_block) * sizeof *s->items);
  EM_BUG_UNLESS (s->items);
  for (int i = 0; i < s->per_block; i++)
    s->items[s->n++] = (Slot){ .memory = memory + s->slot_bytes * (size_t) i };
  s->n_free += s->per_block;
  return true;
}

void *
em_slots_take (EmSlots *s, EmError *err)
{
  Slot *slot = find_room (s);

  if (!slot && !add_block (s, err))
    return NULL;
  slot = slot ? slot : find_room (s);
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

static Slot *
oldest_kept (EmSlots *s)
{
  Slot *oldest = NULL;

  for (int i = 0; i < s->n; i++)
    if (s->items[i].state == KEPT && (!oldest || s->items[i].asked < oldest->asked))
      oldest = &s->items[i];
  return oldest;
}

static bool
is_idle (const EmSlots *s, int block)
{
  for (int i = 0; i < s->per_block; i++)
    if (s->items[block + i].state != FREE)
      return false;
  return true;
}

void
em_slots_shrink (EmSlots *s, int room)
{
  if (!s)
    return;
  s->room = room;
  while (s->n_kept > room)
    give (s, oldest_kept (s));
  for (int i = s->n - s->per_block; i >= 0; i -= s->per_block) {
    if (!is_idle (s, i))
      continue;
    s->be->free (s->be, s->items[i].memory, s->slot_bytes * (size_t) s->per_block);
    memmove (s->items + i, s->items + i + s->per_block,
             (size_t) (s->n - i - s->per_block) * sizeof *s->items);
    s->n -= s->per_block;
    s->n_free -= s->per_block;
  }
}

int
em_slots_in_use (const EmSlots *s)
{
  return s->n - s->n_free;
}

size_t
em_slots_bytes (const EmSlots *s)
{
  return s ? (size_t) s->n * s->slot_bytes : 0;
}
