// From the "decoder" of a tokenizer.json to its class.
#include "tokenizer/component.h"
#include "tokenizer/decoders/decoders.h"
#include "tokenizer/pre_tokenizers/patterns.h"
#include "tokenizer/pre_tokenizers/words.h"

namespace retort {

std::unique_ptr<Decoder> make_decoder(const Json& json, const std::string& where) {
  const std::string type = component_type(json, where);
  if (type == "BPEDecoder") return std::make_unique<BpeDecoder>(json.get("suffix", "</w>"));
  if (type == "ByteLevel") return std::make_unique<ByteLevelDecoder>();
  if (type == "WordPiece")
    return std::make_unique<WordPieceDecoder>(json.get("prefix", "##"), json.get("cleanup", true));
  if (type == "Metaspace") {
    const Metaspace metaspace = Metaspace::from_json(json, where);
    return std::make_unique<MetaspaceDecoder>(metaspace.replacement(),
                                              metaspace.prepend() != Metaspace::Prepend::kNever);
  }
  if (type == "CTC")
    return std::make_unique<CtcDecoder>(json.get("pad_token", "<pad>"),
                                        json.get("word_delimiter_token", "|"),
                                        json.get("cleanup", true));
  if (type == "Replace") return std::make_unique<ReplaceDecoder>(Replace::from_json(json, where));
  if (type == "Fuse") return std::make_unique<FuseDecoder>();
  if (type == "Strip") {
    const std::int64_t start = json.get("start", 0), stop = json.get("stop", 0);
    check(start >= 0 && stop >= 0, where, ": start and stop must not be negative");
    return std::make_unique<StripDecoder>(
        only_character(json.get("content", " "), where + ", content"),
        static_cast<std::size_t>(start), static_cast<std::size_t>(stop));
  }
  if (type == "ByteFallback") return std::make_unique<ByteFallbackDecoder>();
  if (type == "Sequence")
    return std::make_unique<DecoderSequence>(
        component_list<Decoder>(json, "decoders", where, make_decoder));
  fail(where, ": the decoder ", json_quote(type), " is not known");
}

}  // namespace retort
