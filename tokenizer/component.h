// What the readers of components have in common.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tensor/base/error.h"
#include "tensor/base/json.h"

namespace retort {

/// The "type" of a component. Errors: not an object, no type.
inline std::string component_type(const Json& json, const std::string& where) {
  json.as_object(where);
  const std::string type = json.get("type", "");
  check(!type.empty(), where, ": has no type");
  return type;
}

/// The elements of the array `key` of a Sequence, each made by make(element, where).
template <class Component, class Make>
std::vector<std::unique_ptr<Component>> component_list(const Json& json, const char* key,
                                                       const std::string& where, Make&& make) {
  const Json* list = json.find(key);
  check(list != nullptr, where, ": has no ", key);
  std::vector<std::unique_ptr<Component>> result;
  for (const Json& element : list->as_array(where))
    result.push_back(make(element, where + "." + key + "[" + std::to_string(result.size()) + "]"));
  return result;
}

}  // namespace retort
