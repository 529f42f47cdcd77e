// Raw Criteo files to full record batches, on many threads, in the order of the input.
//
//   reading thread: bytes -> blocks of whole lines        (decompression happens here)
//   `jobs` workers: block -> columns                      (and, with a dictionary, column of a batch -> ids)
//   joining thread: columns -> batches, counts, rejects   (in block order, so nothing depends on timing)
//
// Everything in flight is bounded: a fixed number of blocks, and the batches whose memory the caller
// provides.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "criteo/byte_source.h"
#include "criteo/hyperloglog.h"
#include "criteo/line_blocks.h"
#include "criteo/row_parser.h"
#include "criteo/vocabulary.h"

namespace pss::criteo {

// Memory of one batch, owned by the caller: label [rows], dense [rows, 13], sparse [rows, 26].
struct BatchSlot {
  uint8_t* label;
  float* dense;
  uint32_t* sparse;
};

struct PipelineOptions {
  std::vector<std::string> inputs;  // "-" is standard input
  size_t jobs = 1;
  ParseOptions parse;
  bool vocabulary = false;  // ids by dictionary instead of the 32-bit values
  // More malformed rows than this stop the job. The fraction is judged from kMinRowsToJudge rows on, and at
  // the end.
  double max_bad_fraction = 1.0;
  uint64_t max_bad_rows = ~0ULL;
  size_t block_bytes = 1 << 20;
  size_t batch_rows = 65536;
  std::vector<BatchSlot> slots;
};

// Consecutive rows of a batch that come from one input.
struct Segment {
  uint32_t file;
  uint32_t rows;
};

struct Batch {
  uint32_t slot;
  uint32_t rows;
  uint64_t clicks;
  uint64_t bytes_read;  // so far, as they lie in the files
  std::vector<Segment> segments;
};

struct FileCounts {
  uint64_t rows = 0;
  uint64_t rejected = 0;
  bool truncated = false;
};

struct Summary {
  struct Sample {
    uint32_t file;
    Reject reject;
  };
  std::vector<FileCounts> files;
  RejectCounts rejected{};
  std::vector<Sample> samples;
};

class Pipeline {
 public:
  static constexpr uint64_t kMinRowsToJudge = 10000;

  // Starts the threads. `notify` is called from them whenever poll() may have a new answer.
  Pipeline(PipelineOptions options, std::function<void()> notify);
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  enum class State { kWaiting, kBatch, kEnded, kFailed };
  // Takes the next batch when there is one. Its slot stays untouched until release().
  State poll(Batch* batch);
  // Rethrows what made poll() answer kFailed.
  [[noreturn]] void rethrow() const;
  void release(uint32_t slot);
  // Ends the threads wherever they are and waits for them. May be called twice.
  void stop();

  // Counts so far; complete once poll() gave kEnded or kFailed.
  Summary summary() const;
  bool has_vocabulary() const { return options_.vocabulary; }
  // Ids per column: exact with a dictionary, estimated without. Only once poll() gave kEnded.
  std::array<uint64_t, kNumTables> table_sizes() const;
  // The dictionary of a column, its index the id. Only once poll() gave kEnded, and if there is one.
  const std::vector<uint32_t>& vocabulary(size_t column) const { return vocabularies_[column].values(); }

 private:
  struct Block {
    uint64_t sequence;
    uint32_t file;
    bool stump;
    uint64_t bytes_read;
    TextBuffer text;
    ParsedText parsed;
  };
  // Columns of one batch still to be encoded by the workers.
  struct Encoding {
    uint32_t* sparse = nullptr;
    size_t rows = 0;
    size_t next_column = kNumTables;
    size_t unfinished = 0;
  };
  struct OpenBatch {
    std::optional<uint32_t> slot;
    size_t rows = 0;
    std::vector<Segment> segments;
  };
  using Distinct = std::array<HyperLogLog, kNumTables>;

  void run(const std::function<void()>& body);
  void read_inputs();
  void read_input(uint32_t file, uint64_t* sequence);
  void work(Distinct* distinct);
  void join_blocks();
  void append(const Block& block);
  void count_rejects(const Block& block);
  void judge_rejects(bool at_end) const;
  void finish_batch(uint64_t bytes_read);
  void encode(uint32_t* sparse, size_t rows);
  void fail(std::exception_ptr error);

  const PipelineOptions options_;
  const std::function<void()> notify_;
  const RowParser parser_;
  WakeSignal wake_;
  std::atomic<uint64_t> bytes_read_{0};

  mutable std::mutex mutex_;  // guards what follows, up to the joining thread's own
  std::condition_variable reader_wakes_, workers_wake_, joiner_wakes_;
  std::vector<std::unique_ptr<Block>> free_blocks_;
  std::deque<std::unique_ptr<Block>> unparsed_;
  std::vector<std::unique_ptr<Block>> parsed_;  // at sequence % length
  std::optional<uint64_t> total_blocks_;        // known once everything is read
  Encoding encoding_;
  std::deque<uint32_t> free_slots_;
  std::vector<bool> lent_;  // slots between poll() and release()
  std::deque<Batch> ready_;
  Summary summary_;
  bool stopping_ = false;
  bool ended_ = false;
  std::exception_ptr error_;

  OpenBatch open_;
  uint64_t lines_before_ = 0;  // of the current file
  uint32_t current_file_ = 0;
  uint64_t rows_ = 0;
  uint64_t rejected_ = 0;

  std::vector<std::unique_ptr<Distinct>> distinct_;  // one a worker
  std::vector<Vocabulary> vocabularies_;
  std::vector<std::thread> threads_;
};

}  // namespace pss::criteo
