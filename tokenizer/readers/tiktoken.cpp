// tiktoken's files: byte strings in base64 and their ranks, which are their ids.
#include <charconv>
#include <numeric>
#include <utility>

#include "tensor/base/error.h"
#include "tokenizer/base64.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/readers/ranked_splits.h"
#include "tokenizer/readers/readers.h"

namespace retort {
namespace {

constexpr std::size_t kLlama3Ranks = 128000;
constexpr const char* kLlama3Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// The 256 special tokens that Llama 3 has behind its ranks.
std::vector<std::string> llama3_special_tokens() {
  std::vector<std::string> tokens = {"<|begin_of_text|>", "<|end_of_text|>"};
  int reserved = 0;
  const auto reserve = [&](int count) {
    for (int i = 0; i < count; ++i)
      tokens.push_back("<|reserved_special_token_" + std::to_string(reserved++) + "|>");
  };
  reserve(4);
  tokens.insert(tokens.end(), {"<|start_header_id|>", "<|end_header_id|>"});
  reserve(1);
  tokens.push_back("<|eot_id|>");
  reserve(256 - static_cast<int>(tokens.size()));
  return tokens;
}

Json byte_level_part(bool use_regex) {
  Json json;
  json["type"] = "ByteLevel";
  json["add_prefix_space"] = false;
  json["trim_offsets"] = false;
  json["use_regex"] = use_regex;
  return json;
}

Json llama3_pre_tokenizer() {
  Json split;
  split["type"] = "Split";
  split["pattern"]["Regex"] = kLlama3Pattern;
  split["behavior"] = "Isolated";
  split["invert"] = false;
  Json steps{Json::Array{}};
  steps.push_back(std::move(split));
  steps.push_back(byte_level_part(false));
  Json json;
  json["type"] = "Sequence";
  json["pretokenizers"] = std::move(steps);
  return json;
}

// <|begin_of_text|> before each sequence.
Json llama3_template(const AddedToken& begin) {
  Json single{Json::Array{}}, pair{Json::Array{}}, ids{Json::Array{}}, tokens{Json::Array{}}, json;
  for (const int part : {0, 1})
    for (const bool special : {true, false}) {
      Json next;
      Json& body = next[special ? "SpecialToken" : "Sequence"];
      body["id"] = special ? begin.content : part == 0 ? "A" : "B";
      body["type_id"] = part;
      if (part == 0) single.push_back(next);
      pair.push_back(next);
    }
  json["type"] = "TemplateProcessing";
  json["single"] = std::move(single);
  json["pair"] = std::move(pair);
  ids.push_back(begin.id);
  tokens.push_back(begin.content);
  Json& special = json["special_tokens"][begin.content];
  special["id"] = begin.content;
  special["ids"] = std::move(ids);
  special["tokens"] = std::move(tokens);
  return json;
}

}  // namespace

TokenizerDefinition parse_tiktoken(std::string_view text, const std::string& name) {
  std::vector<std::string> pieces;
  for (std::size_t number = 1; !text.empty(); ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    const std::size_t space = line.find(' ');
    const auto bytes = from_base64(line.substr(0, space));
    std::size_t rank = 0;
    const std::string_view digits =
        space == line.npos ? std::string_view() : line.substr(space + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), rank);
    check(bytes && !bytes->empty() && error == std::errc() && end == digits.data() + digits.size(),
          name, ", line ", number, ": expected bytes in base64 and their rank");
    check(rank == pieces.size(), name, ", line ", number, ": the rank is ", rank, ", expected ",
          pieces.size());
    pieces.emplace_back();
    for (const char c : *bytes)
      unicode::append(pieces.back(), byte_level::kCharacterOf[static_cast<unsigned char>(c)]);
  }
  check(!pieces.empty(), name, ": has no ranks");
  std::vector<Vocabulary::Entry> entries;
  for (const std::string& piece : pieces)
    entries.push_back({piece, static_cast<std::int64_t>(entries.size())});
  const bool llama3 = pieces.size() == kLlama3Ranks;
  TokenizerDefinition definition;
  definition.options.lowercase = false;
  const auto add_special = [&](const std::string& content) {
    AddedToken token;
    token.content = content;
    token.id = static_cast<std::int32_t>(pieces.size() + definition.added.size());
    token.special = true;
    definition.added.push_back(token);
  };
  BpeOptions options;
  options.ignore_merges = llama3;
  const Vocabulary vocabulary(entries, name);
  std::vector<std::int32_t> ids(pieces.size());
  std::iota(ids.begin(), ids.end(), 0);
  definition.model =
      std::make_shared<Bpe>(vocabulary, ranked_splits(vocabulary, ids), options, name);
  definition.decoder = byte_level_part(true);
  if (llama3) {
    for (const std::string& token : llama3_special_tokens()) add_special(token);
    definition.pre_tokenizer = llama3_pre_tokenizer();
    definition.post_processor = llama3_template(definition.added[0]);
  } else {
    if (vocabulary.find("<|endoftext|>") == Vocabulary::kNone) add_special("<|endoftext|>");
    definition.pre_tokenizer = definition.post_processor = byte_level_part(true);
  }
  return definition;
}

}  // namespace retort
