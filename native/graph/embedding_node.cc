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
  if (kind == "rows") return EmbeddingKind::kRows;
  if (kind == "memories") return EmbeddingKind::kMemories;
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
  const auto optional = [&](const std::string& name) {
    return a.has(name) ? a.integers(name) : std::vector<int64_t>{};
  };
  return make_addressing({.kind = parse_kind(node),
                          .hash = parse_hash(node),
                          .aligned = a.boolean("aligned"),
                          .hash_seed = static_cast<uint64_t>(a.integer("hashSeed")),
                          .id_columns = graph.num_tables,
                          .columns = optional("columns"),
                          .D = a.integer("dim"),
                          .Z = a.integer("chunkSize"),
                          .memory_size = a.integer("memorySize"),
                          .table_sizes = a.integers("tableSizes"),
                          .full_tables = optional("fullTables"),
                          .rows = optional("rows"),
                          .divisors = optional("divisors")});
}

std::vector<IdBound> sketch_id_bounds(const NodeSpec& node) {
  // Older model files have no sizes.
  if (!node.attributes.has("tableSizes")) return {};
  const std::vector<int64_t> columns = node.attributes.integers("columns");
  const std::vector<int64_t> sizes = node.attributes.integers("tableSizes");
  if (!sizes.empty() && sizes.size() != columns.size()) {
    throw Error("ERR_GRAPH", "Node '" + node.name + "' needs a table size for each of its columns.");
  }
  std::vector<IdBound> bounds;
  for (size_t t = 0; t < sizes.size(); t++) bounds.push_back({columns[t], sizes[t]});
  return bounds;
}

bool embedding_gradient_is_dense(const NodeSpec& node) {
  const std::string& gradient = node.attributes.string("gradient");
  if (gradient != "dense" && gradient != "sparse") reject(node, "gradient", gradient);
  return gradient == "dense";
}

}  // namespace pss
