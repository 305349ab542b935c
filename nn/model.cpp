#include "nn/model.h"

#include "nn/architecture.h"
#include "tensor/base/error.h"

namespace retort {

Model::Model(ModelConfig source) : config_(std::move(source)) {
  const Architecture& architecture = find_architecture(config_.model_type, "model");
  base_prefix_ = std::string(architecture.base_prefix) + ".";
  const Scope root(parameters_);
  // transformers saves a body alone without prefix.
  prefixed_ =
      !is_bare(config_.task) && !(architecture.unprefixed && architecture.unprefixed(config_.task));
  const Scope scope = prefixed_ ? root / architecture.base_prefix : root;
  body_ = architecture.make_body(scope, config_);
  if (config_.task == Task::embedding) head_ = embedding_head();
  else if (config_.task == Task::sequence_classification && config_.own_head)
    head_ = make_own_head(root.of(Part::head), scope.of(Part::head), config_);
  else if (config_.task != Task::none)
    head_ = architecture.make_head(root.of(Part::head), scope.of(Part::head), config_, *body_);
}

Output Model::forward(const Batch& batch, const Want& want, const Context& context) const {
  check(head_ || !want.logits, config_.model_type,
        ": logits were asked for of a model without a head");
  check(
      config_.has_decoder() || (want.encoder.empty() && want.cross.empty()), config_.model_type,
      ": layers of an encoder before a decoder were asked for; this model has one stack of layers");
  check(want.cross.hidden.empty(), config_.model_type,
        ": attention to the encoder has no hidden states; ask for the decoder's");
  check(!config_.has_decoder() || batch.target, config_.model_type,
        ": the batch has no targets; make it with the limits of this model");
  Output output;
  const Variable hidden = body_->forward(batch, want, context, output);
  // Targets that nobody gives are the batch's own tokens, moved by one.
  const Batch& rows = config_.targets() == Targets::given ? *batch.target : batch;
  if (want.logits) output.logits = (*head_)(hidden, rows, context, want.last_token_alone);
  return output;
}

BatchLimits Model::limits() const {
  return {config_.vocab_size,
          config_.max_tokens(),
          config_.token_types,
          config_.first_position,
          config_.pad_token_id.value_or(-1),
          config_.targets(),
          config_.decoder_start_token_id};
}

std::unique_ptr<Model> make_model(const ModelConfig& config) {
  return std::make_unique<Model>(config);
}

}  // namespace retort
