// Files of PyTorch's format, put together by hand: pickles from their instructions, zip archives
// from their entries. For tests that need files which torch.save wouldn't write.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nn/weights/safetensors.h"
#include "nn/weights/torch_file.h"

namespace retort::testing {

/// `value`'s bytes, little-endian.
template <class T>
std::string packed(T value) {
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}

// Instructions of a pickle.
inline std::string pickle_text(std::string_view text) {
  return "X" + packed(static_cast<std::uint32_t>(text.size())) + std::string(text);
}
inline std::string pickle_integer(std::int64_t value) { return "\x8a\x08" + packed(value); }
inline std::string pickle_integers(const std::vector<std::int64_t>& values) {
  std::string result = "(";
  for (const std::int64_t value : values) result += pickle_integer(value);
  return result + "t";
}
inline std::string pickle_global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
inline const std::string kPickleBegin = "\x80\x02";

/// A tensor as torch.save describes it. `old`: as before PyTorch 1.6.
struct TorchTensor {
  std::string storage = "0", type = "FloatStorage";
  std::int64_t elements = 0, offset = 0;
  std::vector<std::int64_t> shape, strides;

  std::string pickle(bool old = false) const {
    return pickle_global("torch._utils", "_rebuild_tensor_v2") + "((" + pickle_text("storage") +
           pickle_global("torch", type) + pickle_text(storage) + pickle_text("cpu") +
           pickle_integer(elements) + (old ? "N" : "") + "tQ" + pickle_integer(offset) +
           pickle_integers(shape) + pickle_integers(strides) + "\x89" +
           pickle_global("collections", "OrderedDict") + ")RtR";
  }
};

struct ZipPart {
  std::string name, bytes;
};

/// A zip archive of stored entries.
inline std::string zip_of(const std::vector<ZipPart>& parts) {
  std::string file, directory;
  for (const ZipPart& part : parts) {
    const auto size = static_cast<std::uint32_t>(part.bytes.size());
    const auto name = static_cast<std::uint16_t>(part.name.size());
    // Version, flags, method, time, date, checksum (which nobody looks at), sizes, names.
    const std::string common = packed<std::uint16_t>(0) + packed<std::uint16_t>(0) +
                               packed<std::uint16_t>(0) + packed<std::uint32_t>(0) +
                               packed<std::uint32_t>(0) + packed(size) + packed(size) +
                               packed(name) + packed<std::uint16_t>(0);
    directory += "PK\1\2" + packed<std::uint16_t>(0) + common + packed<std::uint16_t>(0) +
                 packed<std::uint16_t>(0) + packed<std::uint16_t>(0) + packed<std::uint32_t>(0) +
                 packed(static_cast<std::uint32_t>(file.size())) + part.name;
    file += "PK\3\4" + common + part.name + part.bytes;
  }
  const auto count = static_cast<std::uint16_t>(parts.size());
  return file + directory + "PK\5\6" + packed<std::uint32_t>(0) + packed(count) + packed(count) +
         packed(static_cast<std::uint32_t>(directory.size())) +
         packed(static_cast<std::uint32_t>(file.size())) + packed<std::uint16_t>(0);
}

/// A file of torch.save around one pickle and storages.
inline std::string torch_zip(const std::string& pickle, const std::vector<ZipPart>& storages = {}) {
  std::vector<ZipPart> parts = {{"archive/data.pkl", pickle}, {"archive/byteorder", "little"}};
  for (const ZipPart& storage : storages)
    parts.push_back({"archive/data/" + storage.name, storage.bytes});
  return zip_of(parts);
}

/// The same as before PyTorch 1.6, with storages of `width` bytes an element.
inline std::string torch_old(const std::string& pickle, const std::vector<ZipPart>& storages = {},
                             std::size_t width = sizeof(float)) {
  std::string file = kPickleBegin + "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19." +
                     kPickleBegin + "M\xe9\x03." + kPickleBegin + "}" +
                     pickle_text("little_endian") + "\x88s." + pickle + kPickleBegin + "](";
  for (const ZipPart& storage : storages) file += pickle_text(storage.name);
  file += "e.";
  for (const ZipPart& storage : storages)
    file += packed(static_cast<std::uint64_t>(storage.bytes.size() / width)) + storage.bytes;
  return file;
}

/// Row-major f32 tensors as torch.save writes a state dict.
inline std::string torch_file_of(const std::vector<TensorToWrite>& tensors, bool old = false) {
  std::string pickle = kPickleBegin + "}(";
  std::vector<ZipPart> storages;
  for (const TensorToWrite& tensor : tensors) {
    TorchTensor described;
    described.storage = std::to_string(storages.size());
    described.shape = tensor.shape;
    described.elements = 1;
    described.strides.resize(tensor.shape.size());
    for (std::size_t dim = tensor.shape.size(); dim-- > 0;) {
      described.strides[dim] = described.elements;
      described.elements *= tensor.shape[dim];
    }
    pickle += pickle_text(tensor.name) + described.pickle(old);
    storages.push_back({described.storage,
                        {static_cast<const char*>(tensor.data),
                         static_cast<std::size_t>(described.elements) * sizeof(float)}});
  }
  pickle += "u.";
  return old ? torch_old(pickle, storages) : torch_zip(pickle, storages);
}

inline WeightContent parse_torch(const std::string& file) {
  return parse_torch_file(std::as_bytes(std::span(file.data(), file.size())), "w.bin");
}

}  // namespace retort::testing
