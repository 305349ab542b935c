// Bad input through the command line: one clear line, an exit status, and earlier outputs as they
// were.
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "tests/app/command_testing.h"

using namespace retort;
using namespace retort::testing;

namespace fs = std::filesystem;

namespace {

// A table that is short enough for nothing to be said about truncation.
std::string short_table(const World& world) {
  return world.write("short.tsv", "sentence\tlabel\na\t0\nb\t1\n").string();
}

std::string eval_complaint(const World& world, const std::string& model) {
  short_table(world);
  return complaint_of({"eval", "--model", world.at(model), "--data", world.at("short.tsv")});
}

// A copy of the teacher to damage.
fs::path copy_of_teacher(const World& world, const std::string& name) {
  fs::remove_all(world.path() / name);
  fs::copy(world.path() / "teacher", world.path() / name, fs::copy_options::recursive);
  return world.path() / name;
}

void put(const fs::path& path, std::string_view content) {
  std::ofstream(path, std::ios::binary) << content;
}

std::string with_key(const fs::path& config, const std::string& key, const Json& value) {
  Json json = Json::parse_file(config);
  json[key] = value;
  return json.dump(2);
}

}  // namespace

TEST_CASE("A model directory with a missing file names it", "[command][bad]") {
  const World world("bad-missing");
  CHECK(contains(eval_complaint(world, "nothing"), world.at("nothing")));
  const fs::path broken = copy_of_teacher(world, "broken");
  for (const std::string file : {"config.json", "model.safetensors"}) {
    INFO(file);
    fs::remove(broken / file);
    CHECK(contains(eval_complaint(world, "broken"), file));
    copy_of_teacher(world, "broken");
  }
  // Either of the two tokenizer files is enough, without both there is none.
  const Arguments eval = {"eval",          "--json", "--model",
                          broken.string(), "--data", world.at("dev.tsv")};
  const std::string expected = output_of(eval);
  for (const std::string file : {"tokenizer.json", "vocab.txt", "tokenizer_config.json"}) {
    INFO(file);
    fs::remove(broken / file);
    CHECK(output_of(eval) == expected);
    copy_of_teacher(world, "broken");
  }
  fs::remove(broken / "tokenizer.json");
  fs::remove(broken / "vocab.txt");
  CHECK(contains(eval_complaint(world, "broken"), broken.string()));
}

TEST_CASE("A half-written model directory names the file", "[command][bad]") {
  const World world("bad-half");
  const fs::path broken = copy_of_teacher(world, "broken");
  const auto cut = [&](const std::string& file, std::size_t length) {
    const std::string whole = content_of(world.path() / "teacher" / file);
    put(broken / file, std::string_view(whole).substr(0, length));
    INFO(file << " cut to " << length << " of " << whole.size());
    CHECK(contains(eval_complaint(world, "broken"), (broken / file).string()));
    put(broken / file, whole);
  };
  const std::size_t weights = fs::file_size(broken / "model.safetensors");
  for (const std::size_t length : {std::size_t{0}, std::size_t{4}, std::size_t{8}, std::size_t{100},
                                   weights / 2, weights - 4, weights - 1})
    cut("model.safetensors", length);
  for (const std::string file : {"config.json", "tokenizer.json", "retort.json"}) {
    const std::size_t size = fs::file_size(broken / file);
    for (const std::size_t length : {std::size_t{0}, size / 2, size - 3}) cut(file, length);
  }
  // A vocab.txt that was cut at a line's end shows by its number of pieces.
  fs::remove(broken / "tokenizer.json");
  const std::string vocab = content_of(broken / "vocab.txt");
  put(broken / "vocab.txt", vocab.substr(0, vocab.rfind('\n', vocab.size() - 60) + 1));
  const std::string line = eval_complaint(world, "broken");
  CHECK(contains(line, broken.string()));
  CHECK(contains(line, "vocab_size"));
}

TEST_CASE("Files that don't fit each other name what differs", "[command][bad]") {
  const World world("bad-fit");
  const fs::path broken = copy_of_teacher(world, "broken"), config = broken / "config.json";
  const auto with = [&](const std::string& key, const Json& value) {
    INFO(key);
    put(config, with_key(world.path() / "teacher" / "config.json", key, value));
    return eval_complaint(world, "broken");
  };
  // The vocabulary and the table of ids.
  const std::int64_t pieces = world.tokenizer().vocab_size();
  CHECK(contains(with("vocab_size", pieces - 1), "vocab_size"));
  CHECK(contains(with("vocab_size", pieces + 1), "vocab_size"));
  CHECK(contains(with("vocab_size", 30522), "vocab_size"));
  // Shapes.
  std::string line = with("hidden_size", 18);
  CHECK(contains(line, (broken / "model.safetensors").string()));
  CHECK(contains(line, "18]"));
  CHECK(contains(line, "16]"));
  CHECK(contains(with("num_hidden_layers", 4), "bert.encoder.layer.3"));
  CHECK(contains(with("intermediate_size", 25), "intermediate.dense"));
  CHECK(contains(with("max_position_embeddings", 41), "position_embeddings"));
  CHECK(contains(with("type_vocab_size", 1), "token_type_embeddings"));
  // Values that are none.
  const std::string file = config.string();
  CHECK(contains(with("num_attention_heads", 3), file));
  CHECK(contains(with("num_attention_heads", 0), file + ": num_attention_heads"));
  CHECK(contains(with("hidden_size", -16), file + ": hidden_size"));
  CHECK(contains(with("hidden_size", "16"), file + ": hidden_size"));
  CHECK(contains(with("model_type", "gpt2"), "gpt2"));
  CHECK(contains(with("hidden_act", "swank"), "swank"));
  CHECK(contains(with("hidden_act", "swank"), file));
  CHECK(contains(with("hidden_act", 3), file));
  CHECK(contains(with("is_decoder", true), file + ": is_decoder"));
  CHECK(contains(with("is_decoder", "no"), file));
  CHECK(contains(with("position_embedding_type", "relative_key"), "relative_key"));
  CHECK(contains(with("layer_norm_eps", "tiny"), file + ": layer_norm_eps"));
  Json labels = Json::Object{};
  labels["0"] = "a";
  labels["2"] = "b";
  CHECK(contains(with("id2label", labels), file + ": id2label"));
  labels = Json::Object{};
  labels["0"] = "a";
  labels["1"] = "a";
  CHECK(contains(with("id2label", labels), "two ids"));
  labels = Json::Object{};
  labels["LABEL_0"] = 1;
  labels["LABEL_1"] = 0;
  CHECK(contains(with("label2id", labels), file));
  put(config, "[1, 2]");
  CHECK(contains(eval_complaint(world, "broken"), file));
}

TEST_CASE("Damaged weights are never answered with numbers", "[command][bad]") {
  const World world("bad-nan");
  damage_weights(world.at("teacher"));
  CHECK(contains(eval_complaint(world, "teacher"), "finite"));
  CHECK(
      contains(complaint_of({"predict", "--model", world.at("teacher"), "--text", "a"}), "finite"));
}

TEST_CASE("A table that can't be used names file and line", "[command][bad]") {
  const World world("bad-table");
  const auto complaint = [&](const std::string& name, const std::string& content,
                             const Arguments& more = {}) {
    INFO(name);
    const std::string path = world.write(name, content).string();
    Arguments arguments = {"eval", "--model", world.at("teacher"), "--data", path};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const std::string line = complaint_of(arguments);
    CHECK(contains(line, path));
    return line;
  };
  const std::string header = "sentence\tlabel\n";
  complaint("empty.tsv", "");
  complaint("header.tsv", header);
  complaint("bom.tsv", "\xEF\xBB\xBF");
  CHECK(contains(complaint("columns.tsv", "foo\tbar\na\t1\n"), "foo"));
  CHECK(contains(complaint("column.tsv", header + "a\t1\n", {"--text-column", "body"}), "body"));
  CHECK(contains(complaint("labels.tsv", header + "a\t1\n", {"--label-column", "gold"}), "gold"));
  CHECK(contains(complaint("unlabelled.tsv", "sentence\na\n"), "label"));
  CHECK(contains(complaint("range.tsv", header + "a\t0\nb\t1\nc\t2\n"), ":4:"));
  CHECK(contains(complaint("negative.tsv", header + "a\t-1\n"), ":2:"));
  CHECK(contains(complaint("word.tsv", header + "a\t1\nb\tmaybe\n"), ":3:"));
  CHECK(contains(complaint("gap.tsv", header + "a\t1\nb\t\n"), ":3:"));
  CHECK(contains(complaint("utf8.tsv", header + "a\t1\nb\xFF"
                                                "c\t0\n"),
                 ":3:"));
  CHECK(contains(complaint("nul.tsv", header + std::string("a\0b\t1\n", 6)), ":2:"));
  CHECK(contains(complaint("open.csv", "sentence,label\n\"a,1\n"), ":2:"));
  CHECK(contains(complaint("json.jsonl", "{\"sentence\": \"a\", \"label\": 1}\n{\"sentence\": \n"),
                 ":2:"));
  CHECK(contains(complaint("array.jsonl", "[1]\n"), ":1:"));
  complaint("rows.tsv", header + "a\t1\n", {"--rows", "5:9"});
  CHECK(contains(complaint("table.xyz", header), "--format"));
  const std::string folder = world.at("teacher");
  CHECK(contains(complaint_of({"eval", "--model", folder, "--data", folder}), folder));
  CHECK(contains(complaint_of({"eval", "--model", folder, "--data", world.at("none.tsv")}),
                 "none.tsv"));
  const std::string dev = world.at("dev.tsv");
  for (const std::string rows : {"9:3", "a:b", "3", ":", "-1:5", ""}) {
    INFO(rows);
    if (!rows.empty())
      CHECK(contains(complaint_of({"eval", "--model", folder, "--data", dev, "--rows", rows}),
                     "rows"));
  }
  CHECK(
      contains(complaint_of({"eval", "--model", folder, "--data", dev, "--format", "xls"}), "xls"));
  CHECK(contains(complaint_of({"eval", "--model", folder, "--data", dev, "--max-length", "41"}),
                 "40 positions"));
  CHECK(contains(complaint_of({"eval", "--model", folder, "--data", dev, "--max-length", "-3"}),
                 "--max-length"));
  CHECK(contains(complaint_of({"predict", "--model", folder, "--text", "a\xC3"}), "UTF-8"));
}

TEST_CASE("A training table with one label, or with a gap between them, is refused",
          "[command][bad]") {
  const World world("bad-labels");
  const auto train = [&](const std::string& content) {
    const std::string path = world.write("labels.tsv", content).string();
    return complaint_of(
        {"train", "--model", world.at("start"), "--data", path, "--out", world.at("out")}, true);
  };
  CHECK(contains(train("sentence\tlabel\na\t0\nb\t0\n"), "label"));
  CHECK(contains(train("sentence\tlabel\na\t0\nb\t2\n"), ":3:"));
  CHECK(contains(train("sentence\tlabel\na\tyes\nb\tyes\n"), "label"));
}

TEST_CASE("A megabyte of combining marks works or fails soon", "[command][bad]") {
  const World world("bad-marks");
  std::string marks = "a";
  while (marks.size() < (1u << 20)) marks += "\xCC\x81\xCC\xA7";  // two classes, in the wrong order
  std::string word(1u << 20, 'x');
  const std::string input =
      world.write("marks.tsv", "sentence\n" + marks + "\n" + word + "\nplain\n").string();
  const Ran ran = retort_command({"predict", "--model", world.at("teacher"), "--input", input});
  INFO(ran.err);
  CHECK(ran.status == 0);
  CHECK(lines_of(ran.out).size() == 3);
  CHECK(ran.seconds < 20);
}

TEST_CASE("A pipe that stands where a file should is refused, not waited for", "[command][bad]") {
  const World world("bad-pipe");
  const fs::path broken = copy_of_teacher(world, "broken");
  for (const std::string file : {"config.json", "model.safetensors", "tokenizer.json"}) {
    INFO(file);
    fs::remove(broken / file);
    REQUIRE(::mkfifo((broken / file).c_str(), 0600) == 0);
    CHECK(contains(eval_complaint(world, "broken"), file + ": expected a file"));
    copy_of_teacher(world, "broken");
  }
  REQUIRE(::mkfifo(world.at("pipe.safetensors").c_str(), 0600) == 0);
  CHECK(contains(complaint_of({"inspect", world.at("pipe.safetensors")}), "expected a file"));
}

TEST_CASE("An output that can't be written leaves what was there", "[command][bad]") {
  const World world("bad-output");
  const Arguments predict = {"predict", "--model",          world.at("teacher"),
                             "--input", short_table(world), "--output"};
  const auto with = [&](const std::string& output) {
    Arguments arguments = predict;
    arguments.push_back(output);
    return arguments;
  };
  CHECK(contains(complaint_of(with(world.at("no/such/folder.jsonl"))), "no/such/folder.jsonl"));
  CHECK(contains(complaint_of(with(world.at("teacher"))), world.at("teacher")));
  // Pipes and devices are written to, not replaced (tried on ones of our own: as root a mistake
  // would take the machine's away).
  const std::string pipe = world.at("pipe");
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  const int reader = ::open(pipe.c_str(), O_RDWR | O_NONBLOCK);
  REQUIRE(reader >= 0);
  output_of(with(pipe));
  std::string piped(1 << 16, '\0');
  const ssize_t got = ::read(reader, piped.data(), piped.size());
  ::close(reader);
  CHECK(got > 0);
  CHECK(lines_of(piped.substr(0, static_cast<std::size_t>(std::max<ssize_t>(got, 0)))).size() == 2);
  CHECK(fs::is_fifo(pipe));
  const std::string full = world.at("full");
  if (::mknod(full.c_str(), S_IFCHR | 0600, ::makedev(1, 7)) == 0) {
    const int device = ::open(full.c_str(), O_WRONLY);
    if (device >= 0) {
      ::close(device);
      CHECK(contains(complaint_of(with(full)), full + ": can't be written: No space left"));
      CHECK(fs::is_character_file(full));
    }
  }
  if (::geteuid() != 0) CHECK(lines_of(output_of(with("/dev/stdout"))).size() == 2);
  // A damaged input leaves the earlier output.
  const std::string output = world.at("predictions.jsonl");
  output_of(with(output));
  const std::string before = content_of(output);
  CHECK(lines_of(before).size() == 2);
  const std::string bad = world.write("bad.tsv", "sentence\na\nb\xFF\n").string();
  complaint_of({"predict", "--model", world.at("teacher"), "--input", bad, "--output", output});
  CHECK(content_of(output) == before);
  // So does `retort init` over a model, and `retort data` over a file.
  const auto teacher = files_of(world.at("teacher"));
  CHECK(contains(complaint_of({"init", "--config", world.at("teacher/config.json"), "--vocab",
                               world.at("teacher/vocab.txt"), "--out", world.at("teacher")}),
                 "--overwrite"));
  CHECK(files_of(world.at("teacher")) == teacher);
  CHECK(contains(complaint_of({"data", "tickets", "--rows", "5", "--out", output}), "--overwrite"));
  CHECK(content_of(output) == before);
}

TEST_CASE("A full disk is one line and keeps earlier outputs", "[command][bad]") {
  const World world("bad-disk");
  const fs::path disk = world.path() / "disk";
  fs::create_directories(disk);
  if (::geteuid() != 0 || ::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=224k") != 0)
    RETORT_SKIP("a small file system can only be mounted by root");
  struct Unmount {
    const fs::path& path;
    ~Unmount() { ::umount(path.c_str()); }
  } const unmount{disk};

  const auto complaint = [&](const Arguments& arguments) {
    const std::string line = complaint_of(arguments, true);
    CHECK(contains(line, disk.string()));
    CHECK(contains(line, "No space left"));
  };
  put(disk / "earlier.jsonl", "earlier\n");
  std::string rows = "sentence\n";
  for (int i = 0; i < 3000; ++i) rows += "a\n";
  const std::string input = world.write("many.tsv", rows).string();
  complaint({"predict", "--model", world.at("teacher"), "--input", input, "--output",
             (disk / "earlier.jsonl").string()});
  CHECK(content_of(disk / "earlier.jsonl") == "earlier\n");
  CHECK(files_of(disk).size() == 1);  // nothing half-written lies about

  // A run writes a checkpoint of some 120 kB a few times and can't keep two.
  const std::string out = (disk / "out").string();
  Arguments train = {"train",
                     "--model",
                     world.at("start"),
                     "--data",
                     world.at("train.tsv"),
                     "--dev",
                     world.at("dev.tsv"),
                     "--out",
                     out,
                     "--epochs",
                     "2",
                     "--checkpoint-every",
                     "2"};
  complaint(train);
  const auto checkpoints = checkpoints_of(out);
  CHECK_FALSE(checkpoints.empty());
  // With room again it goes on from there and ends as if nothing had been.
  REQUIRE(::mount("tmpfs", disk.c_str(), "tmpfs", MS_REMOUNT, "size=8m") == 0);
  train.push_back("--resume");
  output_of(train);
  const auto found = result_of(out);
  train.pop_back();
  train[8] = world.at("out");
  output_of(train);
  auto expected = result_of(world.at("out"));
  expected["recipe.json"] = found.at("recipe.json");  // it says where OUT is
  check_same_result(expected, found);
}
