#include "nn/layers.h"

#include "tensor/base/error.h"
#include "tensor/ops.h"

namespace retort {

Linear::Linear(const Scope& scope, std::int64_t inputs, std::int64_t outputs)
    : weight_(scope.add("weight", {outputs, inputs}, Init::normal, true)),
      bias_(scope.add("bias", {outputs}, Init::zeros, false)) {}

Variable Linear::operator()(const Variable& x) const {
  // A frozen weight is packed once; one that is trained changes before it is read again.
  LinearOptions options;
  if (!weight_.variable.requires_grad()) options.prepared = weight_.prepared;
  return linear(x, weight_.variable, bias_.variable, options);
}

LayerNorm::LayerNorm(const Scope& scope, std::int64_t columns, double epsilon)
    : weight_(scope.add("weight", {columns}, Init::ones, false)),
      bias_(scope.add("bias", {columns}, Init::zeros, false)),
      epsilon_(epsilon) {}

Embedding::Embedding(const Scope& scope, std::string_view name, std::int64_t rows, std::int64_t columns)
    : table_((scope / name).add("weight", {rows, columns}, Init::normal, true)) {}

Dropout::Dropout(const Scope& scope, std::string_view name, double probability, RowsOf rows)
    : probability_(probability), site_(random_site((scope / name).name())), rows_(rows) {}

DropoutRule Dropout::rule(const Context& context) const {
  if (!context.training || probability_ == 0) return {};
  return ops::dropout_rule(probability_, {context.seed, context.step, site_},
                           rows_ == RowsOf::tokens ? context.first_token : context.first_sequence);
}

Variable (*activation(std::string_view name))(const Variable&) {
  if (name == "gelu") return gelu;
  if (name == "relu") return relu;
  fail("config.json: the activation '", name, "' isn't supported; there are gelu and relu");
}

}  // namespace retort
