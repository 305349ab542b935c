#include "tokenizer/encoding.h"

#include <algorithm>

#include "tensor/base/error.h"

namespace retort {
namespace {

// Calls f(list) for every list of one entry per token.
template <class E, class F>
void each_list(E& encoding, F&& f) {
  f(encoding.ids);
  f(encoding.type_ids);
  f(encoding.tokens);
  f(encoding.offsets);
  f(encoding.byte_offsets);
  f(encoding.word_ids);
  f(encoding.special_tokens_mask);
  f(encoding.attention_mask);
  f(encoding.blanks);
}

Encoding window(const Encoding& encoding, std::size_t begin, std::size_t end) {
  Encoding result = encoding;
  result.overflowing.clear();
  each_list(result, [&](auto& list) {
    if (list.empty()) return;
    list.erase(list.begin() + static_cast<std::ptrdiff_t>(end), list.end());
    list.erase(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(begin));
  });
  return result;
}

}  // namespace

void truncate(Encoding& encoding, std::size_t length, std::size_t stride, Side side) {
  const std::size_t size = encoding.size();
  if (length >= size) return;
  Encoding whole;
  std::swap(whole, encoding);
  whole.truncated = true;
  if (length == 0) {
    encoding.truncated = true;
    encoding.overflowing.push_back(std::move(whole));
    return;
  }
  check(stride < length, "the stride is ", stride, ", which must be below the ", length,
        " tokens that remain of a sequence");
  const std::size_t step = length - stride;
  bool first = true;
  const auto add = [&](std::size_t begin, std::size_t end) {
    if (first) encoding = window(whole, begin, end);
    else encoding.overflowing.push_back(window(whole, begin, end));
    first = false;
  };
  if (side == Side::kRight) {
    for (std::size_t begin = 0;; begin += step) {
      const std::size_t end = std::min(begin + length, size);
      add(begin, end);
      if (end == size) break;
    }
  } else {
    for (std::size_t end = size;; end -= step) {
      const std::size_t begin = end > length ? end - length : 0;
      add(begin, end);
      if (begin == 0) break;
    }
  }
}

void truncate(std::vector<Encoding>& sequences, const Truncation& options) {
  std::size_t total = 0;
  for (const Encoding& sequence : sequences) total += sequence.size();
  if (total <= options.max_length) return;
  const auto cut = [&](std::size_t which, std::size_t length) {
    truncate(sequences[which], length, options.stride, options.side);
  };
  if (options.max_length == 0) {
    for (std::size_t i = 0; i < sequences.size(); ++i) cut(i, 0);
    return;
  }
  const std::size_t excess = total - options.max_length;
  if (options.strategy == TruncationStrategy::kLongestFirst) {
    if (sequences.size() == 1) return cut(0, options.max_length);
    // The closed form of taking away from the longer one: the shorter stays whole if it is at most
    // half.
    std::size_t shorter = sequences[0].size(), longer = sequences[1].size();
    const bool swapped = shorter > longer;
    if (swapped) std::swap(shorter, longer);
    longer =
        shorter > options.max_length ? shorter : std::max(shorter, options.max_length - shorter);
    if (shorter + longer > options.max_length) {
      shorter = options.max_length / 2;
      longer = shorter + options.max_length % 2;
    }
    if (swapped) std::swap(shorter, longer);
    cut(0, shorter);
    cut(1, longer);
    return;
  }
  const bool first = options.strategy == TruncationStrategy::kOnlyFirst;
  check(first || sequences.size() == 2, "only the second text may be cut, but there is none");
  const std::size_t which = first ? 0 : 1;
  check(sequences[which].size() > excess, "only the ", first ? "first" : "second",
        " text may be cut, but its ", sequences[which].size(), " tokens are not more than the ",
        excess, " that must go");
  cut(which, sequences[which].size() - excess);
}

void append(Encoding& encoding, const Encoding& next) {
  std::vector<Encoding> overflowing;
  for (const Encoding& mine : encoding.overflowing) {
    overflowing.push_back(mine);
    Encoding with_next = next;
    with_next.overflowing.clear();
    append(overflowing.back(), with_next);
    for (const Encoding& theirs : next.overflowing) {
      overflowing.push_back(mine);
      append(overflowing.back(), theirs);
    }
  }
  for (const Encoding& theirs : next.overflowing) {
    overflowing.push_back(encoding);
    overflowing.back().overflowing.clear();
    append(overflowing.back(), theirs);
  }
  encoding.truncated = encoding.truncated || next.truncated;
  const auto join = [](auto& list, const auto& other) {
    list.insert(list.end(), other.begin(), other.end());
  };
  join(encoding.ids, next.ids);
  join(encoding.type_ids, next.type_ids);
  join(encoding.tokens, next.tokens);
  join(encoding.offsets, next.offsets);
  join(encoding.byte_offsets, next.byte_offsets);
  join(encoding.word_ids, next.word_ids);
  join(encoding.special_tokens_mask, next.special_tokens_mask);
  join(encoding.attention_mask, next.attention_mask);
  join(encoding.blanks, next.blanks);
  encoding.overflowing = std::move(overflowing);
}

void pad(Encoding& encoding, std::size_t length, const Padding& options) {
  for (Encoding& window : encoding.overflowing) pad(window, length, options);
  if (encoding.size() >= length) return;
  const std::size_t missing = length - encoding.size();
  const auto fill = [&](auto& list, const auto& value) {
    list.insert(options.side == Side::kLeft ? list.begin() : list.end(), missing, value);
  };
  const bool detailed = encoding.detailed() || encoding.ids.empty();
  fill(encoding.ids, options.id);
  fill(encoding.type_ids, options.type_id);
  if (!detailed) return;
  if (encoding.tokens.size() + missing == encoding.ids.size()) fill(encoding.tokens, options.token);
  fill(encoding.offsets, Offsets{0, 0});
  fill(encoding.byte_offsets, Offsets{0, 0});
  fill(encoding.word_ids, -1);
  fill(encoding.special_tokens_mask, 1);
  fill(encoding.attention_mask, 0);
}

void pad(std::vector<Encoding>& encodings, const Padding& options) {
  std::size_t length = options.length;
  if (length == 0)
    for (const Encoding& encoding : encodings) length = std::max(length, encoding.size());
  if (options.multiple > 0 && length % options.multiple > 0)
    length += options.multiple - length % options.multiple;
  for (Encoding& encoding : encodings) pad(encoding, length, options);
}

}  // namespace retort
