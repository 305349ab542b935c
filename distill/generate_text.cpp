#include "distill/generate_text.h"

#include <algorithm>
#include <optional>

#include "distill/data/text.h"
#include "tensor/base/error.h"

namespace retort {
namespace {

// The text behind one prompt as its ids come.
class Writer {
 public:
  /// `beginning`: the ids before those that will come.
  Writer(const Tokenizer& tokenizer, std::span<const std::int32_t> beginning,
         const std::vector<std::string>& stop_strings)
      : stream_(tokenizer, true), stop_strings_(&stop_strings) {
    for (const std::int32_t id : beginning) stream_.next(id);
    for (const std::string& stop : stop_strings) longest_ = std::max(longest_, stop.size());
  }

  /// What the text gets by one more id; nothing once it has ended.
  std::string add(std::int32_t id) {
    if (stopped_) return {};
    const std::size_t before = text_.size();
    text_ += stream_.next(id).value_or("");
    // A stop string may have begun before, but not ended.
    const std::size_t from = before - std::min(before, longest_);
    std::size_t end = std::string::npos;
    for (const std::string& stop : *stop_strings_)
      if (const std::size_t found = text_.find(stop, from); found != std::string::npos)
        end = std::min(end, found + stop.size());
    stopped_ = end != std::string::npos;
    if (stopped_) text_.resize(end);
    return text_.substr(before);
  }

  const std::string& text() const { return text_; }
  bool stopped() const { return stopped_; }

 private:
  DecodeStream stream_;
  const std::vector<std::string>* stop_strings_;
  std::size_t longest_ = 0;
  std::string text_;
  bool stopped_ = false;
};

}  // namespace

TokenSequence encode_prompt(const Tokenizer& tokenizer, const std::string& prompt,
                            std::int64_t positions, std::optional<std::int32_t> bos) {
  TokenSequence sequence{tokenizer.encode(prompt).ids, {}};
  if (sequence.ids.empty() && bos) sequence.ids.push_back(*bos);
  check(!sequence.ids.empty(), "the prompt has no tokens; write something to go on with");
  const auto length = static_cast<std::int64_t>(sequence.ids.size());
  check(length < positions, "the prompt has ", length, " tokens and the model ", positions,
        " positions, so nothing can follow; shorten it");
  return sequence;
}

std::vector<GeneratedText> generate_text(Decoding& decoding, const Tokenizer& tokenizer,
                                         const std::vector<TokenSequence>& prompts,
                                         const GenerateOptions& options,
                                         const std::vector<std::string>& stop_strings,
                                         const TextCallbacks& callbacks) {
  for (const std::string& stop : stop_strings)
    check(!stop.empty() && find_invalid_utf8(stop) == std::string::npos,
          "--stop: expected a text in UTF-8, found ", quote_for_message(stop));
  std::vector<Writer> writers;
  for (const TokenSequence& prompt : prompts)
    writers.emplace_back(tokenizer, decoding.beginning(prompt), stop_strings);
  // Without beams each id comes here once. Beams come and go, so their texts are looked at whole.
  const auto written_by = [&](std::size_t prompt, std::span<const std::int32_t> ids) {
    Writer writer = writers[prompt];
    for (const std::int32_t id : ids) writer.add(id);
    return writer;
  };
  const auto rule = [&](std::size_t prompt, std::span<const std::int32_t> ids) {
    if (callbacks.should_stop && callbacks.should_stop()) return true;
    if (options.beams > 1) return !stop_strings.empty() && written_by(prompt, ids).stopped();
    const std::string piece = writers[prompt].add(ids.back());
    if (callbacks.piece && !piece.empty()) callbacks.piece(prompt, piece);
    return writers[prompt].stopped();
  };
  std::vector<GeneratedText> texts;
  for (Generated& found : generate(decoding, prompts, options, rule)) {
    const std::size_t prompt = texts.size();
    std::string text =
        options.beams > 1 ? written_by(prompt, found.ids).text() : writers[prompt].text();
    texts.push_back({std::move(text), std::move(found.ids), found.ending});
  }
  return texts;
}

}  // namespace retort
