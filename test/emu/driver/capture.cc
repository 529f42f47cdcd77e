#include <algorithm>
#include <set>
#include <utility>

#include "graphs.h"

namespace emu {
namespace {

std::vector<std::shared_ptr<Capture>> captures;  // under way
u64 capture_count = 0;
thread_local CUstreamCaptureMode thread_mode = CU_STREAM_CAPTURE_MODE_GLOBAL;

template <class F>
void for_each_stream(F f) {
  f(null_stream);
  for (auto& s : streams) f(*s);
}

void invalidate(Capture& capture) {
  capture.invalid = true;
}

void close(const std::shared_ptr<Capture>& capture) {
  for_each_stream([&](Stream& s) {
    if (s.capture != capture) return;
    s.capture = nullptr;
    s.frontier.clear();
  });
  captures.erase(std::find(captures.begin(), captures.end(), capture));
}

CUresult invalidated() {
  return fail(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED,
              "the stream's capture was invalidated by an earlier call");
}

void merge(std::vector<NodePtr>& into, const std::vector<NodePtr>& more) {
  for (auto& node : more) {
    if (std::find(into.begin(), into.end(), node) == into.end()) into.push_back(node);
  }
}

}  // namespace

CUresult capture_work(Stream& s, Work work) {
  if (s.capture->invalid) return invalidated();
  auto node = std::make_shared<Node>(Node{std::move(work), s.frontier, &s});
  s.capture->graph.nodes.push_back(node);
  s.frontier = {node};
  return CUDA_SUCCESS;
}

CUresult capture_record(Stream& s, Event& e) {
  if (s.capture->invalid) return invalidated();
  e.operation = nullptr;
  e.capture = s.capture;
  e.frontier = s.frontier;
  return CUDA_SUCCESS;
}

CUresult capture_wait(Stream& s, Event& e) {
  if (s.capture && s.capture->invalid) return invalidated();
  if (!e.capture) {
    invalidate(*s.capture);
    return fail(CUDA_ERROR_STREAM_CAPTURE_ISOLATION,
                "a capturing stream waits for an event that was recorded outside the capture");
  }
  if (std::find(captures.begin(), captures.end(), e.capture) == captures.end()) {
    return fail(CUDA_ERROR_CAPTURED_EVENT,
                "cuStreamWaitEvent: the event was recorded in a capture that has ended");
  }
  if (s.capture && s.capture != e.capture) {
    invalidate(*s.capture);
    invalidate(*e.capture);
    return fail(CUDA_ERROR_STREAM_CAPTURE_MERGE, "cuStreamWaitEvent would join two captures");
  }
  if (&s == &null_stream) {
    invalidate(*e.capture);
    return fail(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, "the null stream can't take part in a capture");
  }
  s.capture = e.capture;
  merge(s.frontier, e.frontier);
  return CUDA_SUCCESS;
}

void abandon_capture(Stream& s) {
  if (s.capture->origin == &s) {
    close(s.capture);
    return;
  }
  invalidate(*s.capture);
  s.capture = nullptr;
}

CUresult refuse_in_capture(Stream& s, const char* call) {
  invalidate(*s.capture);
  return fail(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "%s while the stream is capturing", call);
}

CUresult refuse_while_capturing(const char* call) {
  if (thread_mode == CU_STREAM_CAPTURE_MODE_RELAXED) return CUDA_SUCCESS;
  for (auto& capture : captures) {
    const bool own = capture->thread == std::this_thread::get_id();
    const bool forbids = capture->mode == CU_STREAM_CAPTURE_MODE_GLOBAL
                             ? own || thread_mode == CU_STREAM_CAPTURE_MODE_GLOBAL
                             : own && capture->mode == CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
    if (!forbids) continue;
    invalidate(*capture);
    return fail(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "%s while a stream is capturing", call);
  }
  return CUDA_SUCCESS;
}

CUresult refuse_any_capture(const char* call) {
  if (captures.empty()) return CUDA_SUCCESS;
  for (auto& capture : captures) invalidate(*capture);
  return fail(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "%s while a stream is capturing", call);
}

CUresult refuse_null_stream() {
  CUresult result = CUDA_SUCCESS;
  for_each_stream([&](Stream& s) {
    if (!s.capture || !s.blocking || s.capture->mode == CU_STREAM_CAPTURE_MODE_RELAXED) return;
    invalidate(*s.capture);
    result = fail(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT,
                  "work on the null stream would wait for a stream that is capturing");
  });
  return result;
}

CUresult refuse_captured_event(const char* call) {
  return fail(CUDA_ERROR_CAPTURED_EVENT,
              "%s: the event was last recorded in a capture, where it never happens", call);
}

CUresult begin_capture(Stream& s, CUstreamCaptureMode mode) {
  if (&s == &null_stream) {
    return fail(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "the null stream can't be captured");
  }
  if (s.capture)
    return fail(CUDA_ERROR_ILLEGAL_STATE, "cuStreamBeginCapture: the stream is capturing already");
  s.capture = std::make_shared<Capture>();
  s.capture->origin = &s;
  s.capture->mode = mode;
  s.capture->thread = std::this_thread::get_id();
  s.capture->id = ++capture_count;
  captures.push_back(s.capture);
  return CUDA_SUCCESS;
}

CUresult end_capture(Stream& s, Graph** out) {
  *out = nullptr;
  if (!s.capture) return fail(CUDA_ERROR_ILLEGAL_STATE, "cuStreamEndCapture: the stream is not capturing");
  const std::shared_ptr<Capture> capture = s.capture;
  if (capture->origin != &s) {
    invalidate(*capture);
    return fail(CUDA_ERROR_STREAM_CAPTURE_UNMATCHED,
                "cuStreamEndCapture: the capture began on another stream");
  }
  if (capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED && capture->thread != std::this_thread::get_id()) {
    return fail(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD,
                "cuStreamEndCapture: the capture began on another thread");
  }
  const std::vector<NodePtr> frontier = s.frontier;
  close(capture);
  if (capture->invalid) return invalidated();
  std::set<NodePtr> ends(capture->graph.nodes.begin(), capture->graph.nodes.end());
  for (auto& node : capture->graph.nodes) {
    for (auto& d : node->after) ends.erase(d);
  }
  for (auto& node : frontier) ends.erase(node);
  if (!ends.empty()) {
    return fail(CUDA_ERROR_STREAM_CAPTURE_UNJOINED,
                "cuStreamEndCapture: work of another stream was not joined to the one the capture began on "
                "(cuStreamWaitEvent is missing)");
  }
  *out = new Graph(std::move(capture->graph));
  return CUDA_SUCCESS;
}

CUstreamCaptureStatus capture_status(const Stream& s) {
  return !s.capture           ? CU_STREAM_CAPTURE_STATUS_NONE
         : s.capture->invalid ? CU_STREAM_CAPTURE_STATUS_INVALIDATED
                              : CU_STREAM_CAPTURE_STATUS_ACTIVE;
}

CUstreamCaptureMode exchange_thread_mode(CUstreamCaptureMode mode) {
  return std::exchange(thread_mode, mode);
}

}  // namespace emu
