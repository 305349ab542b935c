// GPT-2's two files: vocab.json and merges.txt.
#include "tensor/base/error.h"
#include "tensor/base/file.h"
#include "tensor/base/json_document.h"
#include "tokenizer/readers/merges.h"
#include "tokenizer/readers/readers.h"
#include "tokenizer/unicode.h"

namespace retort {

TokenizerDefinition parse_bpe_files(std::string_view vocab, const std::string& vocab_name,
                                    std::string_view merges, const std::string& merges_name) {
  const JsonDocument document(vocab, vocab_name);
  check(document.root().is_object(), vocab_name, ": expected an object of ids by token");
  std::vector<Vocabulary::Entry> entries;
  document.root().each_member([&](std::string_view piece, JsonNode id) {
    entries.push_back({piece, id.as_integer(vocab_name)});
  });
  check(!entries.empty(), vocab_name, ": the vocabulary has no tokens");
  const Vocabulary vocabulary(entries, vocab_name);

  const std::size_t invalid = unicode::find_invalid_utf8(merges);
  check(invalid == std::string_view::npos, merges_name, ": is not valid UTF-8 at byte ", invalid);
  MergeReader reader(vocabulary, "", merges_name);
  while (!merges.empty()) {
    std::string_view line = merges.substr(0, merges.find('\n'));
    merges.remove_prefix(std::min(merges.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) reader.add_line(line);
  }
  TokenizerDefinition definition;
  definition.options.lowercase = false;
  definition.model = std::make_shared<Bpe>(vocabulary, reader.finish(), BpeOptions{}, vocab_name);
  for (Json* part : {&definition.pre_tokenizer, &definition.decoder, &definition.post_processor}) {
    (*part)["type"] = "ByteLevel";
    (*part)["add_prefix_space"] = false;
    (*part)["trim_offsets"] = false;
    (*part)["use_regex"] = true;
  }
  constexpr const char* kEndOfText = "<|endoftext|>";
  if (const std::int32_t id = vocabulary.find(kEndOfText); id != Vocabulary::kNone) {
    AddedToken token;
    token.content = kEndOfText;
    token.id = id;
    token.special = true;
    definition.added.push_back(token);
  }
  return definition;
}

TokenizerDefinition read_bpe_files(const std::filesystem::path& vocab,
                                   const std::filesystem::path& merges) {
  return parse_bpe_files(read_file(vocab), vocab.string(), read_file(merges), merges.string());
}

}  // namespace retort
