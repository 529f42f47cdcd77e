#include "addon/synth_binding.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "synth/row_text.h"
#include "synth/synthesizer.h"

namespace pss::addon {

namespace {

using synth::Synthesizer;

// Runs on libuv's pool; pins the generator's object and the arrays it writes until it settles.
class Generation : public Napi::AsyncWorker {
 public:
  Generation(Napi::Env env, std::vector<Napi::Object> pins, bool* busy, std::function<int64_t()> work)
      : Napi::AsyncWorker(env),
        deferred_(Napi::Promise::Deferred::New(env)),
        busy_(busy),
        work_(std::move(work)) {
    for (const Napi::Object& pin : pins) pins_.push_back(Napi::Persistent(pin));
    *busy_ = true;
  }

  Napi::Promise promise() const { return deferred_.Promise(); }

  void Execute() override { result_ = work_(); }
  void OnOK() override {
    *busy_ = false;
    deferred_.Resolve(Napi::Number::New(Env(), static_cast<double>(result_)));
  }
  void OnError(const Napi::Error& error) override {
    *busy_ = false;
    deferred_.Reject(error.Value());
  }

 private:
  Napi::Promise::Deferred deferred_;
  std::vector<Napi::ObjectReference> pins_;
  bool* busy_;
  std::function<int64_t()> work_;
  int64_t result_ = 0;
};

class SynthRows : public Napi::ObjectWrap<SynthRows> {
 public:
  static void define(Napi::Env env, Napi::Object exports) {
    exports.Set("SynthRows", DefineClass(env, "SynthRows",
                                         {
                                             InstanceMethod<&SynthRows::fill>("fill"),
                                             InstanceMethod<&SynthRows::write>("write"),
                                             InstanceMethod<&SynthRows::summary>("summary"),
                                             InstanceAccessor<&SynthRows::day_rows>("dayRows"),
                                         }));
    exports.Set("synthMaxRowBytes", static_cast<double>(synth::kMaxRowBytes));
  }

  explicit SynthRows(const Napi::CallbackInfo& info) : Napi::ObjectWrap<SynthRows>(info) {
    const auto options = info[0].As<Napi::Object>();
    const std::string name = options.Get("profile").As<Napi::String>();
    const synth::Profile* profile = synth::find_profile(name);
    if (profile == nullptr) throw Napi::RangeError::New(info.Env(), "no such profile: " + name);
    const auto number = [&](const char* key) { return options.Get(key).As<Napi::Number>().Int64Value(); };
    const auto threads = static_cast<int>(std::clamp<int64_t>(number("jobs"), 1, 256));
    rows_ = std::make_unique<Synthesizer>(*profile, number("seed"), number("dayRows"), threads);
  }

 private:
  Napi::Value fill(const Napi::CallbackInfo& info) {
    check_idle(info.Env());
    const int64_t first = info[0].As<Napi::Number>().Int64Value(),
                  rows = info[1].As<Napi::Number>().Int64Value();
    const auto buffer = info[2].As<Napi::Object>();
    auto label = buffer.Get("label").As<Napi::Uint8Array>();
    auto dense = buffer.Get("dense").As<Napi::Float32Array>();
    auto sparse = buffer.Get("sparse").As<Napi::Uint32Array>();
    const auto room = static_cast<size_t>(rows);
    if (label.ElementLength() < room || dense.ElementLength() < room * synth::kNumDense ||
        sparse.ElementLength() < room * synth::kNumTables) {
      throw Napi::RangeError::New(info.Env(), "fill: the arrays are too short");
    }
    std::vector<Napi::Object> pins = {label, dense, sparse};
    float* logits = nullptr;
    if (buffer.Has("logit")) {
      auto logit = buffer.Get("logit").As<Napi::Float32Array>();
      if (logit.ElementLength() < room) throw Napi::RangeError::New(info.Env(), "fill: logit is too short");
      logits = logit.Data();
      pins.push_back(logit);
    }
    uint8_t* const labels = label.Data();
    float* const floats = dense.Data();
    uint32_t* const tokens = sparse.Data();
    return start(info, std::move(pins), [=, this] {
      rows_->fill(first, rows, labels, floats, tokens, logits);
      return rows;
    });
  }

  Napi::Value write(const Napi::CallbackInfo& info) {
    check_idle(info.Env());
    const int64_t first = info[0].As<Napi::Number>().Int64Value(),
                  rows = info[1].As<Napi::Number>().Int64Value();
    auto out = info[2].As<Napi::Uint8Array>();
    if (out.ElementLength() < static_cast<size_t>(rows) * synth::kMaxRowBytes) {
      throw Napi::RangeError::New(info.Env(), "write: the array is too short");
    }
    auto* const text = reinterpret_cast<char*>(out.Data());
    return start(info, {out}, [=, this] { return rows_->write(first, rows, text); });
  }

  void check_idle(Napi::Env env) const {
    if (!busy_) return;
    Napi::Error error = Napi::Error::New(env, "The generator was called again before it settled.");
    error.Set("code", "ERR_BUSY");
    throw error;
  }

  Napi::Value start(const Napi::CallbackInfo& info, std::vector<Napi::Object> pins,
                    std::function<int64_t()> work) {
    pins.push_back(info.This().As<Napi::Object>());
    auto* generation = new Generation(info.Env(), std::move(pins), &busy_, std::move(work));
    generation->Queue();
    return generation->promise();
  }

  Napi::Value summary(const Napi::CallbackInfo& info) {
    check_idle(info.Env());
    const Synthesizer::Summary summary = rows_->summary();
    auto result = Napi::Object::New(info.Env());
    result.Set("rows", static_cast<double>(summary.rows));
    result.Set("clicks", static_cast<double>(summary.clicks));
    auto distinct = Napi::Array::New(info.Env());
    for (const uint64_t count : summary.distinct) distinct.Set(distinct.Length(), static_cast<double>(count));
    result.Set("distinct", distinct);
    result.Set("bestAuc", summary.best_auc);
    result.Set("bestLogLoss", summary.best_log_loss);
    result.Set("baselineLogLoss", summary.baseline_log_loss);
    return result;
  }

  Napi::Value day_rows(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(rows_->day_rows()));
  }

  std::unique_ptr<Synthesizer> rows_;
  bool busy_ = false;
};

}  // namespace

void register_synth(Napi::Env env, Napi::Object exports) {
  SynthRows::define(env, exports);
}

}  // namespace pss::addon
