// DistilBERT with a classification head (Sanh et al. 2019), as transformers'
// DistilBertForSequenceClassification: no token types, no pooler, a ReLU before the classifier.
#pragma once

#include "nn/encoder.h"

namespace retort {

class DistilBert : public Model {
 public:
  explicit DistilBert(ModelConfig config);
  Output forward(const Batch& batch, const Want& want, const Context& context) const override;
  std::vector<std::string> head_prefixes() const override { return {"pre_classifier.", "classifier."}; }
  std::string base_prefix() const override { return "distilbert."; }

 private:
  Embedding words_, positions_;
  LayerNorm embedding_norm_;
  Dropout embedding_dropout_;
  EncoderStack layers_;
  Linear pre_classifier_;
  Dropout classifier_dropout_;
  Linear classifier_;
};

}  // namespace retort
