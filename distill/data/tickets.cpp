// Combines the phrases of the ticket grammar into labelled pairs.
#include "distill/data/tickets.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <unordered_set>

#include "distill/data/tickets_grammar.h"
#include "tensor/base/error.h"
#include "tensor/base/philox.h"

namespace retort {
namespace {

constexpr std::uint32_t kTicketSite =
    0x54494B54u;  // tells this stream from others of the same seed

// How often a text has each of the things around its matter.
constexpr double kGreeting = 0.05;
constexpr double kCircumstance = 0.03;
constexpr double kClosing = 0.05;
constexpr double kMention = 0.04;
constexpr double kSolved = 0.03;
constexpr double kUnsolved = 0.03;  // of those not solved
constexpr double kSlip = 0.03;
constexpr double kCasual = 0.20;

// How often the two texts of a pair have the same wording, name or remarks beyond chance.
constexpr double kSameWording = 0.25;
constexpr double kSameName = 0.25;
constexpr double kSameRemarks = 0.1;

// By what factor surging products and problems are likelier among duplicates (as a logarithm).
constexpr double kProblemSurge = 0.7;
constexpr double kProductSurge = 0.4;

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
  int name = 0;
  int greeting = -1;      // -1: none
  int circumstance = -1;  // -1: none
  int closing = -1;       // -1: none
  int mentioned = -1;     // another product of the kind, said to be fine; -1: none
};

// How a pair that is no duplicate differs.
enum class Difference { problem, rival_problem, product, swapped_products, solved, all };

// The shares of the near misses; in the rest all is drawn anew.
struct NearMiss {
  Difference difference;
  double share;
};
constexpr NearMiss kNearMisses[] = {{Difference::problem, 0.10},
                                    {Difference::rival_problem, 0.08},
                                    {Difference::product, 0.08},
                                    {Difference::swapped_products, 0.02},
                                    {Difference::solved, 0.02}};

// What makes two texts the same to a reader: letters and digits without their case.
std::string folded(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c >= 'A' && c <= 'Z') out += static_cast<char>(c + ('a' - 'A'));
    else if (c != '.' && c != ',' && c != '?') out += c;
  }
  return out;
}

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
      seen_.insert(folded(pair.text_a) + '\t' + folded(pair.text_b));
      seen_.insert(folded(pair.text_b) + '\t' + folded(pair.text_a));
    }
  }

  TicketPair next() {
    // The label is drawn once; a pair of one and the same text, or one that was there before, is
    // drawn again. There are far more pairs than kMaxTicketRows; the bound is there so that a
    // poorer grammar fails instead of looping.
    const bool duplicates = chance(0.5);
    for (int attempt = 0; attempt < 1000; ++attempt) {
      TicketPair pair = draw(duplicates);
      std::string a = folded(pair.text_a), b = folded(pair.text_b);
      if (a == b) continue;
      if (b < a) std::swap(a, b);
      if (seen_.insert(a + '\t' + b).second) return pair;
    }
    fail("tickets: the grammar has no more than ", seen_.size(),
         " different pairs; ask for fewer rows");
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
  // A number below n, the first ones more often: the smaller of two draws.
  int early(std::size_t n) {
    const int one = below(n);
    const int two = below(n);
    return std::min(one, two);
  }

  const TicketKind& kind(const Matter& matter) const {
    return kinds_[static_cast<std::size_t>(matter.kind)];
  }
  const std::vector<TicketProblem>& problems(const Matter& matter) const {
    return kind(matter).problems;
  }
  const TicketProduct& product(const Matter& matter) const {
    return kind(matter).products[static_cast<std::size_t>(matter.product)];
  }
  const TicketProblem& problem(const Matter& matter) const {
    return kind(matter).problems[static_cast<std::size_t>(matter.problem)];
  }

  // What tickets are about when they come in numbers (`surging`) and when they don't. Products and
  // problems with a high `surge` are likelier in the first case and less likely in the other.
  Matter draw_matter(bool surging) {
    for (;;) {
      Matter matter;
      matter.kind = below(kinds_.size());
      matter.product = early(kind(matter).products.size());
      matter.problem = below(problems(matter).size());
      matter.solved = chance(kSolved);
      const double surge =
          kProblemSurge * problem(matter).surge + kProductSurge * product(matter).surge;
      const double most = kProblemSurge + kProductSurge;
      if (chance(std::exp((surging ? surge : -surge) - most))) return matter;
    }
  }

  Wording draw_wording(const Matter& matter) {
    Wording words;
    words.wording = early(problem(matter).wordings.size());
    words.name = early(product(matter).names.size());
    if (chance(kGreeting)) words.greeting = below(remarks_.greetings.size());
    if (chance(kCircumstance)) words.circumstance = below(remarks_.circumstances.size());
    if (chance(kClosing)) words.closing = below(remarks_.closings.size());
    if (chance(kMention)) words.mentioned = other(kind(matter).products.size(), matter.product);
    return words;
  }

  // Copies what stands around the matter, which says nothing about it.
  static void share_remarks(const Wording& from, Wording& to) {
    to.greeting = from.greeting;
    to.circumstance = from.circumstance;
    to.closing = from.closing;
  }

  Difference draw_difference() {
    double drawn = random_.uniform();
    for (const auto& [difference, share] : kNearMisses) {
      if (drawn < share) return difference;
      drawn -= share;
    }
    return Difference::all;
  }

  TicketPair draw(bool duplicates) {
    const Matter a = draw_matter(duplicates);
    Wording words_a = draw_wording(a);
    Matter b = a;
    Wording words_b;
    if (duplicates) {
      words_b = draw_wording(b);
      if (chance(kSameWording)) words_b.wording = words_a.wording;
      if (chance(kSameName)) words_b.name = words_a.name;
      if (words_a.mentioned >= 0 && chance(0.5)) words_b.mentioned = words_a.mentioned;
    } else {
      const Difference difference = draw_difference();
      switch (difference) {
        case Difference::problem:
          b.problem = other(problems(a).size(), a.problem);
          break;
        case Difference::rival_problem:
          b.problem = problem(a).rival;
          break;
        case Difference::product:
        case Difference::swapped_products:
          b.product = other(kind(a).products.size(), a.product);
          break;
        case Difference::solved:
          b.solved = !a.solved;
          break;
        case Difference::all:
          while (b == a) b = draw_matter(duplicates);
          break;
      }
      words_b = draw_wording(b);
      // The same number in both of a pair of rivals is often the wording that looks alike.
      if (difference == Difference::rival_problem && chance(kSameWording))
        words_b.wording = words_a.wording;
      if (difference == Difference::product && chance(kSameWording))
        words_b.wording = words_a.wording;
      if (difference == Difference::swapped_products) {
        words_a.mentioned = b.product;
        words_b.mentioned = a.product;
      }
    }
    if (chance(kSameRemarks)) share_remarks(words_a, words_b);
    TicketPair pair;
    pair.label = duplicates ? 1 : 0;
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

  // Another product's name in a mention.
  std::string_view mentioned_name(const Matter& matter, int mentioned) {
    return pick(kind(matter).products[static_cast<std::size_t>(mentioned)].names);
  }

  static std::string fill(std::string_view phrase, std::string_view name) {
    std::string out(phrase);
    const auto slot = out.find("{}");
    check(slot != std::string::npos, "tickets: the phrase \"", phrase, "\" has no {}");
    return out.replace(slot, 2, name);
  }

  static void capitalise(std::string& text) {
    if (!text.empty() && text[0] >= 'a' && text[0] <= 'z')
      text[0] = static_cast<char>(text[0] - 32);
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
      append(out, fill(phrase, mentioned_name(matter, words.mentioned)));
    }
    const auto wording = problem(matter).wordings[static_cast<std::size_t>(words.wording)];
    std::string core = fill(wording, product(matter).names[static_cast<std::size_t>(words.name)]);
    if (chance(kSlip)) misspell(core);
    append(out, core);
    const bool question = wording.starts_with("how ") || wording.starts_with("where ") ||
                          wording.starts_with("what ") || wording.starts_with("when ");
    out += question ? '?' : '.';
    capitalise(out);

    // The remarks after the matter, in a random order.
    std::vector<std::string> after;
    if (words.mentioned >= 0 && !mention_first) {
      const auto phrase = pick(remarks_.mentions_after);
      after.push_back(fill(phrase, mentioned_name(matter, words.mentioned)));
    }
    if (words.circumstance >= 0)
      after.emplace_back(remarks_.circumstances[static_cast<std::size_t>(words.circumstance)]);
    if (matter.solved) after.emplace_back(pick(remarks_.solved));
    else if (chance(kUnsolved)) after.emplace_back(pick(remarks_.unsolved));
    while (!after.empty()) {
      const auto at = below(after.size());
      std::string& remark = after[static_cast<std::size_t>(at)];
      capitalise(remark);
      append(out, remark);
      after.erase(after.begin() + at);
    }
    if (words.closing >= 0) append(out, remarks_.closings[static_cast<std::size_t>(words.closing)]);
    if (chance(kCasual)) make_casual(out);
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
      case 0:
        std::swap(word[letter], word[letter + 1]);
        break;
      case 1:
        word.erase(letter, 1);
        break;
      default:
        word.insert(letter, 1, word[letter]);
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
