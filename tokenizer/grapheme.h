// Extended grapheme clusters (UAX #29, Unicode 16): what a reader takes for one character.
#pragma once

#include <cstddef>
#include <string_view>

namespace retort::unicode {

/// The end of the cluster that begins at byte `at` of `text` (valid UTF-8, at < text.size()). Reads
/// nothing beyond the character behind the cluster.
std::size_t grapheme_end(std::string_view text, std::size_t at);

}  // namespace retort::unicode
