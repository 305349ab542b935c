// The one exception type of Retort, and the one function that throws it.
//
// A message is one sentence: who (the op or file), what was expected, what was found, what to do.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace retort {

/// Thrown for every error that Retort reports. what() is a single line fit for a user.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws an Error whose message is the concatenation of `parts` as printed by operator<<.
template <class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  std::ostringstream message;
  (message << ... << parts);
  throw Error(message.str());
}

/// fail(parts...) unless `condition` holds. The parts are formatted on failure only, but evaluated
/// always: where one has to be computed, say `if (!condition) fail(…)`.
template <class... Parts>
void check(bool condition, const Parts&... parts) {
  if (!condition) [[unlikely]]
    fail(parts...);
}

}  // namespace retort
