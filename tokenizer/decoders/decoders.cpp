#include "tokenizer/decoders/decoders.h"

#include <algorithm>
#include <utility>

#include "tokenizer/byte_level.h"
#include "tokenizer/unicode.h"

namespace retort {
namespace {

constexpr const char* kReplacementCharacter = "\uFFFD";

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  if (from.empty() || text.find(from) == std::string::npos) return;
  std::string result;
  std::size_t done = 0;
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, done)) {
    result.append(text, done, at - done).append(to);
    done = at + from.size();
  }
  text = result.append(text, done);
}

void clean_up(std::string& text) {
  constexpr std::pair<const char*, const char*> kReplacements[] = {
      {" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
      {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
      {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [from, to] : kReplacements) replace_all(text, from, to);
}

// The byte that "<0x41>" names, or -1. The reference takes any six bytes whose middle reads as a
// hexadecimal number, a plus sign included.
int fallback_byte(const std::string& token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  const int high = token[3] == '+' ? 0 : digit(token[3]), low = digit(token[4]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

}  // namespace

std::vector<std::string> BpeDecoder::apply(std::vector<std::string> tokens) const {
  for (std::size_t i = 0; i < tokens.size(); ++i)
    replace_all(tokens[i], suffix_, i + 1 == tokens.size() ? "" : " ");
  return tokens;
}

std::vector<std::string> ByteLevelDecoder::apply(std::vector<std::string> tokens) const {
  std::string bytes;
  for (const std::string& token : tokens) bytes += byte_level::bytes_of(token).value_or(token);
  return {unicode::replace_invalid(bytes)};
}

std::vector<std::string> WordPieceDecoder::apply(std::vector<std::string> tokens) const {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (i > 0) {
      if (tokens[i].starts_with(prefix_)) tokens[i].erase(0, prefix_.size());
      else tokens[i].insert(0, " ");
    }
    if (cleanup_) clean_up(tokens[i]);
  }
  return tokens;
}

std::vector<std::string> MetaspaceDecoder::apply(std::vector<std::string> tokens) const {
  std::string mark;
  unicode::append(mark, replacement_);
  for (std::size_t i = 0; i < tokens.size(); ++i)
    replace_all(tokens[i], mark, i == 0 && prepended_ ? "" : " ");
  return tokens;
}

std::vector<std::string> CtcDecoder::apply(std::vector<std::string> tokens) const {
  tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
  for (std::string& token : tokens) {
    replace_all(token, pad_, "");
    if (!cleanup_) continue;
    clean_up(token);
    replace_all(token, delimiter_, " ");
  }
  std::erase(tokens, "");
  return tokens;
}

std::vector<std::string> ReplaceDecoder::apply(std::vector<std::string> tokens) const {
  for (std::string& token : tokens) token = replace_.apply(token);
  return tokens;
}

std::vector<std::string> FuseDecoder::apply(std::vector<std::string> tokens) const {
  std::string all;
  for (const std::string& token : tokens) all += token;
  return {all};
}

std::vector<std::string> StripDecoder::apply(std::vector<std::string> tokens) const {
  std::string content;
  unicode::append(content, content_);
  for (std::string& token : tokens) {
    std::string_view rest = token;
    for (std::size_t i = 0; i < start_ && rest.starts_with(content); ++i)
      rest.remove_prefix(content.size());
    for (std::size_t i = 0; i < stop_ && rest.ends_with(content); ++i)
      rest.remove_suffix(content.size());
    token = std::string(rest);
  }
  return tokens;
}

std::vector<std::string> ByteFallbackDecoder::apply(std::vector<std::string> tokens) const {
  std::vector<std::string> result;
  std::string bytes;
  const auto flush = [&] {
    if (bytes.empty()) return;
    if (unicode::find_invalid_utf8(bytes) == std::string::npos) result.push_back(bytes);
    else result.insert(result.end(), bytes.size(), kReplacementCharacter);
    bytes.clear();
  };
  for (std::string& token : tokens) {
    if (const int byte = fallback_byte(token); byte >= 0) {
      bytes += static_cast<char>(static_cast<unsigned char>(byte));
    } else {
      flush();
      result.push_back(std::move(token));
    }
  }
  flush();
  return result;
}

}  // namespace retort
