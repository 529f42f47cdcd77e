// libFuzzer target: any bytes as a raw file, through decompression, line cutting and parsing.
//
// Sanitizers find what reads or writes where it shouldn't. Beyond that, what comes out must not depend on
// where blocks are cut or on where reading was taken up again, every line must be either a row or a reject,
// and no buffer may be larger than the block, the longest line and a constant.

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "criteo/byte_source.h"
#include "criteo/criteo_error.h"
#include "criteo/line_blocks.h"
#include "criteo/row_parser.h"

namespace {

using namespace pss::criteo;

constexpr size_t kMaxLineBytes = 600;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

struct Outcome {
  std::vector<uint8_t> label;
  std::vector<float> dense;
  std::vector<uint32_t> sparse;
  RejectCounts rejected{};
  uint64_t lines = 0;
  bool truncated = false;
  std::string error;
  std::vector<uint64_t> block_starts;

  bool operator==(const Outcome& other) const {
    return label == other.label && sparse == other.sparse && rejected == other.rejected &&
           lines == other.lines && truncated == other.truncated && dense.size() == other.dense.size() &&
           (dense.empty() ||
            std::memcmp(dense.data(), other.dense.data(), dense.size() * sizeof(float)) == 0);
  }
};

void append(Outcome* outcome, const ParsedText& parsed) {
  const RowColumns& rows = parsed.columns;
  outcome->label.insert(outcome->label.end(), rows.label.get(), rows.label.get() + rows.rows);
  outcome->dense.insert(outcome->dense.end(), rows.dense.get(), rows.dense.get() + rows.rows * kNumDense);
  outcome->sparse.insert(outcome->sparse.end(), rows.sparse.get(),
                         rows.sparse.get() + rows.rows * kNumTables);
  outcome->lines += parsed.lines;
  uint64_t rejected = 0;
  for (size_t i = 0; i < parsed.rejected.size(); ++i) {
    outcome->rejected[i] += parsed.rejected[i];
    rejected += parsed.rejected[i];
  }
  require(parsed.lines == rows.rows + rejected, "every line is a row or a reject");
}

// Kept, because tabling the dense transformation takes far longer than parsing a few rows.
const RowParser& parser_for(size_t variant) {
  static const std::vector<RowParser> parsers = [] {
    std::vector<RowParser> all;
    for (const DenseProfile dense : {DenseProfile::kDlrm, DenseProfile::kLog3, DenseProfile::kNone}) {
      for (const uint32_t max_index : {0u, 1000u})
        all.emplace_back(ParseOptions{dense, max_index, kMaxLineBytes});
    }
    return all;
  }();
  return parsers[variant % parsers.size()];
}

Outcome read_all(const std::string& path, const RowParser& parser, size_t block_bytes, uint64_t start) {
  Outcome outcome;
  try {
    const WakeSignal wake;
    std::atomic<uint64_t> bytes_read{0};
    ByteSource source(path, wake, &bytes_read);
    source.skip(start);
    LineBlocks blocks(&source, start, block_bytes, kMaxLineBytes);
    TextBuffer text;
    static ParsedText parsed;
    while (blocks.next(&text)) {
      require(text.size() <= 2 * block_bytes + kMaxLineBytes + 8, "a block is bounded");
      outcome.block_starts.push_back(blocks.block_start());
      parser.parse(&parsed, text.data(), text.size(), blocks.stump());
      append(&outcome, parsed);
    }
    outcome.truncated = source.truncated();
  } catch (const CriteoError& error) {
    outcome.error = error.code();
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const int descriptor = memfd_create("raw", MFD_CLOEXEC);
  require(descriptor >= 0 && write(descriptor, data, size) == static_cast<ssize_t>(size), "a file in memory");
  const std::string path = "/proc/self/fd/" + std::to_string(descriptor);
  const RowParser& parser = parser_for(size);
  const Outcome whole = read_all(path, parser, 1 << 14, 0);
  const Outcome cut = read_all(path, parser, 64, 0);
  require(whole.error == cut.error, "errors don't depend on blocks");
  if (whole.error.empty()) {
    require(whole == cut, "rows don't depend on blocks");
    if (!cut.block_starts.empty()) {
      const size_t middle = cut.block_starts.size() / 2;
      const Outcome rest = read_all(path, parser, 64, cut.block_starts[middle]);
      require(rest.label.size() <= whole.label.size() &&
                  std::equal(rest.sparse.rbegin(), rest.sparse.rend(), whole.sparse.rbegin()),
              "reading from the middle gives the last rows");
    }
  }
  close(descriptor);
  return 0;
}
