#include "nn/bert_to_distilbert.h"

#include <utility>

#include "tensor/base/error.h"
#include "tensor/ops.h"

namespace retort {
namespace {

// Parts of names, DistilBERT's first.
constexpr std::pair<std::string_view, std::string_view> kNames[] = {
    {"distilbert.", "bert."},
    {"transformer.layer.", "encoder.layer."},
    {"attention.q_lin.", "attention.self.query."},
    {"attention.k_lin.", "attention.self.key."},
    {"attention.v_lin.", "attention.self.value."},
    {"attention.out_lin.", "attention.output.dense."},
    {"sa_layer_norm.", "attention.output.LayerNorm."},
    {"ffn.lin1.", "intermediate.dense."},
    {"ffn.lin2.", "output.dense."},
    {"output_layer_norm.", "output.LayerNorm."},
    {"pre_classifier.", "bert.pooler.dense."},
    {"vocab_transform.", "cls.predictions.transform.dense."},
    {"vocab_layer_norm.", "cls.predictions.transform.LayerNorm."},
    {"vocab_projector.weight", "cls.predictions.decoder.weight"},
    {"vocab_projector.bias", "cls.predictions.bias"},
};

std::string bert_name(std::string name) {
  for (const auto& [from, to] : kNames)
    if (const std::size_t at = name.find(from); at == 0 || (at != name.npos && name[at - 1] == '.'))
      name.replace(at, from.size(), to);
  return name;
}

}  // namespace

std::unique_ptr<Model> bert_to_distilbert(const Model& bert, std::vector<std::string>& notes) {
  ModelConfig config = bert.config();
  config.model_type = "distilbert";
  config.token_types = 0;
  config.norm_epsilon = 1e-12;
  config.raw = {};
  auto result = make_model(config);
  const auto source = [&](const std::string& name) {
    const Parameter* parameter = bert.parameters().find(name);
    check(parameter != nullptr, "student: the teacher has no ", name);
    return parameter->variable.value();
  };
  for (Parameter& parameter : result->parameters()) {
    const std::string from = bert_name(parameter.name);
    Tensor value = source(from);
    if (from.ends_with("position_embeddings.weight")) {
      std::string types = from;
      types.replace(types.find("position"), std::string_view("position").size(), "token_type");
      value = ops::binary(BinaryOp::add, value, source(types).slice(0, 0, 1));
      notes.push_back(
          "token-type row 0 was added to every position row (DistilBERT has no token types)");
    }
    if (from.ends_with("pooler.dense.weight"))
      notes.push_back("pre_classifier starts from the teacher's pooler");
    parameter.variable = Variable::parameter(value.clone());
  }
  if (bert.config().norm_epsilon != config.norm_epsilon)
    notes.push_back("DistilBERT's layer norms use an epsilon of 1e-12, the teacher's another");
  return result;
}

}  // namespace retort
