#include "distill/teacher.h"

#include <algorithm>
#include <cstring>

namespace retort {

Teacher::Teacher(std::unique_ptr<Model> model, const Examples& examples)
    : model_(std::move(model)),
      examples_(examples),
      cache_(static_cast<std::size_t>(examples.count() * model_->config().num_labels())),
      known_(static_cast<std::size_t>(examples.count())) {}

Tensor Teacher::logits(std::span<const std::int64_t> indices) {
  const std::int64_t labels = model_->config().num_labels();
  std::vector<std::int64_t> missing;
  for (const std::int64_t index : indices)
    if (!known_[static_cast<std::size_t>(index)]) missing.push_back(index);
  if (!missing.empty()) {
    const NoGrad off;
    const Output output = model_->forward(examples_.batch(missing, model_->limits()), {}, {});
    const auto values = output.logits.value().to_vector<float>();
    for (std::size_t i = 0; i < missing.size(); ++i) {
      std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(i) * labels, labels,
                  cache_.begin() + missing[i] * labels);
      known_[static_cast<std::size_t>(missing[i])] = true;
    }
  }
  std::vector<float> result;
  for (const std::int64_t index : indices)
    result.insert(result.end(), cache_.begin() + index * labels, cache_.begin() + (index + 1) * labels);
  return Tensor::from(result, {static_cast<std::int64_t>(indices.size()), labels});
}

std::uint64_t Teacher::digest() const {
  std::uint64_t hash = 14695981039346656037u;  // FNV-1a over 64-bit words
  for (const Parameter& parameter : model_->parameters()) {
    const Tensor value = parameter.variable.value().contiguous();
    const auto* bytes = static_cast<const unsigned char*>(value.raw());
    const std::size_t size = static_cast<std::size_t>(value.count()) * size_of(value.dtype());
    for (std::size_t i = 0; i < size; i += sizeof(std::uint64_t)) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes + i, std::min(sizeof word, size - i));
      hash = (hash ^ word) * 1099511628211u;
    }
  }
  return hash;
}

}  // namespace retort
