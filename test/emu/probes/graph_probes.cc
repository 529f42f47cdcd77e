// Captured graphs: a step of kernels, copies and fills across streams, launched many times.
#include "probe.h"
using std::vector;

namespace {

constexpr int kCount = 256;
constexpr size_t kBytes = kCount * sizeof(float);

CUfunction scale() {
  return kernel("patterns", "scale_and_add");
}
CUresult scale_on(CUstream s, CUdeviceptr y, float a, float b) {
  return launch(scale(), 1, kCount, s, y, a, b, kCount);
}

// y = (x + 1) · 2 on one stream while z = x · 3 on another; then y += nothing, both come back to the host.
struct Step {
  CUstream main = make_stream(), side = make_stream();
  CUevent forked = make_event(), joined = make_event();
  Device<float> y{kCount}, z{kCount};
  float *in, *out_y, *out_z;
  Step() {
    for (float** p : {&in, &out_y, &out_z}) CHECK(d.cuMemHostAlloc_(reinterpret_cast<void**>(p), kBytes, 0));
  }
  void record(float factor) {
    CHECK(d.cuMemsetD32Async_(y.p, 0, kCount, main));
    CHECK(d.cuMemcpyHtoDAsync_(y.p, in, kBytes, main));
    CHECK(d.cuEventRecord_(forked, main));
    CHECK(d.cuStreamWaitEvent_(side, forked, 0));
    CHECK(d.cuMemcpyDtoDAsync_(z.p, y.p, kBytes, side));
    CHECK(scale_on(side, z.p, 3.f, 0.f));
    CHECK(d.cuEventRecord_(joined, side));
    CHECK(d.cuStreamWaitEvent_(main, joined, 0));
    CHECK(scale_on(main, y.p, factor, factor));
    CHECK(d.cuMemcpyDtoHAsync_(out_y, y.p, kBytes, main));
    CHECK(d.cuMemcpyDtoHAsync_(out_z, z.p, kBytes, main));
  }
  CUgraph capture(float factor) {
    CUgraph graph;
    CHECK(d.cuStreamBeginCapture_(main, CU_STREAM_CAPTURE_MODE_GLOBAL));
    record(factor);
    CHECK(d.cuStreamEndCapture_(main, &graph));
    return graph;
  }
  void check(float x, float factor) const {
    for (int i = 0; i < kCount; i++) REQUIRE(out_y[i] == (x + 1) * factor && out_z[i] == x * 3);
  }
  void fill(float x) {
    for (int i = 0; i < kCount; i++) in[i] = x;
  }
};

CUgraphExec instantiate(CUgraph graph) {
  CUgraphExec executable;
  CHECK(d.cuGraphInstantiate_(&executable, graph, 0));
  return executable;
}

}  // namespace

PROBE(graph, captured_step_runs_at_every_launch) {
  Step step;
  scale();  // loads the module: not while capturing
  step.fill(-7);
  CUgraph graph = step.capture(2);
  size_t count;
  CHECK(d.cuGraphGetNodes_(graph, nullptr, &count));
  REQUIRE(count == 7);
  vector<CUgraphNode> nodes(count);
  CHECK(d.cuGraphGetNodes_(graph, nodes.data(), &count));
  CUgraphNodeType type;
  CHECK(d.cuGraphNodeGetType_(nodes[0], &type));
  REQUIRE(type == CU_GRAPH_NODE_TYPE_MEMSET);
  CHECK(d.cuGraphNodeGetType_(nodes[3], &type));
  REQUIRE(type == CU_GRAPH_NODE_TYPE_KERNEL);
  CUgraphExec executable = instantiate(graph);
  CHECK(d.cuGraphDestroy_(graph));
  for (float x : {1.f, 5.f, 9.f}) {
    step.fill(x);
    CHECK(d.cuGraphLaunch_(executable, step.main));
    CHECK(d.cuStreamSynchronize_(step.main));
    step.check(x, 2);
  }
  CHECK(d.cuGraphExecDestroy_(executable));
}

PROBE(graph, nothing_runs_while_capturing) {
  Step step;
  scale();
  step.fill(4);
  for (int i = 0; i < kCount; i++) step.out_y[i] = -1;
  CUgraph graph = step.capture(2);
  CHECK(d.cuCtxSynchronize_());
  REQUIRE(step.out_y[0] == -1);
  CHECK(d.cuGraphDestroy_(graph));
}

PROBE(graph, launches_follow_one_another_and_the_stream) {
  CUstream s = make_stream(), t = make_stream();
  CUfunction f = scale();
  Device<float> y(vector<float>(kCount, 1.f));
  CUgraph graph;
  CHECK(d.cuStreamBeginCapture_(s, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
  CHECK(launch(f, 1, kCount, s, y.p, 2.f, 1.f, kCount));
  CHECK(launch(f, 1, kCount, s, y.p, 1.f, 1.f, kCount));
  CHECK(d.cuStreamEndCapture_(s, &graph));
  CUgraphExec executable = instantiate(graph);
  CHECK(launch(f, 1, kCount, s, y.p, 3.f, 0.f, kCount));  // 3
  CHECK(d.cuGraphLaunch_(executable, s));                 // 8
  CHECK(d.cuGraphLaunch_(executable, t));                 // 18: the same executable graph waits for itself
  CHECK(d.cuStreamSynchronize_(t));
  CHECK(launch(f, 1, kCount, s, y.p, 1.f, 0.5f, kCount));
  CHECK(d.cuStreamSynchronize_(s));
  REQUIRE(y.get() == vector<float>(kCount, 18.5f));
}

PROBE(graph, update_takes_new_parameters) {
  Step step;
  scale();
  CUgraph graph = step.capture(2), other = step.capture(4);
  CUgraphExec executable = instantiate(graph);
  CUgraphExecUpdateResultInfo info;
  CHECK(d.cuGraphExecUpdate_(executable, other, &info));
  step.fill(6);
  CHECK(d.cuGraphLaunch_(executable, step.main));
  CHECK(d.cuStreamSynchronize_(step.main));
  step.check(6, 4);
  CUgraph shorter;
  CHECK(d.cuStreamBeginCapture_(step.main, CU_STREAM_CAPTURE_MODE_GLOBAL));
  CHECK(scale_on(step.main, step.y.p, 1, 1));
  CHECK(d.cuStreamEndCapture_(step.main, &shorter));
  EXPECT(d.cuGraphExecUpdate_(executable, shorter, &info), CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE);
  REQUIRE(info.result == CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED);
}

PROBE(graph, kernel_parameters_can_be_set) {
  CUstream s = make_stream();
  CUfunction f = scale();
  Device<float> y(vector<float>(kCount, 1.f));
  CUgraph graph;
  CHECK(d.cuStreamBeginCapture_(s, CU_STREAM_CAPTURE_MODE_RELAXED));
  CHECK(launch(f, 1, kCount, s, y.p, 2.f, 0.f, kCount));
  CHECK(d.cuStreamEndCapture_(s, &graph));
  CUgraphExec executable = instantiate(graph);
  size_t count = 1;
  CUgraphNode node;
  CHECK(d.cuGraphGetNodes_(graph, &node, &count));
  float a = 5, b = 1;
  int n = kCount;
  void* parameters[] = {&y.p, &a, &b, &n};
  CUDA_KERNEL_NODE_PARAMS p = {};
  p.func = f, p.gridDimX = p.gridDimY = p.gridDimZ = 1, p.blockDimX = kCount, p.blockDimY = p.blockDimZ = 1;
  p.kernelParams = parameters;
  CHECK(d.cuGraphExecKernelNodeSetParams_(executable, node, &p));
  CHECK(d.cuGraphLaunch_(executable, s));
  CHECK(d.cuStreamSynchronize_(s));
  REQUIRE(y.get() == vector<float>(kCount, 6.f));
}

PROBE(graph, host_functions_and_graphs_within_graphs) {
  static int calls;
  CUstream s = make_stream();
  CUfunction f = scale();
  Device<float> y(vector<float>(kCount, 1.f));
  CUgraph inner, outer;
  CHECK(d.cuStreamBeginCapture_(s, CU_STREAM_CAPTURE_MODE_GLOBAL));
  CHECK(d.cuLaunchHostFunc_(s, [](void*) { calls++; }, nullptr));
  CHECK(launch(f, 1, kCount, s, y.p, 2.f, 0.f, kCount));
  CHECK(d.cuStreamEndCapture_(s, &inner));
  CUgraphExec executable = instantiate(inner);
  CHECK(d.cuStreamBeginCapture_(s, CU_STREAM_CAPTURE_MODE_GLOBAL));
  CHECK(d.cuGraphLaunch_(executable, s));
  CHECK(launch(f, 1, kCount, s, y.p, 1.f, 1.f, kCount));
  CHECK(d.cuGraphLaunch_(executable, s));
  CHECK(d.cuStreamEndCapture_(s, &outer));
  REQUIRE(calls == 0);
  CHECK(d.cuGraphLaunch_(instantiate(outer), s));
  CHECK(d.cuStreamSynchronize_(s));
  REQUIRE(calls == 2 && y.get() == vector<float>(kCount, 6.f));
}

// ---- What a capture forbids

PROBE(graph_misuse, waiting_for_a_capturing_stream) {
  CUstream s = make_stream();
  CUgraph graph;
  CHECK(d.cuStreamBeginCapture_(s, CU_STREAM_CAPTURE_MODE_GLOBAL));
  EXPECT(d.cuStreamSynchronize_(s), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  CUstreamCaptureStatus status;
  CHECK(d.cuStreamIsCapturing_(s, &status));
  REQUIRE(status == CU_STREAM_CAPTURE_STATUS_INVALIDATED);
  EXPECT(d.cuStreamEndCapture_(s, &graph), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  REQUIRE(graph == nullptr);
  CHECK(d.cuStreamSynchronize_(s));
}
PROBE(graph_misuse, allocating_while_capturing) {
  CUstream s = make_stream();
  CUdeviceptr p;
  CHECK(d.cuStreamBeginCapture_(s, CU_STREAM_CAPTURE_MODE_GLOBAL));
  EXPECT(d.cuMemAlloc_(&p, 16), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
}
PROBE(graph_misuse, null_stream_while_a_blocking_stream_captures) {
  CUstream s = make_stream(0);
  Device<unsigned> x(16);
  CHECK(d.cuStreamBeginCapture_(s, CU_STREAM_CAPTURE_MODE_GLOBAL));
  EXPECT(d.cuMemsetD32Async_(x.p, 0, 16, nullptr), CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
}
PROBE(graph_misuse, forked_stream_never_joined) {
  Step step;
  CUgraph graph;
  CUfunction f = scale();
  CHECK(d.cuStreamBeginCapture_(step.main, CU_STREAM_CAPTURE_MODE_GLOBAL));
  CHECK(d.cuEventRecord_(step.forked, step.main));
  CHECK(d.cuStreamWaitEvent_(step.side, step.forked, 0));
  CHECK(launch(f, 1, kCount, step.side, step.y.p, 1.f, 1.f, kCount));
  EXPECT(d.cuStreamEndCapture_(step.main, &graph), CUDA_ERROR_STREAM_CAPTURE_UNJOINED);
}
PROBE(graph_misuse, waiting_for_an_event_from_outside) {
  Step step;
  CHECK(d.cuEventRecord_(step.forked, step.side));
  CHECK(d.cuStreamBeginCapture_(step.main, CU_STREAM_CAPTURE_MODE_GLOBAL));
  EXPECT(d.cuStreamWaitEvent_(step.main, step.forked, 0), CUDA_ERROR_STREAM_CAPTURE_ISOLATION);
}
PROBE(graph_misuse, asking_for_a_captured_event) {
  Step step;
  CHECK(d.cuStreamBeginCapture_(step.main, CU_STREAM_CAPTURE_MODE_GLOBAL));
  CHECK(d.cuEventRecord_(step.forked, step.main));
  EXPECT(d.cuEventSynchronize_(step.forked), CUDA_ERROR_CAPTURED_EVENT);
}
PROBE(graph_misuse, host_buffer_changed_after_a_graph_launch) {
  Step step;
  scale();
  CUgraphExec executable = instantiate(step.capture(2));
  step.fill(1);
  CHECK(d.cuGraphLaunch_(executable, step.main));
  step.fill(2);
  CHECK(d.cuStreamSynchronize_(step.main));
  REQUIRE(said("was changed between"));
}
