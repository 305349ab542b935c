// The short way from a text to its ids: words as they stand in the text, and the cache of them.
#include <filesystem>
#include <string>
#include <vector>

#include "tensor/base/json.h"
#include "tensor/base/philox.h"
#include "tests/catch.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/raw_words.h"
#include "tokenizer/readers/readers.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/word_cache.h"

namespace fs = std::filesystem;
using namespace retort;

namespace {

using Rule = RawWords::Rule;

constexpr const char* kBytes =
    R"({"type": "ByteLevel", "add_prefix_space": false, "use_regex": false})";

// The tokens that the tests expect of a word: one for each byte, in both halves of the cache.
void one_per_byte(std::string_view word, std::vector<Token>& tokens) {
  for (std::uint32_t i = 0; i < word.size(); ++i)
    tokens.push_back({static_cast<unsigned char>(word[i]), i, i + 1});
}

// Every byte, and a few merges that reach over what texts are cut at.
std::string byte_model() {
  Json vocab, merges{Json::Array{}};
  for (int i = 0; i < 256; ++i) {
    std::string text;
    unicode::append(text, byte_level::kCharacterOf[static_cast<std::size_t>(i)]);
    vocab[text] = i;
  }
  std::vector<std::pair<std::string, std::string>> pairs = {
      {"h", "e"}, {"l", "l"}, {"he", "ll"},         {"\u0120", "a"},  {"'", "s"},
      {".", "."}, {"1", "2"}, {"\u010A", "\u010A"}, {"o", "\u0120a"}, {"hell", "o"},
      {"a", "b"}, {"Ã", "©"}, {"\u0120", "\u0120"}};
  for (const auto& [left, right] : pairs) {
    if (vocab.find(left + right) == nullptr)
      vocab[left + right] = static_cast<std::int64_t>(vocab.as_object("vocab").size());
    Json pair{Json::Array{}};
    pair.push_back(left);
    pair.push_back(right);
    merges.push_back(std::move(pair));
  }
  Json model;
  model["type"] = "BPE";
  model["vocab"] = std::move(vocab);
  model["merges"] = std::move(merges);
  return model.dump();
}

std::string mark_model() {
  Json vocab, merges{Json::Array{}};
  const auto add = [&](const std::string& piece) {
    if (vocab.find(piece) == nullptr) {
      const auto size = vocab.is_object() ? vocab.as_object("vocab").size() : 0;
      vocab[piece] = size;
    }
  };
  add("<unk>");
  for (int i = 0; i < 256; ++i) {
    char text[8];
    std::snprintf(text, sizeof text, "<0x%02X>", static_cast<unsigned>(i));
    add(text);
  }
  for (const char* piece : {"\u2581", "a", "b", "h", "e", "l", "o", ".", ",", "1", "中", "é", "\n"})
    add(piece);
  std::vector<std::pair<std::string, std::string>> pairs = {{"\u2581", "\u2581"},
                                                            {"\u2581", "a"},
                                                            {"h", "e"},
                                                            {"l", "l"},
                                                            {"he", "ll"},
                                                            {"hell", "o"},
                                                            {"\u2581", "hello"},
                                                            {".", "."},
                                                            {"a", "."},
                                                            {"\u2581\u2581", "\u2581\u2581"},
                                                            {"é", "l"}};
  for (const auto& [left, right] : pairs) {
    add(left + right);
    merges.push_back(left + " " + right);
  }
  Json model;
  model["type"] = "BPE";
  model["unk_token"] = "<unk>";
  model["byte_fallback"] = true;
  model["fuse_unk"] = true;
  model["vocab"] = std::move(vocab);
  model["merges"] = std::move(merges);
  return model.dump();
}

// The character map of the golden file, which joins and drops characters.
std::string character_map() {
  const Json golden = Json::parse_file(fs::path(RETORT_SOURCE_DIR) / "tests" / "golden" /
                                       "tokenizer_components.json");
  for (const Json& row : golden.find("configurations")->as_array("configurations")) {
    const Json* normalizer = row.find("tokenizer")->find("normalizer");
    if (normalizer->is_object() && normalizer->get("type", "") == "Precompiled")
      return normalizer->dump();
  }
  FAIL("the golden file has no Precompiled normaliser of its own");
  return {};
}

struct Family {
  std::string name, normalizer, pre_tokenizer, model;
  Rule rule;
  std::string post_processor = "null";

  std::string json() const { return json_with(normalizer); }
  /// With the normaliser in a sequence of its own the text goes through all the parts.
  Tokenizer long_way() const {
    const std::string wrapped = R"({"type": "Sequence", "normalizers": [)" +
                                (normalizer == "null" ? "" : normalizer) + "]}";
    return {parse_tokenizer_json(json_with(wrapped), name), name};
  }

 private:
  std::string json_with(const std::string& with) const {
    return R"({"version": "1.0", "added_tokens": [], "normalizer": )" + with +
           R"(, "pre_tokenizer": )" + pre_tokenizer + R"(, "post_processor": )" +
           post_processor + R"(, "decoder": null, "model": )" + model + "}";
  }
};

std::string split(const std::string& pattern) {
  Json json;
  json["type"] = "Split";
  json["pattern"]["Regex"] = pattern;
  json["behavior"] = "Isolated";
  json["invert"] = false;
  return R"({"type": "Sequence", "pretokenizers": [)" + json.dump() + ", " + kBytes + "]}";
}

std::vector<Family> families() {
  const std::string head = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)",
                    tail = R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  const std::string words = R"({"type": "WordPiece", "unk_token": "[UNK]", "vocab": {"[UNK]": 0, )"
                            R"("a": 1, "##a": 2, "b": 3, "##b": 4, "hello": 5, ".": 6, "'": 7, )"
                            R"("e": 8, "##e": 9, "中": 10, "##s": 11, "s": 12, "1": 13}})";
  const std::string pieces =
      R"({"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0.0], ["\u2581", -2.0], )"
      R"(["\u2581a", -2.5], ["a", -3.0], ["b", -3.5], ["hello", -4.0], [".", -4.5], ["l", -5.0], )"
      R"(["\u2581hell", -3.0], ["e", -3.1], ["h", -3.2], ["é", -3.3], ["1", -1.0], ["/", -1.5]]})";
  return {
      {"GPT-2", "null", R"({"type": "ByteLevel", "add_prefix_space": false, "use_regex": true})",
       byte_model(), Rule::kGpt2},
      {"GPT-2, trimmed", "null",
       R"({"type": "ByteLevel", "add_prefix_space": false, "use_regex": true})", byte_model(),
       Rule::kGpt2, R"({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true})"},
      {"Llama 3", "null", split(head + R"(\p{N}{1,3})" + tail), byte_model(), Rule::kLlama3},
      {"Qwen 2", "null", split(head + R"(\p{N})" + tail), byte_model(), Rule::kQwen2},
      {"BERT", R"({"type": "BertNormalizer", "lowercase": true})",
       R"({"type": "BertPreTokenizer"})", words, Rule::kBert},
      {"BERT cased, uncleaned",
       R"({"type": "BertNormalizer", "lowercase": false, "strip_accents": true, "clean_text": false})",
       R"({"type": "BertPreTokenizer"})", words, Rule::kBert},
      {"T5", character_map(),
       R"({"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, )"
       R"({"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always"}]})",
       pieces, Rule::kBlanks},
      {"Llama 2",
       R"({"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "\u2581"}, )"
       R"({"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]})",
       "null", mark_model(), Rule::kMarks},
      // What would be cut wrongly if it were taken for one of the others.
      {"a prefix space", "null",
       R"({"type": "ByteLevel", "add_prefix_space": true, "use_regex": true})", byte_model(),
       Rule::kNone},
      {"marks at the beginning only", character_map(),
       R"({"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, )"
       R"({"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first"}]})",
       pieces, Rule::kNone},
  };
}

// Ids alone, with places and words, and with the tokens' texts too.
bool same(const Tokenizer& a, const Tokenizer& b, const std::string& text) {
  EncodeOptions places, all;
  places.details = all.details = all.texts = true;
  const Encoding x = a.encode(text, {}, all), y = b.encode(text, {}, all);
  const auto same_places = [&](const Encoding& other) {
    return other.ids == y.ids && other.offsets == y.offsets &&
           other.byte_offsets == y.byte_offsets && other.word_ids == y.word_ids;
  };
  return a.encode(text).ids == y.ids && same_places(a.encode(text, {}, places)) &&
         same_places(x) && x.tokens == y.tokens;
}

std::string random_text(RandomStream& random) {
  static const std::vector<std::string> kParts = {"hello",
                                                  "a",
                                                  "b",
                                                  "A",
                                                  "é",
                                                  "É",
                                                  "e\u0301",
                                                  "\u0301",
                                                  "\u0323",
                                                  "中",
                                                  "hell",
                                                  "llo",
                                                  "o",
                                                  " ",
                                                  " ",
                                                  " ",
                                                  "  ",
                                                  "\n",
                                                  "\r\n",
                                                  "\t",
                                                  "\x0B",
                                                  "\x0C",
                                                  "\x01",
                                                  "\x7F",
                                                  std::string(1, '\0'),
                                                  ".",
                                                  "..",
                                                  ",",
                                                  "'s",
                                                  "'S",
                                                  "'ll",
                                                  "\u017F",
                                                  "12",
                                                  "1234",
                                                  "½",
                                                  "\u2581",
                                                  "\u2581a",
                                                  "\u00A0",
                                                  "\u3000",
                                                  "\u200B",
                                                  "\u0600",
                                                  "\u0903",
                                                  "👍🏽",
                                                  "\u200D",
                                                  "ﬁ",
                                                  "x",
                                                  "hellohellohellohello",
                                                  "abababababababab",
                                                  "\U000E0001",
                                                  "क्ष",
                                                  "#",
                                                  "<unk>",
                                                  "[UNK]"};
  std::string text;
  for (std::uint32_t n = 1 + random.next_u32() % 12; n > 0; --n)
    text += kParts[random.next_u32() % kParts.size()];
  return text;
}

}  // namespace

TEST_CASE("raw words: the same as the long way", "[tokenizer]") {
  for (const Family& family : families()) {
    CAPTURE(family.name);
    TokenizerDefinition definition = parse_tokenizer_json(family.json(), family.name);
    const Tokenizer t(definition, family.name);
    const auto normalizer = definition.normalizer.is_null()
                                ? nullptr
                                : make_normalizer(definition.normalizer, "normalizer");
    const auto pre_tokenizer = definition.pre_tokenizer.is_null()
                                   ? nullptr
                                   : make_pre_tokenizer(definition.pre_tokenizer, "pre_tokenizer");
    if (pre_tokenizer != nullptr) pre_tokenizer->keep_bytes();
    const RawWords words(normalizer.get(), pre_tokenizer.get(), *definition.model);
    CHECK(words.rule() == family.rule);

    const Tokenizer long_way = family.long_way();
    RandomStream random(11, 0);
    int wrong = 0;
    for (int i = 0; i < 20000; ++i) {
      const std::string text = random_text(random);
      if (same(t, long_way, text) || ++wrong > 2) continue;
      CAPTURE(text);
      CHECK(same(t, long_way, text));
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("raw words: added tokens stand between them", "[tokenizer]") {
  for (Family family : families()) {
    CAPTURE(family.name);
    Tokenizer t(parse_tokenizer_json(family.json(), family.name), family.name);
    Tokenizer long_way = family.long_way();
    AddedToken special, plain;
    special.content = "<x>";
    special.special = true;
    plain.content = "yz";
    plain.normalized = true;
    t.add_tokens({special, plain});
    long_way.add_tokens({special, plain});
    for (const char* text :
         {"a<x>b", "<x>", "hello <x> hello", "a yz<x>yz a", "ayzb", "yz", "Yz é"})
      CHECK(same(t, long_way, text));
    // What stands behind a word's end is an added token's text, or nothing.
    RandomStream random(12, 0);
    int wrong = 0;
    for (int i = 0; i < 3000; ++i) {
      std::string text;
      for (std::uint32_t n = 1 + random.next_u32() % 4; n > 0; --n)
        text += random_text(random) + (random.next_u32() % 2 == 0 ? "<x>" : "yz");
      if (same(t, long_way, text) || ++wrong > 2) continue;
      CAPTURE(text);
      CHECK(same(t, long_way, text));
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("word cache: finds what it was given, and forgets the oldest", "[tokenizer]") {
  WordCache cache;
  const std::size_t empty = cache.bytes();
  RandomStream random(5, 0);
  std::size_t made = 0, wrong = 0;
  constexpr int kWords = 400000;  // more than there are places
  for (int i = 0; i < kWords; ++i) {
    std::string word(random.next_u32() % (WordCache::kMaxBytes + 1), '\0');
    for (char& c : word) c = static_cast<char>(random.next_u32() % 3);
    const auto found = cache.find(WordKey::of(word), [&](std::vector<Token>& tokens) {
      ++made;
      one_per_byte(word, tokens);
    });
    bool right = found.count == word.size() && found.ids != nullptr && found.lengths != nullptr;
    for (std::size_t k = 0; right && k < word.size(); ++k)
      right = found.ids[k] == word[k] && found.lengths[k] == 1;
    if (!right) ++wrong;
  }
  CHECK(wrong == 0);
  CHECK(made < kWords);
  CHECK(cache.bytes() > empty);
  CHECK(cache.bytes() < std::size_t{32} << 20);

  int calls = 0;
  const auto key = WordKey::of("twice");
  for (int i = 0; i < 2; ++i)
    cache.find(key, [&](std::vector<Token>& tokens) {
      ++calls;
      tokens.push_back({7, 0, 5});
    });
  CHECK(calls == 1);
}

TEST_CASE("word cache: tokens that don't cover a word, and too many of them", "[tokenizer]") {
  WordCache cache;
  const auto overlapping = [](std::vector<Token>& tokens) { tokens = {{1, 0, 2}, {2, 0, 2}}; };
  for (int i = 0; i < 2; ++i) {
    const auto found = cache.find(WordKey::of("ab"), overlapping);
    CHECK(found.count == 2);
    CHECK(found.lengths == nullptr);
    CHECK(found.ids[1] == 2);
  }
  const auto many = [](std::vector<Token>& tokens) { tokens.resize(99, {3, 0, 1}); };
  for (int i = 0; i < 2; ++i) {
    const auto found = cache.find(WordKey::of("c"), many);
    CHECK(found.ids == nullptr);
    CHECK(cache.missed().size() == 99);
  }
  // Words that differ in nothing but zeros at the end.
  const std::string zeros(15, '\0');
  for (std::size_t size = 0; size < zeros.size(); ++size)
    cache.find(WordKey::of(zeros.substr(0, size)),
               [&](std::vector<Token>& tokens) { one_per_byte(zeros.substr(0, size), tokens); });
  for (std::size_t size = 0; size < zeros.size(); ++size)
    CHECK(cache.find(WordKey::of(zeros.substr(0, size)), many).count == size);
}
