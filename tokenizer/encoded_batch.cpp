#include "tokenizer/encoded_batch.h"

#include <algorithm>
#include <utility>

#include "tokenizer/detail_writer.h"

namespace retort {

EncodingView::EncodingView(const Encoding& encoding)
    : ids(encoding.ids),
      type_ids(encoding.type_ids),
      truncated(encoding.truncated),
      offsets(encoding.offsets),
      byte_offsets(encoding.byte_offsets),
      word_ids(encoding.word_ids),
      special_tokens_mask(encoding.special_tokens_mask),
      attention_mask(encoding.attention_mask),
      tokens(encoding.tokens),
      overflowing(encoding.overflowing) {}

Encoding EncodingView::copy() const {
  const auto list = [](const auto& from, auto& to) { to.assign(from.begin(), from.end()); };
  Encoding result;
  result.truncated = truncated;
  list(ids, result.ids);
  list(type_ids, result.type_ids);
  list(offsets, result.offsets);
  list(byte_offsets, result.byte_offsets);
  list(word_ids, result.word_ids);
  list(special_tokens_mask, result.special_tokens_mask);
  list(attention_mask, result.attention_mask);
  list(tokens, result.tokens);
  list(overflowing, result.overflowing);
  return result;
}

void EncodedBatch::start(std::size_t size, std::size_t workers, bool details, const Frame& frame) {
  places_.assign(size, Place{});
  if (parts_.size() < workers) parts_.resize(workers);
  for (Part& part : parts_) {
    part.lists.count = 0;
    part.offsets.clear();
    part.others.clear();
  }
  details_ = details;
  frame_ = frame;
}

namespace {

// Tokens with no place in the text.
void add_special(const std::vector<std::int32_t>& ids, bool details, TokenLists& lists) {
  if (details) lists.reserve(ids.size());
  else lists.reserve_ids(ids.size());
  for (const std::int32_t id : ids) {
    lists.ids[lists.count] = id;
    if (details) {
      lists.byte_offsets[lists.count] = {0, 0};
      lists.word_ids[lists.count] = -1;
    }
    ++lists.count;
  }
}

}  // namespace

std::size_t EncodedBatch::begin_text(Part& part) const {
  const std::size_t begin = part.lists.count;
  add_special(frame_.before, details_, part.lists);
  return begin;
}

void EncodedBatch::end_text(Part& part, std::size_t begin, std::size_t i,
                            const DetailWriter* details) {
  Place& place = places_[i];
  place.kind = Place::Kind::kBytes;
  place.part = static_cast<std::size_t>(&part - parts_.data());
  place.begin = begin;
  place.extra = part.offsets.size();
  if (details_ && details->has_long_characters()) {
    place.kind = Place::Kind::kCharacters;
    part.offsets.resize(place.extra + frame_.before.size());
    details->append_offsets(part.offsets);
    part.offsets.resize(part.offsets.size() + frame_.behind.size());
  }
  add_special(frame_.behind, details_, part.lists);
  place.count = part.lists.count - begin;
  if (!details_ || frame_.size() == 0) return;
  part.special_masks.resize(std::max(part.special_masks.size(), part.lists.ids.size()));
  std::int32_t* const mask = part.special_masks.data() + begin;
  std::fill_n(mask, place.count, 1);
  std::fill_n(mask + frame_.before.size(), place.count - frame_.size(), 0);
}

void EncodedBatch::add(Part& part, std::size_t i, Encoding encoding) {
  places_[i].kind = Place::Kind::kOther;
  places_[i].part = static_cast<std::size_t>(&part - parts_.data());
  places_[i].extra = part.others.size();
  part.others.push_back(std::move(encoding));
}

void EncodedBatch::finish() {
  std::size_t longest = 0;
  for (const Place& place : places_) longest = std::max(longest, place.count);
  zeros_.resize(std::max(zeros_.size(), longest), 0);
  ones_.resize(std::max(ones_.size(), longest), 1);
}

}  // namespace retort
