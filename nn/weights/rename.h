// Names of tensors in files that were made by hand: rules FROM=TO that turn them into the names
// that models look for.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace retort {

class Renames {
 public:
  Renames() = default;
  /// Each rule is FROM=TO. FROM is a name or the beginning of one up to a dot ("encoder", or
  /// "encoder." to say the same), which TO takes the place of; nothing before the = or after it
  /// drops or adds a beginning ("module=", "=bert"). With stars FROM is a pattern of the whole
  /// name, and each star of TO gets what that of FROM stood for
  /// ("layers.*.attn.*=encoder.layer.*.attention.*"); a star stands for as little as it can.
  /// Errors: no =, an empty rule, stars that differ in number.
  explicit Renames(const std::vector<std::string>& rules);

  bool empty() const { return rules_.empty(); }
  /// `name` after every rule, in their order, each applied to what those before it made.
  std::string operator()(std::string_view name);
  /// The first rule that has changed no name, as it was given; empty when all have. A rule that
  /// does nothing is a mistake in writing.
  std::string unused() const;

 private:
  struct Rule {
    std::string text, from, to;
    bool used = false;
  };
  std::vector<Rule> rules_;
};

}  // namespace retort
