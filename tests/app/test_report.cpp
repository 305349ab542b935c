// The report: its figures, and that the page is well-formed, self-contained and escapes its texts.
#include <cctype>
#include <cmath>
#include <vector>

#include "distill/report/report.h"
#include "distill/report/softening.h"
#include "tests/catch.h"

namespace retort {
namespace {

Report sample_report() {
  Report report;
  report.title = "Tickets <b>&\"'";
  report.data = "test.tsv";
  report.models.resize(3);
  const char* names[] = {"teacher", "student, distilled", "student, labels only"};
  for (std::size_t i = 0; i < 3; ++i) {
    ModelSummary& model = report.models[i];
    model.name = names[i];
    model.parameters = i == 0 ? 109'483'778 : 66'955'010;
    model.accuracy = 0.9 - 0.02 * static_cast<double>(i);
    model.f1 = 0.88 - 0.02 * static_cast<double>(i);
    model.loss = 0.3;
    model.ms_per_batch = i == 0 ? 80 : 40;
    model.examples = 1000;
    for (int step = 1; step <= 5000; ++step)
      model.curve.push_back({step, 1.0 / step, i == 1 ? 0.5 / step : kAbsent, 0.7 / step});
    for (int epoch = 1; epoch <= 3; ++epoch) model.epochs.push_back({double(epoch), 0.8 + 0.02 * epoch, 0.8});
  }
  report.samples.push_back({"<script>alert('x')</script>", "a & b", "1", {{"1", 0.9}, {"0", 0.6}, {"1", kAbsent}}});
  report.recipe_json = "{\"alpha\": \"<0.7>\"}";
  report.temperature = 3;
  return report;
}

// Every opened element is closed in order; the few void elements of HTML excepted.
std::string unbalanced(const std::string& page) {
  std::vector<std::string> open;
  for (std::size_t at = page.find('<'); at != std::string::npos; at = page.find('<', at + 1)) {
    if (page[at + 1] == '!') continue;
    const std::size_t end = page.find('>', at);
    if (end == std::string::npos) return "a tag that doesn't end";
    const bool closing = page[at + 1] == '/';
    std::string name;
    for (std::size_t i = at + 1 + closing; i < end && (std::isalnum(static_cast<unsigned char>(page[i])) || page[i] == '-'); ++i)
      name += page[i];
    if (name.empty()) return "a < that isn't escaped near " + page.substr(at, 30);
    if (page[end - 1] == '/' || name == "meta" || name == "br" || name == "hr" || name == "link") continue;
    if (!closing) {
      open.push_back(name);
    } else {
      if (open.empty() || open.back() != name) return "</" + name + "> closes nothing";
      open.pop_back();
    }
  }
  return open.empty() ? "" : "<" + open.back() + "> stays open";
}

}  // namespace

TEST_CASE("the entropy of the classic softened outputs", "[report]") {
  const double logits[] = {2, 1, 0.5};
  CHECK(softened_entropy(logits, 1) == Approx(0.906).margin(5e-4));
  CHECK(softened_entropy(logits, 3) == Approx(1.076).margin(5e-4));
  CHECK(softened_entropy(logits, 5) == Approx(1.091).margin(5e-4));
  CHECK(softened_entropy(logits, 10) == Approx(1.097).margin(5e-4));
}

TEST_CASE("BERT-base to DistilBERT saves 38.8 percent of the parameters", "[report]") {
  CHECK(parameter_reduction_percent(109'483'778, 66'955'010) == Approx(38.8).margin(0.05));
  CHECK(compare_json(sample_report()).dump().find("38.8") != std::string::npos);
}

TEST_CASE("the page is well-formed and fetches nothing", "[report]") {
  const std::string page = render_report(sample_report());
  CHECK(unbalanced(page) == "");
  CHECK(page.find("<script") == std::string::npos);
  CHECK(page.find("src=") == std::string::npos);
  CHECK(page.find("@import") == std::string::npos);
  for (std::size_t at = page.find("url("); at != std::string::npos; at = page.find("url(", at + 1))
    CHECK(page[at + 4] == '#');  // clip paths within the page
  CHECK(page.find("<link") == std::string::npos);
  CHECK(page.find("&lt;script&gt;") != std::string::npos);
  CHECK(page.find("a &amp; b") != std::string::npos);
  CHECK(page.find("nan") == std::string::npos);
  CHECK(page.size() < 600'000);  // thousands of steps are thinned
}

TEST_CASE("what is missing is left out", "[report]") {
  Report report = sample_report();
  report.models.resize(2);
  report.samples.clear();
  report.recipe_json.clear();
  for (ModelSummary& model : report.models) {
    model.curve.resize(1);
    model.epochs.clear();
    model.ms_per_batch = kAbsent;
  }
  const std::string page = render_report(report);
  CHECK(unbalanced(page) == "");
  CHECK(page.find("nan") == std::string::npos);
  CHECK(page.find("labels only") == std::string::npos);
  CHECK(compare_json(report).dump().find("nan") == std::string::npos);
}

TEST_CASE("the terminal's table has a row per model", "[report]") {
  const std::string table = compare_table(sample_report());
  for (const char* text : {"teacher", "student, distilled", "student, labels only", "109.48 M", "66.96 M"})
    CHECK(table.find(text) != std::string::npos);
}

}  // namespace retort
