#include "tokenizer/tokenizer.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "tensor/base/error.h"
#include "tensor/base/json.h"
#include "tensor/base/parallel.h"
#include "tokenizer/models/bpe.h"
#include "tokenizer/processors/processors.h"
#include "tokenizer/unicode.h"

namespace retort {
namespace {

// Makes the model take what the pre-tokenizer leaves, bytes or characters; false: it can't take
// bytes. Another tokenizer may share the model as it is, so it is copied then.
bool fit_model(std::shared_ptr<TokenModel>& model, bool bytes) {
  auto* bpe = dynamic_cast<Bpe*>(model.get());
  if (bpe == nullptr) return !bytes;
  if (bpe->takes_bytes() == bytes) return true;
  if (model.use_count() > 1) {
    auto copy = std::make_shared<Bpe>(*bpe);
    bpe = copy.get();
    model = std::move(copy);
  }
  if (bytes) return bpe->take_bytes();
  bpe->take_characters();
  return true;
}

}  // namespace

Tokenizer::Tokenizer(TokenizerDefinition definition, const std::string& name)
    : definition_(std::move(definition)) {
  const auto where = [&](const char* part) { return name + ", " + part; };
  if (!definition_.normalizer.is_null())
    normalizer_ = make_normalizer(definition_.normalizer, where("normalizer"));
  if (!definition_.pre_tokenizer.is_null()) {
    auto pre_tokenizer = make_pre_tokenizer(definition_.pre_tokenizer, where("pre_tokenizer"));
    if (!fit_model(definition_.model, pre_tokenizer->keep_bytes())) {
      fit_model(definition_.model, false);
      pre_tokenizer = make_pre_tokenizer(definition_.pre_tokenizer, where("pre_tokenizer"));
    }
    pre_tokenizer_ = std::move(pre_tokenizer);
  } else {
    fit_model(definition_.model, false);
  }
  if (!definition_.post_processor.is_null())
    processor_ = make_processor(definition_.post_processor, where("post_processor"));
  if (!definition_.decoder.is_null())
    decoder_ = make_decoder(definition_.decoder, where("decoder"));
  trims_ = processor_ != nullptr && processor_->trims();
  always_tracked_ = pre_tokenizer_ != nullptr && pre_tokenizer_->needs_origins();
  caches_ = std::make_shared<CachePool>();
  compile(name);
}

Tokenizer Tokenizer::from_vocab(const std::vector<std::string>& vocab,
                                const TokenizerOptions& options, const std::string& name) {
  return Tokenizer(bert_definition(vocab, options, name), name);
}

// Everything that depends on the added tokens.
void Tokenizer::compile(const std::string& name) {
  const Vocabulary& vocabulary = definition_.model->vocabulary();
  added_by_id_.clear();
  auto next = static_cast<std::int32_t>(vocabulary.size());
  vocab_size_ = vocabulary.limit();
  for (std::size_t i = 0; i < definition_.added.size(); ++i) {
    const AddedToken& token = definition_.added[i];
    const std::int32_t known = vocabulary.find(token.content);
    const std::int32_t expected = known != Vocabulary::kNone ? known : next;
    check(token.id == expected, name, ": the added token ", json_quote(token.content), " has id ",
          token.id, ", which is neither its id in the vocabulary nor the next free one, ", next);
    if (known == Vocabulary::kNone) ++next;
    vocab_size_ = std::max(vocab_size_, token.id + 1);
    added_by_id_.emplace_back(token.id, i);
  }
  std::sort(added_by_id_.begin(), added_by_id_.end());
  if (processor_ != nullptr) {
    std::vector<std::int32_t> ids;
    processor_->list_ids(ids);
    for (const std::int32_t id : ids)
      check(id >= 0 && id < vocab_size_, name, ": the post-processor's token with id ", id,
            " isn't there: ids go from 0 to ", vocab_size_ - 1);
  }
  try {
    raw_added_ = AddedTokens(patterns(false));
    normalized_added_ = AddedTokens(patterns(true));
  } catch (const Error& error) {
    fail(name, ": ", error.what());
  }
}

// Special tokens come first: where two have one normal form, the first counts.
std::vector<AddedTokens::Pattern> Tokenizer::patterns(bool normalized) const {
  std::vector<AddedTokens::Pattern> result;
  for (const bool special : {true, false})
    for (const AddedToken& token : definition_.added) {
      if (token.normalized != normalized || token.special != special) continue;
      AddedTokens::Pattern pattern{token.content, token};
      if (normalized && normalizer_ != nullptr) {
        AlignedText text(token.content, 0, false);
        normalizer_->apply(text);
        pattern.text = text.bytes();
        check(!pattern.text.empty(), "the added token with id ", token.id,
              " is empty once it is normalised, so it can't be found in a text");
      }
      result.push_back(std::move(pattern));
    }
  return result;
}

void Tokenizer::add_tokens(const std::vector<AddedToken>& tokens) {
  const Vocabulary& vocabulary = definition_.model->vocabulary();
  auto next = static_cast<std::int32_t>(vocabulary.size());
  for (const AddedToken& token : definition_.added) next = std::max(next, token.id + 1);
  for (AddedToken token : tokens) {
    if (token.content.empty()) continue;
    const auto same =
        std::find_if(definition_.added.begin(), definition_.added.end(),
                     [&](const AddedToken& other) { return other.content == token.content; });
    if (same != definition_.added.end()) {
      token.id = same->id;
      *same = token;
      continue;
    }
    const std::int32_t known = vocabulary.find(token.content);
    token.id = known != Vocabulary::kNone ? known : next++;
    definition_.added.push_back(token);
  }
  compile("the tokenizer");
}

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

// From bytes to characters of the original text, as the reference converts them: a place inside a
// character is that character's, and one behind the text is left alone.
class CharacterOffsets {
 public:
  explicit CharacterOffsets(std::string_view text)
      : size_(static_cast<std::uint32_t>(text.size())) {
    if (std::all_of(text.begin(), text.end(),
                    [](char c) { return static_cast<unsigned char>(c) < 0x80; }))
      return;
    number_.resize(text.size());
    std::uint32_t count = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (i > 0 && (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) ++count;
      number_[i] = count;
    }
  }
  Offsets operator()(Offsets bytes) const {
    if (bytes.first >= size_) return bytes;
    const std::uint32_t start = number(bytes.first);
    if (bytes.second < size_) return {start, number(bytes.second)};
    // The end of the text, or (where a model's own count is wrong) beyond it.
    return {start, (bytes.second - 1 < size_ ? number(bytes.second - 1) : start + 1) + 1};
  }

 private:
  std::uint32_t number(std::uint32_t byte) const { return number_.empty() ? byte : number_[byte]; }

  std::uint32_t size_;
  std::vector<std::uint32_t> number_;  // by byte: its character; empty when they are the same
};

}  // namespace

void Tokenizer::append_ids(const PreTokens& tokens, std::vector<std::int32_t>& ids) const {
  const TokenModel& model = *definition_.model;
  const CachePool::Lease lease(*caches_);
  WordCache& cache = *lease;
  std::vector<Token> made;
  for (const Piece& piece : tokens.pieces) {
    if (piece.token >= 0) {
      ids.push_back(piece.token);
      continue;
    }
    each_word(model, tokens.bytes(piece), [&](std::string_view word, std::uint32_t) {
      if (word.size() <= WordCache::kMaxBytes) {
        const WordCache::Found found =
            cache.find(word, [&](std::vector<Token>& missed) { model.tokenize(word, missed); });
        if (found.ids != nullptr) {
          ids.insert(ids.end(), found.ids, found.ids + found.count);
          return;
        }
        made = cache.missed();
      } else {
        made.clear();
        model.tokenize(word, made);
      }
      for (const Token& token : made) ids.push_back(token.id);
    });
  }
}

void Tokenizer::append_details(const PreTokens& tokens, std::string_view text, bool texts,
                               Encoding& encoding) const {
  const TokenModel& model = *definition_.model;
  const CharacterOffsets characters(text);
  const CachePool::Lease lease(*caches_);
  WordCache& cache = *lease;
  const std::vector<ByteSpan>& spans = tokens.text.spans();
  const auto add = [&](std::int32_t id, Offsets bytes, std::int32_t word) {
    encoding.ids.push_back(id);
    encoding.byte_offsets.push_back(bytes);
    encoding.offsets.push_back(characters(bytes));
    encoding.word_ids.push_back(word);
  };
  const auto add_text = [&](std::string_view token) {
    if (texts) encoding.tokens.emplace_back(token);
    if (trims_) encoding.blanks.push_back(blanks_of(token));
  };
  std::vector<Token> made;
  for (std::size_t number = 0; number < tokens.pieces.size(); ++number) {
    const Piece& piece = tokens.pieces[number];
    const auto word_id = static_cast<std::int32_t>(number);
    const std::string_view bytes = tokens.bytes(piece);
    if (piece.token >= 0) {
      add(piece.token, {spans[piece.begin].begin, spans[piece.end - 1].end}, word_id);
      add_text(bytes);
      continue;
    }
    const auto add_token = [&](Token token, std::string_view word, std::uint32_t at) {
      const std::uint32_t begin = at + token.begin, end = at + token.end;
      Offsets offsets{begin, end};  // where the model's own count leads out of the piece
      if (begin == end) offsets = {piece.origin + begin, piece.origin + end};
      else if (end <= bytes.size())
        offsets = {spans[piece.begin + begin].begin, spans[piece.begin + end - 1].end};
      add(token.id, offsets, word_id);
      if (texts || trims_) add_text(model.token_text(token, word));
    };
    each_word(model, bytes, [&](std::string_view word, std::uint32_t at) {
      if (word.size() <= WordCache::kMaxBytes) {
        const WordCache::Found found =
            cache.find(word, [&](std::vector<Token>& missed) { model.tokenize(word, missed); });
        std::uint32_t begin = 0;
        for (std::size_t i = 0; i < found.count; ++i) {
          add_token({found.ids[i], begin, begin + found.lengths[i]}, word, at);
          begin += found.lengths[i];
        }
        if (found.ids == nullptr)
          for (const Token& token : cache.missed()) add_token(token, word, at);
        return;
      }
      made.clear();
      model.tokenize(word, made);
      for (const Token& token : made) add_token(token, word, at);
    });
  }
}

Encoding Tokenizer::encode_sequence(std::string_view text, std::int32_t type_id,
                                    const EncodeOptions& options) const {
  // Kept from text to text, but not what a very long one needed.
  constexpr std::size_t kKept = 1 << 20;
  thread_local PreTokens tokens;
  if (tokens.text.bytes().capacity() > kKept) tokens = PreTokens();
  cut(text, options.details || always_tracked_, !options.special_tokens_are_text, tokens);
  Encoding encoding;
  if (options.details) {
    append_details(tokens, text, options.texts, encoding);
    encoding.special_tokens_mask.assign(encoding.size(), 0);
    encoding.attention_mask.assign(encoding.size(), 1);
  } else {
    append_ids(tokens, encoding.ids);
  }
  encoding.type_ids.assign(encoding.size(), type_id);
  return encoding;
}

Encoding Tokenizer::encode(std::string_view text, std::optional<std::string_view> pair,
                           const EncodeOptions& options) const {
  check_text(text, pair ? "first text" : "text");
  if (pair) check_text(*pair, "second text");
  std::vector<Encoding> parts;
  parts.push_back(encode_sequence(text, 0, options));
  if (pair) parts.push_back(encode_sequence(*pair, 1, options));
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

std::vector<Encoding> Tokenizer::encode_batch(std::span<const std::string_view> texts,
                                              std::span<const std::string_view> pairs,
                                              const EncodeOptions& options) const {
  check(pairs.empty() || pairs.size() == texts.size(), "there are ", texts.size(), " texts but ",
        pairs.size(), " to pair them with");
  std::vector<Encoding> result(texts.size());
  constexpr std::int64_t kGrain = 16;  // texts a thread takes at a time
  parallel_ranges(
      static_cast<std::int64_t>(texts.size()), kGrain,
      [&](std::int64_t begin, std::int64_t end, int) {
        for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i)
          result[i] =
              encode(texts[i], pairs.empty() ? std::nullopt : std::optional(pairs[i]), options);
      });
  return result;
}

std::string Tokenizer::decode(std::span<const std::int32_t> ids, bool skip_special_tokens) const {
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const std::int32_t id : ids) {
    if (id < 0 || id >= vocab_size_) continue;
    const auto added =
        std::lower_bound(added_by_id_.begin(), added_by_id_.end(), std::pair{id, std::size_t{0}});
    if (added == added_by_id_.end() || added->first != id) {
      if (definition_.model->vocabulary().contains(id)) tokens.push_back(token(id));
      continue;
    }
    const AddedToken& token = definition_.added[added->second];
    std::string content = token.content;
    if (token.normalized && normalizer_ != nullptr) {
      AlignedText text(token.content, 0, false);
      normalizer_->apply(text);
      content = text.bytes();
    }
    // As in the reference, a special token that normalisation changes isn't known as one any more.
    if (skip_special_tokens && token.special && content == token.content) continue;
    tokens.push_back(std::move(content));
  }
  std::string result;
  if (decoder_ == nullptr) {
    for (const std::string& token : tokens) result += (result.empty() ? "" : " ") + token;
    return result;
  }
  if (tokens.empty()) return result;
  for (const std::string& part : decoder_->apply(std::move(tokens))) result += part;
  return result;
}

std::string Tokenizer::token(std::int32_t id) const {
  check(id >= 0 && id < vocab_size_, "token id ", id,
        " is outside of the vocabulary: ids go from 0 to ", vocab_size_ - 1);
  if (id < definition_.model->vocabulary().limit() &&
      !definition_.model->vocabulary().text(id).empty())
    return std::string(definition_.model->vocabulary().text(id));
  const auto added =
      std::lower_bound(added_by_id_.begin(), added_by_id_.end(), std::pair{id, std::size_t{0}});
  return added != added_by_id_.end() && added->first == id
             ? definition_.added[added->second].content
             : std::string();
}

std::optional<std::int32_t> Tokenizer::id(std::string_view token) const {
  for (const AddedToken& added : definition_.added)
    if (added.content == token) return added.id;
  const std::int32_t found = definition_.model->vocabulary().find(token);
  return found == Vocabulary::kNone ? std::nullopt : std::optional(found);
}

std::optional<std::string> DecodeStream::next(std::int32_t id) {
  constexpr std::string_view kReplacementCharacter = "\uFFFD";
  if (prefix_.empty() && !ids_.empty()) {
    std::string text = tokenizer_.decode(ids_, skip_special_tokens_);
    if (!text.ends_with(kReplacementCharacter)) {
      prefix_ = std::move(text);
      prefix_ids_ = ids_.size();
    }
  }
  ids_.push_back(id);
  const std::string text = tokenizer_.decode(ids_, skip_special_tokens_);
  if (text.size() <= prefix_.size() || text.ends_with(kReplacementCharacter)) return {};
  check(text.starts_with(prefix_), "token id ", id, " changes text that was given out before");
  std::string added = text.substr(prefix_.size());
  const std::size_t kept = ids_.size() - prefix_ids_;
  ids_.erase(ids_.begin(), ids_.begin() + static_cast<std::ptrdiff_t>(prefix_ids_));
  prefix_ = tokenizer_.decode(ids_, skip_special_tokens_);
  prefix_ids_ = kept;
  return added;
}

}  // namespace retort
