// A set of byte strings with an integer each, for "the longest member that starts here".
//
// Children of a node lie side by side, sorted by byte, and nodes with many children get a direct
// table; so building is linear in the input after one sort, whatever the strings, and memory is
// bounded by their length.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace retort {

class ByteTrie {
 public:
  static constexpr std::int32_t kNone = -1;
  static constexpr std::uint32_t kRoot = 0;

  ByteTrie() : ByteTrie(std::vector<std::pair<std::string_view, std::int32_t>>{}) {}
  /// `entries`: strings (not kept) and their values >= 0. Equal strings: the first entry counts.
  explicit ByteTrie(std::vector<std::pair<std::string_view, std::int32_t>> entries);

  struct Match {
    std::int32_t value = kNone;  // kNone: nothing matched
    std::size_t length = 0;      // in bytes, > 0 when something matched
  };

  /// The longest member that starts `text`, below `node` (whose own value doesn't count).
  Match longest(std::string_view text, std::uint32_t node = kRoot) const {
    Match match;
    for (std::size_t i = 0; i < text.size(); ++i) {
      node = child(node, static_cast<std::uint8_t>(text[i]));
      if (node == kRoot) break;
      if (nodes_[node].value != kNone) match = {nodes_[node].value, i + 1};
    }
    return match;
  }

  /// Calls `found(value, length)` for every member that starts `text`, the shortest first.
  template <class Found>
  void each_prefix(std::string_view text, Found&& found) const {
    std::uint32_t node = kRoot;
    for (std::size_t i = 0; i < text.size(); ++i) {
      node = child(node, static_cast<std::uint8_t>(text[i]));
      if (node == kRoot) return;
      if (nodes_[node].value != kNone) found(nodes_[node].value, i + 1);
    }
  }

  /// The node that `text` leads to from the root; kRoot when no member starts so (or `text` is
  /// empty).
  std::uint32_t find(std::string_view text) const {
    std::uint32_t node = kRoot;
    for (const char c : text) {
      node = child(node, static_cast<std::uint8_t>(c));
      if (node == kRoot) break;
    }
    return node;
  }

  /// The value of exactly `text`, or kNone. The empty string is never a member.
  std::int32_t value(std::string_view text) const {
    const std::uint32_t node = find(text);
    return node == kRoot ? kNone : nodes_[node].value;
  }

 private:
  static constexpr std::uint32_t kDense = 1u << 31;  // flag in Node::children
  static constexpr std::size_t kDenseFrom = 12;      // children

  struct Node {
    std::uint32_t first =
        0;  // first child's number; for a dense node: its table's offset in tables_
    std::uint32_t children = 0;  // their count, or kDense
    std::int32_t value = kNone;
  };

  /// kRoot when there is none.
  std::uint32_t child(std::uint32_t node, std::uint8_t byte) const {
    const Node& from = nodes_[node];
    if (from.children == kDense) return tables_[from.first + byte];
    for (std::uint32_t i = 0; i < from.children; ++i)
      if (labels_[from.first + i] == byte) return from.first + i;
    return kRoot;
  }

  std::vector<Node> nodes_;
  std::vector<std::uint8_t> labels_;   // by node: the byte that leads to it
  std::vector<std::uint32_t> tables_;  // 256 nodes for each dense node
};

}  // namespace retort
