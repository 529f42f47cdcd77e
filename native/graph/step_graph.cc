#include "graph/step_graph.h"

namespace pss {

StepGraph::~StepGraph() {
  destroy();
}

void StepGraph::destroy() noexcept {
  if (exec_) PSS_CUDA_WARN(cuda_driver().cuGraphExecDestroy(exec_));
  exec_ = nullptr;
}

void StepGraph::capture(int64_t rows, const CudaStream& stream, const std::function<void()>& queue) {
  const Driver& driver = cuda_driver();
  destroy();
  PSS_CUDA(driver.cuStreamBeginCapture(stream.handle(), cuda::kCaptureThreadLocal));
  CudaGraphHandle graph = nullptr;
  try {
    queue();
  } catch (...) {
    driver.cuStreamEndCapture(stream.handle(), &graph);
    if (graph) PSS_CUDA_WARN(driver.cuGraphDestroy(graph));
    throw;
  }
  PSS_CUDA(driver.cuStreamEndCapture(stream.handle(), &graph));
  const CudaResult result = driver.cuGraphInstantiate(&exec_, graph, 0);
  PSS_CUDA_WARN(driver.cuGraphDestroy(graph));
  PSS_CUDA(result);
  rows_ = rows;
}

void StepGraph::launch(const CudaStream& stream) const {
  PSS_CUDA(cuda_driver().cuGraphLaunch(exec_, stream.handle()));
}

}  // namespace pss
