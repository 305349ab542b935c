#include "nn/own_head.h"

#include "nn/architecture.h"
#include "tensor/base/error.h"

namespace retort {
namespace {

constexpr std::size_t kMostLayersOfHead = 100;
constexpr std::int64_t kModulesPerLayer = 3;  // linear, activation, dropout
constexpr const char* kKey = "retort_head";

struct PoolingName {
  Pooling pooling;
  const char* name;
};
constexpr PoolingName kPoolings[] = {{Pooling::first, "cls"},
                                     {Pooling::last, "last"},
                                     {Pooling::mean, "mean"},
                                     {Pooling::max, "max"},
                                     {Pooling::tokens, "tokens"}};

// What the classifier of the architecture works on that config.json can't say otherwise.
Pooling usual_pooling(const Architecture& architecture) {
  return architecture.usual_task == Task::causal_lm ? Pooling::last : Pooling::first;
}

std::vector<std::int64_t> read_layers(const Json& list, const std::string& what) {
  std::vector<std::int64_t> layers;
  for (const Json& size : list.as_array(what)) layers.push_back(size.as_integer(what));
  return layers;
}

void check_layers(const std::vector<std::int64_t>& layers, const std::string& what) {
  check(layers.size() <= kMostLayersOfHead, what, ": expected at most ", kMostLayersOfHead,
        " hidden layers, found ", layers.size());
  for (const std::int64_t size : layers)
    check(size >= 1 && size <= kMostHidden, what, ": expected sizes from 1 to ", kMostHidden,
          ", found ", size);
}

}  // namespace

const char* name(Pooling pooling) {
  for (const PoolingName& known : kPoolings)
    if (known.pooling == pooling) return known.name;
  return "";
}

Pooling parse_pooling(std::string_view text, const std::string& what) {
  for (const PoolingName& known : kPoolings)
    if (text == known.name && known.pooling != Pooling::tokens) return known.pooling;
  fail(what, ": expected cls, last, mean or max, found '", text, "'");
}

void set_head(ModelConfig& config, const HeadOptions& options) {
  if (!options.any()) return;
  const Architecture& architecture = find_architecture(config.model_type, "--pooling");
  OwnHead head;
  head.pooling = usual_pooling(architecture);
  if (config.own_head) head = *config.own_head;
  if (!options.layers.empty()) head.layers = options.layers;
  if (!options.activation.empty()) head.activation = options.activation;
  if (options.dropout) head.dropout = *options.dropout;
  if (!options.pooling.empty()) head.pooling = parse_pooling(options.pooling, "--pooling");
  check_layers(head.layers, "--head-layers");
  check(find_activation(head.activation) != nullptr, "--head-activation: the activation '",
        head.activation, "' isn't supported; there are ", activation_names());
  check(head.dropout >= 0 && head.dropout < 1,
        "--head-dropout: expected a probability in [0, 1), found ", head.dropout);
  check(options.activation.empty() || !head.layers.empty(),
        "--head-activation: a head without hidden layers has no activation; give --head-layers");
  if (head.layers.empty()) {
    const bool can = architecture.set_pooling && architecture.set_pooling(config, head.pooling);
    if (can || head.pooling == usual_pooling(architecture)) {
      check(!options.dropout, "--head-dropout: the classifier of ", config.model_type,
            " drops as its config.json says (--dropout); give --head-layers or another --pooling");
      config.own_head.reset();
      return;
    }
  }
  config.own_head = head;
}

void own_head_key(ConfigKeys& keys, ModelConfig& config) {
  if (!keys.reading()) {
    if (!config.own_head) return;
    Json head, layers = Json::Array{};
    for (const std::int64_t size : config.own_head->layers) layers.push_back(size);
    head["layers"] = layers;
    head["activation"] = config.own_head->activation;
    head["dropout"] = config.own_head->dropout;
    head["pooling"] = name(config.own_head->pooling);
    return keys.note(kKey, head);
  }
  const Json* found = keys.find(kKey);
  if (!found) return;
  const std::string what = keys.file() + ": " + kKey;
  for (const auto& [key, value] : found->as_object(what))
    check(key == "layers" || key == "activation" || key == "dropout" || key == "pooling", what,
          ": there is no key '", key, "'; there are layers, activation, dropout, pooling");
  OwnHead head;
  ConfigKeys own(*found, what);
  if (const Json* layers = own.find("layers"))
    head.layers = read_layers(*layers, what + ": layers");
  check_layers(head.layers, what + ": layers");
  own.activation("activation", head.activation);
  own.probability("dropout", head.dropout);
  std::string pooling = name(head.pooling);
  own.text("pooling", pooling);
  head.pooling = parse_pooling(pooling, what + ": pooling");
  config.own_head = head;
}

Head make_own_head(const Scope& root, const Scope& body, const ModelConfig& config) {
  const OwnHead& own = *config.own_head;
  const Scope classifier = root / "classifier";
  Head head(own.pooling);
  if (own.layers.empty())
    return head.dropout(body, "classifier_dropout", own.dropout)
        .linear(classifier, config.hidden_size, config.num_labels());
  std::int64_t inputs = config.hidden_size, module = 0;
  for (const std::int64_t size : own.layers) {
    head.linear(classifier / std::to_string(module), inputs, size)
        .then(activation(own.activation))
        .dropout(classifier, std::to_string(module + 2), own.dropout);
    module += kModulesPerLayer;
    inputs = size;
  }
  return head.linear(classifier / std::to_string(module), inputs, config.num_labels());
}

void own_head_axes(Axes& axes, const OwnHead& head) {
  if (head.layers.empty()) return axes.linear("classifier", Axis::whole, Axis::stream);
  axes.linear("classifier.0", Axis::whole, Axis::stream);
  for (std::size_t i = 1; i <= head.layers.size(); ++i)
    axes.linear("classifier." + std::to_string(kModulesPerLayer * static_cast<std::int64_t>(i)),
                Axis::whole, Axis::whole);
}

std::string own_head_note(const ModelConfig& config) {
  if (!config.own_head || config.task != Task::sequence_classification) return {};
  return std::string("the head (") + std::to_string(config.own_head->layers.size()) +
         " hidden layers, pooling " + name(config.own_head->pooling) +
         ") is Retort's own: transformers' AutoModelForSequenceClassification can't load it";
}

}  // namespace retort
