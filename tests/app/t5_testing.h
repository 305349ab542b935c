// What the tests of encoder-decoders share: a tiny T5, three texts and what its decoder reads.
#pragma once

#include "nn/weights/load.h"
#include "tests/app/model_testing.h"

namespace retort::testing {

inline ModelConfig config_of(const std::string& text) {
  return ModelConfig::parse(Json::parse(text, "test"), "config.json");
}

// Sizes that differ, so that none can be taken for another.
inline ModelConfig tiny_t5(const std::string& more = "", const std::string& type = "t5") {
  return config_of(R"({"model_type":")" + type +
                   R"(","vocab_size":29,"d_model":12,"d_kv":5,"d_ff":18,"num_layers":3,)"
                   R"("num_decoder_layers":2,"num_heads":3,"relative_attention_num_buckets":8,)"
                   R"("relative_attention_max_distance":6)" +
                   (more.empty() ? "" : "," + more) + "}");
}

inline std::unique_ptr<Model> tiny_t5_model(Task task = Task::seq2seq_lm,
                                            const std::string& more = "") {
  ModelConfig config = tiny_t5(more);
  config.task = task;
  auto model = make_model(config);
  randomise(*model, 5);
  return model;
}

// Three texts and what their decoder reads.
inline std::vector<TokenSequence> texts() {
  return {{{4, 9, 1, 17, 1, 22}, {}, {0, 8, 3}},
          {{1}, {}, {0, 28, 5, 11, 2, 6, 13}},
          {{12, 3, 3, 1}, {}, {0}}};
}

inline std::vector<TokenSequence> texts_for(const Model& model) {
  std::vector<TokenSequence> sequences = texts();
  if (model.config().targets() != Targets::given)
    for (TokenSequence& sequence : sequences) sequence.target_ids.clear();
  return sequences;
}

inline std::vector<double> logits_of(const Model& model,
                                     const std::vector<TokenSequence>& sequences) {
  return numbers(model.forward(batch_of(sequences, model), {}, {}).logits);
}

inline const Tensor& value(const Model& model, const std::string& name) {
  const Parameter* parameter = model.parameters().find(name);
  REQUIRE(parameter != nullptr);
  return parameter->variable.value();
}

inline const std::string kTable = "SelfAttention.relative_attention_bias.weight";

}  // namespace retort::testing
