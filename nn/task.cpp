#include "nn/task.h"

#include "tensor/base/error.h"

namespace retort {
namespace {

struct TaskName {
  Task task;
  const char* name;
  const char* class_suffix;
};

// A class is known by its end; the longest comes before those that it ends with.
constexpr TaskName kTasks[] = {
    {Task::sequence_classification, "sequence-classification", "ForSequenceClassification"},
    {Task::token_classification, "token-classification", "ForTokenClassification"},
    {Task::question_answering, "question-answering", "ForQuestionAnswering"},
    {Task::masked_lm, "masked-lm", "ForMaskedLM"},
    {Task::causal_lm, "causal-lm", "ForCausalLM"},
    {Task::seq2seq_lm, "seq2seq-lm", "ForConditionalGeneration"},
    {Task::embedding, "embedding", "Model"},
    {Task::none, "none", "Model"},
};

const TaskName& entry(Task task) {
  for (const TaskName& known : kTasks)
    if (known.task == task) return known;
  fail("task: there is no number ", static_cast<int>(task));
}

}  // namespace

const char* name(Task task) { return entry(task).name; }

Task parse_task(std::string_view text) {
  std::string names;
  for (const TaskName& known : kTasks) {
    if (text == known.name) return known.task;
    names += (names.empty() ? "" : ", ") + std::string(known.name);
  }
  fail("--task: there is no '", text, "'; there are ", names);
}

const char* class_suffix(Task task) { return entry(task).class_suffix; }

Task task_of_class(std::string_view class_name) {
  if (class_name.ends_with("WithLMHeadModel")) return Task::seq2seq_lm;  // T5's before 2020
  if (class_name.ends_with("LMHeadModel")) return Task::causal_lm;       // GPT2LMHeadModel
  if (class_name.ends_with("EncoderModel")) return Task::embedding;      // T5EncoderModel
  for (const TaskName& known : kTasks)
    if (known.task != Task::embedding && class_name.ends_with(known.class_suffix))
      return known.task;
  return Task::none;
}

}  // namespace retort
