// From the tree of a regular expression to its program.
#pragma once

#include <string>

#include "tokenizer/regex/node.h"
#include "tokenizer/regex/regex.h"

namespace retort {

class RegexCompiler {
 public:
  /// `where` starts the error message about a program that is too long.
  RegexCompiler(Regex& regex, std::string where) : regex_(regex), where_(std::move(where)) {}
  void run(const regex::Node& root);

 private:
  using Op = Regex::Op;
  using Node = regex::Node;

  std::uint32_t here() const { return static_cast<std::uint32_t>(regex_.program_.size()); }
  std::uint32_t add(Op op, std::uint32_t a = 0, std::uint32_t b = 0, std::uint32_t c = 0);
  void emit(const Node& node);
  void emit_alternatives(const Node& node);
  void emit_repeat(const Node& node);

  Regex& regex_;
  std::string where_;
};

}  // namespace retort
