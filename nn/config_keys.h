// The keys of a config.json, read into a ModelConfig or written from one.
//
// A family lists its keys once, in one function that serves both directions:
//   keys.size("hidden_size", config.hidden_size, kMostHidden);
// Reading replaces the value where the file has the key (null counts as absent), so what a value
// holds before is the default.
#pragma once

#include <cstdint>
#include <string>

#include "tensor/base/json.h"

namespace retort {

// Bounds of what can be a model at all: beyond them shapes would overflow or no machine could hold
// it.
inline constexpr std::int64_t kMostVocabulary = 1 << 24;
inline constexpr std::int64_t kMostHidden = 1 << 16;
inline constexpr std::int64_t kMostLayers = 1000;
inline constexpr std::int64_t kMostHeads = 1 << 12;
inline constexpr std::int64_t kMostIntermediate = 1 << 20;
inline constexpr std::int64_t kMostPositions = 1 << 24;
inline constexpr std::int64_t kMostTypes = 1 << 16;

class ConfigKeys {
 public:
  /// Reads from `json`, which stands in `file`.
  ConfigKeys(const Json& json, std::string file) : from_(&json), file_(std::move(file)) {}
  /// Writes into `json`.
  explicit ConfigKeys(Json& json) : to_(&json), file_("config.json") {}

  bool reading() const { return from_ != nullptr; }
  const std::string& file() const { return file_; }

  // Errors name file, key, what was expected and what was found.
  void size(const char* key, std::int64_t& value, std::int64_t most, std::int64_t least = 1);
  void number(const char* key, double& value, double least, double most);
  void probability(const char* key, double& value) { number(key, value, 0, 0.999); }
  void text(const char* key, std::string& value);
  void flag(const char* key, bool& value);
  /// The name of an activation function that there is.
  void activation(const char* key, std::string& value);
  /// Something that Retort has in one form only: an error where the file says otherwise.
  void only(const char* key, const Json& value);
  /// Writes a value that doesn't matter to Retort, but to others.
  void note(const char* key, Json value);

  /// The value of a key that is read; null when it is absent or null.
  const Json* find(const char* key) const;

 private:
  std::string what(const char* key) const { return file_ + ": " + key; }

  const Json* from_ = nullptr;
  Json* to_ = nullptr;
  std::string file_;
};

}  // namespace retort
