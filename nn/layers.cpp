#include "nn/layers.h"

#include "tensor/base/error.h"
#include "tensor/ops.h"

namespace retort {
namespace {

Variable quick_gelu(const Variable& x) { return x * sigmoid(x * 1.702); }

struct NamedActivation {
  const char* name;
  Activation function;
};
constexpr NamedActivation kActivations[] = {
    {"gelu", gelu},           {"gelu_python", gelu},
    {"gelu_new", gelu_tanh},  {"gelu_pytorch_tanh", gelu_tanh},
    {"gelu_fast", gelu_tanh}, {"quick_gelu", quick_gelu},
    {"relu", relu},           {"silu", silu},
    {"swish", silu},          {"tanh", tanh}};

}  // namespace

Linear::Linear(const Scope& scope, std::int64_t inputs, std::int64_t outputs, bool bias)
    : weight_(&scope.add("weight", {outputs, inputs}, Init::normal, true)),
      bias_(bias ? &scope.add("bias", {outputs}, Init::zeros, false) : nullptr) {}

Variable Linear::operator()(const Variable& x) const {
  // A frozen weight is packed once; one that is trained changes before it is read again.
  LinearOptions options;
  if (!weight_->variable.requires_grad()) options.prepared = weight_->prepared;
  return linear(x, weight_->variable, bias_ ? bias_->variable : Variable(), options);
}

LayerNorm::LayerNorm(const Scope& scope, std::int64_t columns, double epsilon)
    : weight_(&scope.add("weight", {columns}, Init::ones, false)),
      bias_(&scope.add("bias", {columns}, Init::zeros, false)),
      epsilon_(epsilon) {}

Embedding::Embedding(const Scope& scope, std::string_view name, std::int64_t rows,
                     std::int64_t columns)
    : table_(&(scope / name).add("weight", {rows, columns}, Init::normal, true)) {}

Dropout::Dropout(const Scope& scope, std::string_view name, double probability, RowsOf rows)
    : probability_(probability), site_(random_site((scope / name).name())), rows_(rows) {}

DropoutRule Dropout::rule(const Context& context) const {
  if (!context.training || probability_ == 0) return {};
  return ops::dropout_rule(probability_, {context.seed, context.step, site_},
                           rows_ == RowsOf::tokens ? context.first_token : context.first_sequence);
}

Activation find_activation(std::string_view name) {
  for (const NamedActivation& known : kActivations)
    if (name == known.name) return known.function;
  return nullptr;
}

Activation activation(std::string_view name) {
  const Activation function = find_activation(name);
  check(function != nullptr, "config.json: the activation '", name, "' isn't supported; there are ",
        activation_names());
  return function;
}

std::string activation_names() {
  std::string names;
  for (const NamedActivation& known : kActivations)
    names += (names.empty() ? "" : ", ") + std::string(known.name);
  return names;
}

}  // namespace retort
