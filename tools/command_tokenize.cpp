// retort tokenize and retort detokenize: the ids of every line of a file, and the way back.
#include <charconv>
#include <cstdio>
#include <string_view>

#include "tensor/base/error.h"
#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/unicode.h"
#include "tools/arguments.h"
#include "tools/commands.h"

namespace retort::tools {
namespace {

// Lines end at \n; what follows the last one is a line if it isn't empty.
std::vector<std::string_view> lines_of(std::string_view content) {
  std::vector<std::string_view> lines;
  while (!content.empty()) {
    lines.push_back(content.substr(0, content.find('\n')));
    content.remove_prefix(std::min(content.size(), lines.back().size() + 1));
  }
  return lines;
}

template <class List, class Write>
void append_list(std::string& out, const char* key, const List& list, Write&& write) {
  out += out.back() == '{' ? "\"" : ", \"";
  out.append(key).append("\": [");
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (i > 0) out += ", ";
    write(list[i]);
  }
  out += ']';
}

void append_json(std::string& out, const EncodingView& encoding) {
  const auto number = [&](std::int64_t value) { out += std::to_string(value); };
  const auto pair = [&](const Offsets& offsets) {
    out.append("[").append(std::to_string(offsets.first)).append(", ");
    out.append(std::to_string(offsets.second)).append("]");
  };
  out += '{';
  append_list(out, "ids", encoding.ids, number);
  append_list(out, "type_ids", encoding.type_ids, number);
  append_list(out, "tokens", encoding.tokens,
              [&](const std::string& token) { out += json_quote(token); });
  append_list(out, "offsets", encoding.offsets, pair);
  append_list(out, "byte_offsets", encoding.byte_offsets, pair);
  append_list(out, "attention_mask", encoding.attention_mask, number);
  append_list(out, "special_tokens_mask", encoding.special_tokens_mask, number);
  append_list(out, "word_ids", encoding.word_ids,
              [&](std::int32_t word) { out += word < 0 ? "null" : std::to_string(word); });
  append_list(out, "overflowing", encoding.overflowing,
              [&](const Encoding& window) { append_json(out, window); });
  out += '}';
}

struct Tokenize {
  std::string model, input, output, separator, side = "right", strategy = "longest_first";
  bool ids = false, json = false, json_input = false, tokens = false, no_special = false,
       lossy = false;
  int max_length = 0, stride = 0, pad_to = 0, threads = 0;

  EncodeOptions options() const {
    EncodeOptions result;
    result.add_special_tokens = !no_special;
    result.details = result.texts = json || tokens;
    if (max_length == 0) return result;
    Truncation truncation;
    truncation.max_length = static_cast<std::size_t>(max_length);
    truncation.stride = static_cast<std::size_t>(stride);
    truncation.side = side == "left" ? Side::kLeft : Side::kRight;
    truncation.strategy = strategy == "only_first"    ? TruncationStrategy::kOnlyFirst
                          : strategy == "only_second" ? TruncationStrategy::kOnlySecond
                                                      : TruncationStrategy::kLongestFirst;
    result.truncation = truncation;
    return result;
  }

  Padding padding(const Tokenizer& tokenizer) const {
    Padding result;
    result.length = static_cast<std::size_t>(pad_to);
    const Json& file = tokenizer.definition().padding;
    if (file.is_object()) {
      result.id = static_cast<std::int32_t>(file.get("pad_id", 0));
      result.type_id = static_cast<std::int32_t>(file.get("pad_type_id", 0));
      result.token = file.get("pad_token", "[PAD]");
    } else if (tokenizer.pad_id() >= 0) {
      result.id = tokenizer.pad_id();
      result.token = tokenizer.options().pad_token;
    } else {
      fail("--pad: ", model, " has no padding token");
    }
    return result;
  }

  void append_line(std::string& out, const EncodingView& encoding) const {
    if (json) {
      append_json(out, encoding);
    } else {
      for (std::size_t i = 0; i < encoding.size(); ++i) {
        if (i > 0) out += ' ';
        out += tokens ? encoding.tokens[i] : std::to_string(encoding.ids[i]);
      }
    }
    out += '\n';
  }

  int run() const {
    apply_threads(threads);
    const Tokenizer tokenizer = Tokenizer::load(model);
    std::string content = read_file(input);
    if (lossy) content = unicode::replace_invalid(content);
    const EncodeOptions encode_options = options();
    const std::optional<Padding> pad_options =
        pad_to > 0 ? std::optional(padding(tokenizer)) : std::nullopt;
    std::vector<std::string_view> lines = lines_of(content);
    std::vector<std::string> texts;
    if (json_input) {
      texts.reserve(lines.size());
      for (std::string_view& line : lines) {
        const std::string where = input + ": line " + std::to_string(texts.size() + 1);
        texts.push_back(Json::parse(line, where).as_string(where));
        line = texts.back();
      }
    }
    std::string out;
    const auto append = [&](const EncodingView& encoding) {
      if (!pad_options) return append_line(out, encoding);
      Encoding padded = encoding.copy();
      pad(padded, pad_options->length, *pad_options);
      append_line(out, padded);
    };
    if (separator.empty()) {
      each_encoding(tokenizer, lines, encode_options, append);
    } else {
      for (std::size_t i = 0; i < lines.size(); ++i)
        append(encode_line(tokenizer, lines[i], i, encode_options));
    }
    if (output.empty()) print(out);
    else write_output(output, out);
    return 0;
  }

  // Calls take(encoding) for each line; encodes over the threads.
  template <class Take>
  void each_encoding(const Tokenizer& tokenizer, std::span<const std::string_view> lines,
                     const EncodeOptions& options, Take&& take) const {
    constexpr std::size_t kBatch = 4096;  // bounds what is kept of long files
    EncodedBatch batch;
    for (std::size_t begin = 0; begin < lines.size(); begin += kBatch) {
      const auto part = lines.subspan(begin, std::min(kBatch, lines.size() - begin));
      try {
        tokenizer.encode_batch(part, {}, options, batch);
      } catch (const Error&) {
        // Once more, one by one, to name the line.
        for (std::size_t i = 0; i < part.size(); ++i)
          encode_line(tokenizer, part[i], begin + i, options);
        throw;
      }
      for (std::size_t i = 0; i < batch.size(); ++i) take(batch[i]);
    }
  }

  Encoding encode_line(const Tokenizer& tokenizer, std::string_view line, std::size_t i,
                       const EncodeOptions& options) const {
    std::optional<std::string_view> second;
    const std::size_t at = separator.empty() ? line.npos : line.find(separator);
    if (at != line.npos) {
      second = line.substr(at + separator.size());
      line = line.substr(0, at);
    }
    try {
      return tokenizer.encode(line, second, options);
    } catch (const Error& error) {
      fail(input, ": line ", i + 1, ": ", error.what());
    }
  }
};

struct Detokenize {
  std::string model, input, output;
  bool skip_special = false;

  int run() const {
    const Tokenizer tokenizer = Tokenizer::load(model);
    const std::string content = read_file(input);
    std::string out;
    std::size_t number = 0;
    for (const std::string_view line : lines_of(content)) {
      ++number;
      for (const char c : tokenizer.decode(read_ids(line, number), skip_special)) {
        if (c == '\n') out += "\\n";
        else out += c;
      }
      out += '\n';
    }
    if (output.empty()) print(out);
    else write_output(output, out);
    return 0;
  }

  std::vector<std::int32_t> read_ids(std::string_view line, std::size_t number) const {
    std::vector<std::int32_t> ids;
    const char* at = line.data();
    const char* const end = at + line.size();
    for (;;) {
      while (at < end && (*at == ' ' || *at == '\r')) ++at;
      if (at == end) return ids;
      std::int32_t id = 0;
      const auto [behind, error] = std::from_chars(at, end, id);
      check(error == std::errc() && id >= 0 && (behind == end || *behind == ' ' || *behind == '\r'),
            input, ": line ", number, ": expected ids separated by spaces");
      ids.push_back(id);
      at = behind;
    }
  }
};

}  // namespace

void add_tokenize(CLI::App& app, Action& action) {
  static Tokenize tokenize;
  CLI::App* command = app.add_subcommand("tokenize", "Token ids of every line of a file");
  command
      ->add_option("--model", tokenize.model,
                   "Model directory or tokenizer file (json, txt, model, tiktoken)")
      ->required();
  command
      ->add_option("--input", tokenize.input, "File of lines; nothing but the line end is stripped")
      ->required();
  command->add_option("--output", tokenize.output, "File to write (default: stdout)");
  command->add_option("--pair-separator", tokenize.separator,
                      "Splits a line into two texts (its first occurrence)");
  CLI::Option* ids =
      command->add_flag("--ids", tokenize.ids, "Ids separated by spaces (the default)");
  CLI::Option* tokens =
      command->add_flag("--tokens", tokenize.tokens, "Pieces instead of ids")->excludes(ids);
  command
      ->add_flag("--json", tokenize.json,
                 "An object per line: ids, tokens, offsets, masks, words, overflowing")
      ->excludes(ids)
      ->excludes(tokens);
  command->add_flag("--json-input", tokenize.json_input,
                    "Lines are JSON strings, which may hold line feeds");
  command->add_flag("--no-special", tokenize.no_special, "No special tokens around the text");
  command->add_option("--max-length", tokenize.max_length, "Truncate to so many tokens (0: don't)")
      ->capture_default_str()
      ->check(CLI::Range(0, 1 << 24));
  command->add_option("--truncation", tokenize.strategy, "Which text of a pair loses tokens")
      ->capture_default_str()
      ->check(CLI::IsMember({"longest_first", "only_first", "only_second"}));
  command->add_option("--truncation-side", tokenize.side, "Where tokens are taken away")
      ->capture_default_str()
      ->check(CLI::IsMember({"left", "right"}));
  command->add_option("--stride", tokenize.stride, "Tokens that overflowing windows share")
      ->capture_default_str()
      ->check(CLI::Range(0, 1 << 24));
  command->add_option("--pad", tokenize.pad_to, "Pad to so many tokens (0: don't)")
      ->capture_default_str()
      ->check(CLI::Range(0, 1 << 24));
  command->add_flag("--lossy", tokenize.lossy,
                    "Replace invalid UTF-8 by U+FFFD instead of stopping");
  add_threads(*command, tokenize.threads);
  command->callback([&action] { action = [] { return tokenize.run(); }; });
}

void add_detokenize(CLI::App& app, Action& action) {
  static Detokenize detokenize;
  CLI::App* command = app.add_subcommand("detokenize", "Text from token ids");
  command->add_option("--model", detokenize.model, "Model directory or tokenizer file")->required();
  command->add_option("--input", detokenize.input, "File of ids, a text per line")->required();
  command->add_option("--output", detokenize.output,
                      "File to write (default: stdout); line feeds become \\n");
  command->add_flag("--skip-special", detokenize.skip_special, "Leave special tokens out");
  command->callback([&action] { action = [] { return detokenize.run(); }; });
}

}  // namespace retort::tools
