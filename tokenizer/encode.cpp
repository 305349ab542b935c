// From text to ids through all the parts (encode_raw.cpp is the short way past them).
#include <algorithm>
#include <limits>

#include "tensor/base/error.h"
#include "tokenizer/detail_writer.h"
#include "tokenizer/processors/processors.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/unicode.h"

namespace retort {

void Tokenizer::check_text(std::string_view text, const char* which) const {
  const std::size_t invalid = unicode::find_invalid_utf8(text);
  check(invalid == std::string_view::npos, "the ", which, " is not valid UTF-8 at byte ", invalid);
  check(text.size() < std::numeric_limits<std::uint32_t>::max() / 4, "the ", which, " has ",
        text.size(), " bytes, which is too long");
}

// Added tokens, normalisation, added tokens again, pre-tokenization.
void Tokenizer::cut(std::string_view text, bool tracked, bool special_too,
                    PreTokens& tokens) const {
  tokens.text.clear(tracked);
  tokens.pieces.clear();
  raw_added_.split(
      text, special_too,
      [&](std::size_t begin, std::size_t end) {
        const auto origin = static_cast<std::uint32_t>(begin);
        if (normalizer_ == nullptr && normalized_added_.empty()) {
          const auto at = static_cast<std::uint32_t>(tokens.text.bytes().size());
          tokens.text.append_original(text.substr(begin, end - begin), origin);
          tokens.pieces.push_back(
              {at, static_cast<std::uint32_t>(tokens.text.bytes().size()), origin, -1});
          return;
        }
        AlignedText piece(text.substr(begin, end - begin), origin, tracked);
        if (normalizer_ != nullptr) normalizer_->apply(piece);
        cut_normalized(piece, special_too, tokens);
      },
      [&](std::int32_t id, std::size_t begin, std::size_t end) {
        const auto at = static_cast<std::uint32_t>(tokens.text.bytes().size());
        tokens.text.append_original(text.substr(begin, end - begin),
                                    static_cast<std::uint32_t>(begin));
        tokens.pieces.push_back({at, at + static_cast<std::uint32_t>(end - begin),
                                 static_cast<std::uint32_t>(begin), id});
      });
  if (pre_tokenizer_ != nullptr) pre_tokenizer_->apply(tokens);
}

void Tokenizer::cut_normalized(const AlignedText& text, bool special_too, PreTokens& tokens) const {
  const auto base = static_cast<std::uint32_t>(tokens.text.bytes().size());
  tokens.text.append(text, 0, text.bytes().size());
  const auto add = [&](std::size_t begin, std::size_t end, std::int32_t id) {
    const std::uint32_t origin = text.tracked() ? text.spans()[begin].begin : 0;
    tokens.pieces.push_back({base + static_cast<std::uint32_t>(begin),
                             base + static_cast<std::uint32_t>(end), origin, id});
  };
  normalized_added_.split(
      text.bytes(), special_too, [&](std::size_t begin, std::size_t end) { add(begin, end, -1); },
      [&](std::int32_t id, std::size_t begin, std::size_t end) {
        if (begin < end) add(begin, end, id);
      });
}

namespace {

// Calls word(text, offset in the piece) for the parts of a piece that the model treats one by one.
template <class Word>
void each_word(const TokenModel& model, std::string_view piece, Word&& word) {
  for (std::size_t at = 0; at < piece.size();) {
    const std::size_t length = model.word_end(piece.substr(at));
    word(piece.substr(at, length), static_cast<std::uint32_t>(at));
    at += length;
  }
}

}  // namespace

void Tokenizer::append_ids(Workspace& workspace, TokenLists& lists) const {
  const TokenModel& model = *definition_.model;
  WordCache& cache = workspace.normalized;
  std::vector<Token>& made = workspace.made;
  const auto add = [&](std::int32_t id) {
    lists.reserve_ids(1);
    lists.ids[lists.count++] = id;
  };
  for (const Piece& piece : workspace.tokens.pieces) {
    if (piece.token >= 0) {
      add(piece.token);
      continue;
    }
    each_word(model, workspace.tokens.bytes(piece), [&](std::string_view word, std::uint32_t) {
      if (word.size() <= WordCache::kMaxBytes) {
        const WordCache::Found found = cache.find(
            WordKey::of(word), [&](std::vector<Token>& missed) { model.tokenize(word, missed); });
        if (found.ids != nullptr) {
          std::for_each(found.ids, found.ids + found.count, add);
          return;
        }
        made = cache.missed();
      } else {
        made.clear();
        model.tokenize(word, made);
      }
      for (const Token& token : made) add(token.id);
    });
  }
}

void Tokenizer::append_details(Workspace& workspace, DetailWriter& out) const {
  for (const Piece& piece : workspace.tokens.pieces) {
    append_piece(piece, workspace, out);
    out.end_word();
  }
}

void Tokenizer::append_piece(const Piece& piece, Workspace& workspace, DetailWriter& out) const {
  const TokenModel& model = *definition_.model;
  const PreTokens& tokens = workspace.tokens;
  WordCache& cache = workspace.normalized;
  const std::vector<ByteSpan>& spans = tokens.text.spans();
  std::vector<Token>& made = workspace.made;
  const auto describe = [&](std::string_view token) {
    if (out.wants_texts()) out.add_text(token);
    if (out.wants_blanks()) out.add_blanks(blanks_of(token));
  };
  const std::string_view bytes = tokens.bytes(piece);
  if (piece.token >= 0) {
    out.add(piece.token, {spans[piece.begin].begin, spans[piece.end - 1].end});
    return describe(bytes);
  }
  const auto add_token = [&](Token token, std::string_view word, std::uint32_t at) {
    const std::uint32_t begin = at + token.begin, end = at + token.end;
    Offsets offsets{begin, end};  // where the model's own count leads out of the piece
    if (begin == end) offsets = {piece.origin + begin, piece.origin + end};
    else if (end <= bytes.size())
      offsets = {spans[piece.begin + begin].begin, spans[piece.begin + end - 1].end};
    out.add(token.id, offsets);
    describe(model.token_text(token, word));
  };
  each_word(model, bytes, [&](std::string_view word, std::uint32_t at) {
    if (word.size() <= WordCache::kMaxBytes) {
      const WordCache::Found found = cache.find(
          WordKey::of(word), [&](std::vector<Token>& missed) { model.tokenize(word, missed); });
      if (found.ids != nullptr && found.lengths != nullptr) {
        std::uint32_t begin = 0;
        for (std::size_t i = 0; i < found.count; ++i) {
          add_token({found.ids[i], begin, begin + found.lengths[i]}, word, at);
          begin += found.lengths[i];
        }
        return;
      }
    }
    made.clear();
    model.tokenize(word, made);
    for (const Token& token : made) add_token(token, word, at);
  });
}

// How raw texts are cut. Tokens that are looked for in the normalised text are in the raw one only
// if that is the same.
RawWords::Rule Tokenizer::raw_rule() const {
  return normalizer_ == nullptr || normalized_added_.empty() ? raw_words_.rule()
                                                             : RawWords::Rule::kNone;
}

void Tokenizer::write_ids(std::string_view text, bool special_too, Workspace& workspace,
                          TokenLists& lists) const {
  if (raw_rule() != RawWords::Rule::kNone) return raw_ids(text, special_too, workspace, lists);
  cut(text, always_tracked_, special_too, workspace.tokens);
  append_ids(workspace, lists);
}

void Tokenizer::write_details(std::string_view text, bool special_too, Workspace& workspace,
                              DetailWriter& out) const {
  if (raw_rule() != RawWords::Rule::kNone && raw_details(text, special_too, workspace, out)) return;
  out.restart();
  cut(text, true, special_too, workspace.tokens);
  append_details(workspace, out);
}

// Appends to the workspace's parts.
void Tokenizer::encode_sequence(std::string_view text, std::int32_t type_id,
                                const EncodeOptions& options, Workspace& workspace) const {
  const bool special_too = !options.special_tokens_are_text;
  Encoding& encoding = workspace.parts.emplace_back();
  TokenLists& lists = workspace.lists;
  lists.count = 0;
  const auto copy = [&](const auto& from, auto& to) {
    to.assign(from.data(), from.data() + lists.count);
  };
  if (options.details) {
    DetailWriter out(text, lists, workspace.numbers, options.texts ? &encoding.tokens : nullptr,
                     trims_ ? &encoding.blanks : nullptr);
    write_details(text, special_too, workspace, out);
    copy(lists.byte_offsets, encoding.byte_offsets);
    copy(lists.word_ids, encoding.word_ids);
    out.append_offsets(encoding.offsets);
    encoding.special_tokens_mask.assign(lists.count, 0);
    encoding.attention_mask.assign(lists.count, 1);
  } else {
    write_ids(text, special_too, workspace, lists);
  }
  copy(lists.ids, encoding.ids);
  encoding.type_ids.assign(encoding.size(), type_id);
}

Encoding Tokenizer::encode(std::string_view text, std::optional<std::string_view> pair,
                           const EncodeOptions& options) const {
  const WorkspacePool::Lease lease(*workspaces_, 0);
  return encode_in(*lease, text, pair, options);
}

Encoding Tokenizer::encode_in(Workspace& workspace, std::string_view text,
                              std::optional<std::string_view> pair,
                              const EncodeOptions& options) const {
  check_text(text, pair ? "first text" : "text");
  if (pair) check_text(*pair, "second text");
  std::vector<Encoding>& parts = workspace.parts;
  parts.clear();
  encode_sequence(text, 0, options, workspace);
  if (pair) encode_sequence(*pair, 1, options, workspace);
  if (options.truncation) {
    Truncation truncation = *options.truncation;
    const std::size_t added = options.add_special_tokens && processor_ != nullptr
                                  ? processor_->added(pair.has_value())
                                  : 0;
    check(truncation.max_length >= added, "a maximum length of ", truncation.max_length,
          " has no room for the ", added, " special tokens");
    truncation.max_length -= added;
    truncate(parts, truncation);
  }
  if (processor_ != nullptr) processor_->apply(parts, options.add_special_tokens);
  Encoding result = std::move(parts[0]);
  for (std::size_t i = 1; i < parts.size(); ++i) append(result, parts[i]);
  return result;
}

Encoding Tokenizer::encode(std::string_view text, std::optional<std::string_view> pair,
                           int max_length) const {
  check(max_length >= 0, "the maximum length is ", max_length, ", which must not be negative");
  EncodeOptions options;
  if (max_length > 0) {
    options.truncation.emplace();
    options.truncation->max_length = static_cast<std::size_t>(max_length);
  }
  Encoding result = encode(text, pair, options);
  result.overflowing.clear();
  return result;
}

}  // namespace retort
