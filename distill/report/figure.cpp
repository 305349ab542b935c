#include "distill/report/figure.h"

#include "distill/report/text.h"

namespace retort {

std::string figure(Ids& ids, Span span, const std::string& caption,
                   const std::function<std::string(double width, const std::string& id)>& draw) {
  struct Rendering {
    const char* css;  // the class that the style sheet shows at this screen width only
    double width;
  };
  const double wide = span == Span::full ? 1040 : span == Span::half ? 500 : 230;
  const double middle = span == Span::quarter ? 300 : 640;
  const char* spans[] = {"full", "half", "quarter"};
  std::string out = std::string("<figure class=\"") + spans[static_cast<int>(span)] +
                    "\"><figcaption>" + caption + "</figcaption>";
  for (const Rendering& rendering :
       {Rendering{"on-wide", wide}, Rendering{"on-middle", middle}, Rendering{"on-narrow", 330}}) {
    const std::string svg = draw(rendering.width, ids.next());
    if (svg.empty()) return {};
    out += std::string("<div class=\"") + rendering.css + "\">" + svg + "</div>";
  }
  return out + "</figure>";
}

std::string caption(std::string_view title, std::string_view subtitle, std::string_view css) {
  std::string out;
  if (!css.empty()) out.append("<i class=\"swatch ").append(css).append("\"></i>");
  out += "<b>" + escape_html(title) + "</b>";
  if (!subtitle.empty()) out += " <span>" + escape_html(subtitle) + "</span>";
  return out;
}

std::string figures(const std::string& body) {
  return body.empty() ? body : "<div class=\"figures\">" + body + "</div>";
}

}  // namespace retort
