// A chart on the page: its caption, and a rendering for each class of screen width.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "distill/report/chart.h"
#include "distill/report/sections.h"

namespace retort {

/// How much of the page a figure takes on a wide screen.
enum class Span { full, half, quarter };

/// `caption` is HTML; `draw(width, id)` renders. Empty when the rendering is.
std::string figure(Ids& ids, Span span, const std::string& caption,
                   const std::function<std::string(double width, const std::string& id)>& draw);

/// "<b>title</b> <span>subtitle</span>", escaped; `css` colours a swatch before the title.
std::string caption(std::string_view title, std::string_view subtitle, std::string_view css = "");

/// Figures side by side.
std::string figures(const std::string& body);

}  // namespace retort
