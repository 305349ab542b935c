// The demo's tickets: exact labels, no text twice, near misses, the same bytes everywhere.
#include "distill/data/tickets.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <sstream>

#include "distill/data/split.h"
#include "distill/data/table.h"
#include "distill/data/tickets_grammar.h"
#include "tests/app/data_files.h"

namespace retort {
namespace {

using testing::contains;
using testing::error_of;
using testing::Folder;

std::set<std::string> words_of(const std::string& text) {
  std::set<std::string> words;
  std::string word;
  for (const char c : text + ' ') {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '\'';
    if (letter) {
      word += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    } else if (!word.empty()) {
      words.insert(word);
      word.clear();
    }
  }
  return words;
}

double jaccard(const std::set<std::string>& a, const std::set<std::string>& b) {
  std::size_t both = 0;
  for (const auto& word : a) both += b.count(word);
  return static_cast<double>(both) / static_cast<double>(a.size() + b.size() - both);
}

TEST_CASE("tickets: labels are exact and about half are duplicates", "[tickets]") {
  const auto pairs = make_tickets(8000, 1);
  REQUIRE(pairs.size() == 8000);
  int duplicates = 0;
  std::map<std::string, int> matter_of;
  std::set<int> matters;
  for (const auto& pair : pairs) {
    CHECK((pair.matter_a == pair.matter_b) == (pair.label == 1));
    duplicates += pair.label;
    // A text never means two things: whoever knows the grammar scores 100 %.
    CHECK(matter_of.emplace(pair.text_a, pair.matter_a).first->second == pair.matter_a);
    CHECK(matter_of.emplace(pair.text_b, pair.matter_b).first->second == pair.matter_b);
    matters.insert(pair.matter_a);
    matters.insert(pair.matter_b);
  }
  CHECK(duplicates > 3800);
  CHECK(duplicates < 4200);
  CHECK(matters.size() > 100);
}

// A text as a reader sees it, without capitals and punctuation.
std::string folded(const std::string& text) {
  std::string out;
  for (const char c : text)
    if (c != '.' && c != ',' && c != '?')
      out += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  return out;
}

TEST_CASE("tickets: no pair stands twice, texts are many and short, words are few", "[tickets]") {
  const auto pairs = make_tickets(8000, 2);
  std::set<std::pair<std::string, std::string>> seen;
  std::set<std::string> texts;
  std::map<std::string, int> words;
  double total = 0;
  for (const auto& pair : pairs) {
    const std::string a = folded(pair.text_a), b = folded(pair.text_b);
    CHECK(a != b);
    CHECK(seen.insert({std::min(a, b), std::max(a, b)}).second);
    for (const auto& text : {pair.text_a, pair.text_b}) {
      texts.insert(text);
      const auto count = 1 + std::count(text.begin(), text.end(), ' ');
      CHECK(count >= 3);
      CHECK(count <= 40);
      CHECK(text.find_first_of("{}\t\n\"") == std::string::npos);
      CHECK(text.find("  ") == std::string::npos);
      total += static_cast<double>(count);
      for (const auto& word : words_of(text)) ++words[word];
    }
  }
  CHECK(texts.size() > 5000);
  CHECK(total / 16000 < 16);
  const auto common =
      std::count_if(words.begin(), words.end(), [](const auto& word) { return word.second >= 5; });
  CHECK(common > 250);
  CHECK(common < 800);
}

TEST_CASE("tickets: shared words alone don't tell duplicates", "[tickets]") {
  const auto pairs = make_tickets(4000, 3);
  std::vector<std::pair<double, int>> scored;
  for (const auto& pair : pairs)
    scored.emplace_back(jaccard(words_of(pair.text_a), words_of(pair.text_b)), pair.label);
  // The best threshold on the share of common words, either way round, chosen on these very pairs.
  std::sort(scored.begin(), scored.end());
  const int ones = static_cast<int>(std::count_if(
      scored.begin(), scored.end(), [](const auto& item) { return item.second == 1; }));
  int below_ones = 0, best = 0;
  for (int i = 0; i < static_cast<int>(scored.size()); ++i) {
    below_ones += scored[static_cast<std::size_t>(i)].second;
    const int right = (i + 1 - below_ones) + (ones - below_ones);
    best = std::max({best, right, static_cast<int>(scored.size()) - right});
  }
  CHECK(best < static_cast<int>(0.80 * static_cast<double>(scored.size())));
  CHECK(best > static_cast<int>(0.50 * static_cast<double>(scored.size())));
}

TEST_CASE("tickets: the grammar is sound", "[tickets]") {
  std::set<std::string_view> names, wordings;
  for (const auto& kind :
       {software_tickets(), access_tickets(), payment_tickets(), device_tickets()}) {
    for (const auto& product : kind.products) {
      CHECK(product.names.size() == kind.products[0].names.size());
      CHECK(std::abs(product.surge) <= 1);
      for (const auto name : product.names) {
        CAPTURE(name);
        CHECK(names.insert(name).second);  // a name means one product
      }
    }
    const int problems = static_cast<int>(kind.problems.size());
    for (int p = 0; p < problems; ++p) {
      const auto& problem = kind.problems[static_cast<std::size_t>(p)];
      CHECK(problem.rival >= 0);
      CHECK(std::abs(problem.surge) <= 1);
      CHECK(problem.rival < problems);
      CHECK(problem.rival != p);
      CHECK(problem.wordings.size() == kind.problems[0].wordings.size());
      for (const auto wording : problem.wordings) {
        CAPTURE(wording);
        CHECK(wordings.insert(wording).second);  // a wording means one problem
        const auto slot = wording.find("{}");
        CHECK(slot != std::string_view::npos);
        CHECK(wording.find("{}", slot + 1) == std::string_view::npos);
      }
    }
  }
}

TEST_CASE("tickets: a seed gives the same pairs, whatever their number", "[tickets]") {
  const auto few = make_tickets(50, 7), many = make_tickets(200, 7), others = make_tickets(50, 8);
  for (std::size_t i = 0; i < few.size(); ++i) {
    CHECK(few[i].text_a == many[i].text_a);
    CHECK(few[i].text_b == many[i].text_b);
    CHECK(few[i].label == many[i].label);
  }
  CHECK(tickets_tsv(few) != tickets_tsv(others));
  // The bytes for one seed, pinned (FNV-1a): the same on every compiler and machine.
  std::uint64_t digest = 0xCBF29CE484222325u;
  for (const char c : tickets_tsv(make_tickets(1000, 42))) {
    digest ^= static_cast<unsigned char>(c);
    digest *= 0x100000001B3u;
  }
  CHECK(digest == 0xac9f5e6bf07a47ffu);
}

TEST_CASE("tickets: the file is a table that splits without shared pairs", "[tickets]") {
  const Folder folder("tickets");
  const auto pairs = make_tickets(500, 4);
  SplitOptions options;
  options.input = folder.write("tickets.tsv", tickets_tsv(pairs));
  options.parts = parse_parts("train=0.8,dev=0.2");
  options.stratify_column = "label";
  options.out = folder.path();
  const Table table = read_table(options.input, {});
  REQUIRE(table.rows.size() == 500);
  CHECK(table.has_pairs);
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    CHECK(table.rows[i].text == pairs[i].text_a);
    CHECK(table.rows[i].pair == pairs[i].text_b);
    CHECK(table.rows[i].label == std::to_string(pairs[i].label));
  }
  for (const auto& warning : split_table(options).warnings)
    CHECK(contains(warning, "single text"));  // single texts recur, as tickets.h says; pairs don't
}

TEST_CASE("tickets: the support desk's ten pairs are new pairs in the grammar's words",
          "[tickets]") {
  const auto desk = support_desk_pairs();
  REQUIRE(desk.size() == 10);
  CHECK(std::count_if(desk.begin(), desk.end(), [](const auto& pair) { return pair.label == 1; }) ==
        5);
  std::set<std::string> known;
  std::set<std::pair<std::string, std::string>> made;
  for (const auto& pair : make_tickets(50000, 5)) {
    made.insert({folded(pair.text_a), folded(pair.text_b)});
    for (const auto& text : {pair.text_a, pair.text_b}) known.merge(words_of(text));
  }
  for (const auto& pair : desk) {
    CAPTURE(pair.text_a, pair.text_b);
    CHECK(made.count({folded(pair.text_a), folded(pair.text_b)}) == 0);
    CHECK(made.count({folded(pair.text_b), folded(pair.text_a)}) == 0);
    for (const auto& text : {pair.text_a, pair.text_b})
      for (const auto& word : words_of(text)) {
        CAPTURE(word);
        CHECK(known.count(word) == 1);
      }
  }
}

TEST_CASE("tickets: numbers of rows that make no set", "[tickets]") {
  for (const std::int64_t rows : {std::int64_t{0}, std::int64_t{-5}, kMaxTicketRows + 1})
    CHECK(contains(error_of([&] { make_tickets(rows, 1); }), "found " + std::to_string(rows)));
}

}  // namespace
}  // namespace retort
