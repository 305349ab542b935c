// What the dimensions of parameters are: units that several matrices share. A student with fewer
// units than its teacher must lose the same ones in all of them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "nn/parameter.h"

namespace retort {

class Model;

enum class Axis {
  whole,         ///< never cut: labels, positions, the columns of one attention head
  vocabulary,    ///< rows of the table of words
  stream,        ///< the hidden states that flow from layer to layer
  embedding,     ///< columns of a table of words that is narrower than the stream
  queries,       ///< one layer's heads of queries, side by side
  keys,          ///< one layer's heads of keys and values; each serves equally many of queries
  feed_forward,  ///< between the two sides of one feed-forward network
  stack_heads,   ///< heads of queries and keys that all layers of a stack keep alike, since they
                 ///< share biases (T5)
  bias_heads,    ///< and the columns of their biases, one a head
  inner,         ///< what one layer works on where that isn't the stream (MobileBERT)
  inner_keys,    ///< and what its queries and keys are made of
  head,          ///< between the matrices of a head
};

/// A dimension: all units of an axis (from `begin` on), `parts` times side by side.
struct AxisUse {
  AxisUse(Axis which, std::int64_t times = 1, std::int64_t first = 0)
      : axis(which), parts(times), begin(first) {}
  Axis axis;
  std::int64_t parts, begin;
};

class Axes {
 public:
  /// What one dimension of one parameter is. Units at different places have nothing to do with each
  /// other: those of attention belong to their layer, those of a feed-forward network to it.
  struct Dimension {
    AxisUse use;
    std::string place;  ///< empty where the whole model shares the axis
  };

  /// `stacks`: what names of parameters have before a layer's number ("bert.encoder.layer."), one
  /// for each stack of layers; empty where layers have no parameters of their own.
  explicit Axes(std::vector<std::string> stacks) : stacks_(std::move(stacks)) {}

  // Each says what the parameters NAME.weight and NAME.bias have, for those whose NAME ends with
  // `end` from a dot on. Of several ends that fit the longest counts, of equal ones the last.
  /// weight: [outputs, inputs]; bias: [outputs]. Tables of rows are of this kind, too.
  void linear(std::string_view end, AxisUse outputs, AxisUse inputs);
  /// weight: [inputs, outputs].
  void transposed(std::string_view end, AxisUse outputs, AxisUse inputs);
  /// Vectors alone: a norm, a bias.
  void vector(std::string_view end, AxisUse columns) { linear(end, columns, Axis::whole); }

  /// Heads needn't fill the hidden size: config.json has a head size of its own.
  void heads_are_free() { free_heads_ = true; }
  /// The first `count` units of Axis::head stay in any student.
  void pin_head(std::int64_t count) { pinned_ = count; }

  bool free_heads() const { return free_heads_; }
  std::int64_t pinned_head() const { return pinned_; }
  /// The dimensions of a parameter; all of them whole where nothing was said of any parameter.
  /// Error: nothing was said of this one.
  std::vector<Dimension> of(const Parameter& parameter) const;

 private:
  struct Rule {
    std::string end;
    AxisUse outputs, inputs;
    bool transposed;
  };
  std::string place(const AxisUse& use, std::string_view name, std::size_t end_length) const;

  std::vector<std::string> stacks_;
  std::vector<Rule> rules_;
  bool free_heads_ = false;
  std::int64_t pinned_ = 0;
};

/// What the model's parameters have; where its architecture says nothing, all dimensions are whole.
Axes axes_of(const Model& model);
/// What names of the model's parameters have before a layer's number ("bert.encoder.layer.");
/// empty: layers have none of their own.
std::string layers_prefix(const Model& model);
/// Likewise of an encoder-decoder's decoder; empty: it has none.
std::string decoder_layers_prefix(const Model& model);

}  // namespace retort
