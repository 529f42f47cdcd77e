#include "streams.h"

#include <algorithm>
#include <set>

#include "graphs.h"

namespace emu {

Stream null_stream;
std::vector<std::unique_ptr<Stream>> streams;
std::vector<OperationPtr> pending;

namespace {

constexpr size_t kMostPending = 4096;

thread_local Stream* per_thread = nullptr;
std::set<Event*> events;

u64 random_number() {
  static u64 state = options().seed * 0x9E3779B97F4A7C15ull + 1;
  state ^= state << 13, state ^= state >> 7;
  return state ^= state << 17;
}

void perform(const OperationPtr& operation) {
  if (operation->done) return;
  if (!broken) broken = operation->run();
  operation->done = true;
  operation->done_at = now_seconds();
  operation->after.clear();
  operation->run = nullptr;
  pending.erase(std::find(pending.begin(), pending.end(), operation));
}

bool is_runnable(const OperationPtr& operation) {
  return std::all_of(operation->after.begin(), operation->after.end(), [](auto& d) { return d->done; });
}

// An operation that may run, and often the next ones of its line.
void perform_random() {
  std::vector<OperationPtr> choices;
  std::copy_if(pending.begin(), pending.end(), std::back_inserter(choices), is_runnable);
  if (choices.empty()) return;
  const void* line = choices[random_number() % choices.size()]->line;
  do {
    auto next = std::find_if(pending.begin(), pending.end(), [&](auto& operation) {
      return operation->line == line && is_runnable(operation);
    });
    if (next == pending.end()) return;
    perform(OperationPtr(*next));
  } while (random_number() % 4);
}

void force(const OperationPtr& operation) {
  if (options().streams == StreamOrder::kRandom) {
    while (operation && !operation->done) perform_random();
  }
  std::vector<OperationPtr> stack;
  if (operation && !operation->done) stack.push_back(operation);
  while (!stack.empty()) {
    const OperationPtr top = stack.back();
    auto missing = std::find_if(top->after.begin(), top->after.end(), [](auto& d) { return !d->done; });
    if (missing != top->after.end()) {
      stack.push_back(*missing);
    } else {
      perform(top);
      stack.pop_back();
    }
  }
}

}  // namespace

Work Work::empty() {
  return plain(CU_GRAPH_NODE_TYPE_EMPTY, [] { return CUDA_SUCCESS; });
}
Work Work::memory(std::function<void()> change) {
  return plain(CU_GRAPH_NODE_TYPE_EMPTY, [change = std::move(change)] {
    change();
    return CUDA_SUCCESS;
  });
}
Work Work::plain(CUgraphNodeType type, Run run) {
  Work work;
  work.type = type;
  work.prepare = [run = std::move(run)] { return run; };
  return work;
}

Stream* find_stream(CUstream handle) {
  if (handle == nullptr || handle == CU_STREAM_LEGACY) return &null_stream;
  if (handle == CU_STREAM_PER_THREAD) {
    if (!per_thread) {
      streams.push_back(std::make_unique<Stream>());
      per_thread = streams.back().get();
    }
    return per_thread;
  }
  for (auto& s : streams) {
    if (reinterpret_cast<CUstream>(s.get()) == handle && !s->destroyed) return s.get();
  }
  fail(CUDA_ERROR_INVALID_HANDLE, "%p is not a live stream", static_cast<void*>(handle));
  return nullptr;
}

CUstream create_stream(bool blocking, int priority) {
  auto is_gone = [](auto& s) { return s->destroyed && (!s->last || s->last->done); };
  streams.erase(std::remove_if(streams.begin(), streams.end(), is_gone), streams.end());
  streams.push_back(std::make_unique<Stream>());
  streams.back()->blocking = blocking;
  streams.back()->priority = priority;
  return reinterpret_cast<CUstream>(streams.back().get());
}

Event* find_event(CUevent handle) {
  auto e = reinterpret_cast<Event*>(handle);
  if (events.count(e)) return e;
  fail(CUDA_ERROR_INVALID_HANDLE, "%p is not a live event", static_cast<void*>(handle));
  return nullptr;
}

Event* create_event(unsigned flags) {
  return *events.insert(new Event{flags, nullptr, nullptr, {}}).first;
}

void destroy_event(Event* e) {
  events.erase(e);
  delete e;
}

OperationPtr enqueue_after(const void* line, const Work& work, const std::vector<OperationPtr>& after) {
  auto operation = std::make_shared<Operation>();
  operation->run = work.prepare();
  operation->line = line;
  for (auto& d : after) {
    if (d && !d->done) operation->after.push_back(d);
  }
  operation->host = work.host;
  pending.push_back(operation);
  if (options().streams == StreamOrder::kEager) force(operation);
  if (options().streams == StreamOrder::kRandom && random_number() % 5 == 0) perform_random();
  if (pending.size() > kMostPending) force(pending.front());
  return operation;
}

OperationPtr enqueue(Stream* s, const Work& work, const std::vector<OperationPtr>& also) {
  std::vector<OperationPtr> after = also;
  after.push_back(s->last);
  if (s == &null_stream) {
    for (auto& other : streams) {
      if (other->blocking) after.push_back(other->last);
    }
  } else if (s->blocking) {
    after.push_back(null_stream.last);
  }
  return s->last = enqueue_after(s, work, after);
}

CUresult submit(Stream* s, Work work, OperationPtr* out) {
  if (s->capture) return capture_work(*s, std::move(work));
  if (s == &null_stream) EMU_TRY(refuse_null_stream());
  OperationPtr operation = enqueue(s, work);
  if (out) *out = operation;
  return broken;
}

CUresult advance(const OperationPtr& operation) {
  if (!operation || operation->done) return broken;
  if (options().streams == StreamOrder::kRandom) {
    perform_random();
  } else {
    OperationPtr first = operation;
    while (!is_runnable(first)) {
      first = *std::find_if(first->after.begin(), first->after.end(), [](auto& d) { return !d->done; });
    }
    perform(first);
  }
  return broken ? broken : operation->done ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}

CUresult finish(OperationPtr operation) {
  force(operation);
  return broken;
}

// The newest first: what nothing orders runs in another order than it was queued in.
void run_all() {
  while (!pending.empty()) force(pending.back());
}

void drop_all() {
  pending.clear();
  null_stream.last = nullptr;
  for (auto& s : streams) s->last = nullptr;
}

bool host_memory_in_use(const void* bytes, size_t size, bool writes_only) {
  auto p = static_cast<const char*>(bytes);
  return std::any_of(pending.begin(), pending.end(), [&](auto& o) {
    const HostUse& use = o->host;
    return use.bytes && (use.written || !writes_only) && p < use.bytes + use.size && use.bytes < p + size;
  });
}

}  // namespace emu
