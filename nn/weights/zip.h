// Zip archives as torch.save writes them: entries that are stored, not compressed, so that they can
// be used where they lie in the mapped file.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace retort {

struct ZipEntry {
  std::string_view name;             ///< in the file
  std::span<const std::byte> bytes;  ///< in the file
};

/// The entries of an archive that lies in memory, folders left out, in the order of its directory
/// (APPNOTE 6.3.10, with zip64). `name` starts every message. Errors: no directory at the end (the
/// file is cut), an entry that is compressed or encrypted, lies outside the file or in another
/// entry, differs from its own header or is there twice, an archive in several parts.
std::vector<ZipEntry> read_zip(std::span<const std::byte> file, const std::string& name);

}  // namespace retort
