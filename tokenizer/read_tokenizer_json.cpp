#include <limits>
#include <unordered_set>
#include <utility>

#include "tensor/base/error.h"
#include "tensor/base/json.h"
#include "tokenizer/read_files.h"

namespace retort {
namespace {

// One reader per file: `name_` starts its messages.
class Reader {
 public:
  explicit Reader(const std::filesystem::path& path)
      : name_(path.string()), root_(Json::parse_file(path)) {
    root_.as_object(name_);
  }

  TokenizerDefinition read() {
    read_model();
    read_normalizer();
    expect_type("pre_tokenizer", "BertPreTokenizer");
    if (const Json* decoder = root_.find("decoder"); decoder != nullptr && !decoder->is_null())
      expect_type("decoder", "WordPiece");
    read_added_tokens();
    read_post_processor();
    return std::move(result_);
  }

 private:
  // The component under `key`, which must be of the type that BERT has there.
  const Json& expect_type(const char* key, const char* expected) {
    const Json* component = root_.find(key);
    check(component != nullptr && !component->is_null(), name_, ": has no ", key, "; expected ",
          expected);
    component->as_object(where(key));
    const std::string type = component->get("type", "");
    check(type == expected, name_, ": the ", key, " ",
          type.empty() ? "without a type" : json_quote(type), " is not supported; expected ",
          expected);
    return *component;
  }

  std::string where(std::string_view key) const { return name_ + ", " + std::string(key); }

  static constexpr std::int64_t kMaxId = std::numeric_limits<std::int32_t>::max();

  std::int32_t as_id(const Json& value, const std::string& what, std::int64_t limit) const {
    const std::int64_t id = value.as_integer(what);
    check(id >= 0 && id < limit, what, ": the id ", id, " is out of range; expected 0 to ",
          limit - 1);
    return static_cast<std::int32_t>(id);
  }

  void read_model() {
    const Json* model = root_.find("model");
    check(model != nullptr && !model->is_null(), name_, ": has no model; expected WordPiece");
    model->as_object(where("model"));
    // Old files don't say the type. BPE has merges, and Unigram's vocabulary is an array.
    const Json* vocab = model->find("vocab");
    const bool could_be =
        model->find("merges") == nullptr && (vocab == nullptr || vocab->is_object());
    const std::string type = model->get("type", could_be ? "WordPiece" : "without a type");
    check(type == "WordPiece", name_, ": the model ", type,
          " is not supported; expected WordPiece");
    check(vocab != nullptr, name_, ": the model has no vocab");

    TokenizerOptions& options = result_.options;
    options.unk_token = model->get("unk_token", "[UNK]");
    options.continuing_subword_prefix = model->get("continuing_subword_prefix", "##");
    const std::int64_t longest = model->get("max_input_chars_per_word", 100);
    check(longest >= 0 && longest <= kMaxId, name_, ": max_input_chars_per_word is ", longest,
          ", which is out of range");
    options.max_input_chars_per_word = static_cast<int>(longest);

    const auto& pieces = vocab->as_object(where("model.vocab"));
    const auto count = static_cast<std::int64_t>(pieces.size());
    check(count > 0 && count <= kMaxId, name_, ": the vocabulary has ", count, " tokens");
    result_.vocab.resize(pieces.size());
    std::vector<bool> taken(pieces.size());
    for (const auto& [piece, value] : pieces) {
      check(!piece.empty(), name_, ": the vocabulary has an empty token");
      const std::int64_t id = value.as_integer(where("model.vocab") + ", " + json_quote(piece));
      check(id >= 0 && id < count, name_, ": the token ", json_quote(piece), " has id ", id,
            ", but ", count, " tokens must have the ids 0 to ", count - 1);
      const auto index = static_cast<std::size_t>(id);
      check(!taken[index], name_, ": the tokens ", json_quote(result_.vocab[index]), " and ",
            json_quote(piece), " both have id ", id);
      taken[index] = true;
      result_.vocab[index] = piece;
    }
  }

  void read_normalizer() {
    const Json& normalizer = expect_type("normalizer", "BertNormalizer");
    TokenizerOptions& options = result_.options;
    options.clean_text = normalizer.get("clean_text", true);
    options.tokenize_chinese_chars = normalizer.get("handle_chinese_chars", true);
    options.lowercase = normalizer.get("lowercase", true);
    const Json* strip = normalizer.find("strip_accents");
    if (strip != nullptr && !strip->is_null())
      options.strip_accents = strip->as_bool(where("normalizer.strip_accents"));
  }

  void read_added_tokens() {
    const Json* tokens = root_.find("added_tokens");
    if (tokens == nullptr || tokens->is_null()) return;
    std::unordered_set<std::string> seen;
    for (const Json& token : tokens->as_array(where("added_tokens"))) {
      token.as_object(where("added_tokens"));
      AddedToken added;
      added.content = token.get("content", "");
      check(!added.content.empty(), name_, ": an added token has no content");
      const std::string what = where("added_tokens") + ", " + json_quote(added.content);
      const Json* id = token.find("id");
      check(id != nullptr, what, ": has no id");
      added.id = as_id(*id, what, kMaxId);
      added.special = token.get("special", false);
      added.normalized = token.get("normalized", !added.special);
      added.single_word = token.get("single_word", false);
      added.lstrip = token.get("lstrip", false);
      added.rstrip = token.get("rstrip", false);
      check(seen.insert(added.content).second, what, ": is listed twice");
      result_.added.push_back(std::move(added));
    }
  }

  void read_post_processor() {
    using Kind = TemplatePiece::Kind;
    const Json* processor = root_.find("post_processor");
    if (processor == nullptr || processor->is_null()) {  // no special tokens
      result_.single = {{Kind::kFirst, {}, {}, 0}};
      result_.pair = {{Kind::kFirst, {}, {}, 0}, {Kind::kSecond, {}, {}, 1}};
      return;
    }
    processor->as_object(where("post_processor"));
    const std::string type = processor->get("type", "");
    if (type == "BertProcessing") {
      const TemplatePiece cls = read_bert_token(*processor, "cls"),
                          sep = read_bert_token(*processor, "sep");
      result_.single = bert_template(cls, sep, false);
      result_.pair = bert_template(cls, sep, true);
    } else if (type == "TemplateProcessing") {
      result_.single = read_template(*processor, "single");
      result_.pair = read_template(*processor, "pair");
    } else {
      fail(name_, ": the post_processor ", type.empty() ? "without a type" : json_quote(type),
           " is not supported; expected TemplateProcessing or BertProcessing");
    }
  }

  // BertProcessing's "cls": ["[CLS]", 101].
  TemplatePiece read_bert_token(const Json& processor, const char* key) {
    const std::string what = where("post_processor.") + key;
    const Json* value = processor.find(key);
    check(value != nullptr && value->is_array() && value->as_array(what).size() == 2, what,
          ": expected a token and its id");
    const auto& pair = value->as_array(what);
    return {
        TemplatePiece::Kind::kSpecial, pair[0].as_string(what), {as_id(pair[1], what, kMaxId)}, 0};
  }

  Template read_template(const Json& processor, const char* key) {
    using Kind = TemplatePiece::Kind;
    const std::string what = where("post_processor.") + key;
    const Json* items = processor.find(key);
    check(items != nullptr, what, ": is missing");
    Template pieces;
    for (const Json& item : items->as_array(what)) {
      check(item.is_object() && item.as_object(what).size() == 1, what,
            ": expected items with one member, Sequence or SpecialToken");
      const auto& [kind, body] = item.as_object(what)[0];
      body.as_object(what);
      const std::string id = body.get("id", "");
      TemplatePiece piece;
      const Json* type_id = body.find("type_id");
      if (type_id != nullptr) piece.type_id = as_id(*type_id, what + ", type_id", kMaxId);
      if (kind == "Sequence") {
        check(id == "A" || id == "B", what, ": the sequence ", json_quote(id),
              " is neither A nor B");
        piece.kind = id == "A" ? Kind::kFirst : Kind::kSecond;
      } else {
        check(kind == "SpecialToken", what, ": the item ", json_quote(kind), " is not supported");
        piece.name = id;
        piece.ids = read_special_ids(processor, id, what);
      }
      pieces.push_back(std::move(piece));
    }
    const auto count = [&](Kind kind) {
      int n = 0;
      for (const TemplatePiece& piece : pieces) n += piece.kind == kind ? 1 : 0;
      return n;
    };
    const int seconds = std::string_view(key) == "pair" ? 1 : 0;
    check(count(Kind::kFirst) == 1 && count(Kind::kSecond) == seconds, what,
          ": expected the sequence A",
          seconds == 1 ? " and the sequence B, once each" : " once and no other");
    return pieces;
  }

  std::vector<std::int32_t> read_special_ids(const Json& processor, const std::string& token,
                                             const std::string& what) {
    const Json* all = processor.find("special_tokens");
    const Json* entry = all == nullptr ? nullptr : all->find(token);
    const Json* ids = entry == nullptr ? nullptr : entry->find("ids");
    check(ids != nullptr, what, ": the special token ", json_quote(token), " has no ids");
    std::vector<std::int32_t> result;
    for (const Json& id : ids->as_array(what)) result.push_back(as_id(id, what, kMaxId));
    return result;
  }

  std::string name_;
  Json root_;
  TokenizerDefinition result_;
};

}  // namespace

TokenizerDefinition read_tokenizer_json(const std::filesystem::path& path) {
  return Reader(path).read();
}

}  // namespace retort
