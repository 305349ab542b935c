#include "distill/report/report.h"

#include <cmath>

#include "distill/report/sections.h"
#include "distill/report/text.h"
#include "tensor/base/error.h"

namespace retort {

std::string model_css(std::size_t index) { return "m" + std::to_string(index < 3 ? index : 3); }

std::string percent(double fraction, int decimals) {
  return std::isfinite(fraction) ? format_fixed(100 * fraction, decimals) + "\u00A0%"
                                 : format_fixed(fraction, 0);
}

std::string section(std::string_view id, std::string_view heading, const std::string& body) {
  std::string out = "<section aria-labelledby=\"";
  out.append(id).append("\"><h2 id=\"").append(id).append("\">");
  return out + escape_html(heading) + "</h2>" + body + "</section>";
}

std::string recipe_section(const Report& report) {
  if (report.recipe_json.empty()) return {};
  std::string text = report.recipe_json;
  try {
    text = Json::parse(text, "recipe").dump(2);
  } catch (const Error&) {
    // Not JSON: shown as it is, since a report is no place to fail for it.
  }
  return section("recipe", "Recipe",
                 "<p class=\"intro\">Save this as recipe.json and run it again with <code>retort "
                 "distill --recipe recipe.json</code>.</p><pre tabindex=\"0\">" +
                     escape_html(text) + "</pre>");
}

std::string notes_section(const Report& report) {
  if (report.notes.empty()) return {};
  std::string items;
  for (const std::string& note : report.notes) items += "<li>" + escape_html(note) + "</li>";
  return section("notes", "Notes", "<ul>" + items + "</ul>");
}

std::string render_report(const Report& report) {
  const std::string title = report.title.empty() ? "Distillation report" : report.title;
  std::string meta;
  const auto add_meta = [&](const char* label, const std::string& value) {
    if (!value.empty())
      meta += std::string("<div><dt>") + label + "</dt><dd>" + escape_html(value) + "</dd></div>";
  };
  add_meta("Data", report.data);
  std::string machine = report.cpu;
  if (report.threads > 0)
    machine += (machine.empty() ? "" : ", ") + std::to_string(report.threads) +
               (report.threads == 1 ? " thread" : " threads");
  add_meta("Machine", machine);
  add_meta("Made", report.created);

  Ids ids;
  std::string out =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n"
      // Even a fault in the escaping could load or run nothing.
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'\">\n<title>" +
      escape_html(title) + "</title>\n<style>";
  out += style_sheet();
  out += "</style>\n</head>\n<body>\n<main>\n<header><p class=\"kicker\">Retort \u00B7 knowledge "
         "distillation</p><h1>" +
         escape_html(title) + "</h1>";
  if (!meta.empty()) out += "<dl class=\"meta\">" + meta + "</dl>";
  out += "</header>\n";
  for (const std::string& part :
       {lead_section(report), comparison_section(report, ids), training_section(report, ids),
        softening_section(report, ids), samples_section(report), notes_section(report),
        recipe_section(report)})
    if (!part.empty()) out += part + "\n";
  return out + "</main>\n</body>\n</html>\n";
}

}  // namespace retort
