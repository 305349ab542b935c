#include "tokenizer/training/unigram.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <unordered_map>

#include "tensor/base/error.h"
#include "tokenizer/byte_trie.h"
#include "tokenizer/models/unigram.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/unicode.h"

namespace retort {
namespace {

constexpr int kRounds = 2;          // of expectation maximisation before each pruning
constexpr double kLeast = 0.5;      // expected occurrences below which a piece goes
constexpr std::size_t kSeeds = 10;  // times the vocabulary: where the pruning begins
constexpr const char* kSpecial[] = {"<pad>", "</s>", "<unk>"};

struct Word {
  std::string text;
  double count;
};

struct UnigramPiece {
  std::string text;
  double score;  // logarithm of its probability
};

Json typed(const char* type) {
  Json json;
  json["type"] = type;
  return json;
}

// Everything but the model.
TokenizerDefinition frame() {
  TokenizerDefinition definition;
  definition.options.lowercase = false;
  definition.options.unk_token = "<unk>";
  definition.options.pad_token = "<pad>";
  definition.options.cls_token = definition.options.sep_token = definition.options.mask_token =
      "</s>";
  Json replace = typed("Replace");
  replace["pattern"]["Regex"] = " {2,}";
  replace["content"] = " ";
  Json steps{Json::Array{}};
  steps.push_back(typed("NFKC"));
  steps.push_back(std::move(replace));
  definition.normalizer = typed("Sequence");
  definition.normalizer["normalizers"] = std::move(steps);
  for (Json* part : {&definition.pre_tokenizer, &definition.decoder}) {
    *part = typed("Metaspace");
    (*part)["replacement"] = "\u2581";
    (*part)["prepend_scheme"] = "always";
    (*part)["split"] = true;
  }
  for (std::int32_t id = 0; id < 3; ++id) {
    AddedToken token;
    token.content = kSpecial[id];
    token.id = id;
    token.special = true;
    definition.added.push_back(token);
  }
  return definition;
}

// The words of all texts, sorted: their order decides nothing.
std::vector<Word> count_words(std::span<const std::string> texts,
                              const TokenizerDefinition& definition) {
  const auto normalizer = make_normalizer(definition.normalizer, "the trainer");
  const auto pre_tokenizer = make_pre_tokenizer(definition.pre_tokenizer, "the trainer");
  std::map<std::string, double, std::less<>> counts;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::size_t invalid = unicode::find_invalid_utf8(texts[i]);
    check(invalid == std::string::npos, "text ", i + 1, " is not valid UTF-8 at byte ", invalid);
    PreTokens tokens;
    tokens.text = AlignedText(texts[i], 0, false);
    normalizer->apply(tokens.text);
    if (tokens.text.bytes().empty()) continue;
    tokens.pieces = {{0, static_cast<std::uint32_t>(tokens.text.bytes().size()), 0, -1}};
    pre_tokenizer->apply(tokens);
    for (const auto& piece : tokens.pieces) ++counts[std::string(tokens.bytes(piece))];
  }
  std::vector<Word> words;
  for (const auto& [text, count] : counts) words.push_back({text, count});
  return words;
}

std::vector<std::size_t> boundaries(std::string_view text) {
  std::vector<std::size_t> result;
  for (std::size_t i = 0; i <= text.size(); ++i)
    if (i == text.size() || (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80)
      result.push_back(i);
  return result;
}

// All characters, and the substrings that save most: those of greatest count times length.
std::vector<UnigramPiece> seeds(const std::vector<Word>& words, std::size_t limit,
                                std::size_t longest) {
  std::unordered_map<std::string, double> counts;
  for (const Word& word : words) {
    const auto at = boundaries(word.text);
    for (std::size_t i = 0; i + 1 < at.size(); ++i)
      for (std::size_t j = i + 1; j < at.size() && j - i <= longest; ++j)
        counts[word.text.substr(at[i], at[j] - at[i])] += word.count;
  }
  std::vector<UnigramPiece> characters, longer;
  for (const auto& [text, count] : counts) {
    const auto length = unicode::count_characters(text);
    if (length == 1) characters.push_back({text, count});
    else if (count >= 2) longer.push_back({text, count * static_cast<double>(length)});
  }
  const auto better = [](const UnigramPiece& a, const UnigramPiece& b) {
    return a.score != b.score ? a.score > b.score : a.text < b.text;
  };
  std::sort(longer.begin(), longer.end(), better);
  if (longer.size() > limit) longer.resize(limit);
  std::sort(characters.begin(), characters.end(), better);
  characters.insert(characters.end(), longer.begin(), longer.end());
  double sum = 0;
  for (const UnigramPiece& piece : characters) sum += piece.score;
  for (UnigramPiece& piece : characters) piece.score = std::log(piece.score) - std::log(sum);
  return characters;
}

double digamma(double x) {
  double result = 0;
  for (; x < 7; ++x) result -= 1 / x;
  x -= 0.5;
  const double square = 1 / (x * x);
  return result + std::log(x) + square * (1.0 / 24 - square * (7.0 / 960 - square * (31.0 / 8064)));
}

double log_add(double a, double b) {
  if (a < b) std::swap(a, b);
  return std::isinf(b) ? a : a + std::log1p(std::exp(b - a));
}

class Trainer {
 public:
  Trainer(std::vector<Word> words, std::vector<UnigramPiece> pieces)
      : words_(std::move(words)), pieces_(std::move(pieces)) {}

  const std::vector<UnigramPiece>& pieces() const { return pieces_; }

  // One round of expectation maximisation; pieces that are hardly expected go, characters stay.
  void improve() {
    const std::vector<double> expected = expectations();
    std::vector<UnigramPiece> next;
    double sum = 0;
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
      if (expected[i] < kLeast && !is_character(pieces_[i])) continue;
      next.push_back({pieces_[i].text, std::max(expected[i], kLeast)});
      sum += next.back().score;
    }
    const double log_sum = digamma(sum);
    for (UnigramPiece& piece : next) piece.score = digamma(piece.score) - log_sum;
    pieces_ = std::move(next);
  }

  // Keeps the `count` pieces without which the texts would become least probable, and all
  // characters.
  void prune(std::size_t count) {
    const ByteTrie trie = make_trie();
    std::vector<double> used(pieces_.size());
    double all = 0;
    for (const Word& word : words_)
      for (const std::int32_t piece : best_path(trie, word.text, -1)) {
        used[static_cast<std::size_t>(piece)] += word.count;
        all += word.count;
      }
    std::vector<std::pair<double, std::size_t>> losses;
    std::vector<bool> keep(pieces_.size());
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
      if (is_character(pieces_[i])) {
        keep[i] = true;
        continue;
      }
      const auto instead = best_path(trie, pieces_[i].text, static_cast<std::int32_t>(i));
      if (used[i] == 0 || instead.empty()) continue;
      double score = 0;
      for (const std::int32_t piece : instead)
        score += pieces_[static_cast<std::size_t>(piece)].score;
      losses.emplace_back(used[i] / all * (pieces_[i].score - score), i);
    }
    std::sort(losses.begin(), losses.end(), [](const auto& a, const auto& b) {
      return a.first != b.first ? a.first > b.first : a.second < b.second;
    });
    std::size_t left = count;
    for (const bool kept : keep) left -= kept && left > 0 ? 1 : 0;
    for (std::size_t i = 0; i < std::min(left, losses.size()); ++i) keep[losses[i].second] = true;
    std::vector<UnigramPiece> next;
    for (std::size_t i = 0; i < pieces_.size(); ++i)
      if (keep[i]) next.push_back(std::move(pieces_[i]));
    pieces_ = std::move(next);
  }

 private:
  static bool is_character(const UnigramPiece& piece) {
    return unicode::count_characters(piece.text) == 1;
  }

  ByteTrie make_trie() const {
    std::vector<std::pair<std::string_view, std::int32_t>> entries;
    for (const UnigramPiece& piece : pieces_)
      entries.emplace_back(piece.text, static_cast<std::int32_t>(entries.size()));
    return ByteTrie(std::move(entries));
  }

  // How often each piece is expected in all words, over all ways to split them (forward, backward).
  std::vector<double> expectations() const {
    constexpr double kNever = -std::numeric_limits<double>::infinity();
    const ByteTrie trie = make_trie();
    std::vector<double> expected(pieces_.size()), forward, backward;
    struct Edge {
      std::size_t begin, end;
      std::int32_t piece;
    };
    std::vector<Edge> edges;
    for (const Word& word : words_) {
      edges.clear();
      for (const std::size_t at : boundaries(word.text))
        trie.each_prefix(std::string_view(word.text).substr(at),
                         [&](std::int32_t piece, std::size_t length) {
                           edges.push_back({at, at + length, piece});
                         });
      forward.assign(word.text.size() + 1, kNever);
      backward = forward;
      forward[0] = backward[word.text.size()] = 0;
      const auto score = [&](const Edge& edge) {
        return pieces_[static_cast<std::size_t>(edge.piece)].score;
      };
      for (const Edge& edge : edges)
        forward[edge.end] = log_add(forward[edge.end], forward[edge.begin] + score(edge));
      for (auto edge = edges.rbegin(); edge != edges.rend(); ++edge)
        backward[edge->begin] = log_add(backward[edge->begin], backward[edge->end] + score(*edge));
      for (const Edge& edge : edges)
        expected[static_cast<std::size_t>(edge.piece)] +=
            word.count *
            std::exp(forward[edge.begin] + score(edge) + backward[edge.end] - backward[0]);
    }
    return expected;
  }

  // The most probable splitting of `text`, without the piece `left_out`; empty: there is none.
  std::vector<std::int32_t> best_path(const ByteTrie& trie, std::string_view text,
                                      std::int32_t left_out) const {
    struct Place {
      double score = -std::numeric_limits<double>::infinity();
      std::size_t from = 0;
      std::int32_t piece = -1;
    };
    std::vector<Place> best(text.size() + 1);
    best[0].score = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
      if (std::isinf(best[at].score)) continue;
      trie.each_prefix(text.substr(at), [&](std::int32_t piece, std::size_t length) {
        const double score = best[at].score + pieces_[static_cast<std::size_t>(piece)].score;
        Place& place = best[at + length];
        if (piece != left_out && score > place.score) place = {score, at, piece};
      });
    }
    std::vector<std::int32_t> path;
    if (std::isinf(best[text.size()].score)) return path;
    for (std::size_t at = text.size(); at > 0; at = best[at].from) path.push_back(best[at].piece);
    return path;
  }

  std::vector<Word> words_;
  std::vector<UnigramPiece> pieces_;
};

}  // namespace

TokenizerDefinition train_unigram(std::span<const std::string> texts,
                                  const UnigramTrainerOptions& options,
                                  const TrainingProgress& progress) {
  check(options.kept > 0 && options.kept < 1 && options.max_piece_characters > 0,
        "the Unigram trainer keeps a share between 0 and 1 of pieces of at least one character");
  TokenizerDefinition definition = frame();
  std::vector<Word> words = count_words(texts, definition);
  check(!words.empty(), "there is no text to train a vocabulary from");
  constexpr std::size_t kSpecials = std::size(kSpecial);
  const auto wanted = static_cast<std::size_t>(std::max(options.vocab_size, 0));
  std::vector<UnigramPiece> first =
      seeds(words, kSeeds * wanted, static_cast<std::size_t>(options.max_piece_characters));
  const auto characters = static_cast<std::size_t>(std::count_if(
      first.begin(), first.end(),
      [](const UnigramPiece& piece) { return unicode::count_characters(piece.text) == 1; }));
  check(wanted >= characters + kSpecials, "a vocabulary of ", wanted, " has no room for the ",
        kSpecials, " special tokens and the ", characters, " characters of the texts");
  const std::size_t target = wanted - kSpecials;
  const auto start = static_cast<std::int64_t>(first.size());
  Trainer trainer(std::move(words), std::move(first));
  for (;;) {
    for (int round = 0; round < kRounds; ++round) trainer.improve();
    const std::size_t count = trainer.pieces().size();
    if (progress)
      progress(start - static_cast<std::int64_t>(count),
               std::max<std::int64_t>(1, start - static_cast<std::int64_t>(target)));
    if (count <= target) break;
    trainer.prune(
        std::max(target, static_cast<std::size_t>(static_cast<double>(count) * options.kept)));
  }
  std::vector<UnigramPiece> pieces = trainer.pieces();
  std::sort(pieces.begin(), pieces.end(), [](const UnigramPiece& a, const UnigramPiece& b) {
    return a.score != b.score ? a.score > b.score : a.text < b.text;
  });
  std::vector<Vocabulary::Entry> entries;
  std::vector<double> scores(kSpecials, 0.0);
  for (const char* token : kSpecial)
    entries.push_back({token, static_cast<std::int64_t>(entries.size())});
  for (const UnigramPiece& piece : pieces) {
    entries.push_back({piece.text, static_cast<std::int64_t>(entries.size())});
    scores.push_back(piece.score);
  }
  constexpr std::int32_t kUnk = 2;
  definition.model =
      std::make_shared<Unigram>(Vocabulary(entries, "the trained vocabulary"), std::move(scores),
                                kUnk, false, "the trained vocabulary");
  return definition;
}

}  // namespace retort
