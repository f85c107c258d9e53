/* fibre.h - a stack of its own, and changing over to it.
 *
 * A fibre is entered once, at `main`, and never leaves it: whoever is done is put aside for the
 * next who needs one. */
#pragma once
#include <stddef.h>

#pragma GCC visibility push(hidden)
namespace sim
{

struct Fibre {      /* lies in its own stack */
  Fibre *next;      /* of those put aside */
  void *sp;         /* while it waits */
  const void *base; /* of its stack: lowest address */
  size_t bytes;
  void *fake_stack; /* AddressSanitizer's */
  void *context;    /* ucontext_t, where there is no switch in assembler */
};

extern Fibre *current_fibre; /* at first the thread's own stack */

Fibre *fibre_new (void (*main) ());
/* Returns when somebody changes back. */
void fibre_switch (Fibre *to);
/* Whether a fault at `address` is the present stack's end. */
bool fibre_is_full (const void *address);

} /* namespace sim */
#pragma GCC visibility pop
