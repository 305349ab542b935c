// Tokenizers with fewer tokens: the texts of a corpus keep theirs under new ids.
#include <algorithm>

#include "distill/data/tickets.h"
#include "tests/app/data_files.h"
#include "tokenizer/prune.h"
#include "tokenizer/readers/readers.h"
#include "tokenizer/training/bpe.h"
#include "tokenizer/training/unigram.h"
#include "tokenizer/training/wordpiece.h"

using namespace retort;
using namespace retort::testing;

namespace {

using Ids = std::vector<std::int32_t>;

std::vector<std::string> ticket_texts(std::int64_t rows, std::uint64_t seed) {
  std::vector<std::string> texts;
  for (const TicketPair& pair : make_tickets(rows, seed)) {
    texts.push_back(pair.text_a);
    texts.push_back(pair.text_b);
  }
  return texts;
}

// What the tokens of a text are, special ones too.
std::vector<std::string> pieces_of(const Tokenizer& tokenizer, const std::string& text,
                                   std::optional<std::string_view> pair = {}) {
  std::vector<std::string> pieces;
  for (const std::int32_t id : tokenizer.encode(text, pair).ids)
    pieces.push_back(tokenizer.token(id));
  return pieces;
}

// Every text gives the same pieces, and `kept` leads from new ids to old ones.
void check_same(const Tokenizer& before, const PrunedTokenizer& after,
                const std::vector<std::string>& texts) {
  CHECK(after.tokenizer.vocab_size() == static_cast<std::int32_t>(after.kept.size()));
  CHECK(std::is_sorted(after.kept.begin(), after.kept.end()));
  for (std::size_t id = 0; id < after.kept.size(); ++id)
    CHECK(after.tokenizer.token(static_cast<std::int32_t>(id)) == before.token(after.kept[id]));
  for (const std::string& text : texts) {
    INFO(text);
    CHECK(pieces_of(after.tokenizer, text) == pieces_of(before, text));
    Ids old;
    for (const std::int32_t id : after.tokenizer.encode(text, texts.front()).ids)
      old.push_back(after.kept[static_cast<std::size_t>(id)]);
    CHECK(old == before.encode(text, texts.front()).ids);
  }
}

Tokenizer from_json(const std::string& text) {
  return {parse_tokenizer_json(text, "tokenizer.json"), "tokenizer.json"};
}

}  // namespace

TEST_CASE("Pruned tokenizers of every family give a corpus its tokens", "[tokenizer][prune]") {
  const std::vector<std::string> learned = ticket_texts(60, 1), corpus = ticket_texts(6, 2);
  const auto check_family = [&](const char* family, const Tokenizer& before) {
    INFO(family);
    const PrunedTokenizer after = prune_tokenizer(before, corpus);
    CHECK(after.kept.size() < static_cast<std::size_t>(before.vocab_size()));
    check_same(before, after, corpus);
    // Written and read again, it is the same.
    const Folder folder("prune");
    after.tokenizer.save(folder.path(), "bert");
    CHECK(Tokenizer::load(folder.path()).difference(after.tokenizer).empty());
    // What is pruned needs all that it has.
    CHECK(prune_tokenizer(after.tokenizer, corpus).kept.size() == after.kept.size());
  };
  check_family("WordPiece",
               Tokenizer::from_vocab(train_wordpiece(learned, {.vocab_size = 700}), {}));
  check_family("byte-level BPE", {train_bpe(learned, {900, 1}, {}), "bpe"});
  UnigramTrainerOptions options;
  options.vocab_size = 500;
  check_family("Unigram", {train_unigram(learned, options, {}), "unigram"});
}

TEST_CASE("A byte-level BPE can still write any text", "[tokenizer][prune]") {
  const Tokenizer before{train_bpe(ticket_texts(30, 1), {600, 1}, {}), "bpe"};
  const std::vector<std::string> corpus = {"the printer"};
  const Tokenizer after = prune_tokenizer(before, corpus).tokenizer;
  const std::string other = "caf\xC3\xA9 \xF0\x9F\x8C\x8D & more";
  CHECK(after.decode(after.encode(other).ids) == before.decode(before.encode(other).ids));
}

TEST_CASE("A word that WordPiece gives up stays unknown", "[tokenizer][prune]") {
  // "abcd": "ab", then nothing for "cd". Without "ab" it would be "a", "##bcd".
  const std::vector<std::string> vocab = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "ab",
                                          "a",     "##bcd", "xa",    "x",     "##c"};
  const Tokenizer before = Tokenizer::from_vocab(vocab, {});
  const std::vector<std::string> corpus = {"abcd a x", "xbcd a"};
  const PrunedTokenizer after = prune_tokenizer(before, corpus);
  CHECK(pieces_of(before, "abcd") == std::vector<std::string>{"[CLS]", "[UNK]", "[SEP]"});
  check_same(before, after, corpus);
  CHECK(after.tokenizer.id("ab").has_value());
  CHECK_FALSE(after.tokenizer.id("xa").has_value());
}

TEST_CASE("Unigram keeps what an unknown character costs", "[tokenizer][prune]") {
  // "abc" is "ab", "c": -80. An unknown character costs 10 more than the least likely piece:
  // without "a" and "z" an unknown one and "bc" would be -51.
  const Tokenizer before = from_json(R"({"version": "1.0", "added_tokens": [], "normalizer": null,
    "pre_tokenizer": null, "post_processor": null, "decoder": null, "model": {"type": "Unigram",
    "unk_id": 0, "vocab": [["<unk>", 0], ["ab", -40], ["c", -40], ["bc", -1], ["a", -100],
    ["z", -120], ["q", -3]]}})");
  const std::vector<std::string> corpus = {"abc", "bc"};
  const PrunedTokenizer after = prune_tokenizer(before, corpus);
  check_same(before, after, corpus);
  CHECK(after.kept == Ids{0, 1, 2, 3, 5});
}

TEST_CASE("BPE keeps the merges that lead to a token and no others", "[tokenizer][prune]") {
  const Tokenizer before = from_json(R"({"version": "1.0", "added_tokens": [
    {"id": 9, "content": "<end>", "special": true}], "normalizer": null, "pre_tokenizer": null,
    "post_processor": null, "decoder": null, "model": {"type": "BPE", "vocab": {"a": 0, "b": 1,
    "c": 2, "ab": 3, "bc": 4, "abc": 5, "d": 6, "cd": 7, "dd": 8},
    "merges": ["a b", "ab c", "b c", "d d", "c d"]}})");
  const std::vector<std::string> corpus = {"abc", "abc<end>"};
  const PrunedTokenizer after = prune_tokenizer(before, corpus);
  check_same(before, after, corpus);
  // "bc" is no parent of "abc"; characters and the added token always stay.
  CHECK(after.kept == Ids{0, 1, 2, 3, 5, 6, 9});
  CHECK(after.tokenizer.id("<end>").value_or(-1) == 6);
}

TEST_CASE("Ids of post-processor and padding follow", "[tokenizer][prune]") {
  const std::string middle = R"(, "decoder": null, "padding": {"strategy": "BatchLongest",
    "direction": "Right", "pad_to_multiple_of": null, "pad_id": 4, "pad_type_id": 0,
    "pad_token": "[PAD]"}, "model": {"type": "WordLevel", "unk_token": "[UNK]", "vocab": {"u": 0,
    "v": 1, "[UNK]": 2, "[CLS]": 3, "[PAD]": 4, "w": 5, "[SEP]": 6}}})";
  const std::string begin = R"({"version": "1.0", "added_tokens": [
    {"id": 4, "content": "[PAD]", "special": true}], "normalizer": null,
    "pre_tokenizer": {"type": "Whitespace"}, "post_processor": )";
  const std::vector<std::string> corpus = {"v v", "w"};
  for (const std::string processor :
       {R"({"type": "BertProcessing", "sep": ["[SEP]", 6], "cls": ["[CLS]", 3]})",
        R"({"type": "Sequence", "processors": [{"type": "TemplateProcessing", "single": [
        {"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
        {"SpecialToken": {"id": "[SEP]", "type_id": 0}}], "pair": [
        {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [3], "tokens": ["[CLS]"]},
        "[SEP]": {"id": "[SEP]", "ids": [6], "tokens": ["[SEP]"]}}}]})"}) {
    INFO(processor);
    const Tokenizer before = from_json(begin + processor + middle);
    const PrunedTokenizer after = prune_tokenizer(before, corpus);
    check_same(before, after, corpus);
    CHECK(after.kept == Ids{1, 2, 3, 4, 5, 6});
    CHECK(after.tokenizer.definition().padding.get("pad_id", -1) == 3);
  }
}
