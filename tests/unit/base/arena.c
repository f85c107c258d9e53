/* Bump allocation against what must never overlap. */
#include "base/arena.h"
#include "base/log.h"
#include "check.h"

static void
takes_and_gives_back (void)
{
  size_t size = (size_t) 1 << 20;
  void *memory = em_arena_reserve (size);
  EmArena a;
  char *p, *q;

  CHECK (memory);
  em_arena_init (&a, memory, size, true);
  p = em_arena_alloc (&a, 100);
  size_t mark = a.used;
  q = em_arena_alloc (&a, 1);
  CHECK (q == p + 128 && a.used == 192);
  CHECK (em_arena_alloc (&a, 0) != em_arena_alloc (&a, 0));
  memset (p, 1, 100);
  em_arena_release (&a, mark);
  CHECK (em_arena_alloc (&a, 1) == q && p[99] == 1);
  CHECK (!em_arena_alloc (&a, size) && !em_arena_alloc (&a, SIZE_MAX) && a.used == 192);
  CHECK (em_arena_alloc (&a, size - 192) && !em_arena_alloc (&a, 1));
  CHECK_INT (a.peak, size);
  em_arena_end (&a);
  em_arena_unreserve (memory, size);
  em_arena_unreserve (NULL, size);
}

static void
space_is_not_memory (void)
{
  size_t size = (size_t) 1 << 36;
  char *memory = em_arena_reserve (size);

  CHECK (memory);
  if (!memory)
    return;
  memory[0] = memory[size - 1] = 1;
  em_arena_unreserve (memory, size);
  CHECK (!em_arena_reserve ((size_t) 1 << 60));
}

static void
hear (void *self, EmLogLevel level, const char *line)
{
  CHECK (level == EM_LOG_DEBUG);
  CHECK_TEXT (line, "7 things");
  ++*(int *) self;
}

static void
the_sink_hears (void)
{
  int heard = 0;

  em_log_set_sink (hear, &heard);
  em_log (EM_LOG_DEBUG, "%d things", 7);
  em_log_set_sink (NULL, NULL);
  em_log (EM_LOG_INFO, "nobody hears this");
  CHECK_INT (heard, 1);
}

CHECK_MAIN (takes_and_gives_back, space_is_not_memory, the_sink_hears)
