/* graph.cc - what a capturing stream was given, kept to be done again and again. */
#include "stream.h"

using namespace sim;

extern "C" {

cudaError_t
cudaStreamBeginCapture (cudaStream_t stream, cudaStreamCaptureMode mode)
{
  Entry entry;
  CUstream_st *s = stream_of (stream);

  if (!s || s == &legacy)
    return result (s ? cudaErrorStreamCaptureUnsupported : cudaErrorInvalidResourceHandle);
  if (s->graph)
    return result (cudaErrorIllegalState);
  s->graph = new CUgraph_st;
  s->broken = false;
  s->mode = mode;
  s->owner = std::this_thread::get_id ();
  return cudaSuccess;
}

cudaError_t
cudaStreamEndCapture (cudaStream_t stream, cudaGraph_t *graph)
{
  Entry entry;
  CUstream_st *s = stream_of (stream);

  if (!s)
    return result (cudaErrorInvalidResourceHandle);
  if (!s->graph)
    return result (cudaErrorIllegalState);
  if (s->mode != cudaStreamCaptureModeRelaxed && s->owner != std::this_thread::get_id ())
    return result (cudaErrorStreamCaptureWrongThread);
  *graph = s->graph;
  s->graph = NULL;
  if (!s->broken)
    return cudaSuccess;
  delete *graph;
  *graph = NULL;
  return result (cudaErrorStreamCaptureInvalidated);
}

cudaError_t
cudaStreamIsCapturing (cudaStream_t stream, cudaStreamCaptureStatus *status)
{
  Entry entry;
  CUstream_st *s = stream_of (stream);

  if (!s)
    return result (cudaErrorInvalidResourceHandle);
  *status = !s->graph   ? cudaStreamCaptureStatusNone
            : s->broken ? cudaStreamCaptureStatusInvalidated
                        : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}

/* Only how many there are. */
cudaError_t
cudaGraphGetNodes (cudaGraph_t graph, cudaGraphNode_t *nodes, size_t *n_nodes)
{
  Entry entry;

  if (nodes)
    return result (cudaErrorNotSupported);
  *n_nodes = graph->works->size ();
  return cudaSuccess;
}

cudaError_t
cudaGraphInstantiate (cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long flags)
{
  Entry entry;

  (void) flags;
  *exec = new CUgraphExec_st{ std::make_shared<std::vector<Work>> (*graph->works) };
  return cudaSuccess;
}

cudaError_t
cudaGraphExecUpdate (cudaGraphExec_t exec, cudaGraph_t graph, cudaGraphExecUpdateResultInfo *info)
{
  Entry entry;

  exec->works = std::make_shared<std::vector<Work>> (*graph->works);
  *info = cudaGraphExecUpdateResultInfo ();
  return cudaSuccess;
}

cudaError_t
cudaGraphUpload (cudaGraphExec_t exec, cudaStream_t stream)
{
  Entry entry;

  (void) exec;
  return result (stream_is_known (stream) ? cudaSuccess : cudaErrorInvalidResourceHandle);
}

static size_t launches;

size_t
cudasim_graph_launches (void)
{
  Entry entry;

  return launches;
}

cudaError_t
cudaGraphLaunch (cudaGraphExec_t exec, cudaStream_t stream)
{
  Entry entry;

  if (!stream_is_here (stream))
    return result (cudaErrorInvalidResourceHandle);
  launches++;
  return enqueue (stream, [works = exec->works] {
    for (const Work &work : *works)
      work ();
  });
}

cudaError_t
cudaGraphExecDestroy (cudaGraphExec_t exec)
{
  Entry entry;

  delete exec;
  return cudaSuccess;
}

cudaError_t
cudaGraphDestroy (cudaGraph_t graph)
{
  Entry entry;

  delete graph;
  return cudaSuccess;
}
}
