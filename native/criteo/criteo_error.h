// What stops a whole reading job, as opposed to a row that is left out.
#pragma once

#include <stdexcept>
#include <string>

namespace pss::criteo {

class CriteoError : public std::runtime_error {
 public:
  // `code` is stable and machine-readable; `message` one sentence; `file` the input at fault or empty.
  CriteoError(const char* code, const std::string& message, std::string file)
      : std::runtime_error(message), code_(code), file_(std::move(file)) {}

  const char* code() const { return code_; }
  const std::string& file() const { return file_; }

 private:
  const char* code_;
  std::string file_;
};

}  // namespace pss::criteo
