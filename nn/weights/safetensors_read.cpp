// Reading safetensors: every number of the header is checked here before anything trusts it.
#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>

#include "nn/weights/safetensors.h"
#include "nn/weights/safetensors_format.h"
#include "tensor/base/error.h"
#include "tensor/base/json.h"

namespace retort {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors data is little-endian");

constexpr std::size_t kLengthBytes = 8;
// A Json value takes some 40 bytes. 10^6 tensors have some 10^7 separators; a header of nothing but
// "[0,0,0,..." would have five times as many and is refused before it costs gigabytes.
constexpr std::ptrdiff_t kMaxSeparators = 20'000'000;

// How messages speak of one tensor of one file; costs nothing until it is printed.
struct Where {
  const std::string& file;
  const std::string& tensor;
};
std::ostream& operator<<(std::ostream& out, const Where& where) {
  return out << where.file << ": tensor " << shown_name(where.tensor);
}

struct Quoted {
  const std::string& name;
};
std::ostream& operator<<(std::ostream& out, const Quoted& quoted) {
  return out << shown_name(quoted.name);
}

// A JSON value as messages show it; costs nothing until it is printed.
struct Shown {
  const Json& value;
};
std::ostream& operator<<(std::ostream& out, const Shown& shown) {
  if (shown.value.is_string()) return out << shown_name(shown.value.as_string(""));
  const std::string text = shown.value.dump();  // numbers and what JSON escapes: one line
  return out << (text.size() <= 120 ? text : text.substr(0, 120) + "...");
}

const SafetensorsDType* find_dtype(std::string_view name) {
  for (const auto& known : kSafetensorsDTypes)
    if (known.name == name) return &known;
  return nullptr;
}

// One tensor as the header describes it, checked in itself but not yet against the others.
struct Described {
  const std::string* name;
  const SafetensorsDType* dtype;
  std::vector<std::int64_t> shape;
  std::size_t begin;
  std::size_t end;
};

std::vector<std::int64_t> read_shape(const Json& info, const Where& where) {
  const Json* shape = info.find("shape");
  check(shape && shape->is_array(), where, ": expected a \"shape\" that is a list of sizes, found ",
        shape ? shape->kind() : "none");
  const auto& sizes = shape->as_array("shape");
  check(sizes.size() <= kMaxEntryRank, where, ": has ", sizes.size(), " dimensions, more than ",
        kMaxEntryRank);
  std::vector<std::int64_t> out;
  out.reserve(sizes.size());
  for (const Json& size : sizes) {
    check(size.is_integer() && size.as_integer("shape") >= 0, where,
          ": expected sizes that are integers from 0 to 2^63 - 1, found the shape ", Shown{*shape});
    out.push_back(size.as_integer("shape"));
  }
  return out;
}

// The bytes that `shape` takes. A size of 0 counts as 1 for the overflow check, so that no partial
// product (a stride) overflows either.
std::size_t bytes_of(const Described& tensor, const Where& where) {
  std::int64_t bits = tensor.dtype->bits;
  bool empty = false, overflow = false;
  for (const std::int64_t size : tensor.shape) {
    empty = empty || size == 0;
    overflow = overflow || __builtin_mul_overflow(bits, std::max<std::int64_t>(size, 1), &bits);
  }
  check(!overflow, where, ": its shape has more elements than memory can address");
  check(bits % 8 == 0 || empty, where, ": its ", bits, " bits don't fill whole bytes");
  return empty ? 0 : static_cast<std::size_t>(bits / 8);
}

Described describe(const Json::Member& member, std::size_t data_bytes, const Where& where) {
  const Json& info = member.second;
  check(info.is_object(), where,
        ": expected an object with dtype, shape and data_offsets, found a ", info.kind());
  Described tensor{&member.first, nullptr, {}, 0, 0};

  const Json* dtype = info.find("dtype");
  check(dtype && dtype->is_string(), where, ": expected a \"dtype\" that is a string, found ",
        dtype ? dtype->kind() : "none");
  tensor.dtype = find_dtype(dtype->as_string("dtype"));
  check(tensor.dtype, where, ": has the unknown dtype ", Shown{*dtype});

  tensor.shape = read_shape(info, where);

  const Json* offsets = info.find("data_offsets");
  const auto is_offset = [](const Json& value) {
    return value.is_integer() && value.as_integer("data_offsets") >= 0;
  };
  check(offsets && offsets->is_array(), where, ": expected \"data_offsets\" [begin, end], found ",
        offsets ? offsets->kind() : "none");
  const auto& pair = offsets->as_array("data_offsets");
  check(pair.size() == 2 && is_offset(pair[0]) && is_offset(pair[1]), where,
        ": expected \"data_offsets\" [begin, end] of two integers from 0, found ", Shown{*offsets});
  tensor.begin = static_cast<std::size_t>(pair[0].as_integer("data_offsets"));
  tensor.end = static_cast<std::size_t>(pair[1].as_integer("data_offsets"));
  check(tensor.begin <= tensor.end, where, ": its data_offsets are reversed: ", tensor.begin, " > ",
        tensor.end);
  check(tensor.end <= data_bytes, where, ": its data ends at byte ", tensor.end,
        " but the file holds only ", data_bytes, " bytes of data; it is cut short or damaged");
  const std::size_t expected = bytes_of(tensor, where);
  check(tensor.end - tensor.begin == expected, where, ": ", tensor.dtype->name, " of shape ",
        Shown{*info.find("shape")}, " takes ", expected, " bytes, but its data_offsets span ",
        tensor.end - tensor.begin);
  return tensor;
}

Metadata read_metadata(const Json& metadata, const std::string& name) {
  check(metadata.is_object(), name, ": expected \"__metadata__\" to be an object, found a ",
        metadata.kind());
  Metadata out;
  for (const auto& [key, value] : metadata.as_object("__metadata__")) {
    check(value.is_string(), name, ": expected \"__metadata__\" to hold strings, found a ",
          value.kind(), " under ", Quoted{key});
    out.emplace_back(key, value.as_string("__metadata__"));
  }
  return out;
}

// The header's text. Errors: no room for it in the file, or longer than a reader accepts.
std::string_view header_text(std::span<const std::byte> file, const std::string& name) {
  const std::string_view all(reinterpret_cast<const char*>(file.data()), file.size());
  check(!is_pointer(all), name, kPointer);
  check(file.size() >= kLengthBytes, name, ": expected a safetensors file, found only ",
        file.size(), " bytes");
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), kLengthBytes);
  check(length <= file.size() - kLengthBytes, name, ": its header takes ", length,
        " bytes but only ", file.size() - kLengthBytes,
        " follow; the file is cut short or isn't in the safetensors format");
  check(length <= kMaxSafetensorsHeader, name, ": its header takes ", length,
        " bytes, more than the ", kMaxSafetensorsHeader, " that are read");
  const std::string_view text = all.substr(kLengthBytes, static_cast<std::size_t>(length));
  check(text.starts_with('{'), name,
        ": expected a header that begins with {; isn't in the safetensors format");
  std::ptrdiff_t separators = 0;
  for (const char c : text) separators += c == ',' || c == '[' || c == '{';
  check(separators <= kMaxSeparators, name, ": its header has ", separators,
        " values, more than the ", kMaxSeparators, " that are read");
  return text;
}

}  // namespace

WeightContent parse_safetensors(std::span<const std::byte> file, const std::string& name) {
  const std::string_view text = header_text(file, name);
  const auto data = file.subspan(kLengthBytes + text.size());
  const Json header = Json::parse(text, name + ": header");
  check(header.is_object(), name, ": expected a header that is a JSON object, found a ",
        header.kind());

  WeightContent content;
  std::vector<Described> tensors;
  const auto& members = header.as_object("header");
  tensors.reserve(members.size());
  for (const auto& member : members) {
    if (member.first == "__metadata__") {
      content.metadata = read_metadata(member.second, name);
    } else {
      tensors.push_back(describe(member, data.size(), {name, member.first}));
    }
  }

  // In the order of the data, each tensor begins where the one before it ended.
  std::vector<std::size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::pair(tensors[a].begin, tensors[a].end) <
           std::pair(tensors[b].begin, tensors[b].end);
  });
  std::size_t end = 0;
  const std::string* previous = &name;  // of the tensor that ended at `end`
  for (const std::size_t i : order) {
    Described& tensor = tensors[i];
    const Where where{name, *tensor.name};
    check(tensor.begin >= end, where, ": its data begins at byte ", tensor.begin,
          ", inside that of tensor ", Quoted{*previous}, ", which ends at ", end);
    check(tensor.begin == end, where, ": its data begins at byte ", tensor.begin, ", but bytes ",
          end, " to ", tensor.begin, " before it belong to no tensor; the file is damaged");
    end = tensor.end;
    previous = tensor.name;
    const auto bytes = data.subspan(tensor.begin, tensor.end - tensor.begin);
    if (tensor.dtype->dtype) {
      content.entries.push_back(
          {*tensor.name, *tensor.dtype->dtype, std::move(tensor.shape), bytes});
    } else {
      content.foreign.push_back(
          {*tensor.name, std::string(tensor.dtype->name), std::move(tensor.shape), bytes.size()});
    }
  }
  check(end == data.size(), name, ": holds ", data.size(),
        " bytes of data, but its tensors end at ", end, "; the file is damaged");
  return content;
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path)
    : SafetensorsFile(std::make_shared<const MappedFile>(path)) {}

SafetensorsFile::SafetensorsFile(const std::shared_ptr<const MappedFile>& file)
    : WeightFile(file, parse_safetensors(file->bytes(), file->path().string())) {}

}  // namespace retort
