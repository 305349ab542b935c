// The merges of a BPE, read one by one.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/base/error.h"
#include "tensor/base/json.h"
#include "tokenizer/models/bpe.h"

namespace retort {

class MergeReader {
 public:
  /// `prefix` starts pieces that continue a word; `name` starts every error message.
  MergeReader(const Vocabulary& vocabulary, std::string_view prefix, std::string name)
      : vocabulary_(vocabulary), prefix_(prefix), name_(std::move(name)) {}

  /// "left right", with one space. A line that starts with "#version" is passed over.
  void add_line(std::string_view line) {
    if (line.starts_with("#version")) return;
    const std::size_t space = line.find(' ');
    if (space == line.npos || line.find(' ', space + 1) != line.npos)
      fail(name_, ": merge ", count(), " is ", json_quote(line),
           "; expected two tokens and one space between them");
    add(line.substr(0, space), line.substr(space + 1));
  }

  /// Both stay where they are until finish(). Errors (here or from a later call): one of them, or
  /// what they make, is not in the vocabulary.
  void add(std::string_view left, std::string_view right) {
    Waiting& merge = waiting_[count_++];
    merge = {left, right, hash_bytes(left), hash_bytes(right)};
    vocabulary_.prefetch(merge.left_hash);
    vocabulary_.prefetch(merge.right_hash);
    if (count_ == waiting_.size()) read_waiting();
  }

  /// All that have been added.
  const std::vector<MergeTable::Merge>& finish() {
    read_waiting();
    return merges_;
  }
  /// How many have been added.
  std::size_t count() const { return merges_.size() + count_; }

 private:
  // A look for a piece is three dependent looks into tables that are larger than the processor's
  // caches, so merges wait until those have come from memory.
  struct Waiting {
    std::string_view left, right;
    std::uint64_t left_hash, right_hash;
  };

  void read_waiting() {
    for (std::size_t i = 0; i < count_; ++i) {
      vocabulary_.prefetch_text(waiting_[i].left_hash);
      vocabulary_.prefetch_text(waiting_[i].right_hash);
    }
    for (std::size_t i = 0; i < count_; ++i) read(waiting_[i]);
    count_ = 0;
  }
  void read(const Waiting& merge) {
    const std::int32_t left = find(merge.left, merge.left_hash);
    const std::int32_t right = find(merge.right, merge.right_hash);
    if (merge.right.size() < prefix_.size())
      fail(name_, ": merge ", merges_.size(), ": the token ", json_quote(merge.right),
           " is shorter than the prefix ", json_quote(prefix_));
    text_.assign(merge.left).append(merge.right.substr(prefix_.size()));
    merges_.push_back({left, right, find_result()});
  }
  // Merges come in the order of what they make, several for some.
  std::int32_t find_result() const {
    if (!merges_.empty() && !text_.empty()) {
      const std::int32_t last = merges_.back().result;
      for (std::int32_t id = last; id <= last + 1 && id < vocabulary_.limit(); ++id)
        if (vocabulary_.text(id) == text_) return id;
    }
    return find(text_, hash_bytes(text_));
  }
  std::int32_t find(std::string_view piece, std::uint64_t hash) const {
    const std::int32_t id = vocabulary_.find(piece, hash);
    if (id == Vocabulary::kNone)
      fail(name_, ": merge ", merges_.size(), " names the token ", json_quote(piece),
           ", which is not in the vocabulary");
    return id;
  }

  const Vocabulary& vocabulary_;
  std::string prefix_, name_, text_;
  std::vector<MergeTable::Merge> merges_;
  std::array<Waiting, 32> waiting_;
  std::size_t count_ = 0;
};

}  // namespace retort
