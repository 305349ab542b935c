#include "tokenizer/processors/processors.h"

#include <algorithm>
#include <limits>

#include "tensor/base/error.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/unicode.h"

namespace retort {
namespace {

// Which lists the sequences have; an empty sequence has them all.
struct Lists {
  explicit Lists(const std::vector<Encoding>& parts) {
    for (const Encoding& part : parts) {
      if (part.ids.empty()) continue;
      details = details && part.detailed();
      texts = texts && !part.tokens.empty();
      blanks = blanks && !part.blanks.empty();
    }
  }
  bool details = true, texts = true, blanks = true;
};

// Tokens with no place in the text.
Encoding special(const std::vector<SpecialToken>& tokens, std::int32_t type_id,
                 const Lists& lists) {
  Encoding result;
  for (const SpecialToken& token : tokens) {
    result.ids.push_back(token.id);
    result.type_ids.push_back(type_id);
    if (lists.texts) result.tokens.push_back(token.text);
    if (lists.blanks) result.blanks.emplace_back(0, 0);
    if (!lists.details) continue;
    result.offsets.emplace_back(0, 0);
    result.byte_offsets.emplace_back(0, 0);
    result.word_ids.push_back(-1);
    result.special_tokens_mask.push_back(1);
    result.attention_mask.push_back(1);
  }
  return result;
}

void set_type(Encoding& encoding, std::int32_t type_id) {
  encoding.type_ids.assign(encoding.ids.size(), type_id);
}

bool is_blank(char32_t c) {
  return c == byte_level::kCharacterOf[' '] ||
         (unicode::properties(c).flags & unicode::kWhitespace) != 0;
}

void trim(Encoding& encoding, bool add_prefix_space) {
  const auto trim_one = [&](std::size_t i, Offsets& offsets, std::uint32_t leading,
                            std::uint32_t trailing) {
    if (leading > 0) {
      const bool prefix = (i == 0 || offsets.first == 0) && add_prefix_space && leading == 1;
      offsets.first = std::min(offsets.first + (prefix ? 0 : leading), offsets.second);
    }
    if (trailing > 0 && offsets.second >= trailing)
      offsets.second = std::max(offsets.second - trailing, offsets.first);
  };
  for (std::size_t i = 0; i < encoding.blanks.size(); ++i) {
    const auto [leading, trailing] = encoding.blanks[i];
    trim_one(i, encoding.offsets[i], leading, trailing);
    trim_one(i, encoding.byte_offsets[i], leading, trailing);
  }
}

void trim_all(std::vector<Encoding>& parts, bool add_prefix_space) {
  for (Encoding& part : parts) {
    trim(part, add_prefix_space);
    for (Encoding& window : part.overflowing) trim(window, add_prefix_space);
  }
}

SpecialToken read_token(const Json& json, const char* key, const std::string& where) {
  const std::string what = where + "." + key;
  const Json* value = json.find(key);
  check(value != nullptr && value->is_array() && value->as_array(what).size() == 2, what,
        ": expected a token and its id");
  const auto& pair = value->as_array(what);
  return {pair[0].as_string(what), read_id(pair[1], what)};
}

std::vector<SpecialToken> read_special_tokens(const Json& json, const std::string& name,
                                              const std::string& what) {
  const Json* all = json.find("special_tokens");
  const Json* entry = all == nullptr ? nullptr : all->find(name);
  const Json* ids = entry == nullptr ? nullptr : entry->find("ids");
  check(ids != nullptr, what, ": the special token ", json_quote(name), " has no ids");
  const Json* texts = entry->find("tokens");
  const std::size_t count = ids->as_array(what).size();
  check(texts != nullptr && texts->as_array(what).size() == count, what, ": the special token ",
        json_quote(name), " doesn't have as many tokens as ids");
  std::vector<SpecialToken> tokens;
  for (std::size_t i = 0; i < count; ++i)
    tokens.push_back(
        {texts->as_array(what)[i].as_string(what), read_id(ids->as_array(what)[i], what)});
  return tokens;
}

Template read_template(const Json& json, const char* key, const std::string& where) {
  using Kind = TemplatePiece::Kind;
  const std::string what = where + "." + key;
  const Json* items = json.find(key);
  check(items != nullptr, what, ": is missing");
  Template pieces;
  for (const Json& item : items->as_array(what)) {
    check(item.is_object() && item.as_object(what).size() == 1, what,
          ": expected items with one member, Sequence or SpecialToken");
    const auto& [kind, body] = item.as_object(what)[0];
    body.as_object(what);
    const std::string id = body.get("id", "");
    TemplatePiece piece;
    const Json* type_id = body.find("type_id");
    if (type_id != nullptr) piece.type_id = read_id(*type_id, what + ", type_id");
    if (kind == "Sequence") {
      check(id == "A" || id == "B", what, ": the sequence ", json_quote(id), " is neither A nor B");
      piece.kind = id == "A" ? Kind::kFirst : Kind::kSecond;
    } else {
      check(kind == "SpecialToken", what, ": the item ", json_quote(kind), " is not supported");
      piece.tokens = read_special_tokens(json, id, what);
    }
    pieces.push_back(std::move(piece));
  }
  const auto count = [&](Kind kind) {
    return std::count_if(pieces.begin(), pieces.end(),
                         [&](const auto& piece) { return piece.kind == kind; });
  };
  const int seconds = std::string_view(key) == "pair" ? 1 : 0;
  check(count(Kind::kFirst) == 1 && count(Kind::kSecond) == seconds, what,
        ": expected the sequence A",
        seconds == 1 ? " and the sequence B, once each" : " once and no other");
  return pieces;
}

}  // namespace

std::int32_t read_id(const Json& value, const std::string& what) {
  constexpr std::int64_t kLimit = std::numeric_limits<std::int32_t>::max();
  const std::int64_t id = value.as_integer(what);
  check(id >= 0 && id < kLimit, what, ": the id ", id, " is out of range; expected 0 to ",
        kLimit - 1);
  return static_cast<std::int32_t>(id);
}

Offsets blanks_of(std::string_view token) {
  std::uint32_t leading = 0, trailing = 0;
  const char* const end = token.data() + token.size();
  for (const char* at = token.data(); at < end && is_blank(unicode::decode(at));) ++leading;
  for (const char* at = end; at > token.data() && is_blank(unicode::decode_last(at)); ++trailing) do
      --at;
    while ((static_cast<unsigned char>(*at) & 0xC0) == 0x80);
  return {leading, trailing};
}

TemplateProcessing TemplateProcessing::from_json(const Json& json, const std::string& where) {
  return {read_template(json, "single", where), read_template(json, "pair", where)};
}

std::size_t TemplateProcessing::added(bool pair) const {
  std::size_t count = 0;
  for (const TemplatePiece& piece : pair ? pair_ : single_) count += piece.tokens.size();
  return count;
}

void TemplateProcessing::apply(std::vector<Encoding>& parts, bool add_special_tokens) const {
  check(parts.size() <= 2, "a template takes one or two sequences, not the ", parts.size(),
        " of another post-processor");
  const Lists lists(parts);
  std::vector<Encoding> result;
  for (const TemplatePiece& piece : parts.size() == 2 ? pair_ : single_) {
    if (piece.kind == TemplatePiece::Kind::kSpecial) {
      if (add_special_tokens) result.push_back(special(piece.tokens, piece.type_id, lists));
    } else {
      result.push_back(std::move(parts[piece.kind == TemplatePiece::Kind::kFirst ? 0 : 1]));
      set_type(result.back(), piece.type_id);
    }
  }
  parts = std::move(result);
}

std::optional<Frame> TemplateProcessing::frame(bool add_special_tokens) const {
  Frame frame;
  bool before = true;
  for (const TemplatePiece& piece : single_) {
    const bool is_text = piece.kind != TemplatePiece::Kind::kSpecial;
    if (is_text) before = false;
    if (!is_text && !add_special_tokens) continue;
    if (piece.type_id != 0) return {};
    for (const SpecialToken& token : piece.tokens)
      (before ? frame.before : frame.behind).push_back(token.id);
  }
  return frame;
}

void TemplateProcessing::list_ids(std::vector<std::int32_t>& ids) const {
  for (const Template* pieces : {&single_, &pair_})
    for (const TemplatePiece& piece : *pieces)
      for (const SpecialToken& token : piece.tokens) ids.push_back(token.id);
}

FramedProcessing::FramedProcessing(const Json& json, const std::string& where, bool roberta)
    : cls_(read_token(json, "cls", where)),
      sep_(read_token(json, "sep", where)),
      roberta_(roberta),
      trim_offsets_(roberta && json.get("trim_offsets", true)),
      add_prefix_space_(json.get("add_prefix_space", true)) {}

FramedProcessing FramedProcessing::bert(const Json& json, const std::string& where) {
  return {json, where, false};
}

FramedProcessing FramedProcessing::roberta(const Json& json, const std::string& where) {
  return {json, where, true};
}

void FramedProcessing::apply(std::vector<Encoding>& parts, bool add_special_tokens) const {
  if (trim_offsets_) trim_all(parts, add_prefix_space_);
  if (roberta_)
    for (Encoding& part : parts) set_type(part, 0);
  if (!add_special_tokens) return;
  const Lists lists(parts);
  std::vector<Encoding> result;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool first = i == 0;
    if (first || roberta_) result.push_back(special({first ? cls_ : sep_}, 0, lists));
    if (roberta_)
      for (Encoding& window : parts[i].overflowing) set_type(window, 0);
    result.push_back(std::move(parts[i]));
    result.push_back(special({sep_}, first || roberta_ ? 0 : 1, lists));
  }
  parts = std::move(result);
}

std::optional<Frame> FramedProcessing::frame(bool add_special_tokens) const {
  if (!add_special_tokens) return Frame();
  return Frame{{cls_.id}, {sep_.id}};
}

void ByteLevelProcessing::apply(std::vector<Encoding>& parts, bool) const {
  if (trim_offsets_) trim_all(parts, add_prefix_space_);
}

std::size_t ProcessorSequence::added(bool pair) const {
  std::size_t count = 0;
  for (const auto& part : parts_) count += part->added(pair);
  return count;
}

bool ProcessorSequence::trims() const {
  return std::any_of(parts_.begin(), parts_.end(), [](const auto& part) { return part->trims(); });
}

void ProcessorSequence::apply(std::vector<Encoding>& parts, bool add_special_tokens) const {
  for (const auto& part : parts_) part->apply(parts, add_special_tokens);
}

std::optional<Frame> ProcessorSequence::frame(bool add_special_tokens) const {
  Frame frame;
  for (const auto& part : parts_) {
    const std::optional<Frame> next = part->frame(add_special_tokens);
    // What is framed already is several sequences for the next part.
    if (!next || frame.size() > 0) return {};
    frame = *next;
  }
  return frame;
}

void ProcessorSequence::list_ids(std::vector<std::int32_t>& ids) const {
  for (const auto& part : parts_) part->list_ids(ids);
}

}  // namespace retort
