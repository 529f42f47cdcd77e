#include "criteo/pipeline.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "criteo/criteo_error.h"

namespace pss::criteo {

Pipeline::Pipeline(PipelineOptions options, std::function<void()> notify)
    : options_(std::move(options)), notify_(std::move(notify)), parser_(options_.parse) {
  // One block for each worker to parse, one for each to find next, and two for the threads at either end.
  const size_t blocks = options_.jobs * 2 + 2;
  for (size_t i = 0; i < blocks; ++i) free_blocks_.push_back(std::make_unique<Block>());
  parsed_.resize(blocks);
  for (size_t i = 0; i < options_.slots.size(); ++i) free_slots_.push_back(static_cast<uint32_t>(i));
  lent_.resize(options_.slots.size());
  start_from(options_.start);
  if (options_.encoder) {
    encoder_ = std::make_unique<IdEncoder>(*options_.encoder);
  } else {
    for (size_t i = 0; i < options_.jobs; ++i) sketches_.push_back(std::make_unique<WorkerSketches>());
    if (options_.seen != nullptr) sketches_[0]->columns = *options_.seen;
  }
  try {
    threads_.emplace_back([this] { run([this] { read_inputs(); }); });
    threads_.emplace_back([this] { run([this] { join_blocks(); }); });
    for (size_t i = 0; i < options_.jobs; ++i) {
      WorkerSketches* const sketches = encoder_ == nullptr ? sketches_[i].get() : nullptr;
      threads_.emplace_back([this, sketches] { run([&] { work(sketches); }); });
    }
  } catch (...) {
    stop();
    throw;
  }
}

void Pipeline::start_from(const Position& start) {
  summary_ = start.summary;
  summary_.files.resize(options_.inputs.size());
  for (const FileCounts& file : summary_.files) {
    rows_ += file.rows;
    rejected_ += file.rejected;
  }
  current_file_ = start.file;
  lines_before_ = start.lines;
  to_skip_ = start.skipped_rows;
}

Pipeline::~Pipeline() {
  stop();
}

void Pipeline::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.raise();
  reader_wakes_.notify_all();
  workers_wake_.notify_all();
  joiner_wakes_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

Pipeline::State Pipeline::poll(Batch* batch) {
  const std::lock_guard lock(mutex_);
  if (error_ != nullptr) return State::kFailed;
  if (!ready_.empty()) {
    *batch = std::move(ready_.front());
    ready_.pop_front();
    lent_[batch->slot] = true;
    return State::kBatch;
  }
  return ended_ ? State::kEnded : State::kWaiting;
}

void Pipeline::rethrow() const {
  std::exception_ptr error;
  {
    const std::lock_guard lock(mutex_);
    error = error_;
  }
  std::rethrow_exception(error);
}

void Pipeline::release(uint32_t slot) {
  {
    const std::lock_guard lock(mutex_);
    if (slot >= lent_.size() || !lent_[slot]) return;
    lent_[slot] = false;
    free_slots_.push_back(slot);
  }
  joiner_wakes_.notify_all();
}

Summary Pipeline::summary() const {
  const std::lock_guard lock(mutex_);
  return summary_;
}

DistinctSketches Pipeline::sketches() const {
  DistinctSketches all{};
  for (const auto& worker : sketches_) {
    const std::lock_guard lock(worker->mutex);
    for (size_t column = 0; column < kNumTables; ++column) all[column].merge(worker->columns[column]);
  }
  return all;
}

void Pipeline::run(const std::function<void()>& body) {
  try {
    body();
  } catch (...) {
    fail(std::current_exception());
  }
}

// The first error counts; it stops all threads.
void Pipeline::fail(std::exception_ptr error) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    error_ = std::move(error);
    stopping_ = true;
  }
  wake_.raise();
  reader_wakes_.notify_all();
  workers_wake_.notify_all();
  joiner_wakes_.notify_all();
  notify_();
}

void Pipeline::read_inputs() {
  uint64_t sequence = 0;
  for (uint32_t file = options_.start.file; file < options_.inputs.size(); ++file)
    read_input(file, &sequence);
  {
    const std::lock_guard lock(mutex_);
    total_blocks_ = sequence;
  }
  joiner_wakes_.notify_all();
}

void Pipeline::read_input(uint32_t file, uint64_t* sequence) {
  ByteSource source(options_.inputs[file], wake_, &bytes_read_);
  const uint64_t start = file == options_.start.file ? options_.start.offset : 0;
  source.skip(start);
  LineBlocks blocks(&source, start, options_.block_bytes, options_.parse.max_line_bytes);
  for (bool more = true; more;) {
    std::unique_ptr<Block> block;
    {
      std::unique_lock lock(mutex_);
      reader_wakes_.wait(lock, [this] { return stopping_ || !free_blocks_.empty(); });
      if (stopping_) return;
      block = std::move(free_blocks_.back());
      free_blocks_.pop_back();
    }
    more = blocks.next(&block->text);
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    if (!more) {
      free_blocks_.push_back(std::move(block));
      return;
    }
    block->sequence = (*sequence)++;
    block->file = file;
    block->stump = blocks.stump();
    block->start = blocks.block_start();
    block->bytes_read = bytes_read_.load(std::memory_order_relaxed);
    unparsed_.push_back(std::move(block));
    workers_wake_.notify_one();
  }
}

void Pipeline::work(WorkerSketches* sketches) {
  std::unique_lock lock(mutex_);
  for (;;) {
    workers_wake_.wait(lock, [this] {
      return stopping_ || ended_ || !unparsed_.empty() || encoding_.next_column < kNumTables;
    });
    if (stopping_ || ended_) return;
    // Columns first: the joining thread waits for them.
    if (encoding_.next_column < kNumTables) {
      const size_t column = encoding_.next_column++;
      const auto [sparse, rows] = std::pair(encoding_.sparse, encoding_.rows);
      lock.unlock();
      encoder_->encode_column(column, sparse, rows);
      lock.lock();
      if (--encoding_.unfinished == 0) joiner_wakes_.notify_all();
      continue;
    }
    std::unique_ptr<Block> block = std::move(unparsed_.front());
    unparsed_.pop_front();
    lock.unlock();
    parser_.parse(&block->parsed, block->text.data(), block->text.size(), block->stump);
    if (sketches != nullptr) {
      const std::lock_guard sketches_lock(sketches->mutex);
      const RowColumns& columns = block->parsed.columns;
      for (size_t column = 0; column < kNumTables; ++column) {
        sketches->columns[column].add(columns.sparse.get() + column, columns.rows, kNumTables);
      }
    }
    lock.lock();
    const size_t place = block->sequence % parsed_.size();
    parsed_[place] = std::move(block);
    joiner_wakes_.notify_all();
  }
}

void Pipeline::join_blocks() {
  uint64_t bytes_read = 0;
  for (uint64_t sequence = 0;; ++sequence) {
    std::unique_ptr<Block> block;
    {
      std::unique_lock lock(mutex_);
      std::unique_ptr<Block>& place = parsed_[sequence % parsed_.size()];
      joiner_wakes_.wait(lock, [&] { return stopping_ || place != nullptr || total_blocks_ == sequence; });
      if (stopping_) return;
      if (place == nullptr) break;
      block = std::move(place);
    }
    if (block->file != current_file_) lines_before_ = 0;
    current_file_ = block->file;
    bytes_read = block->bytes_read;
    end_ = {block->file, block->start, lines_before_, 0, summary()};
    count_rejects(*block);
    judge_rejects(false);
    append(*block);
    lines_before_ += block->parsed.lines;
    {
      const std::lock_guard lock(mutex_);
      free_blocks_.push_back(std::move(block));
    }
    reader_wakes_.notify_one();
  }
  judge_rejects(true);
  finish_batch(bytes_read, end_);
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    ended_ = true;
  }
  workers_wake_.notify_all();
  notify_();
}

void Pipeline::count_rejects(const Block& block) {
  const ParsedText& parsed = block.parsed;
  const std::lock_guard lock(mutex_);
  FileCounts& counts = summary_.files[block.file];
  counts.rows += parsed.columns.rows;
  counts.rejected += parsed.lines - parsed.columns.rows;
  counts.truncated = counts.truncated || block.stump;
  rows_ += parsed.columns.rows;
  rejected_ += parsed.lines - parsed.columns.rows;
  for (size_t i = 0; i < parsed.rejected.size(); ++i) summary_.rejected[i] += parsed.rejected[i];
  for (const Reject& reject : parsed.samples) {
    if (summary_.samples.size() == kMaxSamples) break;
    summary_.samples.push_back({block.file, reject});
    summary_.samples.back().reject.line += lines_before_;
  }
}

void Pipeline::judge_rejects(bool at_end) const {
  const uint64_t seen = rows_ + rejected_;
  const bool too_many = rejected_ > options_.max_bad_rows;
  const bool too_high =
      (at_end || seen >= kMinRowsToJudge) &&
      static_cast<double>(rejected_) > options_.max_bad_fraction * static_cast<double>(seen);
  if (too_many || too_high) {
    throw CriteoError("ERR_BAD_ROWS",
                      std::to_string(rejected_) + " of " + std::to_string(seen) + " rows are malformed", "");
  }
}

void Pipeline::append(const Block& block) {
  const RowColumns& columns = block.parsed.columns;
  const size_t skipped = std::min(to_skip_, static_cast<uint64_t>(columns.rows));
  to_skip_ -= skipped;
  for (size_t from = skipped; from < columns.rows;) {
    if (!open_.slot) {
      std::unique_lock lock(mutex_);
      joiner_wakes_.wait(lock, [this] { return stopping_ || !free_slots_.empty(); });
      if (stopping_) return;
      open_.slot = free_slots_.front();
      free_slots_.pop_front();
    }
    const BatchSlot& slot = options_.slots[*open_.slot];
    const size_t rows = std::min(columns.rows - from, options_.batch_rows - open_.rows);
    std::memcpy(slot.label + open_.rows, columns.label.get() + from, rows);
    std::memcpy(slot.dense + open_.rows * kNumDense, columns.dense.get() + from * kNumDense,
                rows * kNumDense * sizeof(float));
    std::memcpy(slot.sparse + open_.rows * kNumTables, columns.sparse.get() + from * kNumTables,
                rows * kNumTables * sizeof(uint32_t));
    if (open_.segments.empty() || open_.segments.back().file != block.file) {
      open_.segments.push_back({block.file, 0});
    }
    open_.segments.back().rows += static_cast<uint32_t>(rows);
    open_.rows += rows;
    from += rows;
    end_.skipped_rows = from;
    if (open_.rows == options_.batch_rows) finish_batch(block.bytes_read, end_);
  }
}

void Pipeline::finish_batch(uint64_t bytes_read, Position end) {
  OpenBatch batch = std::exchange(open_, {});
  if (batch.rows == 0) return;
  const BatchSlot& slot = options_.slots[*batch.slot];
  uint64_t clicks = 0;
  for (size_t row = 0; row < batch.rows; ++row) clicks += slot.label[row];
  EncodedCounts encoded;
  if (encoder_ != nullptr) {
    encode(slot.sparse, batch.rows);
    // Whoever stops the threads leaves columns half done.
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    encoded = encoder_->counts();
  }
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    ready_.push_back({*batch.slot, static_cast<uint32_t>(batch.rows), clicks, bytes_read,
                      std::move(batch.segments), std::move(end), encoded});
  }
  notify_();
}

void Pipeline::encode(uint32_t* sparse, size_t rows) {
  std::unique_lock lock(mutex_);
  encoding_ = {sparse, rows, 0, kNumTables};
  workers_wake_.notify_all();
  joiner_wakes_.wait(lock, [this] { return stopping_ || encoding_.unfinished == 0; });
}

}  // namespace pss::criteo
