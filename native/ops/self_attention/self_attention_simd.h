// The attention's kernels for the Simd of the file that includes this. Scores are kept transposed, [g, f]: so
// the softmax over g runs down the columns and adds no lanes of a register to each other.
#pragma once

#include "backend/cpu/block_operand.h"
#include "ops/self_attention/self_attention.h"

namespace pss {
namespace {

constexpr int64_t kLanes = Simd::kLanes;

// e^x for x <= 0, about 1 unit in the last place: x = n ln 2 + r with |r| <= ln 2 / 2, a polynomial in r,
// times 2^n.
inline Simd::Floats exponential(Simd::Floats x) {
  const Simd::Floats n = Simd::to_integer(Simd::multiply(x, Simd::set(1.44269504f)));
  Simd::Floats r = Simd::multiply_add(n, Simd::set(-0.693359375f), x);
  r = Simd::multiply_add(n, Simd::set(2.12194440e-4f), r);
  Simd::Floats p = Simd::set(1.0f / 5040);
  for (const float c : {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f})
    p = Simd::multiply_add(p, r, Simd::set(c));
  return Simd::times_power(p, n);
}

template <typename Number>
const Word<Number>* words_of(const Number* numbers) {
  return reinterpret_cast<const Word<Number>*>(numbers);
}

// What a sample's products need beside q, k, v and P, one after the other in its scratch.
template <typename Number>
struct Scratch {
  Scratch(float* scratch, const AttentionShape& shape)
      : transposed(reinterpret_cast<Word<Number>*>(scratch)), scores(scratch + shape.dim * shape.Fp) {
    if constexpr (std::is_same_v<Number, Bf16>) {
      score_pairs = reinterpret_cast<uint32_t*>(scores + shape.F * shape.Fp);
      score_rows = reinterpret_cast<Bf16*>(score_pairs + (shape.F + 1) / 2 * shape.Fp);
      vectors = score_pairs + (shape.F + 1) * shape.Fp;
    } else {
      score_rows = scores;
    }
  }

  Word<Number>* transposed;  // [in_words(dim), Fp]
  float* scores;             // [F, Fp]
  Number* score_rows;        // [F, Fp]
  // Of bf16 alone.
  Word<Number>* score_pairs = nullptr;  // [in_words(F), Fp]
  Word<Number>* vectors = nullptr;      // [2, in_words(F), kept_A]
};

// P or dS, [g, f], in the format of the products, which sum over f along its rows, and over g along its
// columns: of bf16 along pairs of its rows.
template <typename Number>
struct Scores {
  Number* rows;
  Word<Number>* pairs;
  int64_t F, Fp;

  // Rows `value(g)` of columns [f, f + kLanes); those from F on become zero.
  template <typename Value>
  void fill(int64_t f, const Value& value) const {
    const Simd::Mask inside = Simd::mask(F - f);
    for (int64_t g = 0; g < F; g += 2) {
      const bool whole = g + 1 < F;
      const Simd::Floats first = Simd::where(inside, value(g));
      const Simd::Floats second = whole ? Simd::where(inside, value(g + 1)) : Simd::zero();
      Simd::store(rows + g * Fp + f, first);
      if (whole) Simd::store(rows + (g + 1) * Fp + f, second);
      if constexpr (std::is_same_v<Number, Bf16>)
        Simd::store_words(pairs + g / 2 * Fp + f, Simd::interleave(first, second));
    }
  }

  // c[f, :] (+)= sum over g of this[g, f] * x[g, :], with `cols` columns.
  template <typename Out>
  BlockGemm<Number, Out> sum_over_g(Out* c, int64_t c_ld, const Operand<Number>& x, int64_t cols,
                                    bool add) const {
    const Word<Number>* words;
    if constexpr (std::is_same_v<Number, float>) {
      words = rows;
    } else {
      words = pairs;
    }
    return {c, c_ld, words, 1, Fp, x.data, x.ld, F, cols, in_words<Number>(F), add};
  }
};

// c[g, :] = sum over f of rows[g, f] * x[f, :], with `cols` columns; rows [F, Fp].
template <typename Number>
BlockGemm<Number, Number> sum_over_f(Number* c, int64_t c_ld, const Number* rows, const Operand<Number>& x,
                                     int64_t cols, const AttentionShape& shape) {
  return {c,    c_ld,    words_of(rows), in_words<Number>(shape.Fp), 1,    x.data,
          x.ld, shape.F, cols,           in_words<Number>(shape.F),  false};
}

// [in_words(F), cols] of rows `ld` apart, for a sum over them. The words' rows are `words_ld` apart.
template <typename Number>
Operand<Number> joined_rows([[maybe_unused]] Word<Number>* words, [[maybe_unused]] int64_t words_ld,
                            const Number* rows, int64_t ld, [[maybe_unused]] int64_t F,
                            [[maybe_unused]] int64_t cols) {
  if constexpr (std::is_same_v<Number, float>) {
    return {rows, ld};
  } else {
    for (int64_t f = 0; f < F; f += 2) {
      const Number* low = rows + f * ld;
      for (int64_t c = 0; c < cols; c += kLanes) {
        const Simd::Mask mask = Simd::mask(cols - c);
        const Simd::Floats high = f + 1 < F ? Simd::load(mask, low + ld + c) : Simd::zero();
        Simd::store(mask, reinterpret_cast<float*>(words + f / 2 * words_ld + c),
                    Simd::as_floats(Simd::join(Simd::load(mask, low + c), high)));
      }
    }
    return {words, words_ld};
  }
}

// Every column of s [F, Fp], which is overwritten.
template <typename Number>
void softmax_columns(const Scores<Number>& out, float* s) {
  const int64_t F = out.F, Fp = out.Fp;
  for (int64_t f = 0; f < F; f += kLanes) {
    Simd::Floats top = Simd::load(s + f);
    for (int64_t g = 1; g < F; g++) top = Simd::max(top, Simd::load(s + g * Fp + f));
    Simd::Floats sum = Simd::zero();
    for (int64_t g = 0; g < F; g++) {
      float* at = s + g * Fp + f;
      const Simd::Floats e = exponential(Simd::subtract(Simd::load(at), top));
      sum = Simd::add(sum, e);
      Simd::store(at, e);
    }
    const Simd::Floats scale = Simd::divide(Simd::set(1), sum);
    out.fill(f, [&](int64_t g) { return Simd::multiply(Simd::load(s + g * Fp + f), scale); });
  }
}

// dS = P * (dP - sum_g P * dP); all [g, f].
template <typename Number>
void softmax_columns_backward(const Scores<Number>& ds, const float* dp, const Number* p) {
  const int64_t F = ds.F, Fp = ds.Fp;
  for (int64_t f = 0; f < F; f += kLanes) {
    Simd::Floats mean = Simd::zero();
    for (int64_t g = 0; g < F; g++)
      mean = Simd::multiply_add(Simd::load(p + g * Fp + f), Simd::load(dp + g * Fp + f), mean);
    ds.fill(f, [&](int64_t g) {
      return Simd::multiply(Simd::subtract(Simd::load(dp + g * Fp + f), mean), Simd::load(p + g * Fp + f));
    });
  }
}

template <typename Number>
void attention_forward(float* y, Number* probabilities, const Number* qkv, float* scratch,
                       const AttentionShape& shape, const BlockKernels& block) {
  const int64_t F = shape.F, Fp = shape.Fp, dim = shape.dim, A = shape.A();
  const int64_t kept_dim = shape.kept_dim<Number>(), kept_A = shape.kept_A<Number>();
  const int64_t depth = in_words<Number>(dim), ld = in_words<Number>(3 * kept_A);
  const Scratch<Number> own(scratch, shape);
  const Operand<Number> v = joined_rows<Number>(own.vectors, kept_A, qkv + 2 * kept_A, 3 * kept_A, F, kept_A);
  for (int64_t h = 0; h < shape.heads; h++) {
    const Word<Number>* q = words_of(qkv + h * kept_dim);
    const Word<Number>* k = words_of(qkv + kept_A + h * kept_dim);
    const Scores<Number> p{probabilities + h * F * Fp, own.score_pairs, F, Fp};
    block.transpose(own.transposed, Fp, q, ld, F, depth);
    block.gemm(BlockGemm<Number>{own.scores, Fp, k, ld, 1, own.transposed, Fp, F, Fp, depth, false});
    softmax_columns(p, own.scores);
    block.gemm(p.sum_over_g(y + h * dim, A, {v.data + h * kept_dim, v.ld}, dim, true));
  }
  for (int64_t i = 0; i < F * A; i += kLanes) {
    const Simd::Mask mask = Simd::mask(F * A - i);
    Simd::store(mask, y + i, Simd::relu(Simd::load(mask, y + i)));
  }
}

// dr = (y > 0) * dy into the last quarter of dqkvr's rows.
template <typename Number>
void relu_backward(Number* dqkvr, const float* dy, const float* y, const AttentionShape& shape) {
  const int64_t dim = shape.dim, kept_dim = shape.kept_dim<Number>(), heads = shape.heads;
  for (int64_t f = 0; f < shape.F; f++) {
    for (int64_t h = 0; h < heads; h++) {
      Number* dr = dqkvr + ((4 * f + 3) * heads + h) * kept_dim;
      const int64_t at = (f * heads + h) * dim;
      for (int64_t a = 0; a < dim; a += kLanes) {
        const Simd::Mask mask = Simd::mask(dim - a);
        Simd::store(Simd::mask(kept_dim - a), dr + a,
                    Simd::where_positive(Simd::load(mask, dy + at + a), Simd::load(mask, y + at + a)));
      }
    }
  }
}

template <typename Number>
void attention_backward(Number* dqkvr, Word<Number>* joined, const float* dy, const float* y,
                        const Number* probabilities, const Number* qkv, float* scratch,
                        const AttentionShape& shape, const BlockKernels& block) {
  const int64_t F = shape.F, Fp = shape.Fp, depth = in_words<Number>(shape.dim);
  const int64_t kept_dim = shape.kept_dim<Number>(), A = shape.kept_A<Number>();
  const Scratch<Number> own(scratch, shape);
  relu_backward(dqkvr, dy, y, shape);
  const Operand<Number> dr = joined_rows<Number>(joined + 3 * A, 4 * A, dqkvr + 3 * A, 4 * A, F, A);
  const Operand<Number> q = joined_rows<Number>(own.vectors, A, qkv, 3 * A, F, A);
  const Operand<Number> k =
      joined_rows<Number>(own.vectors + in_words<Number>(F) * A, A, qkv + A, 3 * A, F, A);
  const Scores<Number> ds{own.score_rows, own.score_pairs, F, Fp};
  for (int64_t h = 0; h < shape.heads; h++) {
    const int64_t head = h * kept_dim;
    const auto of_head = [&](const Operand<Number>& x) { return Operand<Number>{x.data + head, x.ld}; };
    const Number* p = probabilities + h * F * Fp;
    Number* dq = dqkvr + head;
    block.gemm(sum_over_f(dq + 2 * A, 4 * A, p, of_head(dr), kept_dim, shape));
    block.transpose(own.transposed, Fp, words_of(dq + 3 * A), in_words<Number>(4 * A), F, depth);
    block.gemm(BlockGemm<Number>{own.scores, Fp, words_of(qkv + 2 * A + head), in_words<Number>(3 * A), 1,
                                 own.transposed, Fp, F, Fp, depth, false});
    softmax_columns_backward(ds, own.scores, p);
    block.gemm(ds.sum_over_g(dq, 4 * A, of_head(k), kept_dim, false));
    block.gemm(sum_over_f<Number>(dq + A, 4 * A, ds.rows, of_head(q), kept_dim, shape));
  }
  joined_rows<Number>(joined, 4 * A, dqkvr, 4 * A, F, 3 * A);
}

constexpr AttentionFormats kAttentionSimd = {{attention_forward<float>, attention_backward<float>},
                                             {attention_forward<Bf16>, attention_backward<Bf16>}};

}  // namespace
}  // namespace pss
