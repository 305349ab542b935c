#include "nn/cut_student.h"

#include <algorithm>
#include <utility>

#include "nn/architecture.h"
#include "nn/bert_to_distilbert.h"
#include "nn/fits_memory.h"
#include "nn/kept_units.h"
#include "nn/renumbered_ids.h"
#include "tensor/base/error.h"

namespace retort {
namespace {

// `owner`: whose layers they are.
void check_layers(const std::vector<int>& layers, std::int64_t count, const char* owner) {
  check(!layers.empty(), "student: expected at least one layer");
  for (std::size_t i = 0; i < layers.size(); ++i) {
    check(layers[i] >= 1 && layers[i] <= count, "student: layer ", layers[i], " doesn't exist; ",
          owner, " has layers 1 to ", count);
    check(i == 0 || layers[i] > layers[i - 1], "student: expected ascending layers, found ",
          layers[i], " after ", layers[i - (i > 0)]);
  }
}

// Heads are cut as wholes, so their number follows from the hidden size where they fill it.
void slice_heads(ModelConfig& config, const ModelConfig& teacher, const CutOptions& options,
                 bool free_heads) {
  const std::int64_t size = teacher.head_size(), group = teacher.heads / teacher.key_heads();
  if (options.heads) config.heads = *options.heads;
  else if (!free_heads) config.heads = config.hidden_size / size;
  if (!free_heads)
    check(config.heads * size == config.hidden_size, "student: heads of ", size,
          " columns are kept as wholes and fill the hidden size, but ", config.heads,
          " of them don't fill ", config.hidden_size, "; give --hidden ",
          std::max<std::int64_t>(config.heads, 1) * size, " or --init fresh");
  check(config.heads >= group && config.heads % group == 0, "student: ", group,
        " heads share keys and values and are kept together: expected a multiple of ", group,
        " as --heads, found ", config.heads);
  if (config.kv_heads > 0) config.kv_heads = config.heads / group;
}

void fresh_heads(ModelConfig& config, const ModelConfig& teacher, const CutOptions& options) {
  if (!options.heads) return;
  const std::int64_t group = teacher.heads / teacher.key_heads();
  check(*options.heads >= 1 && *options.heads % group == 0, "student: ", group,
        " heads share keys and values: expected a multiple of ", group, " as --heads, found ",
        *options.heads);
  config.heads = *options.heads;
  if (config.kv_heads > 0) config.kv_heads = config.heads / group;
}

void check_size(const char* flag, const std::optional<std::int64_t>& size, std::int64_t teachers,
                CutInit init) {
  if (!size) return;
  check(*size >= 1, flag, ": expected at least 1, found ", *size);
  check(init == CutInit::fresh || *size <= teachers, flag, ": ", *size, " is more than the ",
        teachers, " of the teacher, which has no weights for that; use --init fresh");
}

// The ids of special tokens among config.json's keys, and the vocabulary's size.
void keep_vocabulary(ModelConfig& config, const std::vector<std::int32_t>& kept) {
  if (kept.empty()) return;
  for (std::size_t i = 0; i < kept.size(); ++i)
    check(kept[i] >= 0 && kept[i] < config.vocab_size && (i == 0 || kept[i] > kept[i - 1]),
          "student: the words to keep: expected ascending ids below ", config.vocab_size,
          ", found ", kept[i]);
  if (config.raw.is_object()) config.raw = renumbered_ids(config.raw, kept, "config.json");
  if (config.pad_token_id) {
    const auto pad = renumbered(*config.pad_token_id, kept);
    check(config.first_position == 0 || pad == config.pad_token_id, "student: ", config.model_type,
          "'s positions begin behind the padding token ", *config.pad_token_id,
          ", so all words before it have to be kept");
    config.pad_token_id = pad;
  }
  const auto start = renumbered(config.decoder_start_token_id, kept);
  check(start || !config.has_decoder(), "student: the words to keep: expected id ",
        config.decoder_start_token_id, " among them, with which ", config.model_type,
        "'s decoder begins");
  config.decoder_start_token_id = start.value_or(0);  // 0: nothing begins there
  config.vocab_size = static_cast<std::int64_t>(kept.size());
}

ModelConfig student_config(const Model& teacher, const Architecture& architecture,
                           const CutOptions& options, const std::vector<int>& decoder_layers) {
  const ModelConfig& from = teacher.config();
  const bool resized =
      options.hidden || options.heads || options.feed_forward || !options.vocabulary.empty();
  check(!resized || architecture.axes, "student: a ", from.model_type,
        " can only be cut by layers, not by --hidden, --heads, --ffn or --vocab-from");
  check_size("--hidden", options.hidden, from.hidden_size, options.init);
  check_size("--heads", options.heads, from.heads, options.init);
  check_size("--ffn", options.feed_forward, from.intermediate_size, options.init);
  ModelConfig config = from;
  if (architecture.keep_layers) architecture.keep_layers(config, options.layers);
  config.layers = static_cast<std::int64_t>(options.layers.size());
  if (from.has_decoder()) config.decoder_layers = static_cast<std::int64_t>(decoder_layers.size());
  if (!resized) return config;
  config.hidden_size = options.hidden.value_or(from.hidden_size);
  config.intermediate_size = options.feed_forward.value_or(from.intermediate_size);
  if (options.init == CutInit::fresh) fresh_heads(config, from, options);
  else slice_heads(config, from, options, axes_of(teacher).free_heads());
  keep_vocabulary(config, options.vocabulary);
  if (architecture.resize) architecture.resize(config, from);
  // Whatever can't be such a model, reading its config.json would say so.
  ModelConfig::parse(config.to_json(), "student");
  return config;
}

class Cutter {
 public:
  Cutter(const Model& teacher, const Architecture& architecture, Model& student,
         const CutOptions& options, const std::vector<int>& decoder_layers)
      : teacher_(teacher),
        student_(student),
        architecture_(architecture),
        options_(options),
        axes_(axes_of(teacher)),
        stacks_({{layers_prefix(teacher), &options.layers},
                 {decoder_layers_prefix(teacher), &decoder_layers}}),
        kept_({teacher.config().head_size(), teacher.config().heads / teacher.config().key_heads()},
              axes_.pinned_head(), options.vocabulary) {}

  /// Fills the student; `result` learns what was made anew.
  void operator()(CutStudent& result) {
    for (Parameter& parameter : student_.parameters())
      if (!is_fresh(parameter)) {
        const Parameter& from = source(parameter.name);
        kept_.add(value_of(from), parameter.shape, axes_.of(from));
      }
    std::int64_t fresh_of_body = 0;
    for (Parameter& parameter : student_.parameters()) {
      if (is_fresh(parameter)) {
        initialize(parameter, student_.config().initializer_range, options_.seed);
        if (parameter.part == Part::head) {
          result.notes.push_back(parameter.name + " was made anew");
          result.fresh_head = true;
        } else {
          ++fresh_of_body;
        }
        continue;
      }
      const Parameter& from = source(parameter.name);
      const Tensor taken = kept_.take(value_of(from), parameter.shape, axes_.of(from));
      check(taken.shape() == parameter.shape, "student: ", parameter.name, ": expected ",
            parameter.shape, ", found ", taken.shape());
      parameter.variable = Variable::parameter(taken.clone());
    }
    result.fresh_body = fresh_of_body > 0;
    if (result.fresh_body)
      result.notes.push_back(
          std::to_string(fresh_of_body) +
          " parameters of the body have other sizes than the teacher's and were made "
          "anew from seed " +
          std::to_string(options_.seed));
  }

 private:
  // A frozen teacher's may be bf16.
  static Tensor value_of(const Parameter& parameter) {
    return parameter.variable.value().to(DType::f32);
  }

  const Parameter& source(const std::string& name) const {
    std::string from = name;
    for (const auto& [prefix, layers] : stacks_) {
      if (prefix.empty() || !name.starts_with(prefix)) continue;
      const std::size_t end = name.find('.', prefix.size());
      const int place = std::stoi(name.substr(prefix.size(), end - prefix.size()));
      from = prefix + std::to_string(teacher_place(place, *layers)) + name.substr(end);
      // What only the first layer has stays with it: T5's table of distances.
      if (place == 0 && !teacher_.parameters().find(from)) from = name;
    }
    const Parameter* parameter = teacher_.parameters().find(from);
    check(parameter != nullptr, "student: the teacher has no ", from);
    return *parameter;
  }

  // Where the teacher has what the student has at `place` of its layers' parameters.
  int teacher_place(int place, const std::vector<int>& layers) const {
    if (!architecture_.layer_place) return layers[static_cast<std::size_t>(place)] - 1;
    std::size_t layer = 0;
    while (architecture_.layer_place(student_.config(), static_cast<int>(layer)) != place) ++layer;
    return architecture_.layer_place(teacher_.config(), layers[layer] - 1);
  }

  bool is_fresh(const Parameter& parameter) const {
    if (parameter.part == Part::head && options_.fresh_head) return true;
    if (options_.init == CutInit::slice) return false;
    const Parameter& from = source(parameter.name);
    const auto dimensions = axes_.of(from);
    const bool other_heads = teacher_.config().heads != student_.config().heads ||
                             teacher_.config().head_size() != student_.config().head_size();
    for (std::size_t d = 0; d < dimensions.size(); ++d) {
      const Axis axis = dimensions[d].use.axis;
      const int dim = static_cast<int>(d);
      if (axis != Axis::vocabulary && parameter.shape[dim] != from.shape[dim]) return true;
      if (other_heads && (axis == Axis::queries || axis == Axis::keys)) return true;
    }
    return false;
  }

  const Model& teacher_;
  Model& student_;
  const Architecture& architecture_;
  const CutOptions& options_;
  Axes axes_;
  // What the names of a stack's layers begin with, and which of the teacher's are kept.
  std::vector<std::pair<std::string, const std::vector<int>*>> stacks_;
  KeptUnits kept_;
};

}  // namespace

CutStudent cut_student(const Model& teacher, const CutOptions& options) {
  const ModelConfig& from = teacher.config();
  check_layers(options.layers, from.layers, "the teacher");
  check(options.decoder_layers.empty() || from.has_decoder(),
        "student: --decoder-layers: the teacher has no decoder behind an encoder");
  const std::vector<int>& decoder_layers =
      options.decoder_layers.empty() ? options.layers : options.decoder_layers;
  if (from.has_decoder())
    check_layers(decoder_layers, from.decoder_layers, "the teacher's decoder");
  check(options.type == "distilbert" || options.type == "same",
        "student: expected the type distilbert or same, found '", options.type, "'");
  const bool same = options.type == "same" || options.type == from.model_type;
  check(same || from.model_type == "bert",
        "student: a distilbert is cut from a bert, the teacher is a ", from.model_type,
        "; use same");
  const Architecture& architecture = find_architecture(from.model_type, "student");
  CutStudent result;
  result.model = make_model(student_config(teacher, architecture, options, decoder_layers));
  check_fits_memory(*result.model);
  Cutter(teacher, architecture, *result.model, options, decoder_layers)(result);
  if (!same) result.model = bert_to_distilbert(*result.model, result.notes);
  return result;
}

}  // namespace retort
