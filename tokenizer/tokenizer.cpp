#include "tokenizer/tokenizer.h"

#include <algorithm>
#include <utility>

#include "tensor/base/error.h"
#include "tensor/base/json.h"
#include "tokenizer/models/bpe.h"

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
  raw_words_ = RawWords(normalizer_.get(), pre_tokenizer_.get(), *definition_.model);
  workspaces_ = std::make_shared<WorkspacePool>();
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

}  // namespace retort
