#include "nn/weights/load.h"

#include <algorithm>
#include <unordered_set>

#include "nn/weights/weight_files.h"
#include "tensor/base/error.h"
#include "tensor/base/file.h"

namespace retort {
namespace {

// The names under which a file may hold a parameter, the usual one first. base_prefix: "bert.", which a
// file lacks that holds a body alone.
std::vector<std::string> spellings(const Parameter& parameter, const std::string& base_prefix, bool bare) {
  std::vector<std::string> result = {parameter.name};
  if (bare) result.push_back(base_prefix + parameter.name);
  result.insert(result.end(), parameter.aliases.begin(), parameter.aliases.end());
  if (parameter.name.starts_with(base_prefix)) result.push_back(parameter.name.substr(base_prefix.size()));
  const std::size_t plain = result.size();
  for (std::size_t i = 0; i < plain; ++i) {  // TensorFlow's names of norm weights
    std::string old = result[i];
    if (old.ends_with("LayerNorm.weight")) old.replace(old.size() - 6, 6, "gamma");
    else if (old.ends_with("LayerNorm.bias")) old.replace(old.size() - 4, 4, "beta");
    else continue;
    result.push_back(old);
  }
  return result;
}

// Buffers that older versions of transformers saved and that can be computed: it ignores them too.
bool is_computed(const std::string& name) {
  constexpr std::string_view kEnds[] = {"position_ids",      ".attn.bias",
                                        ".attn.masked_bias", ".attn.attention.bias",
                                        ".attn.attention.masked_bias", "rotary_emb.inv_freq"};
  return std::any_of(std::begin(kEnds), std::end(kEnds),
                     [&](std::string_view end) { return name.ends_with(end); });
}

// "[2, 3]", of any number of dimensions.
std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t size : shape) text += (text.empty() ? "" : ", ") + std::to_string(size);
  return "[" + text + "]";
}

Variable take(const WeightFiles::Weight& weight, const Parameter& parameter, bool frozen) {
  const TensorEntry& entry = *weight.tensor;
  const auto file = weight.file->file();
  const auto same = [](const std::vector<std::int64_t>& a, const Shape& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  };
  if (!same(entry.shape, parameter.shape))
    fail(file->path().string(), ": ", entry.name, ": expected the shape ", parameter.shape,
         " (from config.json), found ", shape_text(entry.shape));
  check(is_floating(entry.dtype), file->path().string(), ": ", entry.name,
        ": expected floating-point numbers, found ", name(entry.dtype));
  const Tensor stored = tensor_of(entry, file, frozen);
  // Matrices in bf16 are what products in bf16 take; vectors are small, and norms want f32.
  const bool as_it_is = frozen && stored.dtype() == DType::bf16 && stored.rank() >= 2;
  const Tensor value = as_it_is ? stored : stored.to(DType::f32);
  return frozen ? Variable(value) : Variable::parameter(value);
}

}  // namespace

LoadedModel load_model(const std::filesystem::path& directory, const ModelConfig& config,
                       const LoadOptions& options) {
  const WeightFiles files(directory, Renames(options.rename));
  LoadedModel result{make_model(config), {}};
  Model& model = *result.model;
  const bool bare = is_bare(config.task);
  std::unordered_set<const TensorEntry*> used;
  for (Parameter& parameter : model.parameters()) {
    const bool head = parameter.part == Part::head;
    const WeightFiles::Weight* weight = nullptr;
    for (const std::string& spelling : spellings(parameter, model.base_prefix(), bare))
      if (const WeightFiles::Weight* found = files.find(spelling)) {
        used.insert(found->tensor);
        if (!weight) weight = found;
      }
    if (weight && !(head && options.fresh_head)) {
      parameter.variable = take(*weight, parameter, options.frozen);
      continue;
    }
    check(parameter.part != Part::body, files.path().string(), ": ",
          parameter.name, " is missing; the file holds ", files.weights().size(),
          " tensors and isn't a whole ", config.model_type, " of ", config.layers, " layers");
    initialize(parameter, config.initializer_range, options.seed);
    if (options.frozen) parameter.variable = parameter.variable.detach();
    result.report.fresh.push_back(parameter.name);
    if (head) result.report.fresh_head = parameter.name;
  }
  for (const WeightFiles::Weight& weight : files.weights())
    if (!used.contains(weight.tensor) && !is_computed(weight.name))
      result.report.unused.push_back(weight.name);
  return result;
}

LoadedModel load_model(const std::filesystem::path& directory, const LoadOptions& options) {
  return load_model(directory, ModelConfig::read(directory), options);
}

void check_trained_head(const LoadReport& report, const std::filesystem::path& path) {
  check(report.fresh_head.empty(), path.string(), ": has no trained head (", report.fresh_head,
        " is missing); run retort train on it first");
}

std::unique_ptr<Model> random_model(const ModelConfig& config, std::uint64_t seed) {
  std::unique_ptr<Model> model = make_model(config);
  for (Parameter& parameter : model->parameters())
    initialize(parameter, config.initializer_range, seed);
  return model;
}

void save_model(const Model& model, const std::filesystem::path& directory) {
  std::vector<TensorToWrite> tensors;
  std::vector<Tensor> kept;  // contiguous values, alive until written
  for (const Parameter& parameter : model.parameters()) {
    kept.push_back(parameter.variable.value().contiguous());
    tensors.push_back({parameter.name, kept.back().dtype(),
                       {parameter.shape.begin(), parameter.shape.end()}, kept.back().raw()});
  }
  write_weights(directory, tensors);
  replace_file(directory / "config.json", model.config().to_json().dump(2) + "\n");
}

}  // namespace retort
