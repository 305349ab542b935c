#include "nn/config_keys.h"

#include "nn/layers.h"
#include "tensor/base/error.h"

namespace retort {

const Json* ConfigKeys::find(const char* key) const {
  const Json* value = reading() ? from_->find(key) : nullptr;
  return value && !value->is_null() ? value : nullptr;
}

void ConfigKeys::size(const char* key, std::int64_t& value, std::int64_t most, std::int64_t least) {
  if (!reading()) {
    (*to_)[key] = value;
    return;
  }
  if (const Json* found = find(key)) value = found->as_integer(what(key));
  check(value >= least && value <= most, what(key), ": expected a number from ", least, " to ",
        most, ", found ", value);
}

void ConfigKeys::number(const char* key, double& value, double least, double most) {
  if (!reading()) {
    (*to_)[key] = value;
    return;
  }
  if (const Json* found = find(key)) value = found->as_number(what(key));
  check(value >= least && value <= most, what(key), ": expected a number from ", least, " to ",
        most, ", found ", value);
}

void ConfigKeys::text(const char* key, std::string& value) {
  if (!reading()) (*to_)[key] = value;
  else if (const Json* found = find(key)) value = found->as_string(what(key));
}

void ConfigKeys::flag(const char* key, bool& value) {
  if (!reading()) (*to_)[key] = value;
  else if (const Json* found = find(key)) value = found->as_bool(what(key));
}

void ConfigKeys::activation(const char* key, std::string& value) {
  text(key, value);
  if (reading())
    check(find_activation(value) != nullptr, what(key), ": the activation '", value,
          "' isn't supported; there are ", activation_names());
}

void ConfigKeys::only(const char* key, const Json& value) {
  if (const Json* found = find(key))
    check(*found == value, what(key), ": ", found->dump(), " isn't supported; there is ",
          value.dump());
}

void ConfigKeys::note(const char* key, Json value) {
  if (!reading()) (*to_)[key] = std::move(value);
}

}  // namespace retort
