// Byte pair encoding with ranked merges: byte-level (GPT-2, RoBERTa, Llama 3) and of characters
// with byte fallback (Llama 2).
#pragma once

#include <array>

#include "tokenizer/large_pages.h"
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
/// A word that hasn't been there before costs a dozen looks into this table, so it is packed for
/// the processor's caches: a merge takes eight bytes.
class MergeTable {
 public:
  static constexpr std::uint32_t kNone = static_cast<std::uint32_t>(-1);
  static constexpr std::int32_t kMostIds = 1 << 21;  // ids must be below
  static constexpr std::size_t kMostMerges = (1 << 22) - 1;
  struct Merge {
    std::int32_t left, right, result;
  };

  MergeTable() = default;
  /// In rank order; of a pair given twice the last one counts. The ids are below kMostIds, and
  /// there are at most kMostMerges.
  explicit MergeTable(const std::vector<Merge>& merges);

  std::uint32_t rank(std::int32_t left, std::int32_t right) const {
    const std::size_t mask = slots_.size() - 1;
    const std::uint64_t key = key_of(left, right);
    for (std::size_t i = place(key);; i = (i + 1) & mask) {
      const std::uint64_t slot = slots_[i];
      if (slot == 0) return kNone;
      if ((slot ^ key) >> kRankBits == 0) return static_cast<std::uint32_t>(slot ^ key) - 1;
    }
  }
  std::int32_t result(std::uint32_t rank) const {
    // Most vocabularies are numbered as their merges are.
    return consecutive_ ? results_[0] + static_cast<std::int32_t>(rank) : results_[rank];
  }
  /// What it was made of, without overridden pairs.
  std::vector<Merge> list() const;

 private:
  static constexpr int kRankBits = 22, kIdBits = 21;

  static std::uint64_t key_of(std::int32_t left, std::int32_t right) {
    return static_cast<std::uint64_t>(left) << (kIdBits + kRankBits) |
           static_cast<std::uint64_t>(right) << kRankBits;
  }
  std::size_t place(std::uint64_t key) const { return (key * 0x9E3779B97F4A7C15u) >> shift_; }

  LargeVector<std::uint64_t> slots_{0, 0};  // key and 1 + rank; 0: nothing
  std::vector<std::int32_t> results_;       // by rank
  bool consecutive_ = false;                // each result is the one before and 1
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

  void find_short_words();
  std::int32_t find_whole(std::string_view piece) const;
  void merge(std::string_view piece, std::vector<Token>& tokens) const;
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
      byte_ranks_;  // by two bytes: the rank of their merge (with takes_bytes_)
  bool takes_bytes_ = false, cuts_at_marks_ = false;
};

}  // namespace retort
