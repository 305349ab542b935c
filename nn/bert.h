// BERT with a classification head (Devlin et al. 2019), as transformers' BertForSequenceClassification.
#pragma once

#include "nn/encoder.h"

namespace retort {

class Bert : public Model {
 public:
  explicit Bert(ModelConfig config);
  Output forward(const Batch& batch, const Want& want, const Context& context) const override;
  std::vector<std::string> head_prefixes() const override { return {"classifier."}; }
  std::string base_prefix() const override { return "bert."; }

 private:
  Embedding words_, positions_, types_;
  LayerNorm embedding_norm_;
  Dropout embedding_dropout_;
  EncoderStack layers_;
  Linear pooler_;
  Dropout classifier_dropout_;
  Linear classifier_;
};

}  // namespace retort
