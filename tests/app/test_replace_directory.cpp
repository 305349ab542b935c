// A folder takes another's place: nobody ever finds half of one, or none.
#include "distill/replace_directory.h"

#include <fcntl.h>

#include <atomic>
#include <cstdio>
#include <thread>

#include "tests/app/model_testing.h"

using namespace retort;
using namespace retort::testing;

namespace {

namespace fs = std::filesystem;

void make(const Folder& folder, const std::string& name, const std::string& content) {
  fs::create_directories(folder.path() / name);
  folder.write(name + "/file", content);
}

bool can_exchange([[maybe_unused]] const Folder& folder) {
#ifdef RENAME_EXCHANGE
  make(folder, "x", "x");
  make(folder, "y", "y");
  const bool can = ::renameat2(AT_FDCWD, (folder.path() / "x").c_str(), AT_FDCWD,
                               (folder.path() / "y").c_str(), RENAME_EXCHANGE) == 0;
  fs::remove_all(folder.path() / "x");
  fs::remove_all(folder.path() / "y");
  return can;
#else
  return false;
#endif
}

}  // namespace

TEST_CASE("A folder takes another's place, or an empty one", "[directory]") {
  const Folder folder("replace-directory");
  const fs::path path = folder.path() / "model", made = folder.path() / "made",
                 aside = folder.path() / "aside";
  make(folder, "made", "one");
  replace_directory(path, made, aside);
  CHECK(content_of(path / "file") == "one");
  make(folder, "made", "two");
  replace_directory(path, made, aside);
  CHECK(content_of(path / "file") == "two");
  CHECK_FALSE(fs::exists(made));
  CHECK_FALSE(fs::exists(aside));
  CHECK_THROWS(replace_directory(path, made, aside));  // which isn't there
  CHECK(content_of(path / "file") == "two");
  CHECK_FALSE(fs::exists(aside));
}

TEST_CASE("What a killed process had put aside comes back", "[directory]") {
  const Folder folder("restore-directory");
  const fs::path path = folder.path() / "model", aside = folder.path() / "aside";
  restore_directory(path, aside);  // nothing to do
  make(folder, "aside", "mine");
  restore_directory(path, aside);
  CHECK(content_of(path / "file") == "mine");
  make(folder, "aside", "old");
  restore_directory(path, aside);
  CHECK(content_of(path / "file") == "mine");
  CHECK_FALSE(fs::exists(aside));
}

TEST_CASE("A folder is there while another takes its place", "[directory]") {
  const Folder folder("exchange-directory");
  if (!can_exchange(folder)) RETORT_SKIP("this file system can't exchange two names");
  const fs::path path = folder.path() / "model";
  make(folder, "model", "0");
  std::atomic<bool> over = false;
  std::atomic<int> looks = 0, misses = 0;
  std::thread watcher([&] {
    std::error_code error;
    while (!over) {
      ++looks;
      misses += !fs::exists(path / "file", error);
    }
  });
  while (looks == 0) std::this_thread::yield();
  for (int i = 0; i < 1000; ++i) {
    make(folder, "made", std::to_string(i));
    replace_directory(path, folder.path() / "made", folder.path() / "aside");
  }
  over = true;
  watcher.join();
  CHECK(misses == 0);
  CHECK(content_of(path / "file") == "999");
}
