// From text to tokens with all their details word by word, as the words stand in the text (see
// raw_words.h).
#include <algorithm>
#include <array>
#include <functional>
#include <utility>

#include "tokenizer/detail_writer.h"
#include "tokenizer/each_raw.h"
#include "tokenizer/processors/processors.h"

namespace retort {
namespace {

// As blanks_of() counts them in the characters that write these bytes.
Offsets spaces_around(std::string_view bytes) {
  const std::size_t first = std::min(bytes.find_first_not_of(' '), bytes.size());
  const std::size_t last = bytes.find_last_not_of(' ') + 1;  // 0: nothing else
  return {static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(bytes.size() - last)};
}

// Words wait as RawIdWriter's do. Those whose tokens stand for their bytes one behind the other
// are written from the tables; the others take the way through the parts: `long_way(word, begin)`.
// Of BERT's words only those of printable ASCII are looked up, since what is taken away from others
// may leave them their size.
// `Make` appends the tokens of a word that isn't in the cache: make(word, tokens).
template <class Make, class LongWay>
class RawDetailWriter {
 public:
  RawDetailWriter(std::string_view text, Workspace& workspace, const ShortWords& short_words,
                  RawWords::Rule rule, DetailWriter& out, Make make, LongWay long_way)
      : text_(text),
        cache_(workspace.raw),
        short_words_(short_words),
        is_bytes_(rule != RawWords::Rule::kBert && rule != RawWords::Rule::kBlanks &&
                  rule != RawWords::Rule::kMarks),
        is_one_word_(rule == RawWords::Rule::kMarks),
        only_ascii_(rule == RawWords::Rule::kBert),
        by_tables_(!out.wants_texts() && (is_bytes_ || !out.wants_blanks())),
        out_(out),
        make_(std::move(make)),
        long_way_(std::move(long_way)) {}

  void begin_part(std::size_t begin) {
    end_part();
    part_ = begin;
    is_open_ = true;
  }
  // Under kMarks a part's first word doesn't stand in the text.
  void add_word(const char* at, std::size_t size) {
    if (std::less<>()(at, text_.data()) || !std::less<>()(at, text_.data() + text_.size()))
      return add_first(at, size);
    const auto begin = static_cast<std::uint32_t>(at - text_.data());
    if (size > WordCache::kMaxBytes || !by_tables_ ||
        (only_ascii_ && ascii::printables(at) < size)) {
      write_waiting();
      return long_way_(std::string_view(at, size), begin);
    }
    Waiting& word = waiting_[count_];
    word.key = WordKey::at(at, size);
    word.hash = word.key.hash();
    places_[count_++] = {begin, begin + static_cast<std::uint32_t>(size)};
    if (short_words_.empty()) cache_.prefetch(word.hash);
    else short_words_.prefetch(word.hash);
    if (count_ == kWaitingWords) write_waiting();
  }
  void end_part() {
    write_waiting();
    if (is_one_word_ && is_open_) out_.end_word();
    is_open_ = false;
  }

 private:
  struct Waiting {
    WordKey key;
    std::uint64_t hash;
  };

  WordCache::Found find(const WordKey& key, std::uint64_t hash) {
    return cache_.find(key, hash, [&](std::vector<Token>& made) {
      char bytes[16];
      make_(key.text(bytes), made);
    });
  }
  void write_waiting() {
    if (short_words_.empty()) {
      for (std::size_t i = 0; i < count_; ++i) write_cached(i);
    } else {
      write_short();
    }
    count_ = 0;
  }
  // As RawIdWriter's.
  void write_short() {
    std::array<std::int32_t, kWaitingWords + DetailWriter::kBlock> ids;
    std::array<std::size_t, kWaitingWords> missing;
    std::size_t missed = 0;
    for (std::size_t i = 0; i < count_; ++i) {
      ids[i] = short_words_.find(waiting_[i].key, waiting_[i].hash);
      missing[missed] = i;
      missed += ids[i] == ShortWords::kNone ? 1 : 0;
    }
    for (std::size_t m = 0; m < missed; ++m) cache_.prefetch(waiting_[missing[m]].hash);
    std::size_t from = 0;
    for (std::size_t m = 0; m <= missed; ++m) {
      const std::size_t to = m < missed ? missing[m] : count_;
      out_.add_words(ids.data() + from, places_.data() + from, to - from);
      if (m < missed) write_cached(to);
      from = to + 1;
    }
  }
  void write_cached(std::size_t i) {
    const auto [begin, end] = places_[i];
    const WordCache::Found found = find(waiting_[i].key, waiting_[i].hash);
    if (found.ids == nullptr || found.lengths == nullptr)
      return long_way_(text_.substr(begin, end - begin), begin);
    if (is_bytes_ && out_.has_long_characters()) add_parts(found, begin);
    else out_.add_run(found.ids, found.lengths, found.count, begin);
    end_word();
  }
  // Tokens that may begin and end inside characters.
  void add_parts(const WordCache::Found& found, std::size_t begin) {
    for (std::size_t i = 0; i < found.count; ++i) {
      const std::size_t end = begin + found.lengths[i];
      out_.add(found.ids[i], out_.whole_characters(begin, end));
      begin = end;
    }
  }
  // Its first mark is aligned with what stands behind it.
  void add_first(const char* at, std::size_t size) {
    const auto begin = static_cast<std::uint32_t>(part_);
    if (size <= WordCache::kMaxBytes && by_tables_) {
      const WordKey key = WordKey::at(at, size);
      const WordCache::Found found = find(key, key.hash());
      if (found.ids != nullptr && found.lengths != nullptr && found.lengths[0] > 1) {
        std::uint32_t end = begin;
        for (std::size_t i = 0; i < found.count; ++i) {
          const std::uint32_t from = end;
          end += found.lengths[i] - (i == 0 ? 1u : 0u);
          out_.add(found.ids[i], {from, end});
        }
        return;
      }
    }
    long_way_(text_.substr(part_, size - 1), begin);
  }
  void end_word() {
    if (!is_one_word_) out_.end_word();
  }

  std::string_view text_;
  WordCache& cache_;
  const ShortWords& short_words_;
  bool is_bytes_, is_one_word_, only_ascii_, by_tables_;
  DetailWriter& out_;
  Make make_;
  LongWay long_way_;
  std::array<Waiting, kWaitingWords> waiting_;
  std::array<Offsets, kWaitingWords + DetailWriter::kBlock> places_;  // of those that wait
  std::size_t count_ = 0, part_ = 0;
  bool is_open_ = false;
};

// Whether each byte of the original [begin, end) is in the place of some byte, in order.
bool covers(const AlignedText& text, std::uint32_t begin, std::uint32_t end) {
  ByteSpan last{begin, begin};
  for (const ByteSpan& span : text.spans()) {
    if (span == last) continue;
    if (span.begin != last.end) return false;
    last = span;
  }
  return last.end == end;
}

}  // namespace

// A word of a raw text through all the parts; `first`: of those between added tokens. False: its
// places can't be told without what is around it.
bool Tokenizer::append_raw_details(std::string_view word, std::uint32_t begin, bool first,
                                   Workspace& workspace, DetailWriter& out) const {
  if (normalizer_ == nullptr) {
    workspace.made.clear();
    definition_.model->tokenize(word, workspace.made);
    for (const Token& token : workspace.made) {
      out.add(token.id, out.whole_characters(begin + token.begin, begin + token.end));
      if (out.wants_texts()) out.add_text(definition_.model->token_text(token, word));
    }
    out.end_word();
    return true;
  }
  PreTokens& tokens = workspace.tokens;
  tokens.text = AlignedText(word, begin, true);
  if (raw_words_.rule() == RawWords::Rule::kBlanks) {
    // The reference moves the places behind what a character map takes away.
    normalizer_->apply(tokens.text);
    if (!covers(tokens.text, begin, begin + static_cast<std::uint32_t>(word.size()))) return false;
    split_word(tokens);
    append_details(workspace, out);
    return true;
  }
  if (raw_words_.rule() == RawWords::Rule::kBert) {
    normalize_word(tokens);
    append_details(workspace, out);
    return true;
  }
  if (first) normalizer_->apply(tokens.text);
  else raw_words_.write_marks(tokens.text);
  const auto size = static_cast<std::uint32_t>(tokens.text.bytes().size());
  append_piece({0, size, begin, -1}, workspace, out);  // a part of one word
  return true;
}

bool Tokenizer::raw_details(std::string_view original, bool special_too, Workspace& workspace,
                            DetailWriter& out) const {
  const std::string_view text = with_slack(original, workspace);
  std::size_t part = 0;
  bool done = true;
  RawDetailWriter writer(
      text, workspace, as_they_stand(), raw_words_.rule(), out,
      [&](std::string_view word, std::vector<Token>& made) {
        tokenize_raw(word, workspace.tokens, made);
      },
      [&](std::string_view word, std::uint32_t begin) {
        done = done && append_raw_details(word, begin, begin == part, workspace, out);
      });
  // Byte-level tokens' blanks can be seen in the text, but not those of added tokens.
  const bool sees_blanks = out.wants_blanks() && normalizer_ == nullptr;
  std::vector<std::pair<std::size_t, Offsets>> unseen;
  each_raw(
      text, special_too,
      [&](std::size_t begin) {
        writer.begin_part(begin);
        part = begin;
      },
      [&](const char* at, std::size_t size) { writer.add_word(at, size); },
      [&](std::int32_t id, std::size_t begin, std::size_t end) {
        writer.end_part();
        const std::string_view token = text.substr(begin, end - begin);
        if (sees_blanks) unseen.emplace_back(out.count(), blanks_of(token));
        else if (out.wants_blanks()) out.add_blanks(blanks_of(token));
        out.add(id, {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)});
        if (out.wants_texts()) out.add_text(token);
        out.end_word();
      });
  writer.end_part();
  if (!sees_blanks || !done) return done;
  auto next = unseen.begin();
  for (std::size_t i = 0; i < out.count(); ++i) {
    if (next != unseen.end() && next->first == i) out.add_blanks((next++)->second);
    else out.add_blanks(spaces_around(text.substr(out[i].first, out[i].second - out[i].first)));
  }
  return true;
}

}  // namespace retort
