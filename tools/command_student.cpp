// retort student: a smaller model cut from a teacher's.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>

#include "distill/data/table.h"
#include "distill/model_directory.h"
#include "nn/cut_student.h"
#include "nn/weights/load.h"
#include "tensor/base/error.h"
#include "tokenizer/prune.h"
#include "tools/arguments.h"
#include "tools/commands.h"
#include "tools/signals.h"

namespace retort::tools {
namespace {

struct Student {
  std::string teacher, out, type, task, head = "copy", init = "slice";
  std::vector<std::string> corpus, rename;
  CutOptions cut;
  bool overwrite = false;
  int threads = 0;

  int run() {
    apply_threads(threads);
    check_new_model_directory(out, overwrite);
    std::error_code none;
    check(!std::filesystem::equivalent(teacher, out, none), out, ": is the teacher's directory");
    const ModelDirectory directory = ModelDirectory::open(teacher);
    CompanionFiles companions = CompanionFiles::read(directory.path);
    ModelConfig config = directory.config;
    if (!task.empty()) config.task = parse_task(task);
    const LoadedModel loaded =
        load_model(directory.path, config, {.frozen = true, .seed = cut.seed, .rename = rename});
    warn(report_lines(loaded.report, directory.path));
    const bool bert = config.model_type == "bert";
    cut.type = !type.empty() ? type : bert ? "distilbert" : "same";
    cut.fresh_head = head == "fresh";
    cut.init = init == "fresh" ? CutInit::fresh : CutInit::slice;
    if (cut.layers.empty()) {
      keep_all(cut.layers, config.layers);
      if (cut.decoder_layers.empty()) keep_all(cut.decoder_layers, config.decoder_layers);
    }
    std::optional<PrunedTokenizer> pruned;
    if (!corpus.empty()) {
      std::vector<std::string> warnings;
      const bool joined = directory.facts.pair_style == PairStyle::joined;
      pruned = prune_tokenizer(directory.tokenizer,
                               read_texts(corpus, warnings, joined ? kPairJoiner : ""));
      warn(warnings);
      cut.vocabulary = pruned->kept;
    }
    const CutStudent student = cut_student(*loaded.model, cut);
    for (const std::string& note : student.notes) std::fprintf(stderr, "%s\n", note.c_str());
    if (pruned) companions.renumber(pruned->kept);
    DirectoryFacts facts = directory.facts;
    facts.random = facts.random || student.fresh_body;
    const bool copies_fresh = facts.fresh_head || !loaded.report.fresh_head.empty();
    facts.fresh_head = student.fresh_head || (copies_fresh && has_head(*student.model));
    create_model_directory(out, *student.model, pruned ? pruned->tokenizer : directory.tokenizer,
                           facts, companions, overwrite, [] { return !interrupted(); });
    const std::string note = own_head_note(student.model->config());
    if (!note.empty()) std::fprintf(stderr, "%s: %s\n", out.c_str(), note.c_str());
    describe(*loaded.model, *student.model);
    return 0;
  }

  static void keep_all(std::vector<int>& layers, std::int64_t count) {
    for (int layer = 1; layer <= count; ++layer) layers.push_back(layer);
  }

  static bool has_head(const Model& model) {
    const auto& parameters = model.parameters();
    return std::any_of(parameters.begin(), parameters.end(),
                       [](const Parameter& parameter) { return parameter.part == Part::head; });
  }

  void describe(const Model& from, const Model& made) const {
    const ModelConfig& config = made.config();
    const std::int64_t before = from.parameters().count(), after = made.parameters().count();
    char line[400];
    std::snprintf(line, sizeof line,
                  ": %s, %lld layers x %lld, %lld heads, feed-forward %lld, %lld words, %lld "
                  "parameters (the teacher has %lld)\n",
                  config.model_type.c_str(), static_cast<long long>(config.layers),
                  static_cast<long long>(config.hidden_size), static_cast<long long>(config.heads),
                  static_cast<long long>(config.intermediate_size),
                  static_cast<long long>(config.vocab_size), static_cast<long long>(after),
                  static_cast<long long>(before));
    print(out + line);
  }
};

}  // namespace

void add_student(CLI::App& app, Action& action) {
  static Student student;
  CutOptions& cut = student.cut;
  CLI::App* command =
      app.add_subcommand("student", "Cut a smaller model from a teacher's layers, heads and words");
  command->add_option("--teacher", student.teacher, "Model directory")->required();
  add_rename(*command, student.rename, "teacher");
  command
      ->add_option("--layers", cut.layers,
                   "The teacher's layers to keep, counted from 1: 1,3,5 (default: all)")
      ->delimiter(',');
  command
      ->add_option("--decoder-layers", cut.decoder_layers,
                   "Those of an encoder-decoder's decoder (default: as --layers)")
      ->delimiter(',');
  command->add_option("--type", student.type, "distilbert, or same (default: distilbert of a bert)")
      ->check(CLI::IsMember({"distilbert", "same"}));
  command->add_option("--task", student.task,
                      "Which head the student has (default: the teacher's)");
  command->add_option("--head", student.head, "copy, or fresh: made anew from the seed")
      ->capture_default_str()
      ->check(CLI::IsMember({"copy", "fresh"}));
  command->add_option("--hidden", cut.hidden,
                      "Size of hidden states (default: the teacher's, so the others)");
  command->add_option("--heads", cut.heads, "Attention heads of each layer");
  command->add_option("--ffn", cut.feed_forward, "Units of each feed-forward network");
  command
      ->add_option("--init", student.init,
                   "slice: of fewer units those with the largest norms in the teacher are kept; "
                   "fresh: matrices of other sizes are made anew")
      ->capture_default_str()
      ->check(CLI::IsMember({"slice", "fresh"}));
  command->add_option(
      "--vocab-from", student.corpus,
      "Keep only the words that these texts need: tables (.tsv, .csv, .jsonl) or files of lines");
  command->add_option("--out", student.out, "Directory to write")->required();
  command->add_option("--seed", cut.seed, "Of what is made anew")->capture_default_str();
  command->add_flag("--overwrite", student.overwrite, "Replace a model that is there");
  add_threads(*command, student.threads);
  command->callback([&action] { action = [] { return student.run(); }; });
}

}  // namespace retort::tools
