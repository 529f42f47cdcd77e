// The decompressed bytes of one input: a plain or gzip file, told apart by their first bytes, or standard
// input.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

struct inflate_state;

namespace pss::criteo {

// Wakes a reader that waits for a pipe. One signal wakes every later wait as well.
class WakeSignal {
 public:
  WakeSignal();
  ~WakeSignal();
  WakeSignal(const WakeSignal&) = delete;
  WakeSignal& operator=(const WakeSignal&) = delete;

  void raise();
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

class ByteSource {
 public:
  // `path` "-" is standard input. `bytes_read` grows by what is read from the file (compressed bytes).
  // Throws CriteoError ERR_OPEN, ERR_READ, or ERR_FORMAT for a file that is plainly something else.
  ByteSource(const std::string& path, const WakeSignal& wake, std::atomic<uint64_t>* bytes_read);
  ~ByteSource();
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  // Fills `out` with `size` bytes, or fewer at the end of the data or when woken. Throws ERR_READ, ERR_GZIP.
  size_t read(char* out, size_t size);

  // Leaves out the next `size` bytes; a plain file is only positioned. Fewer are left out at the end of the
  // data.
  void skip(uint64_t size);

  // Whether gzip data ended before its end mark. Meaningful once read() gave fewer bytes than asked for.
  bool truncated() const { return truncated_; }

 private:
  void open(const std::string& path);
  void refuse_other_formats() const;
  size_t read_file(char* out, size_t size);
  size_t read_plain(char* out, size_t size);
  size_t inflate_some(char* out, size_t size);
  void open_member();
  bool start_next_member();
  bool refill();
  [[noreturn]] void fail_gzip() const;

  std::string path_;
  const WakeSignal& wake_;
  std::atomic<uint64_t>* bytes_read_;
  uint64_t file_offset_ = 0;
  int descriptor_ = -1;
  bool owns_descriptor_ = false;
  bool gzip_ = false;
  bool member_open_ = false;
  bool file_ended_ = false;
  bool ended_ = false;
  bool truncated_ = false;
  std::unique_ptr<inflate_state> inflate_;
  // Raw bytes read but not yet used: [input_at_, input_.size()).
  std::vector<char> input_;
  size_t input_at_ = 0;
};

}  // namespace pss::criteo
