#include "addon/criteo_binding.h"

#include <algorithm>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "addon/criteo_conversion.h"
#include "criteo/pipeline.h"

namespace pss::addon {

namespace {

using criteo::Pipeline;

template <typename T>
T* batch_memory(const Napi::Object& buffer, const char* key, napi_typedarray_type type, size_t length) {
  const Napi::Value value = buffer.Get(key);
  if (value.IsTypedArray()) {
    auto array = value.As<Napi::TypedArrayOf<T>>();
    if (array.TypedArrayType() == type && array.ElementLength() == length) return array.Data();
  }
  throw Napi::TypeError::New(buffer.Env(), std::string("buffers: ") + key + " has the wrong type or length");
}

class CriteoReader;

// What a late call from the pipeline's threads still finds when the object is gone.
struct ReaderLink {
  CriteoReader* reader;
};

// JavaScript drives it from one thread; the pipeline's threads only ever call `notify_`. The typed arrays
// they write to are pinned by `buffers_` from construction until the threads have ended.
class CriteoReader : public Napi::ObjectWrap<CriteoReader> {
 public:
  static void define(Napi::Env env, Napi::Object exports) {
    exports.Set("CriteoReader", DefineClass(env, "CriteoReader",
                                            {
                                                InstanceMethod<&CriteoReader::next>("next"),
                                                InstanceMethod<&CriteoReader::release>("release"),
                                                InstanceMethod<&CriteoReader::summary>("summary"),
                                                InstanceMethod<&CriteoReader::sketches>("sketches"),
                                                InstanceMethod<&CriteoReader::close>("close"),
                                            }));
  }

  explicit CriteoReader(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<CriteoReader>(info), env_(info.Env()) {
    criteo::PipelineOptions options = parse_options(info[0].As<Napi::Object>());
    notify_ = Notifier::New(env_, "pss.CriteoReader", 0, 1, new std::shared_ptr<ReaderLink>(link_),
                            forget_link, static_cast<void*>(nullptr));
    notify_.Unref(env_);
    // Registered after the notifier's own, so at exit it runs first and no thread is left to call a dead
    // notifier.
    napi_add_env_cleanup_hook(env_, on_exit, this);
    try {
      pipeline_ = std::make_unique<Pipeline>(std::move(options), [this] { notify_.NonBlockingCall(); });
    } catch (...) {
      const Napi::Error error = current_criteo_error(env_);
      shut();
      throw error;
    }
  }

  ~CriteoReader() override {
    link_->reader = nullptr;
    shut();
  }

 private:
  using Link = std::shared_ptr<ReaderLink>;
  static void settle(Napi::Env env, Napi::Function, Link* link, void*) {
    // Without an environment the call is only being discarded, and the link is gone already.
    if (env == nullptr) return;
    CriteoReader* reader = (*link)->reader;
    if (reader == nullptr) return;
    try {
      reader->answer();
    } catch (const Napi::Error&) {
      // A worker thread that is being terminated runs no JavaScript any more, so there is nobody left to
      // answer.
    }
  }
  static void forget_link(Napi::Env, void*, Link* link) { delete link; }
  using Notifier = Napi::TypedThreadSafeFunction<Link, void, settle>;

  static void on_exit(void* data) {
    auto* reader = static_cast<CriteoReader*>(data);
    reader->exiting_ = true;
    reader->pipeline_.reset();
  }

  static criteo::IdEncoderOptions parse_encoder(const Napi::Object& options) {
    const auto start = options.Get("start").As<Napi::Object>();
    return {options.Get("folder").As<Napi::String>(),
            static_cast<uint64_t>(options.Get("memoryBytes").As<Napi::Number>().Int64Value()),
            {counts_from_js(start.Get("values")), counts_from_js(start.Get("pending"))}};
  }

  criteo::PipelineOptions parse_options(const Napi::Object& options) {
    criteo::PipelineOptions result;
    const auto inputs = options.Get("inputs").As<Napi::Array>();
    for (uint32_t i = 0; i < inputs.Length(); ++i) {
      result.inputs.push_back(inputs.Get(i).As<Napi::String>().Utf8Value());
    }
    result.jobs = std::max<size_t>(1, options.Get("jobs").As<Napi::Number>().Uint32Value());
    const std::string dense = options.Get("dense").As<Napi::String>();
    result.parse.dense = dense == "dlrm"   ? criteo::DenseProfile::kDlrm
                         : dense == "log3" ? criteo::DenseProfile::kLog3
                                           : criteo::DenseProfile::kNone;
    result.parse.max_index = options.Get("maxIndex").As<Napi::Number>().Uint32Value();
    result.parse.max_line_bytes = options.Get("maxLineBytes").As<Napi::Number>().Uint32Value();
    if (const Napi::Value encoder = options.Get("encoder"); encoder.IsObject()) {
      result.encoder = parse_encoder(encoder.As<Napi::Object>());
      encodes_ = true;
    }
    if (const Napi::Value start = options.Get("start"); start.IsObject()) {
      result.start = position_from_js(start.As<Napi::Object>());
    }
    if (const Napi::Value seen = options.Get("seen"); seen.IsTypedArray()) {
      result.seen = sketches_from_js(seen.As<Napi::Uint8Array>());
    }
    result.max_bad_fraction = options.Get("maxBadFraction").As<Napi::Number>().DoubleValue();
    const double max_bad_rows = options.Get("maxBadRows").As<Napi::Number>().DoubleValue();
    if (max_bad_rows < 9e15) result.max_bad_rows = static_cast<uint64_t>(std::max(0.0, max_bad_rows));
    result.block_bytes = std::max(1u, options.Get("blockBytes").As<Napi::Number>().Uint32Value());
    result.batch_rows = std::max(1u, options.Get("batchRows").As<Napi::Number>().Uint32Value());

    const auto buffers = options.Get("buffers").As<Napi::Array>();
    for (uint32_t i = 0; i < buffers.Length(); ++i) {
      const auto buffer = buffers.Get(i).As<Napi::Object>();
      result.slots.push_back(
          {batch_memory<uint8_t>(buffer, "label", napi_uint8_array, result.batch_rows),
           batch_memory<float>(buffer, "dense", napi_float32_array, result.batch_rows * criteo::kNumDense),
           batch_memory<uint32_t>(buffer, "sparse", napi_uint32_array,
                                  result.batch_rows * criteo::kNumTables)});
      for (const char* key : {"label", "dense", "sparse"}) {
        buffers_.push_back(Napi::Persistent(buffer.Get(key).As<Napi::Object>()));
      }
    }
    if (result.slots.empty()) throw Napi::TypeError::New(env_, "buffers: at least one is needed");
    return result;
  }

  Napi::Value next(const Napi::CallbackInfo&) {
    auto deferred = Napi::Promise::Deferred::New(env_);
    if (pipeline_ == nullptr) {
      deferred.Reject(make_criteo_error(env_, "ERR_CLOSED", "The reader is closed.").Value());
    } else if (pending_) {
      deferred.Reject(
          make_criteo_error(env_, "ERR_BUSY", "next() was called again before it settled.").Value());
    } else {
      pending_ = deferred;
      // A promise that waits keeps the process and this object alive.
      notify_.Ref(env_);
      Ref();
      answer();
    }
    return deferred.Promise();
  }

  // Settles the waiting promise when the pipeline has an answer for it.
  void answer() {
    if (!pending_ || pipeline_ == nullptr) return;
    criteo::Batch batch;
    switch (pipeline_->poll(&batch)) {
      case Pipeline::State::kWaiting:
        return;
      case Pipeline::State::kBatch:
        take_pending().Resolve(batch_to_js(env_, batch, encodes_));
        return;
      case Pipeline::State::kEnded:
        take_pending().Resolve(env_.Null());
        return;
      case Pipeline::State::kFailed:
        take_pending().Reject(error_to_js().Value());
        return;
    }
  }

  Napi::Promise::Deferred take_pending() {
    const Napi::Promise::Deferred deferred = *pending_;
    pending_.reset();
    notify_.Unref(env_);
    Unref();
    return deferred;
  }

  Napi::Error error_to_js() {
    try {
      pipeline_->rethrow();
    } catch (...) {
      return current_criteo_error(env_);
    }
  }

  void release(const Napi::CallbackInfo& info) {
    if (pipeline_ != nullptr) pipeline_->release(info[0].As<Napi::Number>().Uint32Value());
  }

  Pipeline& open_pipeline() {
    if (pipeline_ == nullptr) throw make_criteo_error(env_, "ERR_CLOSED", "The reader is closed.");
    return *pipeline_;
  }

  Napi::Value summary(const Napi::CallbackInfo&) { return summary_to_js(env_, open_pipeline().summary()); }

  Napi::Value sketches(const Napi::CallbackInfo&) { return sketches_to_js(env_, open_pipeline().sketches()); }

  void close(const Napi::CallbackInfo&) {
    const bool waiting = pending_.has_value();
    pipeline_.reset();
    if (waiting)
      take_pending().Reject(make_criteo_error(env_, "ERR_CLOSED", "The reader was closed.").Value());
    shut();
  }

  void shut() {
    pipeline_.reset();
    buffers_.clear();
    if (shut_ || exiting_) return;
    shut_ = true;
    napi_remove_env_cleanup_hook(env_, on_exit, this);
    notify_.Release();
  }

  Napi::Env env_;
  Link link_ = std::make_shared<ReaderLink>(this);
  Notifier notify_;
  std::vector<Napi::ObjectReference> buffers_;
  std::unique_ptr<Pipeline> pipeline_;
  std::optional<Napi::Promise::Deferred> pending_;
  bool encodes_ = false;
  bool exiting_ = false;
  bool shut_ = false;
};

Napi::Value estimate_distinct(const Napi::CallbackInfo& info) {
  const auto sketches = sketches_from_js(info[0].As<Napi::Uint8Array>());
  std::array<uint64_t, criteo::kNumTables> distinct{};
  for (size_t column = 0; column < distinct.size(); ++column)
    distinct[column] = (*sketches)[column].estimate();
  return counts_to_js(info.Env(), distinct);
}

}  // namespace

void register_criteo(Napi::Env env, Napi::Object exports) {
  CriteoReader::define(env, exports);
  exports.Set("estimateDistinct", Napi::Function::New(env, estimate_distinct, "estimateDistinct"));
}

}  // namespace pss::addon
