// A folder that takes another's place as a whole.
#pragma once

#include <filesystem>

namespace retort {

/// Makes `made` the folder `path`, and removes what was there before, if anything. At any moment,
/// whatever ends the process, `path` is one of the two, whole; on a file system that can't exchange
/// two names in one step, what was there may be left as `aside`, from where restore_directory()
/// takes it back. All three lie in one folder. Error: a name can't be changed; then `path` is what
/// it was.
void replace_directory(const std::filesystem::path& path, const std::filesystem::path& made,
                       const std::filesystem::path& aside);

/// Takes back what a process that was killed in replace_directory() had moved to `aside`, or
/// removes it where `path` is there.
void restore_directory(const std::filesystem::path& path, const std::filesystem::path& aside);

}  // namespace retort
