// Files: read whole, map read-only, replace atomically. Every error names the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace retort {

/// The whole content of a regular file. Errors: missing, a directory, larger than `limit` bytes.
std::string read_file(const std::filesystem::path& path, std::size_t limit = std::size_t{1} << 32);

/// Writes `content` so that `path` holds either its old or its new content, whatever happens:
/// a temporary sibling, fsync, rename, fsync of the folder. A full disk is an error that leaves the old.
void replace_file(const std::filesystem::path& path, std::string_view content);

/// The same, with the content produced piece by piece: `produce` receives a sink to call repeatedly.
using FileSink = std::function<void(const void* data, std::size_t bytes)>;
void replace_file(const std::filesystem::path& path,
                  const std::function<void(const FileSink& sink)>& produce);

/// Flushes a folder's entries (after renames) to the disk.
void sync_directory(const std::filesystem::path& path);

/// A file mapped read-only for as long as the object lives.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::filesystem::path& path() const { return path_; }
  /// Errors when the file on disk no longer has its mapped size (reading it would raise SIGBUS).
  void check_size() const;

 private:
  std::filesystem::path path_;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  int descriptor_ = -1;
};

}  // namespace retort
