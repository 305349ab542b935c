// retort bench model: a model directory opened, and a batch through its layers, beside the same
// products of matrices alone.
//
// The batch goes as far as the last layer's hidden states. The products are those of every matrix
// that all its tokens are multiplied with, on rows of the same kind, by turns with the passes:
// their time divided by the pass's is the share of the products' speed that the model reaches.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>

#include "nn/axes.h"
#include "nn/layers.h"
#include "nn/weights/load.h"
#include "tensor/base/error.h"
#include "tensor/base/json.h"
#include "tensor/base/philox.h"
#include "tools/arguments.h"
#include "tools/bench_measure.h"
#include "tools/commands.h"

namespace retort::tools {
namespace {

// The matrices of the layers. Tables of words, positions and types are looked up instead.
std::vector<const Parameter*> matrices_of(const Model& model) {
  const Axes axes = axes_of(model);
  std::vector<const Parameter*> found;
  for (const Parameter& parameter : model.parameters()) {
    if (parameter.shape.rank() != 2 || parameter.part != Part::body) continue;
    const Axis outputs = axes.of(parameter)[0].use.axis;
    if (outputs != Axis::vocabulary && outputs != Axis::whole) found.push_back(&parameter);
  }
  check(!found.empty(), model.config().model_type, ": none of its parameters is known as a matrix");
  return found;
}

struct BenchModel {
  std::string model;
  std::int64_t tokens = 2048, length = 128, rounds = 5;
  int threads = 0;
  bool json = false;

  int run() const {
    apply_threads(threads);
    const double start = now();
    const LoadedModel loaded = load_model(model, {.frozen = true});
    const double opened = now() - start;
    const Model& network = *loaded.model;
    check(!network.config().has_decoder(),
          "bench model: expected one stack of layers, found an encoder-decoder");
    const Batch batch = random_batch(network);
    Want want;
    want.logits = false;
    want.hidden = {static_cast<int>(network.config().layers)};
    const NoGrad off;
    const auto pass = [&] { network.forward(batch, want, {}); };
    pass();
    const double resident = resident_bytes();
    const std::vector<const Parameter*> matrices = matrices_of(network);
    double work = 0;
    std::map<std::int64_t, Variable> rows;
    RandomStream random(1);
    for (const Parameter* matrix : matrices) {
      const std::int64_t inputs = matrix->shape[1];
      work += 2.0 * static_cast<double>(batch.tokens() * inputs * matrix->shape[0]);
      if (rows.contains(inputs)) continue;
      Tensor numbers = Tensor::empty({batch.tokens(), inputs});
      float* const data = numbers.mutable_data<float>();
      for (std::int64_t i = 0; i < numbers.count(); ++i)
        data[i] = static_cast<float>(random.normal());
      rows.emplace(inputs, numbers);
    }
    const auto products = [&] {
      for (const Parameter* matrix : matrices)
        linear(rows.at(matrix->shape[1]), matrix->variable, {}, product_with(*matrix));
    };
    products();
    std::vector<double> passes, alone, ratios;  // ratios of neighbours: the machine's speed changes
    for (std::int64_t round = 0; round < rounds; ++round) {
      passes.push_back(seconds(pass));
      alone.push_back(seconds(products));
      ratios.push_back(alone.back() / passes.back());
    }
    print(report(opened, resident, work, median(passes), median(alone), median(ratios)));
    return 0;
  }

  static double seconds(const std::function<void()>& call) {
    const double start = now();
    call();
    return now() - start;
  }

  Batch random_batch(const Model& network) const {
    RandomStream random(2);
    std::vector<TokenSequence> sequences;
    const auto vocabulary = static_cast<double>(network.config().vocab_size);
    for (std::int64_t left = tokens; left > 0; left -= length) {
      TokenSequence& sequence = sequences.emplace_back();
      for (std::int64_t i = 0; i < std::min(left, length); ++i)
        sequence.ids.push_back(static_cast<std::int32_t>(random.uniform() * vocabulary));
    }
    std::vector<const TokenSequence*> pointers;
    for (const TokenSequence& sequence : sequences) pointers.push_back(&sequence);
    return make_batch(pointers, network.limits());
  }

  std::string report(double opened, double resident, double work, double pass, double alone,
                     double ratio) const {
    if (json) {
      Json row;
      row["model"] = model;
      row["tokens"] = tokens;
      row["open_ms"] = opened * 1e3;
      row["resident_megabytes"] = resident / 1e6;
      row["forward_ms"] = pass * 1e3;
      row["products_gflops"] = work / alone / 1e9;
      row["ratio"] = ratio;
      return row.dump(0, 5) + "\n";
    }
    char line[300];
    std::snprintf(line, sizeof line,
                  ": opened in %.0f ms; %lld tokens in %.0f ms, %.0f GFLOP/s; its products alone "
                  "%.0f GFLOP/s: %.1f %%; %.0f MB of memory\n",
                  opened * 1e3, static_cast<long long>(tokens), pass * 1e3, work / pass / 1e9,
                  work / alone / 1e9, 100 * ratio, resident / 1e6);
    return model + line;
  }
};

}  // namespace

void add_bench_model(CLI::App& app, Action& action) {
  static BenchModel bench;
  CLI::App* command = bench_command(app).add_subcommand(
      "model", "A model's forward pass beside its products of matrices alone");
  command->add_option("--model", bench.model, "Model directory")->required();
  command->add_option("--tokens", bench.tokens, "Tokens of the batch")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 20));
  command->add_option("--length", bench.length, "Tokens of each text in it")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 20));
  command->add_option("--rounds", bench.rounds, "Passes to take the median of")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  command->add_flag("--json", bench.json, "One object");
  add_threads(*command, bench.threads);
  command->callback([&action] { action = [] { return bench.run(); }; });
}

}  // namespace retort::tools
