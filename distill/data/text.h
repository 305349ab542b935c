// Small helpers that the readers of data files share: UTF-8 validation, splitting, and showing a
// piece of a file inside a one-line message.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace retort {

/// Index of the first byte that isn't part of well-formed UTF-8 (RFC 3629: no overlong forms, no
/// surrogates, nothing above U+10FFFF), or npos.
std::size_t find_invalid_utf8(std::string_view text);

/// `text` in double quotes with control characters escaped, cut to about 60 bytes (at a character).
std::string quote_for_message(std::string_view text);

}  // namespace retort
