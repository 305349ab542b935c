#include "tokenizer/models/bpe.h"

#include <algorithm>
#include <cstdio>
#include <queue>

#include "tensor/base/error.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/unicode.h"

namespace retort {
namespace {

constexpr std::string_view kMark = "\u2581";  // SentencePiece's space
std::size_t byte_pair(char left, char right) {
  return static_cast<std::size_t>(static_cast<unsigned char>(left)) << 8 |
         static_cast<unsigned char>(right);
}

constexpr std::size_t kFew = 64;  // symbols that are merged by looking at all of them

}  // namespace

MergeTable::MergeTable(const std::vector<Merge>& merges) {
  std::size_t slots = 2;
  shift_ = 63;
  while (slots < merges.size() + merges.size() / 2) {
    slots *= 2;
    --shift_;
  }
  slots_.assign(slots, 0);
  results_.reserve(merges.size());
  consecutive_ = true;
  for (const Merge& merge : merges) {
    const std::uint64_t key = key_of(merge.left, merge.right);
    std::size_t i = place(key);
    while (slots_[i] != 0 && (slots_[i] ^ key) >> kRankBits != 0) i = (i + 1) & (slots - 1);
    slots_[i] = key | (results_.size() + 1);
    consecutive_ = consecutive_ && (results_.empty() || merge.result == results_.back() + 1);
    results_.push_back(merge.result);
  }
}

std::vector<MergeTable::Merge> MergeTable::list() const {
  constexpr std::uint64_t kIds = kMostIds - 1, kRanks = (1 << kRankBits) - 1;
  std::vector<Merge> merges(results_.size(), Merge{-1, -1, -1});
  for (const std::uint64_t slot : slots_) {
    if (slot == 0) continue;
    const auto rank = static_cast<std::size_t>((slot & kRanks) - 1);
    merges[rank] = {static_cast<std::int32_t>(slot >> (kIdBits + kRankBits)),
                    static_cast<std::int32_t>(slot >> kRankBits & kIds), results_[rank]};
  }
  std::erase_if(merges, [](const Merge& merge) { return merge.left < 0; });
  return merges;
}

Bpe::Bpe(Vocabulary vocabulary, const std::vector<MergeTable::Merge>& merges, BpeOptions options,
         const std::string& name)
    : TokenModel(std::move(vocabulary)),
      options_(std::move(options)),
      unk_id_(options_.unk_token.empty() ? Vocabulary::kNone
                                         : vocabulary_.find(options_.unk_token)) {
  check(vocabulary_.limit() <= MergeTable::kMostIds && merges.size() <= MergeTable::kMostMerges,
        name, ": ", vocabulary_.limit(), " ids and ", merges.size(), " merges; at most ",
        MergeTable::kMostIds, " and ", MergeTable::kMostMerges, " are supported");
  check(options_.unk_token.empty() || unk_id_ != Vocabulary::kNone, name,
        ": the vocabulary lacks the unknown token ", json_quote(options_.unk_token));
  merges_ = MergeTable(merges);
  for (std::size_t byte = 0; byte < 256; ++byte) {
    char text[8];
    std::snprintf(text, sizeof text, "<0x%02X>", static_cast<unsigned>(byte));
    byte_ids_[byte] = vocabulary_.find(text);
    std::string character;
    unicode::append(character, byte_level::kCharacterOf[byte]);
    byte_symbols_[byte] = vocabulary_.find(character);
  }
  for (std::size_t c = 0; c < 128; ++c) {
    const char text = static_cast<char>(c);
    ascii_ids_[c] = vocabulary_.find({&text, 1});
  }
  cuts_at_marks_ = may_cut_at_marks();
}

bool Bpe::take_bytes() {
  // Without prefix, suffix and unknown bytes a piece's bytes say as much as its characters.
  if (!options_.prefix.empty() || !options_.suffix.empty()) return false;
  for (const std::int32_t id : byte_symbols_)
    if (id == Vocabulary::kNone) return false;
  takes_bytes_ = true;
  cuts_at_marks_ = false;
  byte_ranks_.resize(1 << 16);
  for (int left = 0; left < 256; ++left)
    for (int right = 0; right < 256; ++right)
      byte_ranks_[byte_pair(static_cast<char>(left), static_cast<char>(right))] =
          merges_.rank(byte_symbols_[static_cast<std::size_t>(left)],
                       byte_symbols_[static_cast<std::size_t>(right)]);
  find_short_words();
  return true;
}

// Most words are tokens: those that their own merges lead to, or all of the vocabulary.
void Bpe::find_short_words() {
  short_words_ = ShortWords(vocabulary_.size());
  std::vector<Token> tokens;
  std::string bytes;
  for (std::int32_t id = 0; id < vocabulary_.limit(); ++id) {
    if (!byte_level::bytes_of(vocabulary_.text(id), bytes) || bytes.empty() ||
        bytes.size() > WordKey::kMaxBytes)
      continue;
    if (!options_.ignore_merges) {
      tokens.clear();
      merge(bytes, tokens);
      if (tokens.size() != 1 || tokens[0].id != id) continue;
    }
    short_words_.add(WordKey::of(bytes), id);
  }
}

void Bpe::take_characters() {
  takes_bytes_ = false;
  byte_ranks_.clear();
  short_words_ = ShortWords();
  cuts_at_marks_ = may_cut_at_marks();
}

// The token that a piece is without any merging, or kNone.
std::int32_t Bpe::find_whole(std::string_view piece) const {
  if (takes_bytes_) {
    if (piece.size() <= WordKey::kMaxBytes) {
      const WordKey key = WordKey::of(piece);
      return short_words_.find(key, key.hash());
    }
    if (!options_.ignore_merges || piece.size() > vocabulary_.longest()) return Vocabulary::kNone;
    std::string characters;
    for (const char byte : piece)
      unicode::append(characters, byte_level::kCharacterOf[static_cast<unsigned char>(byte)]);
    return vocabulary_.find(characters);
  }
  return options_.ignore_merges ? vocabulary_.find(piece) : Vocabulary::kNone;
}

// No piece has a U+2581 behind another character, so no merge ever crosses that place; and every
// character becomes a token there and then, so that no unknown one can fuse over it.
bool Bpe::may_cut_at_marks() const {
  if (!options_.byte_fallback || options_.ignore_merges || !options_.prefix.empty() ||
      !options_.suffix.empty())
    return false;
  for (const std::int32_t id : byte_ids_)
    if (id == Vocabulary::kNone) return false;
  if (vocabulary_.find(kMark) == Vocabulary::kNone) return false;
  for (std::int32_t id = 0; id < vocabulary_.limit(); ++id) {
    const std::string_view text = vocabulary_.text(id);
    for (std::size_t at = text.find(kMark); at != text.npos;
         at = text.find(kMark, at + kMark.size()))
      if (at > 0 && (at < kMark.size() || text.substr(at - kMark.size(), kMark.size()) != kMark))
        return false;
  }
  return true;
}

std::size_t Bpe::word_end(std::string_view piece) const {
  if (!cuts_at_marks_) return piece.size();
  std::size_t at = 0;
  while (piece.substr(at).starts_with(kMark)) at += kMark.size();
  return std::min(piece.size(), piece.find(kMark, at));
}

std::optional<std::int32_t> Bpe::unk_id() const {
  return unk_id_ == Vocabulary::kNone ? std::nullopt : std::optional(unk_id_);
}

bool Bpe::fall_back(std::string_view text, std::vector<Symbol>& symbols) const {
  for (const char c : text)
    if (byte_ids_[static_cast<unsigned char>(c)] == Vocabulary::kNone) return false;
  for (const char c : text) symbols.push_back({byte_ids_[static_cast<unsigned char>(c)], 1});
  return true;
}

// The reference's order of things, in which an unknown character waits for the next known one (but
// not for bytes), and one for which there is nothing at all disappears with its length.
void Bpe::split(std::string_view piece, std::vector<Symbol>& symbols) const {
  if (takes_bytes_) {
    for (const char c : piece) symbols.push_back({byte_symbols_[static_cast<unsigned char>(c)], 1});
    return;
  }
  std::uint32_t unknown = 0;  // length of the one that waits
  std::string decorated;
  for (const char* at = piece.data(); at < piece.data() + piece.size();) {
    const char* const begin = at;
    unicode::decode(at);
    std::string_view text(begin, static_cast<std::size_t>(at - begin));
    const auto length = static_cast<std::uint32_t>(text.size());
    const bool first = begin == piece.data(), last = at == piece.data() + piece.size();
    if ((!first && !options_.prefix.empty()) || (last && !options_.suffix.empty())) {
      decorated =
          (first ? "" : options_.prefix) + std::string(text) + (last ? options_.suffix : "");
      text = decorated;
    }
    const std::int32_t id = text.size() == 1 && static_cast<unsigned char>(text[0]) < 128
                                ? ascii_ids_[static_cast<unsigned char>(text[0])]
                                : vocabulary_.find(text);
    if (id != Vocabulary::kNone) {
      if (unknown > 0) symbols.push_back({unk_id_, unknown});
      unknown = 0;
      symbols.push_back({id, length});
    } else if (options_.byte_fallback && fall_back(text, symbols)) {
      continue;
    } else if (unk_id_ != Vocabulary::kNone) {
      if (unknown > 0 && !options_.fuse_unk) {
        symbols.push_back({unk_id_, unknown});
        unknown = 0;
      }
      unknown += length;
    }
  }
  if (unknown > 0) symbols.push_back({unk_id_, unknown});
}

// Merges the leftmost pair of least rank again and again. `bytes`: what the symbols were made of
// one by one, or nothing.
void Bpe::merge_few(std::string_view bytes, std::vector<Symbol>& symbols) const {
  std::array<std::uint32_t, kFew> ranks;  // of the pair that begins at each symbol
  std::size_t count = symbols.size();
  if (!bytes.empty()) {
    for (std::size_t i = 0; i + 1 < count; ++i)
      ranks[i] = byte_ranks_[byte_pair(bytes[i], bytes[i + 1])];
  } else {
    for (std::size_t i = 0; i + 1 < count; ++i)
      ranks[i] = merges_.rank(symbols[i].id, symbols[i + 1].id);
  }
  while (count > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < count; ++i)
      if (ranks[i] < ranks[best]) best = i;
    if (ranks[best] == MergeTable::kNone) break;
    symbols[best] = {merges_.result(ranks[best]), symbols[best].length + symbols[best + 1].length};
    --count;
    for (std::size_t i = best + 1; i < count; ++i) {
      symbols[i] = symbols[i + 1];
      ranks[i] = ranks[i + 1];
    }
    if (best > 0) ranks[best - 1] = merges_.rank(symbols[best - 1].id, symbols[best].id);
    if (best + 1 < count) ranks[best] = merges_.rank(symbols[best].id, symbols[best + 1].id);
  }
  symbols.resize(count);
}

// The same with a heap of pairs by rank and place; entries whose pair has changed since are passed
// over.
void Bpe::merge_many(std::vector<Symbol>& symbols) const {
  constexpr std::uint32_t kEnd = static_cast<std::uint32_t>(-1);
  const auto count = static_cast<std::uint32_t>(symbols.size());
  std::vector<std::uint32_t> next(count), previous(count);
  std::vector<std::uint64_t> entries;
  const auto entry_of = [&](std::uint32_t left, std::uint32_t right) {
    const std::uint32_t rank = merges_.rank(symbols[left].id, symbols[right].id);
    return rank == MergeTable::kNone ? UINT64_MAX : std::uint64_t{rank} << 32 | left;
  };
  for (std::uint32_t i = 0; i < count; ++i) {
    next[i] = i + 1 < count ? i + 1 : kEnd;
    previous[i] = i > 0 ? i - 1 : kEnd;
    if (i + 1 < count)
      if (const std::uint64_t entry = entry_of(i, i + 1); entry != UINT64_MAX)
        entries.push_back(entry);
  }
  std::priority_queue<std::uint64_t, std::vector<std::uint64_t>, std::greater<>> heap(
      std::greater<>(), std::move(entries));
  while (!heap.empty()) {
    const std::uint64_t entry = heap.top();
    heap.pop();
    const auto left = static_cast<std::uint32_t>(entry);
    if (symbols[left].length == 0 || next[left] == kEnd) continue;
    const std::uint32_t right = next[left];
    if (entry_of(left, right) != entry) continue;
    symbols[left] = {merges_.result(static_cast<std::uint32_t>(entry >> 32)),
                     symbols[left].length + symbols[right].length};
    symbols[right].length = 0;
    next[left] = next[right];
    if (next[left] != kEnd) previous[next[left]] = left;
    const auto push = [&](std::uint64_t changed) {
      if (changed != UINT64_MAX) heap.push(changed);
    };
    if (previous[left] != kEnd) push(entry_of(previous[left], left));
    if (next[left] != kEnd) push(entry_of(left, next[left]));
  }
  std::erase_if(symbols, [](const Symbol& symbol) { return symbol.length == 0; });
}

void Bpe::tokenize(std::string_view piece, std::vector<Token>& tokens) const {
  if (const std::int32_t id = find_whole(piece); id != Vocabulary::kNone)
    return tokens.push_back({id, 0, static_cast<std::uint32_t>(piece.size())});
  merge(piece, tokens);
}

void Bpe::merge(std::string_view piece, std::vector<Token>& tokens) const {
  thread_local std::vector<Symbol> symbols;
  symbols.clear();
  split(piece, symbols);
  if (symbols.size() <= kFew) merge_few(takes_bytes_ ? piece : std::string_view(), symbols);
  else merge_many(symbols);
  std::uint32_t at = 0;
  for (const Symbol& symbol : symbols) {
    tokens.push_back({symbol.id, at, at + symbol.length});
    at += symbol.length;
  }
}

Json Bpe::to_json() const {
  const auto optional = [](const std::string& text) { return text.empty() ? Json() : Json(text); };
  Json model;
  model["type"] = "BPE";
  model["dropout"] = nullptr;
  model["unk_token"] = optional(options_.unk_token);
  model["continuing_subword_prefix"] = optional(options_.prefix);
  model["end_of_word_suffix"] = optional(options_.suffix);
  model["fuse_unk"] = options_.fuse_unk;
  model["byte_fallback"] = options_.byte_fallback;
  model["ignore_merges"] = options_.ignore_merges;
  model["vocab"] = vocabulary_json(vocabulary_);
  Json::Array merges;
  for (const MergeTable::Merge& merge : merges_.list()) {
    Json pair{Json::Array{}};
    pair.push_back(vocabulary_.text(merge.left));
    pair.push_back(vocabulary_.text(merge.right));
    merges.push_back(std::move(pair));
  }
  model["merges"] = Json(std::move(merges));
  return model;
}

std::string Bpe::difference(const TokenModel& other) const {
  const auto* there = dynamic_cast<const Bpe*>(&other);
  if (there == nullptr) return "the model is BPE here but not there";
  if (options_ != there->options_)
    return "the settings of the BPE model are others here than there";
  const auto mine = merges_.list(), theirs = there->merges_.list();
  for (std::size_t i = 0; i < std::max(mine.size(), theirs.size()); ++i)
    if (i >= mine.size() || i >= theirs.size() || mine[i].left != theirs[i].left ||
        mine[i].right != theirs[i].right)
      return "merge " + std::to_string(i) + " is another one here than there";
  return {};
}

}  // namespace retort
