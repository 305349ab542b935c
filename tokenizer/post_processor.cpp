#include "tokenizer/post_processor.h"

#include <algorithm>

namespace retort {

std::pair<std::size_t, std::size_t> truncate_longest_first(std::size_t first, std::size_t second,
                                                           std::size_t limit) {
  if (first + second <= limit) return {first, second};
  const bool swapped = first > second;
  std::size_t shorter = swapped ? second : first;
  std::size_t longer = shorter > limit ? shorter : std::max(shorter, limit - shorter);
  if (shorter + longer > limit) {
    shorter = limit / 2;
    longer = shorter + limit % 2;
  }
  return swapped ? std::pair{longer, shorter} : std::pair{shorter, longer};
}

std::size_t added_by_template(const Template& pieces) {
  std::size_t count = 0;
  for (const TemplatePiece& piece : pieces)
    if (piece.kind == TemplatePiece::Kind::kSpecial) count += piece.ids.size();
  return count;
}

void fill_template(const Template& pieces, std::span<const std::int32_t> first,
                   std::span<const std::int32_t> second, std::vector<std::int32_t>& ids,
                   std::vector<std::int32_t>& type_ids) {
  for (const TemplatePiece& piece : pieces) {
    std::span<const std::int32_t> part = piece.ids;
    if (piece.kind == TemplatePiece::Kind::kFirst) part = first;
    if (piece.kind == TemplatePiece::Kind::kSecond) part = second;
    ids.insert(ids.end(), part.begin(), part.end());
    type_ids.insert(type_ids.end(), part.size(), piece.type_id);
  }
}

bool same_ids(Template a, Template b) {
  for (Template* pieces : {&a, &b}) {
    for (TemplatePiece& piece : *pieces) piece.name.clear();
    std::erase_if(*pieces, [](const TemplatePiece& piece) {
      return piece.kind == TemplatePiece::Kind::kSpecial && piece.ids.empty();
    });
  }
  return a == b;
}

}  // namespace retort
