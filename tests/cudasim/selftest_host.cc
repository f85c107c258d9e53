/* selftest_host.cc - memory, streams and graphs. */
#include "selftest.h"
#include <cuda.h>

static __global__ void
add (float *x, int n, float what)
{
  int i = (int) (blockIdx.x * blockDim.x + threadIdx.x);

  if (i < n)
    x[i] += what;
}

static __global__ void
poke (volatile float *x, int64_t at)
{
  x[at] = 1;
}

static void
test_budget ()
{
  size_t used = cudasim_used (), free, total;
  void *a, *b;

  cudasim_set_budget (used + 1000);
  SUCCEED (cudaMalloc (&a, 600));
  EXPECT (cudasim_used () == used + 600);
  EXPECT (cudaMalloc (&b, 600) == cudaErrorMemoryAllocation && !b);
  EXPECT (cudaGetLastError () == cudaErrorMemoryAllocation);
  SUCCEED (cudaMemGetInfo (&free, &total));
  EXPECT (free == 400 && total == used + 1000);
  SUCCEED (cudaFree (a));
  SUCCEED (cudaMalloc (&b, 600));
  SUCCEED (cudaFree (b));
  cudasim_set_budget ((size_t) 4 << 30);
  passed ("a budget of memory");
}

static void
fence_past_end ()
{
  Device<float> x (100);

  launch (poke, 1, 1, x.data, 100);
  cudaDeviceSynchronize ();
}

static void
fence_before ()
{
  Device<float> x (100);

  launch (poke, 1, 1, x.data, -1);
  cudaDeviceSynchronize ();
}

static void
far_past_end ()
{
  Device<float> x (100);

  launch (poke, 1, 1, x.data, 200);
  cudaDeviceSynchronize ();
}

static CUmemAllocationProp
on_device ()
{
  CUmemAllocationProp prop = {};

  prop.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  prop.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  return prop;
}

static void
commit (CUdeviceptr at, size_t bytes)
{
  CUmemAllocationProp prop = on_device ();
  CUmemAccessDesc access = { prop.location, CU_MEM_ACCESS_FLAGS_PROT_READWRITE };
  CUmemGenericAllocationHandle handle;

  SUCCEED (cuMemCreate (&handle, bytes, &prop, 0));
  SUCCEED (cuMemMap (at, bytes, 0, handle, 0));
  SUCCEED (cuMemRelease (handle));
  SUCCEED (cuMemSetAccess (at, bytes, &access, 1));
}

static void
test_address_space ()
{
  CUmemAllocationProp prop = on_device ();
  CUmemGenericAllocationHandle handle;
  size_t granule, used = cudasim_used ();
  CUdeviceptr at;
  void *found;
  cudaDriverEntryPointQueryResult answer;

  SUCCEED (
      cudaGetDriverEntryPointByVersion ("cuMemMap", &found, 10020, cudaEnableDefault, &answer));
  EXPECT (answer == cudaDriverEntryPointSuccess && found == reinterpret_cast<void *> (cuMemMap));
  SUCCEED (cudaGetDriverEntryPointByVersion ("cuNothing", &found, 10020, 0, &answer));
  EXPECT (answer == cudaDriverEntryPointSymbolNotFound && !found);

  SUCCEED (cuMemGetAllocationGranularity (&granule, &prop, CU_MEM_ALLOC_GRANULARITY_MINIMUM));
  SUCCEED (cuMemAddressReserve (&at, granule * 1000, 0, 0, 0));
  EXPECT (cuMemCreate (&handle, granule + 1, &prop, 0) == CUDA_ERROR_INVALID_VALUE);
  commit (at, 2 * granule);
  commit (at + 2 * granule, granule);
  EXPECT (cudasim_used () == used + 3 * granule);

  std::vector<float> zeros (granule / 4 * 3), got (zeros.size ());
  SUCCEED (cudaMemcpy ((void *) at, zeros.data (), granule * 3, cudaMemcpyHostToDevice));
  launch (add, 2, 16, (float *) (at + 2 * granule - 64), 32, 2.0f);
  SUCCEED (cudaMemcpy (got.data (), (void *) at, granule * 3, cudaMemcpyDeviceToHost));
  EXPECT (got[granule / 2 - 17] == 0 && got[granule / 2 - 16] == 2 && got[granule / 2 + 15] == 2);
  EXPECT (
      cudaMemcpy ((void *) (at + 2 * granule), zeros.data (), granule + 4, cudaMemcpyHostToDevice)
      == cudaErrorInvalidValue);

  static CUdeviceptr uncommitted;
  uncommitted = at + 3 * granule;
  dies ("touching what is reserved only", NULL, true,
        [] { launch (poke, 1, 1, (float *) uncommitted, 0); });
  EXPECT (cuMemAddressFree (at, granule * 1000) == CUDA_ERROR_INVALID_VALUE);
  cudasim_set_budget (used + 4 * granule);
  EXPECT (cuMemCreate (&handle, 2 * granule, &prop, 0) == CUDA_ERROR_OUT_OF_MEMORY);
  cudasim_set_budget ((size_t) 4 << 30);
  SUCCEED (cuMemUnmap (at, 3 * granule));
  EXPECT (cudasim_used () == used);
  SUCCEED (cuMemAddressFree (at, granule * 1000));
  passed ("address space first, memory later");
}

void
test_memory ()
{
  cudaGetLastError ();
  test_budget ();
  dies ("past the end of device memory", "1 bytes past the end of an allocation of 400 bytes", true,
        fence_past_end);
  dies ("before device memory", "before an allocation of 400 bytes", true, fence_before);
  dies ("far past the end of device memory", "fault at 800 bytes from the beginning", true,
        far_past_end);
  dies ("the host in device memory", "touched by the host's code", true, [] {
    Device<float> x (100);

    ((volatile float *) x.data)[3] = 1;
  });
  dies ("a copy onto itself", "overlap", false, [] {
    Device<float> x (100);

    cudaMemcpyAsync (x.data + 10, x.data, 80, cudaMemcpyDeviceToDevice);
  });
  test_address_space ();
}

static void
test_lazy ()
{
  Device<float> x (std::vector<float> (64, 1));
  std::vector<float> pageable (64, 5);
  cudaStream_t stream;
  cudaEvent_t before, after;
  float *pinned, ms;

  SUCCEED (cudaStreamCreateWithFlags (&stream, cudaStreamNonBlocking));
  SUCCEED (cudaMallocHost (&pinned, 64 * sizeof (float)));
  EXPECT (pinned[0] != pinned[0]);
  SUCCEED (cudaEventCreate (&before));
  SUCCEED (cudaEventCreate (&after));

  SUCCEED (cudaEventRecord (before, stream));
  SUCCEED (launch_on (stream, add, 2, 32, 0, x.data, 64, 2.0f));
  SUCCEED (cudaMemcpyAsync (pinned, x.data, 256, cudaMemcpyDeviceToHost, stream));
  EXPECT (pinned[0] != pinned[0]);
  EXPECT (x.read ()[0] == 1); /* on another stream: it waits for none */
  SUCCEED (cudaEventRecord (after, stream));
  EXPECT (cudaEventQuery (after) == cudaErrorNotReady);
  EXPECT (cudaEventElapsedTime (&ms, before, after) == cudaErrorNotReady);
  SUCCEED (cudaEventSynchronize (after));
  EXPECT (pinned[0] == 3 && pinned[63] == 3);
  SUCCEED (cudaEventElapsedTime (&ms, before, after));
  EXPECT (ms >= 0);

  /* What is not pinned may be reused at once, what is may not. */
  SUCCEED (cudaMemcpyAsync (x.data, pageable.data (), 128, cudaMemcpyHostToDevice, stream));
  SUCCEED (cudaMemcpyAsync (x.data + 32, pinned, 128, cudaMemcpyHostToDevice, stream));
  pageable[0] = 6;
  pinned[0] = 7;
  SUCCEED (cudaStreamSynchronize (stream));
  EXPECT (x.read ()[0] == 5 && x.read ()[32] == 7 && x.read ()[33] == 3);
  SUCCEED (cudaMemsetAsync (x.data, 0, 256, stream));
  SUCCEED (cudaMemcpyAsync (pageable.data (), x.data, 256, cudaMemcpyDeviceToHost, stream));
  EXPECT (pageable[0] == 0);
  EXPECT (cudaMemcpyAsync (x.data, pinned, 260, cudaMemcpyHostToDevice, stream)
          == cudaErrorInvalidValue);
  EXPECT (cudaMemcpyAsync (x.data, pinned, 16, cudaMemcpyDeviceToHost, stream)
          == cudaErrorInvalidValue);

  SUCCEED (cudaEventDestroy (before));
  SUCCEED (cudaEventDestroy (after));
  SUCCEED (cudaFreeHost (pinned));
  SUCCEED (cudaStreamDestroy (stream));
  passed ("streams are lazy");
}

static void
test_order_of_streams ()
{
  Device<float> x (std::vector<float> (1, 1));
  cudaStream_t first, second;
  cudaEvent_t event;

  SUCCEED (cudaStreamCreateWithFlags (&first, cudaStreamNonBlocking));
  SUCCEED (cudaStreamCreateWithFlags (&second, cudaStreamNonBlocking));
  SUCCEED (cudaEventCreateWithFlags (&event, cudaEventDisableTiming));
  SUCCEED (cudaMemsetAsync (x.data, 0, 4, first));
  SUCCEED (cudaEventRecord (event, first));
  SUCCEED (cudaStreamWaitEvent (second, event));
  SUCCEED (launch_on (second, add, 1, 1, 0, x.data, 1, 3.0f));
  SUCCEED (cudaStreamSynchronize (second));
  EXPECT (x.read ()[0] == 3);

  cudaStream_t blocking;
  SUCCEED (cudaStreamCreate (&blocking));
  SUCCEED (launch_on (blocking, add, 1, 1, 0, x.data, 1, 1.0f));
  EXPECT (x.read ()[0] == 4); /* the legacy stream waits */
  for (cudaStream_t stream : { first, second, blocking })
    SUCCEED (cudaStreamDestroy (stream));
  SUCCEED (cudaEventDestroy (event));
  passed ("streams wait for each other");
}

static void
test_capture ()
{
  Device<float> x (std::vector<float> (32, 1));
  cudaStream_t stream;
  cudaStreamCaptureStatus status;
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  float *pinned;
  void *memory;
  size_t n;

  SUCCEED (cudaStreamCreateWithFlags (&stream, cudaStreamNonBlocking));
  SUCCEED (cudaMallocHost (&pinned, 4));
  SUCCEED (cudaStreamBeginCapture (stream, cudaStreamCaptureModeRelaxed));
  SUCCEED (cudaStreamIsCapturing (stream, &status));
  EXPECT (status == cudaStreamCaptureStatusActive);
  SUCCEED (launch_on (stream, add, 1, 32, 0, x.data, 32, 1.0f));
  SUCCEED (launch_on (stream, add, 1, 32, 0, x.data, 32, 2.0f));
  SUCCEED (cudaMemcpyAsync (pinned, x.data, 4, cudaMemcpyDeviceToHost, stream));
  SUCCEED (cudaMalloc (&memory, 4));
  SUCCEED (cudaFree (memory));
  SUCCEED (cudaStreamEndCapture (stream, &graph));
  SUCCEED (cudaGraphGetNodes (graph, NULL, &n));
  SUCCEED (cudaGraphInstantiate (&exec, graph, 0));
  SUCCEED (cudaGraphDestroy (graph));
  EXPECT (n == 3 && x.read ()[0] == 1);
  SUCCEED (cudaGraphLaunch (exec, stream));
  SUCCEED (cudaGraphLaunch (exec, stream));
  SUCCEED (cudaGraphExecDestroy (exec));
  EXPECT (pinned[0] != pinned[0]);
  SUCCEED (cudaStreamSynchronize (stream));
  EXPECT (pinned[0] == 7 && x.read ()[31] == 7);
  passed ("capture and replay");

  SUCCEED (cudaStreamBeginCapture (stream, cudaStreamCaptureModeGlobal));
  EXPECT (cudaMalloc (&memory, 4) == cudaErrorStreamCaptureUnsupported);
  EXPECT (launch_on (stream, add, 1, 32, 0, x.data, 32, 1.0f) == cudaErrorStreamCaptureInvalidated);
  EXPECT (cudaStreamEndCapture (stream, &graph) == cudaErrorStreamCaptureInvalidated && !graph);
  SUCCEED (cudaStreamBeginCapture (stream, cudaStreamCaptureModeRelaxed));
  EXPECT (cudaStreamSynchronize (stream) == cudaErrorStreamCaptureUnsupported);
  EXPECT (cudaStreamEndCapture (stream, &graph) == cudaErrorStreamCaptureInvalidated);
  EXPECT (cudaStreamEndCapture (stream, &graph) == cudaErrorIllegalState);
  SUCCEED (launch_on (stream, add, 1, 32, 0, x.data, 32, 1.0f));
  SUCCEED (cudaStreamSynchronize (stream));
  EXPECT (x.read ()[0] == 8);
  SUCCEED (cudaFreeHost (pinned));
  SUCCEED (cudaStreamDestroy (stream));
  cudaGetLastError ();
  passed ("what a capture may not see");
}

void
test_streams ()
{
  test_lazy ();
  test_order_of_streams ();
  test_capture ();
}
