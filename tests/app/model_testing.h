// What the tests of models share: the golden files of tests/golden/make.py, tiny configurations,
// and distances between numbers.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "nn/model.h"
#include "nn/weights/safetensors.h"
#include "tensor/base/json.h"
#include "tensor/base/philox.h"
#include "tests/app/data_files.h"

namespace retort::testing {

/// A model directory of tests/golden with the reference's results.
class Golden {
 public:
  explicit Golden(const std::string& name)
      : path_(std::filesystem::path(RETORT_SOURCE_DIR) / "tests" / "golden" / name),
        record_(Json::parse_file(path_ / "golden.json")),
        file_(path_ / "golden.safetensors") {}

  const std::filesystem::path& path() const { return path_; }
  const Json& record() const { return record_; }
  const SafetensorsFile& file() const { return file_; }

  template <class T>
  std::vector<T> values(const std::string& name, DType dtype) const {
    const TensorEntry* entry = file_.find(name);
    REQUIRE(entry != nullptr);
    REQUIRE(entry->dtype == dtype);
    std::vector<T> result(entry->bytes.size() / sizeof(T));
    std::memcpy(result.data(), entry->bytes.data(), entry->bytes.size());
    return result;
  }
  /// Numbers that the file holds as f64 or f32.
  std::vector<double> doubles(const std::string& name) const {
    const TensorEntry* entry = file_.find(name);
    REQUIRE(entry != nullptr);
    if (entry->dtype == DType::f64) return values<double>(name, DType::f64);
    const auto single = values<float>(name, DType::f32);
    return {single.begin(), single.end()};
  }
  std::vector<std::int32_t> integers(const std::string& name) const {
    return values<std::int32_t>(name, DType::i32);
  }
  /// How far a tensor of values may be off.
  double tolerance(const std::string& name) const {
    return record_.find("tensors")->find(name)->find("tolerance")->as_number(name);
  }
  /// The sequences under `prefix` ("" or "train.0."), in the order of their labels; of
  /// encoder-decoders with targets.
  std::vector<TokenSequence> sequences(const std::string& prefix) const {
    const auto ids = integers(prefix + "ids"), types = integers(prefix + "types"),
               offsets = integers(prefix + "offsets");
    std::vector<TokenSequence> result;
    for (std::size_t i = 0; i + 1 < offsets.size(); ++i)
      result.push_back({{ids.begin() + offsets[i], ids.begin() + offsets[i + 1]},
                        {types.begin() + offsets[i], types.begin() + offsets[i + 1]}});
    if (!file_.find(prefix + "targets")) return result;
    const auto targets = integers(prefix + "targets"), ends = integers(prefix + "target_offsets");
    for (std::size_t i = 0; i < result.size(); ++i)
      result[i].target_ids = {targets.begin() + ends[i], targets.begin() + ends[i + 1]};
    return result;
  }

 private:
  std::filesystem::path path_;
  Json record_;
  SafetensorsFile file_;
};

inline Batch batch_of(const std::vector<TokenSequence>& sequences, const Model& model) {
  std::vector<const TokenSequence*> pointers;
  for (const TokenSequence& sequence : sequences) pointers.push_back(&sequence);
  return make_batch(pointers, model.limits());
}

/// Logits and every hidden state.
inline Want everything(const Model& model) {
  Want want;
  for (int layer = 0; layer <= model.config().layers; ++layer) want.hidden.insert(layer);
  return want;
}

inline double norm(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value * value;
  return std::sqrt(sum);
}

inline double largest(const std::vector<double>& values) {
  double result = 0;
  for (const double value : values) result = std::max(result, std::abs(value));
  return result;
}

/// Element by element; an infinity where a NaN is or the sizes differ.
inline std::vector<double> differences(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return {HUGE_VAL};
  std::vector<double> result(a.size());
  for (std::size_t i = 0; i < a.size(); ++i)
    result[i] = std::isnan(a[i] - b[i]) ? HUGE_VAL : a[i] - b[i];
  return result;
}

inline std::vector<double> numbers(const Tensor& tensor) { return tensor.to_vector<double>(); }
inline std::vector<double> numbers(const Variable& variable) { return numbers(variable.value()); }

/// Whether both hold the same bits.
inline bool same_bits(const Tensor& a, const Tensor& b) {
  if (!(a.shape() == b.shape()) || a.dtype() != b.dtype()) return false;
  const Tensor x = a.contiguous(), y = b.contiguous();
  return std::memcmp(x.raw(), y.raw(), static_cast<std::size_t>(x.count()) * size_of(x.dtype())) ==
         0;
}

/// A small configuration; every size is different, so that none can be taken for another.
inline ModelConfig tiny_config(const std::string& type, std::int64_t layers = 3,
                               std::vector<std::string> labels = {"LABEL_0", "LABEL_1"}) {
  ModelConfig config;
  config.model_type = type;
  config.vocab_size = 53;
  config.hidden_size = 12;
  config.heads = 3;
  config.intermediate_size = 20;
  config.max_positions = 31;
  config.token_types = type == "bert" ? 2 : 0;
  config.layers = layers;
  config.initializer_range = 0.4;
  config.labels = std::move(labels);
  return config;
}

/// Gives every parameter random values, biases and norms too (norm weights around 1).
inline void randomise(Model& model, std::uint64_t seed) {
  for (Parameter& parameter : model.parameters()) {
    RandomStream random(seed, random_site(parameter.name));
    Tensor value = Tensor::empty(parameter.shape);
    float* data = value.mutable_data<float>();
    for (std::int64_t i = 0; i < value.count(); ++i)
      data[i] = static_cast<float>(0.4 * random.normal() + (parameter.init == Init::ones ? 1 : 0));
    parameter.variable = Variable::parameter(value);
  }
}

/// Sequences of the given lengths with random ids; the second half of each has token type 1.
inline std::vector<TokenSequence> random_sequences(const std::vector<int>& lengths,
                                                   const ModelConfig& config, std::uint64_t seed,
                                                   bool with_types = true) {
  RandomStream random(seed, 7);
  std::vector<TokenSequence> result;
  for (const int length : lengths) {
    TokenSequence& sequence = result.emplace_back();
    for (int i = 0; i < length; ++i) {
      sequence.ids.push_back(
          static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(config.vocab_size))));
      const bool second = with_types && 2 * i >= length;
      sequence.type_ids.push_back(second ? 1 : 0);
    }
  }
  return result;
}

}  // namespace retort::testing
