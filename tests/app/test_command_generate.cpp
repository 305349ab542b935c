// retort generate: streamed text, files of prompts, interruptions, and what it refuses.
#include "distill/generate_text.h"
#include "tests/app/command_testing.h"
#include "tokenizer/training/bpe.h"

using namespace retort;
using namespace retort::testing;

namespace fs = std::filesystem;

namespace {

constexpr int kPositions = 6000;

const std::string kLlama =
    R"("model_type":"decoder","hidden_size":32,"num_hidden_layers":2,"num_attention_heads":2,
       "initializer_range":0.4,"max_position_embeddings":)" +
    std::to_string(kPositions);
const std::string kT5 =
    R"("model_type":"t5","d_model":32,"d_kv":16,"d_ff":48,"num_layers":2,"num_heads":2,
       "initializer_factor":3,"decoder_start_token_id":0,
       "tie_word_embeddings":false)";

// A folder with `model`, a small one with random weights and a byte-level tokenizer.
class Story {
 public:
  explicit Story(const std::string& name, const std::string& config = kLlama) : folder_(name) {
    const Tokenizer tokenizer(
        train_bpe(std::vector<std::string>{"the cat saw the hat", "the bat and the cat"},
                  {.vocab_size = 270}),
        "test");
    const auto model = random_model(
        ModelConfig::parse(Json::parse("{" + config + R"(,"vocab_size":)" +
                                           std::to_string(tokenizer.vocab_size()) + "}",
                                       "test"),
                           "config.json"),
        6);
    write_model_directory(folder_.path() / "model", *model, tokenizer, {});
  }
  std::string at(const std::string& name) const { return (folder_.path() / name).string(); }
  void write(const std::string& name, std::string_view content) const {
    folder_.write(name, content);
  }
  Arguments generate(const Arguments& more) const {
    return Arguments{"generate", "--model", at("model")} + more;
  }

 private:
  Folder folder_;
};

std::vector<Json> objects_of(const std::string& text) {
  std::vector<Json> objects;
  for (const std::string& line : lines_of(text)) objects.push_back(Json::parse(line, "a line"));
  return objects;
}

// `count` characters of a text, from the one numbered `first` on.
std::string characters(const std::string& text, std::size_t first, std::size_t count) {
  std::string found;
  std::size_t number = 0;
  for (const char c : text) {
    number += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    if (number > first && number <= first + count) found += c;
  }
  return found;
}

}  // namespace

TEST_CASE("generate streams what the library writes", "[command]") {
  const Story story("generate");
  const Tokenizer tokenizer = Tokenizer::load(story.at("model"));
  const LoadedModel loaded = load_model(story.at("model"), {.frozen = true});
  const auto expected = [&](const GenerateOptions& options,
                            const std::vector<std::string>& stops = {}) {
    CausalDecoding decoding(*loaded.model);
    return generate_text(decoding, tokenizer, {encode_prompt(tokenizer, "the cat", kPositions)},
                         options, stops)[0];
  };
  const auto printed = [&](const Arguments& more) {
    return output_of(story.generate(Arguments{"--prompt", "the cat"} + more));
  };
  GenerateOptions options;
  CHECK(printed({}) == expected(options).text + "\n");
  options.max_new_tokens = 30;
  const std::string greedy = expected(options).text;
  CHECK(printed({"--max-new-tokens", "30"}) == greedy + "\n");
  CHECK(printed({"--max-new-tokens", "30", "--threads", "1"}) == greedy + "\n");
  const auto differs = [&](const Arguments& more, const std::vector<std::string>& stops = {}) {
    const std::string text = expected(options, stops).text;
    CHECK(text != greedy);
    CHECK(printed(Arguments{"--max-new-tokens", "30"} + more) == text + "\n");
    options = {};
    options.max_new_tokens = 30;
  };
  options.repetition_penalty = 2;
  differs({"--repetition-penalty", "2"});
  options.no_repeat_ngram_size = 1;
  differs({"--no-repeat-ngram-size", "1"});
  options.beams = 3;
  options.length_penalty = 2;
  options.early_stopping = EarlyStopping::never;
  differs({"--beams", "3", "--length-penalty", "2", "--early-stopping", "never"});
  options.sample = true;
  options.seed = 5;
  options.temperature = 1.5;
  options.top_k = 100;
  options.top_p = 0.9;
  options.min_p = 0.01;
  differs({"--sample", "--seed", "5", "--temperature", "1.5", "--top-k", "100", "--top-p", "0.9",
           "--min-p", "0.01"});
  const std::string stop = characters(greedy, 2, 3);
  differs({"--stop", stop, "--stop", "no such text"}, {stop, "no such text"});
}

TEST_CASE("generate follows generation_config.json unless told otherwise", "[command]") {
  const Story story("generate-config");
  const Arguments prompt = {"--prompt", "the hat"};
  const std::string plain = output_of(story.generate(prompt + Arguments{"--max-new-tokens", "9"}));
  const std::string drawn =
      output_of(story.generate(prompt + Arguments{"--max-new-tokens", "9", "--sample", "--top-k",
                                                  "7", "--temperature", "3"}));
  CHECK(plain != drawn);
  story.write("model/generation_config.json",
              R"({"max_new_tokens":9,"do_sample":true,"top_k":7,"temperature":3.0})");
  CHECK(output_of(story.generate(prompt)) == drawn);
  CHECK(output_of(story.generate(prompt + Arguments{"--greedy"})) == plain);
  CHECK(output_of(story.generate(prompt + Arguments{"--seed", "7"})) != drawn);
  story.write("model/generation_config.json", R"({"max_new_tokens":9,"min_new_tokens":9,
                                                  "typical_p":0.3})");
  const Ran warned = retort_command(story.generate(prompt + Arguments{"--max-new-tokens", "4"}));
  CHECK(warned.status == 0);
  CHECK(contains(warned.err, "typical_p isn't supported"));
  CHECK(warned.out.size() < plain.size());
  story.write("model/generation_config.json", R"({"top_p":7})");
  CHECK(contains(complaint_of(story.generate(prompt)), "generation_config.json: top_p"));
}

TEST_CASE("generate's numbers count more than the directory's", "[command]") {
  const Story story("generate-lengths");
  const Arguments prompt = {"--prompt", "the hat"};
  const auto length = [&](const Arguments& more) {
    return output_of(story.generate(prompt + more)).size();
  };
  const std::size_t nine = length({"--max-new-tokens", "9"});
  story.write("model/generation_config.json", R"({"max_length":4})");
  CHECK(length({}) < nine);
  CHECK(length({"--max-new-tokens", "9"}) == nine);
  story.write("model/generation_config.json", R"({"do_sample":true,"num_beams":2})");
  CHECK(contains(complaint_of(story.generate(prompt)), "--beams 1 or --greedy"));
  CHECK(length({"--max-new-tokens", "9", "--beams", "1"}) > 1);
}

TEST_CASE("generate begins as the directory says", "[command]") {
  const Story story("generate-bos");
  CHECK(contains(complaint_of(story.generate({"--prompt", ""})), "the prompt has no tokens"));
  const Tokenizer tokenizer = Tokenizer::load(story.at("model"));
  const std::int32_t bos = tokenizer.encode("the").ids.at(0);
  const std::string from_text = output_of(story.generate({"--prompt", tokenizer.token(bos)}));
  story.write("model/generation_config.json", R"({"bos_token_id":)" + std::to_string(bos) + "}");
  CHECK(output_of(story.generate({"--prompt", ""})) == from_text);
  story.write("prompts.txt", "\n");
  const auto line = objects_of(output_of(story.generate({"--input", story.at("prompts.txt")})));
  REQUIRE(line.size() == 1);
  CHECK(line[0].get("text", "") + "\n" == from_text);

  const Story t5("generate-start", kT5);
  const LoadedModel loaded = load_model(t5.at("model"), {.frozen = true});
  const Arguments arguments = t5.generate({"--prompt", "the cat", "--max-new-tokens", "12"});
  const std::string usual = output_of(arguments);
  t5.write("model/generation_config.json", R"({"decoder_start_token_id":9,"eos_token_id":1})");
  TokenSequence prompt = encode_prompt(tokenizer, "the cat", 100);
  prompt.target_ids = {9};
  GenerateOptions options;
  options.max_new_tokens = 12;
  options.eos = {1};
  const std::string expected =
      generate_text(*make_decoding(*loaded.model), tokenizer, {prompt}, options)[0].text + "\n";
  CHECK(expected != usual);
  CHECK(output_of(arguments) == expected);
}

TEST_CASE("generate runs a file of prompts, whatever its batches and threads", "[command]") {
  const Story story("generate-file");
  story.write("prompts.txt", "the cat\na\nthe bat and\r\nthe hat saw the cat\nthe cat");
  const auto lines = [&](const Arguments& more) {
    return output_of(story.generate(
        Arguments{"--input", story.at("prompts.txt"), "--max-new-tokens", "12"} + more));
  };
  const auto objects = objects_of(lines({}));
  REQUIRE(objects.size() == 5);
  const std::vector<std::string> prompts = {"the cat", "a", "the bat and", "the hat saw the cat",
                                            "the cat"};
  for (std::size_t i = 0; i < objects.size(); ++i) {
    const auto& members = objects[i].as_object("line");
    REQUIRE(members.size() == 4);
    CHECK(members[0] == Json::Member("prompt", prompts[i]));
    CHECK(members[1].first == "text");
    CHECK(output_of(story.generate({"--prompt", prompts[i], "--max-new-tokens", "12"})) ==
          members[1].second.as_string("text") + "\n");
    CHECK(members[2] == Json::Member("tokens", 12));
    CHECK(members[3] == Json::Member("ending", "length"));
  }
  const Arguments drawing = {"--sample", "--temperature", "2"};
  const std::string drawn = lines(drawing);
  CHECK(drawn != lines({}));
  CHECK(lines(drawing + Arguments{"--batch-size", "1"}) == drawn);
  CHECK(lines(drawing + Arguments{"--batch-size", "2", "--threads", "1"}) == drawn);
  CHECK(lines(drawing + Arguments{"--threads", "3"}) == drawn);
  const auto texts = objects_of(drawn);
  CHECK(texts[0].get("text", "") != texts[4].get("text", ""));  // equal prompts, other draws
  CHECK(lines(Arguments{"--output", story.at("out.jsonl")} + drawing).empty());
  CHECK(content_of(story.at("out.jsonl")) == drawn);
  const std::string first = characters(objects[0].get("text", ""), 0, 2);
  const Json stopped = objects_of(lines({"--stop", first}))[0];
  CHECK(stopped.get("text", "") == first);
  CHECK(stopped.get("ending", "") == "stop");
}

TEST_CASE("generate writes what an encoder-decoder answers", "[command]") {
  const Story story("generate-t5", kT5);
  const Tokenizer tokenizer = Tokenizer::load(story.at("model"));
  const LoadedModel loaded = load_model(story.at("model"), {.frozen = true});
  const std::vector<std::string> prompts = {"the cat", "a", "the hat saw the cat"};
  story.write("prompts.txt", prompts[0] + "\n" + prompts[1] + "\n" + prompts[2]);
  for (const char* beams : {"1", "3"}) {
    const Arguments more = {"--max-new-tokens", "12", "--beams", beams};
    const std::string input = story.at("prompts.txt");
    const std::string lines = output_of(story.generate(Arguments{"--input", input} + more));
    CHECK(output_of(story.generate(Arguments{"--input", input, "--batch-size", "2"} + more)) ==
          lines);
    const auto objects = objects_of(lines);
    REQUIRE(objects.size() == prompts.size());
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      GenerateOptions options;
      options.max_new_tokens = 12;
      options.beams = *beams - '0';
      options.eos = {1};  // T5's, which config.json says
      const GeneratedText answer =
          generate_text(*make_decoding(*loaded.model), tokenizer,
                        {encode_prompt(tokenizer, prompts[i], 100)}, options)[0];
      CHECK(objects[i].get("text", "") == answer.text);
      CHECK(objects[i].get("tokens", 0) == static_cast<std::int64_t>(answer.ids.size()));
      CHECK(output_of(story.generate(Arguments{"--prompt", prompts[i]} + more)) ==
            objects[i].get("text", "") + "\n");
    }
    CHECK(objects[0].get("text", "") != objects[2].get("text", ""));
  }
}

TEST_CASE("An interrupted generate ends cleanly", "[command]") {
  const Story story("generate-interrupt");
  const Arguments endless = {"--max-new-tokens", std::to_string(kPositions - 200)};
  Process streaming(story.generate(Arguments{"--prompt", "the cat"} + endless));
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  streaming.signal(SIGINT);
  const Ran ran = streaming.wait();
  CHECK(ran.status == 130);
  CHECK(ran.err.empty());
  CHECK(ran.out.ends_with("\n"));
  std::string prompts;
  for (int i = 0; i < 200; ++i) prompts += "the cat\n";
  story.write("prompts.txt", prompts);
  Process file(story.generate(Arguments{"--input", story.at("prompts.txt"), "--output",
                                        story.at("out.jsonl"), "--batch-size", "1"} +
                              endless));
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  file.signal(SIGTERM);
  const Ran stopped = file.wait();
  CHECK(stopped.status == 1);
  CHECK(contains(stopped.err, "generate: interrupted after "));
  CHECK(contains(stopped.err, "nothing was written"));
  CHECK_FALSE(fs::exists(story.at("out.jsonl")));
}

TEST_CASE("generate refuses in one line", "[command]") {
  const Story story("generate-bad");
  const auto complaint = [&](const Arguments& more) { return complaint_of(story.generate(more)); };
  CHECK(contains(complaint({}), "either --prompt or --input, found neither"));
  CHECK(contains(complaint({"--prompt", "a", "--input", "b"}), "found both"));
  CHECK(contains(complaint({"--prompt", "a", "--output", "b"}), "--output goes with --input"));
  CHECK(contains(complaint({"--prompt", ""}), "the prompt has no tokens"));
  CHECK(contains(complaint({"--prompt", "a\xFF"}), "UTF-8"));
  CHECK(contains(complaint({"--prompt", "a", "--temperature", "2"}), "add --sample"));
  CHECK(contains(complaint({"--prompt", "a", "--length-penalty", "2"}), "add --beams"));
  CHECK(contains(complaint({"--prompt", "a", "--sample", "--temperature", "0"}), "--temperature"));
  CHECK(contains(complaint({"--prompt", "a", "--sample", "--greedy"}), "--greedy"));
  CHECK(contains(complaint({"--prompt", "a", "--sample", "--beams", "2"}), "--sample"));
  CHECK(contains(complaint({"--prompt", "a", "--early-stopping", "maybe"}), "--early-stopping"));
  CHECK(contains(complaint({"--prompt", "a", "--max-new-tokens", "0"}), "--max-new-tokens"));
  CHECK(contains(complaint({"--prompt", "a", "--stop", ""}), "--stop"));
  CHECK(contains(complaint({"--prompt", "a", "--stop", "b\xFF"}), "--stop"));
  CHECK(contains(complaint({"--input", story.at("no.txt")}), "no.txt"));
  story.write("prompts.txt", "the cat\n\nthe hat\n");
  CHECK(
      contains(complaint({"--input", story.at("prompts.txt")}), "prompts.txt: line 2: the prompt"));
  story.write("prompts.txt", "the cat\n" + std::string(kPositions, 'x') + "\n");
  CHECK(
      contains(complaint({"--input", story.at("prompts.txt")}), "prompts.txt: line 2: the prompt"));
  const World world("generate-classifier");
  CHECK(contains(complaint_of({"generate", "--model", world.at("teacher"), "--prompt", "a"}),
                 "expected a causal language model"));
}
