/* cuda_runtime.h - the part of the CUDA runtime that Earmark uses, for the simulator.
 *
 * Names and values are those of the toolkit, so a file that includes this compiles alike against
 * the real header. Only what the backend calls is here. */
#pragma once
#define EM_CUDASIM     1
#define CUDART_VERSION 13000

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <functional>
#include <tuple>
#include <type_traits>

#define __global__
#define __device__
#define __host__
#define __constant__
#define __forceinline__ inline __attribute__ ((always_inline))
#define __align__(n)    __attribute__ ((aligned (n)))
#define __launch_bounds__(...)
#define __grid_constant__

#include "cudasim/vector.h"
#include "cudasim/device.h"

/* Name, value, what cudaGetErrorString says. */
#define CUDASIM_ERRORS(X)                                                                          \
  X (cudaSuccess, 0, "no error")                                                                   \
  X (cudaErrorInvalidValue, 1, "invalid argument")                                                 \
  X (cudaErrorMemoryAllocation, 2, "out of memory")                                                \
  X (cudaErrorInitializationError, 3, "initialization error")                                      \
  X (cudaErrorInvalidConfiguration, 9, "invalid configuration argument")                           \
  X (cudaErrorInvalidMemcpyDirection, 21, "invalid copy direction for memcpy")                     \
  X (cudaErrorInsufficientDriver, 35, "driver version is insufficient for runtime version")        \
  X (cudaErrorInvalidDeviceFunction, 98, "invalid device function")                                \
  X (cudaErrorNoDevice, 100, "no device is detected")                                              \
  X (cudaErrorInvalidDevice, 101, "invalid device ordinal")                                        \
  X (cudaErrorNoKernelImageForDevice, 209, "no kernel image is available for the device")          \
  X (cudaErrorInvalidResourceHandle, 400, "invalid resource handle")                               \
  X (cudaErrorIllegalState, 401, "not permitted in this state")                                    \
  X (cudaErrorSymbolNotFound, 500, "named symbol not found")                                       \
  X (cudaErrorNotReady, 600, "device not ready")                                                   \
  X (cudaErrorIllegalAddress, 700, "an illegal memory access was encountered")                     \
  X (cudaErrorLaunchOutOfResources, 701, "too many resources requested for launch")                \
  X (cudaErrorLaunchFailure, 719, "unspecified launch failure")                                    \
  X (cudaErrorNotSupported, 801, "operation not supported")                                        \
  X (cudaErrorStreamCaptureUnsupported, 900, "operation not permitted when stream is capturing")   \
  X (cudaErrorStreamCaptureInvalidated, 901, "a previous error invalidated the capture")           \
  X (cudaErrorStreamCaptureUnmatched, 903, "the capture was not begun on this stream")             \
  X (cudaErrorStreamCaptureImplicit, 906, "would depend on the stream that is capturing")          \
  X (cudaErrorCapturedEvent, 907, "operation not permitted on an event of a capture")              \
  X (cudaErrorStreamCaptureWrongThread, 908, "the capture belongs to another thread")              \
  X (cudaErrorUnknown, 999, "unknown error")

enum cudaError {
#define CUDASIM_ERROR(name, value, text) name = value,
  CUDASIM_ERRORS (CUDASIM_ERROR)
#undef CUDASIM_ERROR
};
typedef enum cudaError cudaError_t;

typedef struct CUstream_st *cudaStream_t;
typedef struct CUevent_st *cudaEvent_t;
typedef struct CUgraph_st *cudaGraph_t;
typedef struct CUgraphExec_st *cudaGraphExec_t;
typedef struct CUgraphNode_st *cudaGraphNode_t;

enum cudaMemcpyKind {
  cudaMemcpyHostToHost = 0,
  cudaMemcpyHostToDevice = 1,
  cudaMemcpyDeviceToHost = 2,
  cudaMemcpyDeviceToDevice = 3,
  cudaMemcpyDefault = 4,
};
enum cudaFuncAttribute {
  cudaFuncAttributeMaxDynamicSharedMemorySize = 8,
  cudaFuncAttributePreferredSharedMemoryCarveout = 9,
};
enum cudaDeviceAttr {
  cudaDevAttrMaxThreadsPerBlock = 1,
  cudaDevAttrMaxSharedMemoryPerBlock = 8,
  cudaDevAttrWarpSize = 10,
  cudaDevAttrMultiProcessorCount = 16,
  cudaDevAttrIntegrated = 18,
  cudaDevAttrL2CacheSize = 38,
  cudaDevAttrComputeCapabilityMajor = 75,
  cudaDevAttrComputeCapabilityMinor = 76,
  cudaDevAttrMaxSharedMemoryPerMultiprocessor = 81,
  cudaDevAttrMaxSharedMemoryPerBlockOptin = 97,
};
enum cudaStreamCaptureMode {
  cudaStreamCaptureModeGlobal = 0,
  cudaStreamCaptureModeThreadLocal = 1,
  cudaStreamCaptureModeRelaxed = 2,
};
enum cudaStreamCaptureStatus {
  cudaStreamCaptureStatusNone = 0,
  cudaStreamCaptureStatusActive = 1,
  cudaStreamCaptureStatusInvalidated = 2,
};
enum cudaDriverEntryPointQueryResult {
  cudaDriverEntryPointSuccess = 0,
  cudaDriverEntryPointSymbolNotFound = 1,
  cudaDriverEntryPointVersionNotSufficent = 2,
};

#define cudaStreamDefault                        0x00
#define cudaStreamNonBlocking                    0x01
#define cudaEventDefault                         0x00
#define cudaEventBlockingSync                    0x01
#define cudaEventDisableTiming                   0x02
#define cudaHostAllocDefault                     0x00
#define cudaEnableDefault                        0x0
#define cudaGraphInstantiateFlagAutoFreeOnLaunch 1

struct cudaDeviceProp {
  char name[256];
  size_t totalGlobalMem, sharedMemPerBlock, sharedMemPerBlockOptin, sharedMemPerMultiprocessor;
  size_t totalConstMem;
  int regsPerBlock, regsPerMultiprocessor, warpSize;
  int maxThreadsPerBlock, maxThreadsPerMultiProcessor, maxThreadsDim[3], maxGridSize[3];
  int major, minor, multiProcessorCount, l2CacheSize, integrated, memoryBusWidth;
};

struct cudaLaunchAttribute;
struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  size_t dynamicSmemBytes;
  cudaStream_t stream;
  cudaLaunchAttribute *attrs;
  unsigned numAttrs;
};
struct cudaFuncAttributes {
  size_t sharedSizeBytes, constSizeBytes, localSizeBytes;
  int maxThreadsPerBlock, numRegs, ptxVersion, binaryVersion;
  int maxDynamicSharedSizeBytes;
};
struct cudaGraphExecUpdateResultInfo {
  int result; /* 0: done */
  cudaGraphNode_t errorNode, errorFromNode;
};
typedef void (*cudaHostFn_t) (void *data);

extern "C" {
cudaError_t cudaGetLastError (void);
cudaError_t cudaPeekAtLastError (void);
const char *cudaGetErrorName (cudaError_t error);
const char *cudaGetErrorString (cudaError_t error);

cudaError_t cudaGetDeviceCount (int *count);
cudaError_t cudaSetDevice (int device);
cudaError_t cudaGetDevice (int *device);
cudaError_t cudaGetDeviceProperties (cudaDeviceProp *prop, int device);
cudaError_t cudaDeviceGetAttribute (int *value, cudaDeviceAttr attribute, int device);
cudaError_t cudaDeviceSynchronize (void);
cudaError_t cudaDriverGetVersion (int *version);
cudaError_t cudaRuntimeGetVersion (int *version);
cudaError_t cudaGetDriverEntryPointByVersion (const char *symbol, void **function, unsigned version,
                                              unsigned long long flags,
                                              cudaDriverEntryPointQueryResult *status = NULL);

cudaError_t cudaMalloc (void **memory, size_t bytes);
cudaError_t cudaFree (void *memory);
cudaError_t cudaMallocHost (void **memory, size_t bytes);
cudaError_t cudaHostAlloc (void **memory, size_t bytes, unsigned flags);
cudaError_t cudaFreeHost (void *memory);
cudaError_t cudaMemGetInfo (size_t *free, size_t *total);
cudaError_t cudaMemcpy (void *to, const void *from, size_t bytes, cudaMemcpyKind kind);
cudaError_t cudaMemcpyAsync (void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                             cudaStream_t stream = 0);
cudaError_t cudaMemset (void *memory, int value, size_t bytes);
cudaError_t cudaMemsetAsync (void *memory, int value, size_t bytes, cudaStream_t stream = 0);

cudaError_t cudaStreamCreate (cudaStream_t *stream);
cudaError_t cudaStreamCreateWithFlags (cudaStream_t *stream, unsigned flags);
cudaError_t cudaStreamDestroy (cudaStream_t stream);
cudaError_t cudaStreamSynchronize (cudaStream_t stream);
cudaError_t cudaStreamQuery (cudaStream_t stream);
cudaError_t cudaStreamWaitEvent (cudaStream_t stream, cudaEvent_t event, unsigned flags = 0);
cudaError_t cudaLaunchHostFunc (cudaStream_t stream, cudaHostFn_t function, void *data);
cudaError_t cudaEventCreate (cudaEvent_t *event);
cudaError_t cudaEventCreateWithFlags (cudaEvent_t *event, unsigned flags);
cudaError_t cudaEventDestroy (cudaEvent_t event);
cudaError_t cudaEventRecord (cudaEvent_t event, cudaStream_t stream = 0);
cudaError_t cudaEventSynchronize (cudaEvent_t event);
cudaError_t cudaEventQuery (cudaEvent_t event);
cudaError_t cudaEventElapsedTime (float *ms, cudaEvent_t start, cudaEvent_t end);

cudaError_t cudaStreamBeginCapture (cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture (cudaStream_t stream, cudaGraph_t *graph);
cudaError_t cudaStreamIsCapturing (cudaStream_t stream, cudaStreamCaptureStatus *status);
cudaError_t cudaGraphGetNodes (cudaGraph_t graph, cudaGraphNode_t *nodes, size_t *n_nodes);
cudaError_t cudaGraphInstantiate (cudaGraphExec_t *exec, cudaGraph_t graph,
                                  unsigned long long flags = 0);
cudaError_t cudaGraphExecUpdate (cudaGraphExec_t exec, cudaGraph_t graph,
                                 cudaGraphExecUpdateResultInfo *info);
cudaError_t cudaGraphUpload (cudaGraphExec_t exec, cudaStream_t stream);
cudaError_t cudaGraphLaunch (cudaGraphExec_t exec, cudaStream_t stream);
cudaError_t cudaGraphExecDestroy (cudaGraphExec_t exec);
cudaError_t cudaGraphDestroy (cudaGraph_t graph);

/* For tests. Bytes of device memory there are, and that are taken; what decides the orders in which
 * blocks and threads run. */
__attribute__ ((visibility ("default"))) void cudasim_set_budget (size_t bytes);
__attribute__ ((visibility ("default"))) size_t cudasim_used (void);
__attribute__ ((visibility ("default"))) size_t cudasim_graph_launches (void); /* so far */
__attribute__ ((visibility ("default"))) void cudasim_set_seed (unsigned seed);
/* Whether the device answers with an error from now on, as after an illegal access. */
__attribute__ ((visibility ("default"))) void cudasim_lose_device (bool is_lost);
}

cudaError_t cudasim_launch (const cudaLaunchConfig_t *config, const void *kernel,
                            std::function<void ()> body);
cudaError_t cudasim_set_attribute (const void *kernel, cudaFuncAttribute attribute, int value);
cudaError_t cudasim_get_attributes (cudaFuncAttributes *attributes, const void *kernel);
cudaError_t cudasim_occupancy (int *blocks, const void *kernel, int threads, size_t shared);

template <typename... P, typename... A>
static inline cudaError_t
cudaLaunchKernelEx (const cudaLaunchConfig_t *config, void (*kernel) (P...), A &&...arguments)
{
  static_assert ((sizeof (P) + ... + 0) <= 4096, "a kernel's parameters fit in 4 KB");
  static_assert ((std::is_trivially_copyable_v<P> && ...), "they are copied as bytes");
  std::tuple<P...> kept ((P) arguments...);

  return cudasim_launch (config, reinterpret_cast<const void *> (kernel),
                         [kernel, kept] { std::apply (kernel, kept); });
}

template <typename... P>
static inline cudaError_t
cudaFuncSetAttribute (void (*kernel) (P...), cudaFuncAttribute attribute, int value)
{
  return cudasim_set_attribute (reinterpret_cast<const void *> (kernel), attribute, value);
}

template <typename... P>
static inline cudaError_t
cudaFuncGetAttributes (cudaFuncAttributes *attributes, void (*kernel) (P...))
{
  return cudasim_get_attributes (attributes, reinterpret_cast<const void *> (kernel));
}

template <typename... P>
static inline cudaError_t
cudaOccupancyMaxActiveBlocksPerMultiprocessor (int *blocks, void (*kernel) (P...), int threads,
                                               size_t shared)
{
  return cudasim_occupancy (blocks, reinterpret_cast<const void *> (kernel), threads, shared);
}

template <typename T>
static inline cudaError_t
cudaMalloc (T **memory, size_t bytes)
{
  return cudaMalloc ((void **) memory, bytes);
}

template <typename T>
static inline cudaError_t
cudaMallocHost (T **memory, size_t bytes)
{
  return cudaMallocHost ((void **) memory, bytes);
}
