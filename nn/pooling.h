// Which rows of a body's output a head works on.
#pragma once

#include <string>
#include <string_view>

namespace retort {

enum class Pooling {
  tokens,  ///< every token
  first,   ///< each sequence's first token ([CLS])
  last,    ///< its last token
  mark,    ///< its last token with the id that the head was given (T5: the end of the text)
  mean,    ///< the mean of its tokens
  max,     ///< each column's largest number
};

/// As --pooling and config.json spell it: "cls", "last", "mean", "max"; "tokens".
const char* name(Pooling pooling);
/// One row per sequence. Error, beginning with `what`: there is no such pooling.
Pooling parse_pooling(std::string_view text, const std::string& what);

}  // namespace retort
