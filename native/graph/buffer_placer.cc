#include "graph/buffer_placer.h"

#include <algorithm>

#include "base/aligned_buffer.h"
#include "base/error.h"
#include "graph/op_list.h"

namespace pss {

BufferPlacer::BufferPlacer(const GraphSpec& graph, bool training, int64_t max_batch,
                           const KeepsBf16& keeps_bf16)
    : graph_(graph),
      training_(training),
      max_batch_(max_batch),
      count_(static_cast<int>(graph.nodes.size())),
      tensors_(graph.tensors.size()) {
  for (size_t t = 0; t < tensors_.size(); t++) {
    Tensor& tensor = tensors_[t];
    tensor.name = graph.tensors[t].name;
    tensor.shape = graph.tensors[t].shape;
    tensor.cols = 1;
    for (const int64_t extent : tensor.shape) tensor.cols *= extent;
    tensor.ld = row_length(tensor.cols);
  }
  find_readers();
  find_slices();
  choose_formats(keeps_bf16);
  for (int t = 0; t < static_cast<int>(tensors_.size()); t++) {
    const int p = producer_[t];
    if (p < 0 || graph_.nodes[p].op == "sparseInput" || slice_of_[t] >= 0) continue;
    if (!is_fused(t)) request_value(t);
    if (training_ && learns_[t]) request_gradients(t);
  }
}

void BufferPlacer::find_readers() {
  producer_.assign(tensors_.size(), -1);
  readers_.resize(tensors_.size());
  learns_.assign(tensors_.size(), false);
  for (int i = 0; i < count_; i++) {
    const NodeSpec& node = graph_.nodes[i];
    producer_[node.output] = i;
    learns_[node.output] = !node.parameters.empty();
    for (int k = 0; k < static_cast<int>(node.inputs.size()); k++) {
      readers_[node.inputs[k]].push_back({i, k});
      if (learns_[node.inputs[k]]) learns_[node.output] = true;
    }
  }
  if (training_ && learns_[graph_.logits] && !readers_[graph_.logits].empty()) {
    throw Error("ERR_GRAPH", "The graph's output '" + tensors_[graph_.logits].name + "' is read by node '" +
                                 graph_.nodes[readers_[graph_.logits][0].node].name +
                                 "'; nothing may come after it.");
  }
}

void BufferPlacer::find_slices() {
  slice_of_.assign(tensors_.size(), -1);
  slice_offset_.assign(tensors_.size(), 0);
  for (const NodeSpec& node : graph_.nodes) {
    if (node.op != "concat") continue;
    int64_t offset = 0;
    for (const int input : node.inputs) {
      const bool alone = readers_[input].size() == 1 && input != graph_.logits;
      if (alone && offset % kVector == 0 && can_write_slice(graph_.nodes[producer_[input]])) {
        slice_of_[input] = node.output;
        slice_offset_[input] = offset;
      }
      offset += tensors_[input].cols;
    }
  }
}

// Gradients that are added up stay float32, and so does what lies in a wider tensor.
void BufferPlacer::choose_formats(const KeepsBf16& keeps_bf16) {
  for (int t = 0; t < static_cast<int>(tensors_.size()); t++) {
    Tensor& tensor = tensors_[t];
    if (producer_[t] < 0 || t == graph_.logits || tensor.cols == 1 || readers_[t].size() > 1) continue;
    if (slice_of_[t] >= 0) continue;
    std::vector<const NodeSpec*> readers;
    for (const Reader& reader : readers_[t]) readers.push_back(&graph_.nodes[reader.node]);
    tensor.bf16 = keeps_bf16(graph_.nodes[producer_[t]], readers);
  }
}

bool BufferPlacer::is_fused(int t) const {
  if (t == graph_.logits || readers_[t].size() != 1) return false;
  return can_fuse(graph_.nodes[producer_[t]], graph_.nodes[readers_[t][0].node]);
}

// Padding is zero from the start and no op writes it, so a padded tensor can't share its memory; nor can one
// that slices of others write to before its producer runs.
void BufferPlacer::request(int t, int first, int last, const Owner& owner) {
  const Tensor& tensor = tensors_[t];
  const bool sliced = std::find(slice_of_.begin(), slice_of_.end(), t) != slice_of_.end();
  const bool whole_life = tensor.ld != tensor.cols || sliced;
  requests_.push_back(
      {tensor.stored(max_batch_), whole_life ? 0 : first, whole_life ? 2 * count_ + 1 : last});
  owners_.push_back(owner);
}

// Values live from their producer's forward to their last reader (their producer's backward, when training).
void BufferPlacer::request_value(int t) {
  const int p = producer_[t];
  int last = t == graph_.logits ? 2 * count_ + 1 : training_ ? backward_time(p) : p;
  for (const Reader& reader : readers_[t]) last = std::max(last, reader.node);
  request(t, p, last, {t, false, {-1, 0}});
}

// Gradients live from the first backward that writes them to their producer's backward, those of slots to the
// update.
void BufferPlacer::request_gradients(int t) {
  const auto& readers = readers_[t];
  const int p = producer_[t];
  const int last = graph_.nodes[p].op == "embedding" ? 2 * count_ + 1 : backward_time(p);
  request(t, readers.empty() ? count_ : backward_time(readers.back().node), last, {t, true, {-1, 0}});
  for (size_t i = readers.size(); i-- > 1;) {
    const Reader& reader = readers[i - 1];
    request(t, backward_time(reader.node), backward_time(p), {t, true, reader});
  }
}

void BufferPlacer::place(float* arena, const std::vector<int64_t>& offsets) {
  for (size_t r = 0; r < owners_.size(); r++) {
    const Owner& owner = owners_[r];
    if (owner.part.node >= 0) continue;
    Tensor& tensor = tensors_[owner.tensor];
    (owner.gradient ? tensor.gradient : tensor.value) = arena + offsets[r];
  }
  // Outputs come after the inputs that lie in them, so a slice of a slice is settled from the last node on.
  for (int i = count_; i-- > 0;) {
    const int t = graph_.nodes[i].output;
    if (slice_of_[t] < 0) continue;
    const Tensor& wide = tensors_[slice_of_[t]];
    Tensor& tensor = tensors_[t];
    tensor.value = wide.value + slice_offset_[t];
    tensor.gradient = learns_[t] && wide.gradient ? wide.gradient + slice_offset_[t] : nullptr;
    tensor.ld = wide.ld;
    tensor.sliced = true;
  }
  for (const NodeSpec& node : graph_.nodes) {
    std::vector<Tensor>& inputs = reads_.emplace_back();
    for (const int input : node.inputs) inputs.push_back(tensors_[input]);
  }
  for (size_t r = 0; r < owners_.size(); r++) {
    const Owner& owner = owners_[r];
    if (owner.part.node < 0) continue;
    reads_[owner.part.node][owner.part.input].gradient = arena + offsets[r];
  }
}

}  // namespace pss
