#include "nn/config.h"

#include <algorithm>
#include <initializer_list>

#include "tensor/base/error.h"
#include "tensor/base/file.h"

namespace retort {
namespace {

// Where a field lies in config.json, per architecture.
struct Keys {
  const char *hidden, *layers, *heads, *intermediate, *activation, *hidden_dropout,
      *attention_dropout, *classifier_dropout, *architecture;
};
constexpr Keys kBertKeys = {"hidden_size",
                            "num_hidden_layers",
                            "num_attention_heads",
                            "intermediate_size",
                            "hidden_act",
                            "hidden_dropout_prob",
                            "attention_probs_dropout_prob",
                            "classifier_dropout",
                            "BertForSequenceClassification"};
constexpr Keys kDistilBertKeys = {"dim",     "n_layers",          "n_heads",
                                  "hidden_dim", "activation",        "dropout",
                                  "attention_dropout", "seq_classif_dropout",
                                  "DistilBertForSequenceClassification"};

const Keys& keys_of(const std::string& model_type, const std::string& file) {
  if (model_type == "bert") return kBertKeys;
  if (model_type == "distilbert") return kDistilBertKeys;
  fail(file, ": model_type '", model_type, "' isn't supported; there are bert and distilbert");
}

std::int64_t size_at(const Json& json, const std::string& file, const char* key,
                     std::int64_t otherwise, std::int64_t most) {
  const Json* value = json.find(key);
  const std::int64_t size =
      value && !value->is_null() ? value->as_integer(file + ": " + key) : otherwise;
  check(size >= 1 && size <= most, file, ": ", key, ": expected a number from 1 to ", most, ", found ", size);
  return size;
}

double number_at(const Json& json, const std::string& file, const char* key, double otherwise,
                 double least, double most) {
  const Json* value = json.find(key);
  const double number =
      value && !value->is_null() ? value->as_number(file + ": " + key) : otherwise;
  check(number >= least && number <= most, file, ": ", key, ": expected a number from ", least, " to ",
        most, ", found ", number);
  return number;
}

std::string text_at(const Json& json, const std::string& file, const char* key, const char* otherwise) {
  const Json* value = json.find(key);
  return value && !value->is_null() ? value->as_string(file + ": " + key) : otherwise;
}

std::vector<std::string> labels_at(const Json& json, const std::string& file) {
  const Json* map = json.find("id2label");
  std::vector<std::string> labels;
  if (!map || map->is_null()) {
    const std::int64_t count = size_at(json, file, "num_labels", 2, 1'000'000);
    for (std::int64_t id = 0; id < count; ++id) labels.push_back("LABEL_" + std::to_string(id));
    return labels;
  }
  const auto& members = map->as_object(file + ": id2label");
  check(!members.empty() && members.size() <= 1'000'000, file, ": id2label: expected at least one label");
  labels.resize(members.size());
  std::vector<bool> seen(members.size());
  for (const auto& [key, value] : members) {
    std::size_t id = members.size();
    if (!key.empty() && key.size() < 8 && key.find_first_not_of("0123456789") == std::string::npos)
      id = std::stoul(key);
    check(id < members.size() && !seen[id], file, ": id2label: expected the ids 0 to ",
          members.size() - 1, ", found '", key, "'");
    seen[id] = true;
    labels[id] = value.is_string() ? value.as_string("") : value.dump();
  }
  return labels;
}

}  // namespace

void ModelConfig::set_dropout(double probability) {
  check(probability >= 0 && probability < 1, "--dropout: expected a probability in [0, 1), found ", probability);
  hidden_dropout = attention_dropout = classifier_dropout = probability;
}

ModelConfig ModelConfig::parse(const Json& json, const std::string& file) {
  check(json.is_object(), file, ": expected an object, found a ", json.kind());
  ModelConfig config;
  config.raw = json;
  const Json* type = json.find("model_type");
  check(type && type->is_string(), file, ": model_type is missing: expected \"bert\" or \"distilbert\"");
  config.model_type = type->as_string("model_type");
  const Keys& keys = keys_of(config.model_type, file);
  const bool bert = config.model_type == "bert";
  config.vocab_size = size_at(json, file, "vocab_size", 30522, 1 << 24);
  config.hidden_size = size_at(json, file, keys.hidden, 768, 1 << 16);
  config.layers = size_at(json, file, keys.layers, bert ? 12 : 6, 1000);
  config.heads = size_at(json, file, keys.heads, 12, 1 << 12);
  config.intermediate_size = size_at(json, file, keys.intermediate, 3072, 1 << 20);
  config.max_positions = size_at(json, file, "max_position_embeddings", 512, 1 << 24);
  config.token_types = bert ? size_at(json, file, "type_vocab_size", 2, 1 << 16) : 0;
  check(config.hidden_size % config.heads == 0, file, ": ", keys.hidden, " ", config.hidden_size,
        " doesn't divide into ", config.heads, " heads");
  config.activation = text_at(json, file, keys.activation, "gelu");
  check(config.activation == "gelu" || config.activation == "relu", file, ": ", keys.activation, ": '",
        config.activation, "' isn't supported; there are gelu and relu");
  config.layer_norm_epsilon = bert ? number_at(json, file, "layer_norm_eps", 1e-12, 0, 1) : 1e-12;
  config.hidden_dropout = number_at(json, file, keys.hidden_dropout, 0.1, 0, 0.999);
  config.attention_dropout = number_at(json, file, keys.attention_dropout, 0.1, 0, 0.999);
  config.classifier_dropout = number_at(json, file, keys.classifier_dropout,
                                        bert ? config.hidden_dropout : 0.2, 0, 0.999);
  config.initializer_range = number_at(json, file, "initializer_range", 0.02, 0, 100);
  if (const Json* pad = json.find("pad_token_id"); pad && !pad->is_null())
    config.pad_token_id = pad->as_integer(file + ": pad_token_id");
  config.labels = labels_at(json, file);
  const std::string positions = text_at(json, file, "position_embedding_type", "absolute");
  check(positions == "absolute", file, ": position_embedding_type '", positions,
        "' isn't supported; there is absolute");
  const Json* decoder = json.find("is_decoder");
  check(!decoder || decoder->is_null() || !decoder->as_bool(file + ": is_decoder"), file,
        ": is_decoder is true; Retort's BERT is an encoder");
  const std::string problem = text_at(json, file, "problem_type", "single_label_classification");
  check(problem == "single_label_classification", file, ": problem_type '", problem,
        "' isn't supported; there is single_label_classification");
  return config;
}

ModelConfig ModelConfig::read(const std::filesystem::path& directory) {
  const auto path = directory / "config.json";
  check(std::filesystem::is_directory(directory), directory.string(),
        ": expected a model directory (config.json, model.safetensors, …), found ",
        std::filesystem::exists(directory) ? "a file" : "nothing");
  return parse(Json::parse_file(path), path.string());
}

Json ModelConfig::to_json() const {
  const Keys& keys = keys_of(model_type, "config.json");
  const bool bert = model_type == "bert";
  Json json = raw.is_object() && raw.get("model_type", "") == model_type ? raw : Json(Json::Object{});
  // Facts about the file that this one no longer has.
  Json::Object kept;
  for (const auto& [key, value] : json.as_object("config"))
    if (key != "_name_or_path" && key != "num_labels" && key != "torch_dtype" &&
        key != "gradient_checkpointing")
      kept.emplace_back(key, value);
  json = kept;
  json["architectures"] = Json::Array{keys.architecture};
  json["model_type"] = model_type;
  json["vocab_size"] = vocab_size;
  json[keys.hidden] = hidden_size;
  json[keys.layers] = layers;
  json[keys.heads] = heads;
  json[keys.intermediate] = intermediate_size;
  json[keys.activation] = activation;
  json["max_position_embeddings"] = max_positions;
  json[keys.hidden_dropout] = hidden_dropout;
  json[keys.attention_dropout] = attention_dropout;
  json[keys.classifier_dropout] = classifier_dropout;
  json["initializer_range"] = initializer_range;
  json["pad_token_id"] = pad_token_id;
  if (bert) {
    json["type_vocab_size"] = token_types;
    json["layer_norm_eps"] = layer_norm_epsilon;
  } else {
    json["sinusoidal_pos_embds"] = false;
    json["tie_weights_"] = true;
    json["qa_dropout"] = json.get("qa_dropout", 0.1);
  }
  json["dtype"] = "float32";
  json["problem_type"] = "single_label_classification";
  Json::Object id2label, label2id;
  for (std::size_t id = 0; id < labels.size(); ++id) {
    id2label.emplace_back(std::to_string(id), labels[id]);
    label2id.emplace_back(labels[id], id);
  }
  json["id2label"] = id2label;
  json["label2id"] = label2id;
  return json;
}

}  // namespace retort
