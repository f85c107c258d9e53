/* warp.cc - what the lanes of a warp do together: shuffles, votes, the tensor cores' instructions.
 *
 * Each lane leaves what it brings in its Thread and waits; the last to come does it all. */
#include "block.h"

namespace sim
{

typedef float v4 __attribute__ ((vector_size (16), may_alias));

const char *
name_of (Wait wait)
{
  static const char *const NAMES[] = {
    "nothing",
    "__syncthreads",
    "__syncthreads_count",
    "__syncthreads_and",
    "__syncthreads_or",
    "__syncwarp",
    "a vote",
    "a shuffle",
    "mma",
    "ldmatrix",
    "ldmatrix.trans",
  };

  return NAMES[wait];
}

static void
shuffle (Thread *lanes, unsigned mask)
{
  uint64_t given[32];

  for (unsigned left = mask; left; left &= left - 1)
    given[__builtin_ctz (left)] = lanes[__builtin_ctz (left)].value;
  for (unsigned left = mask; left; left &= left - 1) {
    Thread *t = &lanes[__builtin_ctz (left)];

    if (!(mask >> (t->from & 31) & 1))
      fatal ("%s reads lane %d, which is not in the mask %08x, %s:%d", name_of (t).c_str (),
             t->from, mask, t->file, t->line);
    t->value = given[t->from & 31];
  }
}

static void
vote (Thread *lanes, unsigned mask)
{
  unsigned ballot = 0;

  for (unsigned left = mask; left; left &= left - 1)
    ballot |= (lanes[__builtin_ctz (left)].value ? 1u : 0u) << __builtin_ctz (left);
  for (unsigned left = mask; left; left &= left - 1)
    lanes[__builtin_ctz (left)].value = ballot;
}

/* Fragments as in the PTX manual; see kernels/mma.cuh. First the words find their places, by pairs
 * of k, then become floats. */
static void
mma (Thread *lanes)
{
  uint32_t a_words[8][16], b_words[8][8]; /* [pair, row], [pair, column] */
  float a[16][16];                        /* [k, row] */
  v4 b[16][2], d[16][2];
  auto b_float = (float (*)[8]) b;
  auto d_float = (float (*)[8]) d;

  for (int lane = 0; lane < 32; lane++) {
    const uint32_t *fa = (const uint32_t *) lanes[lane].a, *fb = (const uint32_t *) lanes[lane].b;
    const float *fd = (const float *) lanes[lane].out;
    int g = lane / 4, t = lane % 4;

    a_words[t][g] = fa[0];
    a_words[t][g + 8] = fa[1];
    a_words[t + 4][g] = fa[2];
    a_words[t + 4][g + 8] = fa[3];
    b_words[t][g] = fb[0];
    b_words[t + 4][g] = fb[1];
    memcpy (&d_float[g][2 * t], fd, 8);
    memcpy (&d_float[g + 8][2 * t], fd + 2, 8);
  }
  for (int pair = 0; pair < 8; pair++) {
    for (int row = 0; row < 16; row++) {
      a[2 * pair][row] = __uint_as_float (a_words[pair][row] << 16);
      a[2 * pair + 1][row] = __uint_as_float (a_words[pair][row] & 0xffff0000u);
    }
    for (int column = 0; column < 8; column++) {
      b_float[2 * pair][column] = __uint_as_float (b_words[pair][column] << 16);
      b_float[2 * pair + 1][column] = __uint_as_float (b_words[pair][column] & 0xffff0000u);
    }
  }
  for (int row = 0; row < 16; row += 2) {
    v4 d0 = d[row][0], d1 = d[row][1], e0 = d[row + 1][0], e1 = d[row + 1][1];

    for (int k = 0; k < 16; k++) {
      d0 += a[k][row] * b[k][0];
      d1 += a[k][row] * b[k][1];
      e0 += a[k][row + 1] * b[k][0];
      e1 += a[k][row + 1] * b[k][1];
    }
    d[row][0] = d0;
    d[row][1] = d1;
    d[row + 1][0] = e0;
    d[row + 1][1] = e1;
  }
  for (int lane = 0; lane < 32; lane++) {
    float *fd = (float *) lanes[lane].out;

    memcpy (fd, &d_float[lane / 4][lane % 4 * 2], 8);
    memcpy (fd + 2, &d_float[lane / 4 + 8][lane % 4 * 2], 8);
  }
}

static void
ldmatrix (Thread *lanes, bool transposed)
{
  uint16_t m[8][8];

  for (int i = 0; i < 4; i++) {
    for (int row = 0; row < 8; row++)
      memcpy (m[row], lanes[8 * i + row].a, sizeof m[row]);
    for (int lane = 0; lane < 32; lane++) {
      int g = lane / 4, t = lane % 4 * 2;

      ((uint32_t *) lanes[lane].out)[i] = transposed ? m[t][g] | (uint32_t) m[t + 1][g] << 16
                                                     : m[g][t] | (uint32_t) m[g][t + 1] << 16;
    }
  }
}

bool
try_to_meet (Thread *thread)
{
  Warp *w = thread->warp;
  Thread *lanes = w->lanes;
  unsigned mask = thread->mask, gone = mask & (w->exited | ~w->exist), here = mask & ~gone;
  Wait what = thread->wait;

  if (gone && what >= SHUFFLE)
    fatal ("%s waits at %s, %s:%d, for lane %d, which %s", name_of (thread).c_str (),
           name_of (what), thread->file, thread->line, __builtin_ctz (gone),
           w->exist & gone & -gone ? "has ended" : "the block does not have");
  if ((w->waiting & here) != here)
    return false;
  for (unsigned left = here; left; left &= left - 1) {
    const Thread *t = &lanes[__builtin_ctz (left)];

    if (t->mask != mask)
      return false; /* it waits for others first */
    if (t->wait != what || t->line != thread->line
        || (t->file != thread->file && strcmp (t->file, thread->file)))
      fatal ("%s waits at %s, %s:%d, while %s waits at %s, %s:%d", name_of (thread).c_str (),
             name_of (what), thread->file, thread->line, name_of (t).c_str (), name_of (t->wait),
             t->file, t->line);
  }
  switch (what) {
  case VOTE:
    vote (lanes, here);
    break;
  case SHUFFLE:
    shuffle (lanes, here);
    break;
  case MMA:
    mma (lanes);
    break;
  case LDMATRIX:
  case LDMATRIX_T:
    ldmatrix (lanes, what == LDMATRIX_T);
    break;
  default:
    break;
  }
  w->waiting &= ~here;
  for (unsigned left = here; left; left &= left - 1) {
    Thread *t = &lanes[__builtin_ctz (left)];

    if (t == self)
      t->wait = NOTHING;
    else
      make_ready (t);
  }
  return true;
}

static void
meet (Wait what, unsigned mask, const char *file, int line)
{
  Thread *t = self;

  if (!(mask >> t->lane & 1))
    fatal ("%s with a mask of %08x that leaves out the caller, %s:%d", name_of (what), mask, file,
           line);
  t->wait = what;
  t->mask = mask;
  t->file = file;
  t->line = line;
  t->warp->waiting |= 1u << t->lane;
  if (!try_to_meet (t))
    pause ();
}

} /* namespace sim */

using namespace sim;

int
cudasim_lane ()
{
  return self->lane;
}

unsigned
cudasim_living_lanes ()
{
  return self->warp->exist & ~self->warp->exited;
}

uint64_t
cudasim_exchange (unsigned mask, uint64_t bits, int from, const char *file, int line)
{
  Thread *t = self;

  t->value = bits;
  t->from = from;
  meet (SHUFFLE, mask, file, line);
  return t->value;
}

unsigned
cudasim_ballot (unsigned mask, bool claim, const char *file, int line)
{
  Thread *t = self;

  t->value = claim;
  meet (VOTE, mask, file, line);
  return (unsigned) t->value;
}

void
cudasim_sync_warp (unsigned mask, const char *file, int line)
{
  meet (SYNC_WARP, mask, file, line);
}

void
cudasim_mma (float *d, const uint32_t *a, const uint32_t *b, const char *file, int line)
{
  self->out = d;
  self->a = a;
  self->b = b;
  meet (MMA, 0xffffffffu, file, line);
}

void
cudasim_ldmatrix (uint32_t *r, const void *row, bool transposed, const char *file, int line)
{
  if ((uintptr_t) row % 16)
    fatal ("ldmatrix of a row that is not 16-byte aligned, %s:%d", file, line);
  if (!is_shared (row, 16))
    fatal ("ldmatrix of what is no shared memory, %s:%d", file, line);
  self->out = r;
  self->a = row;
  meet (transposed ? LDMATRIX_T : LDMATRIX, 0xffffffffu, file, line);
}
