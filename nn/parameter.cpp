#include "nn/parameter.h"

#include "tensor/base/error.h"
#include "tensor/base/philox.h"

namespace retort {

Parameter& ParameterList::add(std::string name, Shape shape, Init init, bool decay, Part part) {
  check(!by_name_.contains(name), "model: the parameter ", name, " exists twice");
  parameters_.push_back({std::move(name), shape, init, decay, part});
  Parameter& parameter = parameters_.back();
  by_name_.emplace(parameter.name, &parameter);
  return parameter;
}

Parameter* ParameterList::find(std::string_view name) {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

const Parameter* ParameterList::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

std::int64_t ParameterList::count() const {
  std::int64_t count = 0;
  for (const Parameter& parameter : parameters_) count += parameter.shape.count();
  return count;
}

Scope Scope::operator/(std::string_view name) const {
  return Scope(*list_, prefix_.empty() ? std::string(name) : prefix_ + "." + std::string(name),
               part_);
}

Parameter& Scope::add(std::string_view name, Shape shape, Init init, bool decay) const {
  return list_->add((*this / name).name(), shape, init, decay, part_);
}

std::uint32_t random_site(std::string_view name) {
  std::uint32_t hash = 2166136261u;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return hash;
}

void initialize(Parameter& parameter, double deviation, std::uint64_t seed) {
  Tensor value = Tensor::empty(parameter.shape);
  switch (parameter.init) {
    case Init::zeros:
      value = Tensor::zeros(parameter.shape);
      break;
    case Init::ones:
      value = Tensor::full(parameter.shape, 1);
      break;
    case Init::normal: {
      RandomStream random(seed, random_site(parameter.name));
      float* data = value.mutable_data<float>();
      for (std::int64_t i = 0; i < value.count(); ++i)
        data[i] = static_cast<float>(deviation * parameter.deviation * random.normal());
    }
  }
  parameter.variable = Variable::parameter(value);
}

}  // namespace retort
