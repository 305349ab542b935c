// Every kind of term, one line each.
#include "distill/objective/term.h"
#include "tensor/base/error.h"

namespace retort {

const TermKind& term_kind(const std::string& match) {
  static const TermKind* const kKinds[] = {
      &kLabelsTerm,
      &kLogitsTerm,
  };
  std::string names;
  for (const TermKind* kind : kKinds) {
    if (match == kind->match) return *kind;
    names += (names.empty() ? "" : ", ") + std::string(kind->match);
  }
  fail("objective: there is no term '", match, "'; there are ", names);
}

}  // namespace retort
