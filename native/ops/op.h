// What every op shares: the tensors it reads and writes, and the two calls a step makes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backend/cpu/thread_team.h"
#include "base/cpu_features.h"
#include "base/matrix.h"

namespace pss {

// An activation [B, shape...] as a matrix of `cols` floats a row; rows are `ld` floats apart and padded with
// zeros.
struct Tensor {
  std::string name;
  std::vector<int64_t> shape;
  int64_t cols = 0;
  int64_t ld = 0;
  float* value = nullptr;     // null when no op materialises it
  float* gradient = nullptr;  // null without training, and where no parameter lies behind it
  bool sliced = false;        // lies in the rows of a wider tensor, whose row length `ld` then is
  bool bf16 = false;          // value and gradient hold bfloat16, to be read through these:
  Bf16* bf16_value() const { return reinterpret_cast<Bf16*>(value); }
  Bf16* bf16_gradient() const { return reinterpret_cast<Bf16*>(gradient); }
  Matrix values() const { return {value, ld, bf16 ? Precision::kBf16 : Precision::kF32}; }
  Matrix gradients() const { return {gradient, ld, bf16 ? Precision::kBf16 : Precision::kF32}; }
  // Floats that so many rows take up.
  int64_t stored(int64_t rows) const { return ld * rows / (bf16 ? 2 : 1); }
};

// A parameter [rows, cols]; rows are `ld` floats apart and padded with zeros, which no update changes.
struct Parameter {
  std::string name;
  std::vector<int64_t> shape;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t ld = 0;
  float* value = nullptr;
  float* gradient = nullptr;  // null for embeddings: their gradient is a list of chunks
  float l2 = 0;               // updates see the gradient of the loss + l2 * sum of squares
  int64_t stored() const { return rows * ld; }
};

// The rows of one step.
struct Batch {
  int64_t B = 0;
  const uint8_t* labels = nullptr;   // [B]
  const float* dense = nullptr;      // [B, N]
  const uint32_t* sparse = nullptr;  // [B, T]
  int64_t step = 0;                  // of training, from 1; 0 when predicting, which drops nothing
};

struct OpContext {
  const ThreadTeam* team;
  Isa isa;
  bool training;
  int64_t max_batch;
  Precision precision = Precision::kF32;
};

class Op {
 public:
  virtual ~Op() = default;
  virtual void forward(const Batch& batch) = 0;
  // Reads the output's gradient; overwrites the gradients of inputs and parameters.
  virtual void backward(const Batch& batch) = 0;
  // Called after parameters were overwritten from outside.
  virtual void parameters_changed() {}
  virtual const char* implementation() const = 0;
};

}  // namespace pss
