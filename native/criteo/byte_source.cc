#include "criteo/byte_source.h"

#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "criteo/criteo_error.h"

namespace pss::criteo {

namespace {

constexpr size_t kInputBytes = 256 * 1024;
// What is thrown away at a time on the way to a place in the middle of the data.
constexpr size_t kSkipBytes = 256 * 1024;

struct OtherFormat {
  std::string_view magic;
  const char* advice;
};

constexpr OtherFormat kOtherFormats[] = {
    {"ARROW1", "an Arrow file, which is what prepare makes: train reads it as it is"},
    {"PAR1", "a Parquet file: export it as tab-separated text first"},
    {"PK\x03\x04", "a zip archive: unpack it first"},
    {"\x28\xb5\x2f\xfd", "compressed with zstd: pipe it in with \"zstdcat FILE | pss prepare -\""},
    {"\xfd\x37zXZ", "compressed with xz: pipe it in with \"xzcat FILE | pss prepare -\""},
    {"BZh", "compressed with bzip2: pipe it in with \"bzcat FILE | pss prepare -\""},
};

}  // namespace

WakeSignal::WakeSignal() : descriptor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (descriptor_ < 0) {
    throw CriteoError("ERR_OPEN", std::string("No event descriptor is left (") + std::strerror(errno) + ").",
                      "");
  }
}

WakeSignal::~WakeSignal() {
  close(descriptor_);
}

void WakeSignal::raise() {
  const uint64_t one = 1;
  // Only an overflow can fail here, and then the signal is already up.
  [[maybe_unused]] const ssize_t written = write(descriptor_, &one, sizeof one);
}

ByteSource::ByteSource(const std::string& path, const WakeSignal& wake, std::atomic<uint64_t>* bytes_read)
    : path_(path), wake_(wake), bytes_read_(bytes_read) {
  input_.reserve(kInputBytes);
  try {
    open(path);
    refill();
    refuse_other_formats();
    gzip_ = input_.size() >= 2 && input_[0] == '\x1f' && input_[1] == '\x8b';
    if (gzip_) {
      inflate_ = std::make_unique<inflate_state>();
      open_member();
    }
  } catch (...) {
    if (owns_descriptor_) close(descriptor_);
    throw;
  }
}

ByteSource::~ByteSource() {
  if (owns_descriptor_) close(descriptor_);
}

void ByteSource::open(const std::string& path) {
  if (path == "-") {
    descriptor_ = STDIN_FILENO;
    return;
  }
  // Without O_NONBLOCK, opening a named pipe that nobody writes to would wait beyond the reach of the wake
  // signal.
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor_ < 0) {
    throw CriteoError("ERR_OPEN", "Cannot open " + path + ": " + std::strerror(errno) + ".", path);
  }
  owns_descriptor_ = true;
  posix_fadvise(descriptor_, 0, 0, POSIX_FADV_SEQUENTIAL);
}

void ByteSource::refuse_other_formats() const {
  const std::string_view start(input_.data(), input_.size());
  for (const OtherFormat& format : kOtherFormats) {
    if (start.starts_with(format.magic)) {
      throw CriteoError("ERR_FORMAT", path_ + " isn't raw Criteo text but " + format.advice + ".", path_);
    }
  }
}

// Waits for data, so that a pipe without any can be left when the signal comes. 0 at the end of the file or
// when woken.
size_t ByteSource::read_file(char* out, size_t size) {
  while (!file_ended_) {
    pollfd waits[2] = {{descriptor_, POLLIN, 0}, {wake_.descriptor(), POLLIN, 0}};
    if (poll(waits, 2, -1) < 0 && errno != EINTR) break;
    if ((waits[1].revents & POLLIN) != 0) {
      file_ended_ = true;
      return 0;
    }
    if (waits[0].revents == 0) continue;
    const ssize_t got = ::read(descriptor_, out, size);
    if (got >= 0) {
      file_ended_ = got == 0;
      file_offset_ += static_cast<uint64_t>(got);
      bytes_read_->fetch_add(static_cast<uint64_t>(got), std::memory_order_relaxed);
      return static_cast<size_t>(got);
    }
    if (errno != EINTR && errno != EAGAIN) break;
  }
  if (file_ended_) return 0;
  throw CriteoError("ERR_READ",
                    "Reading " + path_ + " failed at byte " + std::to_string(file_offset_) + ": " +
                        std::strerror(errno) + ".",
                    path_);
}

// Reads until the raw buffer holds something new. The first time it insists on enough bytes to tell formats
// apart.
bool ByteSource::refill() {
  constexpr size_t kMagicBytes = 8;
  const bool first = file_offset_ == 0;
  input_.resize(kInputBytes);
  input_at_ = 0;
  size_t size = 0;
  do {
    const size_t got = read_file(input_.data() + size, kInputBytes - size);
    if (got == 0) break;
    size += got;
  } while (first && size < kMagicBytes);
  input_.resize(size);
  return size > 0;
}

size_t ByteSource::read(char* out, size_t size) {
  size_t filled = 0;
  while (filled < size && !ended_) {
    filled += gzip_ ? inflate_some(out + filled, size - filled) : read_plain(out + filled, size - filled);
  }
  return filled;
}

size_t ByteSource::read_plain(char* out, size_t size) {
  if (input_at_ < input_.size()) {
    const size_t taken = std::min(size, input_.size() - input_at_);
    std::memcpy(out, input_.data() + input_at_, taken);
    input_at_ += taken;
    return taken;
  }
  const size_t got = read_file(out, size);
  ended_ = got == 0;
  return got;
}

void ByteSource::open_member() {
  isal_inflate_init(inflate_.get());
  inflate_->crc_flag = ISAL_GZIP;
  member_open_ = true;
}

size_t ByteSource::inflate_some(char* out, size_t size) {
  if (input_at_ == input_.size() && !refill() && !member_open_) {
    ended_ = true;
    return 0;
  }
  if (!member_open_ && !start_next_member()) return 0;
  inflate_->next_in = reinterpret_cast<uint8_t*>(input_.data() + input_at_);
  inflate_->avail_in = static_cast<uint32_t>(input_.size() - input_at_);
  inflate_->next_out = reinterpret_cast<uint8_t*>(out);
  const size_t asked = std::min<size_t>(size, 1u << 30);
  inflate_->avail_out = static_cast<uint32_t>(asked);
  const int result = isal_inflate(inflate_.get());
  input_at_ = input_.size() - inflate_->avail_in;
  // What is above zero is no error but a wish for more input.
  if (result < 0 || result == ISAL_NEED_DICT) fail_gzip();
  const size_t produced = asked - inflate_->avail_out;
  if (inflate_->block_state == ISAL_BLOCK_FINISH) member_open_ = false;
  // Without input there may still be output held back; only when that is out as well the data has really
  // ended too soon.
  ended_ = truncated_ = file_ended_ && member_open_ && input_.empty() && produced == 0;
  return produced;
}

// After a member: another one, or the zero bytes some tools pad with.
bool ByteSource::start_next_member() {
  while (input_at_ < input_.size() && input_[input_at_] == 0) ++input_at_;
  if (input_at_ == input_.size()) return false;
  if (input_[input_at_] != '\x1f') fail_gzip();
  open_member();
  return true;
}

void ByteSource::skip(uint64_t size) {
  struct stat info{};
  if (!gzip_ && owns_descriptor_ && fstat(descriptor_, &info) == 0 && S_ISREG(info.st_mode)) {
    const uint64_t at = std::min(size, static_cast<uint64_t>(info.st_size));
    input_at_ = static_cast<size_t>(std::min<uint64_t>(at, input_.size()));
    if (input_at_ == at) return;
    if (lseek(descriptor_, static_cast<off_t>(at), SEEK_SET) < 0) {
      throw CriteoError(
          "ERR_READ",
          "Cannot go to byte " + std::to_string(at) + " of " + path_ + ": " + std::strerror(errno) + ".",
          path_);
    }
    bytes_read_->fetch_add(at - file_offset_, std::memory_order_relaxed);
    file_offset_ = at;
    return;
  }
  std::vector<char> unwanted(std::min<uint64_t>(size, kSkipBytes));
  while (size > 0) {
    const size_t got = read(unwanted.data(), std::min<uint64_t>(size, unwanted.size()));
    if (got == 0) return;
    size -= got;
  }
}

void ByteSource::fail_gzip() const {
  const uint64_t offset = file_offset_ - (input_.size() - input_at_);
  throw CriteoError("ERR_GZIP",
                    "The gzip data of " + path_ + " is corrupt at byte " + std::to_string(offset) +
                        "; fetch or compress the file again (\"gzip -t\" checks it).",
                    path_);
}

}  // namespace pss::criteo
