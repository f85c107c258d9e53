/* fibre.cc - switching stacks: a dozen instructions on x86-64, ucontext elsewhere.
 *
 * A switch is an ordinary call to the compiler, so only the registers that a callee must keep are
 * saved. Stacks end in a page that faults and begin at different offsets: a thousand of them at one
 * offset would share a few lines of the cache. */
#include "fibre.h"
#include "sim.h"
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>
#if SIM_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

namespace sim
{

static Fibre own_stack;
Fibre *current_fibre = &own_stack;
static Fibre *came_from;
static void (*fibre_main) ();

#ifdef __x86_64__
extern "C" CUDASIM_HIDDEN void cudasim_swap (void **save, void *sp);
asm(R"(
  .text
  .p2align 4
  .globl cudasim_swap
  .hidden cudasim_swap
  .type cudasim_swap, @function
cudasim_swap:
  endbr64
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .size cudasim_swap, . - cudasim_swap
)");
#endif

/* The first thing on a new stack; AddressSanitizer tells what the one before was. */
static void
arrived (Fibre *self)
{
#if SIM_ASAN
  __sanitizer_finish_switch_fiber (self->fake_stack, &came_from->base, &came_from->bytes);
#else
  (void) self;
#endif
}

static void
enter ()
{
  arrived (current_fibre);
  fibre_main ();
  fatal ("a fibre has come to its end");
}

void
fibre_switch (Fibre *to)
{
  Fibre *from = current_fibre;

  came_from = from;
  current_fibre = to;
#if SIM_ASAN
  __sanitizer_start_switch_fiber (&from->fake_stack, to->base, to->bytes);
#endif
#ifdef __x86_64__
  cudasim_swap (&from->sp, to->sp);
#else
  if (!from->context)
    from->context = new ucontext_t;
  swapcontext ((ucontext_t *) from->context, (ucontext_t *) to->context);
#endif
  arrived (from);
}

bool
fibre_is_full (const void *address)
{
  const char *at = (const char *) address, *base = (const char *) current_fibre->base;

  return base && at < base && at >= base - sysconf (_SC_PAGESIZE);
}

Fibre *
fibre_new (void (*main) ())
{
  static unsigned n_fibres;
  const size_t page = (size_t) sysconf (_SC_PAGESIZE), bytes = SIM_ASAN ? 1 << 19 : 1 << 17;
  char *stack = (char *) mmap (NULL, bytes + page, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

  if (stack == MAP_FAILED || mprotect (stack, page, PROT_NONE))
    fatal ("no memory for a thread's stack");
  size_t used = sizeof (Fibre) + n_fibres++ % 61 * 192;
  Fibre *f = (Fibre *) (stack + page + bytes - sizeof (Fibre));

  fibre_main = main;
  f->base = stack + page;
  f->bytes = bytes;
#ifdef __x86_64__
  void **top = (void **) ((uintptr_t) (stack + page + bytes - used) & ~(uintptr_t) 15);

  *--top = NULL; /* where `enter` would return to; its frame wants sp = 8 mod 16 */
  *--top = (void *) enter;
  for (int i = 0; i < 6; i++)
    *--top = NULL;
  f->sp = top;
#else
  ucontext_t *context = new ucontext_t;

  getcontext (context);
  context->uc_stack.ss_sp = stack + page;
  context->uc_stack.ss_size = bytes - used;
  context->uc_link = NULL;
  makecontext (context, enter, 0);
  f->context = context;
#endif
  return f;
}

} /* namespace sim */
