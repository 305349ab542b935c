#include "distill/generation_config.h"

#include "nn/config_keys.h"
#include "tensor/base/error.h"

namespace retort {
namespace {

constexpr std::int64_t kMostTokens = 1 << 24;
constexpr double kLeastNumber = 1e-6, kMostNumber = 1e6;

// What else changes transformers' outputs, and the value at which it doesn't.
struct Unsupported {
  const char* key;
  Json neutral;
};

const std::vector<Unsupported>& unsupported() {
  static const std::vector<Unsupported> keys = {{"bad_words_ids", {}},
                                                {"begin_suppress_tokens", {}},
                                                {"constraints", {}},
                                                {"diversity_penalty", 0.0},
                                                {"dola_layers", {}},
                                                {"encoder_no_repeat_ngram_size", 0},
                                                {"epsilon_cutoff", 0.0},
                                                {"encoder_repetition_penalty", 1.0},
                                                {"eta_cutoff", 0.0},
                                                {"exponential_decay_length_penalty", {}},
                                                {"force_words_ids", {}},
                                                {"forced_bos_token_id", {}},
                                                {"forced_eos_token_id", {}},
                                                {"guidance_scale", 1.0},
                                                {"num_beam_groups", 1},
                                                {"penalty_alpha", {}},
                                                {"remove_invalid_values", false},
                                                {"sequence_bias", {}},
                                                {"suppress_tokens", {}},
                                                {"top_h", {}},
                                                {"typical_p", 1.0},
                                                {"watermarking_config", {}}};
  return keys;
}

bool equal(const Json& a, const Json& b) {
  return a.is_number() && b.is_number() ? a.as_number("") == b.as_number("") : a == b;
}

// One id or a list of them.
std::vector<std::int32_t> read_ids(const Json& json, const std::string& what, std::int64_t vocab) {
  std::vector<std::int32_t> ids;
  for (const Json& item : json.is_array() ? json.as_array(what) : Json::Array{json}) {
    const std::int64_t id = item.as_integer(what);
    check(id >= 0 && id < vocab, what, ": expected an id below ", vocab, ", found ", id);
    ids.push_back(static_cast<std::int32_t>(id));
  }
  return ids;
}

EarlyStopping read_early_stopping(const Json& json, const std::string& what) {
  if (json.is_string()) {
    check(json.as_string(what) == "never", what, ": expected true, false or \"never\", found ",
          json.dump());
    return EarlyStopping::never;
  }
  return json.as_bool(what) ? EarlyStopping::yes : EarlyStopping::no;
}

void read_options(ConfigKeys& keys, GenerateOptions& options) {
  keys.size("max_new_tokens", options.max_new_tokens, kMostTokens);
  keys.size("min_new_tokens", options.min_new_tokens, kMostTokens, 0);
  keys.size("max_length", options.max_length, kMostTokens, 0);
  keys.size("min_length", options.min_length, kMostTokens, 0);
  keys.number("repetition_penalty", options.repetition_penalty, kLeastNumber, kMostNumber);
  keys.size("no_repeat_ngram_size", options.no_repeat_ngram_size, kMostTokens, 0);
  keys.flag("do_sample", options.sample);
  keys.number("temperature", options.temperature, kLeastNumber, kMostNumber);
  keys.size("top_k", options.top_k, kMostTokens, 0);
  keys.number("top_p", options.top_p, 0, 1);
  keys.number("min_p", options.min_p, 0, 1);
  keys.size("num_beams", options.beams, kMostTokens);
  keys.number("length_penalty", options.length_penalty, -kMostNumber, kMostNumber);
  if (const Json* early = keys.find("early_stopping"))
    options.early_stopping = read_early_stopping(*early, keys.file() + ": early_stopping");
}

std::vector<std::string> read_strings(const Json& json, const std::string& what) {
  std::vector<std::string> texts;
  for (const Json& item : json.is_array() ? json.as_array(what) : Json::Array{json})
    texts.push_back(item.as_string(what));
  return texts;
}

}  // namespace

GenerationConfig GenerationConfig::read(const std::filesystem::path& directory,
                                        const ModelConfig& config) {
  GenerationConfig found;
  std::vector<std::int32_t>& eos = found.options.eos;
  if (const auto path = directory / "generation_config.json"; std::filesystem::exists(path)) {
    const Json json = Json::parse_file(path);
    const std::string& file = path.string();
    check(json.is_object(), file, ": expected an object, found a ", json.kind());
    ConfigKeys keys(json, file);
    read_options(keys, found.options);
    if (const Json* ids = keys.find("eos_token_id"))
      eos = read_ids(*ids, file + ": eos_token_id", config.vocab_size);
    if (const Json* texts = keys.find("stop_strings"))
      found.stop_strings = read_strings(*texts, file + ": stop_strings");
    for (const Unsupported& other : unsupported())
      if (const Json* value = keys.find(other.key); value && !equal(*value, other.neutral))
        found.warnings.push_back(file + ": " + other.key + " isn't supported and changes nothing");
  }
  if (const Json* ids = config.raw.find("eos_token_id"); eos.empty() && ids && !ids->is_null())
    eos =
        read_ids(*ids, (directory / "config.json").string() + ": eos_token_id", config.vocab_size);
  return found;
}

}  // namespace retort
