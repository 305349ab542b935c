// A JSON text that is looked at where it was parsed: for files whose hundreds of thousands of
// strings are wanted once, as views. (json.h has the value type for everything else.)
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "tensor/base/json.h"

namespace retort {

/// A value of a JsonDocument, valid as long as that lives.
class JsonNode {
 public:
  bool is_object() const;
  bool is_array() const;
  bool is_string() const;

  /// The member `key` of an object, if it is there (of a key given twice the first).
  std::optional<JsonNode> find(std::string_view key) const;

  /// Calls f(std::string_view key, JsonNode value) for each member of an object, in order.
  template <class F>
  void each_member(F&& f) const {
    visit(true, const_cast<void*>(static_cast<const void*>(&f)),
          [](void* context, std::string_view key, JsonNode value) {
            (*static_cast<std::remove_reference_t<F>*>(context))(key, value);
          });
  }
  /// Calls f(JsonNode) for each element of an array, in order.
  template <class F>
  void each_element(F&& f) const {
    visit(false, const_cast<void*>(static_cast<const void*>(&f)),
          [](void* context, std::string_view, JsonNode value) {
            (*static_cast<std::remove_reference_t<F>*>(context))(value);
          });
  }

  // Each of these is an error that names `what` when the kind is another.
  std::string_view as_string(std::string_view what) const;
  std::int64_t as_integer(std::string_view what) const;
  double as_number(std::string_view what) const;

  /// A value of its own.
  Json to_json(const std::string& name) const;

 private:
  friend class JsonDocument;
  using Visit = void (*)(void* context, std::string_view key, JsonNode value);
  void visit(bool object, void* context, Visit visit) const;

  alignas(
      void*) std::array<std::byte, 16> element_{};  // simdjson's, which this header doesn't name
};

class JsonDocument {
 public:
  /// Errors as Json::parse, but for keys given twice, which the reader of the object must look for.
  JsonDocument(std::string_view text, const std::string& name);
  /// Keeps the text, which saves a copy if its capacity is kPadding more than its size.
  JsonDocument(std::string&& text, const std::string& name);
  static constexpr std::size_t kPadding = 64;
  ~JsonDocument();
  JsonDocument(const JsonDocument&) = delete;
  JsonDocument& operator=(const JsonDocument&) = delete;

  JsonNode root() const;

 private:
  struct Parsed;
  std::unique_ptr<Parsed> parsed_;
};

}  // namespace retort
