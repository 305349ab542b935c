#include "nn/forward.h"

#include <algorithm>

#include "nn/cache.h"
#include "tensor/base/error.h"

namespace retort {

Variable LayerTrace::attention(const Variable& q, const Variable& new_k, const Variable& new_v,
                               const Ragged& ragged, AttentionOptions options,
                               const Variable& bias_table) const {
  if (want_->query.contains(layer_)) given_->query[layer_] = q;
  if (want_->key.contains(layer_)) given_->key[layer_] = new_k;
  if (want_->value.contains(layer_)) given_->value[layer_] = new_v;
  Variable k = new_k, v = new_v;
  if (cache_) {
    check(!k.requires_grad() && !v.requires_grad(),
          "model: a cache holds no gradients; run it under NoGrad");
    const KeyValueRows& rows = cache_->append(layer_, k.value(), v.value());
    k = rows.keys;
    v = rows.values;
  }
  if (want_->scores.contains(layer_)) {
    options.map = AttentionMap::scores;
    given_->scores[layer_] = attention_with_map(q, k, v, ragged, options, bias_table)[1];
  }
  options.map = AttentionMap::none;
  if (!want_->attention.contains(layer_))
    return retort::attention(q, k, v, ragged, options, bias_table);
  options.map = AttentionMap::probabilities;
  const Variables both = attention_with_map(q, k, v, ragged, options, bias_table);
  given_->attention[layer_] = both[1];
  return both[0];
}

bool LayerWants::empty() const {
  return std::all_of(std::begin(kLayerTensorKinds), std::end(kLayerTensorKinds),
                     [&](const LayerTensorKind& kind) { return (this->*kind.wanted).empty(); });
}

int deepest_layer(const LayerWants& want, int layers) {
  int deepest = 0;
  for (const LayerTensorKind& kind : kLayerTensorKinds)
    for (const int wanted : want.*kind.wanted) {
      check(wanted >= kind.first_layer && wanted <= layers, "model: ", kind.name, " of layer ",
            wanted, " was asked for; there are layers ", kind.first_layer, " to ", layers);
      deepest = std::max(deepest, wanted);
    }
  return deepest;
}

Variable run_layers(Variable x, std::size_t layers, const LayerWants& want, bool to_end,
                    LayerTensors& given, const RunLayer& layer, KeyValueCache* cache) {
  const int last = static_cast<int>(layers), wanted = deepest_layer(want, last),
            deepest = to_end ? last : wanted;
  if (want.hidden.contains(0)) given.hidden[0] = x;
  for (int i = 1; i <= deepest; ++i) {
    x = layer(x, static_cast<std::size_t>(i - 1), LayerTrace(want, given, i, cache));
    if (want.hidden.contains(i)) given.hidden[i] = x;
  }
  return x;
}

}  // namespace retort
