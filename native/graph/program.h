// A compiled graph: ops in order, buffers placed, parameters and optimizer state; runs whole steps. Not
// thread-safe: one engine thread owns it.
//
// This class is what doesn't depend on the device; CpuProgram and CudaProgram are the two that exist.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "graph/graph_spec.h"
#include "graph/memory_plan.h"
#include "graph/parameter_store.h"
#include "ops/embedding/addressing.h"
#include "ops/op.h"

namespace pss {

struct TraceResult {
  double loss;
  std::map<std::string, std::vector<float>> values, gradients, parameter_gradients;
};

struct NodeDescription {
  std::string name, op, implementation;
};

class Program {
 public:
  virtual ~Program() = default;
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // One step for every `batch_size` rows. Fills one loss a step; stops early when `stop` is set or a loss
  // isn't finite. Returns the number of steps whose update was applied. Throws ERR_ID_RANGE before anything
  // changes.
  int64_t train(const Batch& rows, int64_t batch_size, int64_t first_step, const double* learning_rates,
                double* losses, int64_t* losses_filled, const std::atomic<bool>& stop);
  void predict(const Batch& rows, float* logits, const std::atomic<bool>& stop);
  TraceResult trace(const Batch& batch, const float* output_gradient);

  ParameterStore& store() { return *store_; }
  // Parameters were overwritten from outside.
  void parameters_changed();

  int threads() const { return team_.threads(); }
  int64_t activation_bytes() const { return arena_.size * static_cast<int64_t>(sizeof(float)); }
  std::vector<NodeDescription> describe() const;
  // The instruction set, or the GPU's architecture.
  virtual std::string isa() const = 0;
  // Milliseconds by part since the last call.
  virtual std::map<std::string, double> take_timings();
  int64_t num_dense() const { return graph_.num_dense; }
  int64_t num_tables() const { return graph_.num_tables; }

 protected:
  // An embedding's array and where its gradient comes from.
  struct EmbeddingNode {
    int node;
    int memory;
    Addressing addressing;
    bool dense_gradient;
  };
  // The steps of one train() call.
  struct Steps {
    Batch rows;
    int64_t batch_size, first_step;
    const double* learning_rates;
    double* losses;
    int64_t* losses_filled;
    int64_t count() const { return (rows.B + batch_size - 1) / batch_size; }
  };

  // Throws ERR_GRAPH, ERR_MEMORY. A subclass's constructor calls compile() once its own members are there.
  Program(GraphSpec graph, const EngineOptions& options, std::unique_ptr<Backend> backend);
  void compile();

  virtual std::unique_ptr<Op> build_op(const NodeSpec& node) = 0;
  virtual std::unique_ptr<Op> build_gradient_sum(const Tensor* total, std::vector<const float*> parts) = 0;
  // All ops are built. `trains` says whether updates are wanted, `scores` whether the output is one logit a
  // row.
  virtual void build_rest(bool trains, bool scores) = 0;
  virtual int64_t run_steps(const Steps& steps, const std::atomic<bool>& stop) = 0;
  virtual void run_predict(const Batch& rows, float* logits, const std::atomic<bool>& stop) = 0;
  // The batch where ops can read it; valid until the next call.
  virtual Batch stage(const Batch& batch) = 0;
  // Whether a tensor from `producer` to `consumers` (none for the output) is kept as bfloat16.
  virtual bool keeps_bf16(const NodeSpec& producer, const std::vector<const NodeSpec*>& consumers) const = 0;
  // Whether buffers whose lives don't overlap in graph order may share memory.
  virtual bool runs_in_graph_order() const = 0;
  // Mean loss, leaving the logits' gradient.
  virtual double run_loss(const Batch& batch) = 0;
  virtual void timed(const std::string& part, const std::function<void()>& body) = 0;

  void forward(const Batch& batch);
  void backward(const Batch& batch);
  // Throws ERR_GUARD naming `after` when a sentinel is gone; does nothing without `guards`.
  void check_guards(const std::string& after) const;
  // Rows of `rows` as a batch of training step `step`, or of a prediction.
  Batch slice(const Batch& rows, int64_t first, int64_t count, int64_t step = 0) const;
  const Tensor& output() const { return tensors_[graph_.logits]; }
  const Tensor& slots_of(const EmbeddingNode& embedding) const {
    return tensors_[graph_.nodes[embedding.node].output];
  }

  std::unique_ptr<Backend> backend_;  // first, for everything below lives in its memory
  GraphSpec graph_;
  EngineOptions options_;
  ThreadTeam team_;
  int64_t max_batch_;
  std::vector<int> memory_of_;  // parameter -> index of its memory, or -1
  std::unique_ptr<ParameterStore> store_;
  std::vector<Tensor> tensors_;
  // [node, input]: the input's value, and the gradient that is this node's to write.
  std::vector<std::vector<Tensor>> reads_;
  std::vector<std::unique_ptr<Op>> ops_;  // by node; null where there is nothing to do
  // By node: what completes the gradient of its output, which several nodes read; null elsewhere.
  std::vector<std::unique_ptr<Op>> gradient_sums_;
  std::vector<EmbeddingNode> embeddings_;
  std::vector<IdBound> id_bounds_;  // of all tables that are looked up
  std::map<std::string, double> timings_;

 private:
  void find_embeddings();
  void place_buffers();
  void build_gradient_sums();
  void check_batch(const Batch& batch) const;
  std::vector<float> collect(const float* data, int64_t rows, int64_t cols, int64_t ld) const;
  // The value or the gradient of a tensor.
  std::vector<float> collect(const Tensor& tensor, const float* data, int64_t rows) const;
  void collect_embedding_gradients(const Batch& batch, TraceResult& result) const;
  bool scores() const { return output().cols == 1; }

  MemoryPlan plan_;
  FloatStorage arena_;
};

// A program for options.device. Throws ERR_GRAPH, ERR_ISA, ERR_MEMORY, ERR_CUDA.
std::unique_ptr<Program> make_program(GraphSpec graph, const EngineOptions& options);

}  // namespace pss
