/* vmm.cc - address space first, memory later.
 *
 * A reservation faults wherever it is touched until a handle is mapped there and access given. What
 * a handle held is lost when it is unmapped. */
#include "sim.h"
#include "include/cuda.h"
#include <map>
#include <sys/mman.h>

namespace sim
{

static const size_t GRANULE = 2 << 20;

struct Handle {
  size_t bytes;
  int n_users; /* its creator, and where it is mapped */
  int device;
};
struct Mapping {
  size_t bytes;
  CUmemGenericAllocationHandle handle;
  bool accessible;
};

static std::map<CUdeviceptr, size_t> &reservations = *new std::map<CUdeviceptr, size_t>;
static std::map<CUdeviceptr, Mapping> &mappings = *new std::map<CUdeviceptr, Mapping>;
static auto &handles = *new std::map<CUmemGenericAllocationHandle, Handle>;
static CUmemGenericAllocationHandle last_handle = 0x5150;

static void
let_go (CUmemGenericAllocationHandle handle)
{
  Handle &h = handles[handle];

  if (--h.n_users)
    return;
  give_budget (h.bytes);
  handles.erase (handle);
}

/* Whether [at, at + bytes) is one mapping after the other; then *first is the first of them. */
static bool
is_mapped (CUdeviceptr at, size_t bytes, std::map<CUdeviceptr, Mapping>::iterator *first)
{
  auto m = *first = mappings.find (at);
  CUdeviceptr end = at + bytes;

  for (; at < end; at += m->second.bytes, ++m)
    if (m == mappings.end () || m->first != at)
      return false;
  return at == end && bytes;
}

static bool
is_reserved (CUdeviceptr at, size_t bytes)
{
  auto r = reservations.upper_bound (at);

  return r != reservations.begin () && (--r, at + bytes <= r->first + r->second);
}

} /* namespace sim */

using namespace sim;

extern "C" {

CUresult
cuMemGetAllocationGranularity (size_t *bytes, const CUmemAllocationProp *prop,
                               CUmemAllocationGranularity_flags option)
{
  (void) option;
  if (prop->type != CU_MEM_ALLOCATION_TYPE_PINNED)
    return CUDA_ERROR_INVALID_VALUE;
  *bytes = GRANULE;
  return CUDA_SUCCESS;
}

CUresult
cuMemAddressReserve (CUdeviceptr *at, size_t bytes, size_t alignment, CUdeviceptr wish,
                     unsigned long long flags)
{
  Entry entry;

  (void) wish;
  if (!bytes || bytes % GRANULE || flags || (alignment & (alignment - 1)))
    return CUDA_ERROR_INVALID_VALUE;
  if (alignment < GRANULE)
    alignment = GRANULE;
  char *map = (char *) mmap (NULL, bytes + alignment, PROT_NONE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (map == MAP_FAILED)
    return CUDA_ERROR_OUT_OF_MEMORY;
  char *begin = (char *) (((uintptr_t) map + alignment - 1) / alignment * alignment);
  if (begin > map)
    munmap (map, (size_t) (begin - map));
  if (map + alignment > begin)
    munmap (begin + bytes, (size_t) (map + alignment - begin));
  *at = (CUdeviceptr) begin;
  reservations[*at] = bytes;
  return CUDA_SUCCESS;
}

CUresult
cuMemAddressFree (CUdeviceptr at, size_t bytes)
{
  Entry entry;
  auto r = reservations.find (at);
  auto m = mappings.lower_bound (at);

  if (r == reservations.end () || r->second != bytes
      || (m != mappings.end () && m->first < at + bytes))
    return CUDA_ERROR_INVALID_VALUE;
  munmap ((void *) at, bytes);
  reservations.erase (r);
  return CUDA_SUCCESS;
}

CUresult
cuMemCreate (CUmemGenericAllocationHandle *handle, size_t bytes, const CUmemAllocationProp *prop,
             unsigned long long flags)
{
  Entry entry;

  if (!bytes || bytes % GRANULE || flags || prop->type != CU_MEM_ALLOCATION_TYPE_PINNED
      || prop->location.type != CU_MEM_LOCATION_TYPE_DEVICE)
    return CUDA_ERROR_INVALID_VALUE;
  if (prop->location.id < 0 || prop->location.id >= n_devices ())
    return CUDA_ERROR_INVALID_DEVICE;
  if (!take_budget (bytes))
    return CUDA_ERROR_OUT_OF_MEMORY;
  *handle = ++last_handle;
  handles[*handle] = { bytes, 1, prop->location.id };
  return CUDA_SUCCESS;
}

CUresult
cuMemRelease (CUmemGenericAllocationHandle handle)
{
  Entry entry;

  if (!handles.count (handle))
    return CUDA_ERROR_INVALID_VALUE;
  let_go (handle);
  return CUDA_SUCCESS;
}

CUresult
cuMemMap (CUdeviceptr at, size_t bytes, size_t offset, CUmemGenericAllocationHandle handle,
          unsigned long long flags)
{
  Entry entry;
  auto h = handles.find (handle);
  auto m = mappings.lower_bound (at);

  if (h == handles.end () || h->second.bytes != bytes || offset || flags || at % GRANULE
      || !is_reserved (at, bytes) || (m != mappings.end () && m->first < at + bytes))
    return CUDA_ERROR_INVALID_VALUE;
  if (m != mappings.begin () && (--m, m->first + m->second.bytes > at))
    return CUDA_ERROR_INVALID_VALUE;
  if (h->second.n_users > 1)
    fatal ("memory mapped at two places is not simulated");
  h->second.n_users++;
  mappings[at] = { bytes, handle, false };
  return CUDA_SUCCESS;
}

CUresult
cuMemSetAccess (CUdeviceptr at, size_t bytes, const CUmemAccessDesc *desc, size_t count)
{
  Entry entry;
  std::map<CUdeviceptr, Mapping>::iterator m;

  if (count != 1 || desc->location.type != CU_MEM_LOCATION_TYPE_DEVICE
      || desc->flags != CU_MEM_ACCESS_FLAGS_PROT_READWRITE || !is_mapped (at, bytes, &m))
    return CUDA_ERROR_INVALID_VALUE;
  for (auto i = m; i != mappings.end () && i->first < at + bytes; ++i)
    if (handles[i->second.handle].device != desc->location.id)
      return CUDA_ERROR_INVALID_VALUE; /* another device's access is not simulated */
  for (; m != mappings.end () && m->first < at + bytes; ++m) {
    if (!m->second.accessible)
      add_range ((void *) m->first, m->second.bytes);
    m->second.accessible = true;
  }
  return CUDA_SUCCESS;
}

CUresult
cuMemUnmap (CUdeviceptr at, size_t bytes)
{
  Entry entry;
  std::map<CUdeviceptr, Mapping>::iterator m;

  if (!is_mapped (at, bytes, &m))
    return CUDA_ERROR_INVALID_VALUE;
  while (m != mappings.end () && m->first < at + bytes) {
    if (m->second.accessible)
      remove_range ((void *) m->first, m->second.bytes);
    if (mmap ((void *) m->first, m->second.bytes, PROT_NONE,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0)
        == MAP_FAILED)
      fatal ("mmap: %m");
    let_go (m->second.handle);
    m = mappings.erase (m);
  }
  return CUDA_SUCCESS;
}

CUresult
cuGetErrorName (CUresult error, const char **name)
{
  switch (error) {
#define NAME(code)                                                                                 \
  case code:                                                                                       \
    *name = #code;                                                                                 \
    return CUDA_SUCCESS
    NAME (CUDA_SUCCESS);
    NAME (CUDA_ERROR_INVALID_VALUE);
    NAME (CUDA_ERROR_OUT_OF_MEMORY);
    NAME (CUDA_ERROR_NOT_INITIALIZED);
    NAME (CUDA_ERROR_DEINITIALIZED);
    NAME (CUDA_ERROR_INVALID_DEVICE);
    NAME (CUDA_ERROR_NOT_SUPPORTED);
    NAME (CUDA_ERROR_UNKNOWN);
#undef NAME
  }
  *name = NULL;
  return CUDA_ERROR_INVALID_VALUE;
}

CUresult
cuGetErrorString (CUresult error, const char **text)
{
  return cuGetErrorName (error, text);
}
}
