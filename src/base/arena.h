/* arena.h - bump allocation over reserved address space.
 *
 * An arena hands out memory from one range whose addresses never change; the kernel gives pages as
 * they are touched. Allocations are given back in reverse, by returning to a mark. It does not own
 * its range: em_arena_reserve makes one on the host, a backend may offer another. In unoptimised
 * builds what is given back is overwritten with NaN, under AddressSanitizer it may not be touched.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

typedef struct EmArena {
  char *base;
  size_t size, used, peak;
  bool on_host; /* the CPU may write there: poison what is given back */
} EmArena;

#define EM_ARENA_ALIGN 64

/* Address space without memory, NULL if there is none of that size. */
void *em_arena_reserve (size_t bytes);
void em_arena_unreserve (void *memory, size_t bytes);

/* `base` is aligned to EM_ARENA_ALIGN and outlives the arena. */
void em_arena_init (EmArena *a, void *base, size_t size, bool on_host);
/* Uninitialised, aligned to EM_ARENA_ALIGN, never NULL for 0 bytes; NULL when the range is full. */
void *em_arena_alloc (EmArena *a, size_t bytes);
size_t em_arena_room (size_t bytes); /* what an allocation of `bytes` takes */
/* Makes a range in use legal to touch that alignment or an older release had closed. */
void em_arena_show (EmArena *a, size_t offset, size_t bytes);
/* Gives back all that was allocated since `used` was `mark`. */
void em_arena_release (EmArena *a, size_t mark);
/* Before its range goes back to where it came from. */
void em_arena_end (EmArena *a);
