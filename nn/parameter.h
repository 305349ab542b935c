// Named parameters: what a model is made of, what weight files hold and optimisers update.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "autograd/variable.h"
#include "tensor/prepared.h"

namespace retort {

/// How a parameter without weights in a file is made.
enum class Init { normal, zeros, ones };

/// What a parameter belongs to: a body must be whole; what a file lacks of the others is made anew.
enum class Part { body, pooler, head };

struct Parameter {
  std::string name;  ///< equals the Hugging Face state-dict name
  Shape shape;
  Init init = Init::normal;
  bool decay = true;  ///< biases and norms are not decayed
  Part part = Part::body;
  double deviation = 1;  ///< of its first values, in units of the configuration's
  /// Other names under which a file may hold it: those of a head that shares it.
  std::vector<std::string> aliases = {};
  Variable variable = {};  ///< a leaf, or a constant when frozen; undefined until loaded or initialised
  std::shared_ptr<Prepared> prepared = std::make_shared<Prepared>();  ///< packed copies of the variable
};

/// All parameters of a model in the order of their creation; addresses never change.
class ParameterList {
 public:
  Parameter& add(std::string name, Shape shape, Init init, bool decay, Part part = Part::body);
  Parameter* find(std::string_view name);
  const Parameter* find(std::string_view name) const;

  auto begin() { return parameters_.begin(); }
  auto end() { return parameters_.end(); }
  auto begin() const { return parameters_.begin(); }
  auto end() const { return parameters_.end(); }

  /// Numbers in all parameters, from shapes alone.
  std::int64_t count() const;

 private:
  std::deque<Parameter> parameters_;
  std::unordered_map<std::string_view, Parameter*> by_name_;
};

/// A place in the tree of names: Scope(list)/"bert"/"encoder" adds "bert.encoder.…".
class Scope {
 public:
  explicit Scope(ParameterList& list, std::string prefix = {}, Part part = Part::body)
      : list_(&list), prefix_(std::move(prefix)), part_(part) {}
  Scope operator/(std::string_view name) const;
  /// The same place for parameters of another part.
  Scope of(Part part) const { return Scope(*list_, prefix_, part); }
  const std::string& name() const { return prefix_; }
  Parameter& add(std::string_view name, Shape shape, Init init, bool decay) const;

 private:
  ParameterList* list_;
  std::string prefix_;
  Part part_;
};

/// Gives `parameter` its initial value: normal(0, deviation · its own), zeros or ones. The bits depend on the
/// seed and the parameter's name alone, not on what else the model has.
void initialize(Parameter& parameter, double deviation, std::uint64_t seed);

/// A 32-bit FNV-1a hash: the site that a module of this name draws random bits from.
std::uint32_t random_site(std::string_view name);

}  // namespace retort
