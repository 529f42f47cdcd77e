#include "ops/embedding/addressing_cuda.h"

#include "base/aligned_buffer.h"

namespace pss {

namespace {

StartRule start_rule(const Addressing& addressing) {
  if (addressing.kind == EmbeddingKind::kFull) return StartRule::kRow;
  return addressing.hash == HashFamily::kApd10 ? StartRule::kApd10 : StartRule::kMix64;
}

// A rule for every chunk; none where all are hashed over one array, or all rows are numbered throughout.
std::vector<ChunkRule> chunk_rules(const Addressing& a) {
  std::vector<ChunkRule> rules;
  if (a.ranges.empty() && a.numbered.empty()) return rules;
  for (int64_t k = 0; k < a.T * a.chunks; k++) {
    const bool own = !a.ranges.empty();
    rules.push_back({own ? a.bases[k] : 0, 0, 1, static_cast<uint32_t>(own ? a.ranges[k] : a.range)});
  }
  for (const NumberedChunk& chunk : a.numbered) {
    rules[chunk.table * a.chunks + chunk.chunk] = {chunk.base, chunk.divisor, chunk.stride,
                                                   static_cast<uint32_t>(chunk.rows)};
  }
  return rules;
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
    row_offsets_ = upload(std::vector<uint32_t>(addressing.row_offsets.begin(), addressing.row_offsets.end()),
                          *context.stream);
  }
  rules_ = upload(chunk_rules(addressing), *context.stream);
  columns_ = upload(addressing.columns, *context.stream);
  arguments_ = {row_offsets_.as<uint32_t>(),
                rules_.as<ChunkRule>(),
                columns_.as<int32_t>(),
                addressing.hash_seed,
                addressing.range,
                addressing.reciprocal,
                rule,
                static_cast<int32_t>(addressing.T),
                static_cast<int32_t>(addressing.D),
                static_cast<int32_t>(addressing.Z),
                static_cast<int32_t>(addressing.chunks),
                static_cast<int32_t>(addressing.id_columns),
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
