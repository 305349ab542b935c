// Base64, as tokenizer files hold bytes in it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace retort {

/// The bytes that `text` (with or without padding, no line breaks) stands for; nothing when it
/// isn't base64.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace retort
