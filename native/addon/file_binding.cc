#include "addon/file_binding.h"

#include <exception>

#include "addon/criteo_conversion.h"
#include "criteo/write_behind.h"

namespace pss::addon {

namespace {

class WriteBehindWorker : public Napi::AsyncWorker {
 public:
  WriteBehindWorker(Napi::Env env, int descriptor, uint64_t from, uint64_t to, uint64_t keep_from)
      : Napi::AsyncWorker(env, "pss.writeBehind"),
        deferred_(env),
        descriptor_(descriptor),
        from_(from),
        to_(to),
        keep_from_(keep_from) {}

  Napi::Promise promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override {
    try {
      criteo::write_behind(descriptor_, from_, to_, keep_from_);
    } catch (...) {
      error_ = std::current_exception();
    }
  }

  void OnOK() override {
    if (error_ == nullptr) {
      deferred_.Resolve(Env().Undefined());
      return;
    }
    try {
      std::rethrow_exception(error_);
    } catch (...) {
      deferred_.Reject(current_criteo_error(Env()).Value());
    }
  }

 private:
  Napi::Promise::Deferred deferred_;
  int descriptor_;
  uint64_t from_, to_, keep_from_;
  std::exception_ptr error_;
};

Napi::Value write_behind(const Napi::CallbackInfo& info) {
  const auto offset = [&](size_t i) {
    return static_cast<uint64_t>(info[i].As<Napi::Number>().Int64Value());
  };
  auto* worker = new WriteBehindWorker(info.Env(), info[0].As<Napi::Number>().Int32Value(), offset(1),
                                       offset(2), offset(3));
  worker->Queue();
  return worker->promise();
}

}  // namespace

void register_files(Napi::Env env, Napi::Object exports) {
  exports.Set("writeBehind", Napi::Function::New(env, write_behind, "writeBehind"));
}

}  // namespace pss::addon
