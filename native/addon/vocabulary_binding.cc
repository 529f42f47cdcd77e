#include "addon/vocabulary_binding.h"

#include <algorithm>
#include <exception>
#include <memory>
#include <string>

#include "addon/criteo_conversion.h"
#include "criteo/id_resolver.h"
#include "criteo/pending_round.h"
#include "criteo/rare_values.h"

namespace pss::addon {

namespace {

size_t jobs_of(const Napi::Object& options) {
  return std::max<size_t>(1, options.Get("jobs").As<Napi::Number>().Uint32Value());
}

// Calls the work, and throws what goes wrong as a JavaScript error.
template <typename Work>
auto translating_errors(Napi::Env env, const Work& work) {
  try {
    return work();
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw current_criteo_error(env);
  }
}

class IdCounter : public Napi::ObjectWrap<IdCounter> {
 public:
  static void define(Napi::Env env, Napi::Object exports) {
    exports.Set("IdCounter", DefineClass(env, "IdCounter",
                                         {InstanceMethod<&IdCounter::add>("add"),
                                          InstanceMethod<&IdCounter::finish>("finish")}));
  }

  explicit IdCounter(const Napi::CallbackInfo& info) : Napi::ObjectWrap<IdCounter>(info) {
    const auto options = info[0].As<Napi::Object>();
    counter_ = translating_errors(info.Env(), [&] {
      return std::make_unique<criteo::IdCounter>(options.Get("folder").As<Napi::String>(), jobs_of(options),
                                                 counts_from_js(options.Get("ids")));
    });
  }

 private:
  void add(const Napi::CallbackInfo& info) {
    const auto sparse = info[0].As<Napi::Uint32Array>();
    translating_errors(info.Env(),
                       [&] { counter_->add(sparse.Data(), sparse.ElementLength() / criteo::kNumTables); });
  }

  Napi::Value finish(const Napi::CallbackInfo& info) {
    return translating_errors(info.Env(), [&]() -> Napi::Value {
      return counts_to_js(info.Env(), counter_->finish(info[0].As<Napi::Number>().Uint32Value()));
    });
  }

  std::unique_ptr<criteo::IdCounter> counter_;
};

class IdResolver : public Napi::ObjectWrap<IdResolver> {
 public:
  static void define(Napi::Env env, Napi::Object exports) {
    exports.Set("IdResolver", DefineClass(env, "IdResolver",
                                          {InstanceMethod<&IdResolver::resolve>("resolve"),
                                           InstanceMethod<&IdResolver::used>("used")}));
  }

  explicit IdResolver(const Napi::CallbackInfo& info) : Napi::ObjectWrap<IdResolver>(info) {
    const auto object = info[0].As<Napi::Object>();
    criteo::IdResolverOptions options{object.Get("folder").As<Napi::String>(),
                                      jobs_of(object),
                                      object.Get("remap").As<Napi::Boolean>().Value(),
                                      {}};
    const auto used = object.Get("used").As<Napi::Array>();
    for (uint32_t column = 0; column < options.used.size(); ++column) {
      const auto rounds = used.Get(column).As<Napi::Array>();
      for (uint32_t round = 0; round < rounds.Length(); ++round) {
        options.used[column].push_back(
            static_cast<uint64_t>(rounds.Get(round).As<Napi::Number>().Int64Value()));
      }
    }
    resolver_ = translating_errors(info.Env(), [&] { return std::make_unique<criteo::IdResolver>(options); });
  }

 private:
  void resolve(const Napi::CallbackInfo& info) {
    auto sparse = info[0].As<Napi::Uint32Array>();
    translating_errors(
        info.Env(), [&] { resolver_->resolve(sparse.Data(), sparse.ElementLength() / criteo::kNumTables); });
  }

  Napi::Value used(const Napi::CallbackInfo& info) {
    auto columns = Napi::Array::New(info.Env());
    for (const auto& rounds : resolver_->used()) {
      auto entry = Napi::Array::New(info.Env());
      for (const uint64_t used : rounds) entry.Set(entry.Length(), static_cast<double>(used));
      columns.Set(columns.Length(), entry);
    }
    return columns;
  }

  std::unique_ptr<criteo::IdResolver> resolver_;
};

class RoundWorker : public Napi::AsyncWorker {
 public:
  RoundWorker(Napi::Env env, criteo::PendingRound round)
      : Napi::AsyncWorker(env, "pss.numberPending"), deferred_(env), round_(std::move(round)) {}

  Napi::Promise promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override {
    try {
      result_ = criteo::number_pending(round_);
    } catch (...) {
      error_ = std::current_exception();
    }
  }

  void OnOK() override {
    if (error_ != nullptr) {
      try {
        std::rethrow_exception(error_);
      } catch (...) {
        deferred_.Reject(current_criteo_error(Env()).Value());
      }
      return;
    }
    auto result = Napi::Object::New(Env());
    result.Set("values", static_cast<double>(result_.values));
    result.Set("pending", static_cast<double>(result_.pending));
    deferred_.Resolve(result);
  }

 private:
  Napi::Promise::Deferred deferred_;
  criteo::PendingRound round_;
  criteo::RoundResult result_{};
  std::exception_ptr error_;
};

Napi::Value number_pending(const Napi::CallbackInfo& info) {
  const auto options = info[0].As<Napi::Object>();
  const auto number = [&](const char* key) { return options.Get(key).As<Napi::Number>(); };
  const std::string folder = options.Get("folder").As<Napi::String>();
  auto* worker = new RoundWorker(
      info.Env(),
      {folder + '/' + std::to_string(number("column").Uint32Value()), number("round").Uint32Value(),
       static_cast<uint64_t>(number("firstId").Int64Value()),
       static_cast<uint64_t>(number("memoryBytes").Int64Value()), number("minCount").Uint32Value()});
  worker->Queue();
  return worker->promise();
}

}  // namespace

void register_vocabulary(Napi::Env env, Napi::Object exports) {
  IdCounter::define(env, exports);
  IdResolver::define(env, exports);
  exports.Set("numberPending", Napi::Function::New(env, number_pending, "numberPending"));
}

}  // namespace pss::addon
