// Tokenizer: encoding, truncation, added tokens, comparison, saving; and that hostile text stays
// cheap.
#include "tokenizer/tokenizer.h"

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <functional>
#include <regex>
#include <string>
#include <thread>
#include <vector>

#include "tensor/base/error.h"
#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tests/catch.h"
#include "tokenizer/byte_trie.h"
#include "tokenizer/unicode.h"

namespace fs = std::filesystem;
using namespace retort;

namespace {

const std::vector<std::string> kVocab = {"[PAD]",  "[UNK]",  "[CLS]", "[SEP]", "[MASK]", "un",
                                         "##want", "##able", "a",     "##a",   "hello",  ",",
                                         "!",      "café",   "cafe",  "##s"};

using Ids = std::vector<std::int32_t>;

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

// Of the processor, the least of three runs: others may be using the machine.
double seconds_of(const std::function<void()>& action) {
  double least = 1e9;
  for (int run = 0; run < 3 && least >= 1; ++run) {
    const std::clock_t start = std::clock();
    action();
    least = std::min(least, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  }
  return least;
}

fs::path temporary(const std::string& name) {
  const fs::path path = fs::temp_directory_path() / ("retort_test_tokenizer_" + name);
  fs::remove_all(path);
  return path;
}

}  // namespace

TEST_CASE("tokenizer: words, pieces and special tokens", "[tokenizer]") {
  const Tokenizer t = Tokenizer::from_vocab(kVocab, {});
  CHECK(t.encode("").ids == Ids{2, 3});
  CHECK(t.encode("Hello, UNWANTABLE!").ids == Ids{2, 10, 11, 5, 6, 7, 12, 3});
  CHECK(t.encode("aa aaa").ids == Ids{2, 8, 9, 8, 9, 9, 3});
  CHECK(t.encode("unx a").ids ==
        Ids{2, 1, 8, 3});  // a rest that isn't there makes the whole word unknown
  CHECK(t.encode("Café").ids == Ids{2, 14, 3});  // the accent goes
  CHECK(t.encode("un[MASK]able [mask]").ids == Ids{2, 5, 4, 1, 1, 1, 1, 3});
  CHECK(t.encode("hello", "a").ids == Ids{2, 10, 3, 8, 3});
  CHECK(t.encode("hello", "a").type_ids == Ids{0, 0, 0, 1, 1});
  CHECK(t.encode("hello", "").ids == Ids{2, 10, 3, 3});
  CHECK(t.vocab_size() == 16);
  CHECK(t.token(6) == "##want");
  CHECK(t.id("##want") == std::optional<std::int32_t>(6));
  CHECK_FALSE(t.id("want").has_value());
  CHECK_FALSE(t.id("").has_value());
  CHECK(Ids{t.pad_id(), t.unk_id(), t.cls_id(), t.sep_id(), t.mask_id()} == Ids{0, 1, 2, 3, 4});
  CHECK_THROWS_AS(t.token(16), Error);
  CHECK_THROWS_AS(t.token(-1), Error);
}

TEST_CASE("tokenizer: options", "[tokenizer]") {
  TokenizerOptions cased;
  cased.lowercase = false;
  const Tokenizer t = Tokenizer::from_vocab(kVocab, cased);
  CHECK(t.encode("hello Hello café").ids == Ids{2, 10, 1, 13, 3});
  cased.strip_accents = true;
  CHECK(Tokenizer::from_vocab(kVocab, cased).encode("café").ids == Ids{2, 14, 3});
  TokenizerOptions kept;
  kept.strip_accents = false;
  CHECK(Tokenizer::from_vocab(kVocab, kept).encode("CAFÉ").ids == Ids{2, 13, 3});
  TokenizerOptions shorter;
  shorter.max_input_chars_per_word = 4;
  CHECK(Tokenizer::from_vocab(kVocab, shorter).encode("hello aaaa éééé").ids ==
        Ids{2, 1, 8, 9, 9, 9, 1, 3});
}

TEST_CASE("tokenizer: truncation is the reference's longest first", "[tokenizer]") {
  using Sizes = std::pair<std::size_t, std::size_t>;
  const auto cut_to = [](std::size_t first, std::size_t second, std::size_t limit) {
    std::vector<Encoding> parts(2);
    parts[0].ids.resize(first);
    parts[1].ids.resize(second);
    Truncation options;
    options.max_length = limit;
    truncate(parts, options);
    return Sizes(parts[0].size(), parts[1].size());
  };
  CHECK(cut_to(3, 4, 7) == Sizes(3, 4));
  CHECK(cut_to(3, 10, 8) == Sizes(3, 5));
  CHECK(cut_to(10, 3, 8) == Sizes(5, 3));
  CHECK(cut_to(10, 10, 7) == Sizes(3, 4));
  CHECK(cut_to(11, 10, 7) == Sizes(4, 3));
  CHECK(cut_to(10, 11, 7) == Sizes(3, 4));
  CHECK(cut_to(5, 0, 3) == Sizes(3, 0));
  CHECK(cut_to(5, 5, 0) == Sizes(0, 0));

  const Tokenizer t = Tokenizer::from_vocab(kVocab, {});
  const Encoding cut = t.encode("hello a a a", "a", 6);
  CHECK(cut.truncated);
  CHECK(cut.ids == Ids{2, 10, 8, 3, 8, 3});
  CHECK_FALSE(t.encode("hello a", {}, 4).truncated);
  CHECK(t.encode("hello a", {}, 2).ids == Ids{2, 3});
  CHECK(error_of([&] { t.encode("a", "a", 2); }) ==
        "a maximum length of 2 has no room for the 3 special tokens");
  CHECK_THROWS_AS(t.encode("a", {}, -1), Error);
}

TEST_CASE("tokenizer: invalid UTF-8 is an error that says where", "[tokenizer]") {
  const Tokenizer t = Tokenizer::from_vocab(kVocab, {});
  CHECK(error_of([&] { t.encode("hello \xFF"); }) == "the text is not valid UTF-8 at byte 6");
  CHECK(error_of([&] { t.encode("a", "\xC3"); }) == "the second text is not valid UTF-8 at byte 0");
  const auto at = [](std::string_view text) { return unicode::find_invalid_utf8(text); };
  constexpr auto kValid = std::string_view::npos;
  CHECK(at("\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xF0\x90\x80\x80\xF4\x8F\xBF"
           "\xBF") == kValid);
  CHECK(at(std::string_view("\0", 1)) == kValid);
  for (const char* bad :
       {"\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80", "\xC3", "\xE4\xB8", "\xF0\x9F\x98", "\xE4\xB8\x41", "\xC3\xC3\xA4"})
    CHECK(at(std::string("abcdefgh") + bad) == 8);
}

TEST_CASE("tokenizer: the comparison names the first difference", "[tokenizer]") {
  const Tokenizer t = Tokenizer::from_vocab(kVocab, {});
  CHECK(t.difference(Tokenizer::from_vocab(kVocab, {})).empty());
  auto vocab = kVocab;
  std::swap(vocab[11], vocab[12]);
  CHECK(t.difference(Tokenizer::from_vocab(vocab, {})) == "id 11 is ',' here and '!' there");
  vocab = kVocab;
  vocab.push_back("new");
  CHECK(t.difference(Tokenizer::from_vocab(vocab, {})) ==
        "the vocabulary has 16 tokens here and 17 there");
  TokenizerOptions options;
  options.strip_accents = true;  // what it is anyhow when lower-casing
  options.model_max_length = 7;
  CHECK(t.difference(Tokenizer::from_vocab(kVocab, options)).empty());
  options.lowercase = false;
  CHECK(t.difference(Tokenizer::from_vocab(kVocab, options)) ==
        "lower-casing is true here and false there");
  TokenizerDefinition definition = t.definition();
  definition.added[4].lstrip = true;
  CHECK(t.difference(Tokenizer(definition, "test")) ==
        "the added token '[MASK]' has other flags here than there");
  definition.added.pop_back();
  CHECK(t.difference(Tokenizer(definition, "test")) ==
        "the added token '[MASK]' exists here but not there");
  definition = t.definition();
  Json pair = *definition.post_processor.find("pair");
  const std::string text = pair.dump();
  definition.post_processor["pair"] =
      Json::parse(std::regex_replace(text, std::regex("\"type_id\": 1"), "\"type_id\": 0"), "pair");
  CHECK(t.difference(Tokenizer(definition, "test")) ==
        "the special tokens around a pair are others here than there");
}

TEST_CASE("tokenizer: what is saved loads as the same tokenizer", "[tokenizer]") {
  TokenizerOptions options;
  options.lowercase = false;
  options.tokenize_chinese_chars = false;
  options.model_max_length = 77;
  TokenizerDefinition definition = bert_definition(kVocab, options, "test");
  AddedToken extra;
  extra.content = "New \"York\"";
  extra.id = 16;
  extra.normalized = extra.rstrip = true;
  definition.added.push_back(extra);
  for (const bool usual : {true, false}) {
    definition.options.clean_text = usual;
    definition.normalizer = bert_normalizer(definition.options);
    const Tokenizer t(definition, "test");
    CHECK(t.vocab_size() == 17);
    CHECK(t.encode("a New \"York\"  a").ids == Ids{2, 8, 16, 8, 3});
    const fs::path dir = temporary("saved");
    t.save(dir, "distilbert");
    const Tokenizer again = Tokenizer::load(dir);
    CHECK(t.difference(again) == "");
    CHECK(again.options() == t.options());
    CHECK(again.definition().added == t.definition().added);
    const Json config = Json::parse_file(dir / "tokenizer_config.json");
    CHECK(config.get("tokenizer_class", "") ==
          (usual ? "DistilBertTokenizer" : "PreTrainedTokenizerFast"));
    CHECK(read_file(dir / "vocab.txt").starts_with("[PAD]\n[UNK]\n"));
    // Of another model's class only the general one makes this tokenizer.
    t.save(dir, "roberta", false);
    const Json other = Json::parse_file(dir / "tokenizer_config.json");
    CHECK(other.get("tokenizer_class", "") == "PreTrainedTokenizerFast");
    CHECK(other.find("model_input_names")->dump() == R"(["input_ids", "attention_mask"])");
    CHECK(t.difference(Tokenizer::load(dir)) == "");
    fs::remove_all(dir);
  }
  // Without tokenizer.json the vocabulary and the configuration say it all.
  const fs::path dir = temporary("vocab");
  Tokenizer::from_vocab(kVocab, options).save(dir, "bert");
  fs::remove(dir / "tokenizer.json");
  CHECK(Tokenizer::load(dir).difference(Tokenizer::from_vocab(kVocab, options)) == "");
  CHECK(Tokenizer::load(dir / "vocab.txt").difference(Tokenizer::from_vocab(kVocab, {})) == "");
  fs::remove_all(dir);
}

// Offsets that the reference gives: the dropped control makes the marks around it neighbours, which
// are then put in order.
TEST_CASE("tokenizer: marks on both sides of a dropped control", "[tokenizer]") {
  const Tokenizer t = Tokenizer::from_vocab(
      {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "##\u302e", "b"}, {});
  EncodeOptions options;
  options.add_special_tokens = false;
  options.details = true;
  const auto second = [&](std::string_view text) {
    const Encoding e = t.encode(text, {}, options);
    REQUIRE(e.ids.size() >= 2);
    CHECK(e.ids[1] == 6);
    return e.offsets[1];
  };
  CHECK(second("a\u0301\x0B\u302e\u0316") == Offsets(3, 4));
  CHECK(second("a\u302e\x0B\u0316") == Offsets(3, 4));
  CHECK(second("a\u0301\u0301\x0B\u302e") == Offsets(1, 2));
  CHECK(second("a\u0344\x0B\u302e b") == Offsets(1, 2));
  CHECK(second("a\x0B\x0B\u0301\u302e") == Offsets(3, 4));
}

TEST_CASE("tokenizer: hostile texts take linear time", "[tokenizer]") {
  const Tokenizer t = Tokenizer::from_vocab(kVocab, {});
  TokenizerOptions keeping;
  keeping.strip_accents = false;
  const Tokenizer kept = Tokenizer::from_vocab(kVocab, keeping);
  constexpr int kMegabyte = 1 << 20;
  std::string marks, unsorted, brackets;
  for (int i = 0; i < kMegabyte / 4; ++i) {
    marks += i % 2 == 0 ? "\u0301" : "\u0323";
    unsorted += i % 2 == 0 ? "\U0001D165" : "\u302E";  // not dropped, and in the wrong order
    brackets += "[MAS";
  }
  const std::string texts[] = {std::string(kMegabyte, 'a'),
                               std::string(kMegabyte, ' '),
                               "e" + marks,
                               "e" + unsorted,
                               brackets,
                               std::string(kMegabyte, '!')};
  for (const std::string& text : texts)
    for (const Tokenizer* tokenizer : {&t, &kept})
      CHECK(seconds_of([&] { tokenizer->encode(text); }) < 1.0);
  CHECK(t.encode(texts[0]).ids == Ids{2, 1, 3});
  CHECK(t.encode(texts[1]).ids == Ids{2, 3});
  CHECK(t.encode(texts[5]).ids.size() == kMegabyte + 2);

  // White space tokens that strip may ask for the same run a million times.
  TokenizerDefinition definition = t.definition();
  AddedToken space;
  space.content = " ";
  space.id = 16;
  space.lstrip = space.rstrip = true;
  definition.added.push_back(space);
  const Tokenizer spaces(definition, "test");
  CHECK(seconds_of([&] { spaces.encode(texts[1]); }) < 1.0);
}

TEST_CASE("tokenizer: threads may share one", "[tokenizer]") {
  const Tokenizer t = Tokenizer::from_vocab(kVocab, {});
  const std::string text = "Hello, unwantable aaa! [MASK] café";
  const Ids expected = t.encode(text, text).ids;
  std::vector<int> wrong(4);
  std::vector<std::thread> threads;
  for (std::size_t k = 0; k < wrong.size(); ++k)
    threads.emplace_back([&, k] {
      for (int i = 0; i < 200; ++i) wrong[k] += t.encode(text, text).ids == expected ? 0 : 1;
    });
  for (auto& thread : threads) thread.join();
  CHECK(wrong == std::vector<int>(4, 0));
}

TEST_CASE("byte trie: the longest member, with few and many children", "[tokenizer]") {
  std::vector<std::string> strings;
  for (int c = 0; c < 256; ++c) strings.push_back(std::string("x") + static_cast<char>(c));
  for (const char* s : {"ab", "abcd", "abce", "b"}) strings.emplace_back(s);
  std::vector<std::pair<std::string_view, std::int32_t>> entries;
  for (std::size_t i = 0; i < strings.size(); ++i)
    entries.emplace_back(strings[i], static_cast<std::int32_t>(i));
  const ByteTrie trie(entries);
  for (std::size_t i = 0; i < strings.size(); ++i)
    CHECK(trie.value(strings[i]) == static_cast<std::int32_t>(i));
  CHECK(trie.value("a") == ByteTrie::kNone);
  CHECK(trie.value("") == ByteTrie::kNone);
  CHECK(trie.longest("abcx").length == 2);
  CHECK(trie.longest("abcez").value == 258);
  CHECK(trie.longest("").value == ByteTrie::kNone);
  CHECK(ByteTrie().longest("a").value == ByteTrie::kNone);
}
