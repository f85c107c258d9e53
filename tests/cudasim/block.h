/* block.h - the block that runs: its threads and what they wait for.
 *
 * There is one at a time. launch.cc starts and resumes threads, warp.cc brings lanes together,
 * shared.cc has the memory they share. */
#pragma once
#include "fibre.h"
#include "sim.h"

#pragma GCC visibility push(hidden)
namespace sim
{

enum Wait : uint8_t {
  NOTHING,
  BARRIER, /* in the order of cudasim_barrier_kind */
  BARRIER_COUNT,
  BARRIER_AND,
  BARRIER_OR,
  SYNC_WARP, /* from here on: of a warp */
  VOTE,
  SHUFFLE, /* from here on: every lane of the mask has to come */
  MMA,
  LDMATRIX,
  LDMATRIX_T,
};

struct Copy {
  void *to;
  const void *from; /* NULL: zeros */
  int group;
};

struct Warp;
struct Thread {
  uint3 index;
  Warp *warp;
  int lane;
  Fibre *fibre; /* while it waits */
  /* What it waits for, and what it brings or gets there. */
  Wait wait;
  unsigned mask;
  const char *file;
  int line;
  uint64_t value;
  int from;                 /* SHUFFLE */
  void *out;                /* MMA, LDMATRIX */
  const void *a, *b;        /* MMA; `a` also LDMATRIX */
  std::vector<Copy> copies; /* cp.async not yet done, oldest first */
  int groups;               /* committed */
};

struct Warp {
  Thread *lanes;
  unsigned exist, exited, waiting; /* bits of lanes; waiting: at one of the warp's */
};

extern Thread *self; /* NULL: no kernel runs */
const char *name_of (Wait wait);
std::string name_of (const Thread *thread); /* "thread (0, 0, 0)" */
void make_ready (Thread *thread);
void pause (); /* until somebody has made the caller ready */

/* warp.cc: `thread` waits at one of the warp's; does what it waits for if all are there, making
 * ready all but the caller. */
bool try_to_meet (Thread *thread);

/* shared.cc */
void begin_launch_shared (size_t dynamic_bytes);
void begin_block_shared ();
void end_block_shared (); /* checks what lies between */
bool is_shared (const void *memory, size_t bytes);

} /* namespace sim */
#pragma GCC visibility pop
