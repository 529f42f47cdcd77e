// A step as a CUDA graph: captured once, then launched with one call.
#pragma once

#include <functional>

#include "backend/cuda/cuda_resources.h"

namespace pss {

class StepGraph {
 public:
  StepGraph() = default;
  ~StepGraph();
  StepGraph(const StepGraph&) = delete;
  StepGraph& operator=(const StepGraph&) = delete;

  // Whether a step of `rows` rows has been captured.
  bool holds(int64_t rows) const { return exec_ && rows_ == rows; }
  // Records what `queue` puts on `stream`, without running it.
  void capture(int64_t rows, const CudaStream& stream, const std::function<void()>& queue);
  void launch(const CudaStream& stream) const;

 private:
  void destroy() noexcept;
  CudaGraphExecHandle exec_ = nullptr;
  int64_t rows_ = 0;
};

}  // namespace pss
