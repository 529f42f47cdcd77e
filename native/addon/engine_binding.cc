#include "addon/engine_binding.h"

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "addon/graph_conversion.h"
#include "addon/job_queue.h"
#include "base/error.h"

namespace pss {

namespace {

Napi::Float32Array float_array(Napi::Env env, const std::vector<float>& values) {
  Napi::Float32Array array = Napi::Float32Array::New(env, values.size());
  std::copy(values.begin(), values.end(), array.Data());
  return array;
}

Napi::Array tensor_list(Napi::Env env, const std::vector<NamedTensor>& tensors) {
  Napi::Array list = Napi::Array::New(env, tensors.size());
  for (size_t i = 0; i < tensors.size(); i++) {
    Napi::Object info = Napi::Object::New(env);
    Napi::Array shape = Napi::Array::New(env, tensors[i].shape.size());
    for (size_t d = 0; d < tensors[i].shape.size(); d++) {
      shape.Set(static_cast<uint32_t>(d), static_cast<double>(tensors[i].shape[d]));
    }
    info.Set("name", tensors[i].name);
    info.Set("shape", shape);
    info.Set("size", static_cast<double>(tensors[i].size()));
    list.Set(static_cast<uint32_t>(i), info);
  }
  return list;
}

template <typename Array>
Array typed_array(const Napi::Value& value, napi_typedarray_type type, const char* what) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) {
    throw Error("ERR_ARGUMENT", std::string(what) + " has the wrong type of array.");
  }
  return value.As<Array>();
}

}  // namespace

class EngineBinding : public Napi::ObjectWrap<EngineBinding> {
 public:
  static void define(Napi::Env env, Napi::Object exports) {
    exports.Set("Engine", DefineClass(env, "Engine",
                                      {InstanceMethod<&EngineBinding::train>("train"),
                                       InstanceMethod<&EngineBinding::predict>("predict"),
                                       InstanceMethod<&EngineBinding::trace>("trace"),
                                       InstanceMethod<&EngineBinding::parameters>("parameters"),
                                       InstanceMethod<&EngineBinding::optimizer_state>("optimizerState"),
                                       InstanceMethod<&EngineBinding::read>("read"),
                                       InstanceMethod<&EngineBinding::write>("write"),
                                       InstanceMethod<&EngineBinding::describe>("describe"),
                                       InstanceMethod<&EngineBinding::take_timings>("takeTimings"),
                                       InstanceMethod<&EngineBinding::dispose>("dispose")}));
  }

  explicit EngineBinding(const Napi::CallbackInfo& info) : Napi::ObjectWrap<EngineBinding>(info) {
    const Napi::Env env = info.Env();
    try {
      if (info.Length() < 2 || !info[0].IsObject() || !info[1].IsObject()) {
        throw Error("ERR_ARGUMENT", "Engine takes a graph and its options.");
      }
      const GraphSpec graph = graph_from_js(info[0].As<Napi::Object>());
      const EngineOptions options = options_from_js(info[1].As<Napi::Object>());
      num_dense_ = graph.num_dense;
      num_tables_ = graph.num_tables;
      jobs_ = std::make_unique<JobQueue>(env, graph, options);
    } catch (const Error& error) {
      throw to_js_error(env, error.code(), error.what());
    }
    // What never changes is read once, so that asking for it needs no job.
    jobs_->run_now([this](Program& program) {
      parameter_tensors_ = program.store().parameter_tensors();
      state_tensors_ = program.store().state_tensors();
      nodes_ = program.describe();
      isa_ = program.isa();
      threads_ = program.threads();
      parameter_bytes_ = program.store().parameter_bytes();
      state_bytes_ = program.store().state_bytes();
      activation_bytes_ = program.activation_bytes();
    });
  }

 private:
  // Argument errors reject the promise rather than throw, so that a caller has one place to look.
  template <typename Body>
  Napi::Value guarded(Napi::Env env, const Body& body) {
    try {
      return body();
    } catch (const Error& error) {
      Napi::Promise::Deferred deferred = Napi::Promise::Deferred::New(env);
      deferred.Reject(to_js_error(env, error.code(), error.what()).Value());
      return deferred.Promise();
    }
  }

  struct BatchArgument {
    Batch batch;
    std::vector<Napi::Value> pins;
  };
  BatchArgument batch_argument(const Napi::Value& value) const {
    if (!value.IsObject())
      throw Error("ERR_ARGUMENT", "A batch must be an object of labels, dense and sparse.");
    const auto object = value.As<Napi::Object>();
    const auto labels = typed_array<Napi::Uint8Array>(object.Get("labels"), napi_uint8_array, "labels");
    const auto dense = typed_array<Napi::Float32Array>(object.Get("dense"), napi_float32_array, "dense");
    const auto sparse = typed_array<Napi::Uint32Array>(object.Get("sparse"), napi_uint32_array, "sparse");
    const auto rows = static_cast<int64_t>(labels.ElementLength());
    if (rows == 0 || static_cast<int64_t>(dense.ElementLength()) != rows * num_dense_ ||
        static_cast<int64_t>(sparse.ElementLength()) != rows * num_tables_) {
      throw Error("ERR_ARGUMENT", "A batch of " + std::to_string(rows) + " rows needs " +
                                      std::to_string(num_dense_) + " dense and " +
                                      std::to_string(num_tables_) + " sparse features a row.");
    }
    return {{rows, labels.Data(), dense.Data(), sparse.Data()}, {labels, dense, sparse}};
  }

  Napi::Value train(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&] {
      BatchArgument argument = batch_argument(info[0]);
      if (!info[1].IsNumber() || !info[2].IsNumber()) {
        throw Error("ERR_ARGUMENT",
                    "train takes a batch, its batch size, the first step's number and the learning rates.");
      }
      const int64_t batch_size = info[1].As<Napi::Number>().Int64Value();
      const int64_t first_step = info[2].As<Napi::Number>().Int64Value();
      const auto rates = typed_array<Napi::Float64Array>(info[3], napi_float64_array, "learningRates");
      if (batch_size < 1 || first_step < 1)
        throw Error("ERR_ARGUMENT", "The batch size and first step are at least 1.");
      const int64_t steps = (argument.batch.B + batch_size - 1) / batch_size;
      if (static_cast<int64_t>(rates.ElementLength()) < steps) {
        throw Error("ERR_ARGUMENT", std::to_string(steps) + " steps need as many learning rates.");
      }
      argument.pins.push_back(rates);
      const double* learning_rates = rates.Data();
      const std::atomic<bool>* stop = jobs_->disposed() ? nullptr : &jobs_->stop();
      return jobs_->post(
          Value(), argument.pins, true,
          [batch = argument.batch, batch_size, first_step, learning_rates, steps, stop](Program& program) {
            std::vector<double> losses(steps);
            int64_t filled = 0;
            const int64_t applied =
                program.train(batch, batch_size, first_step, learning_rates, losses.data(), &filled, *stop);
            losses.resize(filled);
            return [losses = std::move(losses), applied](Napi::Env result_env, Napi::Object) -> Napi::Value {
              Napi::Object result = Napi::Object::New(result_env);
              Napi::Float64Array array = Napi::Float64Array::New(result_env, losses.size());
              std::copy(losses.begin(), losses.end(), array.Data());
              result.Set("losses", array);
              result.Set("appliedSteps", static_cast<double>(applied));
              return result;
            };
          });
    });
  }

  Napi::Value predict(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&] {
      BatchArgument argument = batch_argument(info[0]);
      Napi::Float32Array logits = Napi::Float32Array::New(env, argument.batch.B);
      argument.pins.push_back(logits);
      const auto index = static_cast<uint32_t>(argument.pins.size() - 1);
      const std::atomic<bool>* stop = jobs_->disposed() ? nullptr : &jobs_->stop();
      return jobs_->post(Value(), argument.pins, true,
                         [batch = argument.batch, out = logits.Data(), index, stop](Program& program) {
                           program.predict(batch, out, *stop);
                           return [index](Napi::Env, Napi::Object held) -> Napi::Value {
                             return held.Get(index);
                           };
                         });
    });
  }

  Napi::Value trace(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&] {
      BatchArgument argument = batch_argument(info[0]);
      const float* gradient = nullptr;
      if (!info[1].IsUndefined()) {
        const auto array = typed_array<Napi::Float32Array>(info[1], napi_float32_array, "outputGradient");
        argument.pins.push_back(array);
        gradient = array.Data();
      }
      return jobs_->post(Value(), argument.pins, true, [batch = argument.batch, gradient](Program& program) {
        return [result = program.trace(batch, gradient)](Napi::Env result_env, Napi::Object) -> Napi::Value {
          const auto to_object = [&](const std::map<std::string, std::vector<float>>& tensors) {
            Napi::Object object = Napi::Object::New(result_env);
            for (const auto& [name, values] : tensors) object.Set(name, float_array(result_env, values));
            return object;
          };
          Napi::Object object = Napi::Object::New(result_env);
          object.Set("loss", result.loss);
          object.Set("values", to_object(result.values));
          object.Set("gradients", to_object(result.gradients));
          object.Set("parameterGradients", to_object(result.parameter_gradients));
          return object;
        };
      });
    });
  }

  Napi::Value parameters(const Napi::CallbackInfo& info) {
    return tensor_list(info.Env(), parameter_tensors_);
  }
  Napi::Value optimizer_state(const Napi::CallbackInfo& info) {
    return tensor_list(info.Env(), state_tensors_);
  }

  struct RangeArgument {
    std::string name;
    int64_t offset, count;
    float* data;
    std::vector<Napi::Value> pins;
  };
  static RangeArgument range_argument(const Napi::CallbackInfo& info) {
    if (!info[0].IsString() || !info[1].IsNumber()) {
      throw Error("ERR_ARGUMENT",
                  "read and write take a tensor's name, an offset in floats and a Float32Array.");
    }
    auto array = typed_array<Napi::Float32Array>(info[2], napi_float32_array, "values");
    return {info[0].As<Napi::String>().Utf8Value(),
            info[1].As<Napi::Number>().Int64Value(),
            static_cast<int64_t>(array.ElementLength()),
            array.Data(),
            {array}};
  }

  Napi::Value read(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] {
      RangeArgument range = range_argument(info);
      const std::vector<Napi::Value> pins = std::move(range.pins);
      return jobs_->post(Value(), pins, false,
                         [name = range.name, offset = range.offset, count = range.count,
                          data = range.data](Program& program) {
                           program.store().read(name, offset, count, data);
                           return MakeValue();
                         });
    });
  }

  Napi::Value write(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] {
      RangeArgument range = range_argument(info);
      const std::vector<Napi::Value> pins = std::move(range.pins);
      return jobs_->post(Value(), pins, false,
                         [name = range.name, offset = range.offset, count = range.count,
                          data = range.data](Program& program) {
                           program.store().write(name, offset, count, data);
                           program.parameters_changed();
                           return MakeValue();
                         });
    });
  }

  Napi::Value describe(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    Napi::Object result = Napi::Object::New(env);
    result.Set("isa", isa_);
    result.Set("threads", threads_);
    result.Set("parameterBytes", static_cast<double>(parameter_bytes_));
    result.Set("stateBytes", static_cast<double>(state_bytes_));
    result.Set("activationBytes", static_cast<double>(activation_bytes_));
    Napi::Array nodes = Napi::Array::New(env, nodes_.size());
    for (size_t i = 0; i < nodes_.size(); i++) {
      Napi::Object node = Napi::Object::New(env);
      node.Set("name", nodes_[i].name);
      node.Set("op", nodes_[i].op);
      node.Set("implementation", nodes_[i].implementation);
      nodes.Set(static_cast<uint32_t>(i), node);
    }
    result.Set("nodes", nodes);
    return result;
  }

  Napi::Value take_timings(const Napi::CallbackInfo&) {
    return jobs_->post(Value(), {}, false, [](Program& program) {
      return [timings = program.take_timings()](Napi::Env env, Napi::Object) -> Napi::Value {
        Napi::Object object = Napi::Object::New(env);
        for (const auto& [part, ms] : timings) object.Set(part, ms);
        return object;
      };
    });
  }

  Napi::Value dispose(const Napi::CallbackInfo&) { return jobs_->dispose(Value()); }

  std::unique_ptr<JobQueue> jobs_;
  int64_t num_dense_ = 0, num_tables_ = 0;
  std::vector<NamedTensor> parameter_tensors_, state_tensors_;
  std::vector<NodeDescription> nodes_;
  std::string isa_;
  int threads_ = 0;
  int64_t parameter_bytes_ = 0, state_bytes_ = 0, activation_bytes_ = 0;
};

void init_engine(Napi::Env env, Napi::Object exports) {
  EngineBinding::define(env, exports);
}

}  // namespace pss
