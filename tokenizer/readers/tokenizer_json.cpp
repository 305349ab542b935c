// tokenizer.json: the file that holds everything. Its vocabulary and merges are read where they
// were parsed.
#include <limits>
#include <unordered_set>
#include <utility>

#include "tensor/base/error.h"
#include "tensor/base/file.h"
#include "tensor/base/json_document.h"
#include "tokenizer/models/bpe.h"
#include "tokenizer/models/unigram.h"
#include "tokenizer/models/wordlevel.h"
#include "tokenizer/models/wordpiece.h"
#include "tokenizer/processors/processors.h"
#include "tokenizer/readers/merges.h"
#include "tokenizer/readers/readers.h"

namespace retort {
namespace {

// One reader per file: `name_` starts its messages.
class Reader {
 public:
  Reader(std::string&& text, const std::string& name)
      : name_(name), document_(std::move(text), name), root_(document_.root()) {
    if (!root_.is_object())
      fail(name_, ": expected an object, found a ", root_.to_json(name_).kind());
  }

  TokenizerDefinition read() {
    result_.normalizer = part("normalizer");
    result_.pre_tokenizer = part("pre_tokenizer");
    result_.post_processor = part("post_processor");
    result_.decoder = part("decoder");
    result_.truncation = part("truncation");
    result_.padding = part("padding");
    read_model();
    read_added_tokens();
    read_bert_options();
    return std::move(result_);
  }

 private:
  std::string where(std::string_view key) const { return name_ + ", " + std::string(key); }

  Json part(const char* key) const {
    const auto node = root_.find(key);
    return node ? node->to_json(where(key)) : Json();
  }

  void read_model() {
    const auto model = root_.find("model");
    check(model && model->is_object(), name_, ": has no model");
    // The small fields as a value; the large ones stay where they are.
    Json::Object fields;
    model->each_member([&](std::string_view key, JsonNode value) {
      if (key != "vocab" && key != "merges")
        fields.emplace_back(key, value.to_json(where("model")));
    });
    const Json options{std::move(fields)};
    const auto vocab = model->find("vocab"), merges = model->find("merges");
    check(vocab.has_value(), name_, ": the model has no vocab");
    // Old files don't say the type. BPE has merges, Unigram's vocabulary is an array, and only
    // WordPiece has a longest word.
    std::string guess = "WordLevel";
    if (merges) guess = "BPE";
    else if (vocab->is_array()) guess = "Unigram";
    else if (options.find("max_input_chars_per_word") != nullptr ||
             options.find("continuing_subword_prefix") != nullptr ||
             options.get("unk_token", "") == "[UNK]")
      guess = "WordPiece";
    const std::string type = options.get("type", guess.c_str());
    if (type == "BPE") {
      check(merges.has_value(), name_, ": the model has no merges");
      read_bpe(options, *vocab, *merges);
    } else if (type == "Unigram") {
      read_unigram(options, *vocab);
    } else if (type == "WordPiece") {
      const std::int64_t longest = options.get("max_input_chars_per_word", 100);
      check(longest >= 0 && longest <= std::numeric_limits<std::int32_t>::max(), name_,
            ": max_input_chars_per_word is ", longest, ", which is out of range");
      result_.model = std::make_shared<WordPiece>(
          read_vocabulary(*vocab), options.get("unk_token", "[UNK]"),
          options.get("continuing_subword_prefix", "##"), static_cast<std::size_t>(longest), name_);
    } else if (type == "WordLevel") {
      result_.model =
          std::make_shared<WordLevel>(read_vocabulary(*vocab), options.get("unk_token", "<unk>"));
    } else {
      fail(name_, ": the model ", json_quote(type), " is not known");
    }
  }

  Vocabulary read_vocabulary(JsonNode node) const {
    const std::string what = where("model.vocab");
    check(node.is_object(), what, ": expected an object of ids by token");
    std::vector<Vocabulary::Entry> entries;
    node.each_member([&](std::string_view piece, JsonNode id) {
      entries.push_back({piece, id.as_integer(what)});
    });
    check(!entries.empty(), name_, ": the vocabulary has no tokens");
    return {entries, name_};
  }

  void read_bpe(const Json& options, JsonNode vocab, JsonNode merges) {
    BpeOptions bpe;
    bpe.unk_token = options.get("unk_token", "");
    bpe.fuse_unk = options.get("fuse_unk", false);
    bpe.byte_fallback = options.get("byte_fallback", false);
    bpe.ignore_merges = options.get("ignore_merges", false);
    bpe.prefix = options.get("continuing_subword_prefix", "");
    bpe.suffix = options.get("end_of_word_suffix", "");
    Vocabulary vocabulary = read_vocabulary(vocab);
    const std::string what = where("model.merges");
    check(merges.is_array(), what, ": expected an array");
    MergeReader reader(vocabulary, bpe.prefix, what);
    merges.each_element([&](JsonNode merge) {
      if (merge.is_string()) return reader.add_line(merge.as_string(name_));
      std::string_view pair[2];
      std::size_t count = 0;
      merge.each_element([&](JsonNode piece) {
        if (count < 2) pair[count] = piece.as_string(what);
        ++count;
      });
      check(count == 2, what, ": merge ", reader.count(), " is not a pair of tokens");
      reader.add(pair[0], pair[1]);
    });
    const std::vector<MergeTable::Merge>& all = reader.finish();
    result_.model = std::make_shared<Bpe>(std::move(vocabulary), all, std::move(bpe), name_);
  }

  void read_unigram(const Json& options, JsonNode vocab) {
    const std::string what = where("model.vocab");
    check(vocab.is_array(), what, ": expected an array of tokens and scores");
    std::vector<Vocabulary::Entry> entries;
    std::vector<double> scores;
    vocab.each_element([&](JsonNode pair) {
      std::size_t count = 0;
      pair.each_element([&](JsonNode item) {
        if (count == 0)
          entries.push_back({item.as_string(what), static_cast<std::int64_t>(entries.size())});
        if (count == 1) scores.push_back(item.as_number(what));
        ++count;
      });
      check(count == 2, what, ": entry ", entries.size(), " is not a token and its score");
    });
    check(!entries.empty(), name_, ": the vocabulary has no tokens");
    std::optional<std::int32_t> unk_id;
    if (const Json* id = options.find("unk_id"); id != nullptr && !id->is_null())
      unk_id = read_id(*id, where("model.unk_id"));
    result_.model = std::make_shared<Unigram>(Vocabulary(entries, name_), std::move(scores), unk_id,
                                              options.get("byte_fallback", false), name_);
  }

  void read_added_tokens() {
    const Json tokens = part("added_tokens");
    if (tokens.is_null()) return;
    std::unordered_set<std::string> seen;
    for (const Json& token : tokens.as_array(where("added_tokens"))) {
      token.as_object(where("added_tokens"));
      AddedToken added;
      added.content = token.get("content", "");
      check(!added.content.empty(), name_, ": an added token has no content");
      const std::string what = where("added_tokens") + ", " + json_quote(added.content);
      const Json* id = token.find("id");
      check(id != nullptr, what, ": has no id");
      added.id = read_id(*id, what);
      added.special = token.get("special", false);
      added.normalized = token.get("normalized", !added.special);
      added.single_word = token.get("single_word", false);
      added.lstrip = token.get("lstrip", false);
      added.rstrip = token.get("rstrip", false);
      check(seen.insert(added.content).second, what, ": is listed twice");
      result_.added.push_back(std::move(added));
    }
  }

  // What BERT's own files say in other words.
  void read_bert_options() {
    const auto* model = dynamic_cast<const WordPiece*>(result_.model.get());
    TokenizerOptions& options = result_.options;
    if (model != nullptr) {
      options.unk_token = model->unk_token();
      options.continuing_subword_prefix = model->prefix();
      options.max_input_chars_per_word = static_cast<int>(model->max_characters());
    }
    const Json& normalizer = result_.normalizer;
    const bool normalizes =
        normalizer.is_object() && normalizer.get("type", "") == "BertNormalizer";
    result_.is_bert = model != nullptr && normalizes && result_.pre_tokenizer.is_object() &&
                      result_.pre_tokenizer.get("type", "") == "BertPreTokenizer";
    if (!normalizes) {
      options.lowercase = false;
      return;
    }
    options.clean_text = normalizer.get("clean_text", true);
    options.tokenize_chinese_chars = normalizer.get("handle_chinese_chars", true);
    options.lowercase = normalizer.get("lowercase", true);
    const Json* strip = normalizer.find("strip_accents");
    if (strip != nullptr && !strip->is_null())
      options.strip_accents = strip->as_bool(where("normalizer.strip_accents"));
  }

  std::string name_;
  JsonDocument document_;
  JsonNode root_;
  TokenizerDefinition result_;
};

}  // namespace

TokenizerDefinition parse_tokenizer_json(std::string_view text, const std::string& name) {
  return Reader(std::string(text), name).read();
}

TokenizerDefinition read_tokenizer_json(const std::filesystem::path& path) {
  return Reader(read_file(path), path.string()).read();
}

}  // namespace retort
