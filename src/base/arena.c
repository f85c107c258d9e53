/* arena.c - bump allocation over reserved address space. */
#include "base/arena.h"
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include "base/error.h"

#if defined __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#define hide(p, n) ASAN_POISON_MEMORY_REGION (p, n)
#define show(p, n) ASAN_UNPOISON_MEMORY_REGION (p, n)
#elif !defined __OPTIMIZE__
#define hide(p, n) memset (p, 0xff, n) /* every float a NaN */
#define show(p, n) ((void) 0)
#else
#define hide(p, n) ((void) 0)
#define show(p, n) ((void) 0)
#endif

void *
em_arena_reserve (size_t bytes)
{
  void *p = mmap (NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                  -1, 0);

  return p == MAP_FAILED ? NULL : p;
}

void
em_arena_unreserve (void *memory, size_t bytes)
{
  if (memory)
    munmap (memory, bytes);
}

void
em_arena_init (EmArena *a, void *base, size_t size, bool on_host)
{
  EM_BUG_UNLESS ((uintptr_t) base % EM_ARENA_ALIGN == 0);
  *a = (EmArena){ .base = base, .size = size, .on_host = on_host };
}

size_t
em_arena_room (size_t bytes)
{
  return bytes ? (bytes + EM_ARENA_ALIGN - 1) / EM_ARENA_ALIGN * EM_ARENA_ALIGN : EM_ARENA_ALIGN;
}

void *
em_arena_alloc (EmArena *a, size_t bytes)
{
  size_t room = em_arena_room (bytes);
  char *p = a->base + a->used;

  if (room < bytes || room > a->size - a->used)
    return NULL;
  if (a->on_host)
    show (p, bytes);
  a->used += room;
  if (a->used > a->peak)
    a->peak = a->used;
  return p;
}

void
em_arena_show (EmArena *a, size_t offset, size_t bytes)
{
  EM_BUG_UNLESS (offset <= a->used && bytes <= a->used - offset);
  if (a->on_host)
    show (a->base + offset, bytes);
}

void
em_arena_release (EmArena *a, size_t mark)
{
  EM_BUG_UNLESS (mark <= a->used);
  if (a->on_host)
    hide (a->base + mark, a->used - mark);
  a->used = mark;
}

void
em_arena_end (EmArena *a)
{
  if (a->on_host)
    show (a->base, a->peak); /* the addresses may be handed to somebody else */
  *a = (EmArena){ 0 };
}
