// Batches of texts: the same as each text alone, whatever is asked for and however many threads
// work.
#include <optional>
#include <string>
#include <vector>

#include "tensor/base/error.h"
#include "tensor/base/json.h"
#include "tensor/base/parallel.h"
#include "tests/catch.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/readers/readers.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/unicode.h"

using namespace retort;

namespace {

const std::vector<std::string> kVocab = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]",
                                         "a",     "b",     "c",     "d",     "##a"};

// Byte-level, with two merges and this post-processor.
Tokenizer byte_level_tokenizer(const std::string& processor) {
  Json vocab;
  for (int i = 0; i < 256; ++i) {
    std::string text;
    unicode::append(text, byte_level::kCharacterOf[static_cast<std::size_t>(i)]);
    vocab[text] = i;
  }
  vocab["ab"] = 256;
  vocab["\u0120ab"] = 257;
  return {parse_tokenizer_json(
              R"({"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
                  "post_processor": )" +
                  processor + R"(, "model": {"type": "BPE", "merges": ["a b", "Ġ ab"], "vocab": )" +
                  vocab.dump() + "}}",
              "file"),
          "file"};
}

std::string level(bool trims) {
  return std::string(R"({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": )") +
         (trims ? "true}" : "false}");
}

// <1> text <2> <3>, the text's tokens of this type.
std::string around(int type_id) {
  return R"({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "x", "type_id": 0}},
      {"Sequence": {"id": "A", "type_id": )" +
         std::to_string(type_id) + R"(}}, {"SpecialToken": {"id": "y", "type_id": 0}}],
      "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
      "special_tokens": {"x": {"id": "x", "ids": [1], "tokens": ["x"]},
                         "y": {"id": "y", "ids": [2, 3], "tokens": ["y", "z"]}}})";
}

std::string sequence(const std::string& first, const std::string& second) {
  return R"({"type": "Sequence", "processors": [)" + first + ", " + second + "]}";
}

// Of many lengths, some with long characters, some empty.
std::vector<std::string> make_texts(int count) {
  std::vector<std::string> texts;
  for (int i = 0; i < count; ++i) {
    std::string text(static_cast<std::size_t>(i % 7), 'a');
    if (i % 5 == 1) text += " ab \u4e2d\u00e9 ab";
    if (i % 11 == 2) text += "  a\u0301b" + std::string(100, 'b');
    if (i % 13 != 0) text += " b c ab ab" + std::to_string(i % 17);
    texts.push_back(i % 29 == 3 ? "" : text);
  }
  return texts;
}

template <class T>
bool same(std::span<const T> list, const std::vector<T>& expected) {
  return std::equal(list.begin(), list.end(), expected.begin(), expected.end());
}

// Which list that was asked for differs; empty: none. (Around an empty text special tokens have all
// lists, asked for or not.)
std::string difference(const EncodingView& view, const Encoding& expected,
                       const EncodeOptions& options) {
  if (!same(view.ids, expected.ids)) return "ids";
  if (!same(view.type_ids, expected.type_ids)) return "type_ids";
  if (view.truncated != expected.truncated) return "truncated";
  if (!options.details) return {};
  if (!same(view.offsets, expected.offsets)) return "offsets";
  if (!same(view.byte_offsets, expected.byte_offsets)) return "byte_offsets";
  if (!same(view.word_ids, expected.word_ids)) return "word_ids";
  if (!same(view.special_tokens_mask, expected.special_tokens_mask)) return "special_tokens_mask";
  if (!same(view.attention_mask, expected.attention_mask)) return "attention_mask";
  if (options.texts && !same(view.tokens, expected.tokens)) return "tokens";
  if (view.overflowing.size() != expected.overflowing.size()) return "overflowing";
  for (std::size_t i = 0; i < view.overflowing.size(); ++i)
    if (const std::string part = difference(view.overflowing[i], expected.overflowing[i], options);
        !part.empty())
      return "overflowing " + part;
  return {};
}

class Threads {
 public:
  explicit Threads(int count) : before_(thread_count()) { set_thread_count(count); }
  ~Threads() { set_thread_count(before_); }

 private:
  int before_;
};

// All combinations of options on one, two and five threads, in batches that grow and shrink.
void check_batches(const Tokenizer& tokenizer) {
  EncodedBatch batch;
  for (int which = 0; which < 48; ++which) {
    EncodeOptions options;
    options.add_special_tokens = which % 2 == 0;
    options.details = which / 2 % 3 > 0;
    options.texts = which / 2 % 3 == 2;
    if (const int length = which / 6 % 4; length > 0)
      options.truncation = Truncation{length == 1 ? 200u : 9u, TruncationStrategy::kLongestFirst,
                                      length == 3 ? Side::kLeft : Side::kRight, 1};
    const bool paired = which / 24 == 1;
    const std::vector<std::string> texts = make_texts(which % 5 * 40 + which % 4);
    const std::vector<std::string_view> views(texts.begin(), texts.end());
    const Threads threads(which % 3 == 2 ? 5 : 1 + which % 3);
    tokenizer.encode_batch(views, paired ? std::span(views) : std::span<const std::string_view>(),
                           options, batch);
    REQUIRE(batch.size() == texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const auto pair = paired ? std::optional<std::string_view>(texts[i]) : std::nullopt;
      INFO("options " << which << ", text " << i << ": " << texts[i]);
      const Encoding expected = tokenizer.encode(texts[i], pair, options);
      REQUIRE(difference(batch[i], expected, options) == "");
      REQUIRE(difference(batch[i].copy(), expected, options) == "");
    }
  }
}

}  // namespace

TEST_CASE("batch: as each text alone", "[tokenizer]") {
  SECTION("BERT's words and frame") { check_batches(Tokenizer::from_vocab(kVocab, {})); }
  SECTION("byte-level, without a frame") { check_batches(byte_level_tokenizer(level(false))); }
  SECTION("byte-level, trimmed") { check_batches(byte_level_tokenizer(level(true))); }
  SECTION("no post-processor") { check_batches(byte_level_tokenizer("null")); }
  SECTION("a template") { check_batches(byte_level_tokenizer(around(0))); }
  SECTION("a template with other types") { check_batches(byte_level_tokenizer(around(1))); }
  SECTION("RoBERTa's frame") {
    check_batches(byte_level_tokenizer(
        R"({"type": "RobertaProcessing", "sep": ["y", 2], "cls": ["x", 1], "trim_offsets": false,
            "add_prefix_space": false})"));
  }
  SECTION("several") {
    check_batches(byte_level_tokenizer(sequence(level(false), around(0))));
    check_batches(byte_level_tokenizer(sequence(level(false), around(1))));
    check_batches(byte_level_tokenizer(sequence(around(0), level(false))));
  }
}

TEST_CASE("batch: what is wrong with a text is said", "[tokenizer]") {
  const Tokenizer tokenizer = Tokenizer::from_vocab(kVocab, {});
  const Tokenizer framed_twice = byte_level_tokenizer(sequence(around(0), around(0)));
  const std::vector<std::string_view> texts = {"a", "b \xC3", "c"};
  EncodedBatch batch;
  CHECK_THROWS_AS(tokenizer.encode_batch(texts, {}, {}, batch), Error);
  CHECK(batch.size() == 0);
  CHECK_THROWS_AS(tokenizer.encode_batch(texts, std::span(texts).first(2), {}, batch), Error);
  CHECK_THROWS_AS(framed_twice.encode_batch(std::span(texts).first(1), {}, {}, batch), Error);
  EncodeOptions options;
  options.truncation = Truncation{1, TruncationStrategy::kLongestFirst, Side::kRight, 0};
  CHECK_THROWS_AS(tokenizer.encode_batch(std::span(texts).first(1), {}, options, batch), Error);
  tokenizer.encode_batch(std::span(texts).first(1), {}, {}, batch);
  CHECK(difference(batch[0], tokenizer.encode("a", {}, EncodeOptions()), {}) == "");
}

TEST_CASE("batch: a loop over batches uses the same memory", "[tokenizer]") {
  const Tokenizer tokenizer = byte_level_tokenizer(level(false));
  const std::vector<std::string> texts = make_texts(100);
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  EncodeOptions options;
  options.details = true;
  const Threads threads(1);
  EncodedBatch batch;
  tokenizer.encode_batch(views, {}, options, batch);
  const EncodingView before = batch[99];
  tokenizer.encode_batch(views, {}, options, batch);
  CHECK(batch[99].ids.data() == before.ids.data());
  CHECK(batch[99].byte_offsets.data() == before.byte_offsets.data());
  CHECK(batch[99].word_ids.data() == before.word_ids.data());
  // One text's tokens lie behind those of the one before it.
  CHECK(batch[98].ids.data() + batch[98].size() == batch[99].ids.data());
}
