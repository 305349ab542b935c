// From text to ids word by word, as the words stand in the text (see raw_words.h).
#include <algorithm>
#include <cstring>

#include "tokenizer/detail_writer.h"
#include "tokenizer/tokenizer.h"

namespace retort {
namespace {

constexpr std::string_view kMark = "\u2581";

bool is_printable_ascii(std::string_view word) {
  return std::all_of(word.begin(), word.end(), [](char c) { return c > ' ' && c < '\x7F'; });
}

// The ids of all words, written one behind the other.
class IdWriter {
 public:
  explicit IdWriter(std::vector<std::int32_t>& buffer) : buffer_(buffer) {
    if (buffer.size() < kFirst) buffer.resize(kFirst);
    next_ = buffer.data();
    end_ = next_ + buffer.size();
  }
  void add(std::int32_t id) {
    make_room();
    *next_++ = id;
  }
  void add(const std::vector<Token>& tokens) {
    for (const Token& token : tokens) add(token.id);
  }
  void add(const WordCache::Found& found) {
    if (found.count > WordCache::kInline) {
      for (std::size_t i = 0; i < found.count; ++i) add(found.ids[i]);
      return;
    }
    make_room();
    std::memcpy(next_, found.ids, WordCache::kInline * sizeof(std::int32_t));
    next_ += found.count;
  }
  std::vector<std::int32_t> ids() const { return std::vector<std::int32_t>(buffer_.data(), next_); }

 private:
  static constexpr std::size_t kFirst = 1024;

  void make_room() {
    if (static_cast<std::size_t>(end_ - next_) >= WordCache::kInline) return;
    const auto size = static_cast<std::size_t>(next_ - buffer_.data());
    buffer_.resize(buffer_.size() * 2);
    next_ = buffer_.data() + size;
    end_ = buffer_.data() + buffer_.size();
  }

  std::vector<std::int32_t>& buffer_;
  std::int32_t *next_, *end_;
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
  if (raw_words_.rule() == RawWords::Rule::kMarks) {
    tokens.text.clear(false);
    for (const char c : word) {
      const std::string_view written = c == ' ' ? kMark : std::string_view(&c, 1);
      tokens.text.append(written, nullptr);
    }
    return model.tokenize(tokens.text.bytes(), made);
  }
  if (normalizer_ == nullptr) return model.tokenize(word, made);
  tokens.text = AlignedText(std::string(word));
  normalize_word(tokens);
  for (const Piece& piece : tokens.pieces) model.tokenize(tokens.bytes(piece), made);
}

// Added tokens and the words between them: word(at, size, readable), found(id, begin, end).
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

std::vector<std::int32_t> Tokenizer::raw_ids(std::string_view text, bool special_too,
                                             Workspace& workspace) const {
  IdWriter out(workspace.ids);
  WordCache& cache = workspace.raw;
  const auto add_word = [&](const char* at, std::size_t size, std::size_t readable) {
    const auto miss = [&](std::vector<Token>& made) {
      tokenize_raw({at, size}, workspace.tokens, made);
    };
    if (size <= WordCache::kMaxBytes) {
      const WordCache::Found found =
          cache.find(readable > WordCache::kMaxBytes ? WordCache::key_at(at, size)
                                                     : WordCache::key_of({at, size}),
                     miss);
      return found.ids != nullptr ? out.add(found) : out.add(cache.missed());
    }
    workspace.made.clear();
    miss(workspace.made);
    out.add(workspace.made);
  };
  each_raw(text, special_too, add_word,
           [&](std::int32_t id, std::size_t, std::size_t) { out.add(id); });
  return out.ids();
}

// Words of a raw text whose tokens stand for its bytes one behind the other.
void Tokenizer::raw_details(std::string_view text, bool special_too, Workspace& workspace,
                            DetailWriter& out) const {
  const TokenModel& model = *definition_.model;
  const auto add_word = [&](const char* at, std::size_t size, std::size_t readable) {
    const std::string_view word(at, size);
    const auto begin = static_cast<std::size_t>(at - text.data());
    const auto add = [&](Token token) {
      out.add(token.id, out.whole_characters(begin + token.begin, begin + token.end));
      if (out.wants_texts()) out.add_text(model.token_text(token, word));
    };
    if (size <= WordCache::kMaxBytes && (normalizer_ == nullptr || is_printable_ascii(word))) {
      const auto key =
          readable > WordCache::kMaxBytes ? WordCache::key_at(at, size) : WordCache::key_of(word);
      const WordCache::Found found = workspace.raw.find(
          key, [&](std::vector<Token>& made) { tokenize_raw(word, workspace.tokens, made); });
      if (found.ids != nullptr && found.lengths != nullptr) {
        Token token{0, 0, 0};
        for (std::size_t i = 0; i < found.count; ++i, token.begin = token.end) {
          token.id = found.ids[i];
          token.end = token.begin + found.lengths[i];
          add(token);
        }
        return out.end_word();
      }
    }
    if (normalizer_ == nullptr) {
      workspace.made.clear();
      model.tokenize(word, workspace.made);
      for (const Token& token : workspace.made) add(token);
      return out.end_word();
    }
    PreTokens& tokens = workspace.tokens;
    tokens.text = AlignedText(word, static_cast<std::uint32_t>(begin), true);
    normalize_word(tokens);
    append_details(workspace, out);
  };
  const auto add_id = [&](std::int32_t id, std::size_t begin, std::size_t end) {
    out.add(id, {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)});
    out.add_text(text.substr(begin, end - begin));
    out.end_word();
  };
  each_raw(text, special_too, add_word, add_id);
}

}  // namespace retort
