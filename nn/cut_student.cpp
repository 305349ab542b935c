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
              const std::vector<int>& layers) {
  const Cutter cutter(teacher, student);
  const std::string base = is_bare(teacher.config().task) ? "" : teacher.base_prefix();
  const std::string prefix = architecture.layers ? base + architecture.layers + "." : "";
  for (Parameter& parameter : student.parameters()) {
    std::string from = parameter.name;
    if (!prefix.empty() && from.starts_with(prefix)) {
      const std::size_t end = from.find('.', prefix.size());
      const auto index = std::stoul(from.substr(prefix.size(), end - prefix.size()));
      from = prefix + std::to_string(layers[index] - 1) + from.substr(end);
    }
    cutter.copy(from, parameter.name);
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
  check(!options.layers.empty(), "--student-layers: expected at least one layer");
  for (std::size_t i = 0; i < options.layers.size(); ++i) {
    check(options.layers[i] >= 1 && options.layers[i] <= from.layers, "--student-layers: layer ",
          options.layers[i], " doesn't exist; the teacher has layers 1 to ", from.layers);
    check(i == 0 || options.layers[i] > options.layers[i - 1],
          "--student-layers: expected ascending layers, found ", options.layers[i], " after ",
          options.layers[i - (i > 0)]);
  }
  check(options.type == "distilbert" || options.type == "same",
        "--student-type: expected distilbert or same, found '", options.type, "'");
  const bool same = options.type == "same" || options.type == from.model_type;
  check(same || from.model_type == "bert", "--student-type: a distilbert is cut from a bert, the teacher is a ",
        from.model_type, "; use same");
  const Architecture& architecture = find_architecture(from.model_type, "student");
  ModelConfig config = from;
  config.layers = static_cast<std::int64_t>(options.layers.size());
  if (same && architecture.keep_layers) architecture.keep_layers(config, options.layers);
  if (!same) {
    config.model_type = "distilbert";
    config.token_types = 0;
    config.norm_epsilon = 1e-12;
    config.raw = {};
  }
  CutStudent result{make_model(config), {}};
  if (same) cut_same(teacher, *result.model, architecture, options.layers);
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
