#include "nn/model.h"

#include "nn/bert.h"
#include "nn/distilbert.h"
#include "tensor/base/error.h"

namespace retort {

void Model::check_want(const Want& want) const {
  for (const int layer : want.hidden)
    check(layer >= 0 && layer <= config_.layers, "model: hidden states of layer ", layer,
          " were asked for; there are layers 0 (embeddings) to ", config_.layers);
}

std::unique_ptr<Model> make_model(const ModelConfig& config) {
  // One line per architecture.
  if (config.model_type == "bert") return std::make_unique<Bert>(config);
  if (config.model_type == "distilbert") return std::make_unique<DistilBert>(config);
  fail("model_type '", config.model_type, "' isn't supported; there are bert and distilbert");
}

}  // namespace retort
