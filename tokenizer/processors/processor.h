// What a post-processor is: the special tokens around the sequences, and last corrections to
// offsets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tensor/base/json.h"
#include "tokenizer/encoding.h"

namespace retort {

class PostProcessor {
 public:
  virtual ~PostProcessor() = default;
  /// How many special tokens one text, or a pair, gets.
  virtual std::size_t added(bool pair) const = 0;
  /// Whether apply() needs Encoding::blanks.
  virtual bool trims() const { return false; }
  /// What apply() puts around one text, when it does nothing else to it (but trim) and all type ids
  /// are 0.
  virtual std::optional<Frame> frame(bool add_special_tokens) const = 0;
  /// From one or two sequences to the parts whose concatenation is the result.
  virtual void apply(std::vector<Encoding>& parts, bool add_special_tokens) const = 0;
  /// Appends the ids of all special tokens that it may add.
  virtual void list_ids(std::vector<std::int32_t>& ids) const = 0;
};

/// From the "post_processor" of a tokenizer.json. `where` starts the error messages. Errors: an
/// unknown type or a bad field, each named.
std::unique_ptr<PostProcessor> make_processor(const Json& json, const std::string& where);

}  // namespace retort
