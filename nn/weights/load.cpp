#include "nn/weights/load.h"

#include <algorithm>
#include <cstring>
#include <unordered_set>

#include "nn/architecture.h"
#include "nn/fits_memory.h"
#include "nn/weights/safetensors_format.h"
#include "nn/weights/weight_files.h"
#include "tensor/base/error.h"
#include "tensor/base/file.h"

namespace retort {
namespace {

// The names under which a file may hold one of the model's parameters, the usual one first. A file may
// lack the base prefix ("bert.", where it holds a body alone) or have it where the model doesn't.
std::vector<std::string> spellings(const Parameter& parameter, const Model& model) {
  const std::string& prefix = model.base_prefix();
  std::vector<std::string> result;
  const auto add = [&](const std::string& name) {
    result.push_back(name);
    if (!model.prefixed()) result.push_back(prefix + name);
    else if (name.starts_with(prefix)) result.push_back(name.substr(prefix.size()));
  };
  add(parameter.name);
  for (const std::string& alias : parameter.aliases) add(alias);
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

// What older versions of transformers saved and nothing needs: it ignores them too.
bool is_computed(const std::string& name) {
  constexpr std::string_view kEnds[] = {"position_ids",      ".attn.bias",
                                        ".attn.masked_bias", ".attn.attention.bias",
                                        ".attn.attention.masked_bias", "rotary_emb.inv_freq",
                                        // never read: T5's cross-attention has no positions
                                        "EncDecAttention.relative_attention_bias.weight"};
  return std::any_of(std::begin(kEnds), std::end(kEnds),
                     [&](std::string_view end) { return name.ends_with(end); });
}

bool same_numbers(const TensorEntry& a, const TensorEntry& b) {
  return a.dtype == b.dtype && a.shape == b.shape && a.strides == b.strides &&
         a.bytes.size() == b.bytes.size() &&
         (a.bytes.data() == b.bytes.data() ||
          std::memcmp(a.bytes.data(), b.bytes.data(), a.bytes.size()) == 0);
}

// Whether a language-model head shares the table of words. transformers, too, believes the files
// more than config.json: two tables with different numbers in them aren't one, and of T5 one table
// alone is both.
bool tied(const ModelConfig& config, const WeightFiles& files) {
  const bool by_files = find_architecture(config.model_type, "model").tied_by_files;
  if (!config.tie_word_embeddings && !by_files) return false;
  ModelConfig one = config, two = config;
  one.tie_word_embeddings = true;
  two.tie_word_embeddings = false;
  const auto shared = make_model(one), apart = make_model(two);
  for (const Parameter& words : shared->parameters())
    for (const std::string& alias : words.aliases) {
      if (!apart->parameters().find(alias)) continue;  // another name of the words themselves
      const WeightFiles::Weight* own = files.find(alias);
      const WeightFiles::Weight* table = nullptr;
      for (const std::string& spelling : spellings(words, *shared))
        if (!table && spelling != alias) table = files.find(spelling);
      return !own || !table || same_numbers(*own->tensor, *table->tensor);
    }
  return config.tie_word_embeddings;
}

// "[2, 3]", of any number of dimensions.
std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t size : shape) text += (text.empty() ? "" : ", ") + std::to_string(size);
  return "[" + text + "]";
}

bool has_shape(const TensorEntry& entry, const Shape& shape) {
  return std::equal(entry.shape.begin(), entry.shape.end(), shape.begin(), shape.end());
}

// A name from a file among others on a line: as it is, unless it would break the line.
std::string listed_name(const std::string& name) {
  const bool plain =
      name.size() <= kLongestName && std::none_of(name.begin(), name.end(), [](unsigned char c) {
        return c < 0x20 || c == 0x7F;
      });
  return plain ? name : shown_name(name);
}

Variable take(const WeightFiles::Weight& weight, const Parameter& parameter, bool frozen) {
  const TensorEntry& entry = *weight.tensor;
  const auto file = weight.file->file();
  if (!has_shape(entry, parameter.shape))
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

LoadedModel load_model(const std::filesystem::path& directory, const ModelConfig& given,
                       const LoadOptions& options) {
  const WeightFiles files(directory, Renames(options.rename));
  ModelConfig config = given;
  config.tie_word_embeddings = tied(given, files);
  LoadedModel result{make_model(config), {}};
  Model& model = *result.model;
  std::unordered_set<const TensorEntry*> used;
  for (Parameter& parameter : model.parameters()) {
    const bool head = parameter.part == Part::head;
    const WeightFiles::Weight* weight = nullptr;
    for (const std::string& spelling : spellings(parameter, model))
      if (const WeightFiles::Weight* found = files.find(spelling)) {
        used.insert(found->tensor);
        if (!weight) weight = found;
        check(same_numbers(*weight->tensor, *found->tensor), files.path().string(), ": ",
              weight->name, " and ", found->name, " are one parameter of a ", config.model_type,
              " and hold different numbers");
      }
    // A fine-tuned model's head for other labels, of which the body is what is wanted.
    const bool resized =
        head && weight && options.resize_head && !has_shape(*weight->tensor, parameter.shape);
    if (weight && !resized && !(head && options.fresh_head)) {
      parameter.variable = take(*weight, parameter, options.frozen);
      continue;
    }
    check(parameter.part != Part::body, files.path().string(), ": ",
          parameter.name, " is missing; the file holds ", files.weights().size(),
          " tensors and isn't a whole ", config.model_type, " of ", config.layers, " layers");
    initialize(parameter, config.initializer_range, options.seed);
    if (options.frozen) parameter.variable = parameter.variable.detach();
    result.report.fresh.push_back(parameter.name);
    if (resized)
      result.report.resized.push_back(
          parameter.name + ": " + shape_text(weight->tensor->shape) + " in the file, " +
          shape_text({parameter.shape.begin(), parameter.shape.end()}) + " here");
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

std::vector<std::string> report_lines(const LoadReport& report, const std::filesystem::path& path) {
  constexpr std::size_t kMost = 6;
  std::vector<std::string> lines;
  const auto list = [&](const std::vector<std::string>& names, const char* what) {
    if (names.empty()) return;
    std::string text = path.string() + ": " + what + ": ";
    for (std::size_t i = 0; i < names.size() && i < kMost; ++i)
      text += (i ? ", " : "") + listed_name(names[i]);
    if (names.size() > kMost) text += ", and " + std::to_string(names.size() - kMost) + " more";
    lines.push_back(std::move(text));
  };
  list(report.fresh, "made anew");
  list(report.resized, "of another size");
  list(report.unused, "in the file and not used");
  return lines;
}

void check_trained_head(const LoadReport& report, const std::filesystem::path& path) {
  check(report.fresh_head.empty(), path.string(), ": has no trained head (", report.fresh_head,
        " is missing); run retort train on it first");
}

std::unique_ptr<Model> random_model(const ModelConfig& config, std::uint64_t seed) {
  std::unique_ptr<Model> model = make_model(config);
  check_fits_memory(*model);
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
