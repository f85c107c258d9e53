/* launch.cc - runs a grid, block after block, the threads of a block as fibres.
 *
 * A thread runs until it waits. Then goes on, in this order: one that waits no longer, or the next
 * that has not begun. A fibre whose thread ends takes up the next one, so a kernel without barriers
 * needs one fibre and no switch. Threads begin, and go on after a barrier, in an order that changes
 * from launch to launch: ascending, descending, or warps shuffled and lanes in either direction;
 * blocks likewise. What depends on the order then does not work for long. */
#include "block.h"
#include <algorithm>
#include <numeric>

#pragma GCC visibility push(hidden)
uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;
#pragma GCC visibility pop

namespace sim
{

enum { MOST_THREADS = 1024 };

unsigned seed = (unsigned) environment ("EARMARK_CUDASIM_SEED", 1);
Thread *self;

static Thread threads[MOST_THREADS];
static Warp warps[MOST_THREADS / 32];
static short order[MOST_THREADS]; /* in which threads begin */
static Thread *ready[MOST_THREADS];
static unsigned ready_head, ready_tail;
static int n_threads, n_started, n_living, n_at_barrier;
static Fibre *idle; /* those put aside */
static Fibre *host;
static const Launch *current;
static unsigned n_launches;
static uint64_t random_state;

static uint64_t
random_bits ()
{
  uint64_t x = random_state += 0x9e3779b97f4a7c15;

  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

enum Order { ASCENDING, DESCENDING, SHUFFLED };

static Order
order_of_launch ()
{
  return (Order) ((seed + n_launches) % 3);
}

static void
choose_order ()
{
  int n_warps = (n_threads + 31) / 32, warp[MOST_THREADS / 32], to = 0;
  Order how = order_of_launch ();

  std::iota (warp, warp + n_warps, 0);
  if (how == DESCENDING)
    std::reverse (warp, warp + n_warps);
  for (int i = n_warps - 1; how == SHUFFLED && i > 0; i--)
    std::swap (warp[i], warp[random_bits () % (i + 1)]);
  for (int i = 0; i < n_warps; i++) {
    int first = warp[i] * 32, n = std::min (32, n_threads - first);
    bool down = how == DESCENDING || (how == SHUFFLED && random_bits () & 1);

    for (int lane = 0; lane < n; lane++)
      order[to++] = (short) (first + (down ? n - 1 - lane : lane));
  }
}

static std::string
name_of (uint3 at)
{
  char text[64];

  snprintf (text, sizeof text, "(%u, %u, %u)", at.x, at.y, at.z);
  return text;
}

std::string
name_of (const Thread *thread)
{
  return "thread " + name_of (thread->index);
}

std::string
where ()
{
  if (!current)
    return "";
  std::string text = "kernel " + name_of (current->kernel) + ", block " + name_of (blockIdx);

  return text + (self ? ", " + name_of (self) : "") + ": ";
}

/* One line for all that wait: the first of each place, and how many more there are. */
[[noreturn]] static void
deadlock ()
{
  std::string text;
  std::vector<const Thread *> seen;

  self = NULL;
  for (int i = 0; i < n_threads; i++) {
    const Thread *t = &threads[i];
    auto same = [t] (const Thread *u) {
      return u->wait == t->wait && u->file == t->file && u->line == t->line;
    };

    if (!t->wait || std::any_of (seen.begin (), seen.end (), same))
      continue;
    seen.push_back (t);
    long more = std::count_if (threads + i + 1, threads + n_threads,
                               [&] (const Thread &u) { return same (&u); });
    text += (text.empty () ? "" : "; ") + name_of (t);
    if (more)
      text += " and " + std::to_string (more) + " more";
    text += (more ? " wait at " : " waits at ") + std::string (name_of (t->wait)) + ", " + t->file
            + ":" + std::to_string (t->line);
  }
  fatal ("deadlock: %s", text.c_str ());
}

void
make_ready (Thread *thread)
{
  thread->wait = NOTHING;
  ready[ready_tail++ % MOST_THREADS] = thread;
}

static void
become (Thread *thread)
{
  self = thread;
  threadIdx = thread->index;
}

/* Goes over to a thread that waits no longer. */
static void
resume ()
{
  Thread *next = ready[ready_head++ % MOST_THREADS];

  become (next);
  if (next->fibre != current_fibre)
    fibre_switch (next->fibre);
}

static void run_threads ();

static Fibre *
take_fibre ()
{
  Fibre *f = idle;

  if (!f)
    return fibre_new (run_threads);
  idle = f->next;
  return f;
}

static void
put_aside (Fibre *f)
{
  f->next = idle;
  idle = f;
}

void
pause ()
{
  self->fibre = current_fibre;
  if (ready_head != ready_tail)
    resume ();
  else if (n_started < n_threads)
    fibre_switch (take_fibre ());
  else
    deadlock ();
}

/* All that live are at the barrier. */
static void
release_barrier ()
{
  const Thread *first = NULL;
  int count = 0;

  for (int i = 0; i < n_threads; i++) {
    const Thread *t = &threads[i];

    if (t->wait < BARRIER || t->wait > BARRIER_OR)
      continue;
    if (!first)
      first = t;
    if (t->wait != first->wait || t->line != first->line
        || (t->file != first->file && strcmp (t->file, first->file)))
      fatal ("%s waits at %s, %s:%d, while %s waits at %s, %s:%d", name_of (first).c_str (),
             name_of (first->wait), first->file, first->line, name_of (t).c_str (),
             name_of (t->wait), t->file, t->line);
    count += t->value != 0;
  }
  if (order_of_launch () == SHUFFLED)
    choose_order ();
  int value = first->wait == BARRIER_COUNT ? count
              : first->wait == BARRIER_AND ? count == n_at_barrier
                                           : count > 0;
  n_at_barrier = 0;
  for (int i = 0; i < n_threads; i++) {
    Thread *t = &threads[order[i]];

    if (t->wait >= BARRIER && t->wait <= BARRIER_OR) {
      t->value = (uint64_t) value;
      make_ready (t);
    }
  }
}

/* The caller's thread has ended; others may have waited only for this. */
static void
leave ()
{
  Warp *w = self->warp;

  w->exited |= 1u << self->lane;
  n_living--;
  for (unsigned left = w->waiting; left; left &= w->waiting & (left - 1))
    if (Thread *t = &w->lanes[__builtin_ctz (left)]; t->mask >> self->lane & 1)
      try_to_meet (t);
  if (n_living && n_at_barrier == n_living)
    release_barrier ();
}

/* What a fibre does: begins one thread after the other, standing aside for those that can go on. */
static void
run_threads ()
{
  for (;;) {
    Thread *t = &threads[order[n_started++]];

    t->copies.clear ();
    t->groups = 0;
    become (t);
    current->body ();
    leave ();
    if (ready_head != ready_tail) {
      put_aside (current_fibre);
      resume ();
    } else if (!n_living) {
      put_aside (current_fibre);
      fibre_switch (host);
    } else if (n_started == n_threads) {
      deadlock ();
    }
  }
}

static void
begin_threads (dim3 dim)
{
  uint3 at = { 0, 0, 0 };

  n_threads = (int) (dim.x * dim.y * dim.z);
  for (int i = 0; i < n_threads; i++) {
    threads[i].index = at;
    threads[i].lane = i % 32;
    threads[i].warp = &warps[i / 32];
    if (++at.x == dim.x) {
      at.x = 0;
      if (++at.y == dim.y) {
        at.y = 0;
        at.z++;
      }
    }
  }
  for (int i = 0; i < n_threads; i += 32) {
    warps[i / 32].lanes = &threads[i];
    warps[i / 32].exist = n_threads - i >= 32 ? 0xffffffffu : (1u << (n_threads - i)) - 1;
  }
}

static void
run_block ()
{
  if (order_of_launch () == SHUFFLED)
    choose_order ();
  for (int i = 0; i < n_threads; i += 32)
    warps[i / 32].exited = warps[i / 32].waiting = 0;
  n_started = n_at_barrier = 0;
  ready_head = ready_tail = 0;
  n_living = n_threads;
  begin_block_shared ();
  fibre_switch (take_fibre ());
  self = NULL;
  end_block_shared ();
}

void
run (const Launch &launch)
{
  uint64_t n = (uint64_t) launch.grid.x * launch.grid.y * launch.grid.z, step = 1, at = 0;
  Order how = order_of_launch ();

  random_state = seed * 1000003ull + n_launches;
  current = &launch;
  host = current_fibre;
  blockDim = launch.block;
  gridDim = launch.grid;
  begin_threads (launch.block);
  begin_launch_shared (launch.dynamic_bytes);
  choose_order ();
  if (how == DESCENDING) {
    at = n - 1;
    step = n - 1; /* modulo n */
  } else if (how == SHUFFLED) {
    at = random_bits () % n;
    do
      step = 1 + random_bits () % n;
    while (std::gcd (step, n) != 1);
  }
  for (uint64_t i = 0; i < n; i++, at = (at + step) % n) {
    blockIdx.x = (unsigned) (at % launch.grid.x);
    blockIdx.y = (unsigned) (at / launch.grid.x % launch.grid.y);
    blockIdx.z = (unsigned) (at / launch.grid.x / launch.grid.y);
    run_block ();
  }
  current = NULL;
  n_launches++;
}

} /* namespace sim */

using namespace sim;

int
cudasim_barrier (cudasim_barrier_kind kind, int claim, const char *file, int line)
{
  Thread *t = self;

  t->wait = (Wait) (BARRIER + kind);
  t->value = claim != 0;
  t->file = file;
  t->line = line;
  if (++n_at_barrier == n_living)
    release_barrier ();
  pause ();
  return (int) t->value;
}

void
cudasim_trap (const char *what, const char *file, int line)
{
  fatal ("%s, %s:%d", what, file, line);
}

extern "C" void
cudasim_set_seed (unsigned to)
{
  Entry entry;

  seed = to;
  n_launches = 0;
}
