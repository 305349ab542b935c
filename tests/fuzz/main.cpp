// Runs a fuzz target over files and over the files of folders, where libFuzzer isn't there to do
// it.
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>

#include "tensor/base/file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void run(const std::filesystem::path& path) {
  const std::string content = retort::read_file(path);
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(content.data()), content.size());
}

}  // namespace

int main(int argc, char** argv) {
  namespace fs = std::filesystem;
  try {
    int count = 0;
    for (int i = 1; i < argc; ++i) {
      if (!fs::is_directory(argv[i])) {
        run(argv[i]);
        ++count;
        continue;
      }
      for (const auto& entry : fs::recursive_directory_iterator(argv[i])) {
        if (!entry.is_regular_file()) continue;
        run(entry.path());
        ++count;
      }
    }
    std::printf("%d inputs, no failure\n", count);
    return count > 0 ? 0 : 2;  // a run over nothing proves nothing
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
