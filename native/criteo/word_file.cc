#include "criteo/word_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "criteo/criteo_error.h"

namespace pss::criteo {

namespace {

constexpr uint64_t kWordBytes = sizeof(uint32_t);

uint64_t count_words(int descriptor) {
  struct stat info{};
  return fstat(descriptor, &info) == 0 ? static_cast<uint64_t>(info.st_size) / kWordBytes : 0;
}

}  // namespace

WordWriter::WordWriter(const std::string& path, uint64_t keep)
    : path_(path), descriptor_(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666)), size_(keep) {
  if (descriptor_ < 0) fail();
  const auto kept_bytes = static_cast<off_t>(keep * kWordBytes);
  const bool complete = count_words(descriptor_) >= keep;
  if (!complete) errno = ENODATA;
  if (!complete || ftruncate(descriptor_, kept_bytes) != 0 || lseek(descriptor_, kept_bytes, SEEK_SET) < 0) {
    const int reason = errno;
    close(descriptor_);
    errno = reason;
    fail();
  }
}

WordWriter::~WordWriter() {
  close(descriptor_);
}

void WordWriter::append(const uint32_t* words, size_t count) {
  const char* at = reinterpret_cast<const char*>(words);
  for (size_t left = count * kWordBytes; left > 0;) {
    const ssize_t written = write(descriptor_, at, left);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail();
    at += written;
    left -= static_cast<size_t>(written);
  }
  size_ += count;
}

void WordWriter::flush() {
  append(buffer_.data(), buffer_.size());
  buffer_.clear();
}

void WordWriter::fail() const {
  const int reason = errno;
  const bool full = reason == ENOSPC || reason == EDQUOT || reason == EFBIG;
  throw CriteoError(full ? "ERR_NO_SPACE" : "ERR_WRITE",
                    "Writing to " + path_ + " failed: " + std::strerror(reason) + ".", path_);
}

WordReader::WordReader(const std::string& path, uint64_t from)
    : path_(path), descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC)), size_(0), loaded_(from) {
  if (descriptor_ < 0) {
    throw CriteoError("ERR_READ", "Cannot open " + path + ": " + std::strerror(errno) + ".", path);
  }
  size_ = count_words(descriptor_);
}

WordReader::~WordReader() {
  close(descriptor_);
}

size_t WordReader::read(uint32_t* out, size_t count) {
  const size_t held = std::min(count, buffer_.size() - at_);
  std::copy_n(buffer_.data() + at_, held, out);
  at_ += held;
  return held + load(out + held, count - held);
}

void WordReader::refill() {
  buffer_.resize(kBufferWords);
  at_ = 0;
  buffer_.resize(load(buffer_.data(), kBufferWords));
  if (buffer_.empty()) throw CriteoError("ERR_READ", path_ + " ends too early.", path_);
}

size_t WordReader::load(uint32_t* out, size_t count) {
  char* const bytes = reinterpret_cast<char*>(out);
  const size_t wanted = count * kWordBytes;
  size_t filled = 0;
  while (filled < wanted) {
    const ssize_t got = pread(descriptor_, bytes + filled, wanted - filled,
                              static_cast<off_t>(loaded_ * kWordBytes + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      throw CriteoError("ERR_READ", "Reading " + path_ + " failed: " + std::strerror(errno) + ".", path_);
    }
    if (got == 0) break;
    filled += static_cast<size_t>(got);
  }
  loaded_ += filled / kWordBytes;
  return filled / kWordBytes;
}

}  // namespace pss::criteo
