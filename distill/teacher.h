// The frozen teacher: its logits, computed once per example.
#pragma once

#include <memory>
#include <vector>

#include "distill/examples.h"
#include "nn/model.h"

namespace retort {

/// Runs in eval mode without a graph. Because a row's bits don't depend on its batch mates, a logit
/// that was computed in an earlier epoch is exactly what would be computed again, and is kept instead
/// (a few bytes an example).
class Teacher {
 public:
  Teacher(std::unique_ptr<Model> model, const Examples& examples);

  /// f32 [indices, labels].
  Tensor logits(std::span<const std::int64_t> indices);
  const Model& model() const { return *model_; }
  /// A hash of all weights: a resume refuses another teacher.
  std::uint64_t digest() const;

 private:
  std::unique_ptr<Model> model_;
  const Examples& examples_;
  std::vector<float> cache_;
  std::vector<bool> known_;
};

}  // namespace retort
