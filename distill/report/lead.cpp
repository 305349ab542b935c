// The report's opening: a summary in words, and the headline figures.
#include <algorithm>
#include <cmath>

#include "distill/report/changes.h"
#include "distill/report/sections.h"
#include "distill/report/text.h"

namespace retort {
namespace {

constexpr const char* kSpace = "\u00A0";

std::string points(double value) {
  return format_fixed(std::abs(value), 1) + kSpace + "points";
}

bool rounds_to_zero(double value) { return std::abs(value) < 0.05; }

// The speed-up as "2.3×", with more digits where it is near 1.
std::string times(double ratio) {
  return (ratio >= 9.95 ? format_fixed(ratio, 1) : format_fixed(ratio, 2)) + "\u00D7";
}

std::string card(std::string_view label, const std::string& value, std::string_view unit,
                 const std::string& detail) {
  std::string out = "<div class=\"card\"><dt>";
  out += escape_html(label);
  out += "</dt><dd><span class=\"big\">" + escape_html(value);
  if (!unit.empty()) out += "<small>" + escape_html(unit) + "</small>";
  return out + "</span><span class=\"detail\">" + escape_html(detail) + "</span></dd></div>";
}

std::string score_card(std::string_view label, double change, double teacher, double student) {
  if (!std::isfinite(change)) return {};
  return card(label, format_signed(change, 1), "points",
              percent(student) + " against the teacher\u2019s " + percent(teacher));
}

std::string headline_cards(const Report& report, const Changes& changes) {
  const ModelSummary& teacher = report.models[0];
  const ModelSummary& student = report.models[1];
  std::string cards;
  if (std::isfinite(changes.parameter_reduction)) {
    const bool fewer = changes.parameter_reduction >= 0;
    cards += card(fewer ? "Fewer parameters" : "More parameters",
                  format_fixed(std::abs(changes.parameter_reduction), 1), "%",
                  format_count(static_cast<double>(student.parameters), kSpace) + " instead of " +
                      format_count(static_cast<double>(teacher.parameters), kSpace));
  }
  if (std::isfinite(changes.speedup)) {
    const bool faster = changes.speedup >= 1;
    cards += card(faster ? "Faster" : "Slower", times(faster ? changes.speedup : 1 / changes.speedup),
                  "",
                  format_short(student.ms_per_batch) + kSpace + "ms per batch instead of " +
                      format_short(teacher.ms_per_batch) + kSpace + "ms");
  }
  cards += score_card(report.scores.accuracy, changes.accuracy_points, teacher.accuracy,
                      student.accuracy);
  cards += score_card(report.scores.f1, changes.f1_points, teacher.f1, student.f1);
  return cards.empty() ? cards : "<dl class=\"cards\">" + cards + "</dl>";
}

std::string summary_sentences(const Report& report, const Changes& changes) {
  std::string text;
  const std::string score = lower_case(report.scores.accuracy);
  const bool smaller = changes.parameter_reduction > 0, faster = changes.speedup >= 1.005;
  if (smaller || faster) {
    text += "The student ";
    if (smaller)
      text += "has " + format_fixed(changes.parameter_reduction, 1) + kSpace + "% fewer parameters";
    if (smaller && faster) text += " and ";
    if (faster) text += "runs " + format_fixed(changes.speedup, 1) + " times as fast as the teacher";
    else text += " than the teacher";
    text += ". ";
  }
  if (std::isfinite(changes.accuracy_points)) {
    if (rounds_to_zero(changes.accuracy_points))
      text += "Its " + score + " is the teacher\u2019s. ";
    else
      text += "Its " + score + " is " + points(changes.accuracy_points) +
              (changes.accuracy_points < 0 ? " below" : " above") + " the teacher\u2019s. ";
  }
  if (std::isfinite(changes.accuracy_over_baseline)) {
    if (rounds_to_zero(changes.accuracy_over_baseline))
      text += "The same student trained on labels alone does just as well";
    else
      text += std::string("Learning from the teacher ") +
              (changes.accuracy_over_baseline > 0 ? "gained it " : "cost it ") +
              points(changes.accuracy_over_baseline) + " over the same student on labels alone";
    // The standard error of a difference between two shares of n examples, taken as independent.
    const ModelSummary& a = report.models[1];
    const ModelSummary& b = report.models[2];
    if (report.scores.shares && a.examples > 0 && b.examples > 0) {
      const double error =
          100 * std::sqrt(a.accuracy * (1 - a.accuracy) / static_cast<double>(a.examples) +
                          b.accuracy * (1 - b.accuracy) / static_cast<double>(b.examples));
      if (std::isfinite(error) && std::abs(changes.accuracy_over_baseline) < error)
        text += ", which is less than one standard error of the difference (" + points(error) + ")";
    }
    text += ".";
  }
  return text.empty() ? text : "<p class=\"lead\">" + escape_html(text) + "</p>";
}

}  // namespace

std::string lead_section(const Report& report) {
  if (report.models.size() < 2) return {};
  const Changes changes = changes_of(report);
  return summary_sentences(report, changes) + headline_cards(report, changes);
}

}  // namespace retort
