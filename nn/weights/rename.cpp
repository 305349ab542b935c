#include "nn/weights/rename.h"

#include <algorithm>
#include <optional>

#include "tensor/base/error.h"

namespace retort {
namespace {

// "a.*.b" → {"a.", ".b"}: the texts between stars.
std::vector<std::string_view> split_at_stars(std::string_view pattern) {
  std::vector<std::string_view> parts;
  for (std::size_t star; (star = pattern.find('*')) != std::string_view::npos;
       pattern.remove_prefix(star + 1))
    parts.push_back(pattern.substr(0, star));
  parts.push_back(pattern);
  return parts;
}

// What each star stands for, or nothing when the pattern doesn't match.
std::optional<std::vector<std::string_view>> match(const std::vector<std::string_view>& parts,
                                                   std::string_view name) {
  std::vector<std::string_view> stars;
  if (!name.starts_with(parts.front())) return std::nullopt;
  name.remove_prefix(parts.front().size());
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const bool last = i + 1 == parts.size();
    if (last && (name.size() < parts[i].size() || !name.ends_with(parts[i]))) return std::nullopt;
    const std::size_t at = last ? name.size() - parts[i].size() : name.find(parts[i]);
    if (at == std::string_view::npos) return std::nullopt;
    stars.push_back(name.substr(0, at));
    name.remove_prefix(at + parts[i].size());
  }
  return stars;
}

std::optional<std::string> replaced_pattern(std::string_view from, std::string_view to,
                                            std::string_view name) {
  const auto stars = match(split_at_stars(from), name);
  if (!stars) return std::nullopt;
  const auto parts = split_at_stars(to);
  std::string result(parts.front());
  for (std::size_t i = 1; i < parts.size(); ++i) {
    result += (*stars)[i - 1];
    result += parts[i];
  }
  return result;
}

// `from` and `to` without a dot at their ends; either may be empty.
std::optional<std::string> replaced_beginning(std::string_view from, std::string_view to,
                                              std::string_view name) {
  if (!name.starts_with(from)) return std::nullopt;
  std::string_view rest = name.substr(from.size());
  if (!from.empty() && !rest.empty()) {
    if (rest.front() != '.') return std::nullopt;
    rest.remove_prefix(1);
  }
  if (to.empty() && rest.empty()) return std::nullopt;  // no name would be left
  std::string result(to);
  if (!to.empty() && !rest.empty()) result += '.';
  result += rest;
  return result;
}

}  // namespace

Renames::Renames(const std::vector<std::string>& rules) {
  for (const std::string& text : rules) {
    const std::size_t equals = text.find('=');
    check(equals != std::string::npos && text.size() > 1, "--rename: expected FROM=TO, found '",
          text, "'");
    Rule rule{text, text.substr(0, equals), text.substr(equals + 1)};
    check(std::count(rule.from.begin(), rule.from.end(), '*') ==
              std::count(rule.to.begin(), rule.to.end(), '*'),
          "--rename: expected as many * on both sides, found '", text, "'");
    if (rule.from.find('*') == std::string::npos)
      for (std::string* side : {&rule.from, &rule.to})
        if (side->ends_with('.')) side->pop_back();
    rules_.push_back(std::move(rule));
  }
}

std::string Renames::operator()(std::string_view name) {
  std::string result(name);
  for (Rule& rule : rules_) {
    const auto changed = rule.from.find('*') != std::string::npos
                             ? replaced_pattern(rule.from, rule.to, result)
                             : replaced_beginning(rule.from, rule.to, result);
    if (!changed) continue;
    rule.used = true;
    result = *changed;
  }
  return result;
}

std::string Renames::unused() const {
  const auto found =
      std::find_if(rules_.begin(), rules_.end(), [](const Rule& rule) { return !rule.used; });
  return found == rules_.end() ? std::string() : found->text;
}

}  // namespace retort
