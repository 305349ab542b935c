#include "tokenizer/raw_words.h"

#include "tokenizer/models/bpe.h"
#include "tokenizer/normalizers/bert.h"
#include "tokenizer/normalizers/edits.h"
#include "tokenizer/normalizers/precompiled.h"
#include "tokenizer/pre_tokenizers/patterns.h"
#include "tokenizer/pre_tokenizers/words.h"
#include "tokenizer/unicode.h"
#include "tokenizer/unicode16.h"

namespace retort {
namespace {

constexpr std::string_view kMark = "\u2581";

// The scanner that does all that this pre-tokenizer does, byte by byte.
std::optional<scanners::Known> only_scanner(const PreTokenizer* pre_tokenizer) {
  if (const auto* sequence = dynamic_cast<const PreTokenizerSequence*>(pre_tokenizer)) {
    if (sequence->parts().size() != 2) return {};
    const auto* split = dynamic_cast<const Split*>(sequence->parts()[0].get());
    const auto* level = dynamic_cast<const ByteLevel*>(sequence->parts()[1].get());
    if (split == nullptr || level == nullptr || !level->leaves_pieces()) return {};
    return split->scanner();
  }
  const auto* level = dynamic_cast<const ByteLevel*>(pre_tokenizer);
  return level != nullptr && level->only_scans() ? std::optional(scanners::Known::kGpt2)
                                                 : std::nullopt;
}

// White space splits, and each word begins with a mark.
bool splits_at_blanks(const PreTokenizer* pre_tokenizer) {
  const auto* sequence = dynamic_cast<const PreTokenizerSequence*>(pre_tokenizer);
  if (sequence == nullptr || sequence->parts().size() != 2) return false;
  const auto* metaspace = dynamic_cast<const Metaspace*>(sequence->parts()[1].get());
  return dynamic_cast<const WhitespaceSplit*>(sequence->parts()[0].get()) != nullptr &&
         metaspace != nullptr && metaspace->prepend() == Metaspace::Prepend::kAlways;
}

// A mark before the text and for every space: the part that does the latter.
const Normalizer* find_marks(const Normalizer* normalizer) {
  const auto* sequence = dynamic_cast<const NormalizerSequence*>(normalizer);
  if (sequence == nullptr || sequence->parts().size() != 2) return nullptr;
  const auto* prepend = dynamic_cast<const Prepend*>(sequence->parts()[0].get());
  const auto* replace = dynamic_cast<const Replace*>(sequence->parts()[1].get());
  const bool found = prepend != nullptr && prepend->prefix() == kMark && replace != nullptr &&
                     replace->literal() == " " && replace->content() == kMark;
  return found ? replace : nullptr;
}

}  // namespace

// Controls may disappear from the middle of a word, so they belong to words (U+000B and U+000C are
// controls to BERT, not white space).
const std::array<RawWords::BertKind, 256> RawWords::kBertKinds = [] {
  std::array<BertKind, 256> kinds{};
  for (std::size_t c = 0; c < kinds.size(); ++c) {
    const bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    const bool alone = c < 128 && (unicode::properties(static_cast<char32_t>(c)).flags &
                                   unicode::kPunctuation) != 0;
    kinds[c] = blank ? kBlank : alone ? kAlone : kWord;
  }
  return kinds;
}();

RawWords::RawWords(const Normalizer* normalizer, const PreTokenizer* pre_tokenizer,
                   const TokenModel& model) {
  if (normalizer == nullptr) {
    if (const auto known = only_scanner(pre_tokenizer))
      rule_ = *known == scanners::Known::kGpt2     ? Rule::kGpt2
              : *known == scanners::Known::kLlama3 ? Rule::kLlama3
                                                   : Rule::kQwen2;
  } else if (dynamic_cast<const BertNormalizer*>(normalizer) != nullptr) {
    if (dynamic_cast<const BertPreTokenizer*>(pre_tokenizer) == nullptr) return;
    find_plain(*normalizer);
    rule_ = Rule::kBert;
  } else if (dynamic_cast<const Precompiled*>(normalizer) != nullptr &&
             splits_at_blanks(pre_tokenizer)) {
    for (char c = 0; c <= ' '; ++c) {
      AlignedText text(std::string(1, c));
      normalizer->apply(text);
      const std::string& bytes = text.bytes();
      bool blank = !bytes.empty();
      for (const char* at = bytes.data(); at < bytes.data() + bytes.size();)
        blank =
            blank && (unicode::properties(unicode::decode(at)).flags & unicode::kWhitespace) != 0;
      blanks_[static_cast<unsigned char>(c)] = blank;
    }
    find_plain(*normalizer);
    rule_ = Rule::kBlanks;
  } else if (const auto* bpe = dynamic_cast<const Bpe*>(&model);
             bpe != nullptr && bpe->cuts_at_marks() && pre_tokenizer == nullptr &&
             (marks_ = find_marks(normalizer)) != nullptr) {
    find_joined(model.vocabulary());
    rule_ = Rule::kMarks;
  }
}

// Printable characters of ASCII are never in one grapheme cluster, so each becomes what it becomes
// alone.
void RawWords::find_plain(const Normalizer& normalizer) {
  for (std::size_t c = '!'; c <= '~'; ++c) {
    AlignedText text(std::string(1, static_cast<char>(c)));
    normalizer.apply(text);
    if (text.bytes().size() == 1) plain_[c] = text.bytes()[0];
  }
}

void RawWords::forget_places(std::span<Token> tokens) {
  for (Token& token : tokens) token.begin = 1, token.end = 0;
}

bool RawWords::write(std::string_view word, AlignedText& out) const {
  char written[64];
  std::size_t size = 0;
  const auto put = [&](std::string_view bytes) {
    if (size + bytes.size() > sizeof written) {
      out.append({written, size}, nullptr);
      size = 0;
    }
    std::copy(bytes.begin(), bytes.end(), written + size);
    size += bytes.size();
  };
  if (rule_ == Rule::kMarks) {
    for (const char& c : word) put(c == ' ' ? kMark : std::string_view(&c, 1));
  } else {
    if (rule_ == Rule::kBlanks) put(kMark);
    for (const char& c : word) {
      const char become = c > 0 ? plain_[static_cast<std::size_t>(c)] : '\0';
      if (become == '\0') return false;
      put({&become, 1});
    }
  }
  out.append({written, size}, nullptr);
  return true;
}

bool RawWords::leaves(std::string_view word, std::string_view written) const {
  return rule_ == Rule::kBlanks && written.size() == kMark.size() + word.size() &&
         written.starts_with(kMark) && written.ends_with(word);
}

// A mark has three bytes, where the word has one or (kBlanks) none. A token that is a byte of a
// character has all of its place.
void RawWords::to_word(std::string_view word, std::span<Token> tokens) const {
  if (rule_ == Rule::kBert) return;
  const bool blank = rule_ == Rule::kMarks && word[0] == ' ';
  if (blank || rule_ == Rule::kBlanks) {
    const std::uint32_t mark = blank ? 1 : 0;
    const auto size = static_cast<std::uint32_t>(kMark.size());
    for (Token& token : tokens) {
      token.begin = token.begin < size ? 0 : token.begin - size + mark;
      token.end = token.end <= size ? mark : token.end - size + mark;
    }
  }
  const auto cuts_character = [&](const Token& token) {
    return token.begin == token.end  // the place of a first character that has one byte
               ? static_cast<unsigned char>(word[0]) >= 0x80
               : token.end < word.size() &&
                     (static_cast<unsigned char>(word[token.end]) & 0xC0) == 0x80;
  };
  if (word.find(' ', 1) != std::string_view::npos ||
      std::any_of(tokens.begin(), tokens.end(), cuts_character))
    forget_places(tokens);
}

// Whether the blanks [begin, end) of a text are in no grapheme cluster with what is around them.
bool RawWords::parts_clusters(std::string_view text, std::size_t begin, std::size_t end) {
  const auto class_of = [](char32_t c) {
    return static_cast<unicode::GraphemeClass>(unicode::properties16(c).grapheme & 15);
  };
  if (begin > 0 && static_cast<unsigned char>(text[begin - 1]) >= 128 &&
      class_of(unicode::decode_last(text.data() + begin)) == unicode::GraphemeClass::kPrepend)
    return false;
  if (end == text.size() || static_cast<unsigned char>(text[end]) < 128) return true;
  const char* at = text.data() + end;
  const auto next = class_of(unicode::decode(at));
  return next != unicode::GraphemeClass::kExtend && next != unicode::GraphemeClass::kZwj &&
         next != unicode::GraphemeClass::kSpacingMark;
}

void RawWords::find_joined(const Vocabulary& vocabulary) {
  joined_.assign((1 << 16) / 64, 0);
  const auto join = [&](char left, char right) {
    joined_[pair(left, right) / 64] |= std::uint64_t{1} << pair(left, right) % 64;
  };
  std::string piece;
  for (std::int32_t id = 0; id < vocabulary.limit(); ++id) {
    piece.clear();
    std::string_view text = vocabulary.text(id);
    while (!text.empty()) {
      const bool mark = text.starts_with(kMark);
      piece += mark ? ' ' : text[0];
      text.remove_prefix(mark ? kMark.size() : 1);
    }
    for (std::size_t i = 1; i < piece.size(); ++i) join(piece[i - 1], piece[i]);
  }
  // A mark may stand in the text itself too.
  for (int c = 0; c < 256; ++c) {
    const char other = static_cast<char>(c);
    if (is_joined(' ', other)) join(kMark.back(), other);
    if (is_joined(other, ' ')) join(other, kMark.front());
  }
  if (is_joined(' ', ' ')) join(kMark.back(), kMark.front());
}

}  // namespace retort
