// What a model is for: which head sits on its body.
#pragma once

#include <string>
#include <string_view>

namespace retort {

enum class Task {
  none,  ///< the body alone
  sequence_classification,
  token_classification,
  question_answering,
  masked_lm,
  causal_lm,
  seq2seq_lm,
  embedding,  ///< one vector per sequence: the mean of its tokens, normalised
};

/// What the decoder of an encoder-decoder begins from.
enum class Targets {
  none,     ///< there is no decoder
  given,    ///< what the caller says
  shifted,  ///< the encoder's tokens behind a start token, without the last (T5's classifiers)
};

/// Whether the head has no parameters: such a model is transformers' bare one.
constexpr bool is_bare(Task task) { return task == Task::none || task == Task::embedding; }

/// As --task spells it: "sequence-classification".
const char* name(Task task);
/// Error: there is no such task.
Task parse_task(std::string_view text);

/// The end of transformers' class name: "ForSequenceClassification".
const char* class_suffix(Task task);
/// The task of a class of transformers ("BertForMaskedLM"); none where Retort has no such head.
Task task_of_class(std::string_view class_name);

}  // namespace retort
