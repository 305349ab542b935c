#include "tokenizer/pre_tokenizers/patterns.h"

#include "tensor/base/error.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/normalizers/edits.h"
#include "tokenizer/pre_tokenizers/words.h"

namespace retort {
namespace {

// Rewrites every piece that isn't a token: write(piece, rest of the text to append to).
template <class Write>
void rewrite_pieces(PreTokens& tokens, Write&& write) {
  AlignedText out;
  out.clear(tokens.text.tracked());
  for (Piece& piece : tokens.pieces) {
    const auto begin = static_cast<std::uint32_t>(out.bytes().size());
    if (piece.token >= 0) out.append(tokens.text, piece.begin, piece.end);
    else write(piece, out);
    piece.begin = begin;
    piece.end = static_cast<std::uint32_t>(out.bytes().size());
  }
  tokens.text.swap(out);
}

}  // namespace

Split::Split(Regex pattern, std::string literal, SplitBehavior behavior, bool invert)
    : pattern_(std::move(pattern)),
      literal_(std::move(literal)),
      behavior_(behavior),
      invert_(invert),
      known_(scanners::find(pattern_.pattern())) {}

Split Split::from_json(const Json& json, const std::string& where) {
  const Json* pattern = json.find("pattern");
  check(pattern != nullptr, where, ": has no pattern");
  auto [regex, literal] = read_pattern(*pattern, where);
  return {std::move(regex), std::move(literal), parse_behavior(json.get("behavior", ""), where),
          json.get("invert", false)};
}

void Split::apply(PreTokens& tokens) const {
  if (scanner()) {
    each_piece(tokens, [&](const Piece& piece, std::vector<Piece>& out) {
      scanners::scan(*known_, tokens.bytes(piece), 0, [&](std::size_t begin, std::size_t end) {
        tokens.cut(piece, piece.begin + begin, piece.begin + end, out);
      });
    });
    return;
  }
  std::vector<MatchPart> parts;
  each_piece(tokens, [&](const Piece& piece, std::vector<Piece>& out) {
    const std::string_view text = tokens.bytes(piece);
    parts.clear();
    std::size_t done = 0;
    const auto match = [&](std::size_t begin, std::size_t end) {
      if (begin > done) parts.push_back({piece.begin + done, piece.begin + begin, invert_});
      parts.push_back({piece.begin + begin, piece.begin + end, !invert_});
      done = end;
    };
    if (known_) {
      scanners::scan(*known_, text, 0, match);
    } else if (!literal_.empty()) {
      for (std::size_t at = text.find(literal_); at != text.npos;
           at = text.find(literal_, at + literal_.size()))
        match(at, at + literal_.size());
    } else {
      for (const auto& [begin, end] : pattern_.find_all(text)) match(begin, end);
    }
    if (done < text.size()) parts.push_back({piece.begin + done, piece.end, invert_});
    apply_behavior(tokens, piece, parts, behavior_, out);
  });
}

void ByteLevel::apply(PreTokens& tokens) const {
  if (add_prefix_space_)
    rewrite_pieces(tokens, [&](const Piece& piece, AlignedText& out) {
      if (tokens.text.bytes()[piece.begin] != ' ')
        out.append(U' ', tokens.text.tracked() ? tokens.text.spans()[piece.begin] : ByteSpan{});
      out.append(tokens.text, piece.begin, piece.end);
    });
  if (use_regex_)
    each_piece(tokens, [&](const Piece& piece, std::vector<Piece>& out) {
      scanners::scan(scanners::Known::kGpt2, tokens.bytes(piece), 0,
                     [&](std::size_t begin, std::size_t end) {
                       tokens.cut(piece, piece.begin + begin, piece.begin + end, out);
                     });
    });
  if (keeps_bytes_) return;
  rewrite_pieces(tokens, [&](const Piece& piece, AlignedText& out) {
    for (std::size_t i = piece.begin; i < piece.end; ++i)
      out.append(byte_level::kCharacterOf[static_cast<unsigned char>(tokens.text.bytes()[i])],
                 tokens.text.tracked() ? tokens.text.spans()[i] : ByteSpan{});
  });
}

Metaspace Metaspace::from_json(const Json& json, const std::string& where) {
  const std::string scheme = json.get("prepend_scheme", "always");
  Prepend prepend = Prepend::kAlways;
  if (scheme == "first") prepend = Prepend::kFirst;
  else if (scheme == "never") prepend = Prepend::kNever;
  else
    check(scheme == "always", where, ": the prepend_scheme ", json_quote(scheme),
          " is not one of always, first, never");
  if (!json.get("add_prefix_space", true)) {  // an old file's
    check(json.find("prepend_scheme") == nullptr || prepend == Prepend::kNever, where,
          ": add_prefix_space is false, but the prepend_scheme is ", json_quote(scheme));
    prepend = Prepend::kNever;
  }
  return {only_character(json.get("replacement", "\u2581"), where + ", replacement"), prepend,
          json.get("split", true)};
}

void Metaspace::apply(PreTokens& tokens) const {
  std::string mark;
  unicode::append(mark, replacement_);
  rewrite_pieces(tokens, [&](const Piece& piece, AlignedText& out) {
    const std::string_view text = tokens.bytes(piece);
    const auto span = [&](std::size_t i) {
      return tokens.text.tracked() ? tokens.text.spans()[piece.begin + i] : ByteSpan{};
    };
    const bool wanted =
        prepend_ == Prepend::kAlways || (prepend_ == Prepend::kFirst && piece.origin == 0);
    if (wanted && !text.empty() && text[0] != ' ' && !text.starts_with(mark))
      out.append(replacement_, span(0));
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t space = std::min(text.find(' ', at), text.size());
      out.append(tokens.text, piece.begin + at, piece.begin + space);
      if (space < text.size()) out.append(replacement_, span(space));
      at = space + 1;
    }
  });
  if (!split_) return;
  each_piece(tokens, [&](const Piece& piece, std::vector<Piece>& out) {
    const std::string_view text = tokens.bytes(piece);
    std::size_t start = 0;
    for (std::size_t at = text.find(mark, 1); at != text.npos;
         at = text.find(mark, at + mark.size())) {
      tokens.cut(piece, piece.begin + start, piece.begin + at, out);
      start = at;
    }
    tokens.cut(piece, piece.begin + start, piece.end, out);
  });
}

}  // namespace retort
