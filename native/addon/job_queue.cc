#include "addon/job_queue.h"

#include <new>
#include <utility>

#include "addon/graph_conversion.h"
#include "base/error.h"

namespace pss {

JobQueue::JobQueue(Napi::Env env, const GraphSpec& graph, const EngineOptions& options)
    : env_(env), engine_(std::make_unique<Engine>(graph, options)) {
  napi_create_threadsafe_function(env, nullptr, nullptr, Napi::String::New(env, "pss engine"), 0, 1, nullptr,
                                  nullptr, this, settle, &settle_);
  // An idle engine must not keep the process alive; pending jobs do (see post).
  napi_unref_threadsafe_function(env, settle_);
  napi_add_env_cleanup_hook(env, stop_at_exit, this);
  // The garbage collector should know what an engine weighs.
  run_now([this](Program& program) {
    held_bytes_ =
        program.store().parameter_bytes() + program.store().state_bytes() + program.activation_bytes();
  });
  Napi::MemoryManagement::AdjustExternalMemory(env, held_bytes_);
}

JobQueue::~JobQueue() {
  shut_down();
}

// The process or worker ends, possibly in mid-step. Node takes the thread-safe function down itself.
void JobQueue::stop_at_exit(void* data) {
  static_cast<JobQueue*>(data)->engine_.reset();
}

void JobQueue::shut_down() {
  if (!engine_) return;
  engine_.reset();
  Napi::MemoryManagement::AdjustExternalMemory(env_, -held_bytes_);
  napi_remove_env_cleanup_hook(env_, stop_at_exit, this);
  napi_release_threadsafe_function(settle_, napi_tsfn_release);
}

void JobQueue::run_now(const std::function<void(Program&)>& job) {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  engine_->post([&](Program& program) {
    job(program);
    const std::lock_guard lock(mutex);
    done = true;
    changed.notify_all();
  });
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return done; });
}

// Without an environment the process is ending, and nobody waits any more.
void JobQueue::settle(napi_env raw_env, napi_value, void* context, void* data) {
  const std::unique_ptr<Completion> completion(static_cast<Completion*>(data));
  if (!raw_env) return;
  const Napi::Env env(raw_env);
  const Napi::HandleScope scope(env);
  auto* self = static_cast<JobQueue*>(context);
  const auto found = self->pending_.find(completion->job);
  Pending pending = std::move(found->second);
  self->pending_.erase(found);
  if (pending.exclusive) self->busy_ = false;
  if (self->pending_.empty()) napi_unref_threadsafe_function(env, self->settle_);
  if (!completion->error_code.empty()) {
    pending.deferred.Reject(to_js_error(env, completion->error_code, completion->error_message).Value());
  } else {
    pending.deferred.Resolve(completion->value ? completion->value(env, pending.held.Value())
                                               : env.Undefined());
  }
}

Napi::Value JobQueue::post(const Napi::Value& owner, const std::vector<Napi::Value>& pins, bool exclusive,
                           Work work) {
  const Napi::Promise::Deferred deferred = Napi::Promise::Deferred::New(env_);
  if (disposed()) {
    deferred.Reject(to_js_error(env_, "ERR_DISPOSED", "The engine was disposed; make a new one.").Value());
    return deferred.Promise();
  }
  if (exclusive && busy_) {
    deferred.Reject(
        to_js_error(env_, "ERR_BUSY", "The engine is still working; await the call before the next one.")
            .Value());
    return deferred.Promise();
  }
  const uint64_t job = next_job_++;
  Napi::Object held = Napi::Object::New(env_);
  held.Set("owner", owner);
  for (size_t i = 0; i < pins.size(); i++) held.Set(static_cast<uint32_t>(i), pins[i]);
  if (pending_.empty()) napi_ref_threadsafe_function(env_, settle_);
  pending_.emplace(job, Pending{deferred, Napi::Persistent(held), exclusive});
  if (exclusive) busy_ = true;
  engine_->post([settle = settle_, job, work = std::move(work)](Program& program) {
    auto completion = std::make_unique<Completion>();
    completion->job = job;
    try {
      completion->value = work(program);
    } catch (const Error& error) {
      completion->error_code = error.code();
      completion->error_message = error.what();
    } catch (const std::bad_alloc&) {
      completion->error_code = "ERR_MEMORY";
      completion->error_message = "Out of memory.";
    } catch (const std::exception& error) {
      completion->error_code = "ERR_NATIVE";
      completion->error_message = error.what();
    }
    if (napi_call_threadsafe_function(settle, completion.get(), napi_tsfn_nonblocking) == napi_ok)
      completion.release();
  });
  return deferred.Promise();
}

Napi::Value JobQueue::dispose(const Napi::Value& owner) {
  if (disposed_) return disposal_.Value();
  const Napi::Value promise = post(owner, {}, false, [this](Program&) {
    return [this](Napi::Env env, Napi::Object) -> Napi::Value {
      shut_down();
      return env.Undefined();
    };
  });
  disposed_ = true;
  disposal_ = Napi::Persistent(promise.As<Napi::Object>());
  return promise;
}

}  // namespace pss
