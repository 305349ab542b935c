#include "tokenizer/training/bpe.h"

#include <algorithm>
#include <unordered_map>

#include "tensor/base/error.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/models/bpe.h"
#include "tokenizer/pre_tokenizers/scanners.h"
#include "tokenizer/training/pair_joiner.h"
#include "tokenizer/unicode.h"

namespace retort {

TokenizerDefinition train_bpe(std::span<const std::string> texts, const BpeTrainerOptions& options,
                              const TrainingProgress& progress) {
  constexpr const char* kEndOfText = "<|endoftext|>";
  check(options.vocab_size >= 257, "a vocabulary of ", options.vocab_size,
        " has no room for the 256 bytes and ", kEndOfText);
  std::unordered_map<std::string_view, std::int64_t> counts;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::string_view text = texts[i];
    const std::size_t invalid = unicode::find_invalid_utf8(text);
    check(invalid == text.npos, "text ", i + 1, " is not valid UTF-8 at byte ", invalid);
    scanners::scan(scanners::Known::kGpt2, text, 0, [&](std::size_t begin, std::size_t end) {
      ++counts[text.substr(begin, end - begin)];
    });
  }
  // In the order of the characters that write them, as the reference sorts its alphabet.
  std::vector<char32_t> alphabet(byte_level::kCharacterOf.begin(), byte_level::kCharacterOf.end());
  std::sort(alphabet.begin(), alphabet.end());
  std::vector<std::string> vocab = {kEndOfText};
  std::array<std::int32_t, 256> id_of{};
  for (const char32_t c : alphabet) {
    id_of[*byte_level::byte_of(c)] = static_cast<std::int32_t>(vocab.size());
    vocab.emplace_back();
    unicode::append(vocab.back(), c);
  }
  std::vector<std::pair<std::string_view, std::int64_t>> sorted(counts.begin(), counts.end());
  std::sort(sorted.begin(), sorted.end());
  std::vector<CountedWord> words;
  for (const auto& [text, count] : sorted) {
    if (text.size() < 2) continue;
    words.push_back({{}, count});
    for (const char c : text) words.back().pieces.push_back(id_of[static_cast<unsigned char>(c)]);
  }
  PairJoiner joiner(vocab, std::move(words), "");
  joiner.run(static_cast<std::size_t>(options.vocab_size), options.min_frequency, progress);

  std::vector<Vocabulary::Entry> entries;
  for (const std::string& piece : vocab)
    entries.push_back({piece, static_cast<std::int64_t>(entries.size())});
  Vocabulary vocabulary(entries, "the trained vocabulary");
  std::vector<MergeTable::Merge> merges;
  for (const auto& [left, right] : joiner.joined())
    merges.push_back({left, right,
                      vocabulary.find(vocab[static_cast<std::size_t>(left)] +
                                      vocab[static_cast<std::size_t>(right)])});
  TokenizerDefinition definition;
  definition.options.lowercase = false;
  definition.options.unk_token = definition.options.cls_token = definition.options.sep_token =
      definition.options.mask_token = definition.options.pad_token = kEndOfText;
  definition.model =
      std::make_shared<Bpe>(std::move(vocabulary), merges, BpeOptions{}, "the trained vocabulary");
  for (Json* part : {&definition.pre_tokenizer, &definition.decoder, &definition.post_processor}) {
    (*part)["type"] = "ByteLevel";
    (*part)["add_prefix_space"] = false;
    (*part)["trim_offsets"] = false;
    (*part)["use_regex"] = true;
  }
  AddedToken token;
  token.content = kEndOfText;
  token.special = true;
  definition.added.push_back(token);
  return definition;
}

}  // namespace retort
