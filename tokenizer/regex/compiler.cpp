#include "tokenizer/regex/compiler.h"

#include "tensor/base/error.h"

namespace retort {
namespace {

constexpr std::size_t kMaxProgram = 100000;

}  // namespace

void RegexCompiler::run(const regex::Node& root) {
  emit(root);
  add(Op::kAccept);
}

std::uint32_t RegexCompiler::add(Op op, std::uint32_t a, std::uint32_t b, std::uint32_t c) {
  check(regex_.program_.size() < kMaxProgram, where_, "is too long");
  regex_.program_.push_back({op, a, b, c});
  return here() - 1;
}

void RegexCompiler::emit(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kEmpty:
      break;
    case Node::Kind::kSet:
      add(Op::kSet, node.value);
      break;
    case Node::Kind::kAny:
      add(Op::kAny, node.value);
      break;
    case Node::Kind::kAssert:
      add(static_cast<Op>(node.value));
      break;
    case Node::Kind::kSequence:
      for (const Node& child : node.children) emit(child);
      break;
    case Node::Kind::kAlternatives:
      emit_alternatives(node);
      break;
    case Node::Kind::kRepeat:
      emit_repeat(node);
      break;
    case Node::Kind::kLook:
    case Node::Kind::kAtomic: {
      const Op op = node.kind == Node::Kind::kAtomic ? Op::kAtomic : static_cast<Op>(node.value);
      const std::uint32_t start = add(op, 0, node.min, node.max);
      emit(node.children[0]);
      add(Op::kAccept);
      regex_.program_[start].a = here();
      break;
    }
  }
}

void RegexCompiler::emit_alternatives(const Node& node) {
  std::vector<std::uint32_t> ends;
  for (std::size_t i = 0; i < node.children.size(); ++i) {
    const bool last = i + 1 == node.children.size();
    const std::uint32_t split = last ? 0 : add(Op::kSplit, here() + 1);
    emit(node.children[i]);
    if (last) break;
    ends.push_back(add(Op::kJump));
    regex_.program_[split].b = here();
  }
  for (const std::uint32_t end : ends) regex_.program_[end].a = here();
}

void RegexCompiler::emit_repeat(const Node& node) {
  const Node& child = node.children[0];
  const bool lazy = node.mode == Node::Mode::kLazy,
             possessive = node.mode == Node::Mode::kPossessive;
  if (child.kind == Node::Kind::kSet && node.max == regex::kNoLimit && !lazy) {
    add(possessive ? Op::kRepeatSetAll : Op::kRepeatSet, child.value, node.min);
    return;
  }
  const std::uint32_t atomic = possessive ? add(Op::kAtomic) : 0;
  for (std::uint32_t i = 0; i < node.min; ++i) emit(child);
  // A split goes into the loop first, or out of it first when it is lazy.
  const auto split = [&] { return add(Op::kSplit, here() + 1, here() + 1); };
  const auto leave_to = [&](std::uint32_t from, std::uint32_t to) {
    (lazy ? regex_.program_[from].a : regex_.program_[from].b) = to;
  };
  if (node.max == regex::kNoLimit) {
    const std::uint32_t slot = regex_.slots_++;
    const std::uint32_t loop = split();
    add(Op::kMark, slot);
    emit(child);
    add(Op::kCheckProgress, slot);
    add(Op::kJump, loop);
    leave_to(loop, here());
  } else {
    std::vector<std::uint32_t> splits;
    for (std::uint32_t i = node.min; i < node.max; ++i) {
      splits.push_back(split());
      emit(child);
    }
    for (const std::uint32_t from : splits) leave_to(from, here());
  }
  if (possessive) {
    add(Op::kAccept);
    regex_.program_[atomic].a = here();
  }
}

}  // namespace retort
