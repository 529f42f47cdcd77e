#include "ops/embedding/addressing_cuda.h"

#include "base/aligned_buffer.h"

namespace pss {

namespace {

StartRule start_rule(const Addressing& addressing) {
  if (addressing.kind == EmbeddingKind::kFull) return StartRule::kRow;
  return addressing.hash == HashFamily::kApd10 ? StartRule::kApd10 : StartRule::kMix64;
}

}  // namespace

int lanes_log2(int64_t count) {
  int log2 = 0;
  while (log2 < 5 && (int64_t{1} << log2) < count) log2++;
  return log2;
}

AddressingCuda::AddressingCuda(const CudaOpContext& context, const Addressing& addressing) {
  const int64_t rows = context.max_batch;
  if (rows * pad_to_vector(addressing.T * addressing.D) > int64_t{UINT32_MAX} ||
      rows * addressing.T * addressing.chunks > int64_t{INT32_MAX}) {
    throw Error("ERR_GRAPH", "A batch of " + std::to_string(rows) +
                                 " samples has too many floats of embeddings for a GPU; make it smaller.");
  }
  const StartRule rule = start_rule(addressing);
  if (rule != StartRule::kMix64) {
    const std::vector<uint32_t> offsets(addressing.row_offsets.begin(), addressing.row_offsets.end());
    const size_t bytes = offsets.size() * sizeof(uint32_t);
    row_offsets_ = CudaMemory(bytes, *context.stream);
    copy_to_device(row_offsets_.data(), offsets.data(), bytes, *context.stream);
    context.stream->synchronize();
  }
  arguments_ = {row_offsets_.as<uint32_t>(),
                addressing.hash_seed,
                addressing.range,
                addressing.reciprocal,
                rule,
                static_cast<int32_t>(addressing.T),
                static_cast<int32_t>(addressing.D),
                static_cast<int32_t>(addressing.Z),
                static_cast<int32_t>(addressing.chunks),
                static_cast<int32_t>(addressing.unit)};
}

bool AddressingCuda::quads(int64_t ld) const {
  return arguments_.unit % 4 == 0 && arguments_.Z % 4 == 0 && arguments_.D % 4 == 0 && ld % 4 == 0;
}

ChunkList AddressingCuda::list(const uint32_t* ids, int64_t B, int64_t ld, int floats) const {
  return {arguments_,
          make_divisor(arguments_.chunks),
          make_divisor(arguments_.T),
          ids,
          ld,
          static_cast<uint32_t>(B * arguments_.T * arguments_.chunks),
          lanes_log2((std::min(arguments_.Z, arguments_.D) + floats - 1) / floats)};
}

}  // namespace pss
