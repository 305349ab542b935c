#include "tokenizer/train_wordpiece.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <queue>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "tensor/base/error.h"
#include "tokenizer/normalizers/bert.h"
#include "tokenizer/pre_tokenizers/words.h"
#include "tokenizer/unicode.h"

namespace retort {
namespace {

constexpr const char* kSpecialTokens[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
constexpr std::string_view kPrefix = "##";

struct Word {
  std::vector<std::int32_t> pieces;
  std::int64_t count;
};

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

// Joins the most frequent pair again and again. For every pair the words that (may) hold it are
// known, so a step looks at those words only; counts are kept up to date and the queue's entries
// are checked when popped.
class Joiner {
 public:
  Joiner(std::vector<std::string>& vocab, std::vector<Word> words)
      : vocab_(vocab), words_(std::move(words)) {
    for (std::size_t i = 0; i < vocab_.size(); ++i)
      ids_.emplace(vocab_[i], static_cast<std::int32_t>(i));
    for (std::size_t w = 0; w < words_.size(); ++w) {
      const auto& pieces = words_[w].pieces;
      for (std::size_t i = 0; i + 1 < pieces.size(); ++i)
        add(key(pieces[i], pieces[i + 1]), w, words_[w].count);
    }
    push_changed();
  }

  void run(std::size_t vocab_size, std::int64_t min_frequency) {
    while (vocab_.size() < vocab_size && !queue_.empty()) {
      const Candidate best = queue_.top();
      queue_.pop();
      const auto found = pairs_.find(best.pair);
      if (found == pairs_.end() || found->second.count != best.count)
        continue;  // changed since: pushed again
      if (best.count < min_frequency) break;
      join(best.pair);
      push_changed();
    }
  }

 private:
  using Pair = std::uint64_t;  // left id, right id

  struct Candidate {
    std::int64_t count;
    Pair pair;
    bool operator<(const Candidate& other) const {
      return count != other.count ? count < other.count : pair > other.pair;
    }
  };

  struct Occurrences {
    std::int64_t count = 0;
    std::vector<std::size_t> words;  // may hold words twice, and words that lost the pair
  };

  static Pair key(std::int32_t left, std::int32_t right) {
    return static_cast<Pair>(static_cast<std::uint32_t>(left)) << 32 |
           static_cast<std::uint32_t>(right);
  }

  void add(Pair pair, std::size_t word, std::int64_t count) {
    Occurrences& occurrences = pairs_[pair];
    occurrences.count += count;
    if (count > 0 && (occurrences.words.empty() || occurrences.words.back() != word))
      occurrences.words.push_back(word);
    changed_.insert(pair);
  }

  void push_changed() {
    for (const Pair pair : changed_)
      if (const auto found = pairs_.find(pair); found != pairs_.end() && found->second.count > 0)
        queue_.push({found->second.count, pair});
    changed_.clear();
  }

  void join(Pair pair) {
    const auto left = static_cast<std::int32_t>(pair >> 32),
               right = static_cast<std::int32_t>(pair);
    // "ab" + "##c" is "abc"; the same text may arise from several pairs and stays one piece.
    const std::string piece = vocab_[static_cast<std::size_t>(left)] +
                              vocab_[static_cast<std::size_t>(right)].substr(kPrefix.size());
    const auto [entry, is_new] = ids_.emplace(piece, static_cast<std::int32_t>(vocab_.size()));
    const std::int32_t joined = entry->second;
    if (is_new) vocab_.push_back(piece);

    const std::vector<std::size_t> words = std::move(pairs_[pair].words);
    for (const std::size_t w : words) {
      auto& pieces = words_[w].pieces;
      const std::int64_t count = words_[w].count;
      std::size_t out = 0;
      for (std::size_t i = 0; i < pieces.size(); ++i, ++out) {
        if (i + 1 == pieces.size() || pieces[i] != left || pieces[i + 1] != right) {
          pieces[out] = pieces[i];
          continue;
        }
        if (out > 0) {
          add(key(pieces[out - 1], left), w, -count);
          add(key(pieces[out - 1], joined), w, count);
        }
        if (i + 2 < pieces.size()) {
          add(key(right, pieces[i + 2]), w, -count);
          add(key(joined, pieces[i + 2]), w, count);
        }
        pieces[out] = joined;
        ++i;
      }
      pieces.resize(out);
    }
    pairs_.erase(pair);
  }

  std::vector<std::string>& vocab_;
  std::vector<Word> words_;
  std::unordered_map<std::string, std::int32_t> ids_;
  std::unordered_map<Pair, Occurrences> pairs_;
  std::unordered_set<Pair> changed_;
  std::priority_queue<Candidate> queue_;
};

}  // namespace

std::vector<std::string> train_wordpiece(std::span<const std::string> texts,
                                         const WordPieceTrainerOptions& options) {
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

  std::vector<Word> words;
  for (const auto& entry : sorted) {
    Word word{{}, entry.second};
    each_letter(entry.first, [&](char32_t letter, bool first) {
      word.pieces.push_back(first ? first_id[letter] : next_id[letter]);
    });
    if (word.pieces.size() > 1) words.push_back(std::move(word));
  }
  Joiner(vocab, std::move(words))
      .run(static_cast<std::size_t>(options.vocab_size), options.min_frequency);
  return vocab;
}

}  // namespace retort
