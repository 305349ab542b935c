// What encoding many texts gives: their tokens lie one behind the other in a few large lists, since
// lists of its own cost a short text as much as its tokens, and more threads even more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tokenizer/encoding.h"
#include "tokenizer/token_lists.h"

namespace retort {

class DetailWriter;

/// An Encoding that lies elsewhere; see there what the lists are and which are empty.
struct EncodingView {
  EncodingView() = default;
  EncodingView(const Encoding& encoding);  // NOLINT: as std::span of a vector

  std::span<const std::int32_t> ids, type_ids;
  bool truncated = false;

  std::span<const Offsets> offsets, byte_offsets;
  std::span<const std::int32_t> word_ids, special_tokens_mask, attention_mask;
  std::span<const std::string> tokens;
  std::span<const Encoding> overflowing;

  std::size_t size() const { return ids.size(); }
  Encoding copy() const;
};

/// Filled by Tokenizer::encode_batch(). One batch after the other in the same EncodedBatch asks for
/// no memory once it has held the largest of them.
class EncodedBatch {
 public:
  std::size_t size() const { return places_.size(); }
  /// Valid until the next batch.
  EncodingView operator[](std::size_t i) const;

 private:
  friend class Tokenizer;  // which writes it

  // Where a text's tokens lie in the lists of the worker that has written them.
  struct Place {
    std::size_t part, begin, count;
    std::size_t extra;  // where its places in characters begin, or its number among the others
    enum class Kind : std::uint8_t {
      kBytes,       // the places in characters are those in bytes
      kCharacters,  // they are others
      kOther,       // an Encoding of its own
    } kind;
  };
  // What one worker writes, apart from what the others write. What is the same for all texts (type
  // ids of 0, masks of ones) isn't there.
  struct alignas(64) Part {
    TokenLists lists;
    std::vector<Offsets> offsets;             // in characters
    std::vector<std::int32_t> special_masks;  // as long as lists.ids where texts are framed
    std::vector<Encoding> others;             // texts that don't fit into the lists
  };

  // For texts inside of such frames, by so many workers; `details`: with their places.
  void start(std::size_t size, std::size_t workers, bool details, const Frame& frame);
  // A worker's next text: its tokens go behind those that its lists have then. Where it begins.
  std::size_t begin_text(Part& part) const;
  void end_text(Part& part, std::size_t begin, std::size_t i, const DetailWriter* details);
  void add(Part& part, std::size_t i, Encoding encoding);
  void finish();

  std::vector<Place> places_;               // by text
  std::vector<Part> parts_;                 // by worker
  std::vector<std::int32_t> zeros_, ones_;  // as many as the longest text has tokens
  Frame frame_;
  bool details_ = false;
};

inline EncodingView EncodedBatch::operator[](std::size_t i) const {
  const Place& place = places_[i];
  const Part& part = parts_[place.part];
  if (place.kind == Place::Kind::kOther) return part.others[place.extra];
  const auto list = [&](const auto& values, std::size_t begin) {
    return std::span(values.data() + begin, place.count);
  };
  EncodingView view;
  view.ids = list(part.lists.ids, place.begin);
  view.type_ids = list(zeros_, 0);
  if (!details_) return view;
  view.byte_offsets = list(part.lists.byte_offsets, place.begin);
  view.offsets =
      place.kind == Place::Kind::kBytes ? view.byte_offsets : list(part.offsets, place.extra);
  view.word_ids = list(part.lists.word_ids, place.begin);
  view.special_tokens_mask =
      frame_.size() == 0 ? list(zeros_, 0) : list(part.special_masks, place.begin);
  view.attention_mask = list(ones_, 0);
  return view;
}

}  // namespace retort
