// JSON: a small ordered value type, a strict reader (simdjson does the parsing) and a writer.
//
// A target of its own (retort_json): the only one that links simdjson. Objects keep their order, so a
// config that is read and written again differs only where it was changed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace retort {

class Json {
 public:
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;

  Json() = default;  // null
  Json(std::nullptr_t) {}
  Json(bool value) : value_(value) {}
  Json(int value) : value_(std::int64_t{value}) {}
  Json(std::int64_t value) : value_(value) {}
  Json(std::size_t value) : value_(static_cast<std::int64_t>(value)) {}
  Json(double value) : value_(value) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  Json(Object value) : value_(std::move(value)) {}

  /// Parses exactly one document. `name` (a file, or "line 3 of FILE") starts every error message.
  /// Errors: not JSON, not UTF-8, nested deeper than 1,000, a key twice in one object.
  static Json parse(std::string_view text, const std::string& name);
  static Json parse_file(const std::filesystem::path& path);

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  bool is_bool() const { return std::holds_alternative<bool>(value_); }
  bool is_integer() const { return std::holds_alternative<std::int64_t>(value_); }
  bool is_number() const { return is_integer() || std::holds_alternative<double>(value_); }
  bool is_string() const { return std::holds_alternative<std::string>(value_); }
  bool is_array() const { return std::holds_alternative<Array>(value_); }
  bool is_object() const { return std::holds_alternative<Object>(value_); }
  const char* kind() const;  // "null", "boolean", "number", "string", "array", "object"

  // Each of these is an error that names `what` (the key or file) when the kind is another.
  bool as_bool(std::string_view what) const;
  std::int64_t as_integer(std::string_view what) const;
  double as_number(std::string_view what) const;
  const std::string& as_string(std::string_view what) const;
  const Array& as_array(std::string_view what) const;
  const Object& as_object(std::string_view what) const;

  /// The member `key` of an object, or null when it isn't there (or this is no object).
  const Json* find(std::string_view key) const;
  /// The member `key`, made (as null) at the end when it isn't there; a null value becomes an object.
  Json& operator[](std::string_view key);
  void push_back(Json value);

  // Shorthands over find(): the default when the key is absent or null, an error for another kind.
  bool get(std::string_view key, bool otherwise) const;
  std::int64_t get(std::string_view key, std::int64_t otherwise) const;
  std::int64_t get(std::string_view key, int otherwise) const {
    return get(key, std::int64_t{otherwise});
  }
  double get(std::string_view key, double otherwise) const;
  std::string get(std::string_view key, const char* otherwise) const;

  /// Text of this value. indent 0: one line; otherwise that many spaces a level. Doubles print with
  /// `digits` significant digits (17 reads back exactly); NaN and infinities, which JSON can't
  /// express, as null. Non-ASCII characters stay as they are.
  std::string dump(int indent = 0, int digits = 17) const;

  bool operator==(const Json&) const = default;

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> value_;
};

/// `text` as a JSON string with its quotes.
std::string json_quote(std::string_view text);

}  // namespace retort
