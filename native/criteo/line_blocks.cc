#include "criteo/line_blocks.h"

#include <algorithm>
#include <cstring>

#include "criteo/row_parser.h"

namespace pss::criteo {

namespace {

constexpr char kByteOrderMark[] = "\xef\xbb\xbf";
constexpr size_t kByteOrderMarkBytes = 3;

// Bytes up to and with the last newline of [from, size), 0 when there is none.
size_t end_of_last_line(const TextBuffer& block, size_t from) {
  const void* newline = memrchr(block.data() + from, '\n', block.size() - from);
  return newline == nullptr ? 0 : static_cast<size_t>(static_cast<const char*>(newline) - block.data()) + 1;
}

}  // namespace

void TextBuffer::reserve(size_t capacity) {
  if (capacity <= capacity_) return;
  auto larger = std::make_unique<char[]>(capacity + kTextPadding);
  if (size_ > 0) std::memcpy(larger.get(), data_.get(), size_);
  data_ = std::move(larger);
  capacity_ = capacity;
}

LineBlocks::LineBlocks(ByteSource* source, uint64_t start, size_t block_bytes, size_t max_line_bytes)
    : source_(source),
      block_bytes_(std::max(block_bytes, kByteOrderMarkBytes)),
      max_line_bytes_(max_line_bytes),
      read_(start),
      at_start_(start == 0) {}

bool LineBlocks::next(TextBuffer* block) {
  stump_ = false;
  block->set_size(0);
  if (ended_) return false;
  block_start_ = read_ - carry_.size();
  block->reserve(carry_.size() + block_bytes_ + 1);
  std::memcpy(block->data(), carry_.data(), carry_.size());
  block->set_size(carry_.size());
  carry_.clear();

  size_t complete = 0;
  while (!ended_ && (complete == 0 || block->size() < block_bytes_)) {
    const size_t from = block->size();
    block->reserve(from + block_bytes_ + 1);
    const size_t got = source_->read(block->data() + from, block_bytes_);
    ended_ = got < block_bytes_;
    read_ += got;
    block->set_size(from + got);
    if (at_start_ && got >= kByteOrderMarkBytes &&
        std::memcmp(block->data(), kByteOrderMark, kByteOrderMarkBytes) == 0) {
      std::memmove(block->data(), block->data() + kByteOrderMarkBytes, got - kByteOrderMarkBytes);
      block->set_size(got - kByteOrderMarkBytes);
    }
    at_start_ = false;
    if (dropping_) drop_rest_of_long_line(block, from);
    const size_t last = end_of_last_line(*block, from);
    if (last > 0) complete = last;
    if (complete == 0 && block->size() > max_line_bytes_) {
      block->set_size(max_line_bytes_ + 1);
      dropping_ = true;
    }
  }
  if (!ended_) {
    carry_.assign(block->data() + complete, block->size() - complete);
    block->set_size(complete);
    return true;
  }
  stump_ = source_->truncated();
  if (block->size() > complete || stump_) {
    block->data()[block->size()] = '\n';
    block->set_size(block->size() + 1);
  }
  return block->size() > 0;
}

void LineBlocks::drop_rest_of_long_line(TextBuffer* block, size_t from) {
  const size_t size = block->size();
  const void* newline = std::memchr(block->data() + from, '\n', size - from);
  if (newline == nullptr) {
    block->set_size(from);
    return;
  }
  const auto at = static_cast<size_t>(static_cast<const char*>(newline) - block->data());
  std::memmove(block->data() + from, block->data() + at, size - at);
  block->set_size(from + size - at);
  dropping_ = false;
}

}  // namespace pss::criteo
