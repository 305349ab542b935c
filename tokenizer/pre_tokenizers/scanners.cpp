#include "tokenizer/pre_tokenizers/scanners.h"

namespace retort::scanners {

std::optional<Known> find(std::string_view pattern) {
  if (pattern == R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)")
    return Known::kGpt2;
  constexpr std::string_view kBegin = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)";
  constexpr std::string_view kEnd = R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  if (!pattern.starts_with(kBegin) || !pattern.ends_with(kEnd) ||
      pattern.size() < kBegin.size() + kEnd.size())
    return {};
  pattern.remove_prefix(kBegin.size());
  pattern.remove_suffix(kEnd.size());
  if (pattern == R"(\p{N}{1,3})") return Known::kLlama3;
  if (pattern == R"(\p{N})") return Known::kQwen2;
  return {};
}

}  // namespace retort::scanners
