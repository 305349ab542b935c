// safetensors files: what is written reads back (here and from the Python package), and no hostile
// file is read: each is an error that names the file and the tensor.
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "nn/weights/safetensors.h"
#include "nn/weights/weight_files.h"
#include "tensor/base/error.h"
#include "tensor/base/json.h"
#include "tests/catch.h"

using namespace retort;
namespace fs = std::filesystem;

namespace {

// A folder of this process that goes away with the object.
class Folder {
 public:
  Folder()
      : path_(fs::temp_directory_path() / ("retort-safetensors-" + std::to_string(::getpid()))) {
    fs::remove_all(path_);
    fs::create_directories(path_);
  }
  ~Folder() {
    std::error_code error;
    fs::remove_all(path_, error);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  fs::path operator/(const std::string& name) const { return path_ / name; }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// A file of the format with any header and `data` bytes after it.
std::string file_with(const std::string& header, std::size_t data) {
  const std::uint64_t length = header.size();
  std::string out(8, '\0');
  std::memcpy(out.data(), &length, 8);
  return out + header + std::string(data, 'x');
}

std::string message_of(const std::string& file) {
  try {
    parse_safetensors(std::as_bytes(std::span(file.data(), file.size())), "w.safetensors");
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::vector<float> floats_of(const TensorEntry& entry) {
  std::vector<float> out(entry.bytes.size() / sizeof(float));
  std::memcpy(out.data(), entry.bytes.data(), entry.bytes.size());
  return out;
}

}  // namespace

TEST_CASE("safetensors: what is written reads back, aligned and in a fixed order") {
  const Folder folder;
  const std::vector<float> weight = {1.5f, -2.f, 0.f, 3.25f, 1e-30f, -1e30f};
  const std::vector<std::uint8_t> flags = {1, 0, 1};
  const std::vector<std::int64_t> ids = {-1, std::int64_t{1} << 40};
  const std::vector<std::uint16_t> halves = {0x3C00, 0xC000, 0x7E00};
  const double scalar = 0.1;
  const std::vector<TensorToWrite> tensors = {
      {"flags", DType::boolean, {3}, flags.data()},
      {"w", DType::f32, {2, 3}, weight.data()},
      {"half", DType::bf16, {3, 1}, halves.data()},
      {"ids", DType::i64, {2}, ids.data()},
      {"scalar", DType::f64, {}, &scalar},
      {"none", DType::f32, {0, 7}, nullptr},
      {"a \"name\"\n/\xC3\xA4", DType::u8, {3}, flags.data()},
  };
  const auto path = folder / "w.safetensors";
  write_safetensors(path, tensors, {{"format", "pt"}, {"note", "tab\t"}});

  const SafetensorsFile file(path);
  REQUIRE(file.metadata() == Metadata{{"format", "pt"}, {"note", "tab\t"}});
  REQUIRE(file.entries().size() == tensors.size());
  for (const auto& tensor : tensors) {
    INFO(tensor.name);
    const TensorEntry* entry = file.find(tensor.name);
    REQUIRE(entry);
    CHECK(entry->dtype == tensor.dtype);
    CHECK(entry->shape == tensor.shape);
    if (!entry->bytes.empty())
      CHECK(std::memcmp(entry->bytes.data(), tensor.data, entry->bytes.size()) == 0);
    CHECK(reinterpret_cast<std::uintptr_t>(entry->bytes.data()) % size_of(tensor.dtype) == 0);
  }
  CHECK(file.find("w")->bytes.size() == 24);
  CHECK(file.find("absent") == nullptr);

  // The order of the input doesn't matter.
  auto reversed = tensors;
  std::reverse(reversed.begin(), reversed.end());
  write_safetensors(folder / "r.safetensors", reversed, {{"format", "pt"}, {"note", "tab\t"}});
  CHECK(read_file(path) == read_file(folder / "r.safetensors"));

  // The mapping outlives the reader for those who keep it.
  std::shared_ptr<const MappedFile> mapping;
  std::span<const std::byte> bytes;
  {
    const SafetensorsFile again(path);
    mapping = again.file();
    bytes = again.find("w")->bytes;
  }
  CHECK(std::memcmp(bytes.data(), weight.data(), bytes.size()) == 0);
}

TEST_CASE("safetensors: an empty set of tensors is a file too") {
  const Folder folder;
  write_safetensors(folder / "none.safetensors", {});
  const SafetensorsFile file(folder / "none.safetensors");
  CHECK(file.entries().empty());
  CHECK(file.metadata() == Metadata{{"format", "pt"}});
}

TEST_CASE("safetensors: a write that is refused leaves the old file") {
  const Folder folder;
  const auto path = folder / "w.safetensors";
  const float one = 1;
  write_safetensors(path, std::vector<TensorToWrite>{{"w", DType::f32, {1}, &one}});
  const std::string before = read_file(path);
  const std::vector<std::vector<TensorToWrite>> refused = {
      {{"w", DType::f32, {1}, &one}, {"w", DType::f32, {1}, &one}},
      {{"", DType::f32, {1}, &one}},
      {{"__metadata__", DType::f32, {1}, &one}},
      {{"w", DType::f32, {-1}, &one}},
      {{"w", DType::f32, {1}, nullptr}},
      {{"w\xFF", DType::f32, {1}, &one}},
      {{"w", DType::f32, {std::int64_t{1} << 40, std::int64_t{1} << 40}, &one}},
  };
  for (const auto& tensors : refused) CHECK_THROWS_AS(write_safetensors(path, tensors), Error);
  CHECK(read_file(path) == before);
  const auto files = std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator());
  CHECK(files == 1);
  CHECK_THROWS_AS(write_safetensors(folder / "no/such/folder.safetensors", {}), Error);
}

TEST_CASE("safetensors: a file of the Python package") {
  const fs::path directory = fs::path(RETORT_SOURCE_DIR) / "tests/golden/bert_tiny";
  const WeightFiles weights(directory);
  const Json config = Json::parse_file(directory / "config.json");
  const auto* words = weights.find("bert.embeddings.word_embeddings.weight");
  REQUIRE(words);
  CHECK(words->tensor->dtype == DType::f32);
  CHECK(words->tensor->shape ==
        std::vector<std::int64_t>{config.get("vocab_size", 0), config.get("hidden_size", 0)});
  double sum = 0;
  for (const float value : floats_of(*words->tensor)) sum += double(value) * double(value);
  CHECK(sum / double(words->tensor->bytes.size() / 4) > 0.09);  // weights of std >= 0.3

  // Written again, it is the same file, byte for byte: same order, same padding.
  const Folder folder;
  std::vector<TensorToWrite> tensors;
  for (const auto& weight : weights.weights())
    tensors.push_back({weight.tensor->name, weight.tensor->dtype, weight.tensor->shape,
                       weight.tensor->bytes.data()});
  write_safetensors(folder / "w.safetensors", tensors, weights.files()[0]->metadata());
  CHECK(read_file(folder / "w.safetensors") == read_file(directory / "model.safetensors"));

  const SafetensorsFile golden(directory / "golden.safetensors");
  REQUIRE(golden.find("logits"));
  CHECK(golden.find("logits")->dtype == DType::f64);
}

TEST_CASE("safetensors: hostile headers") {
  struct Case {
    const char* header;
    std::size_t data;
    const char* message;
  };
  const Case cases[] = {
      {R"()", 0, "begins with {"},
      {R"([])", 0, "begins with {"},
      {R"({"a":)", 0, "not valid JSON"},
      {R"({} {})", 0, "not valid JSON"},
      {R"({"a":1})", 0, "\"a\": expected an object"},
      {R"({"a":{}})", 0, "\"a\": expected a \"dtype\""},
      {R"({"a":{"dtype":7,"shape":[1],"data_offsets":[0,4]}})", 4, "\"dtype\" that is a string"},
      {R"({"a":{"dtype":"F33","shape":[1],"data_offsets":[0,4]}})", 4,
       "\"a\": has the unknown dtype \"F33\""},
      {R"({"a":{"dtype":"f32","shape":[1],"data_offsets":[0,4]}})", 4, "unknown dtype \"f32\""},
      {R"({"a":{"dtype":"F32","data_offsets":[0,4]}})", 4, "expected a \"shape\""},
      {R"({"a":{"dtype":"F32","shape":4,"data_offsets":[0,4]}})", 4, "expected a \"shape\""},
      {R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4, "sizes that are integers"},
      {R"({"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}})", 4, "sizes that are integers"},
      {R"({"a":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}})", 4, "sizes that are integers"},
      {R"({"a":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,4]}})", 4,
       "sizes that are integers"},
      {R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}})", 4,
       "more elements than memory"},
      {R"({"a":{"dtype":"F32","shape":[0,4294967296,4294967296],"data_offsets":[0,0]}})", 0,
       "more elements than memory"},
      {R"({"a":{"dtype":"F64","shape":[2305843009213693953],"data_offsets":[0,8]}})", 8,
       "more elements than memory"},
      {R"({"a":{"dtype":"F32","shape":[1]}})", 4, "expected \"data_offsets\""},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", 4, "two integers"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}})", 4, "two integers"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}})", 4, "two integers"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,1e300]}})", 4, "two integers"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4, "reversed: 4 > 0"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 4,
       "ends at byte 8 but the file holds only 4"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,9223372036854775807]}})", 4,
       "the file holds only 4"},
      {R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8,
       "takes 12 bytes, but its data_offsets span 8"},
      {R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,8]}})", 8, "takes 4 bytes"},
      {R"({"a":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}})", 1, "don't fill whole bytes"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
       R"("b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
       8, "\"b\": its data begins at byte 4, inside that of tensor \"a\""},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
       R"("b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
       4, "inside that of tensor \"a\""},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8,
       "\"a\": its data begins at byte 4, but bytes 0 to 4"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
       R"("b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})",
       12, "but bytes 4 to 8"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 8,
       "holds 8 bytes of data, but its tensors end at 4"},
      {R"({})", 1, "holds 1 bytes of data"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
       R"("a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
       8, "has the key \"a\" twice"},
      {R"({"__metadata__":[]})", 0, "\"__metadata__\" to be an object"},
      {R"({"__metadata__":{"a":1}})", 0, "to hold strings, found a number under \"a\""},
      {"{\"\xFF\":1}", 0, "not valid UTF-8"},
  };
  for (const auto& bad : cases) {
    const std::string message = message_of(file_with(bad.header, bad.data));
    INFO(bad.header << "\n" << message);
    CHECK(contains(message, bad.message));
    CHECK(message.starts_with("w.safetensors: "));
    CHECK(!contains(message, "\n"));
  }
}

TEST_CASE("safetensors: names in messages stay on one line of sensible length") {
  const std::string nasty = "\\u000a\\u001b[31m" + std::string(100'000, 'n');
  const std::string message = message_of(file_with("{\"" + nasty + "\":{}}", 0));
  CHECK(contains(message, "expected a \"dtype\""));
  CHECK(!contains(message, "\n"));
  CHECK(!contains(message, "\x1b"));
  CHECK(message.size() < 400);
}

TEST_CASE("safetensors: files that are cut") {
  const std::string whole = file_with(
      R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}})",
      11);
  REQUIRE(message_of(whole) == "no error");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    INFO(size);
    CHECK(contains(message_of(whole.substr(0, size)), "w.safetensors: "));
  }
  CHECK(contains(message_of(""), "found only 0 bytes"));
  CHECK(contains(message_of(std::string(8, '\xFF')), "only 0 follow"));
  CHECK(contains(message_of("version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 9\n"),
                 "is a pointer of Git LFS, not the file itself"));
  CHECK(contains(message_of("<!DOCTYPE html><html>404</html>"), "isn't in the safetensors format"));

  const Folder folder;
  replace_file(folder / "empty.safetensors", "");
  CHECK_THROWS_AS(SafetensorsFile(folder / "empty.safetensors"), Error);
  CHECK_THROWS_AS(SafetensorsFile(folder / "absent.safetensors"), Error);
  CHECK_THROWS_AS(SafetensorsFile(folder.path()), Error);
}

TEST_CASE("safetensors: a header that is deep, too long or all values costs little") {
  std::string deep = "{\"a\":";
  for (int i = 0; i < 200'000; ++i) deep += '[';
  CHECK(contains(message_of(file_with(deep, 0)), "w.safetensors: "));
  CHECK(contains(message_of(file_with("{" + std::string(kMaxSafetensorsHeader, ' '), 0)),
                 "more than the 100000000 that are read"));
  std::string values = "{\"a\":[0";
  for (int i = 0; i < 21'000'000; ++i) values += ",0";
  CHECK(contains(message_of(file_with(values + "]}", 0)), "values, more than"));
}

TEST_CASE("safetensors: dtypes that Retort doesn't compute with are listed, and refused by name") {
  const Folder folder;
  const std::string header =
      R"({"a":{"dtype":"I16","shape":[2],"data_offsets":[0,4]},"e":{"dtype":"F8_E4M3","shape":[3],)"
      R"("data_offsets":[8,11]},"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},)"
      R"("q":{"dtype":"F4","shape":[2,3],"data_offsets":[11,14]}})";
  replace_file(folder / "model.safetensors", file_with(header, 14));
  const SafetensorsFile file(folder / "model.safetensors");
  REQUIRE(file.entries().size() == 1);
  CHECK(file.find("w")->bytes.size() == 4);
  REQUIRE(file.foreign().size() == 3);
  CHECK(file.foreign()[1].dtype == "F8_E4M3");
  CHECK(file.foreign()[2].bytes == 3);
  CHECK(file.find_foreign("a") == &file.foreign()[0]);
  CHECK(file.find_foreign("w") == nullptr);
  const WeightFiles weights(folder.path());
  CHECK(weights.weights().size() == 1);
  for (const char* name : {"a", "e", "q"}) {
    CHECK_THROWS_AS(file.find(name), Error);
    CHECK_THROWS_AS(weights.find(name), Error);
  }
  CHECK(weights.find("nothing") == nullptr);
}

TEST_CASE("safetensors: a million tensors") {
  constexpr std::size_t kCount = 1'000'000;
  std::string header = "{";
  for (std::size_t i = 0; i < kCount; ++i)
    header += (i ? ",\"t" : "\"t") + std::to_string(i) +
              R"(":{"dtype":"U8","shape":[1],"data_offsets":[)" + std::to_string(i) + "," +
              std::to_string(i + 1) + "]}";
  header += '}';
  const Folder folder;
  replace_file(folder / "many.safetensors", file_with(header, kCount));
  const SafetensorsFile file(folder / "many.safetensors");
  REQUIRE(file.entries().size() == kCount);
  CHECK(file.find("t999999")->bytes.data() == file.find("t0")->bytes.data() + 999'999);

  // All at one place: neither sorting nor the search for overlaps degrades.
  std::string same = "{";
  for (std::size_t i = 0; i < kCount / 4; ++i)
    same += (i ? ",\"t" : "\"t") + std::to_string(i) +
            R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  CHECK(message_of(file_with(same + "}", 0)) == "no error");
}
