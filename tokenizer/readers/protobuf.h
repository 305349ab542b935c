// Reading the wire format of protocol buffers: fields, one after the other.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "tensor/base/error.h"

namespace retort {

class ProtobufReader {
 public:
  ProtobufReader(std::string_view bytes, const std::string& name) : bytes_(bytes), name_(name) {}

  /// Goes to the next field; false at the end. Errors: a field that reaches behind the end, an
  /// unknown wire type.
  bool next() {
    if (at_ >= bytes_.size()) return false;
    const std::uint64_t tag = varint();
    field_ = tag >> 3;
    data_ = {};
    number_ = 0;
    switch (tag & 7) {
      case 0:
        number_ = varint();
        break;
      case 1:
        data_ = take(8);
        break;
      case 2:
        data_ = take(varint());
        break;
      case 5:
        data_ = take(4);
        break;
      default:
        fail(name_, ": has a field of the unknown wire type ", tag & 7, " at byte ", at_);
    }
    return true;
  }

  std::uint64_t field() const { return field_; }
  /// Of a number; 0 for other fields.
  std::uint64_t number() const { return number_; }
  /// Of a string, a message or a fixed-size number; empty for other fields.
  std::string_view data() const { return data_; }
  float as_float() const {
    float value = 0;
    if (data_.size() == 4) std::memcpy(&value, data_.data(), 4);  // little endian, as the machine
    return value;
  }

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      check(at_ < bytes_.size(), name_, ": ends within a number");
      const auto byte = static_cast<unsigned char>(bytes_[at_++]);
      value |= std::uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) return value;
    }
    fail(name_, ": has a number of more than 64 bits before byte ", at_);
  }

  std::string_view take(std::uint64_t size) {
    check(size <= bytes_.size() - at_, name_, ": has a field of ", size, " bytes at byte ", at_,
          ", but only ", bytes_.size() - at_, " follow");
    const std::string_view data = bytes_.substr(at_, static_cast<std::size_t>(size));
    at_ += static_cast<std::size_t>(size);
    return data;
  }

  std::string_view bytes_;
  std::string name_;
  std::size_t at_ = 0;
  std::uint64_t field_ = 0, number_ = 0;
  std::string_view data_;
};

}  // namespace retort
