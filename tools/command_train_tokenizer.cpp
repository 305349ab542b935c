// retort train-tokenizer: a vocabulary from texts.
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "distill/data/table.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/training/bpe.h"
#include "tokenizer/training/unigram.h"
#include "tokenizer/training/wordpiece.h"
#include "tools/arguments.h"
#include "tools/commands.h"
#include "tools/progress.h"

namespace retort::tools {
namespace {

struct TrainTokenizer {
  std::string kind = "wordpiece", out;
  std::vector<std::string> inputs;
  int vocab_size = 30000, min_frequency = 2;
  bool cased = false;

  int run() {
    std::vector<std::string> warnings;
    const std::vector<std::string> texts = read_texts(inputs, warnings);
    warn(warnings);
    const Tokenizer tokenizer = train(texts);
    std::filesystem::create_directories(out);
    tokenizer.save(out, "bert");
    print(out + ": " + std::to_string(tokenizer.vocab_size()) + " pieces from " +
          std::to_string(texts.size()) + " texts\n");
    return 0;
  }

  Tokenizer train(const std::vector<std::string>& texts) const {
    Progress bar("training");
    const TrainingProgress progress = [&bar](std::int64_t done, std::int64_t all) {
      ProgressState state;
      state.step = done;
      state.steps = all;
      state.loss = state.score = std::nan("");
      bar.update(state);
    };
    if (kind == "bpe") return {train_bpe(texts, {vocab_size, min_frequency}, progress), "the trained tokenizer"};
    if (kind == "unigram") {
      UnigramTrainerOptions options;
      options.vocab_size = vocab_size;
      return {train_unigram(texts, options, progress), "the trained tokenizer"};
    }
    WordPieceTrainerOptions options;
    options.vocab_size = vocab_size;
    options.min_frequency = min_frequency;
    options.lowercase = options.strip_accents = !cased;
    TokenizerOptions settings;
    settings.lowercase = !cased;
    return Tokenizer::from_vocab(train_wordpiece(texts, options, progress), settings);
  }
};

}  // namespace

void add_train_tokenizer(CLI::App& app, Action& action) {
  static TrainTokenizer train;
  CLI::App* command = app.add_subcommand("train-tokenizer", "Make a vocabulary from texts");
  command->add_option("--kind", train.kind, "bpe (byte-level), wordpiece or unigram")
      ->capture_default_str()
      ->check(CLI::IsMember({"bpe", "wordpiece", "unigram"}));
  command->add_option("--vocab-size", train.vocab_size, "Pieces at most")->capture_default_str();
  command->add_option("--min-frequency", train.min_frequency, "Joins need so many occurrences (bpe, wordpiece)")->capture_default_str();
  command->add_option("--input", train.inputs, "Texts: tables (.tsv, .csv, .jsonl) or files of lines")->required();
  command->add_flag("--cased", train.cased, "Keep capital letters and accents (wordpiece)");
  command->add_option("--out", train.out, "Directory for tokenizer.json, tokenizer_config.json and (wordpiece) vocab.txt")->required();
  command->callback([&action] { action = [] { return train.run(); }; });
}

}  // namespace retort::tools
