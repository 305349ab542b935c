#include "tokenizer/tokenizer.h"

#include <algorithm>
#include <utility>

#include "tensor/base/error.h"
#include "tensor/base/json.h"
#include "tokenizer/post_processor.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/unicode.h"

namespace retort {
namespace {

void check_vocab(const TokenizerDefinition& definition, const std::string& name) {
  const auto& vocab = definition.vocab;
  check(!vocab.empty(), name, ": the vocabulary is empty");
  for (std::size_t i = 0; i < vocab.size(); ++i)
    check(!vocab[i].empty(), name, ": the token with id ", i, " is empty");
  check(definition.options.max_input_chars_per_word >= 0, name, ": max_input_chars_per_word is ",
        definition.options.max_input_chars_per_word, ", which must not be negative");
}

// All pieces by id. Added tokens that the vocabulary lacks follow it in order.
std::vector<std::string> all_tokens(const TokenizerDefinition& definition,
                                    const std::string& name) {
  std::vector<std::string> tokens = definition.vocab;
  for (const AddedToken& token : definition.added) {
    const auto id = static_cast<std::size_t>(token.id);
    if (token.id >= 0 && id < tokens.size() && tokens[id] == token.content) continue;
    check(id == tokens.size(), name, ": the added token ", json_quote(token.content), " has id ",
          token.id, ", which is neither its id in the vocabulary nor the next free one, ",
          tokens.size());
    tokens.push_back(token.content);
  }
  return tokens;
}

// Special tokens come first: where two have one normal form, the first counts.
std::vector<AddedTokens::Pattern> patterns(const std::vector<AddedToken>& added, bool normalized,
                                           const BertNormalizer& normalizer) {
  std::vector<AddedTokens::Pattern> result;
  for (const bool special : {true, false})
    for (const AddedToken& token : added) {
      if (token.normalized != normalized || token.special != special) continue;
      AddedTokens::Pattern pattern{token.content, token};
      if (normalized) {
        pattern.text.clear();
        normalizer.append(token.content, pattern.text);
        check(!pattern.text.empty(), "the added token with id ", token.id,
              " is empty once it is normalised, so it can't be found in a text");
      }
      result.push_back(std::move(pattern));
    }
  return result;
}

std::int32_t index_of(const std::vector<std::string>& vocab, const std::string& token) {
  const auto found = std::find(vocab.begin(), vocab.end(), token);
  return found == vocab.end() ? -1 : static_cast<std::int32_t>(found - vocab.begin());
}

}  // namespace

Tokenizer::Tokenizer(TokenizerDefinition definition, const std::string& name)
    : definition_((check_vocab(definition, name), std::move(definition))),
      tokens_(all_tokens(definition_, name)),
      normalizer_(options().clean_text, options().tokenize_chinese_chars,
                  options().strips_accents(), options().lowercase),
      model_(definition_.vocab, options().continuing_subword_prefix,
             index_of(definition_.vocab, options().unk_token),
             static_cast<std::size_t>(options().max_input_chars_per_word)) {
  for (std::size_t i = 0; i < definition_.vocab.size(); ++i) {
    const std::int32_t id = model_.id(definition_.vocab[i]);
    check(id == static_cast<std::int32_t>(i), name, ": the token ",
          json_quote(definition_.vocab[i]), " has two ids, ", id, " and ", i);
  }
  const TokenizerOptions& o = options();
  unk_id_ = model_.id(o.unk_token);
  check(unk_id_ != ByteTrie::kNone, name, ": the vocabulary lacks the unknown token ",
        json_quote(o.unk_token));
  cls_id_ = required_id(o.cls_token, "classification", name);
  sep_id_ = required_id(o.sep_token, "separator", name);
  pad_id_ = required_id(o.pad_token, "padding", name);
  mask_id_ = required_id(o.mask_token, "mask", name);
  for (const Template* pieces : {&definition_.single, &definition_.pair})
    for (const TemplatePiece& piece : *pieces)
      for (const std::int32_t id : piece.ids)
        check(id >= 0 && id < vocab_size(), name, ": the post-processor's token ",
              json_quote(piece.name), " has id ", id, ", but ids go from 0 to ", vocab_size() - 1);
  try {
    raw_added_ = AddedTokens(patterns(definition_.added, false, normalizer_));
    normalized_added_ = AddedTokens(patterns(definition_.added, true, normalizer_));
  } catch (const Error& error) {
    fail(name, ": ", error.what());
  }
}

std::int32_t Tokenizer::required_id(const std::string& token, const char* role,
                                    const std::string& name) const {
  const auto found = id(token);
  check(found.has_value(), name, ": the vocabulary lacks the ", role, " token ", json_quote(token));
  return *found;
}

Tokenizer Tokenizer::from_vocab(std::vector<std::string> vocab, const TokenizerOptions& options,
                                const std::string& name) {
  return Tokenizer(bert_definition(std::move(vocab), options), name);
}

void Tokenizer::append_ids(std::string_view text, const char* which,
                           std::vector<std::int32_t>& ids) const {
  const std::size_t invalid = unicode::find_invalid_utf8(text);
  check(invalid == std::string_view::npos, "the ", which, " is not valid UTF-8 at byte ", invalid);
  std::string normalized;
  const auto add_id = [&](std::int32_t id) { ids.push_back(id); };
  const auto add_words = [&](std::string_view piece) {
    split_words_bert(piece, [&](std::string_view word, std::size_t characters) {
      model_.append_ids(word, characters, ids);
    });
  };
  raw_added_.split(
      text,
      [&](std::string_view piece) {
        normalized.clear();
        normalizer_.append(piece, normalized);
        normalized_added_.split(normalized, add_words, add_id);
      },
      add_id);
}

Encoding Tokenizer::encode(std::string_view text, std::optional<std::string_view> pair,
                           int max_length) const {
  std::vector<std::int32_t> first, second;
  append_ids(text, pair ? "first text" : "text", first);
  if (pair) append_ids(*pair, "second text", second);

  Encoding result;
  const Template& pieces = pair ? definition_.pair : definition_.single;
  const std::size_t added = added_by_template(pieces);
  check(max_length >= 0, "the maximum length is ", max_length, ", which must not be negative");
  if (max_length > 0) {
    const auto limit = static_cast<std::size_t>(max_length);
    check(limit >= added, "a maximum length of ", max_length, " has no room for the ", added,
          " special tokens");
    const auto [keep_first, keep_second] =
        truncate_longest_first(first.size(), second.size(), limit - added);
    result.truncated = keep_first < first.size() || keep_second < second.size();
    first.resize(keep_first);
    second.resize(keep_second);
  }
  result.ids.reserve(first.size() + second.size() + added);
  result.type_ids.reserve(first.size() + second.size() + added);
  fill_template(pieces, first, second, result.ids, result.type_ids);
  return result;
}

const std::string& Tokenizer::token(std::int32_t id) const {
  check(id >= 0 && id < vocab_size(), "token id ", id,
        " is outside of the vocabulary: ids go from 0 to ", vocab_size() - 1);
  return tokens_[static_cast<std::size_t>(id)];
}

std::optional<std::int32_t> Tokenizer::id(std::string_view token) const {
  if (const std::int32_t found = model_.id(token); found != ByteTrie::kNone) return found;
  for (std::size_t i = definition_.vocab.size(); i < tokens_.size(); ++i)
    if (tokens_[i] == token) return static_cast<std::int32_t>(i);
  return {};
}

std::string Tokenizer::difference(const Tokenizer& other) const {
  const auto quoted = [](const std::string& token) { return "'" + token + "'"; };
  const std::size_t common = std::min(tokens_.size(), other.tokens_.size());
  for (std::size_t i = 0; i < common; ++i)
    if (tokens_[i] != other.tokens_[i])
      return "id " + std::to_string(i) + " is " + quoted(tokens_[i]) + " here and " +
             quoted(other.tokens_[i]) + " there";
  if (tokens_.size() != other.tokens_.size())
    return "the vocabulary has " + std::to_string(tokens_.size()) + " tokens here and " +
           std::to_string(other.tokens_.size()) + " there";

  const TokenizerOptions &a = options(), &b = other.options();
  std::string found;
  const auto differ = [&](const char* what, const auto& here, const auto& there) {
    if (found.empty() && !(here == there))
      found = std::string(what) + " is " + Json(here).dump() + " here and " + Json(there).dump() +
              " there";
  };
  differ("lower-casing", a.lowercase, b.lowercase);
  differ("accent stripping", a.strips_accents(), b.strips_accents());
  differ("tokenize_chinese_chars", a.tokenize_chinese_chars, b.tokenize_chinese_chars);
  differ("clean_text", a.clean_text, b.clean_text);
  differ("max_input_chars_per_word", a.max_input_chars_per_word, b.max_input_chars_per_word);
  differ("continuing_subword_prefix", a.continuing_subword_prefix, b.continuing_subword_prefix);
  differ("the unknown token", a.unk_token, b.unk_token);
  if (!found.empty()) return found;
  if (definition_.vocab.size() != other.definition_.vocab.size())
    return "the model has " + std::to_string(definition_.vocab.size()) +
           " pieces without the added tokens here and " +
           std::to_string(other.definition_.vocab.size()) + " there";

  // The order of added tokens means nothing, nor does which of them are called special.
  const auto by_id = [](std::vector<AddedToken> tokens) {
    for (AddedToken& token : tokens) token.special = false;
    std::sort(tokens.begin(), tokens.end(),
              [](const auto& x, const auto& y) { return x.id < y.id; });
    return tokens;
  };
  const auto here = by_id(definition_.added), there = by_id(other.definition_.added);
  for (std::size_t i = 0; i < std::max(here.size(), there.size()); ++i) {
    if (i < here.size() && i < there.size() && here[i] == there[i]) continue;
    const bool first_here = i < here.size() && (i == there.size() || here[i].id <= there[i].id);
    const AddedToken& token = first_here ? here[i] : there[i];
    const bool both = i < here.size() && i < there.size() && here[i].id == there[i].id;
    return "the added token " + quoted(token.content) +
           (both         ? " has other flags here than there"
            : first_here ? " exists here but not there"
                         : " exists there but not here");
  }
  if (!same_ids(definition_.single, other.definition_.single))
    return "the special tokens around a text are others here than there";
  if (!same_ids(definition_.pair, other.definition_.pair))
    return "the special tokens around a pair are others here than there";
  return {};
}

}  // namespace retort
