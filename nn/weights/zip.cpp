#include "nn/weights/zip.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <unordered_set>

#include "nn/weights/safetensors_format.h"
#include "tensor/base/error.h"

namespace retort {
namespace {

constexpr std::uint32_t kLocalHeader = 0x04034b50, kDirectoryHeader = 0x02014b50, kEnd = 0x06054b50,
                        kEnd64 = 0x06064b50, kEnd64Locator = 0x07064b50;
constexpr std::size_t kLocalHeaderBytes = 30, kDirectoryHeaderBytes = 46, kEndBytes = 22,
                      kEnd64Bytes = 56, kEnd64LocatorBytes = 20;
constexpr std::size_t kMaxComment = 0xFFFF;
constexpr std::uint16_t kZip64Extra = 1;

class ZipReader {
 public:
  ZipReader(std::span<const std::byte> file, const std::string& name) : file_(file), name_(name) {}

  std::vector<ZipEntry> read() {
    const Directory directory = find_directory();
    std::vector<ZipEntry> entries;
    std::vector<Extent> extents;
    std::unordered_set<std::string_view> names;
    std::uint64_t at = directory.begin;
    for (std::uint64_t i = 0; i < directory.entries; ++i) {
      ZipEntry entry;
      at = read_entry(at, directory, entry, extents);
      check(names.insert(entry.name).second, name_, ": its entry ", shown_name(entry.name),
            " is there twice");
      if (!entry.name.ends_with('/')) entries.push_back(entry);
    }
    std::sort(extents.begin(), extents.end(),
              [](const Extent& a, const Extent& b) { return a.begin < b.begin; });
    for (std::size_t i = 1; i < extents.size(); ++i)
      check(extents[i].begin >= extents[i - 1].end, name_, ": its entries ",
            shown_name(extents[i - 1].name), " and ", shown_name(extents[i].name), " overlap");
    return entries;
  }

 private:
  struct Directory {
    std::uint64_t begin, end, entries;
  };
  struct Extent {
    std::uint64_t begin, end;
    std::string_view name;
  };

  // The little-endian number at `at`, which the caller knows to be in the file.
  template <class T>
  T number(std::uint64_t at) const {
    T value;
    std::memcpy(&value, file_.data() + at, sizeof(T));
    return value;
  }
  // Whether `bytes` bytes at `at` lie before `end`, which lies in the file.
  static bool fits(std::uint64_t at, std::uint64_t bytes, std::uint64_t end) {
    return at <= end && bytes <= end - at;
  }

  Directory find_directory() const {
    const std::uint64_t size = file_.size();
    check(size >= kEndBytes, name_, ": expected a zip archive, found only ", size, " bytes");
    // The end record is last, but for a comment of unknown length.
    std::uint64_t end = size - kEndBytes;
    const std::uint64_t first = end - std::min<std::uint64_t>(end, kMaxComment);
    while (end > first && !is_end(end)) --end;
    check(is_end(end), name_,
          ": has no zip directory at its end; the file is cut short: download or copy it again");
    const auto disk = number<std::uint16_t>(end + 4),
               directory_disk = number<std::uint16_t>(end + 6);
    std::uint64_t entries = number<std::uint16_t>(end + 10);
    std::uint64_t bytes = number<std::uint32_t>(end + 12), begin = number<std::uint32_t>(end + 16);
    std::uint64_t limit = end;  // the directory ends before its end records
    bool one_part =
        (disk == 0 || disk == 0xFFFF) && (directory_disk == 0 || directory_disk == 0xFFFF);
    if (end >= kEnd64LocatorBytes &&
        number<std::uint32_t>(end - kEnd64LocatorBytes) == kEnd64Locator) {
      const std::uint64_t locator = end - kEnd64LocatorBytes;
      const auto record = number<std::uint64_t>(locator + 8);
      check(fits(record, kEnd64Bytes, locator) && number<std::uint32_t>(record) == kEnd64, name_,
            ": has no zip64 directory at byte ", record,
            ", where its end says; the file is damaged");
      one_part = one_part && number<std::uint32_t>(record + 16) == 0 &&
                 number<std::uint32_t>(record + 20) == 0;
      entries = number<std::uint64_t>(record + 32);
      bytes = number<std::uint64_t>(record + 40);
      begin = number<std::uint64_t>(record + 48);
      limit = record;
    }
    check(one_part, name_, ": is one part of a zip archive in several; it can't be read");
    check(fits(begin, bytes, limit) && entries <= bytes / kDirectoryHeaderBytes, name_,
          ": its zip directory of ", entries, " entries and ", bytes, " bytes at byte ", begin,
          " doesn't fit into the file of ", size, " bytes; the file is damaged");
    return {begin, begin + bytes, entries};
  }

  bool is_end(std::uint64_t at) const {
    return number<std::uint32_t>(at) == kEnd &&
           at + kEndBytes + number<std::uint16_t>(at + 20) == file_.size();
  }

  // Sizes and offset that don't fit into 32 bits stand in an extra field, in this order.
  void read_zip64(std::uint64_t at, std::uint64_t end, std::uint64_t (&values)[3],
                  const std::string_view name) const {
    while (end - at >= 4) {
      const auto id = number<std::uint16_t>(at), bytes = number<std::uint16_t>(at + 2);
      at += 4;
      check(bytes <= end - at, name_, ": entry ", shown_name(name), " has a damaged extra field");
      if (id == kZip64Extra) {
        std::uint64_t field = at;
        for (std::uint64_t& value : values) {
          if (value != 0xFFFFFFFF) continue;
          check(fits(field, 8, at + bytes), name_, ": entry ", shown_name(name),
                " lacks a part of its zip64 sizes");
          value = number<std::uint64_t>(field);
          field += 8;
        }
        return;
      }
      at += bytes;
    }
  }

  // Reads the directory's entry at `at` and gives where the next one begins.
  std::uint64_t read_entry(std::uint64_t at, const Directory& directory, ZipEntry& entry,
                           std::vector<Extent>& extents) const {
    check(fits(at, kDirectoryHeaderBytes, directory.end) &&
              number<std::uint32_t>(at) == kDirectoryHeader,
          name_, ": expected an entry of the zip directory at byte ", at, "; the file is damaged");
    const auto flags = number<std::uint16_t>(at + 8), method = number<std::uint16_t>(at + 10);
    const auto name_bytes = number<std::uint16_t>(at + 28), extra = number<std::uint16_t>(at + 30),
               comment = number<std::uint16_t>(at + 32);
    const std::uint64_t text = at + kDirectoryHeaderBytes;
    const std::uint64_t next = text + name_bytes + extra + comment;
    check(next <= directory.end, name_, ": its zip directory's entry at byte ", at,
          " goes beyond the directory; the file is damaged");
    entry.name = {reinterpret_cast<const char*>(file_.data()) + text, name_bytes};
    std::uint64_t values[3] = {number<std::uint32_t>(at + 24), number<std::uint32_t>(at + 20),
                               number<std::uint32_t>(at + 42)};  // size, stored size, offset
    read_zip64(text + name_bytes, text + name_bytes + extra, values, entry.name);
    const auto [size, stored, header] = values;
    check((flags & 1) == 0, name_, ": its entry ", shown_name(entry.name), " is encrypted");
    check(method == 0 && size == stored, name_, ": its entry ", shown_name(entry.name),
          " is compressed (method ", method,
          "), which torch.save never does; unpack the file and pack it again without compression "
          "(zip -0)");
    // The entry's own header, and its bytes behind that.
    check(fits(header, kLocalHeaderBytes, directory.begin) &&
              number<std::uint32_t>(header) == kLocalHeader,
          name_, ": its entry ", shown_name(entry.name), " has no header at byte ", header,
          "; the file is damaged");
    const auto own_name = number<std::uint16_t>(header + 26),
               own_extra = number<std::uint16_t>(header + 28);
    const std::uint64_t begin = header + kLocalHeaderBytes + own_name + own_extra;
    check(fits(begin, size, directory.begin), name_, ": its entry ", shown_name(entry.name), " of ",
          size, " bytes at byte ", begin, " doesn't fit before the zip directory at byte ",
          directory.begin, "; the file is damaged");
    check(own_name == name_bytes && std::memcmp(file_.data() + header + kLocalHeaderBytes,
                                                entry.name.data(), own_name) == 0,
          name_, ": its entry ", shown_name(entry.name), " has another name in its own header");
    entry.bytes = file_.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(size));
    extents.push_back({header, begin + size, entry.name});
    return next;
  }

  std::span<const std::byte> file_;
  const std::string& name_;
};

}  // namespace

std::vector<ZipEntry> read_zip(std::span<const std::byte> file, const std::string& name) {
  return ZipReader(file, name).read();
}

}  // namespace retort
