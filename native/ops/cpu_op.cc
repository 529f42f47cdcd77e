#include "ops/cpu_op.h"

namespace pss {

void CpuOp::run_stage(Stage stage, int64_t B) {
  context_.team->run(tasks(stage, B), [&](int64_t task) { run_task(stage, B, task); });
}

void CpuOp::forward(const Batch& batch) {
  run_stage(Stage::kPackWeights, batch.B);
  context_.team->run_blocks(batch.B, row_block(batch.B),
                            [&](int64_t first, int64_t last) { forward_rows(batch, first, last); });
}

void CpuOp::backward(const Batch& batch) {
  prepare_training(batch.B);
  context_.team->run_blocks(batch.B, row_block(batch.B), [&](int64_t first, int64_t last) {
    keep_rows(batch, first, last);
    backward_rows(batch, first, last);
  });
  run_stage(Stage::kWeightGradients, batch.B);
}

}  // namespace pss
