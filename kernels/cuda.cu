/* cuda.cu - the module: opens a device, describes it, and closes it again.
 *
 * What the launchers of the other files ask of the device is answered here and in memory.cu. The
 * module links CUDA's libraries and nothing of Earmark's: what it needs of the engine it is handed
 * when it is opened. */
#include "cuda.cuh"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const op_names[] = {
#define EM_OP(name, args) #name,
#include "engine/ops.def"
#undef EM_OP
};

static void (*bug) (const char *file, int line, const char *claim);

void
em_cuda_bug (const char *file, int line, const char *claim)
{
  bug (file, line, claim);
  abort ();
}

void
em_cuda_make_current (EmCuda *c)
{
  em_cuda_check (c, cudaSetDevice (c->device), "turning to the device");
}

cudaStream_t
em_cuda_stream (EmCuda *c)
{
  return c->stream;
}

int
em_cuda_processors (EmCuda *c)
{
  return c->processors;
}

size_t
em_cuda_shared_most (EmCuda *c)
{
  return c->shared_most;
}

bool
em_cuda_ready (EmCuda *c)
{
  return c->base.err.code == EM_OK;
}

bool
em_cuda_check (EmCuda *c, cudaError_t status, const char *what)
{
  if (status == cudaSuccess)
    return true;
  cudaGetLastError ();
  if (status == cudaErrorMemoryAllocation)
    return c->host.fail (&c->base.err, EM_E_MEMORY, "%s: out of memory: %s", c->base.name, what);
  return c->host.fail (&c->base.err, EM_E_DEVICE, "%s: %s: %s", c->base.name, what,
                       cudaGetErrorString (status));
}

static bool
cuda_finish (EmBackend *be)
{
  EmCuda *c = em_cuda_of (be);
  bool good = em_cuda_flush (c)
              && em_cuda_check (c, cudaStreamSynchronize (c->stream), "waiting for the device");

  em_cuda_spans_collect (c);
  return good;
}

static double
cuda_spent (EmBackend *be)
{
  EmCuda *c = em_cuda_of (be);

  cuda_finish (be);
  c->timing = true;
  return c->seconds;
}

/* Graphs and forms are made again when they are wanted. */
static size_t
cuda_trim (EmBackend *be)
{
  EmCuda *c = em_cuda_of (be);
  size_t before = be->used_bytes;
  EmError kept = be->err;

  be->err.code = EM_OK; /* memory may be out, the device still works */
  cuda_finish (be);
  em_cuda_forget_replays (c);
  while (!c->forms.empty ())
    em_cuda_drop_forms (c, c->forms.back ().data, 1);
  be->err = kept;
  return before - be->used_bytes;
}

static const char *
cuda_slow_ops (EmBackend *be)
{
  EmCuda *c = em_cuda_of (be);
  size_t at = 0;

  c->slow[0] = 0;
  for (int i = 0; i < EM_N_OPS; i++)
    if (c->was_slow[i] && at < sizeof c->slow)
      at += (size_t) snprintf (c->slow + at, sizeof c->slow - at, "%s%s", at ? ", " : "",
                               op_names[i]);
  for (size_t i = 0; i < c->refused.size () && at < sizeof c->slow; i++)
    at += (size_t) snprintf (c->slow + at, sizeof c->slow - at, "%s%s", at ? ", " : "",
                             c->refused[i].c_str ());
  return c->slow;
}

void
em_cuda_refused (EmCuda *c, const char *what, EmDtype type, int64_t m, int64_t n, int64_t k)
{
  std::string product = std::string (what) + " " + std::to_string (m) + "x" + std::to_string (n)
                        + "x" + std::to_string (k) + (type == EM_BF16 ? " bf16" : " f32");

  for (const std::string &known : c->refused)
    if (known == product)
      return;
  if (c->refused.size () < 16)
    c->refused.push_back (product);
}

static void
cuda_close (EmBackend *be)
{
  EmCuda *c = em_cuda_of (be);

  if (c->stream) {
    cuda_finish (be);
    em_cuda_forget_replays (c);
    em_cuda_memory_close (c);
    em_cuda_dnn_close (c);
    if (c->lt)
      cublasLtDestroy (c->lt);
    cudaStreamDestroy (c->stream);
  }
  if (c->cpu)
    c->cpu->close (c->cpu);
  delete c;
}

/* "host=NAME,NAME": these ops go through the CPU, to find out which one is at fault. */
static bool
read_host_ops (EmCuda *c, const char *list, EmError *err)
{
  while (*list) {
    size_t n = strcspn (list, ",");
    bool known = false;

    for (int i = 0; i < EM_N_OPS; i++)
      if (strlen (op_names[i]) == n && strncmp (op_names[i], list, n) == 0)
        known = c->on_host[i] = true;
    if (!known)
      return c->host.fail (err, EM_E_DEVICE, "there is no op \"%.*s\"", (int) n, list);
    list += n + (list[n] == ',');
  }
  return (c->cpu = c->host.open_cpu ("", err)) != NULL;
}

/* "0", "bf16", "1:f32", "f32:host=attention" ... */
static bool
read_how (EmCuda *c, const char *how, EmError *err)
{
  c->base.compute = EM_BF16;
  while (*how) {
    size_t n = strcspn (how, ":");
    char word[256];

    snprintf (word, sizeof word, "%.*s", (int) n, how);
    if (n && strspn (word, "0123456789") == n && n < 4)
      c->device = atoi (word);
    else if (strcmp (word, "bf16") == 0)
      c->base.compute = EM_BF16;
    else if (strcmp (word, "f32") == 0)
      c->base.compute = EM_F32;
    else if (strncmp (word, "host=", 5) == 0) {
      if (!read_host_ops (c, word + 5, err))
        return false;
    } else {
      return c->host.fail (err, EM_E_DEVICE,
                           "a GPU is asked for by its number, bf16 or f32, not by \"%s\"", word);
    }
    how += n + (how[n] == ':');
  }
  return true;
}

static bool
open_device (EmCuda *c, EmError *err)
{
  cudaDeviceProp p;
  int count = 0;
  cudaError_t status = cudaGetDeviceCount (&count);

  if (status == cudaErrorInsufficientDriver)
    return c->host.fail (err, EM_E_DEVICE,
                         "no NVIDIA driver is installed, or it is too old for CUDA %d.%d",
                         CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10);
  if (status != cudaSuccess || count == 0)
    return c->host.fail (err, EM_E_DEVICE, "there is no NVIDIA GPU here (%s)",
                         cudaGetErrorString (status));
  if (c->device >= count)
    return c->host.fail (err, EM_E_DEVICE, "there is no GPU %d: there are %d, counted from 0",
                         c->device, count);
  if (cudaSetDevice (c->device) != cudaSuccess
      || cudaGetDeviceProperties (&p, c->device) != cudaSuccess)
    return c->host.fail (err, EM_E_DEVICE, "GPU %d does not answer", c->device);
  if (p.major < 8)
    return c->host.fail (err, EM_E_DEVICE,
                         "%.64s is too old: compute capability %d.%d, at least 8.0 is needed",
                         p.name, p.major, p.minor);
  c->processors = p.multiProcessorCount;
  c->shared_most = p.sharedMemPerBlockOptin;
  snprintf (c->base.device, sizeof c->base.device, "%.64s, %s", p.name,
            c->base.compute == EM_BF16 ? "bf16" : "f32");
  if (cudaStreamCreateWithFlags (&c->stream, cudaStreamNonBlocking) != cudaSuccess
      || cublasLtCreate (&c->lt) != CUBLAS_STATUS_SUCCESS)
    return c->host.fail (err, EM_E_DEVICE, "%s cannot be used: is its memory full?",
                         c->base.device);
  return em_cuda_memory_open (c, err);
}

extern "C" __attribute__ ((visibility ("default"))) EmModuleOpen em_module_open;

extern "C" EmBackend *
em_module_open (const EmModuleHost *host, const char *how, EmError *err)
{
  EmCuda *c;

  if (host->version != EM_BACKEND_VERSION) {
    host->fail (err, EM_E_DEVICE, "the CUDA module is of another version of Earmark");
    return NULL;
  }
  bug = host->bug;
  c = new EmCuda ();
  c->host = *host;
  c->base.version = EM_BACKEND_VERSION;
#ifdef EM_CUDASIM
  c->base.name = "cudasim";
#else
  c->base.name = "cuda";
#endif
  c->base.replays = true;
  c->base.move = em_cuda_gather_move;
  c->base.finish = cuda_finish;
  c->base.spent = cuda_spent;
  c->base.trim = cuda_trim;
  c->base.slow_ops = cuda_slow_ops;
  c->base.close = cuda_close;
  if (!read_how (c, how, err) || !open_device (c, err)) {
    cuda_close (&c->base);
    return NULL;
  }
  em_cuda_fill_table (c, &c->base.ops);
  return &c->base;
}
