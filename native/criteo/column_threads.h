// Work on the columns of a batch, which don't depend on each other.
#pragma once

#include <cstddef>
#include <functional>

namespace pss::criteo {

// Calls work(column) once for every column, on up to `jobs` threads, and rethrows the first exception.
void for_each_column(size_t jobs, const std::function<void(size_t)>& work);

}  // namespace pss::criteo
