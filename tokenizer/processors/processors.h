// The post-processors: TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel and
// Sequence.
#pragma once

#include "tokenizer/processors/processor.h"

namespace retort {

/// A token that a post-processor adds.
struct SpecialToken {
  std::string text;
  std::int32_t id = 0;
};

/// One item of a template: a sequence or special tokens.
struct TemplatePiece {
  enum class Kind { kFirst, kSecond, kSpecial } kind = Kind::kSpecial;
  std::vector<SpecialToken> tokens;  // of a special piece
  std::int32_t type_id = 0;
};

using Template = std::vector<TemplatePiece>;

class TemplateProcessing : public PostProcessor {
 public:
  TemplateProcessing(Template single, Template pair)
      : single_(std::move(single)), pair_(std::move(pair)) {}
  static TemplateProcessing from_json(const Json& json, const std::string& where);

  std::size_t added(bool pair) const override;
  std::optional<Frame> frame(bool add_special_tokens) const override;
  void apply(std::vector<Encoding>& parts, bool add_special_tokens) const override;
  void list_ids(std::vector<std::int32_t>& ids) const override;

 private:
  Template single_, pair_;
};

/// [CLS] A [SEP], B [SEP] (BERT), or <s> A </s>, </s> B </s> with type ids 0 (RoBERTa).
class FramedProcessing : public PostProcessor {
 public:
  static FramedProcessing bert(const Json& json, const std::string& where);
  static FramedProcessing roberta(const Json& json, const std::string& where);

  std::size_t added(bool pair) const override { return roberta_ ? (pair ? 4 : 2) : (pair ? 3 : 2); }
  std::optional<Frame> frame(bool add_special_tokens) const override;
  void apply(std::vector<Encoding>& parts, bool add_special_tokens) const override;
  bool trims() const override { return trim_offsets_; }
  void list_ids(std::vector<std::int32_t>& ids) const override {
    ids.insert(ids.end(), {cls_.id, sep_.id});
  }

 private:
  FramedProcessing(const Json& json, const std::string& where, bool roberta);

  SpecialToken cls_, sep_;
  bool roberta_, trim_offsets_, add_prefix_space_;
};

/// Takes white space at the ends of byte-level tokens out of their offsets.
class ByteLevelProcessing : public PostProcessor {
 public:
  ByteLevelProcessing(bool trim_offsets, bool add_prefix_space)
      : trim_offsets_(trim_offsets), add_prefix_space_(add_prefix_space) {}
  std::size_t added(bool) const override { return 0; }
  bool trims() const override { return trim_offsets_; }
  std::optional<Frame> frame(bool) const override { return Frame(); }
  void apply(std::vector<Encoding>& parts, bool add_special_tokens) const override;
  void list_ids(std::vector<std::int32_t>&) const override {}

 private:
  bool trim_offsets_, add_prefix_space_;
};

class ProcessorSequence : public PostProcessor {
 public:
  explicit ProcessorSequence(std::vector<std::unique_ptr<PostProcessor>> parts)
      : parts_(std::move(parts)) {}
  std::size_t added(bool pair) const override;
  bool trims() const override;
  std::optional<Frame> frame(bool add_special_tokens) const override;
  void apply(std::vector<Encoding>& parts, bool add_special_tokens) const override;
  void list_ids(std::vector<std::int32_t>& ids) const override;

 private:
  std::vector<std::unique_ptr<PostProcessor>> parts_;
};

/// How many characters of white space (byte-level vocabularies' included) a token begins and ends
/// with.
Offsets blanks_of(std::string_view token);

/// An id of a tokenizer.json: 0 to 2^31 - 2.
std::int32_t read_id(const Json& value, const std::string& what);

}  // namespace retort
