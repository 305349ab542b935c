// What the tests of data files share: a folder that goes away again, the shared data, expected
// errors.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "tensor/base/error.h"
#include "tests/catch.h"

namespace retort::testing {

/// A folder of its own for one test case.
class Folder {
 public:
  explicit Folder(const std::string& name)
      : path_(std::filesystem::temp_directory_path() /
              ("retort-" + name + "-" + std::to_string(::getpid()))) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// Writes a file and gives its path.
  std::filesystem::path write(const std::string& name, std::string_view content) const {
    std::ofstream(path_ / name, std::ios::binary) << content;
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

inline std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// The folder of published data sets, which is beside the project where it is at all.
inline std::filesystem::path shared_data(const std::string& name) {
  const char* shared = std::getenv("RETORT_SHARED");
  const std::filesystem::path root = shared ? shared : RETORT_SOURCE_DIR "/../shared";
  return root / "data" / name;
}

/// The message of the Error that `action` throws; a failed check when it throws none.
template <class Action>
std::string error_of(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    const std::string message = error.what();
    CHECK(message.find('\n') == std::string::npos);  // one line, always
    return message;
  }
  FAIL_CHECK("expected an error");
  return {};
}

inline bool contains(std::string_view text, std::string_view part) {
  const bool found = text.find(part) != std::string_view::npos;
  if (!found) UNSCOPED_INFO("\"" << part << "\" isn't in: " << text);
  return found;
}

}  // namespace retort::testing
