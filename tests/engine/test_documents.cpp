// The documents don't drift from the code: what they quote is in the sources, what they say a
// program prints is what it prints.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <regex>
#include <sstream>

#include "tensor/base/file.h"
#include "tests/engine/engine_testing.h"

namespace retort::testing {
namespace {

const std::string kRoot = RETORT_SOURCE_DIR "/";

struct CodeBlock {
  std::string language;
  std::string before;  // the last line of text before it
  std::string code;
};

std::vector<CodeBlock> code_blocks(const std::string& markdown) {
  std::vector<CodeBlock> blocks;
  std::istringstream lines(markdown);
  std::string before;
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("```", 0) != 0) {
      if (!line.empty()) before = line;
      continue;
    }
    CodeBlock block{line.substr(3), before, ""};
    while (std::getline(lines, line) && line != "```") block.code += line + "\n";
    blocks.push_back(block);
  }
  return blocks;
}

// The sources that a line of a document names, as `path/of/file.ext`.
std::vector<std::string> files_named(const std::string& line) {
  static const std::regex name(R"(`([a-z_]+/[a-z_0-9/]+\.[a-z]+)`)");
  std::vector<std::string> files;
  for (std::sregex_iterator at(line.begin(), line.end(), name), end; at != end; ++at)
    files.push_back((*at)[1].str());
  return files;
}

// The parts of a block between lines that say `// …`.
std::vector<std::string> parts_of(const std::string& code) {
  std::vector<std::string> parts(1);
  std::istringstream lines(code);
  for (std::string line; std::getline(lines, line);) {
    if (line.find("// …") != std::string::npos) parts.emplace_back();
    else parts.back() += line + "\n";
  }
  std::erase_if(parts, [](const std::string& part) { return part.empty(); });
  return parts;
}

// A text without its numbers, and those. Other instruction sets round differently, so the last digits
// of what a program prints may differ.
std::pair<std::string, std::vector<double>> apart(const std::string& text) {
  static const std::regex number(R"(-?[0-9]+(\.[0-9]*)?(e[-+][0-9]+)?)");
  std::vector<double> numbers;
  for (std::sregex_iterator at(text.begin(), text.end(), number), end; at != end; ++at)
    numbers.push_back(std::stod(at->str()));
  return {std::regex_replace(text, number, "#"), numbers};
}

std::string output_of(const std::string& program) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(program.c_str(), "r"), pclose);
  REQUIRE(pipe != nullptr);
  std::string output;
  char buffer[256];
  while (std::fgets(buffer, sizeof buffer, pipe.get())) output += buffer;
  return output;
}

}  // namespace

TEST_CASE("documents: adding-an-op.md quotes the sources", "[documents]") {
  int quoted = 0;
  for (const CodeBlock& block : code_blocks(read_file(kRoot + "docs/adding-an-op.md"))) {
    if (block.language != "cpp") continue;
    const auto files = files_named(block.before);
    INFO(block.before);
    REQUIRE(files.size() == 1);
    const std::string source = read_file(kRoot + files[0]);
    for (const std::string& part : parts_of(block.code)) {
      INFO(part);
      CHECK(contains(source, part));
      ++quoted;
    }
  }
  CHECK(quoted >= 8);
}

TEST_CASE("documents: the README's engine example prints what it says", "[documents]") {
  const std::string source = read_file(kRoot + "examples/engine/main.cpp");
  const auto blocks = code_blocks(read_file(kRoot + "README.md"));
  bool found = false;
  for (std::size_t i = 0; i + 1 < blocks.size(); ++i) {
    if (!contains(blocks[i].before, "examples/engine/main.cpp")) continue;
    found = true;
    CHECK(contains(source, blocks[i].code));
    const std::string shown = blocks[i].code;
    CHECK(std::count(shown.begin(), shown.end(), '\n') <= 20);
    const auto [text, numbers] = apart(output_of(RETORT_ENGINE_EXAMPLE));
    const auto [said, expected] = apart(blocks[i + 1].code);
    CHECK(text == said);
    REQUIRE(numbers.size() == expected.size());
    CHECK(numbers.size() == 14);
    for (std::size_t k = 0; k < numbers.size(); ++k)
      CHECK(numbers[k] == Approx(expected[k]).epsilon(1e-3));
  }
  CHECK(found);
}

TEST_CASE("documents: a quotation that has drifted is seen", "[documents]") {
  const auto blocks =
      code_blocks("text\n\nIn `tensor/ops.h`:\n```cpp\nint a;\n// …\nint b;\n```\n");
  REQUIRE(blocks.size() == 1);
  CHECK(blocks[0].language == "cpp");
  CHECK(files_named(blocks[0].before) == std::vector<std::string>{"tensor/ops.h"});
  CHECK(parts_of(blocks[0].code) == std::vector<std::string>{"int a;\n", "int b;\n"});
}

}  // namespace retort::testing
