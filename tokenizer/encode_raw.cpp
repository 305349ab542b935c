// From text to ids word by word, as the words stand in the text (see raw_words.h).
#include <algorithm>
#include <array>
#include <cstring>

#include "tokenizer/each_raw.h"

namespace retort {
namespace {

// Writes the ids of all words behind those in `lists`. Words wait until the places where they are
// looked up have come from memory; meanwhile the next ones are cut. `Make` appends the tokens of a
// word that isn't in the cache: make(word, tokens).
template <class Make>
class RawIdWriter {
 public:
  RawIdWriter(Workspace& workspace, TokenLists& lists, const ShortWords& short_words, Make make)
      : workspace_(workspace),
        lists_(lists),
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
    if (count_ == kWaitingWords) write_waiting();
  }
  void add_id(std::int32_t id) {
    write_waiting();
    lists_.reserve_ids(1);
    lists_.ids[lists_.count++] = id;
  }
  void finish() { write_waiting(); }

 private:
  struct Waiting {
    WordKey key;
    std::uint64_t hash;
  };

  void write_waiting() {
    lists_.reserve_ids(count_ * WordCache::kMaxTokens + kWaitingWords);
    if (short_words_.empty()) {
      for (std::size_t i = 0; i < count_; ++i) write_cached(i);
    } else {
      write_short();
    }
    count_ = 0;
  }
  // Whether a word is a token can't be foreseen, so nothing branches on it word by word.
  void write_short() {
    std::array<std::int32_t, 2 * kWaitingWords> ids;
    std::array<std::size_t, kWaitingWords> missing;
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
      std::memcpy(next_id(), ids.data() + from, kWaitingWords * sizeof ids[0]);
      lists_.count += to - from;
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
      return write(cache_.missed(), (count_ - i) * WordCache::kMaxTokens + kWaitingWords);
    if (found.count > WordCache::kInline) std::copy_n(found.ids, found.count, next_id());
    else std::memcpy(next_id(), found.ids, WordCache::kInline * sizeof(std::int32_t));
    lists_.count += found.count;
  }
  void add_long(std::string_view word) {
    write_waiting();
    workspace_.made.clear();
    make_(word, workspace_.made);
    write(workspace_.made, 0);
  }
  // Leaves room for `more` behind them.
  void write(const std::vector<Token>& tokens, std::size_t more) {
    lists_.reserve_ids(tokens.size() + more);
    for (const Token& token : tokens) lists_.ids[lists_.count++] = token.id;
  }
  std::int32_t* next_id() { return lists_.ids.data() + lists_.count; }

  Workspace& workspace_;
  TokenLists& lists_;
  const ShortWords& short_words_;
  WordCache& cache_;
  Make make_;
  std::array<Waiting, kWaitingWords> waiting_;
  std::size_t count_ = 0;
};

}  // namespace

// Normaliser and pre-tokenizer on what is in `tokens`, without a search for added tokens.
void Tokenizer::normalize_word(PreTokens& tokens) const {
  normalizer_->apply(tokens.text);
  split_word(tokens);
}
void Tokenizer::split_word(PreTokens& tokens) const {
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
  if (raw_words_.write(word, tokens.text)) {
    const std::size_t before = made.size();
    model.tokenize(tokens.text.bytes(), made);
    return raw_words_.to_word(word, std::span(made).subspan(before));
  }
  tokens.text = AlignedText(std::string(word));
  normalize_word(tokens);
  const std::size_t before = made.size();
  for (const Piece& piece : tokens.pieces) model.tokenize(tokens.bytes(piece), made);
  if (raw_words_.rule() == RawWords::Rule::kBert) return;
  const std::span<Token> of_word = std::span(made).subspan(before);
  if (tokens.pieces.size() == 1 && raw_words_.leaves(word, tokens.bytes(tokens.pieces[0])))
    raw_words_.to_word(word, of_word);
  else RawWords::forget_places(of_word);
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

void Tokenizer::raw_ids(std::string_view text, bool special_too, Workspace& workspace,
                        TokenLists& lists) const {
  RawIdWriter out(workspace, lists, as_they_stand(),
                  [&](std::string_view word, std::vector<Token>& made) {
                    tokenize_raw(word, workspace.tokens, made);
                  });
  each_raw(
      with_slack(text, workspace), special_too, [](std::size_t) {},
      [&](const char* at, std::size_t size) { out.add_word(at, size); },
      [&](std::int32_t id, std::size_t, std::size_t) { out.add_id(id); });
  out.finish();
}

}  // namespace retort
