// Python pickles, as data: what torch.save writes around the numbers of a file.
//
// A pickle is a program for a small stack machine. Here it can only build values: a reference to a
// class or function is its number in a list of those that the caller allows, and calling one makes
// a value that holds the callable and its arguments. Nothing is looked up, nothing runs. The file
// is hostile input: memory is at most a small multiple of the bytes that were read, nothing
// recurses, and an opcode or a name that files of weights don't need is an error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace retort {

/// A class or function that a pickle may refer to.
struct PickleGlobal {
  std::string_view module, name;
};
/// In every list of allowed globals, the machine's own: calling it makes a dict.
inline constexpr PickleGlobal kOrderedDict = {"collections", "OrderedDict"};

struct PickleValue {
  enum class Kind : std::uint8_t {
    none,
    boolean,
    integer,
    number,
    text,
    bytes,  // also integers of more than 8 bytes
    tuple,
    list,
    dict,        // its items are key, value, key, value, ...
    global,      // `integer` is its place in the list of allowed ones
    call,        // items: the callable and a tuple of arguments
    persistent,  // items: the id
  };
  PickleValue() = default;
  explicit PickleValue(Kind of, std::uint32_t many = 0) : kind(of), size(many) {}

  Kind kind = Kind::none;
  std::uint32_t size = 0;  // of a text, of a tuple
  union {
    std::int64_t integer = 0;
    double number;
    const char* data;  // of a text, in the file
    std::uint64_t at;  // where the items are
  };

  std::string_view text() const { return {data, size}; }
};

/// "a number", "a tuple", ...: for messages.
const char* kind_name(PickleValue::Kind kind);

class Pickle {
 public:
  /// Reads the one pickle that begins at byte `begin` of `file`; texts stay in the file. `name`
  /// starts every message. Errors name the byte: a global that isn't `allowed`, an opcode that
  /// torch.save doesn't write (protocols 2 to 5), a file that is cut, a pickle that uses values
  /// that aren't there or is far longer than the names of a million tensors need.
  Pickle(std::span<const std::byte> file, std::size_t begin, std::span<const PickleGlobal> allowed,
         const std::string& name);

  const PickleValue& root() const { return root_; }
  /// The byte behind it.
  std::size_t end() const { return end_; }
  /// Of a tuple, list, dict, call or persistent value. Values may share items, and a list or dict
  /// may hold itself: whoever walks them has to count.
  std::span<const PickleValue> items(const PickleValue& value) const;

 private:
  friend class PickleMachine;
  std::vector<PickleValue> fixed_;              // of tuples, calls, persistent values
  std::deque<std::vector<PickleValue>> lists_;  // of lists and dicts
  PickleValue root_;
  std::size_t end_ = 0;
};

}  // namespace retort
