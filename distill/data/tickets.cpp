// Combines the phrases of the ticket grammar into labelled pairs.
#include "distill/data/tickets.h"

#include <string_view>
#include <unordered_set>

#include "distill/data/tickets_grammar.h"
#include "tensor/base/error.h"
#include "tensor/base/philox.h"

namespace retort {
namespace {

constexpr std::uint32_t kTicketSite = 0x54494B54u;  // tells this stream from others of the same seed

// What a ticket is about.
struct Matter {
  int kind = 0;
  int product = 0;
  int problem = 0;
  bool solved = false;
  bool operator==(const Matter&) const = default;
};

// The choices of one text that a pair may share or keep apart.
struct Wording {
  int wording = 0;
  int greeting = -1;      // -1: none
  int circumstance = -1;  // -1: none
  int closing = -1;       // -1: none
  int mentioned = -1;     // another product of the kind, said to be fine; -1: none
};

// How a pair that is no duplicate differs.
enum class Difference { problem, rival_problem, product, swapped_products, solved, all };

class Generator {
 public:
  explicit Generator(std::uint64_t seed)
      : random_(seed, kTicketSite),
        kinds_{software_tickets(), access_tickets(), payment_tickets(), device_tickets()},
        remarks_(ticket_remarks()) {
    for (const auto& kind : kinds_) {
      for (const auto& product : kind.products)
        for (const auto name : product.names) learn_words(name);
      for (const auto& problem : kind.problems)
        for (const auto wording : problem.wordings) learn_words(wording);
    }
    for (const auto& pair : support_desk_pairs()) {
      seen_.insert(pair.text_a);
      seen_.insert(pair.text_b);
    }
  }

  TicketPair next() {
    // A pair with a text that was there before is drawn again. There are far more texts than
    // kMaxTicketRows needs; the bound is there so that a poorer grammar fails instead of looping.
    for (int attempt = 0; attempt < 1000; ++attempt) {
      TicketPair pair = draw();
      if (pair.text_a == pair.text_b || seen_.contains(pair.text_a) || seen_.contains(pair.text_b))
        continue;
      seen_.insert(pair.text_a);
      seen_.insert(pair.text_b);
      return pair;
    }
    fail("tickets: the grammar has no ", seen_.size() / 2, " pairs of different texts; ask for fewer rows");
  }

 private:
  int below(std::size_t n) { return static_cast<int>(random_.below(n)); }
  bool chance(double probability) { return random_.uniform() < probability; }
  std::string_view pick(const Phrases& phrases) {
    return phrases[static_cast<std::size_t>(below(phrases.size()))];
  }
  // A number below n that isn't `not_this`.
  int other(std::size_t n, int not_this) {
    const int drawn = below(n - 1);
    return drawn < not_this ? drawn : drawn + 1;
  }

  const TicketKind& kind(const Matter& matter) const {
    return kinds_[static_cast<std::size_t>(matter.kind)];
  }
  const TicketProblem& problem(const Matter& matter) const {
    return kind(matter).problems[static_cast<std::size_t>(matter.problem)];
  }

  Matter draw_matter() {
    Matter matter;
    matter.kind = below(kinds_.size());
    matter.product = below(kind(matter).products.size());
    matter.problem = below(kind(matter).problems.size());
    matter.solved = chance(0.12);
    return matter;
  }

  Wording draw_wording(const Matter& matter) {
    Wording words;
    words.wording = below(problem(matter).wordings.size());
    if (chance(0.35)) words.greeting = below(remarks_.greetings.size());
    if (chance(0.30)) words.circumstance = below(remarks_.circumstances.size());
    if (chance(0.35)) words.closing = below(remarks_.closings.size());
    if (chance(0.30)) words.mentioned = other(kind(matter).products.size(), matter.product);
    return words;
  }

  // Copies what surrounds the matter, so that texts about different matters look alike.
  static void share_surroundings(const Wording& from, Wording& to) {
    to.greeting = from.greeting;
    to.circumstance = from.circumstance;
    to.closing = from.closing;
  }

  Difference draw_difference() {
    const double drawn = random_.uniform();
    if (drawn < 0.15) return Difference::problem;
    if (drawn < 0.35) return Difference::rival_problem;
    if (drawn < 0.55) return Difference::product;
    if (drawn < 0.70) return Difference::swapped_products;
    if (drawn < 0.82) return Difference::solved;
    return Difference::all;
  }

  TicketPair draw() {
    Matter a = draw_matter();
    Wording words_a = draw_wording(a);
    Matter b = a;
    Wording words_b;
    const bool duplicate = chance(0.5);
    if (duplicate) {
      words_b = draw_wording(b);
      if (words_b.wording == words_a.wording && chance(0.6))
        words_b.wording = other(problem(b).wordings.size(), words_a.wording);
      if (chance(0.2)) share_surroundings(words_a, words_b);
      if (words_a.mentioned >= 0 && chance(0.5)) words_b.mentioned = words_a.mentioned;
    } else {
      const Difference difference = draw_difference();
      switch (difference) {
        case Difference::problem:
          b.problem = other(kind(a).problems.size(), a.problem);
          break;
        case Difference::rival_problem: b.problem = problem(a).rival; break;
        case Difference::product:
        case Difference::swapped_products:
          b.product = other(kind(a).products.size(), a.product);
          break;
        case Difference::solved: b.solved = !a.solved; break;
        case Difference::all: 
          while (b == a) b = draw_matter();
          break;
      }
      words_b = draw_wording(b);
      if (difference != Difference::all && chance(0.3)) share_surroundings(words_a, words_b);
      // The same number on both sides of a pair of rivals is the wording that looks alike.
      if ((difference == Difference::rival_problem || difference == Difference::product) && chance(0.3))
        words_b.wording = words_a.wording;
      if (difference == Difference::swapped_products) {
        words_a.mentioned = b.product;
        words_b.mentioned = a.product;
      }
    }
    TicketPair pair;
    pair.label = duplicate ? 1 : 0;
    pair.matter_a = number(a);
    pair.matter_b = number(b);
    pair.text_a = text(a, words_a);
    pair.text_b = text(b, words_b);
    return pair;
  }

  // Matters counted through, kind by kind.
  int number(const Matter& matter) const {
    int before = 0;
    for (int k = 0; k < matter.kind; ++k) {
      const auto& earlier = kinds_[static_cast<std::size_t>(k)];
      before += static_cast<int>(earlier.products.size() * earlier.problems.size()) * 2;
    }
    const int problems = static_cast<int>(kind(matter).problems.size());
    return before + (matter.product * problems + matter.problem) * 2 + (matter.solved ? 1 : 0);
  }

  std::string name(const Matter& matter, int product) {
    return std::string(pick(kind(matter).products[static_cast<std::size_t>(product)].names));
  }

  static std::string fill(std::string_view phrase, const std::string& name) {
    std::string out(phrase);
    const auto slot = out.find("{}");
    check(slot != std::string::npos, "tickets: the phrase \"", phrase, "\" has no {}");
    return out.replace(slot, 2, name);
  }

  static void capitalise(std::string& text) {
    if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 32);
  }

  static void append(std::string& text, std::string_view more) {
    if (!text.empty()) text += ' ';
    text += more;
  }

  std::string text(const Matter& matter, const Wording& words) {
    std::string out;
    if (words.greeting >= 0) out = remarks_.greetings[static_cast<std::size_t>(words.greeting)];
    const bool mention_first = words.mentioned >= 0 && chance(0.5);
    if (mention_first) {
      const auto phrase = pick(remarks_.mentions_before);
      append(out, fill(phrase, name(matter, words.mentioned)));
    }
    const auto wording = problem(matter).wordings[static_cast<std::size_t>(words.wording)];
    std::string core = fill(wording, name(matter, matter.product));
    if (chance(0.12)) misspell(core);
    append(out, core);
    const bool question = wording.starts_with("how ") || wording.starts_with("where ") ||
                          wording.starts_with("what ") || wording.starts_with("when ");
    out += question ? '?' : '.';
    capitalise(out);

    // The remarks after the matter, in a random order.
    std::vector<std::string> after;
    if (words.mentioned >= 0 && !mention_first) {
      const auto phrase = pick(remarks_.mentions_after);
      after.push_back(fill(phrase, name(matter, words.mentioned)));
    }
    if (words.circumstance >= 0)
      after.emplace_back(remarks_.circumstances[static_cast<std::size_t>(words.circumstance)]);
    if (matter.solved)
      after.emplace_back(pick(remarks_.solved));
    else if (chance(0.14))
      after.emplace_back(pick(remarks_.unsolved));
    while (!after.empty()) {
      const auto at = below(after.size());
      std::string& remark = after[static_cast<std::size_t>(at)];
      capitalise(remark);
      append(out, remark);
      after.erase(after.begin() + at);
    }
    if (words.closing >= 0) append(out, remarks_.closings[static_cast<std::size_t>(words.closing)]);
    if (chance(0.2)) make_casual(out);
    return out;
  }

  // As typed in a hurry: no capitals, no full stop at the end.
  static void make_casual(std::string& text) {
    for (char& c : text)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    if (text.back() == '.') text.pop_back();
  }

  void learn_words(std::string_view phrase) {
    std::size_t begin = 0;
    while (begin < phrase.size()) {
      const auto end = std::min(phrase.find(' ', begin), phrase.size());
      words_.insert(std::string(phrase.substr(begin, end - begin)));
      begin = end + 1;
    }
  }

  // One slip in one word of six letters or more: two letters swapped, one left out or one doubled.
  // A slip that makes another word of the grammar doesn't count.
  void misspell(std::string& text) {
    std::vector<std::pair<std::size_t, std::size_t>> long_words;  // begin, length
    for (std::size_t begin = 0; begin < text.size();) {
      const auto end = std::min(text.find(' ', begin), text.size());
      if (end - begin >= 6) long_words.emplace_back(begin, end - begin);
      begin = end + 1;
    }
    if (long_words.empty()) return;
    const auto [begin, length] = long_words[static_cast<std::size_t>(below(long_words.size()))];
    const auto letter = 1 + static_cast<std::size_t>(below(length - 2));
    std::string word = text.substr(begin, length);
    switch (below(3)) {
      case 0: std::swap(word[letter], word[letter + 1]); break;
      case 1: word.erase(letter, 1); break;
      default: word.insert(letter, 1, word[letter]);
    }
    if (!words_.contains(word)) text.replace(begin, length, word);
  }

  RandomStream random_;
  std::vector<TicketKind> kinds_;
  TicketRemarks remarks_;
  std::unordered_set<std::string> words_;
  std::unordered_set<std::string> seen_;
};

}  // namespace

std::vector<TicketPair> make_tickets(std::int64_t rows, std::uint64_t seed) {
  check(rows >= 1 && rows <= kMaxTicketRows, "tickets: expected 1 to ", kMaxTicketRows,
        " rows, found ", rows);
  Generator generator(seed);
  std::vector<TicketPair> pairs;
  pairs.reserve(static_cast<std::size_t>(rows));
  for (std::int64_t i = 0; i < rows; ++i) pairs.push_back(generator.next());
  return pairs;
}

std::string tickets_tsv(const std::vector<TicketPair>& pairs) {
  std::string out = "text_a\ttext_b\tlabel\n";
  for (const auto& pair : pairs)
    out += pair.text_a + '\t' + pair.text_b + '\t' + std::to_string(pair.label) + '\n';
  return out;
}

}  // namespace retort
