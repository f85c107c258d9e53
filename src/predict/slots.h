/* slots.h - equal pieces of the backend's memory: for what outlives a pass.
 *
 * A slot is taken, filled within a pass, and either kept under a key or given back. Slots under a
 * key are a cache: when `room` of them are in use, taking one more gives up the key that was not
 * asked for the longest. Slots without a key are their taker's until given back and are never given
 * up; they do not count against `room`. Memory once reserved is reused, and freed
 * with the pool or by em_slots_shrink. */
#pragma once
#include "engine/ctx.h"

typedef struct EmSlots EmSlots;

/* `be` must outlive the pool. `room` at least 1. */
EmSlots *em_slots_new (EmBackend *be, size_t slot_bytes, int room);
void em_slots_free (EmSlots *s); /* NULL is fine */

/* A slot without a key, its content undefined. NULL with EM_E_DEVICE. */
void *em_slots_take (EmSlots *s, EmError *err);
void em_slots_give (EmSlots *s, void *slot); /* with or without a key; NULL is fine */
/* Puts a taken slot under `key`, in the place of what was there. */
void em_slots_keep (EmSlots *s, void *slot, int64_t key);
/* The slot under `key` or NULL; it is now the one asked for last. Stays valid until the next take.
 */
void *em_slots_find (EmSlots *s, int64_t key);
/* Gives up keys until `room` are left, the longest unasked first; later takes keep to it. Memory of
 * blocks without a slot in use is freed. NULL is fine. */
void em_slots_shrink (EmSlots *s, int room);
int em_slots_in_use (const EmSlots *s);   /* kept and taken */
size_t em_slots_bytes (const EmSlots *s); /* reserved, idle ones too; NULL: 0 */
