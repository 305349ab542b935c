// The parts of the report's page; each gives the HTML of one section, or nothing when there is
// nothing to show. Internal to distill/report.
#pragma once

#include <string>
#include <string_view>

#include "distill/report/report.h"

namespace retort {

/// Ids that are unique on one page ("g1", "g2", ...).
class Ids {
 public:
  std::string next() { return "g" + std::to_string(++last_); }

 private:
  int last_ = 0;
};

/// What the report is about, in two or three sentences; and the four headline figures.
std::string lead_section(const Report& report);
std::string comparison_section(const Report& report, Ids& ids);  // table and bars
std::string training_section(const Report& report, Ids& ids);    // curves, scores by epoch
std::string softening_section(const Report& report, Ids& ids);   // entropy, softened outputs
std::string samples_section(const Report& report);
std::string recipe_section(const Report& report);
std::string notes_section(const Report& report);

/// The class that carries the colour of model `index` (teacher, student, baseline, others).
std::string model_css(std::size_t index);
/// "12.3 %", or "–".
std::string percent(double fraction, int decimals = 1);
/// <section> with its heading.
std::string section(std::string_view id, std::string_view heading, const std::string& body);
/// The style sheet.
std::string_view style_sheet();

}  // namespace retort
