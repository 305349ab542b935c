#include "distill/recipe.h"

#include <cmath>

#include "distill/model_directory.h"
#include "tensor/base/error.h"

namespace retort {
namespace {

// Reading and writing the fields go through one list, so that neither can forget one. A visitor has
// `void operator()(const char* key, T& field)` for every T below.
template <class Fields, class Visitor>
void visit(Fields& recipe, Visitor&& field) {
  field("command", recipe.command);
  field("teacher", recipe.teacher);
  field("student", recipe.student);
  field("model", recipe.model);
  field("data", recipe.data);
  field("dev", recipe.dev);
  field("out", recipe.out);
  field("rename", recipe.rename);
  field("student_layers", recipe.student_layers);
  field("student_type", recipe.student_type);
  field("student_head", recipe.student_head);
  field("problem", recipe.problem);
  field("labels", recipe.labels);
  field("head_layers", recipe.head.layers);
  field("head_activation", recipe.head.activation);
  field("head_dropout", recipe.head.dropout);
  field("pooling", recipe.head.pooling);
  field("format", recipe.table.format);
  field("text_column", recipe.table.text_column);
  field("pair_column", recipe.table.pair_column);
  field("label_column", recipe.table.label_column);
  field("label_columns", recipe.table.label_columns);
  field("rows", recipe.table.rows);
  field("limit", recipe.table.limit);
  field("max_length", recipe.max_length);
  field("pair_style", recipe.pair_style);
  field("objective", recipe.objective);
  field("lr", recipe.lr);
  field("schedule", recipe.schedule);
  field("warmup", recipe.warmup);
  field("weight_decay", recipe.weight_decay);
  field("decay_all", recipe.decay_all);
  field("clip", recipe.clip);
  field("batch_size", recipe.batch_size);
  field("micro_batch_size", recipe.micro_batch_size);
  field("epochs", recipe.epochs);
  field("seed", recipe.seed);
  field("dropout", recipe.dropout);
  field("checkpoint_every", recipe.checkpoint_every);
  field("threads", recipe.threads);
}

struct Writer {
  Json json = Json::Object{};

  void operator()(const char* key, const std::string& value) {
    if (!value.empty()) json[key] = value;
  }
  void operator()(const char* key, std::int64_t value) {
    if (std::string_view(key) != "limit" || value >= 0) json[key] = value;
  }
  void operator()(const char* key, int value) {
    if (value > 0) json[key] = value;
  }
  void operator()(const char* key, std::uint64_t value) { json[key] = static_cast<std::int64_t>(value); }
  void operator()(const char* key, double value) { json[key] = value; }
  void operator()(const char* key, bool value) { json[key] = value; }
  void operator()(const char* key, const Objective& value) {
    if (!value.terms().empty()) json[key] = value.to_json();
  }
  template <class T>
  void operator()(const char* key, const std::vector<T>& value) {
    if (value.empty()) return;
    Json list = Json::Array{};
    for (const T& item : value) list.push_back(item);
    json[key] = list;
  }
  template <class T>
  void operator()(const char* key, const std::optional<T>& value) {
    if (value) (*this)(key, *value);
  }
};

struct Reader {
  const Json& json;
  const std::string& file;

  void read(const Json& value, const std::string& what, std::string& to) { to = value.as_string(what); }
  void read(const Json& value, const std::string& what, std::int64_t& to) { to = value.as_integer(what); }
  void read(const Json& value, const std::string& what, int& to) {
    const std::int64_t number = value.as_integer(what);
    check(number >= -(1 << 30) && number <= 1 << 30, what, ": ", number, " is out of range");
    to = static_cast<int>(number);
  }
  void read(const Json& value, const std::string& what, std::uint64_t& to) {
    to = static_cast<std::uint64_t>(value.as_integer(what));
  }
  void read(const Json& value, const std::string& what, double& to) { to = value.as_number(what); }
  void read(const Json& value, const std::string& what, bool& to) { to = value.as_bool(what); }
  void read(const Json& value, const std::string&, Objective& to) { to = Objective::parse(value, file); }
  template <class T>
  void read(const Json& value, const std::string& what, std::vector<T>& to) {
    to.clear();
    for (const Json& item : value.as_array(what)) read(item, what, to.emplace_back());
  }
  template <class T>
  void read(const Json& value, const std::string& what, std::optional<T>& to) {
    read(value, what, to.emplace());
  }
  template <class T>
  void operator()(const char* key, T& to) {
    const Json* value = json.find(key);
    if (value && !value->is_null()) read(*value, file + ": " + key, to);
  }
};

struct KeyList {
  std::vector<std::string> keys;
  template <class T>
  void operator()(const char* key, const T&) {
    keys.emplace_back(key);
  }
};

bool changes_results(const std::string& key) {
  for (const char* free : {"teacher", "student", "model", "data", "dev", "out", "checkpoint_every", "threads"})
    if (key == free) return false;
  return true;
}

}  // namespace

void Recipe::apply_notebook_preset() {
  schedule = "constant";
  warmup = 0;
  clip = 0;
  weight_decay = 0.01;
  decay_all = true;
}

void Recipe::check_values() const {
  const auto within = [](const char* flag, double value, double least, double most) {
    check(value >= least && value <= most, flag, ": expected a number from ", least, " to ", most,
          ", found ", value);
  };
  if (lr) {
    check(std::isfinite(*lr) && *lr > 0, "--lr: expected a number above 0, found ", *lr);
  }
  within("--warmup", warmup, 0, 1);
  within("--weight-decay", weight_decay, 0, 10);
  within("--clip", clip, 0, 1e9);
  within("--batch-size", static_cast<double>(batch_size), 1, 1 << 20);
  within("--micro-batch-size", static_cast<double>(micro_batch_size), 0, 1 << 20);
  within("--epochs", static_cast<double>(epochs), 1, 100000);
  within("--checkpoint-every", static_cast<double>(checkpoint_every), 0, 1e12);
  if (dropout) within("--dropout", *dropout, 0, 0.999);
  check(schedule == "linear" || schedule == "constant",
        "--schedule: expected linear or constant, found '", schedule, "'");
  check(student_head == "copy" || student_head == "fresh",
        "--student-head: expected copy or fresh, found '", student_head, "'");
  check(student_type == "distilbert" || student_type == "same",
        "--student-type: expected distilbert or same, found '", student_type, "'");
  if (pair_style) parse_pair_style(*pair_style);
  if (!problem.empty()) parse_problem(problem);
  table.options();
}

TableOptions Recipe::table_options(Problem of, bool training) const {
  TableFlags flags = table;
  if (!training) {
    flags.rows.clear();
    flags.limit = -1;
  }
  TableOptions options = flags.options();
  options.several_labels = of != Problem::single_label;
  return options;
}

Json Recipe::to_json() const {
  Writer writer;
  visit(*this, writer);
  return writer.json;
}

Recipe Recipe::parse(const Json& json, const std::string& file) {
  KeyList list;
  Recipe recipe;
  visit(recipe, list);
  for (const auto& [key, value] : json.as_object(file)) {
    bool known = false;
    for (const std::string& name : list.keys) known = known || name == key;
    check(known, file, ": '", key, "' isn't a key of a recipe");
  }
  visit(recipe, Reader{json, file});
  return recipe;
}

std::string Recipe::difference(const Recipe& other) const {
  KeyList list;
  visit(*this, list);
  const Json ours = to_json(), theirs = other.to_json();
  for (const std::string& key : list.keys) {
    if (!changes_results(key)) continue;
    const Json* a = ours.find(key);
    const Json* b = theirs.find(key);
    const Json x = a ? *a : Json(), y = b ? *b : Json();
    if (!(x == y)) return key + " was " + x.dump() + " and is now " + y.dump();
  }
  return {};
}

}  // namespace retort
