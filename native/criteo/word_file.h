// Files of 32-bit words, which hold what doesn't fit in memory: native byte order, no header.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace pss::criteo {

class WordWriter {
 public:
  // Makes the file, or opens it and keeps its first `keep` words. Throws CriteoError ERR_WRITE, also when
  // there are fewer.
  explicit WordWriter(const std::string& path, uint64_t keep = 0);
  ~WordWriter();
  WordWriter(const WordWriter&) = delete;
  WordWriter& operator=(const WordWriter&) = delete;

  // Hands the words to the operating system at once. Throws CriteoError ERR_WRITE or ERR_NO_SPACE.
  void append(const uint32_t* words, size_t count);
  // Collects words and hands over many at a time; flush() hands over the rest.
  void put(uint32_t word) {
    buffer_.push_back(word);
    if (buffer_.size() == kBufferWords) flush();
  }
  void flush();

  // Words in the file, without those that put() still holds.
  uint64_t size() const { return size_; }

 private:
  static constexpr size_t kBufferWords = 1 << 16;
  [[noreturn]] void fail() const;

  std::string path_;
  int descriptor_;
  uint64_t size_;
  std::vector<uint32_t> buffer_;
};

class WordReader {
 public:
  // Reads from word `from` on. Throws CriteoError ERR_READ.
  explicit WordReader(const std::string& path, uint64_t from = 0);
  ~WordReader();
  WordReader(const WordReader&) = delete;
  WordReader& operator=(const WordReader&) = delete;

  // Words in the whole file.
  uint64_t size() const { return size_; }
  // Words taken so far, those before `from` included.
  uint64_t position() const { return loaded_ - (buffer_.size() - at_); }
  // Copies up to `count` words; fewer only at the end.
  size_t read(uint32_t* out, size_t count);
  // The next word. Throws CriteoError ERR_READ at the end.
  uint32_t next() {
    if (at_ == buffer_.size()) refill();
    return buffer_[at_++];
  }

 private:
  static constexpr size_t kBufferWords = 1 << 14;
  void refill();
  size_t load(uint32_t* out, size_t count);

  std::string path_;
  int descriptor_;
  uint64_t size_;
  uint64_t loaded_;
  std::vector<uint32_t> buffer_;
  size_t at_ = 0;
};

}  // namespace pss::criteo
