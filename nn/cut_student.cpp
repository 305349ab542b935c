#include "nn/cut_student.h"

#include <utility>

#include "nn/architecture.h"
#include "tensor/base/error.h"
#include "tensor/ops.h"

namespace retort {
namespace {

constexpr std::pair<const char*, const char*> kBertToDistilBert[] = {
    {"attention.self.query", "attention.q_lin"},  {"attention.self.key", "attention.k_lin"},
    {"attention.self.value", "attention.v_lin"},  {"attention.output.dense", "attention.out_lin"},
    {"attention.output.LayerNorm", "sa_layer_norm"}, {"intermediate.dense", "ffn.lin1"},
    {"output.dense", "ffn.lin2"},                 {"output.LayerNorm", "output_layer_norm"}};

class Cutter {
 public:
  Cutter(const Model& teacher, Model& student) : teacher_(teacher), student_(student) {}

  Tensor source(const std::string& name) const {
    const Parameter* parameter = teacher_.parameters().find(name);
    check(parameter != nullptr, "student: the teacher has no ", name);
    return parameter->variable.value().to(DType::f32);  // a frozen teacher's may be bf16
  }
  void set(const std::string& to, const Tensor& value) const {
    Parameter* parameter = student_.parameters().find(to);
    check(parameter != nullptr, "student: there is no ", to);
    check(parameter->shape == value.shape(), "student: ", to, ": expected ", parameter->shape,
          ", found ", value.shape());
    parameter->variable = Variable::parameter(value.clone());
  }
  void copy(const std::string& from, const std::string& to) const { set(to, source(from)); }
  /// A layer's or norm's weight and bias.
  void copy_pair(const std::string& from, const std::string& to) const {
    copy(from + ".weight", to + ".weight");
    copy(from + ".bias", to + ".bias");
  }

 private:
  const Model& teacher_;
  Model& student_;
};

void cut_same(const Model& teacher, Model& student, const Architecture& architecture,
              const std::vector<int>& layers, const std::vector<int>& decoder_layers) {
  const Cutter cutter(teacher, student);
  const std::string base = teacher.prefixed() ? teacher.base_prefix() : "";
  const std::pair<const char*, const std::vector<int>*> stacks[] = {
      {architecture.layers, &layers}, {architecture.decoder_layers, &decoder_layers}};
  for (Parameter& parameter : student.parameters()) {
    std::string from = parameter.name;
    for (const auto& [stack, kept] : stacks) {
      if (!stack) continue;
      const std::string prefix = base + stack + ".";
      if (!parameter.name.starts_with(prefix)) continue;
      const std::size_t end = from.find('.', prefix.size());
      const auto index = std::stoul(from.substr(prefix.size(), end - prefix.size()));
      from = prefix + std::to_string((*kept)[index] - 1) + from.substr(end);
      // What only the first layer has stays with it: T5's table of distances.
      if (index == 0 && !teacher.parameters().find(from)) from = parameter.name;
    }
    cutter.copy(from, parameter.name);
  }
}

// `option`: which one chose the layers. `owner`: whose they are.
void check_layers(const std::vector<int>& layers, std::int64_t count, const char* option,
                  const char* owner) {
  check(!layers.empty(), option, ": expected at least one layer");
  for (std::size_t i = 0; i < layers.size(); ++i) {
    check(layers[i] >= 1 && layers[i] <= count, option, ": layer ", layers[i],
          " doesn't exist; ", owner, " has layers 1 to ", count);
    check(i == 0 || layers[i] > layers[i - 1], option, ": expected ascending layers, found ",
          layers[i], " after ", layers[i - (i > 0)]);
  }
}

void cut_distilbert(const Model& teacher, Model& student, const std::vector<int>& layers,
                    std::vector<std::string>& notes) {
  const Cutter cutter(teacher, student);
  cutter.copy("bert.embeddings.word_embeddings.weight", "distilbert.embeddings.word_embeddings.weight");
  cutter.set("distilbert.embeddings.position_embeddings.weight",
             ops::binary(BinaryOp::add, cutter.source("bert.embeddings.position_embeddings.weight"),
                         cutter.source("bert.embeddings.token_type_embeddings.weight").slice(0, 0, 1)));
  notes.push_back("token-type row 0 was added to every position row (DistilBERT has no token types)");
  cutter.copy_pair("bert.embeddings.LayerNorm", "distilbert.embeddings.LayerNorm");
  for (std::size_t i = 0; i < layers.size(); ++i)
    for (const auto& [from, to] : kBertToDistilBert)
      cutter.copy_pair("bert.encoder.layer." + std::to_string(layers[i] - 1) + "." + from,
                       "distilbert.transformer.layer." + std::to_string(i) + "." + to);
  cutter.copy_pair("bert.pooler.dense", "pre_classifier");
  notes.push_back("pre_classifier starts from the teacher's pooler");
  cutter.copy_pair("classifier", "classifier");
  if (teacher.config().norm_epsilon != student.config().norm_epsilon)
    notes.push_back("DistilBERT's layer norms use an epsilon of 1e-12, the teacher's another");
}

}  // namespace

CutStudent cut_student(const Model& teacher, const CutOptions& options) {
  const ModelConfig& from = teacher.config();
  check_layers(options.layers, from.layers, "--student-layers", "the teacher");
  check(options.decoder_layers.empty() || from.has_decoder(),
        "--student-decoder-layers: the teacher has no decoder behind an encoder");
  const std::vector<int>& decoder_layers =
      options.decoder_layers.empty() ? options.layers : options.decoder_layers;
  if (from.has_decoder())
    check_layers(decoder_layers, from.decoder_layers, "--student-decoder-layers",
                 "the teacher's decoder");
  check(options.type == "distilbert" || options.type == "same",
        "--student-type: expected distilbert or same, found '", options.type, "'");
  const bool same = options.type == "same" || options.type == from.model_type;
  check(same || from.model_type == "bert", "--student-type: a distilbert is cut from a bert, the teacher is a ",
        from.model_type, "; use same");
  const Architecture& architecture = find_architecture(from.model_type, "student");
  ModelConfig config = from;
  config.layers = static_cast<std::int64_t>(options.layers.size());
  if (from.has_decoder()) config.decoder_layers = static_cast<std::int64_t>(decoder_layers.size());
  if (same && architecture.keep_layers) architecture.keep_layers(config, options.layers);
  if (!same) {
    config.model_type = "distilbert";
    config.token_types = 0;
    config.norm_epsilon = 1e-12;
    config.raw = {};
  }
  CutStudent result{make_model(config), {}};
  if (same) cut_same(teacher, *result.model, architecture, options.layers, decoder_layers);
  else cut_distilbert(teacher, *result.model, options.layers, result.notes);
  if (options.fresh_head)
    for (Parameter& parameter : result.model->parameters())
      if (parameter.name.starts_with("classifier.")) {
        initialize(parameter, config.initializer_range, options.seed);
        result.notes.push_back(parameter.name + " was made anew");
      }
  return result;
}

}  // namespace retort
