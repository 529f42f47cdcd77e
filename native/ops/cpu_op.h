// What an op on the CPU adds to Op: a step in stages.
//
// Most of a model works row by row, so the program runs all ops, forward, loss and backward, over one block
// of rows before the next: a block's activations stay in the cache from op to op, and threads wait for each
// other once a step instead of once an op. What isn't row by row (packing weights, products over the whole
// batch) is lists of independent tasks before and after. Blocks and tasks depend on shapes alone, and each
// writes its own outputs: the same bits on any number of threads.
#pragma once

#include <cstdint>

#include "backend/cpu/row_block.h"
#include "ops/op.h"

namespace pss {

// In the order of a step: before the rows; after them, weight gradients from what the rows left behind.
enum class Stage { kPackWeights, kWeightGradients };

// Applies the optimizer to floats [first, first + count) of a parameter as stored, from its gradient.
class ParameterUpdate {
 public:
  virtual ~ParameterUpdate() = default;
  virtual void apply(const Parameter& parameter, int64_t first, int64_t count) const = 0;
  // The rate r where all that apply() does is w -= r * gradient, so that whoever sums a gradient can do it
  // at once; null otherwise.
  virtual const float* plain_rate(const Parameter& parameter) const = 0;
};

// An op's kernels for an instruction set: of the reference, of AVX2, or of AVX-512.
template <typename Kernels>
const Kernels& choose_kernels(Isa isa, const Kernels& reference, const Kernels& avx2, const Kernels& avx512) {
  return isa == Isa::kReference ? reference : isa == Isa::kAvx2 ? avx2 : avx512;
}
// Where AVX-512 with bf16 instructions has kernels of its own.
template <typename Kernels>
const Kernels& choose_kernels(Isa isa, const Kernels& reference, const Kernels& avx2, const Kernels& avx512,
                              const Kernels& avx512bf16) {
  return isa == Isa::kAvx512Bf16 ? avx512bf16 : choose_kernels(isa, reference, avx2, avx512);
}

class CpuOp : public Op {
 public:
  explicit CpuOp(const OpContext& context) : context_(context) {}

  // Output rows [first, last), a whole block of row_block(batch.B) (or its rest).
  virtual void forward_rows(const Batch& batch, int64_t first, int64_t last) = 0;
  // Called once before a training step's rows, by one thread.
  virtual void prepare_training(int64_t) {}
  // Puts aside what the weight gradients will need of the input, while it is still in the cache.
  virtual void keep_rows(const Batch&, int64_t, int64_t) {}
  // The input gradients of these rows, from the output's; and what the weight gradients will need of that.
  virtual void backward_rows(const Batch&, int64_t, int64_t) {}
  // Tasks of a stage for a batch of B; called before run_task, by one thread.
  virtual int64_t tasks(Stage, int64_t) { return 0; }
  virtual void run_task(Stage, int64_t, int64_t) {}
  // Whether step_task updates the op's parameters, each float once; otherwise the program does, after the
  // stage.
  virtual bool updates_itself() const { return false; }
  // In a training step, in place of run_task(kWeightGradients, B, task): with the update, which may spare
  // storing the gradient.
  virtual void step_task(int64_t B, int64_t task, const ParameterUpdate&) {
    run_task(Stage::kWeightGradients, B, task);
  }
  // What a task of a stage costs beside those of other ops, in any unit.
  virtual int64_t task_cost(Stage) const { return 0; }

  // All stages of this op alone, as tracing wants them.
  void forward(const Batch& batch) final;
  void backward(const Batch& batch) final;

 protected:
  OpContext context_;

 private:
  void run_stage(Stage stage, int64_t B);
};

}  // namespace pss
