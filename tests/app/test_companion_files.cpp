// What goes along with a model for those who write with it: generation_config.json and what the
// tokenizer's files say of chats.
#include "distill/companion_files.h"

#include "nn/renumbered_ids.h"
#include "tests/app/command_testing.h"
#include "tokenizer/training/bpe.h"

using namespace retort;
using namespace retort::testing;

namespace fs = std::filesystem;

namespace {

const std::string kTemplate = "{% for m in messages %}{{ bos_token }}{{ m.content }}{% endfor %}\n";
const std::string kKept = "the hat";

// A causal model with words of its own, whose makers say how to write with it.
void write_teacher(const Folder& folder) {
  const Tokenizer tokenizer(
      train_bpe(std::vector<std::string>{"the cat saw the hat", "the bat and the cat"},
                {.vocab_size = 280}),
      "test");
  const auto model = random_model(
      ModelConfig::parse(
          Json::parse(R"({"model_type":"decoder","hidden_size":16,"num_hidden_layers":2,
                          "num_attention_heads":2,"initializer_range":0.4,"vocab_size":)" +
                          std::to_string(tokenizer.vocab_size()) + "}",
                      "test"),
          "config.json"),
      6);
  write_model_directory(folder.path() / "teacher", *model, tokenizer, {});
  std::int32_t gone = tokenizer.vocab_size() - 1;  // without a cat
  while (contains(kKept, tokenizer.decode(std::vector<std::int32_t>{gone}))) --gone;
  folder.write("teacher/generation_config.json", R"({"max_new_tokens":9,"eos_token_id":[0,)" +
                                                     std::to_string(gone) +
                                                     R"(],"top_k":7,"x":{"y":1}})");
  folder.write("teacher/chat_template.jinja", kTemplate);
  Json config = Json::parse_file(folder.path() / "teacher" / "tokenizer_config.json");
  config["chat_template"] = "{{ messages }}";
  config["eos_token"] = Json::parse(R"({"content":"<|endoftext|>","special":true})", "token");
  config["bos_token"] = "<no such token>";
  folder.write("teacher/tokenizer_config.json", config.dump());
}

Json json_of(const Folder& folder, const std::string& name) {
  return Json::parse_file(folder.path() / name);
}

}  // namespace

TEST_CASE("Ids of configuration files follow their words", "[cut]") {
  const std::vector<std::int32_t> kept = {0, 3, 5, 9};
  CHECK(renumbered(5, kept) == 2);
  CHECK_FALSE(renumbered(4, kept).has_value());
  CHECK_FALSE(renumbered(-1, kept).has_value());
  CHECK_FALSE(renumbered(10, kept).has_value());
  const Json moved = renumbered_ids(
      Json::parse(R"({"pad_token_id":3,"bos_token_id":4,"eos_token_id":[9,4,5],"top_k":3,
                      "unk_token_id":null,"suppress_tokens":[4,0],"begin_suppress_tokens":[5],
                      "bad_words_ids":[[3,5],[3,4],[9]],"sequence_bias":[[[3],1.5]],"name":"x"})",
                  "test"),
      kept, "file");
  CHECK(moved == Json::parse(R"({"pad_token_id":1,"bos_token_id":null,"eos_token_id":[3,2],
                                 "top_k":3,"unk_token_id":null,"suppress_tokens":[0],
                                 "begin_suppress_tokens":[2],"bad_words_ids":[[1,2],[3]],
                                 "name":"x"})",
                             "test"));
  const auto complaint = [&](const char* text) {
    return error_of([&] { renumbered_ids(Json::parse(text, "test"), kept, "file"); });
  };
  CHECK(contains(complaint(R"({"eos_token_id":"x"})"), "file: eos_token_id"));
  CHECK(contains(complaint(R"({"bad_words_ids":[[1.5]]})"), "file: bad_words_ids"));
}

TEST_CASE("A student has what its teacher's makers say about writing", "[command][student]") {
  const Folder folder("companions");
  write_teacher(folder);
  const auto student = [&](const std::string& out, const Arguments& more) {
    output_of(Arguments{"student", "--teacher", (folder.path() / "teacher").string(), "--layers",
                        "1", "--out", (folder.path() / out).string()} +
              more);
  };
  student("same", {});
  const std::string generation = "/generation_config.json", tokenizer = "/tokenizer_config.json";
  CHECK(json_of(folder, "same" + generation) == json_of(folder, "teacher" + generation));
  CHECK(content_of(folder.path() / "same" / "chat_template.jinja") == kTemplate);
  const Json config = json_of(folder, "same" + tokenizer);
  CHECK(config.get("chat_template", "") == "{{ messages }}");
  CHECK(config.find("eos_token")->get("content", "") == "<|endoftext|>");
  CHECK(config.find("bos_token") == nullptr);  // a name without a token
  // They are files of a model that was made here.
  student("same", {"--overwrite"});
  // Words that went away take their numbers along.
  folder.write("words.txt", kKept + "\n");
  student("words", {"--vocab-from", (folder.path() / "words.txt").string()});
  const Json cut = json_of(folder, "words" + generation);
  CHECK(cut.find("eos_token_id")->as_array("ids").size() == 1);
  CHECK(cut.get("top_k", 0) == 7);
  const Tokenizer left = Tokenizer::load(folder.path() / "words");
  CHECK(cut.find("eos_token_id")->as_array("ids")[0] == Json(*left.id("<|endoftext|>")));
  CHECK(json_of(folder, "words" + tokenizer).find("chat_template") != nullptr);
  // Who doesn't write needs no advice on it.
  student("labels", {"--task", "sequence-classification"});
  CHECK_FALSE(fs::exists(folder.path() / "labels" / "generation_config.json"));
  CHECK(fs::exists(folder.path() / "labels" / "chat_template.jinja"));
  folder.write("teacher/generation_config.json", "[]");
  CHECK(contains(error_of([&] { CompanionFiles::read(folder.path() / "teacher"); }),
                 "generation_config.json: expected an object"));
}

TEST_CASE("A model that is trained keeps its chats", "[training]") {
  const World world("companions-trained");
  world.write("start/chat_template.jinja", kTemplate);
  Recipe recipe = world.train_recipe();
  recipe.epochs = 1;
  run(recipe);
  CHECK(content_of(fs::path(recipe.out) / "chat_template.jinja") == kTemplate);
}
