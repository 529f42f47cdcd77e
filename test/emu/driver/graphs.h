// Graphs: work that was captured from streams and is queued again at each launch.
#pragma once

#include <memory>
#include <thread>
#include <vector>

#include "streams.h"

namespace emu {

struct Node {
  Work work;
  std::vector<NodePtr> after;
  const void* line;  // the stream it was captured from
};

struct Graph {
  std::vector<NodePtr> nodes;  // each comes later than those it is after
};

struct ExecutableGraph {
  std::vector<NodePtr> nodes;
  OperationPtr last;  // launches of one executable graph follow one another
};

struct Capture {
  Graph graph;
  Stream* origin;
  CUstreamCaptureMode mode;
  std::thread::id thread;
  u64 id;
  bool invalid = false;
};

// What a capturing stream is asked to do goes into its capture.
CUresult capture_work(Stream& stream, Work work);
CUresult capture_record(Stream& stream, Event& event);
CUresult capture_wait(Stream& stream, Event& event);
void abandon_capture(Stream& stream);

// Errors about calls that a capture forbids; those that end it invalidate it.
CUresult refuse_in_capture(Stream& stream, const char* call);
CUresult refuse_while_capturing(
    const char* call);                          // an unsafe call, if some capture forbids it to this thread
CUresult refuse_any_capture(const char* call);  // a call that waits for all streams, capturing ones included
CUresult refuse_null_stream();                  // it would wait for a capturing stream
CUresult refuse_captured_event(const char* call);

// Captures under way, and calls about them.
CUresult begin_capture(Stream& stream, CUstreamCaptureMode mode);
CUresult end_capture(Stream& stream, Graph** out);
CUstreamCaptureStatus capture_status(const Stream& stream);
CUstreamCaptureMode exchange_thread_mode(CUstreamCaptureMode mode);

}  // namespace emu
