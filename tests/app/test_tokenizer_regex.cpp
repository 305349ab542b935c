// Regular expressions: what is refused, that hostile ones end, and that the scanners find what the
// patterns that they stand for match. (That matches are the reference's:
// test_tokenizer_components.cpp.)
#include "tokenizer/regex/regex.h"

#include <chrono>
#include <string>

#include "tensor/base/error.h"
#include "tensor/base/philox.h"
#include "tests/catch.h"
#include "tokenizer/pre_tokenizers/scanners.h"
#include "tokenizer/unicode.h"

using namespace retort;

namespace {

std::string error_of(const std::string& pattern, const std::string& text = "a") {
  try {
    Regex(pattern).find_all(text);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

using Matches = std::vector<Regex::Match>;

constexpr const char* kPatterns[] = {
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)",
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"};

}  // namespace

TEST_CASE("regex: what isn't supported is an error that names it", "[tokenizer]") {
  const auto refused = [](const std::string& pattern, const std::string& expected) {
    const std::string found = error_of(pattern);
    CAPTURE(pattern, found, expected);
    CHECK(found.find("the regular expression " + pattern) == 0);
    CHECK(found.find(expected) != std::string::npos);
  };
  refused(R"(\p{Elvish})", R"(the property \p{Elvish})");
  CHECK(error_of("a\n\\p{N\n}").find('\n') == std::string::npos);
  refused("[[:elvish:]]", "the class [:elvish:]");
  refused(R"((a)\1)", R"(the escape \1)");
  refused(R"(\K)", R"(the escape \K)");
  refused("(?<name>a)", "the group (?<");
  refused("(?x:a)", "the group (?x");
  refused("(?ix:a)", "the flag x");
  refused("(?#comment)a", "a comment");
  refused("(?i)strasse", "letters without case that one character may stand for");
  refused("(?i:\u00df)", "letters without case that one character may stand for");
  refused("*a", "a quantifier that follows nothing");
  refused("(a", "lacks a )");
  refused("a)", "an unmatched )");
  refused("[a", "lacks a ]");
  refused("[z-a]", "runs backwards");
  refused("a{1001}", "repeats more than 1000 times");
  refused("a{3,2}", "least number is above its greatest");
  refused("(?<=a+)b", "looks behind at a text of any length");
  refused("((((a{1000}){1000}){1000}){1000})", "is too long");
  refused(std::string(300, '(') + "a" + std::string(300, ')'), "nested deeper than 200");
  refused(R"(\x{110000})", "a bad number of a character");
  refused("a\\", "ends with a backslash");
}

TEST_CASE("regex: matching ends, however hostile the pattern", "[tokenizer]") {
  CHECK(error_of("(a|a)*b", std::string(40, 'a')).find("steps per byte on a text of 40 bytes") !=
        std::string::npos);
  CHECK(Regex("(a*)*").find_all("aab") == Matches{{0, 2}, {3, 3}});
  CHECK(Regex("(?:)").find_all("\u00e9b") == Matches{{0, 0}, {2, 2}, {3, 3}});
  CHECK(Regex(R"(\s+$)").find_all(std::string(1000, ' ')) == Matches{{0, 1000}});
  const std::string nested = "(?i)" + std::string(60, '[') + "q" + std::string(60, ']');
  CHECK(Regex(nested).find_all("kQ\u017Fq") == Matches{{1, 2}, {4, 5}});
  CHECK(Regex("(?i)[[[k]&&[^s]]]").find_all("S\u212Ak") == Matches{{1, 4}, {4, 5}});
  const std::string letters(1 << 20, 'a');
  CHECK(Regex("[a-z]+").find_all(letters) == Matches{{0, letters.size()}});
  CHECK(Regex::literal("a.b[").find_all("aXb[ a.b[") == Matches{{5, 9}});
}

TEST_CASE("scanners find what their patterns match", "[tokenizer]") {
  RandomStream random(3);
  const std::vector<std::string> parts = {
      "a",   "Z",       "\u00e9", "\u4e2d", "1",      "\u00bd",     "\u2167", " ",
      "  ",  "\t",      "\n",     "\r\n",   "\u00a0", "\u2028",     "'",      "'s",
      "'LL", "'\u017f", "!",      "...",    "\u0301", "\U0001F600", "_",      "\x01"};
  const std::vector<std::string> ascii = {"a",  "the", "Longer", "1", "23", " ", " ",  " ", "  ",
                                          "\t", "\n",  "\r\n",   "'", "'s", "!", "..", ","};
  std::size_t compared = 0;
  for (const char* pattern : kPatterns) {
    const auto known = scanners::find(pattern);
    REQUIRE(known.has_value());
    const Regex regex(pattern);
    for (int i = 0; i < 3000; ++i) {
      std::string text;
      // Short ones of everything, and some that are longer than what is cut at a glance.
      if (i % 3 > 0) {
        for (std::uint64_t n = random.below(80); n > 0; --n)
          text += ascii[random.below(ascii.size())];
      }
      for (std::uint64_t n = random.below(12); n > 0; --n)
        text += parts[random.below(parts.size())];
      const Matches expected = regex.find_all(text);
      CAPTURE(pattern, text);
      // With and without bytes behind the text.
      const std::string longer = text + "ab" + text + std::string(64, 'x');
      for (const std::size_t slack : {std::size_t{0}, longer.size() - text.size()}) {
        const std::string_view view =
            slack == 0 ? text : std::string_view(longer).substr(0, text.size());
        Matches found;
        scanners::scan(*known, view, slack,
                       [&](std::size_t begin, std::size_t end) { found.emplace_back(begin, end); });
        CHECK(found == expected);
        compared += found.size();
      }
    }
  }
  CHECK(compared > 20000);
  CHECK_FALSE(scanners::find(R"(\w+)").has_value());
}
