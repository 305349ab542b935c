// retort generate: a language model goes on with texts.
#include <algorithm>
#include <cstdio>
#include <optional>

#include "distill/generate_text.h"
#include "distill/generation_config.h"
#include "distill/model_directory.h"
#include "nn/weights/load.h"
#include "tensor/base/error.h"
#include "tensor/base/file.h"
#include "tools/arguments.h"
#include "tools/commands.h"
#include "tools/signals.h"

namespace retort::tools {
namespace {

const char* name(Ending ending) {
  switch (ending) {
    case Ending::eos:
      return "eos";
    case Ending::length:
      return "length";
    case Ending::stopped:
      return "stop";
  }
  return "";
}

// Lines end at \n or \r\n; what follows the last one is a line if it isn't empty.
std::vector<std::string> lines_of(std::string_view content) {
  std::vector<std::string> lines;
  while (!content.empty()) {
    std::string_view line = content.substr(0, content.find('\n'));
    content.remove_prefix(std::min(content.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.emplace_back(line);
  }
  return lines;
}

// What was given on the command line; the rest is as the directory says.
struct Flags {
  std::optional<std::int64_t> max_new_tokens, min_new_tokens, top_k, no_repeat_ngram_size, beams;
  std::optional<double> temperature, top_p, min_p, repetition_penalty, length_penalty;
  std::optional<std::string> early_stopping;
  std::vector<std::string> stop;
  bool sample = false, greedy = false;
  std::uint64_t seed = 42;

  GenerationConfig over(GenerationConfig config) const {
    GenerateOptions& options = config.options;
    const auto set = [](auto& value, const auto& given) {
      if (given) value = *given;
    };
    set(options.max_new_tokens, max_new_tokens);
    set(options.min_new_tokens, min_new_tokens);
    if (max_new_tokens) options.max_length = 0;
    if (min_new_tokens) options.min_length = 0;
    // The directory's minimum gives way to a maximum that the user wants.
    if (!min_new_tokens)
      options.min_new_tokens = std::min(options.min_new_tokens, options.max_new_tokens);
    set(options.temperature, temperature);
    set(options.top_k, top_k);
    set(options.top_p, top_p);
    set(options.min_p, min_p);
    set(options.repetition_penalty, repetition_penalty);
    set(options.no_repeat_ngram_size, no_repeat_ngram_size);
    set(options.beams, beams);
    set(options.length_penalty, length_penalty);
    options.sample = (options.sample || sample) && !greedy;
    options.seed = seed;
    if (early_stopping)
      options.early_stopping = *early_stopping == "yes"  ? EarlyStopping::yes
                               : *early_stopping == "no" ? EarlyStopping::no
                                                         : EarlyStopping::never;
    if (!stop.empty()) config.stop_strings = stop;
    check(options.sample || (!temperature && !top_k && !top_p && !min_p),
          "generate: temperature, top k, top p and min p are about drawing tokens; add --sample");
    check(options.beams > 1 || (!length_penalty && !early_stopping),
          "generate: length penalty and early stopping are about beams; add --beams");
    check_options(options);
    return config;
  }
};

struct Generate {
  std::string model, prompt, input, output;
  std::vector<std::string> rename;
  bool has_prompt = false;
  int threads = 0;
  std::int64_t batch_size = 8;
  Flags flags;

  int run() const {
    apply_threads(threads);
    check(has_prompt != !input.empty(), "generate: expected either --prompt or --input, found ",
          has_prompt ? "both" : "neither");
    check(output.empty() || !has_prompt, "generate: --output goes with --input");
    ModelConfig config = ModelConfig::read(model);
    const GenerationConfig generation = flags.over(GenerationConfig::read(model, config));
    warn(generation.warnings);
    warn(DirectoryFacts::read(model).warnings(model));
    config.decoder_start_token_id = generation.decoder_start;
    const Tokenizer tokenizer = Tokenizer::load(model);
    const LoadedModel loaded = load_model(model, config, {.frozen = true, .rename = rename});
    check_trained_head(loaded.report, model);
    return has_prompt ? one(*loaded.model, tokenizer, generation)
                      : all(*loaded.model, tokenizer, generation);
  }

  static TokenSequence encode(const Model& network, const Tokenizer& tokenizer,
                              const GenerationConfig& generation, const std::string& text) {
    return encode_prompt(tokenizer, text, network.config().max_tokens(), generation.bos);
  }

  // Streams what follows the prompt.
  int one(const Model& network, const Tokenizer& tokenizer,
          const GenerationConfig& generation) const {
    TextCallbacks callbacks;
    bool streamed = false;
    callbacks.piece = [&](std::size_t, const std::string& piece) {
      streamed = true;
      print(piece);
    };
    callbacks.should_stop = interrupted;
    const auto texts = generate_text(*make_decoding(network), tokenizer,
                                     {encode(network, tokenizer, generation, prompt)},
                                     generation.options, generation.stop_strings, callbacks);
    print((streamed ? "" : texts[0].text) + "\n");
    return interrupted() ? kInterruptedStatus : 0;
  }

  // Batch by batch; a line's draws depend on its number, not on its batch.
  int all(const Model& network, const Tokenizer& tokenizer,
          const GenerationConfig& generation) const {
    const std::vector<std::string> prompts = lines_of(read_file(input));
    std::vector<TokenSequence> sequences;
    for (const std::string& line : prompts) {
      try {
        sequences.push_back(encode(network, tokenizer, generation, line));
      } catch (const Error& error) {
        fail(input, ": line ", sequences.size() + 1, ": ", error.what());
      }
    }
    GenerateOptions options = generation.options;
    const auto count = static_cast<std::int64_t>(prompts.size());
    std::string lines;
    for (std::int64_t first = 0; first < count; first += batch_size) {
      const auto begin = sequences.begin() + first;
      options.first_prompt = static_cast<std::uint32_t>(first);
      const auto texts = generate_text(
          *make_decoding(network), tokenizer, {begin, begin + std::min(batch_size, count - first)},
          options, generation.stop_strings, {.should_stop = interrupted});
      check(!interrupted(), "generate: interrupted after ", first, " prompts",
            output.empty() ? "" : "; nothing was written");
      for (const GeneratedText& text : texts) {
        Json json;
        json["prompt"] = prompts[static_cast<std::size_t>(first) + (&text - texts.data())];
        json["text"] = text.text;
        json["tokens"] = text.ids.size();
        json["ending"] = name(text.ending);
        lines += json.dump() + "\n";
      }
      if (!output.empty()) continue;
      print(lines);
      lines.clear();
    }
    if (!output.empty()) write_output(output, lines);
    return 0;
  }
};

void add_choices(CLI::App& command, Flags& flags) {
  command.add_option("--max-new-tokens", flags.max_new_tokens, "Tokens at most (default: 128)");
  command.add_option("--min-new-tokens", flags.min_new_tokens,
                     "Tokens before the text may end by itself (default: 0)");
  command
      .add_option("--stop", flags.stop,
                  "End a text behind this string; repeat it for several strings")
      ->allow_extra_args(false);
  CLI::Option* sample =
      command.add_flag("--sample", flags.sample, "Draw tokens instead of taking the likeliest one");
  command.add_flag("--greedy", flags.greedy, "Take the likeliest one, whatever the directory says")
      ->excludes(sample);
  command.add_option("--temperature", flags.temperature,
                     "Above 1 draws are more even, below 1 less (default: 1)");
  command.add_option("--top-k", flags.top_k,
                     "Draw from the K likeliest tokens; 0: from all (default: 50)");
  command.add_option(
      "--top-p", flags.top_p,
      "Draw from the likeliest tokens that together have probability P (default: 1)");
  command.add_option("--min-p", flags.min_p,
                     "Draw from tokens at least P times as likely as the likeliest (default: 0)");
  command
      .add_option("--seed", flags.seed, "Of the draws; a prompt's also depend on its line alone")
      ->capture_default_str();
  command.add_option("--repetition-penalty", flags.repetition_penalty,
                     "Above 1 tokens that occurred before are less likely (default: 1)");
  command.add_option("--no-repeat-ngram-size", flags.no_repeat_ngram_size,
                     "No N tokens in a row occur twice; 0: they may (default: 0)");
  command.add_option("--beams", flags.beams, "Texts that beam search follows at once (default: 1)");
  command.add_option("--length-penalty", flags.length_penalty,
                     "Scores of beams are divided by length^P: above 0 favours long texts "
                     "(default: 1)");
  command
      .add_option("--early-stopping", flags.early_stopping,
                  "yes: end with as many texts as beams; no: when better ones are unlikely; "
                  "never: when there can't be any (default: no)")
      ->check(CLI::IsMember({"yes", "no", "never"}));
}

}  // namespace

void add_generate(CLI::App& app, Action& action) {
  static Generate generate;
  CLI::App* command = app.add_subcommand(
      "generate", "Go on with texts; defaults are those of the directory's generation_config.json");
  command->add_option("--model", generate.model, "Model directory")->required();
  add_rename(*command, generate.rename);
  CLI::Option* prompt =
      command->add_option("--prompt", generate.prompt,
                          "Text to go on with, or for an encoder to read; what is written is "
                          "streamed");
  command->add_option("--input", generate.input,
                      "A file with a prompt per line, for a JSON object per line: prompt, text, "
                      "tokens (their number), ending (eos, length, stop)");
  command->add_option("--output", generate.output, "File for the JSON lines (default: stdout)");
  command->add_option("--batch-size", generate.batch_size, "Prompts at a time")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 16));
  add_choices(*command, generate.flags);
  add_threads(*command, generate.threads);
  command->callback([&action, prompt] {
    generate.has_prompt = prompt->count() > 0;
    action = [] { return generate.run(); };
  });
}

}  // namespace retort::tools
