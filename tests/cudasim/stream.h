/* stream.h - a stream, and the graph it may be filling. */
#pragma once
#include "sim.h"
#include <deque>
#include <thread>

struct CUgraph_st {
  std::shared_ptr<std::vector<sim::Work>> works = std::make_shared<std::vector<sim::Work>> ();
};

struct CUgraphExec_st {
  std::shared_ptr<std::vector<sim::Work>> works;
};

struct CUstream_st {
  bool blocking = true; /* waits for the legacy stream, and that for it */
  int device = 0;
  std::deque<sim::Work> queue;
  uint64_t issued = 0, done = 0;
  CUgraph_st *graph = NULL; /* capturing */
  bool broken = false;      /* by a call that no capture may see */
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  std::thread::id owner;
};

#pragma GCC visibility push(hidden)
namespace sim
{

extern CUstream_st &legacy;
extern std::vector<CUstream_st *> &streams;   /* the legacy one first */
CUstream_st *stream_of (cudaStream_t stream); /* NULL: there is no such */

} /* namespace sim */
#pragma GCC visibility pop
