// cuGraph* and the calls that begin and end a capture.
#include <algorithm>
#include <map>
#include <set>

#include "graphs.h"
#include "launch.h"

using namespace emu;

namespace {

std::set<Graph*> graphs;
std::set<ExecutableGraph*> executables;

Graph* find_graph(CUgraph handle) {
  auto g = reinterpret_cast<Graph*>(handle);
  if (graphs.count(g)) return g;
  fail(CUDA_ERROR_INVALID_VALUE, "%p is not a live graph", static_cast<void*>(handle));
  return nullptr;
}
ExecutableGraph* find_executable(CUgraphExec handle) {
  auto e = reinterpret_cast<ExecutableGraph*>(handle);
  if (executables.count(e)) return e;
  fail(CUDA_ERROR_INVALID_VALUE, "%p is not a live executable graph", static_cast<void*>(handle));
  return nullptr;
}

// Where each node stands in a list of nodes.
std::map<const Node*, size_t> positions(const std::vector<NodePtr>& nodes) {
  std::map<const Node*, size_t> where;
  for (size_t i = 0; i < nodes.size(); i++) where[nodes[i].get()] = i;
  return where;
}

// A copy of the nodes that later changes of the graph don't reach.
std::vector<NodePtr> copy_nodes(const std::vector<NodePtr>& nodes) {
  const auto where = positions(nodes);
  std::vector<NodePtr> copies;
  for (auto& node : nodes) {
    auto copy = std::make_shared<Node>(Node{node->work, {}, node->line});
    for (auto& d : node->after) copy->after.push_back(copies[where.at(d.get())]);
    copies.push_back(copy);
  }
  return copies;
}

// The nodes that nothing comes after.
template <class Item, class Ptr>
std::vector<Ptr> ends_of(const std::vector<NodePtr>& nodes, const std::map<const Node*, Item>& items) {
  std::set<const Node*> has_next;
  for (auto& node : nodes) {
    for (auto& d : node->after) has_next.insert(d.get());
  }
  std::vector<Ptr> ends;
  for (auto& node : nodes) {
    if (!has_next.count(node.get())) ends.push_back(items.at(node.get()));
  }
  return ends;
}

CUresult launch_on(Stream* s, ExecutableGraph& graph) {
  if (s == &null_stream) EMU_TRY(refuse_null_stream());
  const OperationPtr begin = enqueue(s, Work::empty(), {graph.last});
  std::map<const Node*, OperationPtr> operations;
  for (auto& node : graph.nodes) {
    std::vector<OperationPtr> after;
    for (auto& d : node->after) after.push_back(operations.at(d.get()));
    if (after.empty()) after.push_back(begin);
    // A branch is a line of its own: the stream's address would tie it to what follows on that stream.
    operations[node.get()] =
        enqueue_after(&graph + 1 + (reinterpret_cast<u64>(node->line) >> 4) % 64, node->work, after);
  }
  graph.last = enqueue(s, Work::empty(), ends_of<OperationPtr, OperationPtr>(graph.nodes, operations));
  return broken;
}

// A graph launched on a capturing stream becomes part of the graph that is captured.
CUresult launch_in_capture(Stream& s, const ExecutableGraph& graph) {
  if (s.capture->invalid) return refuse_in_capture(s, "cuGraphLaunch");
  std::map<const Node*, NodePtr> copies;
  for (auto& node : graph.nodes) {
    auto copy = std::make_shared<Node>(Node{node->work, {}, node->line});
    for (auto& d : node->after) copy->after.push_back(copies.at(d.get()));
    if (copy->after.empty()) copy->after = s.frontier;
    copies[node.get()] = copy;
    s.capture->graph.nodes.push_back(copy);
  }
  if (!graph.nodes.empty()) s.frontier = ends_of<NodePtr, NodePtr>(graph.nodes, copies);
  return CUDA_SUCCESS;
}

struct Difference {
  CUgraphExecUpdateResult why = CU_GRAPH_EXEC_UPDATE_SUCCESS;
  const Node* node = nullptr;
};

// Why an executable graph can't take over the nodes of a graph: they must do the same things in the same
// order.
Difference compare(const std::vector<NodePtr>& have, const std::vector<NodePtr>& want) {
  if (have.size() != want.size()) return {CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED, nullptr};
  const auto where_have = positions(have), where_want = positions(want);
  auto numbers = [](const Node& node, const std::map<const Node*, size_t>& where) {
    std::set<size_t> all;
    for (auto& d : node.after) all.insert(where.at(d.get()));
    return all;
  };
  for (size_t i = 0; i < have.size(); i++) {
    const Node &a = *have[i], &b = *want[i];
    if (a.work.type != b.work.type) return {CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED, &b};
    if (numbers(a, where_have) != numbers(b, where_want))
      return {CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED, &b};
    if (a.work.subject != b.work.subject) return {CU_GRAPH_EXEC_UPDATE_ERROR_FUNCTION_CHANGED, &b};
  }
  return {};
}

}  // namespace

EMU_API cuStreamBeginCapture(CUstream handle, CUstreamCaptureMode mode) {
  EMU_ENTER();
  Stream* s = find_stream(handle);
  return s ? begin_capture(*s, mode) : CUDA_ERROR_INVALID_HANDLE;
}
EMU_API cuStreamEndCapture(CUstream handle, CUgraph* out) {
  EMU_ENTER();
  Stream* s = find_stream(handle);
  if (!s) return CUDA_ERROR_INVALID_HANDLE;
  Graph* graph = nullptr;
  const CUresult result = end_capture(*s, &graph);
  if (graph) graphs.insert(graph);
  *out = reinterpret_cast<CUgraph>(graph);
  return result;
}
EMU_API cuStreamIsCapturing(CUstream handle, CUstreamCaptureStatus* status) {
  EMU_ENTER();
  Stream* s = find_stream(handle);
  if (!s) return CUDA_ERROR_INVALID_HANDLE;
  *status = capture_status(*s);
  return CUDA_SUCCESS;
}
// Dependencies are counted but not listed.
extern "C" CUresult cuStreamGetCaptureInfo_v2(CUstream, CUstreamCaptureStatus*, cuuint64_t*, CUgraph*,
                                              const CUgraphNode**, size_t*);
EMU_API cuStreamGetCaptureInfo_v2(CUstream handle, CUstreamCaptureStatus* status, cuuint64_t* id,
                                  CUgraph* graph, const CUgraphNode** dependencies,
                                  size_t* num_dependencies) {
  EMU_ENTER();
  Stream* s = find_stream(handle);
  if (!s) return CUDA_ERROR_INVALID_HANDLE;
  *status = capture_status(*s);
  if (id && s->capture) *id = s->capture->id;
  if (graph) *graph = s->capture ? reinterpret_cast<CUgraph>(&s->capture->graph) : nullptr;
  if (dependencies) *dependencies = nullptr;
  if (num_dependencies) *num_dependencies = s->frontier.size();
  return CUDA_SUCCESS;
}
EMU_API cuStreamGetCaptureInfo_v3(CUstream stream, CUstreamCaptureStatus* status, cuuint64_t* id,
                                  CUgraph* graph, const CUgraphNode** dependencies,
                                  const CUgraphEdgeData** edges, size_t* num_dependencies) {
  if (edges) *edges = nullptr;
  return cuStreamGetCaptureInfo_v2(stream, status, id, graph, dependencies, num_dependencies);
}
EMU_API cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode* mode) {
  *mode = exchange_thread_mode(*mode);
  return CUDA_SUCCESS;
}

EMU_API cuGraphDestroy(CUgraph handle) {
  EMU_ENTER();
  Graph* g = find_graph(handle);
  if (!g) return CUDA_ERROR_INVALID_VALUE;
  graphs.erase(g);
  delete g;
  return CUDA_SUCCESS;
}
EMU_API cuGraphGetNodes(CUgraph handle, CUgraphNode* nodes, size_t* count) {
  EMU_ENTER();
  Graph* g = find_graph(handle);
  if (!g) return CUDA_ERROR_INVALID_VALUE;
  const size_t room = nodes ? *count : 0;
  for (size_t i = 0; i < room; i++) {
    nodes[i] = i < g->nodes.size() ? reinterpret_cast<CUgraphNode>(g->nodes[i].get()) : nullptr;
  }
  *count = nodes ? std::min(room, g->nodes.size()) : g->nodes.size();
  return CUDA_SUCCESS;
}
EMU_API cuGraphNodeGetType(CUgraphNode node, CUgraphNodeType* type) {
  EMU_ENTER();
  for (Graph* g : graphs) {
    for (auto& n : g->nodes) {
      if (reinterpret_cast<CUgraphNode>(n.get()) != node) continue;
      *type = n->work.type;
      return CUDA_SUCCESS;
    }
  }
  return fail(CUDA_ERROR_INVALID_VALUE, "cuGraphNodeGetType: not a node of a live graph");
}

EMU_API cuGraphInstantiateWithFlags(CUgraphExec* out, CUgraph handle, unsigned long long) {
  EMU_ENTER();
  Graph* g = find_graph(handle);
  if (!g) return CUDA_ERROR_INVALID_VALUE;
  *out = reinterpret_cast<CUgraphExec>(
      *executables.insert(new ExecutableGraph{copy_nodes(g->nodes), nullptr}).first);
  return CUDA_SUCCESS;
}
EMU_API cuGraphInstantiateWithParams(CUgraphExec* out, CUgraph graph,
                                     CUDA_GRAPH_INSTANTIATE_PARAMS* parameters) {
  parameters->result_out = CUDA_GRAPH_INSTANTIATE_SUCCESS;
  return cuGraphInstantiateWithFlags(out, graph, parameters->flags);
}
EMU_API cuGraphUpload(CUgraphExec graph, CUstream) {
  EMU_ENTER();
  return find_executable(graph) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}
EMU_API cuGraphLaunch(CUgraphExec handle, CUstream stream) {
  EMU_ENTER();
  ExecutableGraph* graph = find_executable(handle);
  Stream* s = find_stream(stream);
  if (!graph || !s) return CUDA_ERROR_INVALID_VALUE;
  return s->capture ? launch_in_capture(*s, *graph) : launch_on(s, *graph);
}
EMU_API cuGraphExecDestroy(CUgraphExec handle) {  // launches that are queued still run
  EMU_ENTER();
  ExecutableGraph* graph = find_executable(handle);
  if (!graph) return CUDA_ERROR_INVALID_VALUE;
  executables.erase(graph);
  delete graph;
  return CUDA_SUCCESS;
}
EMU_API cuGraphExecUpdate(CUgraphExec handle, CUgraph from, CUgraphExecUpdateResultInfo* info) {
  EMU_ENTER();
  ExecutableGraph* graph = find_executable(handle);
  Graph* wanted = find_graph(from);
  if (!graph || !wanted) return CUDA_ERROR_INVALID_VALUE;
  const Difference difference = compare(graph->nodes, wanted->nodes);
  if (info)
    *info = {difference.why, reinterpret_cast<CUgraphNode>(const_cast<Node*>(difference.node)), nullptr};
  if (difference.why != CU_GRAPH_EXEC_UPDATE_SUCCESS) {
    return fail(CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE,
                "cuGraphExecUpdate: the graph has another structure (reason %d)", difference.why);
  }
  graph->nodes = copy_nodes(wanted->nodes);
  return CUDA_SUCCESS;
}
// `node` is of the graph that the executable one was made from; that graph must still be there.
EMU_API cuGraphExecKernelNodeSetParams(CUgraphExec handle, CUgraphNode node,
                                       const CUDA_KERNEL_NODE_PARAMS* p) {
  EMU_ENTER();
  ExecutableGraph* graph = find_executable(handle);
  if (!graph) return CUDA_ERROR_INVALID_VALUE;
  for (Graph* g : graphs) {
    for (size_t i = 0; i < g->nodes.size() && i < graph->nodes.size(); i++) {
      if (reinterpret_cast<CUgraphNode>(g->nodes[i].get()) != node) continue;
      Work work;
      const LaunchShape shape = {{p->gridDimX, p->gridDimY, p->gridDimZ},
                                 {p->blockDimX, p->blockDimY, p->blockDimZ},
                                 p->sharedMemBytes,
                                 false};
      EMU_TRY(prepare_launch(p->func, shape, p->kernelParams, p->extra, &work));
      if (work.subject != graph->nodes[i]->work.subject) {
        return fail(CUDA_ERROR_INVALID_VALUE, "cuGraphExecKernelNodeSetParams: another kernel");
      }
      graph->nodes[i]->work = work;
      return CUDA_SUCCESS;
    }
  }
  return fail(CUDA_ERROR_INVALID_VALUE, "cuGraphExecKernelNodeSetParams: not a node of a live graph");
}
