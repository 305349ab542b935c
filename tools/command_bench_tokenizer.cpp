// retort bench tokenizer: megabytes of text per second, as documents of about 10 kB and as lines.
//
// Text is cut as others who measure tokenizers cut it: lines that aren't blank; documents of so
// many of them that 10,000 characters are passed. Cold: a tokenizer just loaded, which has seen no
// word yet; warm: the same text once more. Memory: what the process has more once it is loaded.
#include <algorithm>
#include <cstdio>

#include "tensor/base/error.h"
#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/unicode.h"
#include "tools/arguments.h"
#include "tools/bench_measure.h"
#include "tools/commands.h"

namespace retort::tools {
namespace {

constexpr std::size_t kDocument = 10000;  // characters
constexpr std::size_t kBatch = 500000;    // bytes, as the peers are given documents
constexpr int kRounds = 5;

struct Texts {
  std::vector<std::string> lines, documents;
  std::size_t bytes = 0;  // of the documents

  void add(const std::string& content) {
    for (std::string_view rest = content; !rest.empty();) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(rest.size(), line.size() + 1));
      if (line.find_first_not_of(" \t\r\v\f") == line.npos) continue;
      lines.emplace_back(line);
      part_.append(line) += '\n';
      if (unicode::count_characters(part_) <= kDocument) continue;
      bytes += part_.size();
      documents.push_back(std::move(part_));
      part_.clear();
    }
  }

 private:
  std::string part_;
};

struct BenchTokenizer {
  std::string model;
  std::vector<std::string> inputs;
  bool offsets = false, json = false;
  int threads = 1;

  int run() const {
    apply_threads(threads);
    Texts texts;
    for (const std::string& input : inputs) texts.add(unicode::replace_invalid(read_file(input)));
    check(!texts.documents.empty(), inputs[0], ": there is less text than one document of ",
          kDocument, " characters");
    const double memory = loaded_memory();
    std::vector<double> load, times[4];  // documents cold and warm, lines cold and warm
    for (int round = 0; round < kRounds; ++round) {
      for (const bool lines : {false, true}) {
        const double start = now();
        const Tokenizer tokenizer = Tokenizer::load(model);
        load.push_back((now() - start) * 1e3);
        for (const bool warm : {false, true})
          times[(lines ? 2 : 0) + (warm ? 1 : 0)].push_back(
              seconds(tokenizer, lines ? texts.lines : texts.documents));
      }
    }
    const auto rate = [&](int which) {
      return static_cast<double>(texts.bytes) / 1e6 / median(times[which]);
    };
    if (json) {
      Json row;
      row["model"] = model;
      row["megabytes"] = static_cast<double>(texts.bytes) / 1e6;
      row["threads"] = threads;
      row["offsets"] = offsets;
      row["load_ms"] = median(load);
      row["memory_megabytes"] = memory / 1e6;
      row["documents_cold"] = rate(0);
      row["documents_warm"] = rate(1);
      row["lines_cold"] = rate(2);
      row["lines_warm"] = rate(3);
      print(row.dump(0, 5) + "\n");
      return 0;
    }
    char line[256];
    std::snprintf(line, sizeof line,
                  "%s: load %.1f ms, %.1f MB of memory; documents %.1f MB/s cold, %.1f warm; lines "
                  "%.1f MB/s cold, %.1f warm "
                  "(%.2f MB, %d thread%s%s)\n",
                  model.c_str(), median(load), memory / 1e6, rate(0), rate(1), rate(2), rate(3),
                  static_cast<double>(texts.bytes) / 1e6, threads, threads == 1 ? "" : "s",
                  offsets ? ", with offsets" : "");
    print(line);
    return 0;
  }

  // What a tokenizer takes once it is loaded. The first time the program's own pages come, too.
  double loaded_memory() const {
    Tokenizer::load(model);
    const double before = resident_bytes();
    const Tokenizer tokenizer = Tokenizer::load(model);
    return resident_bytes() - before;
  }

  static std::size_t texts_bytes(const std::vector<std::string>& texts) {
    std::size_t bytes = 0;
    for (const std::string& text : texts) bytes += text.size();
    return bytes;
  }
  // In batches, so that what is made doesn't pile up.
  double seconds(const Tokenizer& tokenizer, const std::vector<std::string>& texts) const {
    EncodeOptions options;
    options.add_special_tokens = false;
    options.details = offsets;
    const std::size_t batch = std::max<std::size_t>(1, kBatch * texts.size() / texts_bytes(texts));
    const std::vector<std::string_view> views(texts.begin(), texts.end());
    EncodedBatch encoded;
    std::size_t tokens = 0;
    const double start = now();
    for (std::size_t i = 0; i < views.size(); i += batch) {
      tokenizer.encode_batch(std::span(views).subspan(i, std::min(batch, views.size() - i)), {},
                             options, encoded);
      for (std::size_t k = 0; k < encoded.size(); ++k) tokens += encoded[k].size();
    }
    const double elapsed = now() - start;
    check(tokens > 0, "the tokenizer made no tokens of ", views.size(), " texts");
    return elapsed;
  }
};

}  // namespace

void add_bench_tokenizer(CLI::App& app, Action& action) {
  static BenchTokenizer bench;
  CLI::App* command =
      bench_command(app).add_subcommand("tokenizer", "Megabytes of text tokenized per second");
  command->add_option("--model", bench.model, "Model directory or tokenizer file")->required();
  command->add_option("--input", bench.inputs, "Text files")->required();
  command->add_flag("--offsets", bench.offsets, "Offsets, words and token texts too");
  command->add_flag("--json", bench.json, "One object");
  command->add_option("--threads", bench.threads, "Threads")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  command->callback([&action] { action = [] { return bench.run(); }; });
}

}  // namespace retort::tools
