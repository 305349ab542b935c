#include "nn/config.h"

#include "nn/architecture.h"
#include "tensor/base/error.h"

namespace retort {
namespace {

constexpr std::int64_t kMostLabels = 1'000'000;
constexpr Problem kProblems[] = {Problem::single_label, Problem::multi_label, Problem::regression};

std::vector<std::string> read_labels(ConfigKeys& keys) {
  const Json* map = keys.find("id2label");
  std::vector<std::string> labels;
  if (!map) {
    std::int64_t count = 2;
    keys.size("num_labels", count, kMostLabels);
    for (std::int64_t id = 0; id < count; ++id) labels.push_back("LABEL_" + std::to_string(id));
    return labels;
  }
  const std::string& file = keys.file();
  const auto& members = map->as_object(file + ": id2label");
  check(!members.empty() && members.size() <= kMostLabels, file,
        ": id2label: expected at least one label");
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

// As transformers: without problem_type, one label is a regression's.
Problem read_problem(ConfigKeys& keys, std::int64_t labels) {
  std::string text = name(labels == 1 ? Problem::regression : Problem::single_label), names;
  keys.text("problem_type", text);
  for (const Problem problem : kProblems) {
    if (text == name(problem)) return problem;
    names += (names.empty() ? "" : ", ") + std::string(name(problem));
  }
  fail(keys.file(), ": problem_type: '", text, "' isn't supported; there are ", names);
}

// The first of transformers' classes that the file names; a file that names none is for the usual
// task.
Task read_task(const ConfigKeys& keys, const Architecture& architecture) {
  const Json* classes = keys.find("architectures");
  if (!classes) return architecture.usual_task;
  const std::string what = keys.file() + ": architectures";
  const auto& names = classes->as_array(what);
  return names.empty() ? architecture.usual_task : task_of_class(names.front().as_string(what));
}

void check_heads(const ModelConfig& config, const std::string& file) {
  check(config.head_dim > 0 || config.hidden_size % config.heads == 0, file, ": a hidden size of ",
        config.hidden_size, " doesn't divide into ", config.heads, " heads");
  check(config.heads % config.key_heads() == 0, file, ": ", config.heads, " heads can't share ",
        config.key_heads(), " heads of keys and values");
}

}  // namespace

const char* name(Problem problem) {
  switch (problem) {
    case Problem::single_label:
      return "single_label_classification";
    case Problem::multi_label:
      return "multi_label_classification";
    case Problem::regression:
      return "regression";
  }
  return "";
}

Targets ModelConfig::targets() const {
  if (decoder_layers == 0 || task == Task::embedding || task == Task::token_classification)
    return Targets::none;
  return task == Task::seq2seq_lm || task == Task::none ? Targets::given : Targets::shifted;
}

void ModelConfig::set_dropout(double probability) {
  check(probability >= 0 && probability < 1, "--dropout: expected a probability in [0, 1), found ",
        probability);
  embedding_dropout = hidden_dropout = attention_dropout = classifier_dropout = span_dropout =
      probability;
  if (own_head) own_head->dropout = probability;
}

ModelConfig ModelConfig::parse(const Json& json, const std::string& file) {
  check(json.is_object(), file, ": expected an object, found a ", json.kind());
  ModelConfig config;
  config.raw = json;
  const Json* type = json.find("model_type");
  check(type && type->is_string(), file, ": model_type is missing: expected one of ",
        architecture_names());
  config.model_type = type->as_string("model_type");
  const Architecture& architecture = find_architecture(config.model_type, file);
  architecture.defaults(config);
  ConfigKeys keys(json, file);
  config.task = read_task(keys, architecture);
  keys.number(architecture.initializer, config.initializer_range, 0, 100);
  if (const Json* pad = json.find("pad_token_id"))
    config.pad_token_id =
        pad->is_null() ? std::nullopt : std::optional(pad->as_integer(file + ": pad_token_id"));
  keys.flag("tie_word_embeddings", config.tie_word_embeddings);
  config.labels = read_labels(keys);
  config.problem = read_problem(keys, config.num_labels());
  keys.size("vocab_size", config.vocab_size, kMostVocabulary);
  architecture.keys(keys, config);
  own_head_key(keys, config);
  check_heads(config, file);
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
  const Architecture& architecture = find_architecture(model_type, "config.json");
  Json json =
      raw.is_object() && raw.get("model_type", "") == model_type ? raw : Json(Json::Object{});
  // Facts about the file that this one no longer has.
  Json::Object kept;
  for (const auto& [key, value] : json.as_object("config"))
    if (key != "_name_or_path" && key != "num_labels" && key != "torch_dtype" &&
        key != "gradient_checkpointing" && key != "retort_head")
      kept.emplace_back(key, value);
  json = kept;
  const bool own = own_head && task == Task::sequence_classification;
  json["architectures"] = Json::Array{own ? std::string("Retort") + class_suffix(task)
                                          : class_name(architecture, task)};
  json["model_type"] = model_type;
  ModelConfig written = *this;
  ConfigKeys keys(json);
  keys.size("vocab_size", written.vocab_size, kMostVocabulary);
  architecture.keys(keys, written);
  if (own) own_head_key(keys, written);
  json[architecture.initializer] = initializer_range;
  json["pad_token_id"] = pad_token_id ? Json(*pad_token_id) : Json();
  json["tie_word_embeddings"] = tie_word_embeddings;
  json["dtype"] = "float32";
  if (task == Task::sequence_classification) json["problem_type"] = name(problem);
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
