// Work on streams is queued, and runs only when something waits for it: an operation may run once those
// before it in its stream, and those it waits for through events, are done.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "state.h"

namespace emu {

// Host memory that an operation will read or write.
struct HostUse {
  const char* bytes = nullptr;
  size_t size = 0;
  bool written = false;
};

// Something to be done: on a stream once, or as a node of a graph at each of its launches.
struct Work {
  using Run = std::function<CUresult()>;
  CUgraphNodeType type = CU_GRAPH_NODE_TYPE_EMPTY;
  std::function<Run()> prepare;  // called when the work is queued; what it gives is called when it runs
  HostUse host;
  const void* subject = nullptr;  // the kernel: a graph's update may not change it

  static Work empty();
  static Work memory(std::function<void()> change);
  static Work plain(CUgraphNodeType type, Run run);
};

struct Operation {
  Work::Run run;
  std::vector<std::shared_ptr<Operation>> after;
  bool done = false;
  double done_at = 0;          // seconds
  const void* line = nullptr;  // its stream, or a branch of its graph
  HostUse host;
};
using OperationPtr = std::shared_ptr<Operation>;

struct Node;
struct Capture;
using NodePtr = std::shared_ptr<Node>;

struct Stream {
  bool blocking = true;  // waits for the null stream, and it for this one
  bool destroyed = false;
  int priority = 0;
  OperationPtr last;
  std::shared_ptr<Capture> capture;
  std::vector<NodePtr> frontier;  // while capturing: what the next node comes after
};
struct Event {
  unsigned flags;
  OperationPtr operation;
  std::shared_ptr<Capture> capture;  // recorded in a capture: what its waiters come after
  std::vector<NodePtr> frontier;
};

extern Stream null_stream;
extern std::vector<std::unique_ptr<Stream>> streams;
extern std::vector<OperationPtr> pending;  // in the order of the calls

Stream* find_stream(CUstream handle);  // null, and a message, when it is none
Event* find_event(CUevent handle);
CUstream create_stream(bool blocking, int priority);
Event* create_event(unsigned flags);
void destroy_event(Event* event);

// Queues work on a stream, or captures it.
CUresult submit(Stream* stream, Work work, OperationPtr* out = nullptr);
// Queues work on a stream that doesn't capture, after `also` too.
OperationPtr enqueue(Stream* stream, const Work& work, const std::vector<OperationPtr>& also = {});
// Queues work that comes after just these.
OperationPtr enqueue_after(const void* line, const Work& work, const std::vector<OperationPtr>& after);

CUresult finish(OperationPtr operation);          // runs it, and all that it waits for
CUresult advance(const OperationPtr& operation);  // for queries: one step, so that polling ends
void run_all();
void drop_all();  // the last context is gone

// Whether queued work will touch host memory; writes_only: only by writing.
bool host_memory_in_use(const void* bytes, size_t size, bool writes_only);

}  // namespace emu
