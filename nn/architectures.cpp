#include "nn/architecture.h"
#include "nn/models/models.h"
#include "tensor/base/error.h"

namespace retort {
namespace {

// One line per architecture.
const Architecture* const kArchitectures[] = {
    &kBert,       &kDistilBert, &kRoberta, &kXlmRoberta, &kElectra, &kAlbert, &kMobileBert,
    &kModernBert, &kDecoder,    &kGemma2,  &kGemma3,     &kGpt2,    &kGptNeo, &kLlama,
    &kMistral,    &kQwen2,      &kQwen3,   &kT5,         &kMt5,
};

}  // namespace

const Architecture& find_architecture(const std::string& model_type, const std::string& where) {
  for (const Architecture* architecture : kArchitectures)
    if (model_type == architecture->model_type) return *architecture;
  fail(where, ": model_type '", model_type, "' isn't supported; there are ", architecture_names());
}

std::string architecture_names() {
  std::string names;
  for (const Architecture* architecture : kArchitectures)
    names += (names.empty() ? "" : ", ") + std::string(architecture->model_type);
  return names;
}

std::string class_name(const Architecture& architecture, Task task) {
  if (task == Task::causal_lm && architecture.causal_lm_class) return architecture.causal_lm_class;
  const char* suffix = task == Task::embedding ? architecture.embedding_suffix : class_suffix(task);
  return std::string(architecture.class_prefix) + suffix;
}

void fail_no_head(const ModelConfig& config) {
  fail(config.model_type, ": there is no head for ", name(config.task), "; choose another --task");
}

}  // namespace retort
