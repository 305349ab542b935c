// retort tokenize: the ids of every line of a file.
#include <cstdio>
#include <string_view>

#include "tensor/base/error.h"
#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tokenizer/tokenizer.h"
#include "tools/arguments.h"
#include "tools/commands.h"

namespace retort::tools {
namespace {

struct Tokenize {
  std::string model, input, output, separator;
  bool json = false, tokens = false;
  int max_length = 0;

  std::string encoded(const Tokenizer& tokenizer, std::string_view line) const {
    std::optional<std::string_view> pair;
    if (const std::size_t at = separator.empty() ? line.npos : line.find(separator); at != line.npos) {
      pair = line.substr(at + separator.size());
      line = line.substr(0, at);
    }
    const Encoding encoding = tokenizer.encode(line, pair, max_length);
    if (json) {
      Json object, ids = Json::Array{}, types = Json::Array{}, pieces = Json::Array{};
      for (const std::int32_t id : encoding.ids) {
        ids.push_back(std::int64_t{id});
        pieces.push_back(tokenizer.token(id));
      }
      for (const std::int32_t type : encoding.type_ids) types.push_back(std::int64_t{type});
      object["ids"] = ids;
      object["type_ids"] = types;
      object["tokens"] = pieces;
      return object.dump();
    }
    std::string text;
    for (const std::int32_t id : encoding.ids)
      text += (text.empty() ? "" : " ") + (tokens ? tokenizer.token(id) : std::to_string(id));
    return text;
  }

  int run() const {
    const Tokenizer tokenizer = Tokenizer::load(model);
    const std::string content = read_file(input);
    std::string lines;
    std::int64_t number = 0;
    for (std::size_t begin = 0; begin < content.size();) {
      const std::size_t end = std::min(content.find('\n', begin), content.size());
      ++number;
      try {
        lines += encoded(tokenizer, std::string_view(content).substr(begin, end - begin)) + "\n";
      } catch (const Error& error) {
        fail(input, ": line ", number, ": ", error.what());
      }
      begin = end + 1;
    }
    if (output.empty()) print(lines);
    else write_output(output, lines);
    return 0;
  }
};

}  // namespace

void add_tokenize(CLI::App& app, Action& action) {
  static Tokenize tokenize;
  CLI::App* command = app.add_subcommand("tokenize", "Token ids of every line of a file");
  command->add_option("--model", tokenize.model, "Model directory, tokenizer.json or vocab.txt")->required();
  command->add_option("--input", tokenize.input, "File of lines; nothing but the line end is stripped")->required();
  command->add_option("--output", tokenize.output, "File to write (default: stdout)");
  command->add_option("--pair-separator", tokenize.separator, "Splits a line into two texts (its first occurrence)");
  command->add_flag("--tokens", tokenize.tokens, "Pieces instead of ids");
  command->add_flag("--json", tokenize.json, "An object per line: ids, type_ids, tokens");
  command->add_option("--max-length", tokenize.max_length, "Truncate to so many tokens (0: don't)")
      ->capture_default_str()->check(CLI::Range(0, 1 << 24));
  command->callback([&action] { action = [] { return tokenize.run(); }; });
}

}  // namespace retort::tools
