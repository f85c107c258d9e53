/* shared.cc - a block's shared memory, and copies that come late.
 *
 * Every array has a fence on both sides that is looked at after each block; AddressSanitizer sees
 * the fence itself. All bytes are 0xff, NaN in any type, when a block begins. A copy by cp.async
 * makes its target NaN at once and brings the bytes when its thread waits for them: reading too
 * early and overwriting too early both show. */
#include "block.h"
#include <algorithm>
#if SIM_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace sim
{

enum { FENCE = 128, STATIC_MOST = 48 << 10, ARENA = 1 << 20 };
static const unsigned char MARK = 0xa5;

struct Piece {
  const void *key; /* NULL: the dynamic part */
  unsigned char *data;
  size_t bytes;
};

alignas (4096) static unsigned char arena[ARENA];
static std::vector<Piece> &pieces = *new std::vector<Piece>;
static size_t arena_used, static_bytes, dynamic_bytes;

static void
allow (const Piece &p, bool yes)
{
#if SIM_ASAN
  if (yes)
    __asan_unpoison_memory_region (p.data, p.bytes);
  else
    __asan_poison_memory_region (p.data, p.bytes);
#else
  (void) p;
  (void) yes;
#endif
}

static const Piece *
add_piece (const void *key, size_t bytes, size_t align)
{
  size_t at = (arena_used + 2 * FENCE + align - 1) / align * align;
  Piece p = { key, arena + at, bytes };

  if (at + bytes + FENCE > sizeof arena)
    fatal ("more shared memory than there is room for");
#if SIM_ASAN
  __asan_unpoison_memory_region (arena + arena_used, at + bytes + FENCE - arena_used);
#endif
  memset (arena + arena_used, MARK, at - arena_used);
  memset (p.data, 0xff, bytes);
  memset (p.data + bytes, MARK, FENCE);
#if SIM_ASAN
  __asan_poison_memory_region (arena + arena_used, at - arena_used);
  __asan_poison_memory_region (p.data + bytes, FENCE);
#endif
  arena_used = at + bytes;
  pieces.push_back (p);
  return &pieces.back ();
}

void
begin_launch_shared (size_t bytes)
{
#if SIM_ASAN
  __asan_unpoison_memory_region (arena, sizeof arena);
#endif
  pieces.clear ();
  arena_used = static_bytes = 0;
  dynamic_bytes = bytes;
  add_piece (NULL, bytes, 128);
}

void
begin_block_shared ()
{
  for (const Piece &p : pieces) {
    allow (p, true);
    memset (p.data, 0xff, p.bytes);
  }
}

void
end_block_shared ()
{
  if (SIM_ASAN)
    return;
  for (const Piece &p : pieces)
    for (int i = 1; i <= FENCE; i++) {
      if (p.data[-i] != MARK)
        fatal ("wrote %d bytes before %s shared memory", i, p.key ? "an array in" : "dynamic");
      if (p.data[p.bytes + i - 1] != MARK)
        fatal ("wrote %d bytes past the end of %s shared memory, which has %zu", i,
               p.key ? "an array in" : "dynamic", p.bytes);
    }
}

bool
is_shared (const void *memory, size_t bytes)
{
  const unsigned char *at = (const unsigned char *) memory;

  return std::any_of (pieces.begin (), pieces.end (), [=] (const Piece &p) {
    return at >= p.data && at + bytes <= p.data + p.bytes;
  });
}

static void
complete (Thread *t, int last_group)
{
  size_t n = 0;

  for (; n < t->copies.size () && t->copies[n].group <= last_group; n++) {
    const Copy &c = t->copies[n];

    if (c.from)
      memcpy (c.to, c.from, 16);
    else
      memset (c.to, 0, 16);
  }
  t->copies.erase (t->copies.begin (), t->copies.begin () + (ptrdiff_t) n);
}

} /* namespace sim */

using namespace sim;

void *
cudasim_shared (const void *key, size_t bytes)
{
  for (const Piece &p : pieces)
    if (p.key == key) {
      if (p.bytes != bytes)
        fatal ("a shared array of %zu bytes that had %zu", bytes, p.bytes);
      return p.data;
    }
  static_bytes += bytes;
  if (static_bytes > STATIC_MOST)
    fatal ("%zu bytes of shared arrays, of 48 KB", static_bytes);
  if (static_bytes + dynamic_bytes > shared_most ())
    fatal ("%zu bytes of shared arrays and %zu dynamic, of %zu", static_bytes, dynamic_bytes,
           shared_most ());
  return add_piece (key, bytes, 16)->data;
}

void *
cudasim_dynamic_shared ()
{
  return pieces[0].data;
}

void
cudasim_cp_async (void *shared, const void *global, bool valid, const char *file, int line)
{
  if ((uintptr_t) shared % 16 || (valid && (uintptr_t) global % 16))
    fatal ("cp.async of what is not 16-byte aligned, %s:%d", file, line);
  if (!is_shared (shared, 16))
    fatal ("cp.async to what is no shared memory, %s:%d", file, line);
  if (valid && !is_device (global, 16))
    fatal ("cp.async from what is no device memory, %s:%d", file, line);
  memset (shared, 0xff, 16);
  self->copies.push_back ({ shared, valid ? global : NULL, self->groups });
}

void
cudasim_cp_async_commit ()
{
  self->groups++;
}

void
cudasim_cp_async_complete (int but)
{
  complete (self, self->groups - 1 - but);
}
