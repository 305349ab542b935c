// retort train-tokenizer: a vocabulary from texts.
#include <cstdio>
#include <filesystem>

#include "distill/data/table.h"
#include "tensor/base/error.h"
#include "tensor/base/file.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/train_wordpiece.h"
#include "tools/arguments.h"
#include "tools/commands.h"

namespace retort::tools {
namespace {

struct TrainTokenizer {
  std::string kind = "wordpiece", out;
  std::vector<std::string> inputs;
  WordPieceTrainerOptions options;
  bool cased = false;

  int run() {
    check(kind == "wordpiece", "--kind: expected wordpiece, found '", kind, "'");
    std::vector<std::string> texts;
    for (const std::string& input : inputs) read(input, texts);
    options.lowercase = options.strip_accents = !cased;
    TokenizerOptions settings;
    settings.lowercase = !cased;
    const Tokenizer tokenizer = Tokenizer::from_vocab(train_wordpiece(texts, options), settings);
    std::filesystem::create_directories(out);
    tokenizer.save(out, "bert");
    print(out + ": " + std::to_string(tokenizer.vocab_size()) + " pieces from " +
          std::to_string(texts.size()) + " texts\n");
    return 0;
  }

  // Tables give their texts, other files their lines.
  static void read(const std::string& input, std::vector<std::string>& texts) {
    const std::string extension = std::filesystem::path(input).extension().string();
    if (extension == ".tsv" || extension == ".csv" || extension == ".jsonl") {
      TableOptions table;
      table.label_required = false;
      const Table rows = read_table(input, table);
      warn(rows.warnings);
      for (const Row& row : rows.rows) {
        texts.push_back(row.text);
        if (row.pair) texts.push_back(*row.pair);
      }
      return;
    }
    const std::string content = read_file(input);
    for (std::size_t begin = 0; begin < content.size();) {
      const std::size_t end = std::min(content.find('\n', begin), content.size());
      texts.push_back(content.substr(begin, end - begin));
      begin = end + 1;
    }
  }
};

}  // namespace

void add_train_tokenizer(CLI::App& app, Action& action) {
  static TrainTokenizer train;
  CLI::App* command = app.add_subcommand("train-tokenizer", "Make a vocabulary from texts");
  command->add_option("--kind", train.kind, "wordpiece")->capture_default_str();
  command->add_option("--vocab-size", train.options.vocab_size, "Pieces at most")->capture_default_str();
  command->add_option("--min-frequency", train.options.min_frequency, "Joins need so many occurrences")->capture_default_str();
  command->add_option("--input", train.inputs, "Texts: tables (.tsv, .csv, .jsonl) or files of lines")->required();
  command->add_flag("--cased", train.cased, "Keep capital letters and accents");
  command->add_option("--out", train.out, "Directory for vocab.txt, tokenizer.json and tokenizer_config.json")->required();
  command->callback([&action] { action = [] { return train.run(); }; });
}

}  // namespace retort::tools
