// From text to ids word by word, as the words stand in the text (see raw_words.h).
#include <algorithm>
#include <array>
#include <cstring>

#include "tokenizer/detail_writer.h"
#include "tokenizer/processors/processors.h"
#include "tokenizer/tokenizer.h"

namespace retort {
namespace {

bool is_printable_ascii(std::string_view word) {
  return std::all_of(word.begin(), word.end(), [](char c) { return c > ' ' && c < '\x7F'; });
}

constexpr std::size_t kWaiting = 32;  // words

// As blanks_of() counts them in the characters that write these bytes.
Offsets spaces_around(std::string_view bytes) {
  const std::size_t first = std::min(bytes.find_first_not_of(' '), bytes.size());
  const std::size_t last = bytes.find_last_not_of(' ') + 1;  // 0: nothing else
  return {static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(bytes.size() - last)};
}

// Writes the ids of all words one behind the other. Words wait until the places where they are
// looked up have come from memory; meanwhile the next ones are cut. `Make` appends the tokens of a
// word that isn't in the cache: make(word, tokens).
template <class Make>
class RawIdWriter {
 public:
  RawIdWriter(Workspace& workspace, const ShortWords& short_words, Make make)
      : workspace_(workspace),
        short_words_(short_words),
        cache_(workspace.raw),
        make_(std::move(make)) {}

  void add_word(const char* at, std::size_t size) {
    if (size > WordCache::kMaxBytes) return add_long({at, size});
    Waiting& word = waiting_[count_++];
    word.key = WordKey::at(at, size);
    word.hash = word.key.hash();
    if (short_words_.empty()) cache_.prefetch(word.hash);
    else short_words_.prefetch(word.hash);
    if (count_ == kWaiting) write_waiting();
  }
  void add_id(std::int32_t id) {
    write_waiting();
    reserve(1);
    workspace_.ids[size_++] = id;
  }
  std::vector<std::int32_t> finish() {
    write_waiting();
    const std::int32_t* const ids = workspace_.ids.data();
    return std::vector<std::int32_t>(ids, ids + size_);
  }

 private:
  struct Waiting {
    WordKey key;
    std::uint64_t hash;
  };

  void write_waiting() {
    reserve(count_ * WordCache::kMaxTokens + kWaiting);
    if (short_words_.empty()) {
      for (std::size_t i = 0; i < count_; ++i) write_cached(i);
    } else {
      write_short();
    }
    count_ = 0;
  }
  // Whether a word is a token can't be foreseen, so nothing branches on it word by word.
  void write_short() {
    std::array<std::int32_t, 2 * kWaiting> ids;
    std::array<std::size_t, kWaiting> missing;
    std::size_t missed = 0;
    for (std::size_t i = 0; i < count_; ++i) {
      ids[i] = short_words_.find(waiting_[i].key, waiting_[i].hash);
      missing[missed] = i;
      missed += ids[i] == ShortWords::kNone ? 1 : 0;
    }
    for (std::size_t m = 0; m < missed; ++m) cache_.prefetch(waiting_[missing[m]].hash);
    std::size_t from = 0;
    for (std::size_t m = 0; m <= missed; ++m) {
      const std::size_t to = m < missed ? missing[m] : count_;
      std::memcpy(workspace_.ids.data() + size_, ids.data() + from, kWaiting * sizeof ids[0]);
      size_ += to - from;
      if (m < missed) write_cached(to);
      from = to + 1;
    }
  }
  void write_cached(std::size_t i) {
    const Waiting& word = waiting_[i];
    const WordCache::Found found = cache_.find(word.key, word.hash, [&](std::vector<Token>& made) {
      char bytes[16];
      make_(word.key.text(bytes), made);
    });
    if (found.count > WordCache::kMaxTokens)
      return write(cache_.missed(), (count_ - i) * WordCache::kMaxTokens + kWaiting);
    std::int32_t* const next = workspace_.ids.data() + size_;
    if (found.count > WordCache::kInline) std::copy_n(found.ids, found.count, next);
    else std::memcpy(next, found.ids, WordCache::kInline * sizeof(std::int32_t));
    size_ += found.count;
  }
  void add_long(std::string_view word) {
    write_waiting();
    workspace_.made.clear();
    make_(word, workspace_.made);
    write(workspace_.made, 0);
  }
  // Leaves room for `more` behind them.
  void write(const std::vector<Token>& tokens, std::size_t more) {
    reserve(tokens.size() + more);
    for (const Token& token : tokens) workspace_.ids[size_++] = token.id;
  }
  void reserve(std::size_t more) {
    std::vector<std::int32_t>& ids = workspace_.ids;
    if (ids.size() < size_ + more) ids.resize(2 * (size_ + more));
  }

  Workspace& workspace_;
  const ShortWords& short_words_;
  WordCache& cache_;
  Make make_;
  std::array<Waiting, kWaiting> waiting_;
  std::size_t count_ = 0, size_ = 0;
};

}  // namespace

// Normaliser and pre-tokenizer on what is in `tokens`, without a search for added tokens.
void Tokenizer::normalize_word(PreTokens& tokens) const {
  normalizer_->apply(tokens.text);
  tokens.pieces.clear();
  if (const auto size = static_cast<std::uint32_t>(tokens.text.bytes().size()); size > 0) {
    const std::uint32_t origin = tokens.text.tracked() ? tokens.text.spans()[0].begin : 0;
    tokens.pieces.push_back({0, size, origin, -1});
  }
  pre_tokenizer_->apply(tokens);
}

// What the parts make of one word of a raw text.
void Tokenizer::tokenize_raw(std::string_view word, PreTokens& tokens,
                             std::vector<Token>& made) const {
  const TokenModel& model = *definition_.model;
  if (normalizer_ == nullptr) return model.tokenize(word, made);
  tokens.text.clear(false);
  if (raw_words_.write(word, tokens.text)) return model.tokenize(tokens.text.bytes(), made);
  tokens.text = AlignedText(std::string(word));
  normalize_word(tokens);
  for (const Piece& piece : tokens.pieces) model.tokenize(tokens.bytes(piece), made);
}

// Added tokens and the words between them: word(at, size), found(id, begin, end).
template <class Word, class Found>
void Tokenizer::each_raw(std::string_view text, bool special_too, Word&& word,
                         Found&& found) const {
  raw_added_.split(
      text, special_too,
      [&](std::size_t begin, std::size_t end) {
        const std::string_view rest = text.substr(begin, end - begin);
        if (normalized_added_.empty()) return raw_words_.each(rest, word);
        normalized_added_.split(
            rest, special_too,
            [&](std::size_t from, std::size_t to) {
              raw_words_.each(rest.substr(from, to - from), word);
            },
            [&](std::int32_t id, std::size_t from, std::size_t to) {
              if (from < to) found(id, begin + from, begin + to);  // as in cut_normalized
            });
      },
      found);
}

// A copy of the text behind which RawWords::kSlack bytes may be read.
std::string_view Tokenizer::with_slack(std::string_view text, Workspace& workspace) {
  std::vector<char>& padded = workspace.padded;
  if (padded.size() < text.size() + RawWords::kSlack) padded.resize(2 * text.size() + 256);
  std::copy(text.begin(), text.end(), padded.begin());
  return {padded.data(), text.size()};
}

// The short words that are found as they stand in a raw text.
const ShortWords& Tokenizer::as_they_stand() const {
  static const ShortWords kNone;
  return normalizer_ == nullptr ? definition_.model->short_words() : kNone;
}

std::vector<std::int32_t> Tokenizer::raw_ids(std::string_view text, bool special_too,
                                             Workspace& workspace) const {
  RawIdWriter out(workspace, as_they_stand(), [&](std::string_view word, std::vector<Token>& made) {
    tokenize_raw(word, workspace.tokens, made);
  });
  each_raw(
      with_slack(text, workspace), special_too,
      [&](const char* at, std::size_t size) { out.add_word(at, size); },
      [&](std::int32_t id, std::size_t, std::size_t) { out.add_id(id); });
  return out.finish();
}

// Words of a raw text whose tokens stand for its bytes one behind the other.
void Tokenizer::raw_details(std::string_view original, bool special_too, Workspace& workspace,
                            DetailWriter& out) const {
  const std::string_view text = with_slack(original, workspace);
  const TokenModel& model = *definition_.model;
  const ShortWords& short_words = as_they_stand();
  const auto add = [&](std::string_view word, std::size_t begin, Token token) {
    out.add(token.id, out.whole_characters(begin + token.begin, begin + token.end));
    if (out.wants_texts()) out.add_text(model.token_text(token, word));
    if (out.wants_blanks())
      out.add_blanks(normalizer_ == nullptr
                         ? spaces_around(word.substr(token.begin, token.end - token.begin))
                         : blanks_of(model.token_text(token, word)));
  };
  const auto add_any = [&](std::string_view word, std::size_t begin) {
    if (normalizer_ == nullptr) {
      workspace.made.clear();
      model.tokenize(word, workspace.made);
      for (const Token& token : workspace.made) add(word, begin, token);
      return out.end_word();
    }
    PreTokens& tokens = workspace.tokens;
    tokens.text = AlignedText(word, static_cast<std::uint32_t>(begin), true);
    normalize_word(tokens);
    append_details(workspace, out);
  };
  const auto add_short = [&](std::string_view word, std::size_t begin, const WordKey& key,
                             std::uint64_t hash) {
    if (!short_words.empty()) {
      const std::int32_t id = short_words.find(key, hash);
      if (id != ShortWords::kNone) {
        add(word, begin, {id, 0, static_cast<std::uint32_t>(word.size())});
        return out.end_word();
      }
    }
    const WordCache::Found found = workspace.raw.find(
        key, hash, [&](std::vector<Token>& made) { tokenize_raw(word, workspace.tokens, made); });
    if (found.ids == nullptr || found.lengths == nullptr) return add_any(word, begin);
    Token token{0, 0, 0};
    for (std::size_t i = 0; i < found.count; ++i, token.begin = token.end) {
      token.id = found.ids[i];
      token.end = token.begin + found.lengths[i];
      add(word, begin, token);
    }
    out.end_word();
  };
  // Words wait as RawIdWriter's do.
  struct Waiting {
    WordKey key;
    std::uint64_t hash;
    std::string_view word;
  };
  std::array<Waiting, kWaiting> waiting;
  std::size_t count = 0;
  const auto write_waiting = [&] {
    for (std::size_t i = 0; i < count; ++i)
      add_short(waiting[i].word, static_cast<std::size_t>(waiting[i].word.data() - text.data()),
                waiting[i].key, waiting[i].hash);
    count = 0;
  };
  const auto add_word = [&](const char* at, std::size_t size) {
    const std::string_view word(at, size);
    if (size > WordCache::kMaxBytes || (normalizer_ != nullptr && !is_printable_ascii(word))) {
      write_waiting();
      return add_any(word, static_cast<std::size_t>(at - text.data()));
    }
    Waiting& next = waiting[count++];
    next.word = word;
    next.key = WordKey::at(at, size);
    next.hash = next.key.hash();
    if (short_words.empty()) workspace.raw.prefetch(next.hash);
    else short_words.prefetch(next.hash);
    if (count == kWaiting) write_waiting();
  };
  const auto add_id = [&](std::int32_t id, std::size_t begin, std::size_t end) {
    write_waiting();
    const std::string_view token = text.substr(begin, end - begin);
    out.add(id, {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)});
    if (out.wants_texts()) out.add_text(token);
    if (out.wants_blanks()) out.add_blanks(blanks_of(token));
    out.end_word();
  };
  each_raw(text, special_too, add_word, add_id);
  write_waiting();
}

}  // namespace retort
