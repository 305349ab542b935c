#include "tokenizer/regex/char_class.h"

#include <algorithm>
#include <map>
#include <string>

namespace retort {
namespace {

using namespace unicode;

// Characters with the same simple case folding, for those that have company.
const std::vector<char32_t>& folding_together(char32_t c) {
  static const auto orbits = [] {
    std::map<char32_t, std::vector<char32_t>> result;
    for (char32_t x = 0; x < 0x110000; ++x)
      if (const char32_t folded = fold(x); folded != x) result[folded].push_back(x);
    for (auto& [folded, members] : result) members.push_back(folded);
    return result;
  }();
  static const std::vector<char32_t> none;
  const auto found = orbits.find(fold(c));
  return found == orbits.end() ? none : found->second;
}

// Names compare without case, spaces, hyphens and underscores.
std::string loose(std::string_view name) {
  std::string result;
  for (const char c : name)
    if (c != '_' && c != '-' && c != ' ')
      result += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  return result;
}

struct NamedCategories {
  const char* name;
  CategorySet set;
};

constexpr NamedCategories kCategories[] = {
    {"l", kLetters},
    {"letter", kLetters},
    {"m", kMarks},
    {"mark", kMarks},
    {"combiningmark", kMarks},
    {"n", kNumbers},
    {"number", kNumbers},
    {"p", kPunctuations},
    {"punctuation", kPunctuations},
    {"s", kSymbols},
    {"symbol", kSymbols},
    {"z", kSeparators},
    {"separator", kSeparators},
    {"c", kOthers},
    {"other", kOthers},
    {"lc", category_range(Category::kLu, Category::kLt)},
    {"casedletter", category_range(Category::kLu, Category::kLt)},
    {"any", ~CategorySet{0}},
    {"assigned", ~category_bit(Category::kCn)},
    {"digit", category_bit(Category::kNd)},
    {"cn", category_bit(Category::kCn)},
    {"unassigned", category_bit(Category::kCn)},
    {"lu", category_bit(Category::kLu)},
    {"uppercaseletter", category_bit(Category::kLu)},
    {"ll", category_bit(Category::kLl)},
    {"lowercaseletter", category_bit(Category::kLl)},
    {"lt", category_bit(Category::kLt)},
    {"titlecaseletter", category_bit(Category::kLt)},
    {"lm", category_bit(Category::kLm)},
    {"modifierletter", category_bit(Category::kLm)},
    {"lo", category_bit(Category::kLo)},
    {"otherletter", category_bit(Category::kLo)},
    {"mn", category_bit(Category::kMn)},
    {"nonspacingmark", category_bit(Category::kMn)},
    {"mc", category_bit(Category::kMc)},
    {"spacingmark", category_bit(Category::kMc)},
    {"me", category_bit(Category::kMe)},
    {"enclosingmark", category_bit(Category::kMe)},
    {"nd", category_bit(Category::kNd)},
    {"decimalnumber", category_bit(Category::kNd)},
    {"nl", category_bit(Category::kNl)},
    {"letternumber", category_bit(Category::kNl)},
    {"no", category_bit(Category::kNo)},
    {"othernumber", category_bit(Category::kNo)},
    {"pc", category_bit(Category::kPc)},
    {"connectorpunctuation", category_bit(Category::kPc)},
    {"pd", category_bit(Category::kPd)},
    {"dashpunctuation", category_bit(Category::kPd)},
    {"ps", category_bit(Category::kPs)},
    {"openpunctuation", category_bit(Category::kPs)},
    {"pe", category_bit(Category::kPe)},
    {"closepunctuation", category_bit(Category::kPe)},
    {"pi", category_bit(Category::kPi)},
    {"initialpunctuation", category_bit(Category::kPi)},
    {"pf", category_bit(Category::kPf)},
    {"finalpunctuation", category_bit(Category::kPf)},
    {"po", category_bit(Category::kPo)},
    {"otherpunctuation", category_bit(Category::kPo)},
    {"sm", category_bit(Category::kSm)},
    {"mathsymbol", category_bit(Category::kSm)},
    {"sc", category_bit(Category::kSc)},
    {"currencysymbol", category_bit(Category::kSc)},
    {"sk", category_bit(Category::kSk)},
    {"modifiersymbol", category_bit(Category::kSk)},
    {"so", category_bit(Category::kSo)},
    {"othersymbol", category_bit(Category::kSo)},
    {"zs", category_bit(Category::kZs)},
    {"spaceseparator", category_bit(Category::kZs)},
    {"zl", category_bit(Category::kZl)},
    {"lineseparator", category_bit(Category::kZl)},
    {"zp", category_bit(Category::kZp)},
    {"paragraphseparator", category_bit(Category::kZp)},
    {"cc", category_bit(Category::kCc)},
    {"control", category_bit(Category::kCc)},
    {"cntrl", category_bit(Category::kCc)},
    {"cf", category_bit(Category::kCf)},
    {"format", category_bit(Category::kCf)},
    {"co", category_bit(Category::kCo)},
    {"privateuse", category_bit(Category::kCo)},
};

struct NamedFlag {
  const char* name;
  Flag16 flag;
};

constexpr NamedFlag kFlags[] = {
    {"alphabetic", kAlphabetic}, {"alpha", kAlphabetic},    {"lowercase", kLowercase},
    {"lower", kLowercase},       {"uppercase", kUppercase}, {"upper", kUppercase},
    {"whitespace", kSpace16},    {"space", kSpace16},       {"word", kWord16},
    {"emoji", kEmoji},
};

}  // namespace

// Whether characters that fold together are all in it or all out of it.
bool CharClass::folds() const {
  return folded_ && std::all_of(intersections_.begin(), intersections_.end(),
                                [](const CharClass& other) { return other.folds(); });
}

bool CharClass::contains(char32_t c, bool folding_members) const {
  for (const auto& [first, last] : ranges_)
    if (c >= first && c <= last) return true;
  if (!properties_.empty()) {
    const Properties16& record = properties16(c);
    for (const Property& property : properties_) {
      bool found = false;
      switch (property.kind) {
        case Property::Kind::kCategories:
          found = (property.value & category_bit(record.category)) != 0;
          break;
        case Property::Kind::kScript:
          found = record.script == property.value;
          break;
        case Property::Kind::kFlag:
          found = (record.flags & property.value) != 0;
          break;
      }
      if (found != property.negated) return true;
    }
  }
  return std::any_of(members_.begin(), members_.end(), [&](const CharClass& member) {
    return (folding_members || !member.folds()) && member.evaluate(c);
  });
}

bool CharClass::evaluate(char32_t c) const {
  bool found = contains(c, true);
  // Members that fold themselves have answered for the others too; to ask them again at each depth
  // would take exponential time.
  if (!found && folded_)
    for (const char32_t other : folding_together(c)) found = found || contains(other, false);
  for (const CharClass& other : intersections_) found = found && other.evaluate(c);
  return found != negated_;
}

void CharClass::finish() {
  for (char32_t c = 0; c < 128; ++c)
    if (evaluate(c)) ascii_[c >> 6] |= std::uint64_t{1} << (c & 63);
}

bool add_property(CharClass& set, std::string_view name, bool negated) {
  const std::string key = loose(name);
  for (const NamedCategories& entry : kCategories)
    if (key == entry.name) return set.add_categories(entry.set, negated), true;
  for (const NamedFlag& entry : kFlags)
    if (key == entry.name) return set.add_flag(entry.flag, negated), true;
  if (key == "alnum" || key == "punct") {
    CharClass both;
    if (key == "alnum") both.add_flag(kAlphabetic, false);
    else both.add_categories(kSymbols, false);  // Oniguruma's punct has the symbols too
    both.add_categories(key == "alnum" ? category_bit(Category::kNd) : kPunctuations, false);
    if (negated) both.negate();
    set.add(std::move(both));
    return true;
  }
  for (int script = 0; script < kScriptCount; ++script)
    if (key == loose(kScriptNames[script])) return set.add_script(script, negated), true;
  return false;
}

}  // namespace retort
