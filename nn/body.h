// A model without its head: from ids to hidden states.
#pragma once

#include "nn/batch.h"
#include "nn/forward.h"

namespace retort {

struct Parameter;

class Body {
 public:
  Body() = default;
  virtual ~Body() = default;
  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;

  /// Gives the last layer's hidden states [tokens, hidden], or, where want.logits is false, those
  /// of the deepest layer wanted. What is wanted of the layers goes to `output`.
  virtual Variable forward(const Batch& batch, const Want& want, const Context& context,
                           Output& output) const = 0;
  /// The table of words [vocabulary, columns], which a language-model head may share.
  virtual Parameter& words() = 0;
};

}  // namespace retort
