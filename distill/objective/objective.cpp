#include "distill/objective/objective.h"

#include <cmath>

#include "autograd/ops.h"
#include "tensor/base/error.h"

namespace retort {

Objective::Objective(std::vector<Term> terms) {
  for (Term& term : terms) {
    check(term.weight >= 0 && std::isfinite(term.weight), "objective: ", term.match,
          ": expected a weight of 0 or more, found ", term.weight);
    term_kind(term.match).complete(term);
    if (term.weight > 0) terms_.push_back(term);
  }
  check(!terms_.empty(), "objective: expected at least one term with a weight above 0");
}

Objective Objective::distillation(double alpha, double temperature) {
  check(alpha >= 0 && alpha <= 1, "--alpha: expected a number from 0 (labels alone) to 1 (teacher alone), found ",
        alpha);
  check(temperature > 0 && temperature <= 1e6, "--temperature: expected a number above 0, found ", temperature);
  Term soft, hard;
  soft.match = "logits";
  soft.weight = alpha;
  soft.temperature = temperature;
  hard.match = "labels";
  hard.weight = 1 - alpha;
  return Objective(std::vector<Term>{soft, hard});
}

Objective Objective::labels_only() {
  Term hard;
  hard.match = "labels";
  return Objective(std::vector<Term>{hard});
}

Objective Objective::parse(const Json& list, const std::string& name) {
  std::vector<Term> terms;
  for (const Json& item : list.as_array(name + ": objective")) {
    Term term;
    for (const auto& [key, value] : item.as_object(name + ": objective")) {
      const std::string what = name + ": objective: " + key;
      if (key == "match") term.match = value.as_string(what);
      else if (key == "loss") term.loss = value.as_string(what);
      else if (key == "weight") term.weight = value.as_number(what);
      else if (key == "temperature") term.temperature = value.as_number(what);
      else if (key == "t_squared") term.t_squared = value.as_bool(what);
      else fail(what, ": there is no such key; there are match, loss, weight, temperature, t_squared");
    }
    terms.push_back(std::move(term));
  }
  return Objective(std::move(terms));
}

void Objective::fit(Problem problem) {
  for (Term& term : terms_)
    term.loss = problem == Problem::multi_label  ? kBinaryCrossEntropy
                : problem == Problem::regression ? kMse
                                                 : term_kind(term.match).single_label_loss;
}

bool Objective::needs_teacher() const {
  for (const Term& term : terms_)
    if (term_kind(term.match).needs_teacher) return true;
  return false;
}

Json Objective::to_json() const {
  Json list = Json::Array{};
  for (const Term& term : terms_) {
    Json item;
    item["match"] = term.match;
    item["loss"] = term.loss;
    item["weight"] = term.weight;
    if (term.match == "logits") {
      item["temperature"] = term.temperature;
      item["t_squared"] = term.t_squared;
    }
    list.push_back(item);
  }
  return list;
}

Variable Objective::evaluate(const TermInputs& inputs, std::vector<double>& values) const {
  values.resize(terms_.size());
  Variable total;
  for (std::size_t i = 0; i < terms_.size(); ++i) {
    const Variable value = term_kind(terms_[i].match).value(terms_[i], inputs);
    values[i] += value.item();
    const Variable weighted = terms_[i].weight == 1 ? value : scale(value, terms_[i].weight);
    total = total.defined() ? total + weighted : weighted;
  }
  return total;
}

}  // namespace retort
