/* device.cc - the device as the environment describes it, and how things fail.
 *
 *   EARMARK_CUDASIM_DEVICES  how many of the same there are, 1 if not said
 *   EARMARK_CUDASIM_ARCH     compute capability, 90 if not said
 *   EARMARK_CUDASIM_BYTES    its memory, 4 GB if not said
 *   EARMARK_CUDASIM_SEED     for the orders in which blocks and threads run
 *   EARMARK_CUDASIM_OPEN     1: the host may touch device memory */
#include "sim.h"
#include "include/cuda.h"
#include <cstdarg>
#include <cstdio>
#include <cstdlib>

namespace sim
{

std::recursive_mutex one_at_a_time;
static thread_local cudaError_t last_error;
static thread_local int current;

enum { N_PROCESSORS = 4 };

void
fatal (const char *format, ...)
{
  va_list args;
  std::string at = where ();

  va_start (args, format);
  fprintf (stderr, "cudasim: %s", at.c_str ());
  vfprintf (stderr, format, args);
  fputc ('\n', stderr);
  va_end (args);
  fflush (NULL);
  abort ();
}

long
environment (const char *name, long otherwise)
{
  const char *value = getenv (name);

  return value && *value ? strtol (value, NULL, 0) : otherwise;
}

int
arch ()
{
  static const int value = (int) environment ("EARMARK_CUDASIM_ARCH", 90);

  return value;
}

/* What a block of this architecture can have, without the kilobyte the system takes. */
size_t
shared_most ()
{
  switch (arch ()) {
  case 75:
    return 64 << 10;
  case 80:
  case 87:
    return 163 << 10;
  case 86:
  case 89:
  case 120:
  case 121:
    return 99 << 10;
  default:
    return 227 << 10;
  }
}

cudaError_t
result (cudaError_t status)
{
  if (status)
    last_error = status;
  return status;
}

int
current_device ()
{
  return current;
}

int
n_devices ()
{
  return (int) environment ("EARMARK_CUDASIM_DEVICES", 1);
}

static cudaError_t
some_device (int device)
{
  if (!n_devices ())
    return result (cudaErrorNoDevice);
  return result (device < 0 || device >= n_devices () ? cudaErrorInvalidDevice : cudaSuccess);
}

} /* namespace sim */

using namespace sim;

extern "C" {

cudaError_t
cudaGetLastError (void)
{
  cudaError_t status = last_error;

  last_error = cudaSuccess;
  return status;
}

cudaError_t
cudaPeekAtLastError (void)
{
  return last_error;
}

const char *
cudaGetErrorName (cudaError_t error)
{
  switch (error) {
#define NAME(name, value, text)                                                                    \
  case name:                                                                                       \
    return #name;
    CUDASIM_ERRORS (NAME)
#undef NAME
  }
  return "unrecognized error code";
}

const char *
cudaGetErrorString (cudaError_t error)
{
  switch (error) {
#define TEXT(name, value, text)                                                                    \
  case name:                                                                                       \
    return text;
    CUDASIM_ERRORS (TEXT)
#undef TEXT
  }
  return "unrecognized error code";
}

cudaError_t
cudaGetDeviceCount (int *count)
{
  Entry entry;

  *count = 0;
  if (some_device (0))
    return cudaErrorNoDevice;
  *count = n_devices ();
  return cudaSuccess;
}

cudaError_t
cudaSetDevice (int device)
{
  Entry entry;
  cudaError_t status = some_device (device);

  current = status ? current : device;
  return status;
}

cudaError_t
cudaGetDevice (int *device)
{
  Entry entry;

  *device = current;
  return some_device (current);
}

cudaError_t
cudaGetDeviceProperties (cudaDeviceProp *prop, int device)
{
  Entry entry;
  size_t free;

  if (cudaError_t status = some_device (device))
    return status;
  *prop = cudaDeviceProp ();
  snprintf (prop->name, sizeof prop->name, "simulated");
  cudaMemGetInfo (&free, &prop->totalGlobalMem);
  prop->sharedMemPerBlock = 48 << 10;
  prop->sharedMemPerBlockOptin = shared_most ();
  prop->sharedMemPerMultiprocessor = shared_most () + 1024;
  prop->totalConstMem = 64 << 10;
  prop->regsPerBlock = prop->regsPerMultiprocessor = 65536;
  prop->warpSize = 32;
  prop->maxThreadsPerBlock = 1024;
  prop->maxThreadsPerMultiProcessor = arch () == 86 || arch () >= 89 ? 1536 : 2048;
  prop->maxThreadsDim[0] = prop->maxThreadsDim[1] = 1024;
  prop->maxThreadsDim[2] = 64;
  prop->maxGridSize[0] = INT32_MAX;
  prop->maxGridSize[1] = prop->maxGridSize[2] = 65535;
  prop->major = arch () / 10;
  prop->minor = arch () % 10;
  prop->multiProcessorCount = N_PROCESSORS;
  prop->l2CacheSize = 4 << 20;
  prop->memoryBusWidth = 128;
  return cudaSuccess;
}

cudaError_t
cudaDeviceGetAttribute (int *value, cudaDeviceAttr attribute, int device)
{
  Entry entry;
  cudaDeviceProp prop;

  if (cudaError_t status = cudaGetDeviceProperties (&prop, device))
    return status;
  switch (attribute) {
  case cudaDevAttrMaxThreadsPerBlock:
    *value = prop.maxThreadsPerBlock;
    return cudaSuccess;
  case cudaDevAttrMaxSharedMemoryPerBlock:
    *value = (int) prop.sharedMemPerBlock;
    return cudaSuccess;
  case cudaDevAttrWarpSize:
    *value = prop.warpSize;
    return cudaSuccess;
  case cudaDevAttrMultiProcessorCount:
    *value = prop.multiProcessorCount;
    return cudaSuccess;
  case cudaDevAttrIntegrated:
    *value = prop.integrated;
    return cudaSuccess;
  case cudaDevAttrL2CacheSize:
    *value = prop.l2CacheSize;
    return cudaSuccess;
  case cudaDevAttrComputeCapabilityMajor:
    *value = prop.major;
    return cudaSuccess;
  case cudaDevAttrComputeCapabilityMinor:
    *value = prop.minor;
    return cudaSuccess;
  case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
    *value = (int) prop.sharedMemPerMultiprocessor;
    return cudaSuccess;
  case cudaDevAttrMaxSharedMemoryPerBlockOptin:
    *value = (int) prop.sharedMemPerBlockOptin;
    return cudaSuccess;
  }
  return result (cudaErrorInvalidValue);
}

cudaError_t
cudaDriverGetVersion (int *version)
{
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t
cudaRuntimeGetVersion (int *version)
{
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t
cudaGetDriverEntryPointByVersion (const char *symbol, void **function, unsigned version,
                                  unsigned long long flags, cudaDriverEntryPointQueryResult *status)
{
#define ENTRY(name)                                                                                \
  {                                                                                                \
#name, reinterpret_cast < void *>(name)                                                        \
  }
  static const struct {
    const char *name;
    void *function;
  } ENTRIES[] = {
    ENTRY (cuMemAddressReserve),
    ENTRY (cuMemAddressFree),
    ENTRY (cuMemCreate),
    ENTRY (cuMemRelease),
    ENTRY (cuMemMap),
    ENTRY (cuMemUnmap),
    ENTRY (cuMemSetAccess),
    ENTRY (cuMemGetAllocationGranularity),
    ENTRY (cuGetErrorName),
    ENTRY (cuGetErrorString),
  };
#undef ENTRY
  (void) flags;
  *function = NULL;
  for (auto &entry : ENTRIES)
    if (!strcmp (entry.name, symbol)) {
      bool old = version < 10020; /* before they came */

      if (!old)
        *function = entry.function;
      if (status)
        *status = old ? cudaDriverEntryPointVersionNotSufficent : cudaDriverEntryPointSuccess;
      return result (old && !status ? cudaErrorSymbolNotFound : cudaSuccess);
    }
  if (status)
    *status = cudaDriverEntryPointSymbolNotFound;
  return result (status ? cudaSuccess : cudaErrorSymbolNotFound);
}
}
