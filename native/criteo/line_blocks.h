// Cuts a stream of bytes into blocks of whole lines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "criteo/byte_source.h"

namespace pss::criteo {

// Text that ends in a newline, followed by kTextPadding readable bytes.
class TextBuffer {
 public:
  char* data() { return data_.get(); }
  const char* data() const { return data_.get(); }
  size_t size() const { return size_; }
  void set_size(size_t size) { size_ = size; }
  // Keeps the first size() bytes.
  void reserve(size_t capacity);

 private:
  std::unique_ptr<char[]> data_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

// One input file. Strips a byte-order mark at its start and ends its last line when a newline is missing.
// A line longer than max_line_bytes is shortened to one byte more than that, so memory stays bounded whatever
// the input.
class LineBlocks {
 public:
  // start: bytes of the source that have been left out, up to the start of a line.
  LineBlocks(ByteSource* source, uint64_t start, size_t block_bytes, size_t max_line_bytes);

  // The next block, of about block_bytes. False at the end of the file.
  bool next(TextBuffer* block);

  // Where the block just given starts among the bytes of the source.
  uint64_t block_start() const { return block_start_; }

  // Whether the last line of the block just given is the stump of one cut off by the end of truncated gzip
  // data.
  bool stump() const { return stump_; }

 private:
  void drop_rest_of_long_line(TextBuffer* block, size_t from);

  ByteSource* source_;
  size_t block_bytes_;
  size_t max_line_bytes_;
  uint64_t read_;
  uint64_t block_start_ = 0;
  std::string carry_;  // what followed the last newline of the block before
  bool at_start_;
  bool ended_ = false;
  bool dropping_ = false;
  bool stump_ = false;
};

}  // namespace pss::criteo
