// What sits on a body: a choice of rows, then one step after the other.
//
// An architecture writes its head down as a list:
//   Head(Pooling::first).dropout(...).linear(...).then(tanh).linear(...)
// so that every classifier of transformers, and any other, is a few lines.
#pragma once

#include <functional>
#include <vector>

#include "nn/batch.h"
#include "nn/config.h"
#include "nn/layers.h"

namespace retort {

/// Outputs of question answering: a span's start and end.
inline constexpr std::int64_t kSpanEnds = 2;

class Head {
 public:
  using Step = std::function<Variable(const Variable& x, const Context& context)>;

  explicit Head(Pooling pooling, std::int32_t mark = 0) : pooling_(pooling), mark_(mark) {}

  // Each adds a step and gives this head back.
  Head& then(Step step);
  Head& then(Variable (*function)(const Variable&));
  /// Linear and LayerNorm parts.
  template <class Layer>
  Head& layer(Layer made) {
    return then([made](const Variable& x, const Context&) { return made(x); });
  }
  Head& linear(const Scope& scope, std::int64_t inputs, std::int64_t outputs, bool bias = true) {
    return layer(Linear(scope, inputs, outputs, bias));
  }
  /// Drops elements while training; `scope` and `name` choose the random bits.
  Head& dropout(const Scope& scope, std::string_view name, double probability);

  /// hidden: [tokens, hidden] → [tokens or sequences, outputs]. last_token_alone: instead of all
  /// tokens each sequence's last one. Error: a sequence without a mark.
  Variable operator()(const Variable& hidden, const Batch& batch, const Context& context,
                      bool last_token_alone = false) const;

 private:
  Pooling pooling_;
  std::int32_t mark_;
  std::vector<Step> steps_;
};

/// The mean of a sequence's tokens as a vector of length 1.
Head embedding_head();

/// Products with a table's rows: the end of a language-model head. The table is the body's, which
/// files may also hold as `scope`.weight, or, where the config doesn't tie them, a matrix of that
/// name. bias: [rows], may be null.
Linear vocabulary_linear(const Scope& scope, const ModelConfig& config, Parameter& words,
                         Parameter* bias);

}  // namespace retort
