// What encoding a text gives, and the operations on it: cutting to a length, joining, padding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace retort {

enum class TruncationStrategy { kLongestFirst, kOnlyFirst, kOnlySecond };
enum class Side { kLeft, kRight };

struct Truncation {
  std::size_t max_length = 0;
  TruncationStrategy strategy = TruncationStrategy::kLongestFirst;
  Side side = Side::kRight;  // where tokens are taken away
  std::size_t stride = 0;    // tokens that neighbouring windows share
};

struct Padding {
  std::size_t length = 0;    // 0: the longest of the batch
  std::size_t multiple = 0;  // round up to a multiple of this; 0: don't
  std::int32_t id = 0, type_id = 0;
  std::string token = "[PAD]";
  Side side = Side::kRight;
};

using Offsets = std::pair<std::uint32_t, std::uint32_t>;

/// One encoded text or pair. All lists but that of overflowing windows have one entry per token, or
/// none: those behind `truncated` are only there when details were asked for.
struct Encoding {
  std::vector<std::int32_t> ids, type_ids;
  bool truncated = false;  // something of the text is not in ids

  std::vector<Offsets> offsets;        // in characters of its text; (0, 0) for what was added
  std::vector<Offsets> byte_offsets;   // in bytes
  std::vector<std::int32_t> word_ids;  // numbers of pieces before the model; -1 for what was added
  std::vector<std::int32_t> special_tokens_mask, attention_mask;
  std::vector<std::string>
      tokens;  // as the reference names them (an added token's own text), if asked for too
  std::vector<Offsets>
      blanks;  // white space that tokens begin and end with, for post-processors that trim
  std::vector<Encoding> overflowing;  // the windows that truncation cut off

  bool detailed() const { return attention_mask.size() == ids.size() && !attention_mask.empty(); }
  std::size_t size() const { return ids.size(); }
};

/// Special tokens around a text.
struct Frame {
  std::vector<std::int32_t> before, behind;
  std::size_t size() const { return before.size() + behind.size(); }
};

/// Leaves `length` tokens and puts the windows that follow (or precede), each sharing `stride`
/// tokens with its neighbour, into overflowing. Error: a stride that isn't below a length above 0.
void truncate(Encoding& encoding, std::size_t length, std::size_t stride, Side side);

/// Cuts one or two sequences so that together they have at most `options.max_length` tokens.
/// Errors: the sequence that only may be cut is too short, or isn't there.
void truncate(std::vector<Encoding>& sequences, const Truncation& options);

/// Appends `next`; overflowing windows are combined with each other.
void append(Encoding& encoding, const Encoding& next);

/// Pads to `length` (overflowing windows too).
void pad(Encoding& encoding, std::size_t length, const Padding& options);

/// Pads all to the same length.
void pad(std::vector<Encoding>& encodings, const Padding& options);

}  // namespace retort
