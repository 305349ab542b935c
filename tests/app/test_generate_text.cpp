// Generated ids as text: whole characters as they come, stop strings wherever tokens end, and the
// defaults of a directory.
#include "distill/generate_text.h"
#include "distill/generation_config.h"
#include "tests/app/model_testing.h"
#include "tokenizer/training/bpe.h"

using namespace retort;
using namespace retort::testing;

namespace {

// <|endoftext|>, the bytes, and a few joined pieces.
const Tokenizer& tokenizer() {
  static const Tokenizer made(
      train_bpe(std::vector<std::string>{"the cat saw the hat", "the bat and the cat"},
                {.vocab_size = 270}),
      "test");
  return made;
}

// A model that writes given ids, one text for each prompt, whatever it reads.
class Scripted : public Decoding {
 public:
  explicit Scripted(std::vector<std::vector<std::int32_t>> texts,
                    const Tokenizer& own = tokenizer())
      : texts_(std::move(texts)), vocab_(own.vocab_size()) {}
  Tensor advance(std::span<const TokenSequence> tokens) override {
    if (step_ == 0)
      for (std::size_t i = 0; i < tokens.size(); ++i) sources_.push_back(i);
    const auto rows = static_cast<std::int64_t>(tokens.size());
    Tensor logits = Tensor::zeros({rows, vocab_});
    for (std::size_t i = 0; i < tokens.size(); ++i)
      logits.mutable_data<float>()[static_cast<std::int64_t>(i) * vocab_ +
                                   texts_[sources_[i]].at(step_)] = 20;
    ++step_;
    return logits;
  }
  void select(std::span<const std::int64_t> sources) override {
    std::vector<std::size_t> next;
    for (const std::int64_t source : sources)
      next.push_back(sources_[static_cast<std::size_t>(source)]);
    sources_ = next;
  }
  BatchLimits limits() const override {
    BatchLimits limits;
    limits.vocab = vocab_;
    limits.positions = 1000;
    return limits;
  }

 private:
  std::vector<std::vector<std::int32_t>> texts_;
  std::int64_t vocab_;
  std::vector<std::size_t> sources_;
  std::size_t step_ = 0;
};

std::vector<std::int32_t> ids_of(const std::string& text) { return tokenizer().encode(text).ids; }

// One id for each byte, whatever the tokenizer would join.
std::vector<std::int32_t> bytes_of(const std::string& text) {
  std::vector<std::int32_t> ids;
  for (const char c : text)
    for (std::int32_t id = 1; id <= 256; ++id)
      if (tokenizer().decode(std::vector<std::int32_t>{id}) == std::string(1, c)) ids.push_back(id);
  return ids;
}

struct Written {
  GeneratedText text;
  std::vector<std::string> pieces;
};

// What becomes of `script` behind a prompt.
Written written(const std::vector<std::int32_t>& script, const std::vector<std::string>& stops = {},
                GenerateOptions options = {}, const std::string& prompt = "the cat") {
  Scripted model({script});
  options.max_new_tokens = static_cast<std::int64_t>(script.size());
  Written result;
  result.text = generate_text(
      model, tokenizer(), {encode_prompt(tokenizer(), prompt, 1000)}, options, stops,
      {.piece = [&](std::size_t, const std::string& piece) { result.pieces.push_back(piece); }})[0];
  return result;
}

std::string joined(const std::vector<std::string>& pieces) {
  std::string text;
  for (const std::string& piece : pieces) text += piece;
  return text;
}

GenerationConfig read_config(const std::string& text, const std::string& model_config = "{}") {
  const Folder folder("generation-config");
  folder.write("generation_config.json", text);
  ModelConfig config;
  config.vocab_size = 50;
  config.raw = Json::parse(model_config, "config");
  return GenerationConfig::read(folder.path(), config);
}

}  // namespace

TEST_CASE("Text comes in whole characters", "[generation]") {
  // Every byte is a token of its own: two, three and four of them are a character.
  std::vector<std::int32_t> script;
  const std::string text = " é€😀 x";
  std::vector<std::int32_t> all(tokenizer().encode(text).ids);
  REQUIRE(all.size() == text.size());
  const Written found = written(all);
  CHECK(found.text.text == text);
  CHECK(found.pieces == std::vector<std::string>{" ", "é", "€", "😀", " ", "x"});
  // The last character lacks its end.
  all.resize(text.size() - 3);
  const Written cut = written(all);
  CHECK(cut.text.text == " é€");
  CHECK(cut.text.ids == all);
  CHECK(cut.pieces == std::vector<std::string>{" ", "é", "€"});
}

TEST_CASE("Special tokens don't show, and the end of a text is one", "[generation]") {
  GenerateOptions options;
  options.eos = {0};
  auto script = ids_of(" and the hat");
  script.push_back(0);
  const Written found = written(script, {}, options);
  CHECK(found.text.text == " and the hat");
  CHECK(found.text.ending == Ending::eos);
  CHECK(found.text.ids == script);
  CHECK(joined(found.pieces) == found.text.text);
}

TEST_CASE("Stop strings end a text wherever tokens begin and end", "[generation]") {
  const std::string text = " saw the bat. And then";
  for (const auto& script : {ids_of(text), bytes_of(text)}) {
    for (const std::string stop : {"the bat", "e b", ".", " ", "And", "t. A", "n", "th", "a"}) {
      INFO(stop << ", " << script.size() << " tokens");
      const Written found = written(script, {stop, "no such text"});
      CHECK(found.text.text == text.substr(0, text.find(stop) + stop.size()));
      CHECK(joined(found.pieces) == found.text.text);
      CHECK(found.text.ending == Ending::stopped);
      CHECK(found.text.ids.size() < script.size());
      // Beams look at whole texts and find the same.
      GenerateOptions beams;
      beams.beams = 2;
      const Written by_beams = written(script, {stop}, beams);
      CHECK(by_beams.text.text == found.text.text);
      CHECK(by_beams.text.ending == Ending::stopped);
      CHECK(by_beams.pieces.empty());
    }
    // Of two the one that ends first.
    CHECK(written(script, {"bat. And", "the"}).text.text == " saw the");
    CHECK(written(script, {"aw the b", "the"}).text.text == " saw the");
    // What isn't there stops nothing; what stands in the prompt alone neither.
    CHECK(written(script, {"cat", "t saw the"}).text.text == text);
  }
  CHECK(contains(error_of([] { written({1}, {""}); }), "--stop"));
}

TEST_CASE("Several texts come at once, each to its own prompt", "[generation]") {
  const std::vector<std::string> texts = {" and the hat", " saw", " the bat"};
  std::vector<std::vector<std::int32_t>> scripts;
  for (const std::string& text : texts) {
    scripts.push_back(bytes_of(text));
    scripts.back().push_back(0);
  }
  Scripted model(scripts);
  GenerateOptions options;
  options.eos = {0};
  std::vector<std::string> streamed(3);
  int asked = 0;
  const auto prompts = std::vector<TokenSequence>(3, encode_prompt(tokenizer(), "the cat", 1000));
  const auto found = generate_text(
      model, tokenizer(), prompts, options, {},
      {.piece = [&](std::size_t prompt, const std::string& piece) { streamed[prompt] += piece; },
       .should_stop = [&] { return ++asked < 0; }});
  for (std::size_t i = 0; i < texts.size(); ++i) {
    CHECK(found[i].text == texts[i]);
    CHECK(streamed[i] == texts[i]);
  }
  CHECK(asked == 13 + 5 + 9);  // once for each new id
  // All end when somebody wants it.
  Scripted again(scripts);
  int left = 4;
  const auto stopped = generate_text(again, tokenizer(), prompts, options, {},
                                     {.should_stop = [&] { return --left < 0; }});
  CHECK(stopped[0].text == " a");
  CHECK(stopped[1].text == " ");
  CHECK(stopped[1].ending == Ending::stopped);
}

TEST_CASE("A text goes on where its prompt ends", "[generation]") {
  const Tokenizer words = Tokenizer::from_vocab(
      {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "##s", "##x"}, {});
  const auto behind = [&](const std::vector<std::int32_t>& script) {
    Scripted model({script}, words);
    GenerateOptions options;
    options.max_new_tokens = static_cast<std::int64_t>(script.size());
    return generate_text(model, words, {encode_prompt(words, "the", 1000)}, options)[0].text;
  };
  CHECK(behind({6, 7, 5}) == " cats the");
  CHECK(behind({8, 6}) == "x cat");
}

TEST_CASE("What an encoder reads isn't the text's beginning", "[generation]") {
  const Tokenizer words = Tokenizer::from_vocab(
      {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "##s", "##x"}, {});
  class Answering : public Scripted {
   public:
    using Scripted::Scripted;
    std::vector<std::int32_t> beginning(const TokenSequence&) const override { return {0}; }
  };
  Answering model({{6, 7, 5}}, words);
  GenerateOptions options;
  options.max_new_tokens = 3;
  const auto prompt = encode_prompt(words, "the", 1000);
  CHECK(generate_text(model, words, {prompt}, options)[0].text == "cats the");
}

TEST_CASE("A prompt needs tokens, and room behind them", "[generation]") {
  CHECK(contains(error_of([] { encode_prompt(tokenizer(), "", 10); }), "no tokens"));
  CHECK(encode_prompt(tokenizer(), "xyz", 4).ids.size() == 3);
  CHECK(contains(error_of([] { encode_prompt(tokenizer(), "xyz", 3); }),
                 "3 tokens and the model 3 positions"));
}

TEST_CASE("generation_config.json gives the defaults", "[generation]") {
  const GenerationConfig found = read_config(
      R"({"max_new_tokens":7,"min_new_tokens":2,"max_length":40,"min_length":3,"do_sample":true,
          "temperature":0.6,"top_k":4,"top_p":0.9,"min_p":0.1,"repetition_penalty":1.1,
          "no_repeat_ngram_size":3,"num_beams":2,"length_penalty":-0.5,"early_stopping":"never",
          "eos_token_id":[3,49],"stop_strings":["a","b"],"pad_token_id":0,"typical_p":0.5,
          "guidance_scale":1,"num_beam_groups":1,"transformers_version":"5.23.0"})",
      R"({"eos_token_id":5})");
  const GenerateOptions& options = found.options;
  CHECK(options.max_new_tokens == 7);
  CHECK(options.min_new_tokens == 2);
  CHECK(options.max_length == 0);  // the numbers of new tokens count
  CHECK(options.min_length == 0);
  CHECK(options.sample);
  CHECK(options.temperature == 0.6);
  CHECK(options.top_k == 4);
  CHECK(options.top_p == 0.9);
  CHECK(options.min_p == 0.1);
  CHECK(options.repetition_penalty == 1.1);
  CHECK(options.no_repeat_ngram_size == 3);
  CHECK(options.beams == 2);
  CHECK(options.length_penalty == -0.5);
  CHECK(options.early_stopping == EarlyStopping::never);
  CHECK(options.eos == std::vector<std::int32_t>{3, 49});
  CHECK(found.stop_strings == std::vector<std::string>{"a", "b"});
  REQUIRE(found.warnings.size() == 1);
  CHECK(contains(found.warnings[0], "generation_config.json: typical_p isn't supported"));
  // What isn't there, or null, is as it was; ids come from config.json.
  const GenerationConfig other =
      read_config(R"({"temperature":null,"eos_token_id":null,"stop_strings":"end",
                      "early_stopping":true})",
                  R"({"eos_token_id":5})");
  CHECK(other.options.temperature == 1);
  CHECK(other.options.top_k == 50);
  CHECK_FALSE(other.options.sample);
  CHECK(other.options.eos == std::vector<std::int32_t>{5});
  CHECK(other.options.early_stopping == EarlyStopping::yes);
  CHECK(other.stop_strings == std::vector<std::string>{"end"});
  const GenerationConfig whole = read_config(R"({"max_length":400,"min_length":3})");
  CHECK(whole.options.max_length == 400);
  CHECK(whole.options.max_new_tokens == 400);  // none of its own
  CHECK(whole.options.min_length == 3);
}

TEST_CASE("config.json has what generation_config.json hasn't", "[generation]") {
  const Folder empty("no-generation-config");
  ModelConfig config;
  config.vocab_size = 50;
  config.decoder_start_token_id = 7;
  const auto read = [&](const char* text) {
    config.raw = Json::parse(text, "config");
    return GenerationConfig::read(empty.path(), config);
  };
  CHECK(read(R"({"eos_token_id":[1,2]})").options.eos == std::vector<std::int32_t>{1, 2});
  CHECK(read(R"({"eos_token_id":null})").options.eos.empty());
  // Older directories say there, too, how to write.
  const GenerationConfig old =
      read(R"({"do_sample":true,"top_k":4,"max_length":30,"bos_token_id":3,"typical_p":0.5})");
  CHECK(old.options.sample);
  CHECK(old.options.top_k == 4);
  CHECK(old.options.max_length == 30);
  CHECK(old.bos == 3);
  CHECK(old.decoder_start == 7);
  REQUIRE(old.warnings.size() == 1);
  CHECK(contains(old.warnings[0], "config.json: typical_p isn't supported"));
  CHECK(contains(error_of([&] { read(R"({"top_p":3})"); }), "config.json: top_p"));
  // Where there is a generation_config.json, only ids are looked up elsewhere.
  const GenerationConfig both =
      read_config(R"({"top_k":9})", R"({"do_sample":true,"top_k":4,"bos_token_id":3})");
  CHECK_FALSE(both.options.sample);
  CHECK(both.options.top_k == 9);
  CHECK(both.bos == 3);
}

TEST_CASE("A text begins with the ids that generation_config.json names", "[generation]") {
  const auto begins = [](const char* text) {
    const Folder folder("generation-begins");
    folder.write("generation_config.json", text);
    ModelConfig config;
    config.vocab_size = 50;
    config.decoder_start_token_id = 7;
    config.raw = Json::parse(R"({"bos_token_id":3})", "config");
    return GenerationConfig::read(folder.path(), config);
  };
  CHECK(begins("{}").decoder_start == 7);
  CHECK(begins("{}").bos == 3);
  CHECK(begins(R"({"bos_token_id":5})").decoder_start == 5);
  CHECK(begins(R"({"bos_token_id":5})").bos == 5);
  CHECK(begins(R"({"bos_token_id":5,"decoder_start_token_id":0})").decoder_start == 0);
  CHECK(begins(R"({"decoder_start_token_id":null,"pad_token_id":-1})").decoder_start == 7);
}

TEST_CASE("Bad values of generation_config.json name the file and the key", "[generation]") {
  for (const std::string bad : {R"("max_new_tokens":0)",
                                R"("max_new_tokens":"many")",
                                R"("min_new_tokens":-1)",
                                R"("max_length":-5)",
                                R"("temperature":0)",
                                R"("temperature":-1.5)",
                                R"("top_k":-1)",
                                R"("top_k":2.5)",
                                R"("top_p":1.5)",
                                R"("min_p":-0.1)",
                                R"("repetition_penalty":0)",
                                R"("no_repeat_ngram_size":-2)",
                                R"("num_beams":0)",
                                R"("length_penalty":1e30)",
                                R"("early_stopping":"always")",
                                R"("early_stopping":3)",
                                R"("do_sample":"yes")",
                                R"("eos_token_id":-1)",
                                R"("eos_token_id":50)",
                                R"("eos_token_id":[1,"x"])",
                                R"("decoder_start_token_id":50)",
                                R"("decoder_start_token_id":[0])",
                                R"("bos_token_id":-1)",
                                R"("pad_token_id":"[PAD]")",
                                R"("stop_strings":[1])"}) {
    INFO(bad);
    const std::string key = bad.substr(1, bad.find('"', 1) - 1);
    CHECK(contains(error_of([&] { read_config("{" + bad + "}"); }),
                   "generation_config.json: " + key));
  }
  CHECK(contains(error_of([] { read_config("[1]"); }), "generation_config.json"));
  CHECK(contains(error_of([] { read_config("{"); }), "generation_config.json"));
}
