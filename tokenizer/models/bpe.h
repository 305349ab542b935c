// Byte pair encoding with ranked merges: byte-level (GPT-2, RoBERTa, Llama 3) and of characters
// with byte fallback (Llama 2).
#pragma once

#include <array>

#include "tokenizer/models/model.h"

namespace retort {

struct BpeOptions {
  std::string unk_token;       // empty: unknown characters disappear
  bool fuse_unk = false;       // unknown characters in a row are one token
  bool byte_fallback = false;  // a character that isn't there becomes its bytes, <0x00> to <0xFF>
  bool ignore_merges =
      false;  // a piece that is in the vocabulary is one token, whatever the merges say
  std::string prefix, suffix;  // of every character but the first of a piece, of the last one
  bool operator==(const BpeOptions&) const = default;
};

/// The merges of a BPE: for two neighbours their rank (the least is merged first) and the result.
class MergeTable {
 public:
  static constexpr std::uint32_t kNone = static_cast<std::uint32_t>(-1);
  struct Merge {
    std::int32_t left, right, result;
  };

  MergeTable() = default;
  /// In rank order; of a pair given twice the last one counts.
  explicit MergeTable(const std::vector<Merge>& merges);

  std::uint32_t rank(std::int32_t left, std::int32_t right) const {
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t i = slot(left, right);; i = (i + 1) & mask) {
      const Slot& entry = slots_[i];
      if (entry.left == left && entry.right == right) return entry.rank;
      if (entry.rank == kNone) return kNone;
    }
  }
  std::int32_t result(std::uint32_t rank) const { return results_[rank]; }
  /// What it was made of, without overridden pairs.
  std::vector<Merge> list() const;

 private:
  struct Slot {
    std::int32_t left = -1, right = -1;
    std::uint32_t rank = kNone;
  };
  std::size_t slot(std::int32_t left, std::int32_t right) const {
    const std::uint64_t key = static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 |
                              static_cast<std::uint32_t>(right);
    return (key * 0x9E3779B97F4A7C15u) >> shift_;
  }

  std::vector<Slot> slots_{2};
  std::vector<std::int32_t> results_;  // by rank
  int shift_ = 63;
};

class Bpe : public TokenModel {
 public:
  /// Errors name the piece that is missing.
  Bpe(Vocabulary vocabulary, const std::vector<MergeTable::Merge>& merges, BpeOptions options,
      const std::string& name);

  void tokenize(std::string_view piece, std::vector<Token>& tokens) const override;
  bool take_bytes() override;
  void take_characters();
  bool takes_bytes() const { return takes_bytes_; }
  /// Whether a text may be cut before each U+2581 that follows another character.
  bool cuts_at_marks() const { return cuts_at_marks_; }
  std::size_t word_end(std::string_view piece) const override;
  Json to_json() const override;
  std::string difference(const TokenModel& other) const override;
  std::optional<std::int32_t> unk_id() const override;

 private:
  struct Symbol {
    std::int32_t id;
    std::uint32_t length;  // in bytes of the piece
  };

  std::int32_t find_whole(std::string_view piece) const;
  void split(std::string_view piece, std::vector<Symbol>& symbols) const;
  bool fall_back(std::string_view text, std::vector<Symbol>& symbols) const;
  void merge_few(std::string_view bytes, std::vector<Symbol>& symbols) const;
  void merge_many(std::vector<Symbol>& symbols) const;
  bool may_cut_at_marks() const;

  BpeOptions options_;
  MergeTable merges_;
  std::int32_t unk_id_;
  std::array<std::int32_t, 256> byte_ids_{};      // of <0x..>
  std::array<std::int32_t, 256> byte_symbols_{};  // of the characters that write bytes
  std::array<std::int32_t, 128> ascii_ids_{};     // of characters alone
  std::vector<std::uint32_t>
      byte_ranks_;           // by two bytes: the rank of their merge (with takes_bytes_)
  std::vector<bool> whole_;  // by id: its own text is merged to nothing else (with takes_bytes_)
  bool takes_bytes_ = false, cuts_at_marks_ = false;
};

}  // namespace retort
