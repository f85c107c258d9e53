/* stream.cc - streams, events and copies, as lazy as the device allows.
 *
 * Work waits in its stream until a call has to wait for it: what forgets to synchronise reads the
 * past. A capturing stream puts its work into a graph instead. Memory that is not pinned is read at
 * the call and written by a call that waits, as the real runtime does; pinned memory is read and
 * written when the work is done. */
#include "stream.h"
#include <algorithm>
#include <chrono>

namespace sim
{

struct Mark { /* one recording of an event */
  CUstream_st *stream;
  uint64_t at;
  bool done, asked;
  std::chrono::steady_clock::time_point time;
};

} /* namespace sim */

struct CUevent_st {
  bool timing, captured;
  std::shared_ptr<sim::Mark> mark; /* NULL: never recorded */
};

namespace sim
{

CUstream_st &legacy = *new CUstream_st;
std::vector<CUstream_st *> &streams = *new std::vector<CUstream_st *>{ &legacy };

CUstream_st *
stream_of (cudaStream_t stream)
{
  if (!stream || stream == (cudaStream_t) 1)
    return &legacy;
  return std::find (streams.begin (), streams.end (), stream) == streams.end () ? NULL : stream;
}

bool
stream_is_known (cudaStream_t stream)
{
  return stream_of (stream) != NULL;
}

bool
stream_is_here (cudaStream_t stream)
{
  CUstream_st *s = stream_of (stream);

  return s && (s == &legacy || s->device == current_device ());
}

bool
is_capturing (cudaStream_t stream)
{
  CUstream_st *s = stream_of (stream);

  return s && s->graph;
}

static void
run_to (CUstream_st *s, uint64_t at)
{
  Opened opened;

  while (s->done < at) {
    Work work = std::move (s->queue.front ());

    s->queue.pop_front ();
    s->done++;
    work ();
  }
  check_guards ();
}

void
finish_all ()
{
  for (size_t i = 0; i < streams.size (); i++)
    if (!streams[i]->queue.empty ())
      run_to (streams[i], streams[i]->issued);
}

cudaError_t
unless_capturing ()
{
  bool any = false;

  for (CUstream_st *s : streams) {
    if (!s->graph || s->mode == cudaStreamCaptureModeRelaxed
        || (s->mode == cudaStreamCaptureModeThreadLocal && s->owner != std::this_thread::get_id ()))
      continue;
    s->broken = any = true;
  }
  return result (any ? cudaErrorStreamCaptureUnsupported : cudaSuccess);
}

/* The legacy stream waits for all blocking streams, and they for it. */
static Work
after_others (CUstream_st *s, Work work)
{
  std::vector<std::pair<CUstream_st *, uint64_t>> before;

  for (CUstream_st *other : streams)
    if (other != s && other->blocking && (s == &legacy || other == &legacy)
        && other->done < other->issued)
      before.push_back ({ other, other->issued });
  if (before.empty ())
    return work;
  return [before, work] {
    for (auto &b : before)
      if (stream_of (b.first))
        run_to (b.first, b.second);
    work ();
  };
}

cudaError_t
enqueue (cudaStream_t stream, Work work)
{
  CUstream_st *s = stream_of (stream);

  if (!s)
    return result (cudaErrorInvalidResourceHandle);
  if (s->graph) {
    if (s->broken)
      return result (cudaErrorStreamCaptureInvalidated);
    s->graph->works->push_back (work);
    return cudaSuccess;
  }
  for (CUstream_st *other : streams)
    if (s == &legacy && other->graph && other->blocking) {
      other->broken = true;
      return result (cudaErrorStreamCaptureImplicit);
    }
  s->queue.push_back (s->blocking ? after_others (s, work) : work);
  s->issued++;
  return cudaSuccess;
}

/* A device that has failed: what waits for it is told, every time. */
static bool lost;

/* A call that waits for a stream. */
static cudaError_t
synchronise (cudaStream_t stream)
{
  CUstream_st *s = stream_of (stream);

  if (!s)
    return result (cudaErrorInvalidResourceHandle);
  if (lost)
    return result (cudaErrorIllegalAddress);
  if (s->graph) {
    s->broken = true;
    return result (cudaErrorStreamCaptureUnsupported);
  }
  if (s == &legacy)
    enqueue (s, [] {}); /* which waits for the blocking ones */
  if (!s->queue.empty ())
    run_to (s, s->issued);
  return cudaSuccess;
}

} /* namespace sim */

using namespace sim;

extern "C" {

cudaError_t
cudaStreamCreateWithFlags (cudaStream_t *stream, unsigned flags)
{
  Entry entry;

  if (flags & ~(unsigned) cudaStreamNonBlocking)
    return result (cudaErrorInvalidValue);
  *stream = new CUstream_st;
  (*stream)->blocking = !(flags & cudaStreamNonBlocking);
  (*stream)->device = current_device ();
  streams.push_back (*stream);
  return cudaSuccess;
}

cudaError_t
cudaStreamCreate (cudaStream_t *stream)
{
  return cudaStreamCreateWithFlags (stream, cudaStreamDefault);
}

cudaError_t
cudaStreamDestroy (cudaStream_t stream)
{
  Entry entry;
  CUstream_st *s = stream_of (stream);

  if (!s || s == &legacy)
    return result (cudaErrorInvalidResourceHandle);
  run_to (s, s->issued);
  streams.erase (std::find (streams.begin (), streams.end (), s));
  delete s->graph;
  delete s;
  return cudaSuccess;
}

void
cudasim_lose_device (bool is_lost)
{
  Entry entry;

  lost = is_lost;
}

cudaError_t
cudaStreamSynchronize (cudaStream_t stream)
{
  Entry entry;

  return synchronise (stream);
}

cudaError_t
cudaDeviceSynchronize (void)
{
  Entry entry;

  for (CUstream_st *s : streams)
    if (s->graph) {
      s->broken = true;
      return result (cudaErrorStreamCaptureUnsupported);
    }
  finish_all ();
  return cudaSuccess;
}

/* Work gets done between two questions, not before the first. */
cudaError_t
cudaStreamQuery (cudaStream_t stream)
{
  Entry entry;
  CUstream_st *s = stream_of (stream);

  if (!s)
    return result (cudaErrorInvalidResourceHandle);
  if (s->queue.empty ())
    return cudaSuccess;
  run_to (s, s->issued);
  return cudaErrorNotReady;
}

cudaError_t
cudaStreamWaitEvent (cudaStream_t stream, cudaEvent_t event, unsigned flags)
{
  Entry entry;

  (void) flags;
  if (event->captured || is_capturing (stream))
    fatal ("a capture over several streams is not simulated");
  return enqueue (stream, [mark = event->mark] {
    if (mark && !mark->done)
      run_to (mark->stream, mark->at);
  });
}

cudaError_t
cudaLaunchHostFunc (cudaStream_t stream, cudaHostFn_t function, void *data)
{
  Entry entry;

  return enqueue (stream, [function, data] { function (data); });
}

cudaError_t
cudaEventCreateWithFlags (cudaEvent_t *event, unsigned flags)
{
  Entry entry;

  *event = new CUevent_st{ !(flags & cudaEventDisableTiming), false, NULL };
  return cudaSuccess;
}

cudaError_t
cudaEventCreate (cudaEvent_t *event)
{
  return cudaEventCreateWithFlags (event, cudaEventDefault);
}

cudaError_t
cudaEventDestroy (cudaEvent_t event)
{
  Entry entry;

  delete event;
  return cudaSuccess;
}

cudaError_t
cudaEventRecord (cudaEvent_t event, cudaStream_t stream)
{
  Entry entry;
  CUstream_st *s = stream_of (stream);

  if (!s)
    return result (cudaErrorInvalidResourceHandle);
  event->captured = s->graph;
  event->mark = NULL;
  if (s->graph)
    return enqueue (s, [] {});
  auto mark = event->mark = std::make_shared<Mark> ();
  cudaError_t status = enqueue (s, [mark] {
    mark->done = true;
    mark->time = std::chrono::steady_clock::now ();
  });
  mark->stream = s;
  mark->at = s->issued;
  return status;
}

cudaError_t
cudaEventSynchronize (cudaEvent_t event)
{
  Entry entry;

  if (event->captured)
    return result (cudaErrorCapturedEvent);
  if (event->mark && !event->mark->done)
    run_to (event->mark->stream, event->mark->at);
  return cudaSuccess;
}

cudaError_t
cudaEventQuery (cudaEvent_t event)
{
  Entry entry;

  if (event->captured)
    return result (cudaErrorCapturedEvent);
  if (!event->mark || event->mark->done)
    return cudaSuccess;
  if (event->mark->asked)
    run_to (event->mark->stream, event->mark->at);
  event->mark->asked = true;
  return event->mark->done ? cudaSuccess : cudaErrorNotReady;
}

cudaError_t
cudaEventElapsedTime (float *ms, cudaEvent_t start, cudaEvent_t end)
{
  Entry entry;

  if (!start->mark || !end->mark || !start->timing || !end->timing)
    return result (cudaErrorInvalidResourceHandle);
  if (!start->mark->done || !end->mark->done)
    return cudaErrorNotReady;
  *ms = std::chrono::duration<float, std::milli> (end->mark->time - start->mark->time).count ();
  return cudaSuccess;
}

cudaError_t
cudaMemcpyAsync (void *to, const void *from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream)
{
  Entry entry;
  bool to_device = is_device (to, bytes), from_device = is_device (from, bytes);
  Work copy = [to, from, bytes] { memcpy (to, from, bytes); };

  if (!stream_is_known (stream))
    return result (cudaErrorInvalidResourceHandle);
  if (!bytes)
    return cudaSuccess;
  if ((!to_device && touches_device (to, bytes)) || (!from_device && touches_device (from, bytes)))
    return result (cudaErrorInvalidValue); /* one end of it is */
  if (kind != cudaMemcpyDefault
      && kind
             != (to_device     ? from_device ? cudaMemcpyDeviceToDevice : cudaMemcpyHostToDevice
                 : from_device ? cudaMemcpyDeviceToHost
                               : cudaMemcpyHostToHost))
    return result (cudaErrorInvalidValue);
  if (overlap (to, bytes, from, bytes))
    fatal ("a copy of %zu bytes whose two sides overlap", bytes);
  if (from_device && !to_device && !is_pinned (to, bytes)) {
    if (is_capturing (stream))
      return unless_capturing (), result (cudaErrorStreamCaptureUnsupported);
    cudaError_t status = enqueue (stream, copy);
    return status ? status : synchronise (stream);
  }
  if (!from_device && !is_pinned (from, bytes)) {
    if (is_capturing (stream))
      return unless_capturing (), result (cudaErrorStreamCaptureUnsupported);
    auto kept
        = std::make_shared<std::vector<char>> ((const char *) from, (const char *) from + bytes);
    return enqueue (stream, [to, kept] { memcpy (to, kept->data (), kept->size ()); });
  }
  return enqueue (stream, copy);
}

cudaError_t
cudaMemcpy (void *to, const void *from, size_t bytes, cudaMemcpyKind kind)
{
  Entry entry;

  if (cudaError_t status = unless_capturing ())
    return status;
  cudaError_t status = cudaMemcpyAsync (to, from, bytes, kind, NULL);
  return status ? status : synchronise (NULL);
}

cudaError_t
cudaMemsetAsync (void *memory, int value, size_t bytes, cudaStream_t stream)
{
  Entry entry;

  if (bytes && !is_device (memory, bytes))
    return result (cudaErrorInvalidValue);
  return enqueue (stream, [memory, value, bytes] { memset (memory, value, bytes); });
}

cudaError_t
cudaMemset (void *memory, int value, size_t bytes)
{
  Entry entry;

  if (cudaError_t status = unless_capturing ())
    return status;
  return cudaMemsetAsync (memory, value, bytes, NULL);
}
}
