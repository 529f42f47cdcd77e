#include "addon/graph_conversion.h"

#include "base/error.h"

namespace pss {

namespace {

Napi::Value field(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (value.IsUndefined()) {
    throw Error("ERR_GRAPH", std::string("The graph or its options lack the field '") + name + "'.");
  }
  return value;
}

double number(const Napi::Object& object, const char* name) {
  const Napi::Value value = field(object, name);
  if (!value.IsNumber()) throw Error("ERR_GRAPH", std::string("Field '") + name + "' must be a number.");
  return value.As<Napi::Number>().DoubleValue();
}

std::string string(const Napi::Object& object, const char* name) {
  const Napi::Value value = field(object, name);
  if (!value.IsString()) throw Error("ERR_GRAPH", std::string("Field '") + name + "' must be a string.");
  return value.As<Napi::String>().Utf8Value();
}

Napi::Array array(const Napi::Object& object, const char* name) {
  const Napi::Value value = field(object, name);
  if (!value.IsArray()) throw Error("ERR_GRAPH", std::string("Field '") + name + "' must be an array.");
  return value.As<Napi::Array>();
}

template <typename T>
std::vector<T> numbers(const Napi::Array& values) {
  std::vector<T> out;
  for (uint32_t i = 0; i < values.Length(); i++) {
    const Napi::Value value = values.Get(i);
    if (!value.IsNumber()) throw Error("ERR_GRAPH", "An array of numbers holds something else.");
    out.push_back(static_cast<T>(value.As<Napi::Number>().DoubleValue()));
  }
  return out;
}

template <typename T, typename Convert>
std::vector<T> objects(const Napi::Array& values, const Convert& convert) {
  std::vector<T> out;
  for (uint32_t i = 0; i < values.Length(); i++) {
    const Napi::Value value = values.Get(i);
    if (!value.IsObject()) throw Error("ERR_GRAPH", "The graph's lists must hold objects.");
    out.push_back(convert(value.As<Napi::Object>()));
  }
  return out;
}

Attributes attributes_from_js(const Napi::Object& object) {
  Attributes attributes;
  const Napi::Array names = object.GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); i++) {
    const std::string name = names.Get(i).As<Napi::String>().Utf8Value();
    const Napi::Value value = object.Get(name);
    if (value.IsBoolean()) {
      attributes.set(name, value.As<Napi::Boolean>().Value());
    } else if (value.IsNumber()) {
      attributes.set(name, value.As<Napi::Number>().DoubleValue());
    } else if (value.IsString()) {
      attributes.set(name, value.As<Napi::String>().Utf8Value());
    } else if (value.IsArray()) {
      attributes.set(name, numbers<double>(value.As<Napi::Array>()));
    } else {
      throw Error("ERR_GRAPH",
                  "Attribute '" + name + "' must be a boolean, number, string or array of numbers.");
    }
  }
  return attributes;
}

ParameterSpec parameter_from_js(const Napi::Object& object) {
  const Napi::Object init = field(object, "init").As<Napi::Object>();
  const std::string kind = string(init, "kind");
  ParameterSpec spec{string(object, "name"), numbers<int64_t>(array(object, "shape")), InitKind::kZeros, 0};
  if (kind == "normal") {
    spec.init = InitKind::kNormal;
    spec.scale = number(init, "std");
  } else if (kind == "uniform") {
    spec.init = InitKind::kUniform;
    spec.scale = number(init, "bound");
  } else if (kind != "zeros") {
    throw Error("ERR_GRAPH", "Parameter '" + spec.name + "' has an unknown initialisation '" + kind + "'.");
  }
  if (!object.Get("l2").IsUndefined()) spec.l2 = number(object, "l2");
  return spec;
}

OptimizerSpec optimizer_from_js(const Napi::Object& object) {
  const std::string kind = string(object, "kind");
  OptimizerSpec spec;
  if (kind == "sgd") {
    spec.kind = OptimizerKind::kSgd;
  } else if (kind == "adagrad") {
    spec.kind = OptimizerKind::kAdagrad;
  } else if (kind == "rowwise-adagrad") {
    spec.kind = OptimizerKind::kRowwiseAdagrad;
  } else if (kind == "adam") {
    spec.kind = OptimizerKind::kAdam;
  } else {
    throw Error("ERR_GRAPH", "Unknown optimizer '" + kind + "'.");
  }
  spec.beta1 = static_cast<float>(number(object, "beta1"));
  spec.beta2 = static_cast<float>(number(object, "beta2"));
  spec.epsilon = static_cast<float>(number(object, "epsilon"));
  spec.initial_accumulator = static_cast<float>(number(object, "initialAccumulator"));
  return spec;
}

DeviceKind device_from_js(const Napi::Object& object) {
  if (object.Get("device").IsUndefined()) return DeviceKind::kCpu;
  const std::string device = string(object, "device");
  if (device == "cpu") return DeviceKind::kCpu;
  if (device == "cuda") return DeviceKind::kCuda;
  throw Error("ERR_GRAPH", "Unknown device '" + device + "'; use cpu or cuda.");
}

Precision precision_from_js(const Napi::Object& object) {
  if (object.Get("precision").IsUndefined()) return Precision::kF32;
  const std::string precision = string(object, "precision");
  if (precision == "f32") return Precision::kF32;
  if (precision == "bf16") return Precision::kBf16;
  throw Error("ERR_GRAPH", "Unknown precision '" + precision + "'; use f32 or bf16.");
}

// An option that may be left out.
bool flag(const Napi::Object& object, const char* name, bool otherwise) {
  const Napi::Value value = object.Get(name);
  return value.IsUndefined() ? otherwise : value.ToBoolean().Value();
}

}  // namespace

GraphSpec graph_from_js(const Napi::Object& object) {
  GraphSpec graph;
  graph.num_dense = static_cast<int64_t>(number(object, "numDense"));
  graph.num_tables = static_cast<int64_t>(number(object, "numTables"));
  graph.logits = static_cast<int>(number(object, "logits"));
  graph.tensors = objects<TensorSpec>(array(object, "tensors"), [](const Napi::Object& tensor) {
    return TensorSpec{string(tensor, "name"), numbers<int64_t>(array(tensor, "shape"))};
  });
  graph.parameters = objects<ParameterSpec>(array(object, "parameters"), parameter_from_js);
  graph.nodes = objects<NodeSpec>(array(object, "nodes"), [](const Napi::Object& node) {
    return NodeSpec{string(node, "op"),
                    string(node, "name"),
                    numbers<int>(array(node, "inputs")),
                    static_cast<int>(number(node, "output")),
                    numbers<int>(array(node, "parameters")),
                    attributes_from_js(field(node, "attributes").As<Napi::Object>())};
  });
  return graph;
}

EngineOptions options_from_js(const Napi::Object& object) {
  EngineOptions options;
  options.batch_size = static_cast<int64_t>(number(object, "batchSize"));
  options.threads = static_cast<int>(number(object, "threads"));
  options.seed = static_cast<uint64_t>(number(object, "seed"));
  options.optimizer = optimizer_from_js(field(object, "optimizer").As<Napi::Object>());
  options.isa = string(object, "isa");
  options.training = field(object, "training").ToBoolean();
  options.guards = flag(object, "guards", false);
  options.device = device_from_js(object);
  if (!object.Get("deviceIndex").IsUndefined())
    options.device_index = static_cast<int>(number(object, "deviceIndex"));
  options.precision = precision_from_js(object);
  options.deterministic = flag(object, "deterministic", true);
  options.tf32 = flag(object, "tf32", false);
  options.cublaslt = flag(object, "cublasLt", true);
  options.graphs = flag(object, "graphs", true);
  return options;
}

Napi::Error to_js_error(Napi::Env env, const std::string& code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Value().Set("code", Napi::String::New(env, code));
  return error;
}

}  // namespace pss
