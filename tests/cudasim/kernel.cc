/* kernel.cc - launches are checked here before they are queued; kernels have names and limits. */
#include "sim.h"
#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <map>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sim
{

static const size_t SHARED_FOR_ALL = 48 << 10; /* without asking */
static auto &allowed_shared = *new std::map<const void *, size_t>;

/* The name in the symbol table of the file at `path`, which names static functions too. */
static std::string
symbol_in (const char *path, uintptr_t offset)
{
  std::string name;
  struct stat st;
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  const char *file
      = fd < 0 || fstat (fd, &st)
            ? (const char *) MAP_FAILED
            : (const char *) mmap (NULL, (size_t) st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);

  if (fd >= 0)
    close (fd);
  if (file == MAP_FAILED)
    return name;
  const ElfW (Ehdr) *head = (const ElfW (Ehdr) *) file;
  const ElfW (Shdr) *sections = (const ElfW (Shdr) *) (file + head->e_shoff);
  for (int i = 0; i < head->e_shnum && name.empty (); i++) {
    if (sections[i].sh_type != SHT_SYMTAB)
      continue;
    const ElfW (Sym) *symbol = (const ElfW (Sym) *) (file + sections[i].sh_offset);
    const char *strings = file + sections[sections[i].sh_link].sh_offset;

    for (size_t n = sections[i].sh_size / sizeof *symbol; n && name.empty (); n--, symbol++)
      if (offset >= symbol->st_value && offset < symbol->st_value + symbol->st_size)
        name = strings + symbol->st_name;
  }
  munmap ((void *) file, (size_t) st.st_size);
  return name;
}

/* Without return type, namespace and parameters where that can be told. */
std::string
name_of (const void *function)
{
  Dl_info info = {};
  struct link_map *map = NULL;
  std::string name;

  if (!dladdr1 (function, &info, (void **) &map, RTLD_DL_LINKMAP) || !info.dli_fname)
    return "?";
  name = symbol_in (map && *map->l_name ? info.dli_fname : "/proc/self/exe",
                    (uintptr_t) function - (map ? map->l_addr : 0));
  if (name.empty () && info.dli_sname)
    name = info.dli_sname;
  if (char *plain = abi::__cxa_demangle (name.c_str (), NULL, NULL, NULL)) {
    name = plain;
    free (plain);
  }
  if (size_t end = name.rfind (">("); end != name.npos)
    name.resize (end + 1);
  else if (size_t paren = name.find ('('); paren != name.npos && paren)
    name.resize (paren);
  if (!name.compare (0, 5, "void "))
    name.erase (0, 5);
  return name.empty () ? "?" : name;
}

} /* namespace sim */

using namespace sim;

cudaError_t
cudasim_launch (const cudaLaunchConfig_t *config, const void *kernel, std::function<void ()> body)
{
  Entry entry;
  const dim3 &g = config->gridDim, &b = config->blockDim;
  auto allowed = allowed_shared.find (kernel);

  if (!kernel)
    return result (cudaErrorInvalidDeviceFunction);
  if (!stream_is_here (config->stream))
    return result (cudaErrorInvalidResourceHandle);
  if (!g.x || !g.y || !g.z || !b.x || !b.y || !b.z || g.x > INT32_MAX || g.y > 65535 || g.z > 65535
      || b.x > 1024 || b.y > 1024 || b.z > 64 || b.x * b.y * b.z > 1024)
    return result (cudaErrorInvalidConfiguration);
  if (config->dynamicSmemBytes
      > (allowed == allowed_shared.end () ? SHARED_FOR_ALL : allowed->second))
    return result (cudaErrorInvalidValue);
  auto launch = std::make_shared<Launch> (
      Launch{ kernel, g, b, config->dynamicSmemBytes, std::move (body) });
  return enqueue (config->stream, [launch] { run (*launch); });
}

cudaError_t
cudasim_set_attribute (const void *kernel, cudaFuncAttribute attribute, int value)
{
  Entry entry;

  if (!kernel)
    return result (cudaErrorInvalidDeviceFunction);
  if (attribute == cudaFuncAttributePreferredSharedMemoryCarveout)
    return result (value < -1 || value > 100 ? cudaErrorInvalidValue : cudaSuccess);
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize || value < 0
      || (size_t) value > shared_most ())
    return result (cudaErrorInvalidValue);
  allowed_shared[kernel] = (size_t) value;
  return cudaSuccess;
}

cudaError_t
cudasim_get_attributes (cudaFuncAttributes *attributes, const void *kernel)
{
  Entry entry;
  auto allowed = allowed_shared.find (kernel);

  *attributes = cudaFuncAttributes ();
  if (!kernel)
    return result (cudaErrorInvalidDeviceFunction);
  attributes->maxThreadsPerBlock = 1024;
  attributes->numRegs = 32;
  attributes->binaryVersion = attributes->ptxVersion = arch ();
  attributes->maxDynamicSharedSizeBytes
      = (int) (allowed == allowed_shared.end () ? SHARED_FOR_ALL : allowed->second);
  return cudaSuccess;
}

cudaError_t
cudasim_occupancy (int *blocks, const void *kernel, int threads, size_t shared)
{
  Entry entry;
  cudaDeviceProp prop;

  *blocks = 0;
  if (!kernel || threads < 1)
    return result (cudaErrorInvalidValue);
  if (cudaError_t status = cudaGetDeviceProperties (&prop, 0))
    return status;
  *blocks = prop.maxThreadsPerMultiProcessor / threads;
  if (*blocks > (int) (prop.sharedMemPerMultiprocessor / (shared + 1024)))
    *blocks = (int) (prop.sharedMemPerMultiprocessor / (shared + 1024));
  if (*blocks > 16)
    *blocks = 16;
  return cudaSuccess;
}
