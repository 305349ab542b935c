#include "tensor/base/json.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <unordered_set>

#include "tensor/base/error.h"
#include "tensor/base/file.h"
#include "tensor/base/json_document.h"

namespace retort {
namespace {

constexpr int kMaxDepth = 1000;

// Two objects of one document are small or large; only large ones are worth a hash set.
void check_unique_keys(const Json::Object& object, const std::string& name) {
  if (object.size() < 16) {
    for (std::size_t i = 0; i < object.size(); ++i)
      for (std::size_t j = 0; j < i; ++j)
        check(object[i].first != object[j].first, name, ": has the key \"", object[i].first,
              "\" twice in one object");
    return;
  }
  std::unordered_set<std::string_view> seen;
  for (const auto& member : object)
    check(seen.insert(member.first).second, name, ": has the key \"", member.first,
          "\" twice in one object");
}

Json convert(simdjson::dom::element element, const std::string& name) {
  using Type = simdjson::dom::element_type;
  switch (element.type()) {
    case Type::ARRAY: {
      Json::Array array;
      array.reserve(simdjson::dom::array(element).size());
      for (const auto child : simdjson::dom::array(element)) array.push_back(convert(child, name));
      return array;
    }
    case Type::OBJECT: {
      Json::Object object;
      object.reserve(simdjson::dom::object(element).size());
      for (const auto& [key, child] : simdjson::dom::object(element))
        object.emplace_back(std::string(key), convert(child, name));
      check_unique_keys(object, name);
      return object;
    }
    case Type::INT64: return std::int64_t(element);
    case Type::UINT64: return static_cast<double>(std::uint64_t(element));
    case Type::DOUBLE: return double(element);
    case Type::STRING: return Json(std::string_view(element));
    case Type::BOOL: return bool(element);
    case Type::NULL_VALUE: break;
  }
  return {};
}

// Integers beyond 64 bits, which simdjson refuses and Python writes (transformers' model_max_length is
// int(1e30)), become doubles: ".0" is put behind each.
std::string with_large_integers_as_doubles(std::string_view text) {
  constexpr std::size_t kSafeDigits = 18;
  std::string out;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    const auto is_digit = [&](std::size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '9'; };
    if (in_string || !is_digit(i)) {
      if (in_string && c == '\\' && i + 1 < text.size()) out += text[i++];
      else if (c == '"') in_string = !in_string;
      out += text[i++];
      continue;
    }
    const std::size_t begin = i;
    while (is_digit(i)) ++i;
    out.append(text.substr(begin, i - begin));
    const bool integer = i == text.size() || (text[i] != '.' && text[i] != 'e' && text[i] != 'E');
    const bool whole = begin == 0 || (text[begin - 1] != '.' && text[begin - 1] != '+' &&
                                      text[begin - 1] != 'e' && text[begin - 1] != 'E');
    if (integer && whole && i - begin > kSafeDigits) out += ".0";
  }
  return out;
}

std::int64_t line_of(std::string_view text, std::size_t offset) {
  return 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(std::min(offset, text.size())), '\n');
}

// The root of `text` in `parser`'s memory; `rewritten` holds the text if it had to be changed.
simdjson::dom::element parse_with(simdjson::dom::parser& parser, std::string_view text,
                                  std::string& rewritten, const std::string& name,
                                  bool padded = false) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  check(parser.allocate(std::max<std::size_t>(text.size(), 64), kMaxDepth) == simdjson::SUCCESS,
        name, ": is too large to parse (", text.size(), " bytes)");
  simdjson::dom::element root;
  auto error = parser.parse(text.data(), text.size(), !padded).get(root);
  if (error == simdjson::NUMBER_ERROR) {
    rewritten = with_large_integers_as_doubles(text);
    error = parser.parse(rewritten).get(root);
  }
  if (error == simdjson::UTF8_ERROR) fail(name, ": is not valid UTF-8");
  if (error) {
    // simdjson's DOM doesn't say where; the line of the last complete value is a useful hint only for
    // truncated files, so the message gives the number of lines.
    fail(name, ": is not valid JSON (", simdjson::error_message(error), "; ", line_of(text, text.size()),
         " lines, ", text.size(), " bytes)");
  }
  return root;
}

void write_number(std::string& out, double value, int digits) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  char buffer[64];
  // The shortest text that reads back exactly, unless fewer digits were asked for.
  if (digits >= 17) {
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
    out.append(buffer, end);
  } else {
    out.append(buffer, static_cast<std::size_t>(
                           std::snprintf(buffer, sizeof buffer, "%.*g", digits, value)));
  }
  // A double stays a double when it is read again.
  if (out.find_first_of(".eEn", out.size() - std::min<std::size_t>(out.size(), 24)) == std::string::npos) out += ".0";
}

void write(std::string& out, const Json& value, int indent, int level, int digits) {
  const auto new_line = [&](int depth) {
    if (indent > 0) {
      out += '\n';
      out.append(static_cast<std::size_t>(indent * depth), ' ');
    }
  };
  if (value.is_null()) {
    out += "null";
  } else if (value.is_bool()) {
    out += value.as_bool("") ? "true" : "false";
  } else if (value.is_integer()) {
    out += std::to_string(value.as_integer(""));
  } else if (value.is_number()) {
    std::string number;
    write_number(number, value.as_number(""), digits);
    out += number;
  } else if (value.is_string()) {
    out += json_quote(value.as_string(""));
  } else if (value.is_array()) {
    out += '[';
    bool first = true;
    for (const auto& child : value.as_array("")) {
      if (!first) out += indent > 0 ? "," : ", ";
      first = false;
      new_line(level + 1);
      write(out, child, indent, level + 1, digits);
    }
    if (!first) new_line(level);
    out += ']';
  } else {
    out += '{';
    bool first = true;
    for (const auto& [key, child] : value.as_object("")) {
      if (!first) out += indent > 0 ? "," : ", ";
      first = false;
      new_line(level + 1);
      out += json_quote(key);
      out += ": ";
      write(out, child, indent, level + 1, digits);
    }
    if (!first) new_line(level);
    out += '}';
  }
}

}  // namespace

Json Json::parse(std::string_view text, const std::string& name) {
  simdjson::dom::parser parser;
  std::string rewritten;
  return convert(parse_with(parser, text, rewritten, name), name);
}

Json Json::parse_file(const std::filesystem::path& path) {
  return parse(read_file(path), path.string());
}

const char* Json::kind() const {
  static constexpr const char* kNames[] = {"null",   "boolean", "number", "number",
                                           "string", "array",   "object"};
  return kNames[value_.index()];
}

bool Json::as_bool(std::string_view what) const {
  check(is_bool(), what, ": expected true or false, found a ", kind());
  return std::get<bool>(value_);
}
std::int64_t Json::as_integer(std::string_view what) const {
  if (const auto* number = std::get_if<double>(&value_);
      number && *number == std::floor(*number) && std::abs(*number) < 0x1p53)
    return static_cast<std::int64_t>(*number);
  check(is_integer(), what, ": expected an integer, found a ", kind());
  return std::get<std::int64_t>(value_);
}
double Json::as_number(std::string_view what) const {
  check(is_number(), what, ": expected a number, found a ", kind());
  return is_integer() ? static_cast<double>(std::get<std::int64_t>(value_)) : std::get<double>(value_);
}
const std::string& Json::as_string(std::string_view what) const {
  check(is_string(), what, ": expected a string, found a ", kind());
  return std::get<std::string>(value_);
}
const Json::Array& Json::as_array(std::string_view what) const {
  check(is_array(), what, ": expected an array, found a ", kind());
  return std::get<Array>(value_);
}
const Json::Object& Json::as_object(std::string_view what) const {
  check(is_object(), what, ": expected an object, found a ", kind());
  return std::get<Object>(value_);
}

const Json* Json::find(std::string_view key) const {
  const auto* object = std::get_if<Object>(&value_);
  if (!object) return nullptr;
  for (const auto& member : *object)
    if (member.first == key) return &member.second;
  return nullptr;
}

Json& Json::operator[](std::string_view key) {
  if (is_null()) value_ = Object{};
  check(is_object(), "json: the key \"", key, "\" was asked of a ", kind());
  auto& object = std::get<Object>(value_);
  for (auto& member : object)
    if (member.first == key) return member.second;
  return object.emplace_back(std::string(key), Json()).second;
}

void Json::push_back(Json value) {
  if (is_null()) value_ = Array{};
  check(is_array(), "json: an element was added to a ", kind());
  std::get<Array>(value_).push_back(std::move(value));
}

bool Json::get(std::string_view key, bool otherwise) const {
  const Json* value = find(key);
  return value && !value->is_null() ? value->as_bool(key) : otherwise;
}
std::int64_t Json::get(std::string_view key, std::int64_t otherwise) const {
  const Json* value = find(key);
  return value && !value->is_null() ? value->as_integer(key) : otherwise;
}
double Json::get(std::string_view key, double otherwise) const {
  const Json* value = find(key);
  return value && !value->is_null() ? value->as_number(key) : otherwise;
}
std::string Json::get(std::string_view key, const char* otherwise) const {
  const Json* value = find(key);
  return value && !value->is_null() ? value->as_string(key) : std::string(otherwise);
}

std::string Json::dump(int indent, int digits) const {
  std::string out;
  write(out, *this, indent, 0, digits);
  return out;
}

std::string json_quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          char buffer[8];
          std::snprintf(buffer, sizeof buffer, "\\u%04x", static_cast<unsigned>(c));
          out += buffer;
        } else {
          out += c;
        }
    }
  }
  return out + '"';
}

// --- json_document.h ---

namespace {

using Element = simdjson::dom::element;
static_assert(sizeof(Element) == 16 && alignof(Element) <= alignof(void*) &&
              std::is_trivially_copyable_v<Element>);

Element element_of(const std::array<std::byte, 16>& bytes) {
  Element element;
  std::memcpy(&element, bytes.data(), bytes.size());
  return element;
}

}  // namespace

struct JsonDocument::Parsed {
  simdjson::dom::parser parser;
  std::string text, rewritten;
  Element root;
};

JsonDocument::JsonDocument(std::string_view text, const std::string& name)
    : parsed_(std::make_unique<Parsed>()) {
  parsed_->root = parse_with(parsed_->parser, text, parsed_->rewritten, name);
}

JsonDocument::JsonDocument(std::string&& text, const std::string& name)
    : parsed_(std::make_unique<Parsed>()) {
  static_assert(kPadding >= simdjson::SIMDJSON_PADDING);
  parsed_->text = std::move(text);
  parsed_->text.reserve(parsed_->text.size() + kPadding);
  parsed_->root = parse_with(parsed_->parser, parsed_->text, parsed_->rewritten, name, true);
}

JsonDocument::~JsonDocument() = default;

JsonNode JsonDocument::root() const {
  JsonNode node;
  std::memcpy(node.element_.data(), &parsed_->root, node.element_.size());
  return node;
}

bool JsonNode::is_object() const { return element_of(element_).is_object(); }
bool JsonNode::is_array() const { return element_of(element_).is_array(); }
bool JsonNode::is_string() const { return element_of(element_).is_string(); }

std::optional<JsonNode> JsonNode::find(std::string_view key) const {
  Element found;
  if (!is_object() || element_of(element_)[key].get(found)) return {};
  JsonNode node;
  std::memcpy(node.element_.data(), &found, node.element_.size());
  return node;
}

void JsonNode::visit(bool object, void* context, Visit call_back) const {
  const auto call = [&](std::string_view key, Element value) {
    JsonNode node;
    std::memcpy(node.element_.data(), &value, node.element_.size());
    call_back(context, key, node);
  };
  const Element element = element_of(element_);
  if (object && element.is_object()) {
    for (const auto& [key, value] : simdjson::dom::object(element)) call(key, value);
  } else if (!object && element.is_array()) {
    for (const auto value : simdjson::dom::array(element)) call({}, value);
  }
}

std::string_view JsonNode::as_string(std::string_view what) const {
  if (!is_string()) fail(what, ": expected a string, found a ", to_json("").kind());
  return std::string_view(element_of(element_));
}

std::int64_t JsonNode::as_integer(std::string_view what) const {
  std::int64_t value = 0;
  if (element_of(element_).get(value)) return to_json("").as_integer(what);
  return value;
}

double JsonNode::as_number(std::string_view what) const {
  double value = 0;
  if (element_of(element_).get(value)) return to_json("").as_number(what);
  return value;
}

Json JsonNode::to_json(const std::string& name) const { return convert(element_of(element_), name); }

}  // namespace retort
