// Which buffers the tensors of a graph need, from when to when, and who writes which gradient.
//
// A tensor has a value, and a gradient where it learns (a parameter lies behind it). Of the nodes that read
// it, the last in graph order, which runs backward first, writes that gradient; each other one writes a part
// of its own, and a GradientSum adds the parts before the tensor's producer runs backward. A tensor that only
// a concat reads is a slice of the concat's output where its producer can write one and it begins on a
// vector.
#pragma once

#include <functional>
#include <vector>

#include "graph/graph_spec.h"
#include "graph/memory_plan.h"
#include "ops/op.h"

namespace pss {

class BufferPlacer {
 public:
  // Whether a tensor from a producer to its readers is kept as bfloat16.
  using KeepsBf16 = std::function<bool(const NodeSpec&, const std::vector<const NodeSpec*>&)>;

  // Throws ERR_GRAPH when a node reads the output of a graph that is to be trained.
  BufferPlacer(const GraphSpec& graph, bool training, int64_t max_batch, const KeepsBf16& keeps_bf16);

  const std::vector<BufferRequest>& requests() const { return requests_; }
  // Sets the tensors' pointers to where each request was placed.
  void place(float* arena, const std::vector<int64_t>& offsets);

  const std::vector<Tensor>& tensors() const { return tensors_; }
  // [node, input]: the tensor as that node sees it.
  const std::vector<std::vector<Tensor>>& reads() const { return reads_; }

 private:
  struct Reader {
    int node, input;
  };
  // What a request's buffer becomes: a value, a gradient, or a reader's part of a gradient.
  struct Owner {
    int tensor;
    bool gradient;
    Reader part;  // node -1 for the tensor's own
  };
  void find_readers();
  void find_slices();
  void choose_formats(const KeepsBf16& keeps_bf16);
  void request_value(int tensor);
  void request_gradients(int tensor);
  void request(int tensor, int first, int last, const Owner& owner);
  int backward_time(int node) const { return 2 * count_ - node; }
  bool is_fused(int tensor) const;

  const GraphSpec& graph_;
  bool training_;
  int64_t max_batch_;
  int count_;  // nodes
  std::vector<int> producer_;
  std::vector<std::vector<Reader>> readers_;
  std::vector<bool> learns_;
  std::vector<int> slice_of_;  // tensor -> the concat output it lies in, or -1
  std::vector<int64_t> slice_offset_;
  std::vector<Tensor> tensors_;
  std::vector<std::vector<Tensor>> reads_;
  std::vector<BufferRequest> requests_;
  std::vector<Owner> owners_;
};

}  // namespace pss
