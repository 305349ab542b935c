// The WordPiece trainer against a slow one that recounts everything at each step.
#include "tokenizer/training/wordpiece.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "tensor/base/error.h"
#include "tensor/base/philox.h"
#include "tests/catch.h"
#include "tokenizer/readers/readers.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/training/bpe.h"
#include "tokenizer/training/unigram.h"

using namespace retort;

namespace {

const std::vector<std::string> kSpecial = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};

// Words of lower-case ASCII letters separated by spaces only.
std::vector<std::string> train_slowly(const std::vector<std::string>& texts, std::size_t vocab_size,
                                      int min_frequency) {
  std::map<std::string, int> words;
  for (const std::string& text : texts) {
    std::string word;
    for (const char c : text + " ") {
      if (c != ' ') {
        word += c;
      } else if (!word.empty()) {
        ++words[word];
        word.clear();
      }
    }
  }
  std::map<std::string, int> first, next;
  for (const auto& entry : words)
    for (std::size_t i = 0; i < entry.first.size(); ++i) {
      first[std::string(1, entry.first[i])];
      if (i > 0) next["##" + std::string(1, entry.first[i])];
    }
  std::vector<std::string> vocab = kSpecial;
  for (const auto* letters : {&first, &next})
    for (const auto& entry : *letters) vocab.push_back(entry.first);
  const auto id = [&](const std::string& piece) {
    return static_cast<int>(std::find(vocab.begin(), vocab.end(), piece) - vocab.begin());
  };
  std::vector<std::pair<std::vector<int>, int>> split;
  for (const auto& entry : words) {
    std::vector<int> pieces;
    for (std::size_t i = 0; i < entry.first.size(); ++i)
      pieces.push_back(id((i > 0 ? "##" : "") + std::string(1, entry.first[i])));
    split.emplace_back(pieces, entry.second);
  }
  while (vocab.size() < vocab_size) {
    std::map<std::pair<int, int>, int> pairs;
    for (const auto& [pieces, count] : split)
      for (std::size_t i = 0; i + 1 < pieces.size(); ++i)
        pairs[{pieces[i], pieces[i + 1]}] += count;
    std::pair<int, int> best;
    int most = 0;
    for (const auto& [pair, count] : pairs)
      if (count > most) most = count, best = pair;
    if (most < min_frequency) break;
    const std::string piece = vocab[static_cast<std::size_t>(best.first)] +
                              vocab[static_cast<std::size_t>(best.second)].substr(2);
    const int joined = id(piece);
    if (static_cast<std::size_t>(joined) == vocab.size()) vocab.push_back(piece);
    for (auto& [pieces, count] : split)
      for (std::size_t i = 0; i + 1 < pieces.size(); ++i)
        if (pieces[i] == best.first && pieces[i + 1] == best.second) {
          pieces[i] = joined;
          pieces.erase(pieces.begin() + static_cast<std::ptrdiff_t>(i) + 1);
        }
  }
  return vocab;
}

}  // namespace

TEST_CASE("WordPiece training: equal to recounting at each step", "[tokenizer]") {
  RandomStream random(11);
  std::vector<std::string> texts;
  for (int i = 0; i < 60; ++i) {
    std::string text;
    for (int k = 0; k < 40; ++k) text += "aaabbcd  "[random.below(9)];
    texts.push_back(text);
  }
  for (const int size : {13, 20, 60, 300})
    for (const int frequency : {1, 2, 5}) {
      WordPieceTrainerOptions options;
      options.vocab_size = size;
      options.min_frequency = frequency;
      CHECK(train_wordpiece(texts, options) ==
            train_slowly(texts, static_cast<std::size_t>(size), frequency));
    }
  // The order of the texts doesn't matter.
  WordPieceTrainerOptions options;
  options.vocab_size = 60;
  const auto forward = train_wordpiece(texts, options);
  std::reverse(texts.begin(), texts.end());
  CHECK(train_wordpiece(texts, options) == forward);
}

TEST_CASE("WordPiece training: normalisation, alphabet, limits", "[tokenizer]") {
  const std::vector<std::string> texts = {"Café CAFE café!", "zzz 中文", std::string(200, 'q')};
  WordPieceTrainerOptions options;
  options.vocab_size = 100;
  const auto vocab = train_wordpiece(texts, options);
  const auto has = [&](const char* piece) {
    return std::find(vocab.begin(), vocab.end(), piece) != vocab.end();
  };
  CHECK(std::equal(kSpecial.begin(), kSpecial.end(), vocab.begin()));
  CHECK(has("cafe"));
  CHECK(has("!"));
  CHECK(has("中"));
  CHECK_FALSE(has("é"));
  CHECK_FALSE(has("q"));  // only in a word that no model would take
  CHECK_FALSE(has("##zz!"));
  const Tokenizer t = Tokenizer::from_vocab(vocab, {});
  CHECK(t.encode("cafe").ids.size() == 3);

  options.lowercase = options.strip_accents = false;
  const auto cased = train_wordpiece(texts, options);
  CHECK(std::find(cased.begin(), cased.end(), "é") != cased.end());
  CHECK(std::find(cased.begin(), cased.end(), "C") != cased.end());

  options = {};
  options.limit_alphabet = 1;
  options.vocab_size = 7;
  CHECK(train_wordpiece(texts, options).size() == 7);  // "a" (of equals the first) and "##a"
  options.vocab_size = 6;
  CHECK_THROWS_AS(train_wordpiece(texts, options), Error);
  CHECK_THROWS_AS(train_wordpiece(std::vector<std::string>{"ok", "\xFF"}, options), Error);
  options.vocab_size = 5;
  CHECK(train_wordpiece(std::vector<std::string>{}, options) == kSpecial);
}

TEST_CASE("WordPiece training: time does not grow with vocabulary times text", "[tokenizer]") {
  RandomStream random(12);
  std::vector<std::string> texts(2000);
  for (std::string& text : texts)
    for (int k = 0; k < 200; ++k) text += "etaoinshrdlucmfw     "[random.below(21)];
  WordPieceTrainerOptions options;
  options.vocab_size = 8000;
  const auto start = std::chrono::steady_clock::now();
  CHECK(train_wordpiece(texts, options).size() == 8000);
  CHECK(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() < 10.0);
}

TEST_CASE("BPE trainer: bytes, then the most frequent pairs", "[tokenizer]") {
  const std::vector<std::string> texts = {"low low low low lower lower", "newest newest widest low",
                                          "\u00e9t\u00e9 low"};
  const TokenizerDefinition definition = train_bpe(texts, {.vocab_size = 270, .min_frequency = 2});
  const Vocabulary& vocabulary = definition.model->vocabulary();
  CHECK(vocabulary.text(0) == "<|endoftext|>");
  CHECK(vocabulary.text(1) == "!");
  CHECK(vocabulary.find("\u0120") != Vocabulary::kNone);
  // "lo" and "ow" occur eight times each: the one whose first byte has the lower id.
  CHECK(vocabulary.text(257) == "lo");
  CHECK(vocabulary.text(258) == "low");
  CHECK(vocabulary.text(259) == "\u0120low");
  const Tokenizer t(definition, "trained");
  CHECK(t.token(t.encode(" low").ids.at(0)) == "\u0120low");
  for (const std::string& text : texts) CHECK(t.decode(t.encode(text).ids) == text);
  CHECK(t.difference(Tokenizer(parse_tokenizer_json(tokenizer_json(definition).dump(), "saved"),
                               "saved")) == "");
  const std::vector<std::string> reversed(texts.rbegin(), texts.rend());
  CHECK(t.difference(Tokenizer(train_bpe(reversed, {.vocab_size = 270, .min_frequency = 2}),
                               "reversed")) == "");
  CHECK_THROWS_AS(train_bpe(texts, {.vocab_size = 256}), Error);
  CHECK_THROWS_AS(train_bpe(std::vector<std::string>{"\xff"}, {}), Error);
}

TEST_CASE("Unigram trainer: frequent pieces remain, and every character", "[tokenizer]") {
  RandomStream random(5);
  const std::vector<std::string> syllables = {"ka", "to", "mi", "re", "lu",
                                              "so", "ne", "vi", "ba", "du"};
  std::vector<std::string> texts;
  std::size_t words = 0;
  for (int i = 0; i < 300; ++i) {
    texts.emplace_back();
    for (int k = 0; k < 8; ++k, ++words) {
      if (k > 0) texts.back() += ' ';
      for (int n = 0; n < 3; ++n) texts.back() += syllables[random.below(syllables.size())];
    }
  }
  UnigramTrainerOptions options;
  options.vocab_size = 60;
  std::int64_t reports = 0;
  const TokenizerDefinition definition =
      train_unigram(texts, options, [&](std::int64_t, std::int64_t) { ++reports; });
  CHECK(reports > 1);
  const Tokenizer t(definition, "trained");
  CHECK(t.vocab_size() <= 60);
  EncodeOptions plain;
  std::size_t tokens = 0;
  for (const std::string& text : texts) {
    tokens += t.encode(text, {}, plain).ids.size();
    CHECK(t.decode(t.encode(text).ids) == text);
  }
  CHECK(2 * tokens < 9 * words);  // letters alone would be seven a word
  for (const std::string& syllable : syllables)
    for (const char c : syllable) CHECK(t.id(std::string(1, c)).has_value());
  CHECK(t.encode("\u4e2d").ids.back() == 2);  // unknown
  CHECK(t.difference(Tokenizer(parse_tokenizer_json(tokenizer_json(definition).dump(), "saved"),
                               "saved")) == "");
  options.vocab_size = 10;
  CHECK_THROWS_AS(train_unigram(texts, options), Error);
  CHECK_THROWS_AS(train_unigram(std::vector<std::string>{}, {}), Error);
}
