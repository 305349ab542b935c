#include "distill/replace_directory.h"

#include <fcntl.h>

#include <cstdio>
#include <system_error>

#include "tensor/base/file.h"

namespace retort {
namespace {

// Linux's, where the file system has it.
bool exchange([[maybe_unused]] const std::filesystem::path& a,
              [[maybe_unused]] const std::filesystem::path& b) {
#ifdef RENAME_EXCHANGE
  return ::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) == 0;
#else
  return false;
#endif
}

}  // namespace

void replace_directory(const std::filesystem::path& path, const std::filesystem::path& made,
                       const std::filesystem::path& aside) {
  const auto folder = path.parent_path();
  if (!std::filesystem::exists(path)) {
    std::filesystem::rename(made, path);
  } else if (exchange(made, path)) {
    sync_directory(folder);
    std::filesystem::remove_all(made);  // which is now what was there
  } else {
    std::filesystem::rename(path, aside);
    try {
      std::filesystem::rename(made, path);
    } catch (...) {
      std::error_code ignored;
      std::filesystem::rename(aside, path, ignored);
      throw;
    }
    sync_directory(folder);
    std::filesystem::remove_all(aside);
  }
  sync_directory(folder);
}

void restore_directory(const std::filesystem::path& path, const std::filesystem::path& aside) {
  if (!std::filesystem::exists(path) && std::filesystem::exists(aside))
    std::filesystem::rename(aside, path);
  std::filesystem::remove_all(aside);
}

}  // namespace retort
