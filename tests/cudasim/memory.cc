/* memory.cc - device memory, pinned memory, and who may touch what.
 *
 * An allocation has pages of its own and ends at a page that faults; what its last and first page
 * have to spare is marked and looked at later, or poisoned for AddressSanitizer. While the code of
 * the host runs all of it is closed: a pointer of the device that the host follows by mistake
 * faults here as it would there. New memory is NaN. */
#include "fibre.h"
#include "sim.h"
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <sys/mman.h>
#include <unistd.h>
#if SIM_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace sim
{

struct Allocation {
  char *map; /* a page that faults, pages, a page that faults */
  size_t map_bytes, bytes;
};

static const unsigned char MARK = 0xa5;
static const size_t PAGE = (size_t) sysconf (_SC_PAGESIZE);
static std::map<char *, Allocation> &allocations = *new std::map<char *, Allocation>;
static std::map<char *, size_t> &ranges = *new std::map<char *, size_t>; /* there now */
static std::map<char *, size_t> &pinned = *new std::map<char *, size_t>;
static char *last_begin, *last_end; /* the range that is_device found last */
static size_t budget, used;
static int n_opened;

static size_t
total ()
{
  if (!budget)
    budget = (size_t) environment ("EARMARK_CUDASIM_BYTES", 4l << 30);
  return budget;
}

static bool
stays_open ()
{
  static const bool open = environment ("EARMARK_CUDASIM_OPEN", 0);

  return open;
}

static void
protect (char *from, size_t bytes, bool open)
{
  if (mprotect (from, bytes, open ? PROT_READ | PROT_WRITE : PROT_NONE))
    fatal ("mprotect: %m");
}

/* The pages of a range: an allocation may begin within one. */
static void
protect_range (char *from, size_t bytes, bool open)
{
  size_t before = (uintptr_t) from % PAGE;

  protect (from - before, (before + bytes + PAGE - 1) / PAGE * PAGE, open);
}

/* Without huge pages it takes longer to close a large range than to run most kernels. */
static bool
can_close (size_t bytes)
{
  static const bool huge = [] {
    char text[64] = "";
    FILE *f = fopen ("/sys/kernel/mm/transparent_hugepage/enabled", "re");
    bool yes = f && fgets (text, sizeof text, f) && !strstr (text, "[never]");

    if (f)
      fclose (f);
    return yes;
  }();

  return huge || bytes <= 1 << 20;
}

static void
protect_all (bool open)
{
  for (auto &r : ranges)
    if (can_close (r.second))
      protect_range (r.first, r.second, open);
}

Opened::Opened ()
{
  if (!n_opened++ && !stays_open ())
    protect_all (true);
}

Opened::~Opened ()
{
  if (!--n_opened && !stays_open ())
    protect_all (false);
}

static std::map<char *, size_t>::iterator
find (std::map<char *, size_t> &in, const void *memory)
{
  auto at = in.upper_bound ((char *) memory);

  if (at == in.begin ())
    return in.end ();
  --at;
  return (char *) memory < at->first + at->second ? at : in.end ();
}

bool
is_device (const void *memory, size_t bytes)
{
  char *at = (char *) memory;

  if (at >= last_begin && at < last_end && bytes <= (size_t) (last_end - at))
    return true;
  for (size_t left = bytes;;) {
    auto r = find (ranges, at);

    if (r == ranges.end ())
      return false;
    last_begin = r->first;
    last_end = r->first + r->second;
    if (left <= (size_t) (last_end - at))
      return true;
    left -= (size_t) (last_end - at);
    at = last_end;
  }
}

bool
touches_device (const void *memory, size_t bytes)
{
  return bytes && (is_device (memory, 1) || is_device ((const char *) memory + bytes - 1, 1));
}

bool
is_pinned (const void *memory, size_t bytes)
{
  auto p = find (pinned, memory);

  return p != pinned.end () && (char *) memory + bytes <= p->first + p->second;
}

bool
take_budget (size_t bytes)
{
  if (bytes > total () || used > total () - bytes)
    return false;
  used += bytes;
  return true;
}

void
give_budget (size_t bytes)
{
  used -= bytes;
}

/* What lies around an allocation: before it to the page, at most 256 bytes; behind it the rest of
 * its last 256. */
static size_t
spare_before (char *data)
{
  return std::min<size_t> ((uintptr_t) data % PAGE, 256);
}

static size_t
spare_behind (size_t bytes)
{
  return (256 - bytes % 256) % 256;
}

static void
mark (char *data, size_t bytes)
{
  char *before = data - spare_before (data);

  memset (before, MARK, (size_t) (data - before));
  memset (data + bytes, MARK, spare_behind (bytes));
#if SIM_ASAN
  ASAN_POISON_MEMORY_REGION (before, data - before);
  ASAN_POISON_MEMORY_REGION (data + bytes, spare_behind (bytes));
#endif
}

static void
check (char *data, size_t bytes)
{
  if (SIM_ASAN)
    return;
  for (size_t i = 1; i <= spare_before (data); i++)
    if ((unsigned char) data[-(ptrdiff_t) i] != MARK)
      fatal ("written: %zu bytes before an allocation of %zu bytes of device memory", i, bytes);
  for (size_t i = 0; i < spare_behind (bytes); i++)
    if ((unsigned char) data[bytes + i] != MARK)
      fatal ("written: %zu bytes past the end of an allocation of %zu bytes of device memory",
             i + 1, bytes);
}

void
check_guards ()
{
  for (auto &a : allocations)
    check (a.first, a.second.bytes);
}

void
add_range (void *memory, size_t bytes)
{
  ranges[(char *) memory] = bytes;
  protect_range ((char *) memory, bytes, true);
  madvise ((void *) ((uintptr_t) memory / PAGE * PAGE), bytes, MADV_HUGEPAGE); /* or not */
  memset (memory, 0xff, bytes);
  if (allocations.count ((char *) memory))
    mark ((char *) memory, bytes);
  if (!n_opened && !stays_open () && can_close (bytes))
    protect_range ((char *) memory, bytes, false);
}

void
remove_range (void *memory, size_t bytes)
{
  auto r = ranges.find ((char *) memory);

  if (r == ranges.end () || r->second != bytes)
    fatal ("no such range of device memory");
  ranges.erase (r);
  last_begin = last_end = NULL;
}

std::string
explain_address (const void *address)
{
  char *at = (char *) address;
  char text[128];

  if (fibre_is_full (at))
    return "the end of its stack";
  if (is_device (at, 1))
    return "device memory, touched by the host's code";
  for (auto &a : allocations)
    if (at >= a.second.map && at < a.second.map + a.second.map_bytes) {
      snprintf (text, sizeof text, "%td bytes from the beginning of %zu bytes of device memory",
                at - a.first, a.second.bytes);
      return text;
    }
  snprintf (text, sizeof text, "address %p", address);
  return text;
}

static void
fault (int number, siginfo_t *info, void *)
{
  fprintf (stderr, "cudasim: %sfault at %s\n", where ().c_str (),
           explain_address (info->si_addr).c_str ());
  signal (number, SIG_DFL); /* it happens again at once */
}

/* Says where, if nobody else wants to: on a stack of its own, as a kernel's may be the trouble. */
static void
watch_faults ()
{
  static char stack[1 << 16];
  static bool done;
  stack_t alternative = {}, present;
  struct sigaction action = {}, old;

  if (done || SIM_ASAN)
    return;
  done = true;
  if (sigaction (SIGSEGV, NULL, &old) || (old.sa_flags & SA_SIGINFO) || old.sa_handler != SIG_DFL)
    return;
  alternative.ss_sp = stack;
  alternative.ss_size = sizeof stack;
  if (sigaltstack (NULL, &present) || !(present.ss_flags & SS_DISABLE)
      || sigaltstack (&alternative, NULL))
    return;
  action.sa_sigaction = fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction (SIGSEGV, &action, NULL);
}

} /* namespace sim */

using namespace sim;

extern "C" {

cudaError_t
cudaMalloc (void **memory, size_t bytes)
{
  Entry entry;

  if (cudaError_t status = unless_capturing ())
    return status;
  *memory = NULL;
  if (!bytes)
    return cudaSuccess;
  if (bytes > SIZE_MAX / 2 || !take_budget (bytes))
    return result (cudaErrorMemoryAllocation);
  watch_faults ();

  size_t padded = (bytes + 255) / 256 * 256, inner = (padded + PAGE - 1) / PAGE * PAGE;
  char *map = (char *) mmap (NULL, inner + 2 * PAGE, PROT_NONE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  char *data = map + PAGE + inner - padded;

  if (map == MAP_FAILED) {
    give_budget (bytes);
    return result (cudaErrorMemoryAllocation);
  }
  allocations[data] = { map, inner + 2 * PAGE, bytes };
  add_range (data, bytes);
  *memory = data;
  return cudaSuccess;
}

cudaError_t
cudaFree (void *memory)
{
  Entry entry;

  if (cudaError_t status = unless_capturing ())
    return status;
  if (!memory)
    return cudaSuccess;
  finish_all ();
  auto a = allocations.find ((char *) memory);
  if (a == allocations.end ())
    return result (cudaErrorInvalidValue);
  protect_range (a->first, a->second.bytes, true);
  check (a->first, a->second.bytes);
#if SIM_ASAN
  ASAN_UNPOISON_MEMORY_REGION (a->second.map, a->second.map_bytes);
#endif
  remove_range (memory, a->second.bytes);
  munmap (a->second.map, a->second.map_bytes);
  give_budget (a->second.bytes);
  allocations.erase (a);
  return cudaSuccess;
}

cudaError_t
cudaMemGetInfo (size_t *free, size_t *all)
{
  Entry entry;

  *all = total ();
  *free = used < *all ? *all - used : 0;
  return cudaSuccess;
}

cudaError_t
cudaHostAlloc (void **memory, size_t bytes, unsigned flags)
{
  Entry entry;

  (void) flags;
  if (cudaError_t status = unless_capturing ())
    return status;
  if (posix_memalign (memory, PAGE, bytes ? bytes : 1))
    return result (cudaErrorMemoryAllocation);
  memset (*memory, 0xff, bytes);
  pinned[(char *) *memory] = bytes;
  return cudaSuccess;
}

cudaError_t
cudaMallocHost (void **memory, size_t bytes)
{
  return cudaHostAlloc (memory, bytes, cudaHostAllocDefault);
}

cudaError_t
cudaFreeHost (void *memory)
{
  Entry entry;

  if (cudaError_t status = unless_capturing ())
    return status;
  if (!memory)
    return cudaSuccess;
  finish_all ();
  if (!pinned.erase ((char *) memory))
    return result (cudaErrorInvalidValue);
  free (memory);
  return cudaSuccess;
}

void
cudasim_set_budget (size_t bytes)
{
  Entry entry;

  budget = bytes ? bytes : 1;
}

size_t
cudasim_used (void)
{
  Entry entry;

  return used;
}
}
