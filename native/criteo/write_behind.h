// Keeps what is written to a large file from piling up in the page cache.
#pragma once

#include <cstdint>

namespace pss::criteo {

// Starts writing bytes [from, to) of the file to the disk, and gives back the pages of those before
// `keep_from`, once they have arrived there. Only advice: file systems that don't know it are left alone.
// Throws CriteoError ERR_WRITE or ERR_NO_SPACE when the disk didn't take what it was given, because the
// system tells this only once.
void write_behind(int descriptor, uint64_t from, uint64_t to, uint64_t keep_from);

}  // namespace pss::criteo
