/* memory.cu - where bytes are on the device, and how they get there.
 *
 * Weights and state are plain allocations. Scratch is address space that memory is put behind as it
 * grows, so that addresses never change and graphs stay valid. Copies from and to the host go
 * through one pinned ring: a copy of the caller's bytes is on its way while the caller goes on. */
#include <cuda.h>
#include <string.h>
#include "cuda.cuh"

#define RING_BYTES    ((size_t) 8 << 20)
#define CHUNK_BYTES   ((size_t) 1 << 20)
#define COMMIT_BYTES  ((size_t) 32 << 20) /* at a time */
#define SCRATCH_BYTES ((size_t) 1 << 35)  /* of address space, for ops */

/* The driver's calls are looked up, not linked: where there is no driver the module still loads. */
static struct {
  decltype (cuMemAddressReserve) *reserve;
  decltype (cuMemAddressFree) *free;
  decltype (cuMemCreate) *create;
  decltype (cuMemRelease) *release;
  decltype (cuMemMap) *map;
  decltype (cuMemUnmap) *unmap;
  decltype (cuMemSetAccess) *access;
  decltype (cuMemGetAllocationGranularity) *granularity;
} driver;

template <typename F>
static bool
look_up (F **function, const char *name)
{
  cudaDriverEntryPointQueryResult found;
  void *address = NULL;

  if (cudaGetDriverEntryPointByVersion (name, &address, 12000, cudaEnableDefault, &found)
          != cudaSuccess
      || found != cudaDriverEntryPointSuccess)
    return false;
  *function = (F *) address;
  return true;
}

static CUmemAllocationProp
properties (const EmCuda *c)
{
  CUmemAllocationProp p = {};

  p.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  p.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  p.location.id = c->device;
  return p;
}

/* Plain allocations. */

static void *
cuda_alloc (EmBackend *be, size_t bytes)
{
  EmCuda *c = em_cuda_of (be);
  void *memory = NULL;

  em_cuda_make_current (c);
  if (cudaMalloc (&memory, bytes ? bytes : 1) != cudaSuccess) {
    cudaGetLastError ();
    return NULL;
  }
  c->base.used_bytes += bytes;
  return memory;
}

static void
cuda_free (EmBackend *be, void *memory, size_t bytes)
{
  EmCuda *c = em_cuda_of (be);

  if (!memory)
    return;
  em_cuda_flush (c);
  cudaStreamSynchronize (c->stream);
  cudaFree (memory);
  c->base.used_bytes -= bytes;
}

/* Address space. */

static size_t
rounded (const EmCuda *c, size_t bytes)
{
  return (bytes + c->granularity - 1) / c->granularity * c->granularity;
}

/* Memory that is out is the caller's to tell; anything else is not about memory. */
static bool
did (EmCuda *c, CUresult status, const char *call)
{
  if (status != CUDA_SUCCESS && status != CUDA_ERROR_OUT_OF_MEMORY)
    c->host.fail (&c->base.err, EM_E_DEVICE, "%s: %s: driver error %d", c->base.name, call,
                  (int) status);
  return status == CUDA_SUCCESS;
}

static EmCudaRange *
range_at (EmCuda *c, const void *base)
{
  for (EmCudaRange *r : c->ranges)
    if (r->base == base)
      return r;
  return NULL;
}

static void *
cuda_reserve (EmBackend *be, size_t bytes)
{
  EmCuda *c = em_cuda_of (be);
  size_t room = rounded (c, bytes);
  CUdeviceptr at;

  if (!did (c, driver.reserve (&at, room, 0, 0, 0), "cuMemAddressReserve"))
    return NULL;
  c->ranges.push_back (new EmCudaRange{ (char *) at, room, 0, {}, {} });
  return (void *) at;
}

/* Puts `bytes` more of memory behind what there is. */
static bool
grow (EmCuda *c, EmCudaRange *r, size_t bytes)
{
  CUmemAllocationProp p = properties (c);
  CUmemAccessDesc access = {};
  CUmemGenericAllocationHandle handle;
  CUdeviceptr at = (CUdeviceptr) r->base + r->committed;

  if (!did (c, driver.create (&handle, bytes, &p, 0), "cuMemCreate"))
    return false;
  if (!did (c, driver.map (at, bytes, 0, handle, 0), "cuMemMap")) {
    driver.release (handle);
    return false;
  }
  access.location = p.location;
  access.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
  if (!did (c, driver.access (at, bytes, &access, 1), "cuMemSetAccess")) {
    driver.unmap (at, bytes);
    driver.release (handle);
    return false;
  }
  r->handles.push_back (handle);
  r->sizes.push_back (bytes);
  r->committed += bytes;
  c->base.used_bytes += bytes;
  return true;
}

/* In large steps, and in the smallest that does where memory is short. */
static bool
commit (EmCuda *c, EmCudaRange *r, size_t bytes)
{
  if (bytes <= r->committed)
    return true;
  if (bytes > r->bytes)
    return false;

  size_t least = rounded (c, bytes - r->committed);
  size_t most = least < COMMIT_BYTES ? rounded (c, COMMIT_BYTES) : least;
  most = most > r->bytes - r->committed ? least : most;
  return grow (c, r, most) || (most > least && grow (c, r, least));
}

static bool
cuda_commit (EmBackend *be, void *memory, size_t bytes)
{
  EmCuda *c = em_cuda_of (be);
  EmCudaRange *r = range_at (c, memory);

  EM_BUG_UNLESS (r);
  return commit (c, r, bytes);
}

static void
cuda_unreserve (EmBackend *be, void *memory, size_t bytes)
{
  EmCuda *c = em_cuda_of (be);
  EmCudaRange *r = range_at (c, memory);
  CUdeviceptr at;

  if (!r)
    return;
  em_cuda_flush (c);
  cudaStreamSynchronize (c->stream);
  em_cuda_forget_replays_of (c, r->base, r->bytes);
  at = (CUdeviceptr) r->base;
  for (size_t i = 0; i < r->handles.size (); at += r->sizes[i++]) {
    driver.unmap (at, r->sizes[i]);
    driver.release (r->handles[i]);
    c->base.used_bytes -= r->sizes[i];
  }
  driver.free ((CUdeviceptr) r->base, r->bytes);
  for (size_t i = 0; i < c->ranges.size (); i++)
    if (c->ranges[i] == r) {
      c->ranges.erase (c->ranges.begin () + (long) i);
      break;
    }
  delete r;
}

void *
em_cuda_scratch (EmCuda *c, size_t bytes)
{
  size_t at = c->scratch_used, end = at + (bytes + 255) / 256 * 256;

  if (!commit (c, c->scratch, end)) {
    c->host.fail (&c->base.err, EM_E_MEMORY,
                  "%s: out of memory: an op wants %zu MB of scratch", c->base.name,
                  (end + (1 << 20) - 1) >> 20);
    return NULL;
  }
  c->scratch_used = end;
  return c->scratch->base + at;
}

/* Copies. */

/* A piece of the ring that nothing on its way uses. */
static char *
ring_take (EmCuda *c, size_t bytes)
{
  if (c->ring_used + bytes > RING_BYTES) {
    if (!em_cuda_check (c, cudaStreamSynchronize (c->stream), "waiting for copies"))
      return NULL;
    c->ring_used = 0;
  }
  c->ring_used += (bytes + 63) / 64 * 64;
  return c->ring + c->ring_used - (bytes + 63) / 64 * 64;
}

static bool
cuda_upload (EmBackend *be, void *device, const void *host, size_t bytes)
{
  EmCuda *c = em_cuda_of (be);

  if (!em_cuda_flush (c))
    return false;
  for (size_t at = 0; at < bytes; at += CHUNK_BYTES) {
    size_t n = bytes - at < CHUNK_BYTES ? bytes - at : CHUNK_BYTES;
    char *piece = ring_take (c, n);

    if (!piece)
      return false;
    memcpy (piece, (const char *) host + at, n);
    if (!em_cuda_check (c,
                        cudaMemcpyAsync ((char *) device + at, piece, n, cudaMemcpyHostToDevice,
                                         c->stream),
                        "copying to the device"))
      return false;
  }
  return true;
}

/* The whole ring at a time: one wait for most downloads. */
static bool
cuda_download (EmBackend *be, void *host, const void *device, size_t bytes)
{
  EmCuda *c = em_cuda_of (be);

  if (!em_cuda_flush (c))
    return false;
  for (size_t at = 0; at < bytes || at == 0; at += RING_BYTES) {
    size_t n = bytes - at < RING_BYTES ? bytes - at : RING_BYTES;

    if (!em_cuda_check (c, cudaStreamSynchronize (c->stream), "waiting for the device"))
      return false;
    c->ring_used = 0;
    if (n == 0)
      break;
    if (!em_cuda_check (c,
                        cudaMemcpyAsync (c->ring, (const char *) device + at, n,
                                         cudaMemcpyDeviceToHost, c->stream),
                        "copying from the device")
        || !em_cuda_check (c, cudaStreamSynchronize (c->stream), "waiting for the device"))
      return false;
    memcpy ((char *) host + at, c->ring, n);
  }
  em_cuda_spans_collect (c);
  return true;
}

static void
cuda_copy (EmBackend *be, void *to, const void *from, size_t bytes)
{
  EmCuda *c = em_cuda_of (be);

  if (!em_cuda_flush (c) || bytes == 0 || to == from)
    return;
  em_cuda_span_begin (c);
  em_cuda_check (c, cudaMemcpyAsync (to, from, bytes, cudaMemcpyDeviceToDevice, c->stream),
                 "copying on the device");
  em_cuda_span_end (c);
}

/* Weights that hold still, and their second forms. */

static void
cuda_hold (EmBackend *be, const void *data, size_t bytes, bool of_file)
{
  EmCuda *c = em_cuda_of (be);

  c->held.push_back ({ (const char *) data, (const char *) data + bytes });
  em_cuda_forget_replays_of (c, data, bytes); /* they made its forms in scratch */
}

static void
cuda_let_go (EmBackend *be, const void *data, size_t bytes)
{
  EmCuda *c = em_cuda_of (be);

  for (size_t i = 0; i < c->held.size (); i++)
    if (c->held[i].data == data && c->held[i].end == (const char *) data + bytes) {
      c->held.erase (c->held.begin () + (long) i);
      break;
    }
  em_cuda_drop_forms (c, data, bytes);
}

void
em_cuda_drop_forms (EmCuda *c, const void *data, size_t bytes)
{
  const char *begin = (const char *) data, *end = begin + bytes;
  bool first = true;

  for (size_t i = c->forms.size (); i-- > 0;) {
    const char *at = (const char *) c->forms[i].data;

    if (at < begin || at >= end)
      continue;
    if (first) { /* replays point to them */
      em_cuda_flush (c);
      em_cuda_forget_replays (c);
      first = false;
    }
    cuda_free (&c->base, c->forms[i].made, c->forms[i].bytes);
    c->forms.erase (c->forms.begin () + (long) i);
  }
}

size_t
em_cuda_form_bytes (const EmCuda *c)
{
  size_t bytes = 0;

  for (const EmCudaMadeForm &f : c->forms)
    bytes += f.bytes;
  return bytes;
}

static bool
holds_still (const EmCuda *c, const void *data)
{
  for (const EmCudaHeld &h : c->held)
    if ((const char *) data >= h.data && (const char *) data < h.end)
      return true;
  return false;
}

void *
em_cuda_form (EmCuda *c, const EmTensor *w, EmForm form, size_t bytes, EmMakeForm *make)
{
  bool keep = holds_still (c, w->data);
  void *to;

  for (const EmCudaMadeForm &f : c->forms)
    if (f.data == w->data && f.form == form && f.bytes == bytes)
      return f.made;
  to = keep ? cuda_alloc (&c->base, bytes) : em_cuda_scratch (c, bytes);
  if (!to) {
    c->host.fail (&c->base.err, EM_E_MEMORY, "%s: out of memory: %zu MB for a weight's second form",
                  c->base.name, (bytes + (1 << 20) - 1) >> 20);
    return NULL;
  }
  make (c, to, w);
  if (!em_cuda_ready (c)) {
    if (keep)
      cuda_free (&c->base, to, bytes);
    return NULL;
  }
  if (keep)
    c->forms.push_back ({ w->data, form, to, bytes });
  return to;
}

bool
em_cuda_memory_open (EmCuda *c, EmError *err)
{
  EmBackend *be = &c->base;
  CUmemAllocationProp p = properties (c);
  void *scratch;

  if (!look_up (&driver.reserve, "cuMemAddressReserve")
      || !look_up (&driver.free, "cuMemAddressFree") || !look_up (&driver.create, "cuMemCreate")
      || !look_up (&driver.release, "cuMemRelease") || !look_up (&driver.map, "cuMemMap")
      || !look_up (&driver.unmap, "cuMemUnmap") || !look_up (&driver.access, "cuMemSetAccess")
      || !look_up (&driver.granularity, "cuMemGetAllocationGranularity"))
    return c->host.fail (err, EM_E_DEVICE,
                         "the NVIDIA driver is too old: it knows no virtual memory");
  if (driver.granularity (&c->granularity, &p, CU_MEM_ALLOC_GRANULARITY_RECOMMENDED)
      != CUDA_SUCCESS)
    return c->host.fail (err, EM_E_DEVICE, "%s: this device has no virtual memory", be->device);
  be->alloc = cuda_alloc;
  be->free = cuda_free;
  be->reserve = cuda_reserve;
  be->commit = cuda_commit;
  be->unreserve = cuda_unreserve;
  be->upload = cuda_upload;
  be->download = cuda_download;
  be->copy = cuda_copy;
  be->hold = cuda_hold;
  be->let_go = cuda_let_go;
  scratch = cuda_reserve (be, SCRATCH_BYTES);
  if (!scratch && be->err.code != EM_OK)
    return c->host.fail (err, be->err.code, "%s", be->err.text);
  if (!scratch || cudaMallocHost ((void **) &c->ring, RING_BYTES) != cudaSuccess)
    return c->host.fail (err, EM_E_MEMORY, "%s: no memory for copies", be->device);
  c->scratch = range_at (c, scratch);
  return true;
}

void
em_cuda_memory_close (EmCuda *c)
{
  for (EmCudaMadeForm &f : c->forms)
    cudaFree (f.made);
  while (!c->ranges.empty ())
    cuda_unreserve (&c->base, c->ranges.back ()->base, c->ranges.back ()->bytes);
  if (c->ring)
    cudaFreeHost (c->ring);
}
