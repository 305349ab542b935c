#include "nn/weights/pickle.h"

#include <bit>
#include <cstring>

#include "nn/weights/safetensors_format.h"
#include "tensor/base/error.h"

namespace retort {
namespace {

using Kind = PickleValue::Kind;

// 10^6 tensors take some 35 opcodes each; every opcode keeps at most a few values of 16 bytes.
constexpr std::size_t kMaxOpcodes = 64'000'000;
constexpr std::size_t kMaxGlobalName = 200;

// Opcodes that exist and aren't needed, for messages.
struct OpcodeName {
  unsigned char code;
  const char* name;
};
constexpr OpcodeName kOtherOpcodes[] = {
    {'0', "POP"},         {'1', "POP_MARK"},     {'2', "DUP"},
    {'F', "FLOAT"},       {'I', "INT"},          {'L', "LONG"},
    {'P', "PERSID"},      {'S', "STRING"},       {'V', "UNICODE"},
    {'d', "DICT"},        {'g', "GET"},          {'i', "INST"},
    {'l', "LIST"},        {'o', "OBJ"},          {'p', "PUT"},
    {0x81, "NEWOBJ"},     {0x82, "EXT1"},        {0x83, "EXT2"},
    {0x84, "EXT4"},       {0x8b, "LONG4"},       {0x8f, "EMPTY_SET"},
    {0x90, "ADDITEMS"},   {0x91, "FROZENSET"},   {0x92, "NEWOBJ_EX"},
    {0x96, "BYTEARRAY8"}, {0x97, "NEXT_BUFFER"}, {0x98, "READONLY_BUFFER"}};

const char* opcode_name(unsigned char code) {
  for (const OpcodeName& known : kOtherOpcodes)
    if (known.code == code) return known.name;
  return "unknown";
}

}  // namespace

const char* kind_name(Kind kind) {
  constexpr const char* kNames[] = {"None",   "a boolean", "an integer",      "a number",
                                    "a text", "bytes",     "a tuple",         "a list",
                                    "a dict", "a class",   "a Python object", "a storage"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::span<const PickleValue> Pickle::items(const PickleValue& value) const {
  switch (value.kind) {
    case Kind::list:
    case Kind::dict:
      return lists_[value.at];
    case Kind::tuple:
      return std::span(fixed_).subspan(value.at, value.size);
    case Kind::call:
      return std::span(fixed_).subspan(value.at, 2);
    case Kind::persistent:
      return std::span(fixed_).subspan(value.at, 1);
    default:
      return {};
  }
}

class PickleMachine {
 public:
  PickleMachine(std::span<const std::byte> file, std::size_t begin,
                std::span<const PickleGlobal> allowed, const std::string& name, Pickle& pickle)
      : file_(file), at_(begin), allowed_(allowed), name_(name), pickle_(pickle) {}

  void run() {
    for (;; ++count_) {
      check(count_ < kMaxOpcodes, name_, ": its pickle has more than ", kMaxOpcodes,
            " instructions; it isn't a file of weights");
      opcode_at_ = at_;
      const auto code = read<unsigned char>();
      if (code == '.') break;
      step(code);
    }
    expect(stack_.size() == 1 && marks_.empty(), "ends with ", stack_.size(),
           " values where one is expected");
    pickle_.root_ = stack_.back();
    pickle_.end_ = at_;
  }

 private:
  // Errors of the instruction that is being read.
  template <class... Parts>
  void expect(bool condition, const Parts&... parts) const {
    if (!condition) [[unlikely]]
      fail(name_, ": the pickle's instruction at byte ", opcode_at_, " ", parts...,
           "; the file is damaged");
  }

  template <class T>
  T read() {
    expect(file_.size() - at_ >= sizeof(T), "goes beyond the end of the file");
    T value;
    std::memcpy(&value, file_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }

  std::string_view read_bytes(std::uint64_t size) {
    expect(size <= file_.size() - at_, "has ", size, " bytes of text where ", file_.size() - at_,
           " are left");
    expect(size <= UINT32_MAX, "has ", size, " bytes of text");
    const std::string_view bytes(reinterpret_cast<const char*>(file_.data()) + at_,
                                 static_cast<std::size_t>(size));
    at_ += bytes.size();
    return bytes;
  }

  std::string_view read_line() {
    const std::string_view rest(reinterpret_cast<const char*>(file_.data()) + at_,
                                std::min(file_.size() - at_, kMaxGlobalName + 1));
    const std::size_t end = rest.find('\n');
    expect(end != std::string_view::npos, "has a name that doesn't end");
    at_ += end + 1;
    return rest.substr(0, end);
  }

  void push(const PickleValue& value) { stack_.push_back(value); }
  void push_integer(std::int64_t integer, Kind kind = Kind::integer) {
    PickleValue value(kind);
    value.integer = integer;
    push(value);
  }
  void push_text(std::string_view text, Kind kind = Kind::text) {
    PickleValue value(kind, static_cast<std::uint32_t>(text.size()));
    value.data = text.data();
    push(value);
  }
  PickleValue pop() {
    // A value below the last mark belongs to whatever collects from that mark.
    expect(stack_.size() > (marks_.empty() ? 0 : marks_.back()),
           "takes a value where there is none");
    const PickleValue value = stack_.back();
    stack_.pop_back();
    return value;
  }
  // Where the values since the last mark begin; the mark is gone afterwards.
  std::size_t pop_mark() {
    expect(!marks_.empty(), "needs a mark where there is none");
    const std::size_t first = marks_.back();
    marks_.pop_back();
    return first;
  }

  // The topmost values from `first` on, as the items of one value.
  void collect(std::size_t first, Kind kind) {
    PickleValue value(kind, static_cast<std::uint32_t>(stack_.size() - first));
    value.at = pickle_.fixed_.size();
    pickle_.fixed_.insert(pickle_.fixed_.end(), stack_.begin() + static_cast<std::ptrdiff_t>(first),
                          stack_.end());
    stack_.resize(first);
    push(value);
  }
  void collect_last(std::size_t count, Kind kind) {
    expect(stack_.size() - (marks_.empty() ? 0 : marks_.back()) >= count, "takes ", count,
           " values where there are fewer");
    collect(stack_.size() - count, kind);
  }
  void push_container(Kind kind) {
    PickleValue value(kind);
    value.at = pickle_.lists_.size();
    pickle_.lists_.emplace_back();
    push(value);
  }

  // Moves the values from `first` on into the list or dict below them.
  void add_items(std::size_t first, Kind kind) {
    expect(first > (marks_.empty() ? 0 : marks_.back()) && stack_[first - 1].kind == kind,
           "adds to something that isn't ", kind_name(kind));
    expect(kind == Kind::list || (stack_.size() - first) % 2 == 0, "sets a key without a value");
    auto& items = pickle_.lists_[stack_[first - 1].at];
    items.insert(items.end(), stack_.begin() + static_cast<std::ptrdiff_t>(first), stack_.end());
    stack_.resize(first);
  }

  void push_global(std::string_view module, std::string_view name) {
    for (std::size_t i = 0; i < allowed_.size(); ++i)
      if (allowed_[i].module == module && allowed_[i].name == name)
        return push_integer(static_cast<std::int64_t>(i), Kind::global);
    fail(name_, ": its pickle refers at byte ", opcode_at_, " to ",
         shown_name(std::string(module) + "." + std::string(name)),
         ", which weights don't need, and Retort runs no code from a file; in Python, save the "
         "model's state_dict() alone, best as safetensors");
  }

  void call() {
    collect_last(2, Kind::call);
    const auto parts = pickle_.items(stack_.back());
    expect(parts[0].kind == Kind::global && parts[1].kind == Kind::tuple, "calls ",
           kind_name(parts[0].kind));
    const PickleGlobal& callee = allowed_[static_cast<std::size_t>(parts[0].integer)];
    if (callee.module != kOrderedDict.module || callee.name != kOrderedDict.name) return;
    // OrderedDict() or, by Python 2, OrderedDict([[key, value], ...]).
    const PickleValue arguments = parts[1];
    stack_.pop_back();
    push_container(Kind::dict);
    auto& members = pickle_.lists_[stack_.back().at];
    expect(arguments.size <= 1, "calls OrderedDict with ", arguments.size, " arguments");
    if (arguments.size == 0) return;
    const PickleValue pairs = pickle_.items(arguments)[0];
    expect(pairs.kind == Kind::list, "calls OrderedDict with ", kind_name(pairs.kind));
    for (const PickleValue& pair : pickle_.items(pairs)) {
      const auto both = pickle_.items(pair);
      expect((pair.kind == Kind::list || pair.kind == Kind::tuple) && both.size() == 2,
             "calls OrderedDict with something else than pairs");
      // Every pair took an instruction; only a list that is used again and again can pass that.
      expect(++copied_ <= count_, "makes more members than there are");
      members.insert(members.end(), both.begin(), both.end());
    }
  }

  void put(std::uint64_t index) {
    expect(index <= memo_.size(), "stores value ", index, " out of turn");
    expect(!stack_.empty(), "stores a value where there is none");
    if (index == memo_.size()) memo_.push_back(stack_.back());
    else memo_[static_cast<std::size_t>(index)] = stack_.back();
  }
  void get(std::uint64_t index) {
    expect(index < memo_.size(), "asks for the stored value ", index, " of ", memo_.size());
    push(memo_[static_cast<std::size_t>(index)]);
  }

  void push_long(std::string_view digits) {  // little-endian, two's complement
    if (digits.size() > sizeof(std::int64_t)) return push_text(digits, Kind::bytes);
    std::uint64_t value = !digits.empty() && (digits.back() & 0x80) != 0 ? ~std::uint64_t{0} : 0;
    std::memcpy(&value, digits.data(), digits.size());
    push_integer(static_cast<std::int64_t>(value));
  }

  void step(unsigned char code) {
    switch (code) {
      case 0x80: {  // PROTO
        const auto protocol = read<unsigned char>();
        expect(protocol >= 2 && protocol <= 5, "names the protocol ", int{protocol},
               " where 2 to 5 are read");
        return;
      }
      case 0x95:
        read<std::uint64_t>();
        return;  // FRAME: how far to read ahead
      case '(':
        marks_.push_back(stack_.size());
        return;
      case 'N':
        return push({});
      case 0x88:
        return push_integer(1, Kind::boolean);
      case 0x89:
        return push_integer(0, Kind::boolean);
      case 'J':
        return push_integer(read<std::int32_t>());
      case 'K':
        return push_integer(read<std::uint8_t>());
      case 'M':
        return push_integer(read<std::uint16_t>());
      case 0x8a:
        return push_long(read_bytes(read<std::uint8_t>()));  // LONG1
      case 'G': {                                            // BINFLOAT, big-endian
        auto bits = read<std::uint64_t>(), reversed = std::uint64_t{0};
        for (int i = 0; i < 8; ++i, bits >>= 8) reversed = reversed << 8 | (bits & 0xFF);
        PickleValue value(Kind::number);
        value.number = std::bit_cast<double>(reversed);
        return push(value);
      }
      case 'X':
        return push_text(read_bytes(read<std::uint32_t>()));  // BINUNICODE
      case 0x8c:
        return push_text(read_bytes(read<std::uint8_t>()));  // SHORT_BINUNICODE
      case 0x8d:
        return push_text(read_bytes(read<std::uint64_t>()));  // BINUNICODE8
      case 'T':
        return push_text(read_bytes(read<std::uint32_t>()));  // BINSTRING, by Python 2
      case 'U':
        return push_text(read_bytes(read<std::uint8_t>()));  // SHORT_BINSTRING
      case 'B':
        return push_text(read_bytes(read<std::uint32_t>()), Kind::bytes);
      case 'C':
        return push_text(read_bytes(read<std::uint8_t>()), Kind::bytes);
      case 0x8e:
        return push_text(read_bytes(read<std::uint64_t>()), Kind::bytes);
      case ')':
        return collect(stack_.size(), Kind::tuple);
      case 0x85:
        return collect_last(1, Kind::tuple);
      case 0x86:
        return collect_last(2, Kind::tuple);
      case 0x87:
        return collect_last(3, Kind::tuple);
      case 't':
        return collect(pop_mark(), Kind::tuple);
      case ']':
        return push_container(Kind::list);
      case '}':
        return push_container(Kind::dict);
      case 'a':
        return add_items(stack_.size() - std::min<std::size_t>(stack_.size(), 1), Kind::list);
      case 'e':
        return add_items(pop_mark(), Kind::list);
      case 's':
        return add_items(stack_.size() - std::min<std::size_t>(stack_.size(), 2), Kind::dict);
      case 'u':
        return add_items(pop_mark(), Kind::dict);
      case 'q':
        return put(read<std::uint8_t>());
      case 'r':
        return put(read<std::uint32_t>());
      case 0x94:
        return put(memo_.size());  // MEMOIZE
      case 'h':
        return get(read<std::uint8_t>());
      case 'j':
        return get(read<std::uint32_t>());
      case 'c': {  // GLOBAL
        const std::string_view module = read_line();
        return push_global(module, read_line());
      }
      case 0x93: {  // STACK_GLOBAL
        const PickleValue name = pop(), module = pop();
        expect(name.kind == Kind::text && module.kind == Kind::text, "names a class by ",
               kind_name(name.kind));
        return push_global(module.text(), name.text());
      }
      case 'Q':
        return collect_last(1, Kind::persistent);
      case 'R':
        return call();
      case 'b':  // BUILD: attributes of the value below, such as a state_dict's _metadata
        pop();
        expect(!stack_.empty() && stack_.back().kind == Kind::dict,
               "gives attributes to something that isn't a dict");
        return;
      default: {
        constexpr char kDigits[] = "0123456789abcdef";
        const char hex[] = {'0', 'x', kDigits[code >> 4], kDigits[code & 15], 0};
        fail(name_, ": its pickle has the instruction ", hex, " (", opcode_name(code), ") at byte ",
             opcode_at_,
             ", which torch.save doesn't write for weights; in Python, save the model's "
             "state_dict() alone, best as safetensors");
      }
    }
  }

  std::span<const std::byte> file_;
  std::size_t at_, opcode_at_ = 0;
  std::size_t count_ = 0;   // of instructions so far
  std::size_t copied_ = 0;  // members that OrderedDict took from lists of pairs
  std::span<const PickleGlobal> allowed_;
  const std::string& name_;
  Pickle& pickle_;
  std::vector<PickleValue> stack_, memo_;
  std::vector<std::size_t> marks_;
};

Pickle::Pickle(std::span<const std::byte> file, std::size_t begin,
               std::span<const PickleGlobal> allowed, const std::string& name) {
  PickleMachine(file, begin, allowed, name, *this).run();
}

}  // namespace retort
