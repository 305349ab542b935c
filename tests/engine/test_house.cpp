// The rules of the house, read off the sources: who may include whom, where OpenMP may be named,
// who may print. Each rule is also shown a text that breaks it.
#include <algorithm>
#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "tensor/base/file.h"
#include "tests/catch.h"

namespace retort {
namespace {

namespace fs = std::filesystem;

using Problems = std::vector<std::string>;

// The folders whose headers a folder may include, beside its own; "tensor/base" is one by itself.
const std::map<std::string, std::set<std::string>> kMayInclude = {
    {"tensor/base", {}},
    {"tensor", {"tensor/base"}},
    {"cuda", {"tensor", "tensor/base"}},
    {"autograd", {"tensor", "tensor/base"}},
    {"nn", {"autograd", "tensor", "tensor/base"}},
    {"tokenizer", {"tensor/base"}},
    {"distill", {"nn", "tokenizer", "autograd", "tensor", "tensor/base"}},
    {"tools", {"distill", "nn", "tokenizer", "autograd", "tensor", "tensor/base", "cuda"}},
};

// Third-party headers, and the only places that may include them.
const std::map<std::string, std::string> kThirdParty = {
    {"simdjson", "tensor/base/json.cpp"},
    {"utf8proc", "tokenizer/"},
    {"CLI/", "tools/"},
    {"catch2", "tests/"},
    {"omp.h", "tensor/base/parallel.cpp"},
};

std::string folder_of(const std::string& path) {
  if (path.rfind("tensor/base/", 0) == 0) return "tensor/base";
  return path.substr(0, path.find('/'));
}

// Comments and the contents of string literals become blanks; lines and #include lines stay.
std::string code_of(const std::string& text) {
  std::string code;
  enum { plain, line_comment, block_comment, string, character } state = plain;
  bool include_line = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i], next = i + 1 < text.size() ? text[i + 1] : '\0';
    if (c == '\n') {
      if (state == line_comment || state == string || state == character) state = plain;
      include_line = false;
      code += c;
      continue;
    }
    if (state == plain && c == '#') include_line = text.compare(i, 8, "#include") == 0;
    switch (state) {
      case plain:
        if (c == '/' && next == '/') state = line_comment;
        else if (c == '/' && next == '*') state = block_comment;
        else if (c == '"' && !include_line) state = string;
        else if (c == '\'' && !(i > 0 && std::isalnum(static_cast<unsigned char>(text[i - 1]))))
          state = character;
        code += state == line_comment || state == block_comment ? ' ' : c;
        break;
      case line_comment:
        code += ' ';
        break;
      case block_comment:
        if (c == '*' && next == '/') {
          state = plain;
          ++i;
        }
        code += ' ';
        break;
      case string:
      case character:
        if (c == '\\') ++i;
        else if (c == (state == string ? '"' : '\'')) state = plain;
        code += state == plain ? c : ' ';
        break;
    }
  }
  return code;
}

// The rules that `text`, the source file at `path` (from the root), breaks.
Problems broken_rules(const std::string& path, const std::string& text) {
  Problems problems;
  const std::string folder = folder_of(path);
  const bool test = folder == "tests", tool = folder == "tools";
  const auto problem = [&](const std::string& what) { problems.push_back(path + ": " + what); };
  static const std::regex include_line(R"(^\s*#\s*include\s+(["<])([^">]+)[">])");
  static const std::regex prints(
      R"(std::(cout|cerr|clog|puts|exit|abort|quick_exit)\b|\b(v?f?printf|fputs|puts|putchar|exit|abort|_exit)\s*\()");
  static const std::regex openmp(R"(#\s*pragma\s+omp|\bomp_\w+\s*\()");
  static const std::regex using_std(R"(using\s+namespace\s+std\s*;)");

  std::istringstream lines(code_of(text));
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_search(line, match, include_line)) {
      const std::string header = match[2].str();
      for (const auto& [library, place] : kThirdParty)
        if (header.rfind(library, 0) == 0 && path.rfind(place, 0) != 0)
          problem("includes <" + header + ">, which only " + place + " may");
      if (match[1].str() == "\"" && !test) {
        const std::string target = folder_of(header);
        const auto allowed = kMayInclude.find(folder);
        if (allowed == kMayInclude.end()) problem("is in a folder that the house doesn't have");
        else if (target != folder && allowed->second.count(target) == 0)
          problem("includes \"" + header + "\", which " + folder + "/ may not know");
        // The engine is used without simdjson.
        if (header == "tensor/base/json.h" &&
            (folder == "tensor" || folder == "autograd" || folder == "cuda"))
          problem("includes \"tensor/base/json.h\": the engine builds without simdjson");
      }
    }
    if (path != "tensor/base/parallel.cpp" && std::regex_search(line, openmp))
      problem("names OpenMP; only tensor/base/parallel.cpp does: " + line);
    if (std::regex_search(line, using_std)) problem("says using namespace std");
    if (!tool && !test && std::regex_search(line, prints))
      problem("a library prints or exits: " + line);
  }
  return problems;
}

// Build files: flags that change what floating-point arithmetic means.
Problems broken_build_rules(const std::string& path, const std::string& text) {
  Problems problems;
  static const std::regex flags(
      R"(-ffast-math|-Ofast|-funsafe-math-optimizations|-ffp-contract=fast|-fassociative-math|-ffinite-math-only|-freciprocal-math)");
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    line = line.substr(0, line.find('#'));
    if (std::regex_search(line, flags)) problems.push_back(path + ": changes arithmetic: " + line);
  }
  return problems;
}

// Path from the root → content, of everything that the build reads.
const std::map<std::string, std::string>& sources() {
  static const std::map<std::string, std::string> found = [] {
    std::map<std::string, std::string> files;
    const fs::path root = RETORT_SOURCE_DIR;
    for (const char* folder :
         {"tensor", "cuda", "autograd", "nn", "tokenizer", "distill", "tools", "tests", "cmake"}) {
      if (!fs::exists(root / folder)) continue;
      for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
        const std::string extension = entry.path().extension();
        if (entry.is_regular_file() &&
            (std::set<std::string>{".cpp", ".h", ".cu", ".cuh", ".def", ".cmake"}.count(extension) >
                 0 ||
             entry.path().filename() == "CMakeLists.txt"))
          files[fs::relative(entry.path(), root).generic_string()] = read_file(entry.path());
      }
    }
    files["CMakeLists.txt"] = read_file(root / "CMakeLists.txt");
    return files;
  }();
  return found;
}

bool is_build_file(const std::string& path) {
  return path.find("CMakeLists.txt") != std::string::npos || fs::path(path).extension() == ".cmake";
}

}  // namespace

TEST_CASE("house: sources keep its rules", "[house]") {
  Problems problems;
  int read = 0;
  for (const auto& [path, text] : sources()) {
    const Problems found =
        is_build_file(path) ? broken_build_rules(path, text) : broken_rules(path, text);
    problems.insert(problems.end(), found.begin(), found.end());
    ++read;
  }
  CHECK(read > 50);
  std::string all;
  for (const std::string& problem : problems) all += problem + "\n";
  INFO(all);
  CHECK(problems.empty());
}

TEST_CASE("house: a broken rule is seen", "[house]") {
  const auto count = [](const std::string& path, const std::string& text) {
    return broken_rules(path, text).size();
  };
  // Arrows that aren't drawn, and those that are.
  CHECK(count("tensor/base/file.cpp", "#include \"tensor/shape.h\"") == 1);
  CHECK(count("tensor/ops.h", "#include \"autograd/variable.h\"") == 1);
  CHECK(count("tensor/ops.h", "#include \"tensor/base/error.h\"") == 0);
  CHECK(count("tensor/ops.cpp", "  #  include   \"cuda/backend.h\"") == 1);
  CHECK(count("tensor/cpu/x.cpp", "#include \"tensor/base/json.h\"") == 1);
  CHECK(count("autograd/ops.cpp", "#include \"nn/model.h\"") == 1);
  CHECK(count("autograd/ops.cpp", "#include \"tensor/base/json.h\"") == 1);
  CHECK(count("nn/model.cpp", "#include \"distill/trainer.h\"") == 1);
  CHECK(count("nn/model.cpp", "#include \"tokenizer/tokenizer.h\"") == 1);
  CHECK(count("nn/model.cpp", "#include \"tensor/base/json.h\"") == 0);
  CHECK(count("nn/model.cpp", "#include \"cuda/backend.h\"") == 1);
  CHECK(count("tokenizer/x.h", "#include \"tensor/tensor.h\"") == 1);
  CHECK(count("tokenizer/x.h", "#include \"tensor/base/file.h\"") == 0);
  CHECK(count("distill/x.h", "#include \"tools/arguments.h\"") == 1);
  CHECK(count("distill/x.h", "#include \"nn/model.h\"\n#include \"tokenizer/x.h\"") == 0);
  CHECK(count("cuda/x.cu", "#include \"autograd/node.h\"") == 1);
  CHECK(count("tools/main.cpp", "#include \"cuda/backend.h\"\n#include \"distill/x.h\"") == 0);
  CHECK(count("tools/main.cpp", "#include \"tests/catch.h\"") == 1);
  CHECK(count("nn/model.cpp", "#include \"model.h\"") == 1);  // not from the root
  CHECK(count("plugins/x.cpp", "#include \"nn/model.h\"") == 1);
  CHECK(count("nn/model.cpp", "// #include \"distill/trainer.h\"") == 0);
  // Third parties.
  CHECK(count("nn/model.cpp", "#include <simdjson.h>") == 1);
  CHECK(count("tensor/base/json.cpp", "#include <simdjson.h>") == 0);
  CHECK(count("nn/model.cpp", "#include <omp.h>") == 1);
  CHECK(count("distill/x.cpp", "#include <CLI/CLI.hpp>") == 1);
  // OpenMP, namespaces, printing.
  CHECK(count("tensor/cpu/x.cpp", "#pragma omp parallel for") == 1);
  CHECK(count("tensor/cpu/x.cpp", "int n = omp_get_thread_num();") == 1);
  CHECK(count("tensor/base/parallel.cpp", "#pragma omp parallel") == 0);
  CHECK(count("tests/engine/x.cpp", "using namespace std;") == 1);
  CHECK(count("nn/x.cpp", "std::cout << 1;") == 1);
  CHECK(count("nn/x.cpp", "printf(\"%d\", 1);") == 1);
  CHECK(count("nn/x.cpp", "std::fprintf(stderr, \"x\");") == 1);
  CHECK(count("nn/x.cpp", "std::snprintf(buffer, 3, \"x\");") == 0);
  CHECK(count("nn/x.cpp", "if (bad) exit(1);") == 1);
  CHECK(count("nn/x.cpp", "fail(\"std::cout << exit(1)\");  // printf(") == 0);
  CHECK(count("nn/x.cpp", "const char quote = '\"'; std::cerr << quote;") == 1);
  CHECK(count("tools/x.cpp", "std::cout << 1;") == 0);

  CHECK(broken_build_rules("CMakeLists.txt", "add_compile_options(-O3 -ffast-math)").size() == 1);
  CHECK(broken_build_rules("CMakeLists.txt", "add_compile_options(-Ofast)").size() == 1);
  CHECK(broken_build_rules("CMakeLists.txt", "# never -ffast-math\nadd_compile_options(-O3)")
            .empty());
}

TEST_CASE("house: the longest files", "[house]") {
  std::vector<std::pair<std::int64_t, std::string>> lengths;
  for (const auto& [path, text] : sources())
    lengths.emplace_back(std::count(text.begin(), text.end(), '\n'), path);
  std::sort(lengths.rbegin(), lengths.rend());
  REQUIRE(lengths.size() > 10);
  for (std::size_t i = 0; i < 10; ++i)
    std::cout << lengths[i].first << " lines: " << lengths[i].second << "\n";
}

}  // namespace retort
