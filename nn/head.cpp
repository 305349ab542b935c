#include "nn/head.h"

#include <utility>

#include "tensor/base/error.h"

namespace retort {
namespace {

// The row of each sequence's last token with this id.
Tensor marked_rows(const Batch& batch, std::int32_t mark) {
  const std::vector<std::int32_t> ids = batch.ids.to_vector<std::int32_t>(),
                                  offsets = batch.ragged.offsets.to_vector<std::int32_t>();
  std::vector<std::int32_t> rows;
  for (std::size_t s = 0; s + 1 < offsets.size(); ++s) {
    std::int32_t row = offsets[s + 1] - 1;
    while (row >= offsets[s] && ids[static_cast<std::size_t>(row)] != mark) --row;
    check(row >= offsets[s], "model: a sequence has no token ", mark,
          ", which ends a text and is what the classifier looks at; the tokenizer should add it");
    rows.push_back(row);
  }
  return Tensor::from(rows);
}

Variable pooled(const Variable& hidden, const Batch& batch, Pooling pooling, std::int32_t mark) {
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
    case Pooling::mark:
      return embedding(hidden, marked_rows(batch, mark));
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

Variable Head::operator()(const Variable& hidden, const Batch& batch, const Context& context,
                          bool last_token_alone) const {
  const bool last = last_token_alone && pooling_ == Pooling::tokens;
  Variable x = pooled(hidden, batch, last ? Pooling::last : pooling_, mark_);
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
