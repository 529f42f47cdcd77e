#include "criteo/write_behind.h"

#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "criteo/criteo_error.h"

namespace pss::criteo {

namespace {

void sync_range(int descriptor, uint64_t from, uint64_t to, unsigned flags) {
  if (sync_file_range(descriptor, static_cast<off64_t>(from), static_cast<off64_t>(to - from), flags) == 0)
    return;
  const int reason = errno;
  if (reason != EIO && reason != ENOSPC && reason != EDQUOT) return;
  throw CriteoError(reason == EIO ? "ERR_WRITE" : "ERR_NO_SPACE",
                    std::string("Writing to the disk failed: ") + std::strerror(reason) + ".", "");
}

}  // namespace

void write_behind(int descriptor, uint64_t from, uint64_t to, uint64_t keep_from) {
  sync_range(descriptor, from, to, SYNC_FILE_RANGE_WRITE);
  // What was given back before costs nothing to name again, and ranges needn't end where pages do.
  if (keep_from == 0) return;
  sync_range(descriptor, 0, keep_from,
             SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
  posix_fadvise(descriptor, 0, static_cast<off_t>(keep_from), POSIX_FADV_DONTNEED);
}

}  // namespace pss::criteo
