#include "distill/run.h"

#include <memory>
#include <optional>

#include "distill/checkpoint.h"
#include "distill/data/targets.h"
#include "nn/cut_student.h"
#include "nn/weights/load.h"
#include "tensor/base/error.h"
#include "tensor/base/file.h"

namespace retort {
namespace {

namespace fs = std::filesystem;

constexpr double kRateTrained = 2e-5;
constexpr double kRateRandom = 5e-4;

// What a run works on.
struct Ingredients {
  std::optional<ModelDirectory> teacher_directory;
  std::unique_ptr<Model> teacher;
  std::unique_ptr<Model> model;  // the one that learns
  std::optional<Tokenizer> tokenizer;
  DirectoryFacts facts;  // of the result, and what it takes along
  CompanionFiles companions;
  Examples train;
  std::optional<Examples> dev;
};

class Preparation {
 public:
  Preparation(Recipe& recipe, const RunCallbacks& callbacks) : recipe_(recipe), callbacks_(callbacks) {}

  Ingredients operator()() {
    problem_ = find_problem();
    recipe_.problem = flag_name(problem_);
    recipe_.objective.fit(problem_);
    const Table train = read(recipe_.data, true);
    std::optional<Table> dev;
    if (!recipe_.dev.empty()) dev = read(recipe_.dev, false);
    if (recipe_.command == "distill") prepare_distill(train, dev);
    else prepare_train(train, dev);
    const ModelConfig& config = result_.model->config();
    say(config.model_type + ": " + std::to_string(result_.model->parameters().count()) + " parameters, " +
        std::to_string(config.layers) + " layers x " + std::to_string(config.hidden_size));
    if (const std::string note = own_head_note(config); !note.empty())
      say(recipe_.out + ": " + note);
    const LabelMap labels(config.labels);
    result_.train = encode(train, labels, "training");
    if (dev) result_.dev = encode(*dev, labels, "dev");
    return std::move(result_);
  }

 private:
  void say(const std::string& line) const {
    if (callbacks_.message) callbacks_.message(line);
  }

  // The recipe's, else the teacher's or that of the directory that is trained; several label
  // columns are no single label.
  Problem find_problem() const {
    const bool distils = recipe_.command == "distill";
    check(!distils || recipe_.labels.empty(), "distill: the labels are the teacher's");
    if (!distils && !recipe_.problem.empty()) return parse_problem(recipe_.problem);
    const std::string& path = distils ? recipe_.teacher : recipe_.model;
    check(!path.empty(), distils ? "--teacher" : "--model",
          ": expected a model directory, found nothing");
    const ModelConfig config = ModelConfig::read(path);
    const bool classifies = config.task == Task::sequence_classification;
    const Problem of_directory = classifies ? config.problem : Problem::single_label;
    if (distils) return of_directory;
    const bool several = !recipe_.table.label_columns.empty();
    return several && of_directory == Problem::single_label ? Problem::multi_label : of_directory;
  }

  Table read(const std::string& path, bool training) const {
    check(!path.empty(), "--data: expected a file with labelled texts, found nothing");
    Table table = read_table(path, recipe_.table_options(problem_, training));
    for (const std::string& warning : table.warnings) say(warning);
    return table;
  }

  Examples encode(const Table& table, const LabelMap& labels, const char* what) const {
    std::vector<std::string> warnings;
    Examples examples =
        encode_examples(table, *result_.tokenizer, &labels, result_.facts.max_length,
                        result_.facts.pair_style, &warnings, problem_);
    for (const std::string& warning : warnings) say(warning);
    say(std::string(what) + ": " + std::to_string(examples.count()) + " examples, " +
        std::to_string(examples.tokens) + " tokens, " + std::to_string(examples.truncated) +
        " truncated to " + std::to_string(result_.facts.max_length));
    return examples;
  }

  // Everything that the recipe leaves to the model's directory.
  void settle(const ModelDirectory& directory, bool random) {
    if (!recipe_.lr) recipe_.lr = random ? kRateRandom : kRateTrained;
    recipe_.max_length = directory.max_length(recipe_.max_length.value_or(0));
    if (!recipe_.pair_style) recipe_.pair_style = name(directory.facts.pair_style);
    result_.companions = CompanionFiles::read(directory.path);
    result_.facts.max_length = *recipe_.max_length;
    result_.facts.pair_style = parse_pair_style(*recipe_.pair_style);
  }

  void report(const LoadReport& load, const std::string& where) const {
    for (const std::string& line : report_lines(load, where)) say(line);
  }

  // A head is kept when the directory has been trained for classification: its labels then count.
  static bool keeps_head(const ModelDirectory& directory, const LoadReport& load) {
    return !directory.facts.random && load.fresh_head.empty();
  }

  // The label map of a model whose head is new: integers as they are, strings sorted. The numbers
  // of a regression are named by their columns, or as transformers does.
  std::vector<std::string> labels_from(const Table& train, const std::optional<Table>& dev) const {
    if (!recipe_.labels.empty()) return recipe_.labels;
    std::vector<const Table*> tables = {&train};
    if (dev) tables.push_back(&*dev);
    if (problem_ == Problem::multi_label) return labels_of_sets(tables).names();
    if (problem_ == Problem::single_label) return LabelMap::from_tables(tables).names();
    return train.label_columns.empty() ? LabelMap::placeholders(1).names() : train.label_columns;
  }

  // Loads a directory to be trained; `labels` (if any) decide a new head's labels.
  void load_student(const ModelDirectory& directory, const std::vector<std::string>* teacher_labels,
                    const Table& train, const std::optional<Table>& dev) {
    ModelConfig config = directory.config;
    if (recipe_.dropout) config.set_dropout(*recipe_.dropout);
    set_head(config, recipe_.head);
    const bool same_meaning =
        config.problem == problem_ && (recipe_.labels.empty() || recipe_.labels == config.labels);
    config.problem = problem_;
    // Whether the head is kept shows only in the file.
    LoadedModel loaded;
    LoadOptions options{.seed = recipe_.seed};
    if (recipe_.command == "train") options.rename = recipe_.rename;  // else it is the teacher's
    // One that has other labels than the config says, or another form, is no reason to give up.
    options.resize_head = true;
    if (!directory.facts.random) loaded = load_model(directory.path, config, options);
    if (directory.facts.random || !same_meaning || !keeps_head(directory, loaded.report)) {
      config.labels = teacher_labels ? *teacher_labels : labels_from(train, dev);
      options.fresh_head = true;
      loaded = load_model(directory.path, config, options);
    }
    report(loaded.report, directory.path.string());
    result_.model = std::move(loaded.model);
    result_.tokenizer = directory.tokenizer;
  }

  void prepare_train(const Table& train, const std::optional<Table>& dev) {
    const ModelDirectory directory = ModelDirectory::open_classifier(recipe_.model);
    load_student(directory, nullptr, train, dev);
    settle(directory, directory.facts.random);
  }

  void prepare_distill(const Table& train, const std::optional<Table>& dev) {
    check(!recipe_.teacher.empty(), "--teacher: expected a model directory, found nothing");
    ModelDirectory teacher = ModelDirectory::open_classifier(recipe_.teacher);
    LoadedModel loaded = load_model(teacher.path, teacher.config, {.frozen = true, .rename = recipe_.rename});
    report(loaded.report, teacher.path.string());
    check(teacher.facts.random || keeps_head(teacher, loaded.report), teacher.path.string(),
          ": has no trained classification head and can't teach; run retort train on it first");
    for (const std::string& warning : teacher.facts.warnings(teacher.path))
      say(warning + ": it has nothing to teach");
    result_.teacher = std::move(loaded.model);
    if (recipe_.student.empty()) {
      check(!recipe_.head.any(),
            "--student-layers: a cut student has its teacher's kind of head; "
            "--head-layers and --pooling go with --student");
      CutStudent cut = cut_student(*result_.teacher, {.layers = recipe_.student_layers,
                                                      .type = recipe_.student_type,
                                                      .fresh_head = recipe_.student_head == "fresh",
                                                      .seed = recipe_.seed});
      for (const std::string& note : cut.notes) say("student: " + note);
      result_.model = std::move(cut.model);
      if (recipe_.dropout) rebuild_with_dropout(*recipe_.dropout);
      result_.tokenizer = teacher.tokenizer;
      settle(teacher, false);
    } else {
      const ModelDirectory student = ModelDirectory::open_classifier(recipe_.student);
      const std::string pieces = teacher.tokenizer.difference(student.tokenizer);
      check(pieces.empty(), "teacher ", teacher.path.string(), " and student ", student.path.string(),
            " have different vocabularies: ", pieces);
      load_student(student, &teacher.config.labels, train, dev);
      settle(student, student.facts.random);
      const auto other = LabelMap(teacher.config.labels)
                             .first_difference(LabelMap(result_.model->config().labels), "the teacher", "the student");
      check(!other, "teacher ", teacher.path.string(), " and student ", student.path.string(),
            " have different labels: ", other.value_or(""));
    }
    check(*recipe_.max_length <= teacher.config.max_tokens(), "--max-length: ", *recipe_.max_length,
          " is more than the ", teacher.config.max_tokens(), " positions of the teacher ", teacher.path.string());
    if (!recipe_.objective.needs_teacher()) result_.teacher.reset();  // it never runs
  }

  // Dropout is built into the modules, so a cut model that is to use another gets new modules around
  // its weights.
  void rebuild_with_dropout(double probability) {
    ModelConfig config = result_.model->config();
    config.set_dropout(probability);
    std::unique_ptr<Model> rebuilt = make_model(config);
    for (Parameter& parameter : rebuilt->parameters())
      parameter.variable = result_.model->parameters().find(parameter.name)->variable;
    result_.model = std::move(rebuilt);
  }

  Recipe& recipe_;
  const RunCallbacks& callbacks_;
  Problem problem_ = Problem::single_label;
  Ingredients result_;
};

// OUT must be empty, or the user says what shall happen to what it holds.
void open_output(const Recipe& recipe, const RunOptions& options) {
  const fs::path out = recipe.out;
  check(!recipe.out.empty(), "--out: expected a directory for the result, found nothing");
  check(!fs::exists(out) || fs::is_directory(out), recipe.out, ": expected a directory, found a file");
  const bool used = fs::exists(out) && !fs::is_empty(out);
  check(!used || options.resume || options.overwrite, recipe.out,
        ": holds files already; use --resume to go on, --overwrite to start again, or another --out");
  fs::create_directories(out);
}

void check_same_recipe(const Recipe& recipe) {
  const fs::path saved = fs::path(recipe.out) / "recipe.json";
  if (!fs::exists(saved)) return;
  Recipe before = Recipe::parse(Json::parse_file(saved), saved.string());
  // A run that didn't say had single labels: there was nothing else.
  if (before.problem.empty()) before.problem = flag_name(Problem::single_label);
  const std::string difference = before.difference(recipe);
  check(difference.empty(), saved.string(), ": ", difference,
        "; resume with the recipe that the run was started with, or use another --out");
}

}  // namespace

RunSummary run_recipe(Recipe recipe, const RunOptions& options, const RunCallbacks& callbacks) {
  recipe.check_values();
  open_output(recipe, options);
  Ingredients prepared = Preparation(recipe, callbacks)();
  if (options.resume) check_same_recipe(recipe);
  const fs::path out = recipe.out;
  if (options.overwrite && !options.resume) fs::remove_all(out / "checkpoints");

  std::unique_ptr<Teacher> teacher;
  if (prepared.teacher) teacher = std::make_unique<Teacher>(std::move(prepared.teacher), prepared.train);
  Trainer trainer(*prepared.model, teacher.get(), prepared.train, prepared.dev ? &*prepared.dev : nullptr,
                  {.objective = recipe.objective,
                   .adamw = {.weight_decay = recipe.weight_decay, .decay_all = recipe.decay_all},
                   .schedule = {.kind = recipe.schedule == "linear" ? Schedule::Kind::linear
                                                                    : Schedule::Kind::constant,
                                .peak = *recipe.lr,
                                .warmup = recipe.warmup},
                   .clip = recipe.clip,
                   .batch_size = recipe.batch_size,
                   .micro_batch_size = recipe.micro_batch_size,
                   .epochs = recipe.epochs,
                   .seed = recipe.seed,
                   .checkpoint_every = recipe.checkpoint_every,
                   .out = out},
                  {.step = callbacks.step,
                   .epoch = callbacks.epoch,
                   .should_stop = callbacks.should_stop,
                   .keep = [&](const Model& model) {
                     write_model_directory(out, model, *prepared.tokenizer, prepared.facts,
                                           prepared.companions);
                   }});
  const auto newest = newest_checkpoint(out);
  const bool finished = options.resume && newest && newest->step == trainer.total_steps();
  if (!finished) {
    replace_file(out / "recipe.json", recipe.to_json().dump(2) + "\n");
    if (callbacks.start) callbacks.start(recipe);
  }
  RunSummary summary;
  summary.result = trainer.run(options.resume);
  summary.step = trainer.step();
  summary.steps = trainer.total_steps();
  summary.epochs = trainer.epochs();
  return summary;
}

}  // namespace retort
