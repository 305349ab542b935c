// eval and predict through the command line: every kind of file, slices, threads, digits, labels.
#include "distill/evaluate.h"
#include "nn/weights/safetensors.h"
#include "tests/app/command_testing.h"

using namespace retort;
using namespace retort::testing;

namespace fs = std::filesystem;

namespace {

std::vector<Json> objects_of(const std::string& text) {
  std::vector<Json> objects;
  for (const std::string& line : lines_of(text))
    objects.push_back(Json::parse(line, "a line of output"));
  return objects;
}

std::vector<double> array_of(const Json& object, const char* key) {
  std::vector<double> values;
  for (const Json& value : object.find(key)->as_array(key)) values.push_back(value.as_number(key));
  return values;
}

Arguments predict(const World& world, const Arguments& more, const std::string& model = "teacher") {
  Arguments arguments = {"predict", "--model", world.at(model)};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

}  // namespace

TEST_CASE("predict gives label, probabilities and logits that read back as the same numbers",
          "[command]") {
  const World world("predict");
  const auto objects = objects_of(output_of(predict(world, {"--input", world.at("dev.tsv")})));
  REQUIRE(objects.size() == static_cast<std::size_t>(kDevRows));
  const ModelDirectory directory = ModelDirectory::open(world.at("teacher"));
  TableOptions options;
  options.label_required = false;
  const Examples examples = encode_examples(read_table(world.at("dev.tsv"), options),
                                            directory.tokenizer, nullptr, 32, PairStyle::segments);
  const auto logits = predict_logits(*load_model(world.at("teacher")).model, examples);
  for (std::size_t row = 0; row < objects.size(); ++row) {
    INFO("row " << row);
    const Json& object = objects[row];
    const auto& members = object.as_object("row");
    REQUIRE(members.size() == 3);
    CHECK(members[0].first == "label");
    CHECK(members[1].first == "probabilities");
    CHECK(members[2].first == "logits");
    const auto values = array_of(object, "logits"),
               probabilities = array_of(object, "probabilities");
    REQUIRE(values.size() == 2);
    // Nine digits are enough for the very same f32.
    CHECK(static_cast<float>(values[0]) == logits[2 * row]);
    CHECK(static_cast<float>(values[1]) == logits[2 * row + 1]);
    CHECK(probabilities[0] + probabilities[1] == Approx(1).epsilon(1e-8));
    CHECK(probabilities[1] == Approx(1 / (1 + std::exp(values[0] - values[1]))).epsilon(1e-7));
    CHECK(object.get("label", "") == (values[1] > values[0] ? "LABEL_1" : "LABEL_0"));
  }
}

TEST_CASE("predict reads every kind of file and gives the same lines", "[command]") {
  const World world("predict-files");
  // With a quote, a comma and text that isn't ASCII; CSV and JSON write them their own way.
  world.write("rows.tsv", "sentence1\tsentence2\nhe said \"no\", twice\tcafé\nplain\tb, c\n");
  world.write("rows.txt", "sentence1\tsentence2\nhe said \"no\", twice\tcafé\nplain\tb, c\n");
  world.write("rows.csv",
              "sentence1,sentence2\r\n\"he said \"\"no\"\", twice\",café\r\nplain,\"b, c\"\r\n");
  world.write("rows.jsonl",
              "{\"sentence1\": \"he said \\\"no\\\", twice\", \"sentence2\": \"caf\\u00e9\"}\n"
              "{\"sentence2\": \"b, c\", \"sentence1\": \"plain\"}\n");
  world.write("quoted.tsv",
              "sentence1\tsentence2\n\"he said \"\"no\"\", twice\"\tcafé\nplain\tb, c\n");
  world.write("named.tsv", "x\ty\tz\ncafé\t9\the said \"no\", twice\nb, c\t9\tplain\n");
  const std::string expected = output_of(predict(world, {"--input", world.at("rows.tsv")}));
  CHECK(lines_of(expected).size() == 2);
  for (const std::string name : {"rows.txt", "rows.csv", "rows.jsonl"}) {
    INFO(name);
    CHECK(output_of(predict(world, {"--input", world.at(name)})) == expected);
  }
  CHECK(output_of(predict(world, {"--input", world.at("quoted.tsv"), "--format", "tsv-quoted"})) ==
        expected);
  CHECK(output_of(predict(world, {"--input", world.at("named.tsv"), "--text-column", "z",
                                  "--pair-column", "x"})) == expected);
  CHECK(output_of(predict(world, {"--text", "he said \"no\", twice", "--pair", "café"})) +
            output_of(predict(world, {"--text", "plain", "--pair", "b, c"})) ==
        expected);
  const std::string file = world.at("out.jsonl");
  CHECK(output_of(predict(world, {"--input", world.at("rows.csv"), "--output", file})).empty());
  CHECK(content_of(file) == expected);
  CHECK(output_of(predict(world, {"--text", "plain"})) != lines_of(expected)[1] + "\n");
  CHECK(lines_of(output_of(predict(world, {"--text", ""}))).size() ==
        1);  // nothing but special tokens
}

TEST_CASE("Joined pairs are one text with [SEP] between", "[command]") {
  const World world("joined");
  world.make_model_directory("joined", world.config("bert", 3), 1, false, PairStyle::joined);
  const auto joined = [&](const Arguments& more) {
    return output_of(predict(world, more, "joined"));
  };
  CHECK(joined({"--text", "a b", "--pair", "c"}) == joined({"--text", "a b [SEP] c"}));
  // The weights are the teacher's, which takes the pair as two segments.
  CHECK(joined({"--text", "a b [SEP] c"}) == output_of(predict(world, {"--text", "a b [SEP] c"})));
  CHECK(joined({"--text", "a b", "--pair", "c"}) !=
        output_of(predict(world, {"--text", "a b", "--pair", "c"})));
  // eval reads the choice from the directory too.
  const Arguments data = {"--data", world.at("dev.tsv"), "--json"};
  Arguments one = {"eval", "--model", world.at("joined")},
            two = {"eval", "--model", world.at("teacher")};
  one.insert(one.end(), data.begin(), data.end());
  two.insert(two.end(), data.begin(), data.end());
  CHECK(output_of(one) != output_of(two));
}

TEST_CASE("eval --json prints one object", "[command]") {
  const World world("eval");
  const std::string text =
      output_of({"eval", "--model", world.at("teacher"), "--data", world.at("dev.tsv"), "--json"});
  REQUIRE(lines_of(text).size() == 1);
  const Json json = Json::parse(text, "eval --json");
  std::vector<std::string> keys;
  for (const auto& [key, value] : json.as_object("eval")) keys.push_back(key);
  CHECK(keys == std::vector<std::string>{"examples", "accuracy", "f1", "loss"});
  CHECK(json.get("examples", 0) == kDevRows);
  // Against predict: accuracy, F1 of id 1, mean −log p.
  const auto rows = objects_of(output_of(predict(world, {"--input", world.at("dev.tsv")})));
  const auto lines = lines_of(content_of(world.at("dev.tsv")));
  double right = 0, loss = 0, both = 0, expected = 0, found = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::size_t label = lines[i + 1].back() == '1';
    const std::size_t predicted = rows[i].get("label", "") == "LABEL_1";
    right += label == predicted;
    both += label && predicted;
    expected += static_cast<double>(label);
    found += static_cast<double>(predicted);
    loss -= std::log(array_of(rows[i], "probabilities")[label]);
  }
  const auto count = static_cast<double>(kDevRows);
  CHECK(json.find("accuracy")->as_number("accuracy") == Approx(right / count));
  CHECK(json.find("loss")->as_number("loss") == Approx(loss / count).epsilon(1e-6));
  CHECK(json.find("f1")->as_number("f1") ==
        Approx(both > 0 ? 2 * both / (expected + found) : 0).margin(1e-12));
  CHECK(contains(output_of({"eval", "--model", world.at("teacher"), "--data", world.at("dev.tsv")}),
                 "accuracy"));
}

TEST_CASE("Threads and batch size change no prediction", "[command]") {
  const World world("predict-threads");
  const Arguments input = {"--input", world.at("train.tsv")};
  const auto with = [&](const Arguments& more) {
    Arguments arguments = predict(world, input);
    arguments.insert(arguments.end(), more.begin(), more.end());
    return output_of(arguments);
  };
  const std::string expected = with({"--threads", "1"});
  CHECK(lines_of(expected).size() == static_cast<std::size_t>(kTrainRows));
  for (const char* threads : {"0", "3", "64"}) CHECK(with({"--threads", threads}) == expected);
  for (const char* size : {"1", "7", "1000"}) CHECK(with({"--batch-size", size}) == expected);
}

TEST_CASE("--rows and --limit take slices", "[command]") {
  const World world("slices");
  const auto lines = lines_of(output_of(predict(world, {"--input", world.at("dev.tsv")})));
  const auto slice = [&](std::size_t first, std::size_t last) {
    std::string text;
    for (std::size_t i = first; i < last; ++i) text += lines[i] + "\n";
    return text;
  };
  const auto with = [&](const Arguments& more) {
    Arguments arguments = predict(world, {"--input", world.at("dev.tsv")});
    arguments.insert(arguments.end(), more.begin(), more.end());
    return output_of(arguments);
  };
  CHECK(with({"--limit", "5"}) == slice(0, 5));
  CHECK(with({"--rows", "3:9"}) == slice(3, 9));
  CHECK(with({"--rows", "20:"}) == slice(20, 24));
  CHECK(with({"--rows", ":2"}) == slice(0, 2));
  CHECK(with({"--rows", "3:9", "--limit", "2"}) == slice(3, 5));
  CHECK(with({"--limit", "1000"}) == slice(0, 24));
}

TEST_CASE("Labels by name go from the table into the model and out again", "[command]") {
  const World world("named-labels");
  std::string table = "sentence\tkind\n", words[] = {"zebra", "apple", "mango"};
  for (int i = 0; i < 30; ++i) table += words[i % 3] + " number\t" + "is " + words[i % 3] + "\n";
  const std::string data = world.write("kinds.tsv", table).string(), out = world.at("out");
  output_of({"train", "--model", world.at("start"), "--data", data, "--label-column", "kind",
             "--out", out, "--epochs", "8", "--lr", "1e-2", "--quiet"});
  const ModelConfig config = ModelConfig::read(out);
  CHECK(config.labels == std::vector<std::string>{"is apple", "is mango", "is zebra"});
  for (const std::string& word : words) {
    const auto row =
        objects_of(output_of({"predict", "--model", out, "--text", word + " number"})).at(0);
    CHECK(row.get("label", "") ==
          "is " + word);  // learnt: the words are in the vocabulary's letters
    CHECK(array_of(row, "logits").size() == 3);
  }
  const Arguments eval = {"eval", "--model", out, "--label-column", "kind", "--json", "--data"};
  Arguments known = eval, unknown = eval;
  known.push_back(data);
  CHECK(contains(output_of(known), "\"accuracy\": 1.0,"));
  unknown.push_back(world.write("pear.tsv", "sentence\tkind\nx\tis apple\ny\tis pear\n").string());
  const std::string line = complaint_of(unknown);
  CHECK(contains(line, ":3:"));
  CHECK(contains(line, "is pear"));
}

TEST_CASE("inspect describes directories and files", "[command]") {
  const World world("inspect");
  const std::string text = output_of({"inspect", world.at("teacher")});
  CHECK(contains(text, "bert, 3 layers x 16, 2 heads, feed-forward 24"));
  CHECK(contains(text, "classifier.weight"));
  CHECK(contains(output_of({"inspect", world.at("start")}), "random, never trained"));
  CHECK(contains(output_of({"inspect", world.at("teacher/model.safetensors")}),
                 "bert.pooler.dense.bias"));
  // Names and texts of a file stay on their lines, however long one is.
  const std::vector<std::byte> zeros(4);
  const std::string odd = world.at("odd.safetensors"), name(100'000, 'n');
  write_safetensors(odd,
                    std::vector<TensorToWrite>{{"a\nb\x1b[2J", DType::f32, {1}, zeros.data()},
                                               {"b", DType::f32, {1}, zeros.data()},
                                               {name, DType::f32, {1}, zeros.data()}},
                    {{"k", "v\nretort: w\x1b[2J"}});
  const std::string listed = output_of({"inspect", odd});
  CHECK(lines_of(listed).size() == 5);
  CHECK(contains(listed, "a b\uFFFD[2J"));
  CHECK(contains(listed, "metadata: k = v retort: w\uFFFD[2J"));
  CHECK(listed.size() < name.size() + 1000);
  CHECK(contains(complaint_of({"inspect", world.at("nothing")}), world.at("nothing")));
  CHECK(contains(complaint_of({"inspect", world.at("train.tsv")}), world.at("train.tsv")));
}

TEST_CASE("outputs writes what the model computes", "[command]") {
  const World world("outputs");
  const fs::path out = world.at("out.safetensors");
  const auto outputs = [&](Arguments rest) {
    Arguments arguments = {"outputs", "--model", world.at("teacher"), "--out", out.string()};
    arguments.insert(arguments.end(), rest.begin(), rest.end());
    return arguments;
  };
  output_of(outputs({"--text", "a b", "--pair", "c"}));
  {
    const SafetensorsFile file(out);
    CHECK(file.entries().size() == 5);  // logits and 4 hidden states
    for (const char* name : {"logits", "hidden.0", "hidden.3"}) CHECK(file.find(name) != nullptr);
    REQUIRE(file.find("logits") != nullptr);
    const auto row = objects_of(output_of(predict(world, {"--text", "a b", "--pair", "c"}))).at(0);
    float values[2];
    REQUIRE(file.find("logits")->bytes.size() == sizeof values);
    std::memcpy(values, file.find("logits")->bytes.data(), sizeof values);
    CHECK(values[0] == static_cast<float>(array_of(row, "logits")[0]));
  }
  CHECK(contains(complaint_of(outputs({"--ids", "2,900,3"})), "900"));
  CHECK(contains(complaint_of(outputs({"--ids", "2,5,3", "--types", "0,7,0"})), "7"));
  CHECK(contains(complaint_of(outputs({"--ids", "2", "--want", "logits,mood"})),
                 "query, key, value, found 'mood'"));

  // Two heads of 8 columns.
  output_of(outputs({"--ids", "2,5,3", "--want", "attention,scores,query,key,value,hidden"}));
  const SafetensorsFile file(out);
  const auto shape = [&](const std::string& name) {
    REQUIRE(file.find(name) != nullptr);
    CHECK(file.find(name)->dtype == DType::f32);
    return file.find(name)->shape;
  };
  using Sizes = std::vector<std::int64_t>;
  CHECK(file.entries().size() == 4 + 5 * 3);
  for (const char* kind : {"attention.", "scores."})
    for (const char* layer : {"1", "3"}) CHECK(shape(std::string(kind) + layer) == Sizes{2, 3, 3});
  for (const char* kind : {"query.", "key.", "value."})
    CHECK(shape(std::string(kind) + "2") == Sizes{2, 3, 8});
  CHECK(shape("hidden.0") == Sizes{3, 16});

  // Another head; one that the file hasn't got.
  output_of(outputs({"--ids", "2,5,3", "--task", "embedding", "--want", "logits"}));
  CHECK(SafetensorsFile(out).find("logits")->shape == Sizes{16});
  output_of(outputs({"--ids", "2,5,3", "--task", "none"}));
  CHECK(SafetensorsFile(out).find("logits") == nullptr);
  CHECK(contains(complaint_of(outputs({"--ids", "2,5,3", "--task", "masked-lm"})),
                 "no trained head"));
  CHECK(contains(complaint_of(outputs({"--ids", "2,5,3", "--task", "dreams"})), "dreams"));
  CHECK(contains(complaint_of(outputs({"--ids", "2,5,3", "--target-ids", "0"})), "no decoder"));
}

TEST_CASE("outputs writes each stack of an encoder-decoder", "[command][t5]") {
  const Folder folder("outputs-t5");
  const fs::path out = folder.path() / "out.safetensors";
  const auto outputs = [&](const Arguments& rest) {
    return Arguments{"outputs",   "--model", RETORT_SOURCE_DIR "/tests/golden/architectures/t5",
                     "--ids",     "5,9,7,1", "--out",
                     out.string()} +
           rest;
  };
  // Two layers that encode, three that decode; three heads of 5 columns.
  output_of(
      outputs({"--target-ids", "0,9", "--want", "logits,hidden,attention,scores,query,key,value"}));
  const SafetensorsFile file(out);
  CHECK(file.entries().size() == 1 + (3 + 5 * 2) + (4 + 5 * 3) + 5 * 3);
  const auto shape = [&](const std::string& name) {
    INFO(name);
    REQUIRE(file.find(name) != nullptr);
    return file.find(name)->shape;
  };
  using Sizes = std::vector<std::int64_t>;
  CHECK(shape("logits") == Sizes{2, 43});
  CHECK(shape("encoder.hidden.2") == Sizes{4, 12});
  CHECK(shape("decoder.hidden.0") == Sizes{2, 12});
  CHECK(shape("encoder.attention.1") == Sizes{3, 4, 4});
  CHECK(shape("decoder.scores.3") == Sizes{3, 2, 2});
  CHECK(shape("cross.attention.1") == Sizes{3, 2, 4});
  CHECK(shape("cross.query.2") == Sizes{3, 2, 5});
  CHECK(shape("cross.key.3") == Sizes{3, 4, 5});
  CHECK(contains(complaint_of(outputs({})),
                 "--target-ids: expected what the decoder reads: its start token 0"));
  CHECK(contains(complaint_of(outputs({"--target-ids", "0,99"})), "target id 99"));
  // The encoder alone has one stack.
  output_of(outputs({"--task", "embedding", "--want", "hidden"}));
  CHECK(SafetensorsFile(out).find("hidden.2")->shape == Sizes{4, 12});
  CHECK(
      contains(complaint_of(outputs({"--task", "embedding", "--target-ids", "0"})), "no decoder"));
}

TEST_CASE("An encoder-decoder is made, described and run on a text", "[command][t5]") {
  const Folder folder("init-t5");
  const std::string model = (folder.path() / "model").string(),
                    out = (folder.path() / "out.safetensors").string();
  const auto config = folder.write(
      "config.json", R"({"model_type":"t5","d_model":8,"d_kv":3,"d_ff":6,"num_layers":2,
                                                      "num_decoder_layers":3,"num_heads":2})");
  output_of({"init", "--config", config.string(), "--vocab",
             RETORT_SOURCE_DIR "/tests/golden/tokenizer_vocab.txt", "--out", model});
  const std::string text = output_of({"inspect", model});
  CHECK(contains(text, "t5, 2 + 3 layers x 8"));
  CHECK(contains(text, "positions    any number"));
  CHECK(contains(text, "decoder.block.2.layer.1.EncDecAttention.q.weight"));
  output_of({"outputs", "--model", model, "--text", "a b", "--target-ids", "0", "--out", out});
  const SafetensorsFile file(out);
  REQUIRE(file.find("encoder.hidden.2") != nullptr);
  REQUIRE(file.find("decoder.hidden.3") != nullptr);
  CHECK(file.find("decoder.hidden.3")->shape == std::vector<std::int64_t>{1, 8});
  CHECK(file.find("encoder.hidden.2")->shape[0] > 1);
}
