#include "criteo/column_threads.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "criteo/row_parser.h"

namespace pss::criteo {

void for_each_column(size_t jobs, const std::function<void(size_t)>& work) {
  std::atomic<size_t> next{0};
  std::mutex mutex;
  std::exception_ptr error;
  const auto run = [&] {
    try {
      for (size_t column = next++; column < kNumTables; column = next++) work(column);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (error == nullptr) error = std::current_exception();
    }
  };
  std::vector<std::jthread> threads;
  for (size_t i = 1; i < std::min(jobs, kNumTables); ++i) threads.emplace_back(run);
  run();
  threads.clear();
  if (error != nullptr) std::rethrow_exception(error);
}

}  // namespace pss::criteo
