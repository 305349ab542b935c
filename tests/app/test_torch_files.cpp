// Files that torch.save wrote: every layout and format is read as PyTorch reads it, and nothing in
// a file is executed, crashes the reader or makes it allocate without bound.
#include <algorithm>
#include <chrono>

#include "nn/weights/pickle.h"
#include "tests/app/data_files.h"
#include "tests/app/torch_testing.h"

using namespace retort;
using namespace retort::testing;
using std::string_literals::operator""s;

namespace {

const std::filesystem::path kGolden =
    std::filesystem::path(RETORT_SOURCE_DIR) / "tests/golden/torch_files";

std::string message_of(const std::string& file) {
  try {
    parse_torch(file);
  } catch (const Error& error) {
    const std::string message = error.what();
    CHECK(message.starts_with("w.bin: "));
    CHECK(message.find('\n') == std::string::npos);
    CHECK(message.size() < 500);
    return message;
  }
  return "no error";
}

// A dict with one tensor "w", in a file with one storage "0" of `bytes` bytes.
std::string with_tensor(const TorchTensor& tensor, std::size_t bytes) {
  return torch_zip(kPickleBegin + "}" + pickle_text("w") + tensor.pickle() + "s.",
                   {{"0", std::string(bytes, 'x')}});
}

std::string repeated(const std::string& text, std::size_t times) {
  std::string result;
  result.reserve(text.size() * times);
  for (std::size_t i = 0; i < times; ++i) result += text;
  return result;
}

// Reads a file that may be damaged in any way: an Error, or spans that lie inside it.
void read_damaged(const std::string& file) {
  try {
    const WeightContent content = parse_torch(file);
    for (const TensorEntry& entry : content.entries) {
      if (entry.bytes.empty()) continue;
      const auto* first = reinterpret_cast<const char*>(entry.bytes.data());
      REQUIRE(first >= file.data());
      REQUIRE(first + entry.bytes.size() <= file.data() + file.size());
    }
  } catch (const Error& error) {
    const std::string message = error.what();
    REQUIRE(message.find('\n') == std::string::npos);
  }
}

}  // namespace

TEST_CASE("torch.save's files hold what PyTorch finds in them", "[weights]") {
  const SafetensorsFile expected(kGolden / "expected.safetensors");
  REQUIRE(expected.entries().size() == 17);
  for (const std::string name : {"zip", "zip_protocol_3", "zip_protocol_4", "zip_protocol_5",
                                 "legacy", "legacy_protocol_4", "parameters"}) {
    const auto file = WeightFile::open(kGolden / (name + ".bin"));
    CHECK(file->entries().size() == expected.entries().size());
    for (const TensorEntry& want : expected.entries()) {
      INFO(name << ": " << want.name);
      const TensorEntry* found = file->find(want.name);
      REQUIRE(found != nullptr);
      CHECK(found->dtype == want.dtype);
      CHECK(found->shape == want.shape);
      for (const bool in_place : {false, true}) {
        const Tensor value = tensor_of(*found, file->file(), in_place);
        const std::size_t bytes = want.bytes.size();
        CHECK(static_cast<std::size_t>(value.count()) * size_of(value.dtype()) == bytes);
        CHECK((bytes == 0 || std::memcmp(value.raw(), want.bytes.data(), bytes) == 0));
      }
    }
  }
  // Row-major tensors of an archive are used where they lie; others are copied.
  const auto file = WeightFile::open(kGolden / "zip.bin");
  const auto at = [&](const char* name) {
    return static_cast<const void*>(file->find(name)->bytes.data());
  };
  CHECK(tensor_of(*file->find("whole"), file->file(), true).raw() == at("whole"));
  CHECK(tensor_of(*file->find("whole"), file->file(), false).raw() != at("whole"));
  CHECK(tensor_of(*file->find("columns"), file->file(), true).raw() != at("columns"));
  CHECK(at("transposed") == at("tied"));
}

TEST_CASE("Checkpoints name their tensors by the keys that lead to them", "[weights]") {
  const auto names = [](const char* file) {
    std::vector<std::string> result;
    const auto opened = WeightFile::open(kGolden / file);
    for (const TensorEntry& entry : opened->entries()) result.push_back(entry.name);
    return result;
  };
  using Names = std::vector<std::string>;
  CHECK(names("module.bin") == Names{"weight", "position_ids"});
  CHECK(names("module_legacy.bin") == Names{"weight", "position_ids"});
  CHECK(names("checkpoint.bin") ==
        Names{"model.weight", "model.position_ids", "optimizer.state.0.step"});
  // A type that Retort doesn't compute with is listed, and refused by name.
  const auto typed = WeightFile::open(kGolden / "types_v3.bin");
  CHECK(names("types_v3.bin") == Names{"whole"});
  REQUIRE(typed->foreign().size() == 1);
  CHECK(typed->foreign()[0].dtype == "U16");
  CHECK(typed->foreign()[0].bytes == 6);
  CHECK(contains(error_of([&] { typed->find("u16"); }), "has the dtype U16"));
}

TEST_CASE("Files that aren't weights are refused with a way out", "[weights]") {
  const auto message = [](const char* file) {
    const std::string text = error_of([&] { WeightFile::open(kGolden / file); });
    CHECK(contains(text, (kGolden / file).string()));
    return text;
  };
  CHECK(contains(message("whole_module.bin"), "\"__main__.Layer\""));
  CHECK(contains(message("whole_module.bin"), "save the model's state_dict() alone"));
  CHECK(contains(message("compressed.bin"), "is compressed (method 8)"));
  CHECK(contains(message("not_torch.bin"), "not one that torch.save wrote"));
  CHECK(contains(message_of(""), "something else of 0 bytes"));
  CHECK(contains(message_of("version https://git-lfs.github.com/spec/v1\n"), "git lfs pull"));
  CHECK(contains(message_of(zip_of({{"a", "b"}})), "without data.pkl"));
  CHECK(
      contains(message_of(zip_of({{"a/data.pkl", "."}, {"a/constants.pkl", "."}})), "TorchScript"));
  CHECK(contains(message_of(zip_of({{"a/data.pkl", "."}, {"b/data.pkl", "."}})), "two folders"));
  CHECK(contains(message_of(zip_of({{"a/data.pkl", "."}, {"a/byteorder", "big"}})), "big-endian"));
  std::string old = torch_old(kPickleBegin + "}.");
  CHECK(message_of(old) == "no error");
  old[old.find("\x88s.")] = '\x89';  // little_endian: False
  CHECK(contains(message_of(old), "big-endian"));
  old = torch_old(kPickleBegin + "}.");
  old[old.find("M\xe9") + 1] = '\xea';
  CHECK(contains(message_of(old), "expected version 1001"));
  CHECK(contains(message_of(torch_old(kPickleBegin + "}.") + "x"), "1 bytes behind"));
}

TEST_CASE("Nothing but what weights need is read from a pickle", "[weights]") {
  struct Case {
    std::string pickle, message;
  };
  const std::string system = "cos\nsystem\n(" + pickle_text("touch /tmp/owned") + "tR.";
  const std::vector<Case> cases = {
      {system, "\"os.system\""},
      {"cbuiltins\neval\n.", "\"builtins.eval\""},
      {"ctorch.serialization\nload\n.", "\"torch.serialization.load\""},
      {"ctorch\nFloatStorage\\u000a\n.", "which weights don't need"},
      {"c" + std::string(300, 'a') + "\nb\n.", "a name that doesn't end"},
      {pickle_text("os") + pickle_text("system") + "\x93.", "\"os.system\""},
      {"(" + pickle_text("ls") + "ios\nsystem\n.", "0x69 (INST)"},
      {"cos\nsystem\n(o.", "\"os.system\""},
      {"(o.", "0x6f (OBJ)"},
      {")\x81.", "0x81 (NEWOBJ)"},
      {"\x82\x01.", "0x82 (EXT1)"},
      {"Pstorage\n.", "0x50 (PERSID)"},
      {"\xff.", "0xff (unknown)"},
      {"\x80\x01}.", "protocol 1"},
      {"\x80\x06}.", "protocol 6"},
      {"X\xff\xff\xff\xff"
       "a.",
       "has 4294967295 bytes of text"},
      {"\x8d" + packed(~std::uint64_t{0}) + ".", "has 18446744073709551615 bytes of text"},
      {".", "ends with 0 values"},
      {"NN.", "ends with 2 values"},
      {"(N.", "ends with 1 values"},
      {"R.", "takes 2 values"},
      {"N(R.", "takes 2 values"},
      {"N(\x85.", "takes 1 values"},
      {"t.", "needs a mark"},
      {"u.", "needs a mark"},
      {"(a.", "adds to something that isn't a list"},
      {"]s.", "adds to something that isn't a dict"},
      {"}(Ns.", "adds to something that isn't a dict"},
      {"N(NNu.", "adds to something that isn't a dict"},
      {"}(NNNu.", "a key without a value"},
      {"Nq\x05.", "stores value 5 out of turn"},
      {"q\x00."s, "stores a value where there is none"},
      {"h\x00."s, "asks for the stored value 0 of 0"},
      {"Nj\xff\xff\xff\xff.", "asks for the stored value 4294967295 of 0"},
      {"N)R.", "calls None"},
      {"NNb.", "attributes to something that isn't a dict"},
      {"b.", "takes a value where there is none"},
      {"ccollections\nOrderedDict\n(NNtR.", "with 2 arguments"},
      {"ccollections\nOrderedDict\nN\x85R.", "with None"},
      {"ccollections\nOrderedDict\n](Ne\x85R.", "something else than pairs"},
      {"N.", "expected a dictionary of tensors (a model's state_dict()), found None"},
      {"](Ne.", "found a list"},
  };
  for (const Case& bad : cases) {
    INFO(bad.pickle);
    CHECK(contains(message_of(torch_zip(bad.pickle)), bad.message));
    CHECK(contains(message_of(torch_old(bad.pickle)), bad.message));
  }
  for (const char* cut : {"", "}", "X", "J123"})
    CHECK(contains(message_of(torch_zip(cut)), "goes beyond the end"));
}

TEST_CASE("Tensors lie in their storages or are refused", "[weights]") {
  struct Case {
    TorchTensor tensor;
    std::size_t bytes;
    const char* message;
  };
  constexpr std::int64_t kHuge = std::int64_t{1} << 62;
  const std::vector<Case> cases = {
      {{.elements = 6, .shape = {2, 3}, .strides = {3, 1}}, 24, "no error"},
      {{.elements = 6, .offset = 2, .shape = {2, 2}, .strides = {2, 1}}, 24, "no error"},
      {{.elements = 6, .shape = {3, 2}, .strides = {1, 3}}, 24, "no error"},
      {{.elements = 0, .shape = {0, 5}, .strides = {5, 1}}, 0, "no error"},
      {{.elements = 6, .offset = 3, .shape = {2, 2}, .strides = {2, 1}},
       24,
       "last element is number 6 of a storage of 6"},
      {{.elements = 6, .offset = -1, .shape = {2}, .strides = {1}}, 24, "negative offset -1"},
      {{.elements = 6, .shape = {-2}, .strides = {1}}, 24, "negative size -2"},
      {{.elements = 6, .shape = {2}, .strides = {-1}}, 24, "negative stride -1"},
      {{.elements = 6, .shape = {2, 3}, .strides = {1}}, 24, "2 sizes but 1 strides"},
      {{.elements = 6, .shape = {kHuge}, .strides = {0}}, 24, "more elements than memory"},
      {{.elements = 6, .shape = {1 << 30, 1 << 30, 2}, .strides = {0, 0, 0}}, 24, "more elements"},
      {{.elements = 6, .shape = {3}, .strides = {kHuge}}, 24, "more elements"},
      {{.elements = 6, .offset = INT64_MAX, .shape = {2}, .strides = {1}}, 24, "more elements"},
      {{.elements = 6, .shape = {1 << 30}, .strides = {0}},
       24,
       "has 1073741824 elements in a storage of 6"},
      {{.elements = 7, .shape = {2}, .strides = {1}}, 24, "aren't the 7 elements of 4 bytes"},
      {{.elements = 6, .shape = {2}, .strides = {1}}, 25, "has 25 bytes, which aren't"},
      {{.elements = -6, .shape = {2}, .strides = {1}}, 24, "negative storage's size -6"},
      {{.storage = "1", .elements = 6, .shape = {2}, .strides = {1}},
       24,
       "its storage \"1\" isn't in the file"},
      {{.type = "float32", .elements = 6, .shape = {2}, .strides = {1}},
       24,
       "expected a storage's type, found float32"},
      {{.elements = 6,
        .shape = std::vector<std::int64_t>(33, 1),
        .strides = std::vector<std::int64_t>(33, 1)},
       24,
       "33 dimensions"},
  };
  for (const Case& test : cases) {
    const std::string message = message_of(with_tensor(test.tensor, test.bytes));
    CHECK(contains(message, test.message));
    if (message != "no error") CHECK(contains(message, "tensor \"w\""));
  }
  const auto dict = [](const std::string& members) {
    return message_of(torch_zip(kPickleBegin + "}(" + members + "u."));
  };
  const std::string rebuild = pickle_global("torch._utils", "_rebuild_tensor_v2");
  const std::string one = TorchTensor{.elements = 0, .shape = {0}, .strides = {1}}.pickle();
  CHECK(contains(dict(pickle_text("w") + rebuild + ")R"), "found 0 arguments"));
  CHECK(contains(dict(pickle_text("w") + rebuild + "(NNNNtR"), "expected a storage, found None"));
  CHECK(contains(dict(pickle_text("w") + rebuild + "(NQNNNtR"), "expected (\"storage\","));
  CHECK(contains(dict(pickle_text("w") + pickle_global("torch", "FloatStorage") + ")R"),
                 "expected a tensor, found FloatStorage"));
  CHECK(
      contains(dict(pickle_text("w") + pickle_global("torch._utils", "_rebuild_parameter") + ")R"),
               "expected a parameter's tensor"));
  CHECK(contains(dict("N" + one), "expected keys that are texts, found None"));
  CHECK(contains(dict(pickle_text("w\xff") + one), "UTF-8"));
  const std::string twice =
      pickle_text("w") + TorchTensor{.elements = 1, .shape = {1}, .strides = {1}}.pickle();
  CHECK(contains(message_of(torch_zip("}(" + twice + twice + "u.", {{"0", "four"}})),
                 "\"w\": is there twice"));
}

TEST_CASE("Storages of files before PyTorch 1.6 are all there, once", "[weights]") {
  const std::string tensor =
      TorchTensor{.elements = 2, .shape = {2}, .strides = {1}}.pickle(/*old=*/true);
  const std::string pickle = kPickleBegin + "}" + pickle_text("w") + tensor + "s.";
  const std::string good = torch_old(pickle, {{"0", "12345678"}});
  CHECK(message_of(good) == "no error");
  for (std::size_t size = 0; size < good.size(); ++size) {
    INFO(size);
    CHECK(message_of(good.substr(0, size)) != "no error");
  }
  CHECK(contains(message_of(torch_old(pickle)), "storage \"0\" isn't in the file"));
  CHECK(contains(message_of(torch_old(pickle, {{"0", "12345678"}, {"0", "12345678"}})),
                 "storage \"0\" is there twice"));
  CHECK(contains(message_of(torch_old(pickle, {{"1", "12345678"}})), "belongs to no tensor"));
  std::string lying = good;
  lying.replace(lying.size() - 16, 8, packed(~std::uint64_t{0}));
  CHECK(contains(message_of(lying), "18446744073709551615 elements of 4 bytes where 8"));
  std::string viewed = pickle;
  viewed.replace(viewed.find("NtQ"), 3, "KKtQ");
  CHECK(contains(message_of(torch_old(viewed, {{"0", "12345678"}})), "is a view of another one"));
}

TEST_CASE("Zip archives that lie are refused", "[weights]") {
  const std::string good = torch_zip(kPickleBegin + "}.", {{"0", "12345678"}});
  CHECK(message_of(good) == "no error");
  CHECK(message_of(good.substr(0, good.size() - 2) + packed<std::uint16_t>(4) + "note") ==
        "no error");
  for (std::size_t size = 0; size < good.size(); ++size) {
    INFO(size);
    CHECK(message_of(good.substr(0, size)) != "no error");
  }
  const std::size_t end = good.size() - 22, directory = good.find("PK\1\2");
  const auto changed = [&](std::size_t at, const std::string& bytes) {
    return message_of(std::string(good).replace(at, bytes.size(), bytes));
  };
  constexpr std::uint32_t kMost = 0xFFFFFFFE;
  CHECK(contains(changed(end + 10, packed<std::uint16_t>(9999)), "zip directory of 9999 entries"));
  CHECK(contains(changed(end + 10, packed<std::uint16_t>(4)),
                 "expected an entry of the zip directory"));
  CHECK(contains(changed(end + 12, packed(kMost)), "doesn't fit into the file"));
  CHECK(contains(changed(end + 16, packed(kMost)), "doesn't fit into the file"));
  CHECK(contains(changed(end + 4, packed<std::uint16_t>(1)), "in several"));
  CHECK(contains(changed(directory + 8, packed<std::uint16_t>(1)), "is encrypted"));
  CHECK(contains(changed(directory + 10, packed<std::uint16_t>(8)), "is compressed"));
  CHECK(contains(changed(directory + 20, packed(kMost)), "is compressed"));
  CHECK(contains(changed(directory + 20, packed(kMost) + packed(kMost)), "doesn't fit before"));
  CHECK(contains(changed(directory + 20, packed(~0u) + packed(~0u)), "doesn't fit before"));
  CHECK(
      contains(changed(directory + 28, packed<std::uint16_t>(60000)), "goes beyond the directory"));
  CHECK(contains(changed(directory + 42, packed(kMost)), "has no header at byte"));
  CHECK(contains(changed(directory + 42, packed<std::uint32_t>(1)), "has no header at byte 1"));
  CHECK(contains(changed(directory + 46, "A"), "another name in its own header"));
  CHECK(
      contains(message_of(zip_of({{"a/data.pkl", "}."}, {"a/data.pkl", "}."}})), "is there twice"));
  // Two entries at one place (a bomb of overlapping entries).
  const std::size_t second = good.find("PK\1\2", directory + 1),
                    third = good.find("PK\1\2", second + 1);
  std::string overlapping = good;
  overlapping.replace(third + 42, 4, good.substr(second + 42, 4));
  CHECK(contains(message_of(overlapping), "another name in its own header"));
  std::string inner = zip_of({{"a/b", zip_of({{"a/c", "x"}})}, {"a/c", "x"}});
  const std::size_t last = inner.rfind("PK\1\2");
  inner.replace(last + 42, 4, packed(static_cast<std::uint32_t>(inner.find("PK\3\4", 1))));
  CHECK(contains(message_of(inner), "overlap"));
}

TEST_CASE("Sizes beyond 32 bits are read from zip64 records", "[weights]") {
  // The same archive, its directory's end and one entry told by zip64.
  const std::string good = torch_zip(kPickleBegin + "}.");
  const std::size_t end = good.size() - 22, directory = good.find("PK\1\2");
  const std::size_t second = good.find("PK\1\2", directory + 1);
  const auto number = [&](std::size_t at) {
    std::uint32_t value = 0;
    std::memcpy(&value, good.data() + at, sizeof value);
    return std::uint64_t{value};
  };
  std::string entry = good.substr(second, end - second);
  const std::string extra = packed<std::uint16_t>(0x7777) + packed<std::uint16_t>(1) + "x" +
                            packed<std::uint16_t>(1) + packed<std::uint16_t>(24) +
                            packed(number(second + 24)) + packed(number(second + 20)) +
                            packed(number(second + 42));
  entry.replace(20, 8, packed(~0u) + packed(~0u));
  entry.replace(30, 2, packed(static_cast<std::uint16_t>(extra.size())));
  entry.replace(42, 4, packed(~0u));
  const std::string entries = good.substr(directory, second - directory) + entry + extra;
  const std::uint64_t record = directory + entries.size();
  const std::string tail =
      "PK\6\6" + packed<std::uint64_t>(44) + packed<std::uint32_t>(0) + packed<std::uint64_t>(0) +
      packed<std::uint64_t>(2) + packed<std::uint64_t>(2) +
      packed(static_cast<std::uint64_t>(entries.size())) +
      packed(static_cast<std::uint64_t>(directory)) + "PK\6\7" + packed<std::uint32_t>(0) +
      packed(record) + packed<std::uint32_t>(1) + "PK\5\6" + packed<std::uint32_t>(0) +
      packed(~0u) + packed(~0u) + packed(~0u) + packed<std::uint16_t>(0);
  const std::string file = good.substr(0, directory) + entries + tail;
  CHECK(message_of(file) == "no error");
  for (std::size_t at = file.size() - tail.size() - extra.size(); at < file.size(); ++at)
    for (const char byte : {'\x00', '\x7f', '\xff'})
      read_damaged(std::string(file).replace(at, 1, 1, byte));
  std::string far = file;
  far.replace(far.find("PK\6\7") + 8, 8, packed(~std::uint64_t{0} - 3));
  CHECK(contains(message_of(far), "has no zip64 directory"));
}

TEST_CASE("Bombs cost little time and memory", "[weights]") {
  const auto begin = std::chrono::steady_clock::now();
  constexpr std::size_t kMany = 1'000'000;
  // Deep nesting, of every kind, as the whole and as a member.
  const std::string nested[] = {repeated("]", kMany) + repeated("a", kMany - 1),
                                repeated("}K\1", kMany - 1) + "}" + repeated("s", kMany - 1),
                                ")" + repeated("\x85", kMany)};
  CHECK(contains(message_of(torch_zip(nested[0] + ".")), "found a list"));
  CHECK(contains(message_of(torch_zip(nested[1] + ".")), "deeper than 32"));
  CHECK(contains(message_of(torch_zip(nested[2] + ".")), "found a tuple"));
  CHECK(message_of(torch_zip("}K\1" + nested[0] + "s.")) == "no error");
  CHECK(message_of(torch_zip("}K\1" + nested[2] + "s.")) == "no error");
  CHECK(contains(message_of(torch_zip(repeated("(", kMany) + ".")), "ends with 0 values"));
  // Tuples that hold the one before twice: 2^1000000 values when written out.
  const std::string doubled = "Nq\0"s + repeated("h\0h\0\x86q\0"s, kMany);
  CHECK(contains(message_of(torch_zip(doubled + ".")), "values where one is expected"));
  // Dicts that do, and one that holds itself.
  std::string dicts = "}(K\0}q\0"s;
  for (char i = 1; i < 30; ++i) {
    const std::string before = "h"s + static_cast<char>(i - 1);
    dicts += "K"s + i + "}q" + i + "(K\1" + before + "K\2" + before + "u";
  }
  CHECK(contains(message_of(torch_zip(dicts + "u.")), "a dictionary in two places"));
  CHECK(contains(message_of(torch_zip("}q\0K\1h\0s."s)), "a dictionary in two places"));
  // One list of pairs, used again and again.
  const std::string pairs = "](" + repeated("NN\x86", 1000) + "eq\0"s;
  const std::string again = "ccollections\nOrderedDict\nh\0\x85R"s;
  CHECK(contains(message_of(torch_zip(pairs + repeated(again, 10'000) + ".")), "more members"));
  // Names that add up: a long key above many short ones.
  std::string members;
  for (int i = 0; i < 30'000; ++i) members += "J" + packed(i) + "}";
  CHECK(contains(
      message_of(torch_zip("}" + pickle_text(std::string(10'000, 'n')) + "}(" + members + "us.")),
      "names of more than"));
  // More instructions than a million tensors take.
  const std::string endless = repeated("\x80\2", 64'000'001);
  CHECK(contains(error_of([&] {
                   Pickle(std::as_bytes(std::span(endless.data(), endless.size())), 0, {}, "w.bin");
                 }),
                 "more than 64000000 instructions"));
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  CHECK(seconds.count() < 60);
}

TEST_CASE("Damaged files never crash the reader", "[weights]") {
  for (const char* name : {"zip.bin", "legacy.bin", "legacy_protocol_4.bin", "checkpoint.bin"}) {
    const std::string good = content_of(kGolden / name);
    for (std::size_t at = 0; at < good.size(); ++at)
      for (const int change : {1, 0x80, 0xFF}) {
        std::string file = good;
        file[at] = static_cast<char>(file[at] ^ change);
        read_damaged(file);
      }
    for (std::size_t size = 0; size < good.size(); ++size) read_damaged(good.substr(0, size));
  }
}
