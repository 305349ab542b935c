#include "tokenizer/prune.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "tensor/base/error.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/models/bpe.h"
#include "tokenizer/models/wordpiece.h"
#include "tokenizer/processors/processor.h"
#include "tokenizer/readers/readers.h"
#include "tokenizer/unicode.h"

namespace retort {
namespace {

constexpr const char* kName = "the pruned tokenizer";

// Stands in for a model and remembers the pieces that it is given.
class Recorder : public TokenModel {
 public:
  explicit Recorder(std::shared_ptr<const TokenModel> model)
      : TokenModel(model->vocabulary()), model_(std::move(model)) {}

  void tokenize(std::string_view piece, std::vector<Token>& tokens) const override {
    model_->tokenize(piece, tokens);
    const std::lock_guard lock(mutex_);
    pieces_.emplace(piece);
  }
  std::size_t word_end(std::string_view piece) const override { return model_->word_end(piece); }
  std::string_view token_text(const Token& token, std::string_view piece) const override {
    return model_->token_text(token, piece);
  }
  Json to_json() const override { return model_->to_json(); }
  std::string difference(const TokenModel& other) const override {
    return model_->difference(other);
  }
  std::optional<std::int32_t> unk_id() const override { return model_->unk_id(); }

  const std::set<std::string>& pieces() const { return pieces_; }

 private:
  std::shared_ptr<const TokenModel> model_;
  mutable std::mutex mutex_;
  mutable std::set<std::string> pieces_;
};

// A model that takes characters, whatever the tokenizer gives its own.
std::shared_ptr<const TokenModel> character_model(const TokenizerDefinition& definition) {
  const auto* bpe = dynamic_cast<const Bpe*>(definition.model.get());
  if (bpe == nullptr) return definition.model;
  auto copy = std::make_shared<Bpe>(*bpe);
  copy->take_characters();
  return copy;
}

std::vector<std::int32_t> ids_of(const TokenModel& model, const std::string& piece) {
  std::vector<Token> tokens;
  model.tokenize(piece, tokens);
  std::vector<std::int32_t> ids;
  for (const Token& token : tokens) ids.push_back(token.id);
  return ids;
}

class Pruner {
 public:
  Pruner(const Tokenizer& tokenizer, std::span<const std::string> texts)
      : tokenizer_(tokenizer),
        definition_(tokenizer.definition()),
        vocabulary_(definition_.model->vocabulary()),
        root_(tokenizer_json(definition_)) {
    const auto recorder = std::make_shared<Recorder>(character_model(definition_));
    TokenizerDefinition recording = definition_;
    recording.model = recorder;
    const Tokenizer reader(std::move(recording), kName);
    for (const std::string& text : texts) reader.encode(text);
    pieces_ = recorder->pieces();
  }

  PrunedTokenizer operator()() {
    const auto model = character_model(definition_);
    for (const std::string& piece : pieces_)
      for (const std::int32_t id : ids_of(*model, piece)) keep(id);
    keep_special();
    keep_of_model();
    kept_.assign(ids_.begin(), ids_.end());
    root_["model"] = pruned_model();
    root_["added_tokens"] = added_tokens_json(renumbered(definition_.added));
    root_["post_processor"] = renumbered_processor(definition_.post_processor);
    if (root_["padding"].is_object() && root_["padding"].find("pad_id"))
      root_["padding"]["pad_id"] = new_id(root_["padding"].get("pad_id", 0));
    TokenizerDefinition pruned = parse_tokenizer_json(root_.dump(), kName);
    pruned.options = definition_.options;
    check_pieces(*model, *pruned.model);
    return {Tokenizer(std::move(pruned), kName), kept_};
  }

 private:
  void keep(std::int32_t id) { ids_.insert(id); }
  bool kept(std::int32_t id) const { return ids_.contains(id); }
  void keep_text(const std::string& text) {
    if (const std::int32_t id = vocabulary_.find(text); id != Vocabulary::kNone) keep(id);
  }
  std::int64_t new_id(std::int64_t id) const {
    const auto found = std::lower_bound(kept_.begin(), kept_.end(), id);
    check(found != kept_.end() && *found == id, kName, ": the token with id ", id, " isn't there");
    return found - kept_.begin();
  }

  void keep_special() {
    for (const AddedToken& token : definition_.added) keep(token.id);
    const TokenizerOptions& names = definition_.options;
    for (const std::string* token : {&names.unk_token, &names.cls_token, &names.sep_token,
                                     &names.pad_token, &names.mask_token})
      if (const auto id = tokenizer_.id(*token)) keep(*id);
    if (const auto id = definition_.model->unk_id()) keep(*id);
    if (definition_.post_processor.is_null()) return;
    std::vector<std::int32_t> ids;
    make_processor(definition_.post_processor, kName)->list_ids(ids);
    for (const std::int32_t id : ids) keep(id);
  }

  void keep_of_model() {
    const Json& model = root_["model"];
    const std::string type = model.get("type", "");
    if (type == "WordPiece") keep_tried_pieces();
    if (type == "Unigram") keep_least_likely(model);
    if (type == "BPE") keep_parents(model);
    if (!model.get("byte_fallback", false)) return;
    for (int byte = 0; byte < 256; ++byte) {
      char text[8];
      std::snprintf(text, sizeof text, "<0x%02X>", static_cast<unsigned>(byte));
      keep_text(text);
    }
  }

  // A word without a last piece is unknown. Without the pieces that were found first, shorter ones
  // might be found that lead to its end.
  void keep_tried_pieces() {
    const auto& model = dynamic_cast<const WordPiece&>(*definition_.model);
    for (const std::string& piece : pieces_) {
      if (ids_of(model, piece) != std::vector<std::int32_t>{*model.unk_id()}) continue;
      std::string_view rest = piece;
      std::string prefix;
      for (std::size_t length = rest.size(); length > 0; --length) {
        const std::int32_t id = vocabulary_.find(prefix + std::string(rest.substr(0, length)));
        if (id == Vocabulary::kNone) continue;
        keep(id);
        rest.remove_prefix(length);
        prefix = model.prefix();
        length = rest.size() + 1;
      }
    }
  }

  void keep_least_likely(const Json& model) {
    const auto& vocab = model.find("vocab")->as_array(kName);
    std::size_t least = 0;
    const auto score = [&](std::size_t i) { return vocab[i].as_array(kName)[1].as_number(kName); };
    for (std::size_t i = 1; i < vocab.size(); ++i)
      if (score(i) < score(least)) least = i;
    keep(static_cast<std::int32_t>(least));
  }

  void keep_parents(const Json& model) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string text;
      unicode::append(text, byte_level::kCharacterOf[static_cast<std::size_t>(byte)]);
      keep_text(text);
    }
    const std::string prefix = model.get("continuing_subword_prefix", "");
    std::unordered_map<std::string, std::vector<std::size_t>> makers;  // of a token: its merges
    const auto& merges = model.find("merges")->as_array(kName);
    for (std::size_t i = 0; i < merges.size(); ++i) makers[result(merges[i], prefix)].push_back(i);
    std::vector<std::int32_t> open(ids_.begin(), ids_.end());
    while (!open.empty()) {
      const std::int32_t id = open.back();
      open.pop_back();
      if (id >= vocabulary_.limit()) continue;
      const auto found = makers.find(std::string(vocabulary_.text(id)));
      if (found == makers.end()) continue;
      for (const std::size_t merge : found->second)
        for (const Json& part : merges[merge].as_array(kName)) {
          const std::int32_t parent = vocabulary_.find(part.as_string(kName));
          if (ids_.insert(parent).second) open.push_back(parent);
        }
    }
  }

  // The token that a merge makes.
  static std::string result(const Json& merge, const std::string& prefix) {
    const auto& parts = merge.as_array(kName);
    return parts[0].as_string(kName) + parts[1].as_string(kName).substr(prefix.size());
  }

  Json pruned_model() const {
    Json model = *root_.find("model");
    const Json all = *model.find("vocab");
    if (all.is_array()) {  // Unigram: ids are places
      Json::Array pieces;
      const auto& before = all.as_array(kName);
      for (std::size_t i = 0; i < before.size(); ++i)
        if (kept(static_cast<std::int32_t>(i))) pieces.push_back(before[i]);
      model["vocab"] = Json(std::move(pieces));
      if (const auto unk = definition_.model->unk_id()) model["unk_id"] = new_id(*unk);
      return model;
    }
    Json::Object pieces;
    for (const auto& [text, id] : all.as_object(kName)) {
      const std::int64_t old = id.as_integer(kName);
      if (kept(static_cast<std::int32_t>(old))) pieces.emplace_back(text, new_id(old));
    }
    model["vocab"] = Json(std::move(pieces));
    if (const Json* merges = model.find("merges")) {
      const std::string prefix = model.get("continuing_subword_prefix", "");
      Json::Array left;
      for (const Json& merge : merges->as_array(kName)) {
        bool whole = kept(vocabulary_.find(result(merge, prefix)));
        for (const Json& part : merge.as_array(kName))
          whole = whole && kept(vocabulary_.find(part.as_string(kName)));
        if (whole) left.push_back(merge);
      }
      model["merges"] = Json(std::move(left));
    }
    return model;
  }

  std::vector<AddedToken> renumbered(std::vector<AddedToken> tokens) const {
    for (AddedToken& token : tokens) token.id = static_cast<std::int32_t>(new_id(token.id));
    return tokens;
  }

  // Ids stand in a template's special tokens, and as ["[SEP]", 102] under sep and cls.
  Json renumbered_processor(const Json& processor) const {
    if (!processor.is_object()) return processor;
    Json result = processor;
    for (const char* key : {"sep", "cls"})
      if (const Json* pair = processor.find(key); pair && pair->is_array()) {
        const auto& items = pair->as_array(kName);
        Json changed{Json::Array{}};
        changed.push_back(items[0]);
        changed.push_back(new_id(items[1].as_integer(kName)));
        result[key] = std::move(changed);
      }
    if (const Json* tokens = processor.find("special_tokens"))
      for (const auto& [name, token] : tokens->as_object(kName)) {
        Json ids{Json::Array{}};
        for (const Json& id : token.find("ids")->as_array(kName))
          ids.push_back(new_id(id.as_integer(kName)));
        result["special_tokens"][name]["ids"] = std::move(ids);
      }
    if (const Json* parts = processor.find("processors")) {
      Json changed{Json::Array{}};
      for (const Json& part : parts->as_array(kName)) changed.push_back(renumbered_processor(part));
      result["processors"] = std::move(changed);
    }
    return result;
  }

  void check_pieces(const TokenModel& before, const TokenModel& after) const {
    for (const std::string& piece : pieces_) {
      std::vector<std::int32_t> expected;
      for (const std::int32_t id : ids_of(before, piece))
        expected.push_back(static_cast<std::int32_t>(new_id(id)));
      check(ids_of(after, piece) == expected,
            "the tokenizer can't do with fewer tokens: ", json_quote(piece),
            " would be split otherwise");
    }
  }

  const Tokenizer& tokenizer_;
  const TokenizerDefinition& definition_;
  const Vocabulary& vocabulary_;
  Json root_;
  std::set<std::string> pieces_;    // that the texts give the model
  std::set<std::int32_t> ids_;      // that stay
  std::vector<std::int32_t> kept_;  // the same, once they are known
};

}  // namespace

PrunedTokenizer prune_tokenizer(const Tokenizer& tokenizer, std::span<const std::string> texts) {
  return Pruner(tokenizer, texts)();
}

}  // namespace retort
