// Raw Criteo files to full record batches, on many threads, in the order of the input.
//
//   reading thread: bytes -> blocks of whole lines        (decompression happens here)
//   `jobs` workers: block -> columns                      (and, with dictionaries, column of a batch -> ids)
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
#include "criteo/id_encoder.h"
#include "criteo/line_blocks.h"
#include "criteo/row_parser.h"

namespace pss::criteo {

// Memory of one batch, owned by the caller: label [rows], dense [rows, 13], sparse [rows, 26].
struct BatchSlot {
  uint8_t* label;
  float* dense;
  uint32_t* sparse;
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

// A place between two rows from which reading can go on later.
struct Position {
  uint32_t file = 0;
  uint64_t offset = 0;        // into the text of the file, at the start of a line
  uint64_t lines = 0;         // of the file before that
  uint64_t skipped_rows = 0;  // accepted rows from there on that have been delivered
  Summary summary;            // of everything before the offset
};

using DistinctSketches = std::array<HyperLogLog, kNumTables>;

struct PipelineOptions {
  std::vector<std::string> inputs;  // "-" is standard input
  size_t jobs = 1;
  ParseOptions parse;
  std::optional<IdEncoderOptions> encoder;  // ids by dictionary instead of the 32-bit values
  Position start;
  std::unique_ptr<DistinctSketches> seen;  // what estimates of distinct values count besides, or null
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
  uint64_t bytes_read;  // by this pipeline so far, as they lie in the files
  std::vector<Segment> segments;
  Position end;
  EncodedCounts encoded;  // including this batch
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
  // What the values of every column have been counted with; all of them once poll() gave kEnded. Counting
  // values twice makes no difference, so this may be taken at any time and counted on from any position.
  DistinctSketches sketches() const;

 private:
  struct Block {
    uint64_t sequence;
    uint32_t file;
    bool stump;
    uint64_t start;
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
  struct WorkerSketches {
    std::mutex mutex;
    DistinctSketches columns;
  };

  void run(const std::function<void()>& body);
  void start_from(const Position& start);
  void read_inputs();
  void read_input(uint32_t file, uint64_t* sequence);
  void work(WorkerSketches* sketches);
  void join_blocks();
  void append(const Block& block);
  void count_rejects(const Block& block);
  void judge_rejects(bool at_end) const;
  void finish_batch(uint64_t bytes_read, Position end);
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
  uint64_t to_skip_ = 0;  // rows delivered before
  Position end_;          // of what has been appended to batches

  std::vector<std::unique_ptr<WorkerSketches>> sketches_;  // one a worker, or none
  std::unique_ptr<IdEncoder> encoder_;
  std::vector<std::thread> threads_;
};

}  // namespace pss::criteo
