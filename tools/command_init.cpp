// retort init: a model directory with random weights.
#include <cstdio>
#include <filesystem>

#include "distill/model_directory.h"
#include "nn/weights/load.h"
#include "tensor/base/error.h"
#include "tools/arguments.h"
#include "tools/commands.h"
#include "tools/signals.h"

namespace retort::tools {
namespace {

struct Init {
  std::string config, vocab, out;
  bool cased = false, overwrite = false;
  std::uint64_t seed = 42;

  int run() const {
    const std::filesystem::path path = out;
    check_new_model_directory(path, overwrite);
    Json json = Json::parse_file(config);
    Tokenizer tokenizer = std::filesystem::path(vocab).extension() == ".txt" ? from_vocab_file()
                                                                              : Tokenizer::load(vocab);
    if (json.is_object() && !json.find("vocab_size")) json["vocab_size"] = std::int64_t{tokenizer.vocab_size()};
    const ModelConfig parsed = ModelConfig::parse(json, config);
    check_vocabulary(tokenizer, parsed, config + " and " + vocab);
    const auto model = random_model(parsed, seed);
    DirectoryFacts facts;
    facts.random = true;
    create_model_directory(path, *model, tokenizer, facts, {}, overwrite,
                           [] { return !interrupted(); });
    print(out + ": " + parsed.model_type + ", " + std::to_string(parsed.layers) + " layers x " +
          std::to_string(parsed.hidden_size) + ", " + std::to_string(model->parameters().count()) +
          " parameters, random weights from seed " + std::to_string(seed) + "\n");
    return 0;
  }

  // A vocab.txt says nothing about letter case; --cased does.
  Tokenizer from_vocab_file() const {
    TokenizerOptions options;
    options.lowercase = !cased;
    const Tokenizer loaded = Tokenizer::load(vocab);
    std::vector<std::string> pieces;
    for (std::int32_t id = 0; id < loaded.vocab_size(); ++id) pieces.push_back(loaded.token(id));
    return Tokenizer::from_vocab(pieces, options, vocab);
  }
};

}  // namespace

void add_init(CLI::App& app, Action& action) {
  static Init init;
  CLI::App* command = app.add_subcommand("init", "Make a model directory with random weights");
  command->add_option("--config", init.config, "config.json of the model")->required();
  command->add_option("--vocab", init.vocab, "vocab.txt, tokenizer.json or a model directory")->required();
  command->add_flag("--cased", init.cased, "The vocabulary keeps capital letters");
  command->add_option("--out", init.out, "Directory to write")->required();
  command->add_option("--seed", init.seed, "Seed of the weights")->capture_default_str();
  command->add_flag("--overwrite", init.overwrite, "Replace a model that is there");
  command->callback([&action] { action = [] { return init.run(); }; });
}

}  // namespace retort::tools
