#include "optim/chunk_update.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "base/error.h"

namespace pss {

namespace {

// A range's scratch (at most 256 KB while M has less than 2^30 floats) fits the L2 cache.
constexpr int64_t kTinyRange = 512, kSmallRange = 16384, kLargeRange = 65536;
constexpr int64_t kFewRanges = 4096, kManyRanges = 16384;
// A small M is cut into so many ranges that threads have something to share; by measurement, more cost more
// than a scratch in the L1 cache wins.
constexpr int64_t kLeastRanges = 64;
// Chunks of one float are so many that placing their records costs most, where they are sorted: a processor
// writes to about this many places at full speed.
constexpr int64_t kWriteStreams = 32;
// A sparse update visits the listed chunks one by one when the range is longer than this many floats for each
// of them; otherwise it walks the whole range. By measurement.
constexpr int64_t kVisit = 96;
constexpr int64_t kTasks = 512;
// How far ahead in a range's list of records to ask for the line to be written: one line.
constexpr int64_t kRecordsAhead = 8;

// floor(start * reciprocal / 2^64)
inline int64_t high_half(uint32_t start, uint64_t reciprocal) {
  return static_cast<int64_t>((static_cast<unsigned __int128>(start) * reciprocal) >> 64);
}

int64_t round_up(int64_t n, int64_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

int64_t choose_range(const Addressing& a) {
  const int64_t wanted =
      std::max(std::min(kLargeRange, a.memory_size / kFewRanges), a.memory_size / kManyRanges);
  const int64_t least = a.Z == 1 ? std::clamp(a.memory_size / kWriteStreams, kTinyRange, kLargeRange)
                                 : std::clamp(a.memory_size / kLeastRanges, kTinyRange, kSmallRange);
  // Whole units, whole rows of rowwise-adagrad, whole cache lines; more than one unit, and no chunk over
  // three ranges.
  const int64_t step = std::lcm(std::lcm(a.unit, a.Z), kVector);
  return round_up(std::max({wanted, least, 2 * a.Z}), step);
}

}  // namespace

ChunkUpdate::ChunkUpdate(const ThreadTeam* team, Isa isa, const Addressing& addressing,
                         const OptimizerSpec& spec, bool dense, int64_t max_batch)
    : team_(team),
      isa_(isa),
      kernels_(optimizer_kernels(isa)),
      addressing_(addressing),
      spec_(spec),
      dense_(dense),
      rowwise_(spec.kind == OptimizerKind::kRowwiseAdagrad && addressing.Z > 1),
      straddles_(addressing.unit < addressing.Z),
      range_floats_(choose_range(addressing)) {
  const Addressing& a = addressing_;
  if (max_batch * pad_to_vector(a.T * a.D) > int64_t{UINT32_MAX}) {
    throw Error("ERR_GRAPH", "A batch of " + std::to_string(max_batch) +
                                 " samples has more than 2^32 floats of embeddings; make it smaller.");
  }
  range_units_ = range_floats_ / a.unit;
  ranges_ = (a.memory_size + range_floats_ - 1) / range_floats_;
  range_reciprocal_ = ~uint64_t{0} / static_cast<uint64_t>(range_units_) + 1;
  margin_ = straddles_ ? pad_to_vector(a.Z) : 0;
  scratch_stride_ = range_floats_ + 2 * margin_ + kVector;
  const auto threads = static_cast<size_t>(team->threads());
  scratch_ = AlignedBuffer<float>(threads * static_cast<size_t>(scratch_stride_));
  if (!dense) std::fill_n(scratch_.data(), scratch_.size(), kUntouched);
  places_ = AlignedBuffer<uint32_t>(threads * static_cast<size_t>(ranges_));
  range_ends_ = AlignedBuffer<uint32_t>(static_cast<size_t>(ranges_));
  const bool short_last = a.chunks > 1 && a.D % a.Z != 0;
  for (int64_t k = 0; k < a.T * a.chunks; k++) {
    const int64_t t = k / a.chunks, c = k % a.chunks;
    sample_chunks_.push_back(
        {short_last && c + 1 == a.chunks ? kShortChunk : 0, static_cast<uint32_t>(t * a.D + c * a.Z)});
  }
  records_ =
      AlignedBuffer<ChunkRecord>(static_cast<size_t>(max_batch * a.T * a.chunks * (straddles_ ? 2 : 1)));
}

size_t ChunkUpdate::bytes() const {
  return scratch_.bytes() + places_.bytes() + range_ends_.bytes() + records_.bytes();
}

template <ChunkUpdate::Chunks kChunks>
void ChunkUpdate::count_part(const uint32_t* starts, int64_t first, int64_t last, uint32_t* counts) const {
  std::fill_n(counts, ranges_, 0u);
  const int64_t row = addressing_.T * addressing_.chunks;
  const int64_t border = range_units_ - addressing_.Z;
  for (int64_t k = first * row; k < last * row; k++) {
    const int64_t range = high_half(starts[k], range_reciprocal_);
    counts[range]++;
    if constexpr (kChunks == Chunks::kAnywhere) {
      if (starts[k] - range * range_units_ > border) counts[range + 1]++;
    }
  }
}

template <ChunkUpdate::Chunks kChunks, typename Number>
void ChunkUpdate::place_part(const uint32_t* starts, const Number* dslots, int64_t ld, int64_t first,
                             int64_t last, uint32_t* places) {
  const int64_t row = addressing_.T * addressing_.chunks, range_units = range_units_;
  const int64_t unit = addressing_.unit, margin = margin_, border = range_units - addressing_.Z;
  const uint64_t reciprocal = range_reciprocal_;
  const ChunkRecord* chunks = sample_chunks_.data();
  ChunkRecord* records = records_.data();
  starts += first * row;
  for (int64_t b = first; b < last; b++, starts += row) {
    for (int64_t k = 0; k < row; k++) {
      const uint32_t start = starts[k], source = static_cast<uint32_t>(b * ld) + chunks[k].source;
      const int64_t range = high_half(start, reciprocal), inside = start - range * range_units;
      const auto position = static_cast<uint32_t>(inside * unit + margin) | chunks[k].position;
      const uint32_t payload =
          kChunks == Chunks::kFloats ? std::bit_cast<uint32_t>(to_float(dslots[source])) : source;
      __builtin_prefetch(records + places[range] + kRecordsAhead, 1);
      records[places[range]++] = {position, payload};
      if constexpr (kChunks == Chunks::kAnywhere) {
        if (inside > border) {
          records[places[range + 1]++] = {position - static_cast<uint32_t>(range_floats_), payload};
        }
      }
    }
  }
}

// A stable counting sort: the parts are as many as there are threads, which doesn't show in the result.
void ChunkUpdate::sort_records(const uint32_t* starts, const Matrix& dslots, int64_t B) {
  if (straddles_) return sort_records_of<Chunks::kAnywhere>(starts, dslots, B);
  if (addressing_.Z == 1) return sort_records_of<Chunks::kFloats>(starts, dslots, B);
  sort_records_of<Chunks::kInRange>(starts, dslots, B);
}

template <ChunkUpdate::Chunks kChunks>
void ChunkUpdate::sort_records_of(const uint32_t* starts, const Matrix& dslots, int64_t B) {
  const int64_t parts = team_->threads();
  const auto places = [&](int64_t part) { return places_.data() + part * ranges_; };
  team_->run(parts, [&](int64_t part) {
    count_part<kChunks>(starts, B * part / parts, B * (part + 1) / parts, places(part));
  });
  uint32_t total = 0;
  for (int64_t range = 0; range < ranges_; range++) {
    for (int64_t part = 0; part < parts; part++) {
      total += std::exchange(places(part)[range], total);
    }
    range_ends_[range] = total;
  }
  team_->run(parts, [&](int64_t part) {
    visit_rows(dslots, 0, [&](const auto* data) {
      place_part<kChunks>(starts, data, dslots.ld, B * part / parts, B * (part + 1) / parts, places(part));
    });
  });
}

ChunkUpdate::Target ChunkUpdate::target_at(const Target& target, int64_t offset) const {
  const int64_t state_offset = rowwise_ ? offset / addressing_.Z : offset;
  return {target.memory + offset, target.state0 ? target.state0 + state_offset : nullptr,
          target.state1 ? target.state1 + state_offset : nullptr};
}

void ChunkUpdate::update_dense(float* gradient, int64_t n, const Target& target,
                               const UpdateScalars& scalars) const {
  add_l2(gradient, target.memory, n, scalars.l2);
  if (rowwise_) {
    update_rows(kernels_, target.memory, gradient, target.state0, n, addressing_.Z, spec_, scalars);
  } else {
    kernels_.update_range(target.memory, gradient, target.state0, target.state1, n, spec_, scalars);
  }
}

void ChunkUpdate::update_touched(float* gradient, int64_t n, const Target& target,
                                 const UpdateScalars& scalars) const {
  add_l2_touched(gradient, target.memory, n, scalars.l2);
  if (rowwise_) {
    update_touched_rows(kernels_, target.memory, gradient, target.state0, n, addressing_.Z, spec_, scalars);
  } else {
    kernels_.update_touched(target.memory, gradient, target.state0, target.state1, n, spec_, scalars);
  }
}

void ChunkUpdate::update_listed(float* gradient, int64_t n, const Target& target, const ChunkSum& sum,
                                const UpdateScalars& scalars) const {
  const int64_t Z = addressing_.Z;
  for (int64_t i = 0; i < sum.count; i++) {
    const uint32_t position = sum.records[i].position;
    const int64_t length = position & kShortChunk ? sum.last_length : sum.length;
    const int64_t at = int64_t{position & ~kShortChunk} - margin_;
    int64_t first = std::max(at, int64_t{0}), last = std::min(at + length, n);
    if (first >= last) continue;
    if (rowwise_) {
      first = first / Z * Z;
      last = std::min(round_up(last, Z), n);
    }
    update_touched(gradient + first, last - first, target_at(target, first), scalars);
  }
}

void ChunkUpdate::update_range(int64_t range, const Target& target, const Matrix& dslots,
                               const UpdateScalars& scalars) {
  const int64_t first = range * range_floats_;
  const int64_t n = std::min(range_floats_, addressing_.memory_size - first);
  const uint32_t begin = range ? range_ends_[range - 1] : 0, end = range_ends_[range];
  float* scratch = thread_scratch();
  float* gradient = scratch + margin_;
  const uint32_t next_end = range_ends_[std::min(range + 1, ranges_ - 1)];
  const int64_t count = end - begin;
  const bool sweep = count * kVisit > n;
  const ChunkSum sum{records_.data() + begin,
                     count,
                     dslots,
                     std::min(addressing_.Z, addressing_.D),
                     addressing_.chunk_length(addressing_.chunks - 1),
                     next_end - begin,
                     dense_ || sweep ? nullptr : target.memory + first - margin_,
                     range_floats_};
  const auto sum_chunks = isa_ >= Isa::kAvx512 ? sum_chunks_avx512
                          : isa_ == Isa::kAvx2 ? sum_chunks_avx2
                                               : sum_chunks_ref;
  sum_chunks(scratch, sum);
  const Target here = target_at(target, first);
  if (dense_) {
    update_dense(gradient, n, here, scalars);
    if (count || scalars.l2 != 0) std::fill_n(gradient, n, 0.0f);
  } else if (sweep) {
    update_touched(gradient, n, here, scalars);
  } else {
    update_listed(gradient, n, here, sum, scalars);
  }
}

void ChunkUpdate::apply(float* memory, float* state0, float* state1, const uint32_t* starts,
                        const Matrix& dslots, int64_t B, const UpdateScalars& scalars) {
  sort_records(starts, dslots, B);
  const Target target{memory, state0, state1};
  const int64_t group = (ranges_ + kTasks - 1) / kTasks;
  team_->run((ranges_ + group - 1) / group, [&](int64_t task) {
    const int64_t last = std::min(ranges_, (task + 1) * group);
    for (int64_t range = task * group; range < last; range++) {
      update_range(range, target, dslots, scalars);
    }
  });
}

}  // namespace pss
