// What a decoder is: the way back from tokens to text.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tensor/base/json.h"

namespace retort {

class Decoder {
 public:
  virtual ~Decoder() = default;
  /// From tokens to texts whose concatenation is the result; the next decoder of a sequence takes
  /// them.
  virtual std::vector<std::string> apply(std::vector<std::string> tokens) const = 0;
};

/// From the "decoder" of a tokenizer.json. `where` starts the error messages. Errors: an unknown
/// type or a bad field, each named.
std::unique_ptr<Decoder> make_decoder(const Json& json, const std::string& where);

}  // namespace retort
