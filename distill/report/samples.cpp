// Sample predictions of all models side by side.
#include <algorithm>
#include <cmath>

#include "distill/report/sections.h"
#include "distill/report/text.h"

namespace retort {
namespace {

constexpr std::size_t kOpen = 12, kShown = 200, kTextLimit = 600;

std::string prediction_cell(const SamplePrediction& sample, const SamplePrediction::By& by,
                            const std::string& model, std::size_t index) {
  std::string out = "<td data-label=\"" + escape_html(model) + "\"><span class=\"verdict\">";
  // Right and wrong by sign and word, not by colour alone.
  if (!sample.gold.empty())
    out += by.label == sample.gold
               ? "<span class=\"right\" role=\"img\" aria-label=\"right\">\u2713</span>"
               : "<span class=\"wrong\" role=\"img\" aria-label=\"wrong\">\u2717</span>";
  out += "<span class=\"says\">" + escape_html(by.label) + "</span>";
  out += "<span class=\"confidence\">" + escape_html(percent(by.confidence, 0)) + "</span></span>";
  if (std::isfinite(by.confidence))
    out += "<span class=\"meter " + model_css(index) + "\"><i style=\"width:" +
           format_fixed(100 * std::clamp(by.confidence, 0.0, 1.0), 1) + "%\"></i></span>";
  return out + "</td>";
}

bool disagree(const SamplePrediction& sample) {
  return std::any_of(sample.by.begin(), sample.by.end(), [&](const SamplePrediction::By& by) {
    return by.label != sample.by.front().label;
  });
}

std::string sample_row(const Report& report, const SamplePrediction& sample) {
  const bool differ = disagree(sample);
  std::string out = differ ? "<tr class=\"differ\">" : "<tr>";
  out += "<td class=\"text\"><p dir=\"auto\">" + escape_html(shorten(sample.text, kTextLimit)) + "</p>";
  if (!sample.pair.empty())
    out += "<p dir=\"auto\">" + escape_html(shorten(sample.pair, kTextLimit)) + "</p>";
  if (differ) out += "<span class=\"badge\">models differ</span>";
  out += "</td>";
  if (!sample.gold.empty())
    out += "<td data-label=\"Label\"><span class=\"gold\">" + escape_html(sample.gold) + "</span></td>";
  else
    out += "<td data-label=\"Label\">\u2013</td>";
  for (std::size_t i = 0; i < report.models.size(); ++i)
    out += i < sample.by.size() ? prediction_cell(sample, sample.by[i], report.models[i].name, i)
                                : "<td data-label=\"" + escape_html(report.models[i].name) + "\">\u2013</td>";
  return out + "</tr>";
}

std::string sample_table(const Report& report, std::size_t begin, std::size_t end) {
  std::string out =
      "<table class=\"samples\"><thead><tr><th scope=\"col\">Text</th><th scope=\"col\">Label</th>";
  for (std::size_t i = 0; i < report.models.size(); ++i)
    out += "<th scope=\"col\"><i class=\"swatch " + model_css(i) + "\"></i>" +
           escape_html(report.models[i].name) + "</th>";
  out += "</tr></thead><tbody>";
  for (std::size_t i = begin; i < end; ++i) out += sample_row(report, report.samples[i]);
  return out + "</tbody></table>";
}

std::string tally(const Report& report) {
  std::size_t same = 0, labelled = 0;
  std::vector<std::size_t> right(report.models.size(), 0);
  for (const SamplePrediction& sample : report.samples) {
    if (!disagree(sample)) ++same;
    if (sample.gold.empty()) continue;
    ++labelled;
    for (std::size_t i = 0; i < right.size() && i < sample.by.size(); ++i)
      if (sample.by[i].label == sample.gold) ++right[i];
  }
  std::string out;
  if (report.models.size() > 1)
    out = "The models agree on " + std::to_string(same) + " of " +
          std::to_string(report.samples.size()) + ". ";
  if (labelled > 0) {
    out += "Right of " + std::to_string(labelled) + ":";
    for (std::size_t i = 0; i < right.size(); ++i)
      out += (i > 0 ? "; " : " ") + report.models[i].name + " " + std::to_string(right[i]);
    out += ".";
  }
  return "<p class=\"intro\">" + escape_html(out) + "</p>";
}

}  // namespace

std::string samples_section(const Report& report) {
  if (report.samples.empty() || report.models.empty()) return {};
  const std::size_t shown = std::min(report.samples.size(), kShown);
  // A rest of one or two is not worth hiding.
  const std::size_t open = shown <= kOpen + 2 ? shown : kOpen;
  std::string body = tally(report) + sample_table(report, 0, open);
  if (open < shown)
    body += "<details><summary>" + std::to_string(shown - open) + " more</summary>" +
            sample_table(report, open, shown) + "</details>";
  if (shown < report.samples.size())
    body += "<p class=\"footnote\">" +
            format_grouped(static_cast<std::int64_t>(report.samples.size() - shown)) +
            " further samples are left out here.</p>";
  return section("samples", "Sample predictions", body);
}

}  // namespace retort
