#include "graph/embedding_node.h"

#include "base/error.h"

namespace pss {

namespace {

[[noreturn]] void reject(const NodeSpec& node, const std::string& attribute, const std::string& value) {
  throw Error("ERR_GRAPH", "Embedding '" + node.name + "' has an unknown " + attribute + " '" + value + "'.");
}

EmbeddingKind parse_kind(const NodeSpec& node) {
  const std::string& kind = node.attributes.string("kind");
  if (kind == "full") return EmbeddingKind::kFull;
  if (kind == "hash") return EmbeddingKind::kHash;
  if (kind == "robe") return EmbeddingKind::kRobe;
  if (kind == "hashednet") return EmbeddingKind::kHashedNet;
  reject(node, "kind", kind);
}

HashFamily parse_hash(const NodeSpec& node) {
  const std::string& hash = node.attributes.string("hash");
  if (hash == "mix64") return HashFamily::kMix64;
  if (hash == "apd10") return HashFamily::kApd10;
  reject(node, "hash", hash);
}

}  // namespace

Addressing embedding_addressing(const GraphSpec& graph, const NodeSpec& node) {
  const Attributes& a = node.attributes;
  return make_addressing(parse_kind(node), parse_hash(node), a.boolean("aligned"),
                         static_cast<uint64_t>(a.integer("hashSeed")), graph.num_tables, a.integer("dim"),
                         a.integer("chunkSize"), a.integer("memorySize"), a.integers("tableSizes"));
}

int64_t embedding_row_length(const Addressing& addressing) {
  switch (addressing.kind) {
    case EmbeddingKind::kFull:
    case EmbeddingKind::kHash:
      return addressing.D;
    case EmbeddingKind::kRobe:
      return addressing.Z;
    default:
      return 1;
  }
}

bool embedding_gradient_is_dense(const NodeSpec& node) {
  const std::string& gradient = node.attributes.string("gradient");
  if (gradient != "dense" && gradient != "sparse") reject(node, "gradient", gradient);
  return gradient == "dense";
}

}  // namespace pss
