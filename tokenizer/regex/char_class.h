// A set of characters as a regular expression writes it: ranges, properties, and sets of sets.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "tokenizer/unicode16.h"

namespace retort {

class CharClass {
 public:
  void add_range(char32_t first, char32_t last) { ranges_.emplace_back(first, last); }
  void add_categories(unicode::CategorySet set, bool negated) {
    properties_.push_back({Property::Kind::kCategories, set, negated});
  }
  void add_script(int script, bool negated) {
    properties_.push_back({Property::Kind::kScript, static_cast<std::uint32_t>(script), negated});
  }
  void add_flag(unicode::Flag16 flag, bool negated) {
    properties_.push_back({Property::Kind::kFlag, flag, negated});
  }
  void add(CharClass other) { members_.push_back(std::move(other)); }
  /// Leaves what is in both.
  void intersect(CharClass other) { intersections_.push_back(std::move(other)); }
  void negate() { negated_ = !negated_; }
  void fold_case() { folded_ = true; }

  /// Call once everything is added.
  void finish();

  bool matches(char32_t c) const {
    if (c < 128) return (ascii_[c >> 6] >> (c & 63) & 1) != 0;
    return evaluate(c);
  }

 private:
  struct Property {
    enum class Kind { kCategories, kScript, kFlag } kind;
    std::uint32_t value;
    bool negated;
  };

  bool evaluate(char32_t c) const;
  bool contains(char32_t c, bool folding_members) const;
  bool folds() const;

  std::vector<std::pair<char32_t, char32_t>> ranges_;
  std::vector<Property> properties_;
  std::vector<CharClass> members_, intersections_;
  bool negated_ = false, folded_ = false;
  std::array<std::uint64_t, 2> ascii_{};
};

/// Adds what \p{name} means. False: there is no such property.
bool add_property(CharClass& set, std::string_view name, bool negated);

}  // namespace retort
