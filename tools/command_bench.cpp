// retort bench: how fast the engine is, as a share of what the machine at hand can do.
//
// Rounds go over all cases in turn, and every call of a case is preceded by a probe of its limit,
// so that a clock that drifts and a neighbour that comes and goes hit both alike.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>

#include "tensor/base/error.h"
#include "tensor/base/json.h"
#include "tensor/base/parallel.h"
#include "tensor/dispatch.h"
#include "tools/arguments.h"
#include "tools/bench.h"
#include "tools/bench_measure.h"
#include "tools/commands.h"

namespace retort::tools {
namespace {

struct Family {
  const char* name;
  const char* help;
  MakeCases cases;
};

// The hook: a family of cases is a file bench_NAME.cpp and a line here.
constexpr Family kFamilies[] = {
    {"matmul", "Matrix products of BERT-base, forward and backward", matmul_cases},
    {"attention", "Attention over sequences without padding, forward and backward",
     attention_cases},
    {"decode", "One token times the weights of a language model", decode_cases},
    {"ops", "Norms, softmax, GELU, dropout and a KD loss, forward and backward", ops_cases},
    {"optimizer", "Norm of the gradients, clipping and AdamW over 67 M parameters",
     optimizer_cases},
    {"stream", "Streams through memory: arrays read, arrays written, places at once", stream_cases},
};

struct Figure {
  double figure = 0, peak = 0;  // GFLOP/s or GB/s
  double ratio() const { return figure / peak; }
};

/// Which of the calls and probes of a case count.
enum class Choice { median, best };

double choose(std::vector<double> values, Choice choice, bool smallest_is_best) {
  if (choice == Choice::median) return median(std::move(values));
  return smallest_is_best ? *std::min_element(values.begin(), values.end())
                          : *std::max_element(values.begin(), values.end());
}

// One round of one case: its calls, and the probes between them.
Figure measure(const BenchCase& c, double seconds, Choice choice) {
  const bool stream = c.limit.arrays() > 0;
  std::vector<double> times, peaks;
  if (stream) peaks.push_back(stream_peak(c.limit));
  c.call();
  const double start = now();
  do {
    if (!stream) peaks.push_back(arithmetic_peak(c.dtype));
    const double before = now();
    c.call();
    times.push_back(now() - before);
  } while (now() - start < seconds);
  return {c.work / choose(times, choice, true) / 1e9, choose(peaks, choice, false)};
}

// The round whose ratio is the median, since figure and peak belong together; or the best of each.
Figure sum_up(std::vector<Figure>& rounds, Choice choice) {
  if (choice == Choice::best) {
    Figure best;
    for (const Figure& f : rounds) {
      best.figure = std::max(best.figure, f.figure);
      best.peak = std::max(best.peak, f.peak);
    }
    return best;
  }
  const auto middle = rounds.begin() + static_cast<std::ptrdiff_t>(rounds.size() / 2);
  std::nth_element(rounds.begin(), middle, rounds.end(),
                   [](const Figure& a, const Figure& b) { return a.ratio() < b.ratio(); });
  return *middle;
}

const char* unit_of(const BenchCase& c) { return c.limit.arrays() > 0 ? "GB/s" : "GFLOP/s"; }

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t size : shape) text += (text.empty() ? "" : " x ") + std::to_string(size);
  return text;
}

std::string json_line(const BenchCase& c, const Figure& f) {
  Json line, shape = Json::Array{};
  for (const std::int64_t size : c.shape) shape.push_back(size);
  line["name"] = c.name;
  line["layout"] = c.layout;
  line["shape"] = shape;
  line["dtype"] = name(c.dtype);
  line["threads"] = thread_count();
  line["figure"] = f.figure;
  line["unit"] = unit_of(c);
  line["peak"] = f.peak;
  line["ratio"] = f.ratio();
  return line.dump(0, 6) + "\n";
}

std::string text_line(const BenchCase& c, const Figure& f) {
  char line[256];
  std::snprintf(line, sizeof line, "%-24s %-3s %-20s %-5s %9.1f %-8s peak %8.1f   %5.1f %%\n",
                c.name.c_str(), c.layout.c_str(), shape_text(c.shape).c_str(), name(c.dtype),
                f.figure, unit_of(c), f.peak, 100 * f.ratio());
  return line;
}

std::string cpu_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name"))
      return line.substr(std::min(line.size(), line.find(':') + 2));
  return "unknown CPU";
}

struct Bench {
  const Family* family = nullptr;
  std::string dtype = "f32", shapes = "bert", only;
  int threads = 0, rounds = 5, megabytes = 0;
  double seconds = 0.1;
  bool json = false, best = false;

  std::vector<BenchCase> chosen(std::vector<BenchCase> cases) const {
    std::erase_if(cases, [&](const BenchCase& c) {
      return (c.name + " " + c.layout + " " + shape_text(c.shape)).find(only) == std::string::npos;
    });
    check(!cases.empty(), "bench ", family->name, ": no case's name, layout or shape contains '",
          only, "'");
    return cases;
  }

  int run() const {
    apply_threads(threads);
    BenchOptions options;
    options.dtype = dtype == "f64"    ? DType::f64
                    : dtype == "bf16" ? DType::bf16
                    : dtype == "f16"  ? DType::f16
                                      : DType::f32;
    options.all_shapes = shapes == "all";
    options.bytes = megabytes > 0 ? std::int64_t{megabytes} << 20 : beyond_caches();
    const std::vector<BenchCase> cases = chosen(family->cases(options));
    if (!json)
      print(cpu_name() + ", " + kernels().isa + " table, " + std::to_string(thread_count()) +
            " threads, arithmetic: " + arithmetic_name(options.dtype) +
            (best ? "; best of " : "; medians of ") + std::to_string(rounds) + " rounds\n");
    const Choice choice = best ? Choice::best : Choice::median;
    std::vector<std::vector<Figure>> figures(cases.size());
    for (int round = 0; round < rounds; ++round)
      for (std::size_t i = 0; i < cases.size(); ++i)
        figures[i].push_back(measure(cases[i], seconds, choice));
    double logarithms = 0;
    for (std::size_t i = 0; i < cases.size(); ++i) {
      const Figure figure = sum_up(figures[i], choice);
      print(json ? json_line(cases[i], figure) : text_line(cases[i], figure));
      logarithms += std::log(figure.ratio());
    }
    if (!json) {
      char line[80];
      std::snprintf(line, sizeof line, "geometric mean of the ratios: %.1f %%\n",
                    100 * std::exp(logarithms / static_cast<double>(cases.size())));
      print(line);
    }
    return 0;
  }
};

}  // namespace

void add_bench(CLI::App& app, Action& action) {
  static Bench bench;
  CLI::App* command =
      app.add_subcommand("bench", "Measure the engine against the machine's limits");
  command->require_subcommand(1);
  for (const Family& family : kFamilies) {
    CLI::App* sub = command->add_subcommand(family.name, family.help);
    add_threads(*sub, bench.threads);
    sub->add_option("--dtype", bench.dtype, "f32, f64, bf16 or f16")
        ->capture_default_str()
        ->check(CLI::IsMember({"f32", "f64", "bf16", "f16"}));
    sub->add_option("--shapes", bench.shapes, "bert: the usual cases; all: more of them")
        ->capture_default_str()
        ->check(CLI::IsMember({"bert", "all"}));
    sub->add_option("--only", bench.only, "Cases whose line contains this: \"TN 768 x 768\"");
    sub->add_option("--rounds", bench.rounds, "Rounds over all cases; medians are printed")
        ->capture_default_str()
        ->check(CLI::Range(1, 1000));
    sub->add_option("--seconds", bench.seconds, "At least so long on a case in each round")
        ->capture_default_str()
        ->check(CLI::Range(0.0, 60.0));
    sub->add_flag("--best", bench.best,
                  "The fastest call and the fastest probe instead of medians: what repeats itself "
                  "where neighbours share the caches");
    sub->add_option("--megabytes", bench.megabytes,
                    "Arrays of a case that memory bounds (0: more than the caches hold)")
        ->capture_default_str()
        ->check(CLI::Range(0, 1 << 16));
    sub->add_flag(
        "--json", bench.json,
        "A line per case: name, layout, shape, dtype, threads, figure, unit, peak, ratio");
    sub->callback([&action, &family] {
      bench.family = &family;
      action = [] { return bench.run(); };
    });
  }
}

}  // namespace retort::tools
