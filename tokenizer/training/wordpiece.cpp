#include "tokenizer/training/wordpiece.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "tensor/base/error.h"
#include "tokenizer/normalizers/bert.h"
#include "tokenizer/pre_tokenizers/words.h"
#include "tokenizer/training/pair_joiner.h"
#include "tokenizer/unicode.h"

namespace retort {
namespace {

constexpr const char* kSpecialTokens[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
constexpr std::string_view kPrefix = "##";

using Counts = std::unordered_map<std::string, std::int64_t>;

Counts count_words(std::span<const std::string> texts, const WordPieceTrainerOptions& options) {
  const BertNormalizer normalizer(true, options.tokenize_chinese_chars, options.strip_accents,
                                  options.lowercase);
  Counts counts;
  std::string normalized;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::size_t invalid = unicode::find_invalid_utf8(texts[i]);
    check(invalid == std::string_view::npos, "text ", i + 1, " is not valid UTF-8 at byte ",
          invalid);
    normalized.clear();
    normalizer.append(texts[i], normalized);
    PreTokens tokens;
    tokens.text = AlignedText(normalized, 0, false);
    tokens.pieces = {{0, static_cast<std::uint32_t>(normalized.size()), 0, -1}};
    BertPreTokenizer().apply(tokens);
    for (const Piece& piece : tokens.pieces) {
      const std::string_view word = tokens.bytes(piece);
      if (unicode::count_characters(word) <= static_cast<std::size_t>(options.max_word_characters))
        ++counts[std::string(word)];
    }
  }
  return counts;
}

// The most frequent characters, in code point order.
std::vector<char32_t> alphabet(const Counts& counts, std::size_t limit) {
  std::map<char32_t, std::int64_t> frequency;
  for (const auto& [word, count] : counts)
    for (const char* at = word.data(); at < word.data() + word.size();)
      frequency[unicode::decode(at)] += count;
  std::vector<std::pair<char32_t, std::int64_t>> order(frequency.begin(), frequency.end());
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  if (order.size() > limit) order.resize(limit);
  std::vector<char32_t> kept;
  for (const auto& entry : order) kept.push_back(entry.first);
  std::sort(kept.begin(), kept.end());
  return kept;
}

}  // namespace

std::vector<std::string> train_wordpiece(std::span<const std::string> texts,
                                         const WordPieceTrainerOptions& options,
                                         const TrainingProgress& progress) {
  check(options.limit_alphabet >= 0 && options.max_word_characters >= 0,
        "the WordPiece trainer's limits must not be negative");
  const Counts counts = count_words(texts, options);
  const auto letters = alphabet(counts, static_cast<std::size_t>(options.limit_alphabet));

  std::vector<std::string> vocab(std::begin(kSpecialTokens), std::end(kSpecialTokens));
  std::unordered_map<char32_t, std::int32_t> first_id, next_id;
  for (const char32_t letter : letters) {
    first_id[letter] = static_cast<std::int32_t>(vocab.size());
    vocab.emplace_back();
    unicode::append(vocab.back(), letter);
  }
  // Words in an order that doesn't depend on the hash table's, as lists of the alphabet's letters.
  std::vector<std::pair<std::string_view, std::int64_t>> sorted(counts.begin(), counts.end());
  std::sort(sorted.begin(), sorted.end());
  std::unordered_set<char32_t> continuing;
  const auto each_letter = [&](std::string_view word, const auto& visit) {
    // A letter behind one that isn't in the alphabet still continues its word.
    for (const char* at = word.data(); at < word.data() + word.size();) {
      const bool first = at == word.data();
      const char32_t letter = unicode::decode(at);
      if (first_id.count(letter) != 0) visit(letter, first);
    }
  };
  for (const auto& entry : sorted)
    each_letter(entry.first, [&](char32_t letter, bool first) {
      if (!first) continuing.insert(letter);
    });
  for (const char32_t letter : letters) {
    if (continuing.count(letter) == 0) continue;
    next_id[letter] = static_cast<std::int32_t>(vocab.size());
    vocab.emplace_back(kPrefix);
    unicode::append(vocab.back(), letter);
  }
  check(static_cast<std::size_t>(std::max(options.vocab_size, 0)) >= vocab.size(),
        "a vocabulary of ", options.vocab_size,
        " has no room for the special tokens and the alphabet, which are ", vocab.size(),
        " pieces; ask for more or limit the alphabet");

  std::vector<CountedWord> words;
  for (const auto& entry : sorted) {
    CountedWord word{{}, entry.second};
    each_letter(entry.first, [&](char32_t letter, bool first) {
      word.pieces.push_back(first ? first_id[letter] : next_id[letter]);
    });
    if (word.pieces.size() > 1) words.push_back(std::move(word));
  }
  PairJoiner(vocab, std::move(words), kPrefix)
      .run(static_cast<std::size_t>(options.vocab_size), options.min_frequency, progress);
  return vocab;
}

}  // namespace retort
