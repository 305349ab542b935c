#include "nn/head.h"

#include <utility>

namespace retort {
namespace {

Variable pooled(const Variable& hidden, const Batch& batch, Pooling pooling) {
  const Tensor& offsets = batch.ragged.offsets;
  switch (pooling) {
    case Pooling::tokens:
      return hidden;
    case Pooling::first:
      return embedding(hidden, batch.first_rows);
    case Pooling::last: {
      std::vector<std::int32_t> rows =
          offsets.slice(0, 1, batch.sequences() + 1).to_vector<std::int32_t>();
      for (std::int32_t& row : rows) --row;
      return embedding(hidden, Tensor::from(rows));
    }
    case Pooling::mean:
      return segment_mean(hidden, offsets);
    case Pooling::max:
      return segment_max(hidden, offsets);
  }
  return {};
}

}  // namespace

Head& Head::then(Step step) {
  steps_.push_back(std::move(step));
  return *this;
}

Head& Head::then(Variable (*function)(const Variable&)) {
  return then([function](const Variable& x, const Context&) { return function(x); });
}

Head& Head::dropout(const Scope& scope, std::string_view name, double probability) {
  const RowsOf rows = pooling_ == Pooling::tokens ? RowsOf::tokens : RowsOf::sequences;
  return then([drop = Dropout(scope, name, probability, rows)](
                  const Variable& x, const Context& context) { return drop(x, context); });
}

Variable Head::operator()(const Variable& hidden, const Batch& batch,
                          const Context& context) const {
  Variable x = pooled(hidden, batch, pooling_);
  for (const Step& step : steps_) x = step(x, context);
  return x;
}

Head embedding_head() {
  return Head(Pooling::mean).then([](const Variable& x, const Context&) { return normalize(x); });
}

Linear vocabulary_linear(const Scope& scope, const ModelConfig& config, Parameter& words,
                         Parameter* bias) {
  if (!config.tie_word_embeddings)
    return Linear(scope.add("weight", words.shape, Init::normal, true), bias);
  words.aliases.push_back((scope / "weight").name());
  return Linear(words, bias);
}

}  // namespace retort
