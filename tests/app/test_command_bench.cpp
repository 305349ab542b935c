// retort bench: what it prints, not how fast anything is.
#include <cmath>
#include <map>

#include "tensor/base/json.h"
#include "tests/app/command_testing.h"

using namespace retort;
using namespace retort::testing;

namespace {

// Every line is an object with these keys, in this order, and a ratio that follows from the
// figures.
std::vector<Json> bench_lines(const Arguments& arguments, const std::string& unit) {
  std::vector<Json> lines;
  for (const std::string& line : lines_of(output_of(arguments))) {
    lines.push_back(Json::parse(line, "a line of retort bench"));
    const Json& json = lines.back();
    std::string keys;
    for (const auto& [key, value] : json.as_object("line")) keys += key + " ";
    CHECK(keys == "name layout shape dtype threads figure unit peak ratio ");
    const double figure = json.find("figure")->as_number("figure");
    const double peak = json.find("peak")->as_number("peak");
    CHECK(figure > 0);
    CHECK(peak > 0);
    CHECK(std::fabs(json.find("ratio")->as_number("ratio") - figure / peak) <=
          1e-4 * figure / peak);
    CHECK(json.find("unit")->as_string("unit") == unit);
    CHECK(json.find("threads")->as_integer("threads") == 2);
  }
  return lines;
}

}  // namespace

TEST_CASE("bench matmul prints the 13 shapes of BERT, a JSON object a line", "[command][bench]") {
  const auto lines = bench_lines(
      {"bench", "matmul", "--json", "--threads", "2", "--rounds", "1", "--seconds", "0"},
      "GFLOP/s");
  REQUIRE(lines.size() == 13);
  std::map<std::string, int> layouts;
  std::map<std::string, int> shapes;
  for (const Json& line : lines) {
    ++layouts[line.find("layout")->as_string("layout")];
    ++shapes[line.find("shape")->dump()];
    CHECK(line.find("dtype")->as_string("dtype") == "f32");
  }
  CHECK(layouts == std::map<std::string, int>{{"NN", 3}, {"NT", 6}, {"TN", 4}});
  CHECK(shapes.count("[2048, 3072, 768]") == 1);
  CHECK(shapes.count("[768, 768, 1000]") == 1);
}

TEST_CASE("bench says whether it prints medians or the best", "[command][bench]") {
  Arguments arguments = {"bench", "stream",    "--threads", "1",           "--rounds",
                         "2",     "--seconds", "0",         "--megabytes", "16"};
  CHECK(output_of(arguments).find("; medians of 2 rounds") != std::string::npos);
  arguments.push_back("--best");
  CHECK(output_of(arguments).find("; best of 2 rounds") != std::string::npos);
}

TEST_CASE("bench --only takes the cases whose line contains a text", "[command][bench]") {
  const Arguments arguments = {"bench",    "matmul", "--json",    "--threads", "2",
                               "--rounds", "1",      "--seconds", "0",         "--only"};
  const auto lines_with = [&](const char* text) {
    Arguments all = arguments;
    all.push_back(text);
    return bench_lines(all, "GFLOP/s");
  };
  const auto one = lines_with("TN 768 x 768 x 1000");
  REQUIRE(one.size() == 1);
  CHECK(one[0].find("shape")->dump() == "[768, 768, 1000]");
  CHECK(lines_with("NN").size() == 3);
  Arguments none = arguments;
  none.push_back("conv");
  CHECK(contains(complaint_of(none), "'conv'"));
}

TEST_CASE("bench attention prints forward and backward, in f32 and bf16", "[command][bench]") {
  for (const char* dtype : {"f32", "bf16"}) {
    const auto lines = bench_lines({"bench", "attention", "--json", "--threads", "2", "--rounds",
                                    "1", "--seconds", "0", "--dtype", dtype},
                                   "GFLOP/s");
    REQUIRE(lines.size() == 2);
    CHECK(lines[0].find("name")->as_string("name") == "mrpc forward");
    CHECK(lines[1].find("name")->as_string("name") == "mrpc forward + backward");
    CHECK(lines[1].find("shape")->dump() == "[16, 829, 12, 64]");
    CHECK(lines[1].find("dtype")->as_string("dtype") == dtype);
  }
}

TEST_CASE("bench decode prints one row and few rows of every weight", "[command][bench]") {
  for (const std::string dtype : {"f32", "bf16"}) {
    const auto lines = bench_lines({"bench", "decode", "--json", "--threads", "2", "--rounds", "1",
                                    "--seconds", "0", "--megabytes", "64", "--dtype", dtype},
                                   "GB/s");
    REQUIRE(lines.size() == 3);
    for (const Json& line : lines) {
      CHECK(line.get("dtype", "") == dtype);
      CHECK(line.find("shape")->as_array("shape")[0] == Json(1));
    }
  }
}

TEST_CASE("bench model prints a pass beside its products alone", "[command][bench]") {
  const std::string golden = RETORT_SOURCE_DIR "/tests/golden/architectures/";
  const Arguments arguments = {"bench",    "model", "--tokens",  "10", "--length", "4",
                               "--rounds", "1",     "--threads", "2",  "--model"};
  const auto with = [&](const std::string& model, bool json) {
    Arguments all = arguments;
    all.push_back(golden + model);
    if (json) all.push_back("--json");
    return all;
  };
  for (const std::string model : {"llama", "bert"}) {
    INFO(model);
    const Json row = Json::parse(output_of(with(model, true)), "bench model");
    CHECK(row.get("tokens", 0) == 10);
    for (const char* key :
         {"open_ms", "resident_megabytes", "forward_ms", "products_gflops", "ratio"}) {
      INFO(key);
      CHECK(row.find(key)->as_number(key) > 0);
    }
  }
  CHECK(output_of(with("gpt2", false)).find("10 tokens in") != std::string::npos);
  const Ran ran = retort_command(with("t5", true));
  CHECK(ran.status == 1);
  CHECK(ran.err.find("encoder-decoder") != std::string::npos);
}

TEST_CASE("bench stream prints every stream, plain and non-temporal", "[command][bench]") {
  const auto lines = bench_lines({"bench", "stream", "--json", "--threads", "2", "--rounds", "1",
                                  "--seconds", "0", "--megabytes", "16"},
                                 "GB/s");
  std::map<std::string, int> names;
  for (const Json& line : lines) ++names[line.find("name")->as_string("name")];
  for (const char* name : {"read, plain", "write, plain", "write, non-temporal", "copy, plain",
                           "four to four, non-temporal", "adamw, plain", "adamw, non-temporal"}) {
    INFO(name);
    CHECK(names[name] == 1);
  }
}

TEST_CASE("bench ops prints what memory bounds, in every dtype", "[command][bench]") {
  for (const char* dtype : {"f32", "bf16", "f16"}) {
    const auto lines = bench_lines({"bench", "ops", "--json", "--threads", "2", "--rounds", "1",
                                    "--seconds", "0", "--megabytes", "16", "--dtype", dtype},
                                   "GB/s");
    std::map<std::string, int> names;
    for (const Json& line : lines) {
      ++names[line.find("name")->as_string("name")];
      CHECK(line.find("dtype")->as_string("dtype") == dtype);
    }
    CHECK(names == std::map<std::string, int>{{"GELU", 1},
                                              {"KD loss", 1},
                                              {"RMS norm", 1},
                                              {"dropout + residual", 1},
                                              {"layer norm", 1},
                                              {"softmax", 1}});
  }
}

TEST_CASE("bench optimizer prints the norm, the update and both together", "[command][bench]") {
  const auto lines = bench_lines({"bench", "optimizer", "--json", "--threads", "2", "--rounds", "1",
                                  "--seconds", "0", "--megabytes", "64"},
                                 "GB/s");
  const std::vector<std::string> names = {"norm", "adamw", "clip + adamw",
                                          "clip + adamw, some rows", "clip + adamw, other rows"};
  REQUIRE(lines.size() == names.size());
  std::vector<std::int64_t> counts;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    CHECK(lines[i].find("name")->as_string("name") == names[i]);
    counts.push_back(lines[i].find("shape")->as_array("shape")[0].as_integer("parameters"));
    // Four arrays of f32 in at most 64 MB.
    CHECK(counts[i] <= (64 << 20) / 16);
    CHECK(counts[i] > (48 << 20) / 16);
  }
  // Without the rows of the table [512, 768] that have no gradient.
  CHECK(counts[0] - counts[3] == (512 - 35) * 768);
  CHECK(counts[4] == counts[3]);
}

TEST_CASE("bench without --json names the CPU, the table and the limit", "[command][bench]") {
  const std::string text = output_of({"bench", "stream", "--threads", "1", "--rounds", "1",
                                      "--seconds", "0", "--megabytes", "16"});
  CHECK(contains(text, "table, 1 threads"));
  CHECK(contains(text, "adamw, plain"));
  CHECK(contains(text, "geometric mean"));
}

TEST_CASE("bench: unknown families and values are errors", "[command][bench]") {
  CHECK(contains(complaint_of({"bench"}), "subcommand"));
  CHECK(contains(complaint_of({"bench", "matmull"}), "'matmull'"));
  CHECK(contains(complaint_of({"bench", "matmul", "--dtype", "f8"}), "--dtype"));
  CHECK(contains(complaint_of({"bench", "matmul", "--shapes", "some"}), "--shapes"));
  CHECK(contains(complaint_of({"bench", "matmul", "--rounds", "0"}), "--rounds"));
}
