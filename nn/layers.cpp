#include "nn/layers.h"

#include <algorithm>

#include "tensor/base/error.h"
#include "tensor/ops.h"

namespace retort {
namespace {

constexpr std::int64_t kSliceRows = 512;         // enough for products to run at full speed
constexpr std::uint32_t kNextUse = 2654435761u;  // 2³²/φ: far from the sites of other names

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

LinearOptions product_with(const Parameter& weight) {
  // A frozen weight is packed once; one that is trained changes before it is read again.
  LinearOptions options;
  if (!weight.variable.requires_grad()) options.prepared = weight.prepared;
  if (is_half(weight.variable.value().dtype())) options.compute = weight.variable.value().dtype();
  return options;
}

Variable Linear::operator()(const Variable& x) const {
  return linear(x, weight_->variable, bias_ ? bias_->variable : Variable(), product_with(*weight_));
}

LayerNorm::LayerNorm(const Scope& scope, std::int64_t columns, double epsilon, bool bias)
    : weight_(&scope.add("weight", {columns}, Init::ones, false)),
      bias_(bias ? &scope.add("bias", {columns}, Init::zeros, false) : nullptr),
      no_bias_(bias ? Tensor() : Tensor::zeros({columns})),
      epsilon_(epsilon) {}

RmsNorm::RmsNorm(const Scope& scope, std::int64_t columns, double epsilon, bool one_plus)
    : weight_(&scope.add("weight", {columns}, one_plus ? Init::zeros : Init::ones, false)),
      epsilon_(epsilon),
      one_plus_(one_plus) {}

Embedding::Embedding(const Scope& scope, std::string_view name, std::int64_t rows,
                     std::int64_t columns)
    : table_(&(scope / name).add("weight", {rows, columns}, Init::normal, true)) {}

Variable in_slices(const Variable& x, const std::function<Variable(const Variable&)>& f) {
  const std::int64_t rows = x.shape()[0];
  if (recording() || rows <= kSliceRows) return f(x);
  Variables parts;
  for (std::int64_t begin = 0; begin < rows; begin += kSliceRows)
    parts.push_back(f(slice(x, 0, begin, std::min(rows, begin + kSliceRows))));
  return concat(parts, 0);
}

Dropout::Dropout(const Scope& scope, std::string_view name, double probability, RowsOf rows)
    : probability_(probability), site_(random_site((scope / name).name())), rows_(rows) {}

DropoutRule Dropout::rule(const Context& context) const {
  if (!context.training || probability_ == 0) return {};
  // A layer's uses have sites of their own: what a hash of the name may be is as good as any other.
  const std::uint32_t site = site_ + context.use * kNextUse;
  return ops::dropout_rule(probability_, {context.seed, context.step, site},
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
