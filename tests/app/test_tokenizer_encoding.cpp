// Encodings: windows, padding, decoding one id after the other, tokens added at run time.
#include "tokenizer/encoding.h"

#include <string>
#include <vector>

#include "tensor/base/error.h"
#include "tests/catch.h"
#include "tokenizer/readers/readers.h"
#include "tokenizer/tokenizer.h"

using namespace retort;

namespace {

using Ids = std::vector<std::int32_t>;

const std::vector<std::string> kVocab = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]",
                                         "a",     "b",     "c",     "d",     "##a"};

// Every byte is a token: its id is the byte.
Tokenizer bytes() {
  std::string ranks;
  for (int i = 0; i < 256; ++i) {
    constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    ranks += kDigits[static_cast<std::size_t>(i >> 2)];
    ranks += kDigits[static_cast<std::size_t>((i & 3) << 4)];
    ranks += "== " + std::to_string(i) + "\n";
  }
  return {parse_tiktoken(ranks, "ranks"), "ranks"};
}

}  // namespace

TEST_CASE("encoding: windows with a stride, from both sides", "[tokenizer]") {
  Encoding e;
  e.ids = {1, 2, 3, 4, 5};
  Encoding right = e, left = e;
  truncate(right, 3, 1, Side::kRight);
  CHECK(right.ids == Ids{1, 2, 3});
  REQUIRE(right.overflowing.size() == 1);
  CHECK(right.overflowing[0].ids == Ids{3, 4, 5});
  truncate(left, 2, 0, Side::kLeft);
  CHECK(left.ids == Ids{4, 5});
  REQUIRE(left.overflowing.size() == 2);
  CHECK(left.overflowing[0].ids == Ids{2, 3});
  CHECK(left.overflowing[1].ids == Ids{1});
  CHECK_THROWS_AS(truncate(e, 2, 2, Side::kRight), Error);

  const Tokenizer t = Tokenizer::from_vocab(kVocab, {});
  EncodeOptions options;
  options.details = options.texts = true;
  options.truncation = Truncation{5, TruncationStrategy::kOnlyFirst, Side::kRight, 0};
  const Encoding pair = t.encode("a b c", "d", options);
  CHECK(pair.ids == Ids{2, 5, 3, 8, 3});
  CHECK(pair.offsets[1] == Offsets(0, 1));
  REQUIRE(pair.overflowing.size() == 2);
  CHECK(pair.overflowing[1].ids == Ids{2, 7, 3, 8, 3});
  CHECK(pair.overflowing[1].offsets[1] == Offsets(4, 5));
  options.truncation->strategy = TruncationStrategy::kOnlySecond;
  CHECK_THROWS_AS(t.encode("a b c", "d", options), Error);
  CHECK_THROWS_AS(t.encode("a b c d", {}, options), Error);
}

TEST_CASE("encoding: padding", "[tokenizer]") {
  const Tokenizer t = Tokenizer::from_vocab(kVocab, {});
  EncodeOptions options;
  options.details = options.texts = true;
  std::vector<Encoding> batch = {t.encode("a", {}, options), t.encode("a b c", {}, options)};
  Padding padding;
  padding.multiple = 4;
  padding.side = Side::kLeft;
  pad(batch, padding);
  CHECK(batch[0].ids == Ids{0, 0, 0, 0, 0, 2, 5, 3});
  CHECK(batch[0].attention_mask == Ids{0, 0, 0, 0, 0, 1, 1, 1});
  CHECK(batch[0].special_tokens_mask == Ids{1, 1, 1, 1, 1, 1, 0, 1});
  CHECK(batch[0].tokens[0] == "[PAD]");
  CHECK(batch[0].word_ids == Ids{-1, -1, -1, -1, -1, -1, 0, -1});
  CHECK(batch[1].size() == 8);
}

TEST_CASE("decoding: no half characters", "[tokenizer]") {
  const Tokenizer t = bytes();
  const std::string text = "h\u00e9\u4e2d\U0001F600!";
  const Ids ids = t.encode(text).ids;
  CHECK(ids.size() == text.size());
  CHECK(t.decode(ids) == text);
  CHECK(t.decode(Ids{0xE4, 0xB8}) == "\uFFFD");
  CHECK(t.decode(Ids{-1, 'a', 100000}) == "a");
  DecodeStream stream(t);
  std::string said;
  std::vector<std::size_t> lengths;
  for (const std::int32_t id : ids)
    if (const auto part = stream.next(id)) {
      said += *part;
      lengths.push_back(part->size());
    }
  CHECK(said == text);
  CHECK(lengths == std::vector<std::size_t>{1, 2, 3, 4, 1});
}

TEST_CASE("tokenizer: tokens added at run time", "[tokenizer]") {
  Tokenizer t = Tokenizer::from_vocab(kVocab, {});
  AddedToken both, known;
  both.content = "a b";
  known.content = "c";
  known.special = true;
  t.add_tokens({both, known, both});
  CHECK(t.vocab_size() == 11);
  CHECK(t.id("a b") == std::optional<std::int32_t>(10));
  CHECK(t.encode("a b ca").ids == Ids{2, 10, 7, 5, 3});
  CHECK(t.decode(t.encode("a b ca").ids, true) == "a b a");
  EncodeOptions options;
  options.special_tokens_are_text = true;
  CHECK(t.encode("a b ca [MASK]", {}, options).ids == Ids{2, 10, 7, 9, 1, 1, 1, 3});
}
