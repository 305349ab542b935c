#include "nn/weights/torch_file.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "nn/weights/pickle.h"
#include "nn/weights/safetensors_format.h"
#include "nn/weights/zip.h"
#include "tensor/base/error.h"
#include "tensor/base/json.h"

namespace retort {
namespace {

using Kind = PickleValue::Kind;

constexpr std::string_view kZipMagic = "PK\3\4";
constexpr std::string_view kOldMagic = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
constexpr std::int64_t kOldProtocol = 1001;
constexpr std::size_t kMaxDepth = 32;            // of dictionaries in each other
constexpr std::size_t kMaxNameBytes = 1u << 28;  // of all tensors together

// What an allowed name stands for.
enum class Meaning {
  dict,
  tensor,
  old_tensor,
  typed_tensor,
  parameter,
  size,
  storage,
  type,
  device
};
struct Known {
  PickleGlobal global;
  Meaning meaning;
  std::string_view dtype = {};  // safetensors' name of a storage's or type's elements
};
// Everything that a file may refer to.
constexpr Known kKnown[] = {
    {kOrderedDict, Meaning::dict},
    {{"torch._utils", "_rebuild_tensor_v2"}, Meaning::tensor},
    {{"torch._utils", "_rebuild_tensor"}, Meaning::old_tensor},
    {{"torch._utils", "_rebuild_tensor_v3"}, Meaning::typed_tensor},
    {{"torch._utils", "_rebuild_parameter"}, Meaning::parameter},
    {{"torch", "Size"}, Meaning::size},
    {{"torch", "device"}, Meaning::device},
    {{"torch", "DoubleStorage"}, Meaning::storage, "F64"},
    {{"torch", "FloatStorage"}, Meaning::storage, "F32"},
    {{"torch", "HalfStorage"}, Meaning::storage, "F16"},
    {{"torch", "BFloat16Storage"}, Meaning::storage, "BF16"},
    {{"torch", "LongStorage"}, Meaning::storage, "I64"},
    {{"torch", "IntStorage"}, Meaning::storage, "I32"},
    {{"torch", "ShortStorage"}, Meaning::storage, "I16"},
    {{"torch", "CharStorage"}, Meaning::storage, "I8"},
    {{"torch", "ByteStorage"}, Meaning::storage, "U8"},
    {{"torch", "BoolStorage"}, Meaning::storage, "BOOL"},
    {{"torch", "ComplexFloatStorage"}, Meaning::storage, "C64"},
    {{"torch", "UntypedStorage"}, Meaning::storage, "U8"},
    {{"torch.storage", "UntypedStorage"}, Meaning::storage, "U8"},
    {{"torch", "float64"}, Meaning::type, "F64"},
    {{"torch", "float32"}, Meaning::type, "F32"},
    {{"torch", "float16"}, Meaning::type, "F16"},
    {{"torch", "bfloat16"}, Meaning::type, "BF16"},
    {{"torch", "int64"}, Meaning::type, "I64"},
    {{"torch", "int32"}, Meaning::type, "I32"},
    {{"torch", "int16"}, Meaning::type, "I16"},
    {{"torch", "int8"}, Meaning::type, "I8"},
    {{"torch", "uint8"}, Meaning::type, "U8"},
    {{"torch", "bool"}, Meaning::type, "BOOL"},
    {{"torch", "uint16"}, Meaning::type, "U16"},
    {{"torch", "uint32"}, Meaning::type, "U32"},
    {{"torch", "uint64"}, Meaning::type, "U64"},
    {{"torch", "complex64"}, Meaning::type, "C64"},
    {{"torch", "float8_e4m3fn"}, Meaning::type, "F8_E4M3"},
    {{"torch", "float8_e5m2"}, Meaning::type, "F8_E5M2"},
    {{"torch", "float8_e4m3fnuz"}, Meaning::type, "F8_E4M3FNUZ"},
    {{"torch", "float8_e5m2fnuz"}, Meaning::type, "F8_E5M2FNUZ"},
};

const std::vector<PickleGlobal>& allowed_globals() {
  static const std::vector<PickleGlobal> globals = [] {
    std::vector<PickleGlobal> all;
    for (const Known& known : kKnown) all.push_back(known.global);
    return all;
  }();
  return globals;
}

const SafetensorsDType& format_of(std::string_view dtype) {
  return *std::find_if(std::begin(kSafetensorsDTypes), std::end(kSafetensorsDTypes),
                       [&](const SafetensorsDType& known) { return known.name == dtype; });
}

// A tensor as the pickle describes it: where it lies is known once its storage is.
struct Described {
  std::string name;
  std::string_view storage;        // its key
  std::string_view storage_dtype;  // safetensors' name
  std::uint64_t storage_elements;
  std::string_view dtype;  // usually the storage's
  std::vector<std::int64_t> shape, strides;
  std::int64_t offset;  // in elements of dtype
};

// Finds the tensors that a pickle's dictionaries lead to.
class TensorWalk {
 public:
  TensorWalk(const Pickle& pickle, const std::string& file) : pickle_(pickle), file_(file) {}

  std::vector<Described> tensors() {
    check(pickle_.root().kind == Kind::dict, file_,
          ": expected a dictionary of tensors (a model's state_dict()), found ",
          kind_name(pickle_.root().kind));
    walk(pickle_.root(), "", 0);
    return std::move(tensors_);
  }

 private:
  template <class... Parts>
  void expect(bool condition, const Parts&... parts) const {
    if (!condition) [[unlikely]]
      fail(file_, ": tensor ", shown_name(name_), ": ", parts...);
  }

  void walk(const PickleValue& dict, const std::string& prefix, std::size_t depth) {
    check(depth < kMaxDepth, file_, ": has dictionaries in each other deeper than ", kMaxDepth);
    check(walked_.insert(dict.at).second, file_,
          ": holds a dictionary in two places, which no file of weights does");
    const auto items = pickle_.items(dict);
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
      const PickleValue &key = items[i], &value = items[i + 1];
      if (value.kind != Kind::dict && value.kind != Kind::call) continue;
      name_ = prefix;
      if (key.kind == Kind::text) name_ += key.text();
      else if (key.kind == Kind::integer) name_ += std::to_string(key.integer);
      else expect(false, "expected keys that are texts, found ", kind_name(key.kind));
      name_bytes_ += name_.size();
      check(name_bytes_ <= kMaxNameBytes, file_, ": its tensors have names of more than ",
            kMaxNameBytes, " bytes");
      if (value.kind == Kind::dict) {
        walk(value, name_ + ".", depth + 1);
      } else {
        add(value);
      }
    }
  }

  const Known& callee(const PickleValue& call) const {
    return kKnown[static_cast<std::size_t>(pickle_.items(call)[0].integer)];
  }

  void add(PickleValue value) {
    if (callee(value).meaning == Meaning::parameter) {  // (tensor, requires_grad, hooks)
      const auto arguments = pickle_.items(pickle_.items(value)[1]);
      expect(!arguments.empty() && arguments[0].kind == Kind::call,
             "expected a parameter's tensor");
      value = arguments[0];
    }
    const Meaning meaning = callee(value).meaning;
    if (meaning == Meaning::size || meaning == Meaning::device) return;
    expect(meaning == Meaning::tensor || meaning == Meaning::old_tensor ||
               meaning == Meaning::typed_tensor,
           "expected a tensor, found ", callee(value).global.name);
    Json::parse(json_quote(name_),
                file_ + ": a tensor's name");  // not UTF-8: nothing could hold it
    // (storage, offset, sizes, strides, ...); v3's dtype is the seventh.
    const auto arguments = pickle_.items(pickle_.items(value)[1]);
    expect(arguments.size() >= (meaning == Meaning::typed_tensor ? 7 : 4),
           "expected storage, offset, sizes and strides, found ", arguments.size(), " arguments");
    Described tensor;
    tensor.name = name_;
    read_storage(arguments[0], tensor);
    tensor.dtype = tensor.storage_dtype;
    if (meaning == Meaning::typed_tensor) tensor.dtype = dtype_of(arguments[6], Meaning::type);
    tensor.offset = size_of_value(arguments[1], "offset");
    tensor.shape = sizes_of(arguments[2], "size");
    tensor.strides = sizes_of(arguments[3], "stride");
    expect(tensor.shape.size() == tensor.strides.size(), "has ", tensor.shape.size(), " sizes but ",
           tensor.strides.size(), " strides");
    tensors_.push_back(std::move(tensor));
  }

  std::string_view dtype_of(const PickleValue& value, Meaning meaning) const {
    const Known* known =
        value.kind == Kind::global ? &kKnown[static_cast<std::size_t>(value.integer)] : nullptr;
    expect(known && known->meaning == meaning, "expected a ",
           meaning == Meaning::storage ? "storage's type" : "number type", ", found ",
           known ? known->global.name : kind_name(value.kind));
    return known->dtype;
  }

  // ("storage", type, key, device, elements), in the old format followed by None.
  void read_storage(const PickleValue& value, Described& tensor) const {
    expect(value.kind == Kind::persistent, "expected a storage, found ", kind_name(value.kind));
    const PickleValue id = pickle_.items(value)[0];
    const auto parts = pickle_.items(id);
    expect(id.kind == Kind::tuple && parts.size() >= 5 && parts[0].kind == Kind::text &&
               parts[0].text() == "storage" && parts[2].kind == Kind::text,
           "expected (\"storage\", type, key, device, elements)");
    tensor.storage_dtype = dtype_of(parts[1], Meaning::storage);
    tensor.storage = parts[2].text();
    tensor.storage_elements = static_cast<std::uint64_t>(size_of_value(parts[4], "storage's size"));
    expect(parts.size() == 5 || parts[5].kind == Kind::none,
           "its storage is a view of another one, as PyTorch before 0.4 wrote; load and save the "
           "file with a newer one");
  }

  std::int64_t size_of_value(const PickleValue& value, const char* what) const {
    expect(value.kind == Kind::integer, "expected a ", what, " that is an integer, found ",
           kind_name(value.kind));
    expect(value.integer >= 0, "has the negative ", what, " ", value.integer);
    return value.integer;
  }

  std::vector<std::int64_t> sizes_of(PickleValue value, const char* what) const {
    if (value.kind == Kind::call && callee(value).meaning == Meaning::size) {  // torch.Size((2, 3))
      const auto arguments = pickle_.items(pickle_.items(value)[1]);
      expect(arguments.size() == 1, "expected torch.Size of one tuple");
      value = arguments[0];
    }
    expect(value.kind == Kind::tuple || value.kind == Kind::list, "expected a tuple of ", what,
           "s, found ", kind_name(value.kind));
    const auto items = pickle_.items(value);
    expect(items.size() <= kMaxEntryRank, "has ", items.size(), " dimensions, more than ",
           kMaxEntryRank);
    std::vector<std::int64_t> sizes;
    for (const PickleValue& item : items) sizes.push_back(size_of_value(item, what));
    return sizes;
  }

  const Pickle& pickle_;
  const std::string& file_;
  std::string name_;  // of what is read now
  std::size_t name_bytes_ = 0;
  std::unordered_set<std::uint64_t> walked_;
  std::vector<Described> tensors_;
};

// The strides of a row-major tensor; sizes of 1 have any.
bool is_row_major(const Described& tensor) {
  std::int64_t stride = 1;
  for (std::size_t dim = tensor.shape.size(); dim-- > 0;) {
    if (tensor.shape[dim] != 1 && tensor.strides[dim] != stride) return false;
    stride *= tensor.shape[dim];  // no overflow: the number of elements was checked
  }
  return true;
}

// Finds where each tensor lies in its storage.
class Placement {
 public:
  Placement(const std::unordered_map<std::string_view, std::span<const std::byte>>& storages,
            const std::string& file)
      : storages_(storages), file_(file) {}

  WeightContent place(std::vector<Described> tensors) {
    WeightContent content;
    std::unordered_set<std::string> names;
    for (Described& tensor : tensors) {
      expect(names.insert(tensor.name).second, tensor, "is there twice");
      const auto bytes = bytes_of(tensor);
      const SafetensorsDType& format = format_of(tensor.dtype);
      if (format.dtype) {
        TensorEntry entry{tensor.name, *format.dtype, std::move(tensor.shape), bytes};
        if (strided_) entry.strides = std::move(tensor.strides);
        content.entries.push_back(std::move(entry));
      } else {
        content.foreign.push_back(
            {tensor.name, std::string(format.name), std::move(tensor.shape), bytes.size()});
      }
    }
    return content;
  }

 private:
  template <class... Parts>
  void expect(bool condition, const Described& tensor, const Parts&... parts) const {
    if (!condition) [[unlikely]]
      fail(file_, ": tensor ", shown_name(tensor.name), ": ", parts...);
  }

  // From the tensor's first element to its last; sets strided_.
  std::span<const std::byte> bytes_of(const Described& tensor) {
    const auto found = storages_.find(tensor.storage);
    expect(found != storages_.end(), tensor, "its storage ", shown_name(tensor.storage),
           " isn't in the file; it is cut short or damaged");
    const std::span<const std::byte> storage = found->second;
    const auto element = static_cast<std::uint64_t>(format_of(tensor.storage_dtype).bits / 8);
    expect(storage.size() % element == 0 && storage.size() / element == tensor.storage_elements,
           tensor, "its storage has ", storage.size(), " bytes, which aren't the ",
           tensor.storage_elements, " elements of ", element, " bytes that it should have");
    const auto width = static_cast<std::int64_t>(format_of(tensor.dtype).bits / 8);
    const auto elements = static_cast<std::int64_t>(storage.size()) / width;
    // Sizes of 0 count as 1, so that no partial product overflows either.
    std::int64_t count = width, last = tensor.offset;
    bool empty = false, overflow = false;
    for (std::size_t dim = 0; dim < tensor.shape.size(); ++dim) {
      const std::int64_t size = std::max<std::int64_t>(tensor.shape[dim], 1);
      std::int64_t reach = 0;
      empty = empty || tensor.shape[dim] == 0;
      overflow = overflow || __builtin_mul_overflow(count, size, &count) ||
                 __builtin_mul_overflow(size - 1, tensor.strides[dim], &reach) ||
                 __builtin_add_overflow(last, reach, &last);
    }
    expect(!overflow, tensor, "has more elements than memory can address");
    strided_ = false;
    if (empty) return {};
    count /= width;
    expect(last < elements, tensor, "its last element is number ", last, " of a storage of ",
           elements);
    expect(count <= elements, tensor, "has ", count, " elements in a storage of ", elements);
    strided_ = !is_row_major(tensor);
    return storage.subspan(static_cast<std::size_t>(tensor.offset * width),
                           static_cast<std::size_t>((last - tensor.offset + 1) * width));
  }

  const std::unordered_map<std::string_view, std::span<const std::byte>>& storages_;
  const std::string& file_;
  bool strided_ = false;
};

WeightContent parse_archive(std::span<const std::byte> file, const std::string& name) {
  std::unordered_map<std::string_view, std::span<const std::byte>> entries;
  std::string_view folder;  // everything lies in one folder, whose name doesn't matter
  for (const ZipEntry& entry : read_zip(file, name)) {
    entries.emplace(entry.name, entry.bytes);
    const std::size_t slash = entry.name.find('/');
    if (slash == std::string_view::npos || entry.name.substr(slash) != "/data.pkl") continue;
    check(folder.empty(), name, ": is a zip archive with data.pkl in two folders");
    folder = entry.name.substr(0, slash + 1);
  }
  check(!folder.empty(), name,
        ": is a zip archive without data.pkl; torch.save wrote no such file");
  const std::string prefix(folder);
  check(!entries.contains(prefix + "constants.pkl"), name,
        ": is a TorchScript archive; in Python, save the model's state_dict() with torch.save");
  if (const auto order = entries.find(prefix + "byteorder"); order != entries.end())
    check(std::string_view(reinterpret_cast<const char*>(order->second.data()),
                           order->second.size()) == "little",
          name, ": was written by a big-endian machine, whose numbers aren't read");
  const Pickle pickle(entries.at(prefix + "data.pkl"), 0, allowed_globals(), name);
  const std::string data = prefix + "data/";
  std::unordered_map<std::string_view, std::span<const std::byte>> storages;
  for (const auto& [path, bytes] : entries)
    if (path.starts_with(data)) storages.emplace(path.substr(data.size()), bytes);
  return Placement(storages, name).place(TensorWalk(pickle, name).tensors());
}

// The old format: four pickles (magic number, version, facts about the machine, the object itself),
// one with the keys of the storages, and for each key the number of elements (8 bytes) and the
// elements.
WeightContent parse_old(std::span<const std::byte> file, const std::string& name) {
  const Pickle magic(file, 0, {}, name);
  check(magic.root().kind == Kind::bytes && magic.root().text() == kOldMagic, name,
        ": is a pickle, but not one that torch.save wrote");
  const Pickle version(file, magic.end(), {}, name);
  check(version.root().kind == Kind::integer && version.root().integer == kOldProtocol, name,
        ": expected version ", kOldProtocol, " of the format before PyTorch 1.6, found another");
  const Pickle facts(file, version.end(), {}, name);
  const auto items = facts.items(facts.root());
  for (std::size_t i = 0; i + 1 < items.size(); i += 2)
    check(items[i].kind != Kind::text || items[i].text() != "little_endian" ||
              (items[i + 1].kind == Kind::boolean && items[i + 1].integer == 1),
          name, ": was written by a big-endian machine, whose numbers aren't read");
  const Pickle object(file, facts.end(), allowed_globals(), name);
  std::vector<Described> tensors = TensorWalk(object, name).tensors();
  const Pickle keys(file, object.end(), {}, name);
  check(keys.root().kind == Kind::list, name, ": expected a list of storages, found ",
        kind_name(keys.root().kind));

  std::unordered_map<std::string_view, std::size_t> widths;  // bytes of an element, by storage
  for (const Described& tensor : tensors)
    widths.emplace(tensor.storage,
                   static_cast<std::size_t>(format_of(tensor.storage_dtype).bits / 8));
  std::unordered_map<std::string_view, std::span<const std::byte>> storages;
  std::size_t at = keys.end();
  for (const PickleValue& key : keys.items(keys.root())) {
    check(key.kind == Kind::text, name, ": expected storages named by texts, found ",
          kind_name(key.kind));
    const auto width = widths.find(key.text());
    check(width != widths.end(), name, ": its storage ", shown_name(key.text()),
          " belongs to no tensor, so its size is unknown; in Python, save the model's state_dict() "
          "alone, best as safetensors");
    std::uint64_t elements = 0;
    check(file.size() - at >= sizeof elements, name, ": ends before its storage ",
          shown_name(key.text()), "; the file is cut short: download or copy it again");
    std::memcpy(&elements, file.data() + at, sizeof elements);
    at += sizeof elements;
    check(elements <= (file.size() - at) / width->second, name, ": its storage ",
          shown_name(key.text()), " has ", elements, " elements of ", width->second,
          " bytes where ", file.size() - at,
          " bytes are left; the file is cut short: download or copy it again");
    const auto bytes = static_cast<std::size_t>(elements) * width->second;
    check(storages.emplace(key.text(), file.subspan(at, bytes)).second, name, ": its storage ",
          shown_name(key.text()), " is there twice");
    at += bytes;
  }
  check(at == file.size(), name, ": has ", file.size() - at,
        " bytes behind its last storage; the file is damaged");
  return Placement(storages, name).place(std::move(tensors));
}

}  // namespace

WeightContent parse_torch_file(std::span<const std::byte> file, const std::string& name) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  if (text.starts_with(kZipMagic)) return parse_archive(file, name);
  if (text.starts_with('\x80')) return parse_old(file, name);
  check(!is_pointer(text), name, kPointer);
  fail(name, ": expected *.safetensors or a file that torch.save wrote, found something else of ", file.size(),
       " bytes");
}

}  // namespace retort
