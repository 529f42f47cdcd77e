#include "backend/cuda/cublaslt.h"

#include <dlfcn.h>

#include <cstdlib>
#include <cstring>
#include <string>

namespace pss {

namespace {

// The library's own types and values, as its binary interface has them.
using Status = int;
using Opaque = struct CublasLtOpaque*;
struct Algorithm {
  uint64_t data[8];
};
struct Heuristic {
  Algorithm algorithm;
  size_t workspace_bytes;
  Status status;
  float waves;
  int reserved[4];
};
constexpr int kReal32 = 0, kRealBf16 = 14;               // cudaDataType_t
constexpr int kCompute32 = 68, kComputeTf32 = 77;        // cublasComputeType_t
constexpr int kDescTransposeA = 3, kDescTransposeB = 4;  // cublasLtMatmulDescAttributes_t
constexpr int kPreferWorkspace = 1, kPreferReduction = 3, kPreferAlignmentA = 5;
constexpr uint32_t kReduceInComputeType = 2;  // beside no reduction at all, which is always allowed
constexpr int32_t kPlain = 0, kTransposed = 1;

constexpr size_t kWorkspaceBytes = 32 << 20;
// Buffers start on a cache line.
constexpr uint32_t kAlignment = 64;

#define PSS_CUBLASLT_FUNCTIONS(X)                                                                            \
  X(cublasLtCreate, Opaque*)                                                                                 \
  X(cublasLtDestroy, Opaque)                                                                                 \
  X(cublasLtMatmulDescCreate, Opaque*, int, int)                                                             \
  X(cublasLtMatmulDescDestroy, Opaque)                                                                       \
  X(cublasLtMatmulDescSetAttribute, Opaque, int, const void*, size_t)                                        \
  X(cublasLtMatrixLayoutCreate, Opaque*, int, uint64_t, uint64_t, int64_t)                                   \
  X(cublasLtMatrixLayoutDestroy, Opaque)                                                                     \
  X(cublasLtMatmulPreferenceCreate, Opaque*)                                                                 \
  X(cublasLtMatmulPreferenceDestroy, Opaque)                                                                 \
  X(cublasLtMatmulPreferenceSetAttribute, Opaque, int, const void*, size_t)                                  \
  X(cublasLtMatmulAlgoGetHeuristic, Opaque, Opaque, Opaque, Opaque, Opaque, Opaque, Opaque, int, Heuristic*, \
    int*)                                                                                                    \
  X(cublasLtMatmul, Opaque, Opaque, const void*, const void*, Opaque, const void*, Opaque, const void*,      \
    const void*, Opaque, void*, Opaque, const Algorithm*, void*, size_t, CudaStreamHandle)

void check(Status status, const char* call) {
  if (status == 0) return;
  throw Error("ERR_CUDA", std::string("cuBLASLt's ") + call + " failed with status " +
                              std::to_string(status) + "; set PSS_CUBLASLT=off to go without it.");
}

}  // namespace

struct CublasLt::Table {
#define PSS_CUBLASLT_ENTRY(name, ...) Status (*name)(__VA_ARGS__) = nullptr;
  PSS_CUBLASLT_FUNCTIONS(PSS_CUBLASLT_ENTRY)
#undef PSS_CUBLASLT_ENTRY

  // Null when the file isn't there or lacks a function.
  static std::unique_ptr<Table> load(const char* file) {
    void* library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!library) return nullptr;
    auto table = std::make_unique<Table>();
    bool whole = true;
#define PSS_CUBLASLT_FIND(name, ...)                                            \
  table->name = reinterpret_cast<decltype(table->name)>(dlsym(library, #name)); \
  whole = whole && table->name;
    PSS_CUBLASLT_FUNCTIONS(PSS_CUBLASLT_FIND)
#undef PSS_CUBLASLT_FIND
    return whole ? std::move(table) : nullptr;
  }
};

// One product as the library knows it. It stores matrices by columns, so that it is asked for C's transpose,
// B's times A's.
struct CublasLt::Product {
  const Table* table;
  Opaque description = nullptr, a = nullptr, b = nullptr, c = nullptr;
  Heuristic found{};

  explicit Product(const Table* own) : table(own) {}
  Product(const Product&) = delete;
  Product& operator=(const Product&) = delete;
  ~Product() {
    if (description) table->cublasLtMatmulDescDestroy(description);
    for (const Opaque layout : {a, b, c}) {
      if (layout) table->cublasLtMatrixLayoutDestroy(layout);
    }
  }
};

// Looked for once: a library once loaded stays.
const CublasLt::Table* CublasLt::table() {
  static const std::unique_ptr<Table> table = []() -> std::unique_ptr<Table> {
    const char* forced = std::getenv("PSS_CUBLASLT");
    if (forced && std::strcmp(forced, "off") == 0) return nullptr;
    if (forced && *forced) {
      std::unique_ptr<Table> named = Table::load(forced);
      if (!named) {
        throw Error("ERR_CUDA", std::string("PSS_CUBLASLT names ") + forced +
                                    ", which can't be loaded as cuBLASLt; name another file, or `off`.");
      }
      return named;
    }
    for (const char* file : {"libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so.11"}) {
      if (std::unique_ptr<Table> found = Table::load(file)) return found;
    }
    return nullptr;
  }();
  return table.get();
}

std::unique_ptr<CublasLt> CublasLt::open(const CudaStream& stream) {
  const Table* functions = table();
  Opaque handle = nullptr;
  if (!functions || functions->cublasLtCreate(&handle) != 0) return nullptr;
  return std::unique_ptr<CublasLt>(new CublasLt(functions, handle, stream));
}

CublasLt::CublasLt(const Table* table, void* handle, const CudaStream& stream)
    : table_(table), handle_(handle), stream_(stream), workspace_(kWorkspaceBytes, stream) {}

CublasLt::~CublasLt() {
  products_.clear();
  table_->cublasLtDestroy(static_cast<Opaque>(handle_));
}

std::unique_ptr<CublasLt::Product> CublasLt::make(GemmLayout layout, GemmElement element,
                                                  const GemmArguments& p) const {
  auto product = std::make_unique<Product>(table_);
  const bool tf32 = element == GemmElement::kTf32;
  check(table_->cublasLtMatmulDescCreate(&product->description, tf32 ? kComputeTf32 : kCompute32, kReal32),
        "cublasLtMatmulDescCreate");
  // Rows of the source are the library's columns.
  const bool b_by_k = layout == GemmLayout::kKContiguous, a_by_k = layout != GemmLayout::kKStrided;
  const auto transpose = [&](int attribute, bool transposed) {
    const int32_t operation = transposed ? kTransposed : kPlain;
    check(
        table_->cublasLtMatmulDescSetAttribute(product->description, attribute, &operation, sizeof operation),
        "cublasLtMatmulDescSetAttribute");
  };
  transpose(kDescTransposeA, b_by_k);
  transpose(kDescTransposeB, !a_by_k);
  const auto matrix = [&](Opaque* out, int type, int32_t rows, int32_t columns, int64_t ld) {
    check(table_->cublasLtMatrixLayoutCreate(out, type, static_cast<uint64_t>(rows),
                                             static_cast<uint64_t>(columns), ld),
          "cublasLtMatrixLayoutCreate");
  };
  const int type = element == GemmElement::kBf16 ? kRealBf16 : kReal32;
  matrix(&product->a, type, b_by_k ? p.k : p.n, b_by_k ? p.n : p.k, p.b_ld);
  matrix(&product->b, type, a_by_k ? p.k : p.m, a_by_k ? p.m : p.k, p.a_ld);
  matrix(&product->c, p.c_is_bf16 ? kRealBf16 : kReal32, p.n, p.m, p.c_ld);

  Opaque preference = nullptr;
  check(table_->cublasLtMatmulPreferenceCreate(&preference), "cublasLtMatmulPreferenceCreate");
  const auto prefer = [&](int attribute, const auto& value) {
    return table_->cublasLtMatmulPreferenceSetAttribute(preference, attribute, &value, sizeof value);
  };
  Status status = prefer(kPreferWorkspace, kWorkspaceBytes);
  if (status == 0) status = prefer(kPreferReduction, kReduceInComputeType);
  for (int operand = 0; operand < 4 && status == 0; operand++) {
    status = prefer(kPreferAlignmentA + operand, kAlignment);
  }
  int count = 0;
  if (status == 0) {
    status = table_->cublasLtMatmulAlgoGetHeuristic(static_cast<Opaque>(handle_), product->description,
                                                    product->a, product->b, product->c, product->c,
                                                    preference, 1, &product->found, &count);
  }
  table_->cublasLtMatmulPreferenceDestroy(preference);
  if (status != 0 || count < 1 || product->found.status != 0) return nullptr;
  return product;
}

const CublasLt::Product* CublasLt::find(GemmLayout layout, GemmElement element, const GemmArguments& p) {
  const Key key{layout, element, p.m, p.n, p.k, p.a_ld, p.b_ld, p.c_ld, p.c_is_bf16};
  const auto known = products_.find(key);
  if (known != products_.end()) return known->second.get();
  return products_.emplace(key, make(layout, element, p)).first->second.get();
}

bool CublasLt::can_multiply(GemmLayout layout, GemmElement element, const GemmArguments& arguments) {
  return find(layout, element, arguments) != nullptr;
}

void CublasLt::multiply(GemmLayout layout, GemmElement element, const GemmArguments& p) {
  const Product* product = find(layout, element, p);
  const float one = 1, zero = 0;
  check(table_->cublasLtMatmul(static_cast<Opaque>(handle_), product->description, &one, p.b, product->a, p.a,
                               product->b, &zero, p.c, product->c, p.c, product->c, &product->found.algorithm,
                               workspace_.data(), workspace_.bytes(), stream_.handle()),
        "cublasLtMatmul");
}

}  // namespace pss
