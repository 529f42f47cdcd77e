#include "addon/criteo_binding.h"

#include <algorithm>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "criteo/criteo_error.h"
#include "criteo/pipeline.h"

namespace pss::addon {

namespace {

using criteo::Pipeline;

Napi::Error make_error(Napi::Env env, const char* code, const std::string& message,
                       const std::string& file = "") {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", code);
  if (!file.empty()) error.Set("file", file);
  return error;
}

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
    exports.Set("CriteoReader",
                DefineClass(env, "CriteoReader",
                            {
                                InstanceMethod<&CriteoReader::next>("next"),
                                InstanceMethod<&CriteoReader::release>("release"),
                                InstanceMethod<&CriteoReader::summary>("summary"),
                                InstanceMethod<&CriteoReader::table_sizes>("tableSizes"),
                                InstanceMethod<&CriteoReader::read_vocabulary>("readVocabulary"),
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
    } catch (const std::exception& error) {
      shut();
      throw make_error(env_, "ERR_INTERNAL", error.what());
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
    result.vocabulary = options.Get("ids").As<Napi::String>().Utf8Value() == "vocab";
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
      deferred.Reject(make_error(env_, "ERR_CLOSED", "The reader is closed.").Value());
    } else if (pending_) {
      deferred.Reject(make_error(env_, "ERR_BUSY", "next() was called again before it settled.").Value());
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
        take_pending().Resolve(to_js(batch));
        return;
      case Pipeline::State::kEnded:
        finished_ = true;
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

  Napi::Object to_js(const criteo::Batch& batch) {
    auto result = Napi::Object::New(env_);
    result.Set("slot", batch.slot);
    result.Set("rows", batch.rows);
    result.Set("clicks", static_cast<double>(batch.clicks));
    result.Set("bytesRead", static_cast<double>(batch.bytes_read));
    auto segments = Napi::Array::New(env_, batch.segments.size());
    for (uint32_t i = 0; i < batch.segments.size(); ++i) {
      auto segment = Napi::Object::New(env_);
      segment.Set("input", batch.segments[i].file);
      segment.Set("rows", batch.segments[i].rows);
      segments.Set(i, segment);
    }
    result.Set("segments", segments);
    return result;
  }

  Napi::Error error_to_js() {
    try {
      pipeline_->rethrow();
    } catch (const criteo::CriteoError& error) {
      return make_error(env_, error.code(), error.what(), error.file());
    } catch (const std::bad_alloc&) {
      return make_error(env_, "ERR_MEMORY", "Memory ran out while reading rows.");
    } catch (const std::exception& error) {
      return make_error(env_, "ERR_INTERNAL", error.what());
    }
  }

  void release(const Napi::CallbackInfo& info) {
    if (pipeline_ != nullptr) pipeline_->release(info[0].As<Napi::Number>().Uint32Value());
  }

  Pipeline& open_pipeline() {
    if (pipeline_ == nullptr) throw make_error(env_, "ERR_CLOSED", "The reader is closed.");
    return *pipeline_;
  }

  Napi::Value summary(const Napi::CallbackInfo&) {
    const Pipeline& pipeline = open_pipeline();
    const criteo::Summary counts = pipeline.summary();
    auto result = Napi::Object::New(env_);
    auto files = Napi::Array::New(env_);
    for (const criteo::FileCounts& file : counts.files) {
      auto entry = Napi::Object::New(env_);
      entry.Set("rows", static_cast<double>(file.rows));
      entry.Set("rejected", static_cast<double>(file.rejected));
      entry.Set("truncated", file.truncated);
      files.Set(files.Length(), entry);
    }
    result.Set("inputs", files);
    auto reasons = Napi::Object::New(env_);
    for (size_t i = 0; i < counts.rejected.size(); ++i) {
      if (counts.rejected[i] == 0) continue;
      reasons.Set(criteo::reject_reason_name(static_cast<criteo::RejectReason>(i)),
                  static_cast<double>(counts.rejected[i]));
    }
    result.Set("rejected", reasons);
    auto samples = Napi::Array::New(env_);
    for (const criteo::Summary::Sample& sample : counts.samples) {
      auto entry = Napi::Object::New(env_);
      entry.Set("input", sample.file);
      entry.Set("line", static_cast<double>(sample.reject.line));
      entry.Set("reason", criteo::reject_reason_name(sample.reject.reason));
      entry.Set("excerpt", sample.reject.excerpt);
      samples.Set(samples.Length(), entry);
    }
    result.Set("samples", samples);
    return result;
  }

  const Pipeline& finished_pipeline() {
    const Pipeline& pipeline = open_pipeline();
    if (!finished_)
      throw make_error(env_, "ERR_BUSY", "The tables are known only once next() has answered null.");
    return pipeline;
  }

  Napi::Value table_sizes(const Napi::CallbackInfo&) {
    auto sizes = Napi::Array::New(env_);
    for (const uint64_t size : finished_pipeline().table_sizes()) {
      sizes.Set(sizes.Length(), static_cast<double>(size));
    }
    return sizes;
  }

  Napi::Value read_vocabulary(const Napi::CallbackInfo& info) {
    const size_t column = info[0].As<Napi::Number>().Uint32Value();
    const size_t from = info[1].As<Napi::Number>().Uint32Value();
    auto out = info[2].As<Napi::Uint32Array>();
    const Pipeline& pipeline = finished_pipeline();
    if (!pipeline.has_vocabulary() || column >= criteo::kNumTables) {
      throw Napi::RangeError::New(env_, "readVocabulary: no such dictionary");
    }
    const std::vector<uint32_t>& values = pipeline.vocabulary(column);
    const size_t first = std::min(from, values.size());
    const size_t count = std::min(values.size() - first, out.ElementLength());
    std::copy_n(values.begin() + static_cast<ptrdiff_t>(first), count, out.Data());
    return Napi::Number::New(env_, static_cast<double>(count));
  }

  void close(const Napi::CallbackInfo&) {
    const bool waiting = pending_.has_value();
    pipeline_.reset();
    if (waiting) take_pending().Reject(make_error(env_, "ERR_CLOSED", "The reader was closed.").Value());
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
  bool finished_ = false;
  bool exiting_ = false;
  bool shut_ = false;
};

}  // namespace

void register_criteo(Napi::Env env, Napi::Object exports) {
  CriteoReader::define(env, exports);
}

}  // namespace pss::addon
