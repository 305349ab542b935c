#include "nn/axes.h"

#include <algorithm>

#include "nn/architecture.h"
#include "nn/model.h"
#include "tensor/base/error.h"

namespace retort {
namespace {

// A parameter's name without ".weight" or ".bias".
std::string_view module_name(std::string_view name) {
  for (const std::string_view end : {".weight", ".bias"})
    if (name.ends_with(end)) return name.substr(0, name.size() - end.size());
  return name;
}

bool ends_at_dot(std::string_view name, std::string_view end) {
  return name == end || (name.size() > end.size() && name.ends_with(end) &&
                         name[name.size() - end.size() - 1] == '.');
}

std::string prefix_of(const Model& model, const char* Architecture::*layers) {
  const Architecture& architecture = find_architecture(model.config().model_type, "model");
  if (!(architecture.*layers)) return {};
  return (model.prefixed() ? model.base_prefix() : "") + architecture.*layers + ".";
}

}  // namespace

void Axes::linear(std::string_view end, AxisUse outputs, AxisUse inputs) {
  rules_.push_back({std::string(end), outputs, inputs, false});
}

void Axes::transposed(std::string_view end, AxisUse outputs, AxisUse inputs) {
  rules_.push_back({std::string(end), outputs, inputs, true});
}

std::string Axes::place(const AxisUse& use, std::string_view name, std::size_t end_length) const {
  std::size_t before_layer = 0;
  for (const std::string& stack : stacks_)
    if (name.starts_with(stack)) before_layer = std::max(before_layer, stack.size());
  switch (use.axis) {
    case Axis::feed_forward:
      return std::string(name.substr(0, name.size() - end_length));
    case Axis::queries:
    case Axis::keys:
    case Axis::inner:
    case Axis::inner_keys:
      // "bert.encoder.layer.3"
      return std::string(name.substr(0, name.find('.', before_layer)));
    case Axis::stack_heads:
    case Axis::bias_heads:
      return std::string(name.substr(0, before_layer));
    default:
      return {};
  }
}

std::vector<Axes::Dimension> Axes::of(const Parameter& parameter) const {
  const auto rank = static_cast<std::size_t>(parameter.shape.rank());
  if (rules_.empty()) return std::vector<Dimension>(rank, Dimension{Axis::whole, {}});
  const std::string_view name = module_name(parameter.name);
  const Rule* found = nullptr;
  for (const Rule& rule : rules_)
    if (ends_at_dot(name, rule.end) && (!found || rule.end.size() >= found->end.size()))
      found = &rule;
  check(found != nullptr && rank <= 2, "student: nothing says what the dimensions of ",
        parameter.name, " are");
  std::vector<Dimension> dimensions;
  const auto add = [&](const AxisUse& use) {
    dimensions.push_back({use, place(use, name, found->end.size())});
  };
  const bool swapped = found->transposed && rank == 2;
  add(swapped ? found->inputs : found->outputs);
  if (rank == 2) add(swapped ? found->outputs : found->inputs);
  return dimensions;
}

std::string layers_prefix(const Model& model) { return prefix_of(model, &Architecture::layers); }

std::string decoder_layers_prefix(const Model& model) {
  return prefix_of(model, &Architecture::decoder_layers);
}

Axes axes_of(const Model& model) {
  const Architecture& architecture = find_architecture(model.config().model_type, "model");
  Axes axes({layers_prefix(model), decoder_layers_prefix(model)});
  if (!architecture.axes) return axes;
  architecture.axes(axes, model.config());
  if (model.config().own_head) own_head_axes(axes, *model.config().own_head);
  return axes;
}

}  // namespace retort
