// Tokenizer::difference: whether two tokenizers give the same ids.
#include <algorithm>

#include "tokenizer/tokenizer.h"

namespace retort {
namespace {

// What a post-processor does to two sequences, whatever its parts are called.
Encoding frame(const PostProcessor* processor, bool pair) {
  std::vector<Encoding> parts(pair ? 2 : 1);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    parts[i].ids = {-2 - static_cast<std::int32_t>(i)};
    parts[i].type_ids = {static_cast<std::int32_t>(i)};
  }
  if (processor != nullptr) processor->apply(parts, true);
  Encoding result;
  for (const Encoding& part : parts) append(result, part);
  return result;
}

}  // namespace

std::string Tokenizer::difference(const Tokenizer& other) const {
  const auto quoted = [](const std::string& token) { return "'" + token + "'"; };
  const std::int32_t common = std::min(vocab_size_, other.vocab_size_);
  for (std::int32_t i = 0; i < common; ++i)
    if (token(i) != other.token(i))
      return "id " + std::to_string(i) + " is " + quoted(token(i)) + " here and " +
             quoted(other.token(i)) + " there";
  if (vocab_size_ != other.vocab_size_)
    return "the vocabulary has " + std::to_string(vocab_size_) + " tokens here and " +
           std::to_string(other.vocab_size_) + " there";

  const TokenizerOptions &a = options(), &b = other.options();
  std::string found;
  const auto differ = [&](const char* what, const auto& here, const auto& there) {
    if (found.empty() && !(here == there))
      found = std::string(what) + " is " + Json(here).dump() + " here and " + Json(there).dump() +
              " there";
  };
  if (definition_.is_bert && other.definition_.is_bert) {
    differ("lower-casing", a.lowercase, b.lowercase);
    differ("accent stripping", a.strips_accents(), b.strips_accents());
    differ("tokenize_chinese_chars", a.tokenize_chinese_chars, b.tokenize_chinese_chars);
    differ("clean_text", a.clean_text, b.clean_text);
  } else {
    differ("the normalizer", definition_.normalizer, other.definition_.normalizer);
    differ("the pre_tokenizer", definition_.pre_tokenizer, other.definition_.pre_tokenizer);
  }
  if (!found.empty()) return found;
  if (std::string model = definition_.model->difference(*other.definition_.model); !model.empty())
    return model;
  const std::size_t here_pieces = definition_.model->vocabulary().size();
  const std::size_t there_pieces = other.definition_.model->vocabulary().size();
  if (here_pieces != there_pieces)
    return "the model has " + std::to_string(here_pieces) +
           " pieces without the added tokens here and " + std::to_string(there_pieces) + " there";

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
  for (const bool pair : {false, true}) {
    const Encoding mine = frame(processor_.get(), pair),
                   theirs = frame(other.processor_.get(), pair);
    if (mine.ids != theirs.ids || mine.type_ids != theirs.type_ids)
      return std::string("the special tokens around a ") + (pair ? "pair" : "text") +
             " are others here than there";
  }
  return {};
}

}  // namespace retort
