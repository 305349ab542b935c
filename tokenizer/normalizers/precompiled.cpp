#include "tokenizer/normalizers/precompiled.h"

#include <cstring>
#include <utility>

#include "tensor/base/error.h"
#include "tokenizer/base64.h"
#include "tokenizer/grapheme.h"
#include "tokenizer/unicode.h"

namespace retort {
namespace {

constexpr std::size_t kClusterLimit = 6;  // bytes; longer clusters are taken apart

// The fields of a darts-clone unit.
bool has_leaf(std::uint32_t unit) { return (unit >> 8 & 1) != 0; }
std::uint32_t value(std::uint32_t unit) { return unit & 0x7FFFFFFFu; }
std::uint32_t label(std::uint32_t unit) { return unit & 0x800000FFu; }
std::uint32_t offset(std::uint32_t unit) { return unit >> 10 << ((unit & 0x200u) >> 6); }

}  // namespace

Precompiled::Precompiled(std::string_view map, const std::string& where) {
  std::uint32_t bytes = 0;
  check(map.size() >= 4, where, ": the character map has only ", map.size(), " bytes");
  std::memcpy(&bytes, map.data(), 4);  // little endian, as are all machines that Retort runs on
  check(bytes % 4 == 0 && bytes >= 4 && bytes <= map.size() - 4, where,
        ": the character map says that its trie has ", bytes, " bytes, but ", map.size() - 4,
        " follow");
  units_.resize(bytes / 4);
  std::memcpy(units_.data(), map.data() + 4, bytes);
  texts_ = map.substr(4 + bytes);
  check(unicode::find_invalid_utf8(texts_) == std::string::npos, where,
        ": the character map's texts are not valid UTF-8");
  for (std::size_t i = 0; i < units_.size(); ++i) {
    if ((units_[i] >> 31) != 0) continue;  // a value
    const std::size_t child = i ^ offset(units_[i]);
    check(child < units_.size(), where, ": unit ", i,
          " of the character map's trie leads out of it");
    if (has_leaf(units_[i]) && i > 0)
      check(is_text(value(units_[child])), where, ": unit ", i,
            " of the character map's trie doesn't point to one of its texts");
  }
  for (std::size_t c = 0; c < 128; ++c) {
    const char text = static_cast<char>(c);
    const auto mapped = transform({&text, 1});
    ascii_same_[c] = !mapped || *mapped == std::string_view(&text, 1);
  }
}

Precompiled Precompiled::from_json(const Json& json, const std::string& where) {
  const Json* map = json.find("precompiled_charsmap");
  check(map != nullptr, where, ": has no precompiled_charsmap");
  const auto bytes = from_base64(map->as_string(where));
  check(bytes.has_value(), where, ": the precompiled_charsmap is not base64");
  return {*bytes, where};
}

std::optional<std::string_view> Precompiled::transform(std::string_view text) const {
  std::size_t node = offset(units_[0]);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    node ^= byte;
    if (byte == 0 || node >= units_.size() || label(units_[node]) != byte) return {};
    const std::uint32_t unit = units_[node];
    node ^= offset(unit);
    if (!has_leaf(unit) || node >= units_.size()) continue;
    const std::size_t begin = value(units_[node]);
    if (!is_text(begin)) return {};
    return std::string_view(texts_).substr(begin, texts_.find('\0', begin) - begin);
  }
  return {};
}

// Calls put(old text, new text or nothing); whether anything was replaced.
template <class Put>
bool Precompiled::each_cluster(std::string_view text, Put&& put) const {
  bool modified = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = unicode::grapheme_end(text, at);
    const std::string_view cluster = text.substr(at, end - at);
    at = end;
    if (cluster.size() < kClusterLimit) {
      if (const auto mapped = transform(cluster)) {
        put(cluster, mapped);
        modified = true;
        continue;
      }
    }
    for (const char* c = cluster.data(); c < cluster.data() + cluster.size();) {
      const char* const begin = c;
      unicode::decode(c);
      const std::string_view part(begin, static_cast<std::size_t>(c - begin));
      const auto mapped = transform(part);
      put(part, mapped);
      modified = modified || mapped.has_value();
    }
  }
  return modified;
}

void Precompiled::apply(AlignedText& text) const {
  const std::string& bytes = text.bytes();
  if (!text.tracked()) {
    std::string out;
    out.reserve(bytes.size() + bytes.size() / 8);
    for (std::size_t at = 0; at < bytes.size();) {
      // A run of ASCII that stays, up to the character before anything that could join it.
      std::size_t stop = at;
      while (stop < bytes.size() && static_cast<unsigned char>(bytes[stop]) < 128 &&
             ascii_same_[static_cast<unsigned char>(bytes[stop])])
        ++stop;
      if (stop < bytes.size() && stop > at) --stop;
      out.append(bytes, at, stop - at);
      at = stop;
      if (at == bytes.size()) break;
      const std::size_t end = unicode::grapheme_end(bytes, at);
      each_cluster(std::string_view(bytes).substr(at, end - at),
                   [&](std::string_view old, std::optional<std::string_view> mapped) {
                     out += mapped.value_or(old);
                   });
      at = end;
    }
    text = AlignedText(std::move(out));
    return;
  }
  std::vector<unicode::Change> changes;
  const bool modified =
      each_cluster(bytes, [&](std::string_view old, std::optional<std::string_view> mapped) {
        const std::string_view put = mapped.value_or(old);
        for (const char* at = put.data(); at < put.data() + put.size();)
          changes.push_back({unicode::decode(at), 0});
        const std::size_t before = unicode::count_characters(old),
                          after = unicode::count_characters(put);
        if (after > before) {
          for (std::size_t i = 0; i < after - before; ++i)
            changes[changes.size() - 1 - i].change = 1;
        } else if (after < before && !changes.empty()) {
          changes.back().change -= static_cast<int>(before - after);
        }
      });
  if (modified)
    rewrite(text, [&](Rewriter& out) {
      for (const unicode::Change& change : changes) out.put(change.c, change.change);
    });
}

}  // namespace retort
