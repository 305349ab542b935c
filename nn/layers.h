// The layers that models share. Each adds its parameters to a Scope under Hugging Face's names.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "autograd/ops.h"
#include "nn/forward.h"
#include "nn/parameter.h"

namespace retort {

/// How rows are multiplied with a weight: packed once if it is frozen, in its own type if that is a
/// half.
LinearOptions product_with(const Parameter& weight);

class Linear {
 public:
  Linear(const Scope& scope, std::int64_t inputs, std::int64_t outputs, bool bias = true);
  /// On a weight that belongs to another layer; bias may be null.
  Linear(Parameter& weight, Parameter* bias) : weight_(&weight), bias_(bias) {}
  Variable operator()(const Variable& x) const;

 private:
  Parameter* weight_;  // [outputs, inputs]
  Parameter* bias_;    // [outputs], or null
};

class LayerNorm {
 public:
  LayerNorm(const Scope& scope, std::int64_t columns, double epsilon, bool bias = true);
  Variable operator()(const Variable& x) const {
    return layer_norm(x, weight_->variable, bias_ ? bias_->variable : no_bias_, epsilon_);
  }

 private:
  Parameter* weight_;
  Parameter* bias_;   // or null
  Variable no_bias_;  // zeros, where there is none
  double epsilon_;
};

/// Root-mean-square norm (Zhang & Sennrich 2019).
class RmsNorm {
 public:
  /// one_plus: the factor is 1 + weight (Gemma).
  RmsNorm(const Scope& scope, std::int64_t columns, double epsilon, bool one_plus = false);
  Variable operator()(const Variable& x) const {
    return rms_norm(x, weight_->variable, epsilon_, one_plus_);
  }

 private:
  Parameter* weight_;
  double epsilon_;
  bool one_plus_;
};

class Embedding {
 public:
  Embedding(const Scope& scope, std::string_view name, std::int64_t rows, std::int64_t columns);
  /// [rows, columns], in f32 whatever the table is in.
  Variable operator()(const Tensor& ids) const {
    return cast(embedding(table_->variable, ids), DType::f32);
  }
  Parameter& table() { return *table_; }

 private:
  Parameter* table_;
};

/// f of x, where each row of the result depends on the same row of x alone. While nothing is
/// recorded, f gets a few hundred rows at a time: what is wide between two layers takes little
/// memory then. The bits are the same.
Variable in_slices(const Variable& x, const std::function<Variable(const Variable&)>& f);

/// Which rows of the whole optimiser step the rows of a tensor are: tokens or sequences.
enum class RowsOf { tokens, sequences };

/// A place that drops elements while training. Its random bits come from the module's name, so each
/// place has bits of its own, whatever the model does elsewhere.
class Dropout {
 public:
  Dropout(const Scope& scope, std::string_view name, double probability,
          RowsOf rows = RowsOf::tokens);
  DropoutRule rule(const Context& context) const;
  /// dropout(x) + residual
  Variable operator()(const Variable& x, const Context& context,
                      const Variable& residual = {}) const {
    return dropout(x, rule(context), residual);
  }

 private:
  double probability_;
  std::uint32_t site_;
  RowsOf rows_;
};

/// An activation function by its name in config.json.
using Activation = Variable (*)(const Variable&);
/// Null when there is none of this name.
Activation find_activation(std::string_view name);
/// Error: there is none of this name.
Activation activation(std::string_view name);
/// "gelu, gelu_new, …".
std::string activation_names();

}  // namespace retort
