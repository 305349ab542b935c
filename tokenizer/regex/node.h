// The tree that a regular expression is parsed into, from which its program is written.
#pragma once

#include <cstdint>
#include <vector>

namespace retort::regex {

constexpr std::uint32_t kNoLimit = static_cast<std::uint32_t>(-1);

struct Node {
  enum class Kind {
    kEmpty,
    kSet,
    kAny,
    kAssert,
    kSequence,
    kAlternatives,
    kRepeat,
    kLook,
    kAtomic
  };
  enum class Mode { kGreedy, kLazy, kPossessive };
  Kind kind = Kind::kEmpty;
  std::uint32_t value =
      0;  // a set's number, an assertion's or look's Op, whether any takes a line feed
  std::uint32_t min = 0, max = 0;
  Mode mode = Mode::kGreedy;
  std::vector<Node> children;
};

}  // namespace retort::regex
