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

std::int32_t read_id(const Json& json, const std::string& what, std::int64_t vocab) {
  const std::int64_t id = json.as_integer(what);
  check(id >= 0 && id < vocab, what, ": expected an id below ", vocab, ", found ", id);
  return static_cast<std::int32_t>(id);
}

// One id or a list of them.
std::vector<std::int32_t> read_ids(const Json& json, const std::string& what, std::int64_t vocab) {
  std::vector<std::int32_t> ids;
  for (const Json& item : json.is_array() ? json.as_array(what) : Json::Array{json})
    ids.push_back(read_id(item, what, vocab));
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
  if (keys.find("max_new_tokens")) options.max_length = 0;
  else if (options.max_length > 0) options.max_new_tokens = options.max_length;
  keys.size("min_length", options.min_length, kMostTokens, 0);
  if (keys.find("min_new_tokens")) options.min_length = 0;
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

void read_tokens(ConfigKeys& keys, const ModelConfig& config, GenerationConfig& found) {
  const auto id = [&](const char* key) -> std::optional<std::int32_t> {
    const Json* value = keys.find(key);
    if (!value) return std::nullopt;
    return read_id(*value, keys.file() + ": " + key, config.vocab_size);
  };
  if (const Json* ids = keys.find("eos_token_id"))
    found.options.eos = read_ids(*ids, keys.file() + ": eos_token_id", config.vocab_size);
  // Nothing is padded here, and some files say -1.
  if (const Json* pad = keys.find("pad_token_id")) pad->as_integer(keys.file() + ": pad_token_id");
  const auto bos = id("bos_token_id"), start = id("decoder_start_token_id");
  if (bos) found.bos = bos;
  if (start) found.decoder_start = *start;
  else if (bos) found.decoder_start = *bos;
}

// All but the ids.
void read_rest(ConfigKeys& keys, GenerationConfig& found) {
  read_options(keys, found.options);
  if (const Json* texts = keys.find("stop_strings"))
    found.stop_strings = read_strings(*texts, keys.file() + ": stop_strings");
  for (const Unsupported& other : unsupported())
    if (const Json* value = keys.find(other.key); value && !equal(*value, other.neutral))
      found.warnings.push_back(keys.file() + ": " + other.key +
                               " isn't supported and changes nothing");
}

}  // namespace

GenerationConfig GenerationConfig::read(const std::filesystem::path& directory,
                                        const ModelConfig& config) {
  GenerationConfig found;
  const Json none = Json::Object{};
  const Json& model = config.raw.is_object() ? config.raw : none;
  ConfigKeys of_model(model, (directory / "config.json").string());
  read_tokens(of_model, config, found);
  found.decoder_start = config.decoder_start_token_id;
  const auto path = directory / "generation_config.json";
  if (!std::filesystem::exists(path)) {
    read_rest(of_model, found);
    return found;
  }
  // Ids that the file doesn't name stay config.json's; its silence on anything else is the default.
  const Json json = Json::parse_file(path);
  check(json.is_object(), path.string(), ": expected an object, found a ", json.kind());
  ConfigKeys keys(json, path.string());
  read_tokens(keys, config, found);
  read_rest(keys, found);
  return found;
}

}  // namespace retort
