// retort inspect: what lies in a model directory or a file of weights.
#include <algorithm>
#include <cstdio>

#include "distill/model_directory.h"
#include "distill/report/text.h"
#include "nn/config_keys.h"
#include "nn/weights/weight_files.h"
#include "tensor/shape.h"
#include "tools/arguments.h"
#include "tools/commands.h"

namespace retort::tools {
namespace {

constexpr std::size_t kWidest = 120;  // column of names

// Whatever stands in a file, on one line, and nothing in it that a terminal would obey.
std::string on_a_line(std::string text) {
  for (char& c : text)
    if (c == '\n' || c == '\t') c = ' ';
  return clean_utf8(text);
}

std::string tensor_list(const WeightFiles& files) {
  std::size_t width = 4;
  for (const auto& weight : files.weights()) width = std::max(width, weight.tensor->name.size());
  width = std::min(width, kWidest);
  std::string text;
  std::int64_t numbers = 0;
  const auto line = [&](const std::string& name, const std::string& dtype, const std::vector<std::int64_t>& sizes) {
    std::string shape = "[";
    for (std::size_t i = 0; i < sizes.size(); ++i) shape += (i ? ", " : "") + std::to_string(sizes[i]);
    text += on_a_line(name) + std::string(width - std::min(width, name.size()) + 2, ' ') + dtype +
            std::string(6 - std::min<std::size_t>(6, dtype.size()), ' ') + shape + "]\n";
  };
  for (const auto& weight : files.weights()) {
    line(weight.tensor->name, name(weight.tensor->dtype), weight.tensor->shape);
    std::int64_t count = 1;
    for (const std::int64_t size : weight.tensor->shape) count *= size;
    numbers += count;
  }
  for (const auto& file : files.files())
    for (const ForeignTensor& foreign : file->foreign()) line(foreign.name, foreign.dtype, foreign.shape);
  text += std::to_string(files.weights().size()) + " tensors, " + std::to_string(numbers) + " numbers\n";
  for (const auto& file : files.files())
    for (const auto& [key, value] : file->metadata()) text += on_a_line("metadata: " + key + " = " + value) + "\n";
  return text;
}

int inspect(const std::string& path) {
  std::string text;
  if (std::filesystem::is_directory(path)) {
    const ModelDirectory directory = ModelDirectory::open(path);
    const ModelConfig& config = directory.config;
    const std::string decoder =
        config.has_decoder() ? " + " + std::to_string(config.decoder_layers) : "";
    text += "model        " + config.model_type + ", " + std::to_string(config.layers) + decoder + " layers x " +
            std::to_string(config.hidden_size) + ", " + std::to_string(config.heads) + " heads, feed-forward " +
            std::to_string(config.intermediate_size) + "\n";
    text += "task         " + std::string(name(config.task)) + "\n";
    text += "parameters   " + std::to_string(make_model(config)->parameters().count()) + "\n";
    const bool endless = config.max_tokens() == kMostPositions;  // T5 counts distances
    text += "positions    " + (endless ? "any number" : std::to_string(config.max_tokens())) + ", max length " +
            std::to_string(directory.max_length(0)) + ", pairs as " + name(directory.facts.pair_style) + "\n";
    text += "vocabulary   " + std::to_string(directory.tokenizer.vocab_size()) + " pieces, " +
            (directory.tokenizer.options().lowercase ? "lower-cased" : "cased") + "\n";
    text += "labels      ";
    for (std::size_t id = 0; id < config.labels.size() && id < 20; ++id)
      text += " " + std::to_string(id) + "=" + on_a_line(config.labels[id]);
    if (config.labels.size() > 20) text += " and " + std::to_string(config.labels.size() - 20) + " more";
    if (directory.facts.random) text += "\nweights      random, never trained";
    else if (directory.facts.fresh_head) text += "\nhead         made anew, never trained";
    text += "\n\n";
  }
  print(text + tensor_list(WeightFiles(path)));
  return 0;
}

}  // namespace

void add_inspect(CLI::App& app, Action& action) {
  static std::string path;
  CLI::App* command = app.add_subcommand("inspect", "Describe a model directory or a file of weights");
  command->add_option("path", path, "Directory or file")->required();
  command->callback([&action] { action = [] { return inspect(path); }; });
}

}  // namespace retort::tools
