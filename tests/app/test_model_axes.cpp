// What every architecture says about the dimensions of its parameters, and students with fewer
// units, for every golden model: reordering the units of an axis in all matrices that share it
// changes nothing, and units that are all zeros can go.
#include <algorithm>
#include <map>
#include <numeric>

#include "nn/cut_student.h"
#include "nn/weights/load.h"
#include "tensor/ops.h"
#include "tests/app/architecture_testing.h"

using namespace retort;
using namespace retort::testing;

namespace {

using Places = std::map<std::pair<Axis, std::string>, std::int64_t>;  // their units

Tensor value_of(const Parameter& parameter) { return parameter.variable.value(); }

// The number of units of every axis at every place.
Places places_of(const Model& model) {
  const Axes axes = axes_of(model);
  Places places;
  for (const Parameter& parameter : model.parameters()) {
    const auto dimensions = axes.of(parameter);
    for (std::size_t d = 0; d < dimensions.size(); ++d) {
      const auto& [use, place] = dimensions[d];
      const std::int64_t units = parameter.shape[static_cast<int>(d)] / use.parts + use.begin;
      const auto known = places.emplace(std::pair{use.axis, place}, units).first;
      if (use.axis != Axis::whole) CHECK(known->second == units);
    }
  }
  return places;
}

// The last units first; of attention group by group, and without those that have to stay.
std::vector<std::int32_t> reversed(Axis axis, std::int64_t units, const Model& model) {
  const ModelConfig& config = model.config();
  const std::int64_t group = config.heads / config.key_heads();
  std::int64_t together = 1, first = 0;
  if (axis == Axis::keys || axis == Axis::stack_heads) together = config.head_size();
  if (axis == Axis::queries) together = config.head_size() * group;
  if (axis == Axis::head) first = axes_of(model).pinned_head();
  std::vector<std::int32_t> order;
  for (std::int64_t i = 0; i < first; ++i) order.push_back(static_cast<std::int32_t>(i));
  for (std::int64_t block = (units - first) / together; block-- > 0;)
    for (std::int64_t i = 0; i < together; ++i)
      order.push_back(static_cast<std::int32_t>(first + block * together + i));
  return order;
}

// Reorders the units of `axis` (queries bring the keys with them) in every matrix.
void reorder(Model& model, Axis axis, const Places& places) {
  const Axes axes = axes_of(model);
  for (Parameter& parameter : model.parameters()) {
    const auto dimensions = axes.of(parameter);
    for (std::size_t d = 0; d < dimensions.size(); ++d) {
      const auto& [use, place] = dimensions[d];
      const bool with_queries = (axis == Axis::queries && use.axis == Axis::keys) ||
                                (axis == Axis::stack_heads && use.axis == Axis::bias_heads);
      if (use.axis != axis && !with_queries) continue;
      const int dim = static_cast<int>(d);
      const std::int64_t size = parameter.shape[dim] / use.parts;
      std::vector<std::int32_t> rows;
      for (std::int64_t part = 0; part < use.parts; ++part)
        for (const std::int32_t unit : reversed(use.axis, places.at({use.axis, place}), model))
          if (unit >= use.begin)
            rows.push_back(static_cast<std::int32_t>(part * size + unit - use.begin));
      parameter.variable =
          Variable::parameter(ops::index_select(value_of(parameter), dim, Tensor::from(rows)));
    }
  }
}

std::vector<double> logits_of(const Model& model, const std::vector<TokenSequence>& sequences) {
  return numbers(model.forward(batch_of(sequences, model), {}, {}).logits);
}

void check_close(const std::vector<double>& ours, const std::vector<double>& expected,
                 double bound) {
  CHECK(largest(differences(ours, expected)) <= bound * largest(expected));
}

// Sizes below the teacher's that make such a model; heads keep theirs.
struct Sizes {
  std::int64_t hidden, heads, feed_forward;
};
Sizes smaller(const Model& teacher) {
  const ModelConfig& config = teacher.config();
  const std::int64_t group = config.heads / config.key_heads(), size = config.head_size();
  Sizes sizes{config.hidden_size, config.heads, config.intermediate_size - 5};
  if (config.key_heads() > 1) sizes.heads -= group;
  if (axes_of(teacher).free_heads()) {
    sizes.hidden = (sizes.hidden / sizes.heads - 1) * sizes.heads;
  } else {
    // One that isn't the size of ELECTRA's embeddings.
    if (sizes.heads * size == config.embedding_size && config.model_type == "electra")
      sizes.heads -= group;
    sizes.hidden = sizes.heads * size;
  }
  return sizes;
}

CutOptions cut_to(const Model& teacher, const Sizes& sizes) {
  return {.layers = all_layers(teacher.config().layers),
          .decoder_layers = decoder_layers_of(teacher),
          .type = "same",
          .hidden = sizes.hidden,
          .heads = sizes.heads,
          .feed_forward = sizes.feed_forward};
}

template <class Check>
void for_every_model(Check&& check) {
  for (const std::string& name : golden_names()) {
    const Golden golden(name);
    for (const Task task : tasks_of(golden)) {
      INFO(name << ", " << retort::name(task));
      const LoadedModel loaded = load_for(golden, task);
      check(*loaded.model, sequences_for(*loaded.model, golden));
    }
  }
}

}  // namespace

TEST_CASE("Reordering the units of any axis changes no model", "[model][golden][axes]") {
  for_every_model([](Model& model, const std::vector<TokenSequence>& sequences) {
    const auto expected = logits_of(model, sequences);
    const Places places = places_of(model);
    for (const Axis axis : {Axis::stream, Axis::queries, Axis::stack_heads, Axis::feed_forward,
                            Axis::inner, Axis::inner_keys, Axis::head}) {
      INFO("axis " << static_cast<int>(axis));
      reorder(model, axis, places);
      // (An embedding's columns are what the text is made of: a vector of them is reordered
      // itself.)
      auto ours = logits_of(model, sequences);
      if (model.config().task == Task::embedding && axis == Axis::stream) {
        const auto width = static_cast<std::size_t>(model.config().hidden_size);
        for (std::size_t row = 0; row < ours.size(); row += width)
          std::reverse(ours.begin() + static_cast<std::ptrdiff_t>(row),
                       ours.begin() + static_cast<std::ptrdiff_t>(row + width));
      }
      check_close(ours, expected, 2e-3);
      if (axis == Axis::stream && model.config().task == Task::embedding) {
        reorder(model, axis, places);  // and back
        check_close(logits_of(model, sequences), expected, 2e-3);
      }
    }
  });
}

TEST_CASE("A student with all of its teacher's units is the teacher, bit for bit",
          "[model][golden][axes]") {
  for_every_model([](Model& teacher, const std::vector<TokenSequence>& sequences) {
    const ModelConfig& config = teacher.config();
    const auto cut = cut_student(
        teacher, cut_to(teacher, {config.hidden_size, config.heads, config.intermediate_size}));
    for (const Parameter& parameter : teacher.parameters())
      CHECK(
          same_bits(value_of(*cut.model->parameters().find(parameter.name)), value_of(parameter)));
    CHECK(logits_of(*cut.model, sequences) == logits_of(teacher, sequences));
    CHECK(cut.notes.empty());
  });
}

TEST_CASE("A student of every architecture with fewer units runs, is saved and read back",
          "[model][golden][axes]") {
  const Folder folder("axes-saved");
  for_every_model([&](Model& teacher, const std::vector<TokenSequence>& sequences) {
    const Sizes sizes = smaller(teacher);
    const auto cut = cut_student(teacher, cut_to(teacher, sizes));
    const ModelConfig& config = cut.model->config();
    CHECK(config.hidden_size == sizes.hidden);
    CHECK(config.heads == sizes.heads);
    CHECK(config.head_size() == teacher.config().head_size());
    CHECK(config.heads / config.key_heads() ==
          teacher.config().heads / teacher.config().key_heads());
    CHECK(config.intermediate_size == sizes.feed_forward);
    CHECK(cut.model->parameters().count() < teacher.parameters().count());
    const auto logits = logits_of(*cut.model, sequences);
    for (const double logit : logits) CHECK(std::isfinite(logit));
    CHECK(largest(logits) > 0);
    save_model(*cut.model, folder.path());
    ModelConfig read = ModelConfig::read(folder.path());
    CHECK(read.hidden_size == sizes.hidden);
    CHECK(read.heads == sizes.heads);
    CHECK(read.intermediate_size == sizes.feed_forward);
    read.task = config.task;
    const LoadedModel again = load_model(folder.path(), read);
    CHECK(again.report.fresh.empty());
    CHECK(again.report.unused.empty());
    CHECK(logits_of(*again.model, sequences) == logits);
  });
}

TEST_CASE("Heads and feed-forward units that are all zeros are those that go",
          "[model][golden][axes]") {
  for_every_model([](Model& teacher, const std::vector<TokenSequence>& sequences) {
    const Sizes sizes = smaller(teacher);
    const Axes axes = axes_of(teacher);
    const Places places = places_of(teacher);
    const ModelConfig& config = teacher.config();
    const std::int64_t size = config.head_size();
    const std::int64_t group = config.heads / config.key_heads();
    // The first units become zeros, as many as go.
    const std::int64_t gone_groups = (config.heads - sizes.heads) / group;
    const std::int64_t gone_units = config.intermediate_size - sizes.feed_forward;
    for (Parameter& parameter : teacher.parameters()) {
      const auto dimensions = axes.of(parameter);
      for (std::size_t d = 0; d < dimensions.size(); ++d) {
        const auto& [use, place] = dimensions[d];
        std::int64_t gone = 0;
        if (use.axis == Axis::queries) gone = gone_groups * group * size;
        if (use.axis == Axis::keys || use.axis == Axis::stack_heads) gone = gone_groups * size;
        if (use.axis == Axis::bias_heads) gone = gone_groups;
        if (use.axis == Axis::feed_forward) gone = gone_units;
        const int dim = static_cast<int>(d);
        Tensor value = value_of(parameter).clone();
        const std::int64_t units = value.size(dim) / use.parts;
        for (std::int64_t part = 0; part < use.parts && gone > 0; ++part)
          value.slice(dim, part * units, part * units + gone)
              .copy_from(Tensor::zeros(value.slice(dim, 0, gone).shape()));
        parameter.variable = Variable::parameter(value);
      }
    }
    CutOptions options = cut_to(teacher, sizes);
    options.hidden = config.hidden_size;
    // Where the size of something else follows from their number, heads stay.
    const bool with_inner = std::any_of(places.begin(), places.end(), [](const auto& entry) {
      return entry.first.first == Axis::inner;
    });
    if (!axes.free_heads() || with_inner) options.heads = config.heads;
    const auto cut = cut_student(teacher, options);
    check_close(logits_of(*cut.model, sequences), logits_of(teacher, sequences), 1e-4);
  });
}
