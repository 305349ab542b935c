#include "tensor/base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "tensor/base/error.h"

namespace retort {
namespace {

std::string reason() { return std::strerror(errno); }

// check(call() == 0, …, reason()) could read errno before the call: arguments have no order.
void check_call(bool succeeded, const std::filesystem::path& path, const char* what) {
  if (!succeeded) fail(path.string(), what, reason());
}

// For reading: a pipe without a writer is refused like everything else that is no file, not waited for.
constexpr int kRead = O_RDONLY | O_NONBLOCK;

// A descriptor that closes itself.
class Descriptor {
 public:
  Descriptor(const std::filesystem::path& path, int flags, mode_t mode = 0)
      : number_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return number_; }
  int release() { return std::exchange(number_, -1); }
  bool close() { return ::close(std::exchange(number_, -1)) == 0; }

 private:
  int number_;
};

std::size_t regular_file_size(int descriptor, const std::filesystem::path& path) {
  struct stat status{};
  check_call(::fstat(descriptor, &status) == 0, path, ": can't be read: ");
  check(S_ISREG(status.st_mode), path.string(), ": expected a file, found ",
        S_ISDIR(status.st_mode) ? "a directory" : "something else");
  return static_cast<std::size_t>(status.st_size);
}

}  // namespace

std::string read_file(const std::filesystem::path& path, std::size_t limit) {
  const Descriptor file(path, kRead);
  check(file.get() >= 0, path.string(), ": can't be opened: ", reason());
  const std::size_t size = regular_file_size(file.get(), path);
  check(size <= limit, path.string(), ": has ", size, " bytes, more than the ", limit,
        " that are read of such a file");
  std::string content;
  content.reserve(size + 64);  // parsers may want to read a little behind it (JsonDocument)
  content.resize(size);
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got = ::read(file.get(), content.data() + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    check(got >= 0, path.string(), ": can't be read: ", reason());
    if (got == 0) break;  // the file shrank while it was read
    done += static_cast<std::size_t>(got);
  }
  content.resize(done);
  return content;
}

void replace_file(const std::filesystem::path& path,
                  const std::function<void(const FileSink& sink)>& produce) {
  auto temporary = path;
  temporary += ".tmp." + std::to_string(::getpid());
  Descriptor file(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  check(file.get() >= 0, path.string(), ": can't be written: ", reason());
  try {
    produce([&](const void* data, std::size_t bytes) {
      const char* from = static_cast<const char*>(data);
      while (bytes > 0) {
        const ssize_t put = ::write(file.get(), from, bytes);
        if (put < 0 && errno == EINTR) continue;
        check(put >= 0, path.string(), ": can't be written: ", reason());
        from += put;
        bytes -= static_cast<std::size_t>(put);
      }
    });
    check_call(::fsync(file.get()) == 0, path, ": can't be written: ");
    check_call(file.close(), path, ": can't be written: ");
    check_call(::rename(temporary.c_str(), path.c_str()) == 0, path, ": can't be replaced: ");
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  const auto parent = path.parent_path();
  sync_directory(parent.empty() ? "." : parent);
}

void replace_file(const std::filesystem::path& path, std::string_view content) {
  replace_file(path, [&](const FileSink& sink) { sink(content.data(), content.size()); });
}

void sync_directory(const std::filesystem::path& path) {
  const Descriptor folder(path, O_RDONLY | O_DIRECTORY);
  check(folder.get() >= 0, path.string(), ": can't be opened: ", reason());
  ::fsync(folder.get());  // some file systems don't offer it for folders; then there is nothing to do
}

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path) {
  Descriptor file(path, kRead);
  check(file.get() >= 0, path.string(), ": can't be opened: ", reason());
  size_ = regular_file_size(file.get(), path);
  if (size_ > 0) {
    void* mapped = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
    check(mapped != MAP_FAILED, path.string(), ": can't be mapped: ", reason());
    data_ = static_cast<const std::byte*>(mapped);
  }
  descriptor_ = file.release();
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<std::byte*>(data_), size_);
  if (descriptor_ >= 0) ::close(descriptor_);
}

void MappedFile::check_size() const {
  struct stat status{};
  check(::fstat(descriptor_, &status) == 0 && static_cast<std::size_t>(status.st_size) >= size_,
        path_.string(), ": was cut to ", status.st_size, " bytes while ", size_,
        " of it were in use; restore it and run again");
}

}  // namespace retort
