// The merges of a BPE, read one by one.
#pragma once

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
      fail(name_, ": merge ", merges_.size(), " is ", json_quote(line),
           "; expected two tokens and one space between them");
    add(line.substr(0, space), line.substr(space + 1));
  }

  /// Errors: one of them, or what they make, is not in the vocabulary.
  void add(std::string_view left, std::string_view right) {
    const std::int32_t left_id = find(left), right_id = find(right);
    if (right.size() < prefix_.size())
      fail(name_, ": merge ", merges_.size(), ": the token ", json_quote(right),
           " is shorter than the prefix ", json_quote(prefix_));
    text_.assign(left).append(right.substr(prefix_.size()));
    merges_.push_back({left_id, right_id, find_result()});
  }

  const std::vector<MergeTable::Merge>& merges() const { return merges_; }

 private:
  // Merges come in the order of what they make, several for some.
  std::int32_t find_result() const {
    if (!merges_.empty() && !text_.empty()) {
      const std::int32_t last = merges_.back().result;
      for (std::int32_t id = last; id <= last + 1 && id < vocabulary_.limit(); ++id)
        if (vocabulary_.text(id) == text_) return id;
    }
    return find(text_);
  }
  std::int32_t find(std::string_view piece) const {
    const std::int32_t id = vocabulary_.find(piece);
    if (id == Vocabulary::kNone)
      fail(name_, ": merge ", merges_.size(), " names the token ", json_quote(piece),
           ", which is not in the vocabulary");
    return id;
  }

  const Vocabulary& vocabulary_;
  std::string prefix_, name_, text_;
  std::vector<MergeTable::Merge> merges_;
};

}  // namespace retort
