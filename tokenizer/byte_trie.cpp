#include "tokenizer/byte_trie.h"

#include <algorithm>

#include "tensor/base/error.h"

namespace retort {

ByteTrie::ByteTrie(std::vector<std::pair<std::string_view, std::int32_t>> entries) {
  std::stable_sort(entries.begin(), entries.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::size_t bytes = 0;
  for (const auto& entry : entries) bytes += entry.first.size();
  check(bytes < kDense, "the vocabulary's ", bytes, " bytes are too many for one tokenizer");

  // Breadth first: a node stands for the entries [begin, end), which share their first `depth`
  // bytes.
  struct Range {
    std::size_t begin, end;
    std::uint32_t node;
  };
  nodes_.emplace_back();
  labels_.push_back(0);
  std::vector<Range> level{{0, entries.size(), kRoot}}, next;
  for (std::size_t depth = 0; !level.empty(); ++depth, level.swap(next), next.clear()) {
    for (auto [begin, end, node] : level) {
      for (; begin < end && entries[begin].first.size() == depth; ++begin)
        if (node != kRoot && nodes_[node].value == kNone)
          nodes_[node].value = entries[begin].second;
      const auto first = static_cast<std::uint32_t>(nodes_.size());
      while (begin < end) {
        const char label = entries[begin].first[depth];
        std::size_t stop = begin + 1;
        while (stop < end && entries[stop].first[depth] == label) ++stop;
        next.push_back({begin, stop, static_cast<std::uint32_t>(nodes_.size())});
        nodes_.emplace_back();
        labels_.push_back(static_cast<std::uint8_t>(label));
        begin = stop;
      }
      const auto count = static_cast<std::uint32_t>(nodes_.size()) - first;
      if (count < kDenseFrom) {
        nodes_[node].first = first;
        nodes_[node].children = count;
        continue;
      }
      nodes_[node].first = static_cast<std::uint32_t>(tables_.size());
      nodes_[node].children = kDense;
      tables_.resize(tables_.size() + 256, kRoot);
      for (std::uint32_t child = first; child < nodes_.size(); ++child)
        tables_[nodes_[node].first + labels_[child]] = child;
    }
  }
}

}  // namespace retort
