// What the reader and the writer of safetensors share: the format's dtype names, and how messages
// show the names of tensors. Internal to nn/weights.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tensor/base/json.h"
#include "tensor/dtype.h"

namespace retort {

struct SafetensorsDType {
  std::string_view name;
  std::int64_t bits;           // of an element; sub-byte tensors fill whole bytes
  std::optional<DType> dtype;  // none: Retort doesn't compute with it
};

inline constexpr SafetensorsDType kSafetensorsDTypes[] = {
    {"F64", 64, DType::f64},
    {"F32", 32, DType::f32},
    {"F16", 16, DType::f16},
    {"BF16", 16, DType::bf16},
    {"I64", 64, DType::i64},
    {"I32", 32, DType::i32},
    {"U8", 8, DType::u8},
    {"BOOL", 8, DType::boolean},
    {"I16", 16, std::nullopt},
    {"I8", 8, std::nullopt},
    {"U64", 64, std::nullopt},
    {"U32", 32, std::nullopt},
    {"U16", 16, std::nullopt},
    {"C64", 64, std::nullopt},
    {"F8_E5M2", 8, std::nullopt},
    {"F8_E4M3", 8, std::nullopt},
    {"F8_E8M0", 8, std::nullopt},
    {"F8_E4M3FNUZ", 8, std::nullopt},
    {"F8_E5M2FNUZ", 8, std::nullopt},
    {"F6_E2M3", 6, std::nullopt},
    {"F6_E3M2", 6, std::nullopt},
    {"F4", 4, std::nullopt},
};

/// Bytes of a name in a message.
inline constexpr std::size_t kLongestName = 120;

/// A name from a file as it stands in messages: quoted, on one line, and not longer than a line.
inline std::string shown_name(std::string_view name) {
  if (name.size() <= kLongestName) return json_quote(name);
  std::size_t cut = kLongestName;
  while (cut > 0 && (static_cast<unsigned char>(name[cut]) & 0xC0) == 0x80) --cut;
  return json_quote(std::string(name.substr(0, cut)) + "...");
}

/// Whether a file's text is what Git leaves in place of a large one, and what is said then.
inline bool is_pointer(std::string_view text) {
  return text.starts_with("version https://git-lfs");
}
inline constexpr const char* kPointer =
    ": is a pointer of Git LFS, not the file itself; download it (git lfs pull)";

}  // namespace retort
