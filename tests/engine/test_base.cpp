// What everything stands on: parallel loops, random numbers, files.
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>

#include "tensor/base/error.h"
#include "tensor/base/file.h"
#include "tensor/base/parallel.h"
#include "tensor/base/philox.h"
#include "tests/catch.h"

namespace retort {
namespace {

namespace fs = std::filesystem;

class Threads {
 public:
  explicit Threads(int n) : before_(thread_count()) { set_thread_count(n); }
  ~Threads() { set_thread_count(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_;
};

// A folder of its own that goes away with the test.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "retort-base-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  fs::path operator/(const std::string& name) const { return path_ / name; }
  std::set<std::string> names() const {
    std::set<std::string> found;
    for (const auto& entry : fs::directory_iterator(path_)) found.insert(entry.path().filename());
    return found;
  }

 private:
  fs::path path_;
};

template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("parallel: every chunk runs once", "[base]") {
  for (const int threads : {1, 2, 3, 8}) {
    const Threads use(threads);
    for (const std::int64_t chunks : {0, 1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> count(static_cast<std::size_t>(chunks));
      std::atomic<int> bad_worker{0};
      parallel_chunks(chunks, [&](std::int64_t chunk, int worker) {
        ++count[static_cast<std::size_t>(chunk)];
        if (worker < 0 || worker >= threads) ++bad_worker;
      });
      int wrong = 0;
      for (const auto& times : count) wrong += times != 1;
      INFO(threads << " threads, " << chunks << " chunks");
      CHECK(wrong == 0);
      CHECK(bad_worker == 0);
    }
  }
}

TEST_CASE("parallel: ranges cover everything without overlap", "[base]") {
  const Threads use(3);
  for (const std::int64_t n : {0, 1, 10, 99, 100, 101}) {
    std::vector<std::atomic<int>> count(static_cast<std::size_t>(n));
    parallel_ranges(n, 10, [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t i = begin; i < end; ++i) ++count[static_cast<std::size_t>(i)];
    });
    int wrong = 0;
    for (const auto& times : count) wrong += times != 1;
    CHECK(wrong == 0);
  }
}

TEST_CASE("parallel: an exception reaches the caller, and the next loop works", "[base]") {
  for (const int threads : {1, 4}) {
    const Threads use(threads);
    for (const bool all : {false, true}) {
      const std::string message = error_of([&] {
        parallel_chunks(50, [&](std::int64_t chunk, int) {
          check(!all && chunk != 7, "chunk ", all ? 0 : chunk, " has failed");
        });
      });
      CHECK(message == (all ? "chunk 0 has failed" : "chunk 7 has failed"));
    }
    std::atomic<int> count{0};
    parallel_chunks(50, [&](std::int64_t, int) { ++count; });
    CHECK(count == 50);
  }
}

TEST_CASE("parallel: nested loops run, each in its own worker", "[base]") {
  const Threads use(4);
  std::atomic<int> count{0}, foreign{0};
  parallel_chunks(8, [&](std::int64_t, int) {
    parallel_chunks(16, [&](std::int64_t, int worker) {
      ++count;
      if (worker != 0) ++foreign;
    });
  });
  CHECK(count == 128);
  CHECK(foreign == 0);
  CHECK(error_of([] {
          parallel_chunks(8, [](std::int64_t, int) {
            parallel_chunks(8, [](std::int64_t, int) { fail("inner"); });
          });
        }) == "inner");
}

TEST_CASE("parallel: numbers of threads", "[base]") {
  const Threads keep(2);
  CHECK(thread_count() == 2);
  CHECK(available_threads() >= 1);
  for (const int n : {0, -1, -1000000, 1025}) {
    const std::string message = error_of([&] { set_thread_count(n); });
    INFO(message);
    CHECK(contains(message, "found " + std::to_string(n)));
    CHECK(thread_count() == 2);
  }
}

TEST_CASE("philox: the known answers of its authors (Random123, kat_vectors)", "[base]") {
  const auto words = [](PhiloxBlock counter, std::uint64_t key, int rounds = 10) {
    const PhiloxBlock block = philox(counter, key, rounds);
    return std::vector<std::uint32_t>(block.word, block.word + 4);
  };
  using Words = std::vector<std::uint32_t>;
  CHECK(words({{0, 0, 0, 0}}, 0) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(words({{~0u, ~0u, ~0u, ~0u}}, ~std::uint64_t{0}) ==
        Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  // The digits of π; the key's low word comes first.
  const PhiloxBlock pi = {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}};
  CHECK(words(pi, 0x299f31d0a4093822) == Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
  CHECK(words({{0, 0, 0, 0}}, 0, 7) == Words{0x5f6fb709, 0x0d893f64, 0x4f121f81, 0x4f730a48});
  CHECK(words({{~0u, ~0u, ~0u, ~0u}}, ~std::uint64_t{0}, 7) ==
        Words{0x5207ddc2, 0x45165e59, 0x4d8ee751, 0x8c52f662});
  CHECK(words(pi, 0x299f31d0a4093822, 7) ==
        Words{0x4dfccaba, 0x190a87f0, 0xc47362ba, 0xb6b5242a});
}

TEST_CASE("philox: an op's bits are those of its place", "[base]") {
  const RandomSite site = {.seed = 3, .step = 5, .site = 7};
  const PhiloxBlock block = random_block(site, 11, 13), expected = philox({{13, 11, 7, 5}}, 3);
  for (int i = 0; i < 4; ++i) CHECK(block.word[i] == expected.word[i]);
  // 32 columns have the halves of 16 words: column 117 is the 22nd of those that begin at word 48.
  const std::uint32_t word = random_block(site, 11, 13, kDropoutRounds).word[1];
  CHECK(random_half(site, 11, 101) == (word & 0xFFFFu));
  CHECK(random_half(site, 11, 117) == word >> 16);
}

TEST_CASE("random stream: moments and ranges", "[base]") {
  RandomStream random(42);
  constexpr int kCount = 200'000;
  double sum = 0, squares = 0;
  for (int i = 0; i < kCount; ++i) {
    const double x = random.uniform();
    if (!(x >= 0 && x < 1)) FAIL("uniform() gave " << x);
    sum += x;
    squares += x * x;
  }
  // Four standard errors of the mean: 4 · √(1/12 / n).
  CHECK(std::fabs(sum / kCount - 0.5) < 4 * std::sqrt(1.0 / 12 / kCount));
  CHECK(std::fabs(squares / kCount - 1.0 / 3) < 4 * std::sqrt(4.0 / 45 / kCount));

  double moments[5] = {};
  for (int i = 0; i < kCount; ++i) {
    const double x = random.normal();
    double power = 1;
    for (double& moment : moments) {
      moment += power / kCount;
      power *= x;
    }
  }
  CHECK(std::fabs(moments[1]) < 4 / std::sqrt(kCount));
  CHECK(std::fabs(moments[2] - 1) < 4 * std::sqrt(2.0 / kCount));
  CHECK(std::fabs(moments[3]) < 4 * std::sqrt(15.0 / kCount));
  CHECK(std::fabs(moments[4] - 3) < 4 * std::sqrt(96.0 / kCount));

  int counts[6] = {};
  for (int i = 0; i < 60'000; ++i) ++counts[random.below(6)];
  for (const int count : counts) CHECK(std::abs(count - 10'000) < 4 * 92);
  CHECK(random.below(1) == 0);
  for (int i = 0; i < 100; ++i)
    CHECK(random.below((std::uint64_t{1} << 63) + 1) <= std::uint64_t{1} << 63);

  // The same seed gives the same numbers; another seed or site gives others.
  RandomStream a(1), b(1), c(2), d(1, 9);
  const std::uint64_t first = a.next_u64();
  CHECK(b.next_u64() == first);
  CHECK(c.next_u64() != first);
  CHECK(d.next_u64() != first);
}

TEST_CASE("file: replacing is all or nothing", "[base]") {
  const Folder folder;
  const fs::path path = folder / "x.bin";
  replace_file(path, "first");
  CHECK(read_file(path) == "first");
  replace_file(path, [](const FileSink& sink) {
    sink("sec", 3);
    sink("", 0);
    sink("ond", 3);
  });
  CHECK(read_file(path) == "second");

  CHECK(error_of([&] {
          replace_file(path, [](const FileSink& sink) {
            sink("half", 4);
            fail("no more");
          });
        }) == "no more");
  CHECK(read_file(path) == "second");
  CHECK(folder.names() == std::set<std::string>{"x.bin"});

  replace_file(path, std::string_view());
  CHECK(read_file(path).empty());
  const std::string big(3'000'000, 'x');
  replace_file(path, big);
  CHECK(read_file(path) == big);

  CHECK(contains(error_of([&] { replace_file(folder / "none/x", "a"); }), "none/x"));
  fs::create_directory(folder / "d");
  CHECK(contains(error_of([&] { replace_file(folder / "d", "a"); }), "d: can't be replaced"));
  CHECK(folder.names() == std::set<std::string>{"d", "x.bin"});
}

TEST_CASE("file: a write that fails leaves the old content", "[base]") {
  const Folder folder;
  const fs::path path = folder / "x";
  replace_file(path, "old");
  // As on a full disk: no file may grow past 1000 bytes.
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit low = {1000, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &low) == 0);
  const std::string message = error_of([&] { replace_file(path, std::string(5000, 'n')); });
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK(contains(message, path.string() + ": can't be written"));
  CHECK(read_file(path) == "old");
  CHECK(folder.names() == std::set<std::string>{"x"});
}

TEST_CASE("file: what can't be read is an error that names it", "[base]") {
  const Folder folder;
  CHECK(contains(error_of([&] { read_file(folder / "missing"); }),
                 "missing: can't be opened: No such file"));
  CHECK(contains(error_of([&] { read_file(folder / "."); }), "found a directory"));
  CHECK(contains(error_of([&] { read_file("/dev/zero"); }), "expected a file"));
  replace_file(folder / "x", "12345");
  CHECK(read_file(folder / "x", 5) == "12345");
  const std::string message = error_of([&] { read_file(folder / "x", 4); });
  CHECK(contains(message, "5 bytes"));
  CHECK(contains(message, "4"));
  CHECK(contains(error_of([&] { MappedFile map(folder / "missing"); }), "missing"));
  CHECK(contains(error_of([&] { MappedFile map(folder / "."); }), "found a directory"));
}

TEST_CASE("file: a mapped file", "[base]") {
  const Folder folder;
  const fs::path path = folder / "x";
  const std::string content(10'000, 'm');
  replace_file(path, content);
  const MappedFile map(path);
  REQUIRE(map.bytes().size() == content.size());
  CHECK(std::string(reinterpret_cast<const char*>(map.bytes().data()), content.size()) == content);
  map.check_size();
  // Replaced: the mapping still shows the old file.
  replace_file(path, "new");
  map.check_size();
  CHECK(map.bytes()[9'999] == std::byte{'m'});

  const fs::path cut = folder / "cut";
  replace_file(cut, content);
  const MappedFile other(cut);
  fs::resize_file(cut, 12'000);  // longer is fine
  other.check_size();
  fs::resize_file(cut, 100);
  const std::string message = error_of([&] { other.check_size(); });
  INFO(message);
  CHECK(contains(message, cut.string()));
  CHECK(contains(message, "100 bytes"));

  replace_file(folder / "empty", "");
  const MappedFile empty(folder / "empty");
  CHECK(empty.bytes().empty());
  empty.check_size();
}

}  // namespace retort
