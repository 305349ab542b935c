#include "distill/report/svg.h"

#include <cmath>

#include "distill/report/text.h"

namespace retort {

std::string svg_number(double value) {
  std::string text = format_fixed(std::isfinite(value) ? value : 0, 1);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text;
}

double text_width(std::string_view text, double font) { return 0.56 * font * display_width(text); }

Svg::Svg(double width, double height, std::string_view id, std::string_view title,
         std::string_view description)
    : id_(id) {
  const std::string size = svg_number(width) + ' ' + svg_number(height);
  body_ = "<svg viewBox=\"0 0 " + size + "\" width=\"" + svg_number(width) + "\" height=\"" +
          svg_number(height) + "\" role=\"img\" aria-labelledby=\"" + id_ + "-t " + id_ +
          "-d\"><title id=\"" + id_ + "-t\">" + escape_html(title) + "</title><desc id=\"" + id_ +
          "-d\">" + escape_html(description) + "</desc>";
}

void Svg::open(std::string_view element, std::string_view css) {
  body_.append("<").append(element);
  if (!css.empty()) body_.append(" class=\"").append(css).append("\"");
}

void Svg::attribute(std::string_view name, double value) {
  body_.append(" ").append(name).append("=\"").append(svg_number(value)).append("\"");
}

void Svg::line(double x1, double y1, double x2, double y2, std::string_view css) {
  open("line", css);
  attribute("x1", x1);
  attribute("y1", y1);
  attribute("x2", x2);
  attribute("y2", y2);
  body_ += "/>";
}

void Svg::polyline(std::span<const Point> points, std::string_view css) {
  open("polyline", css);
  body_ += " points=\"";
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (i > 0) body_ += ' ';
    body_ += svg_number(points[i].x) + ',' + svg_number(points[i].y);
  }
  body_ += "\"/>";
}

void Svg::rect(double x, double y, double width, double height, double radius,
               std::string_view css) {
  open("rect", css);
  attribute("x", x);
  attribute("y", y);
  attribute("width", std::max(0.0, width));
  attribute("height", std::max(0.0, height));
  if (radius > 0) attribute("rx", radius);
  body_ += "/>";
}

void Svg::circle(double x, double y, double radius, std::string_view css) {
  open("circle", css);
  attribute("cx", x);
  attribute("cy", y);
  attribute("r", radius);
  body_ += "/>";
}

void Svg::text(double x, double y, std::string_view text, std::string_view css,
               std::string_view anchor) {
  open("text", css);
  attribute("x", x);
  attribute("y", y);
  if (anchor != "start") body_.append(" text-anchor=\"").append(anchor).append("\"");
  body_ += '>' + escape_html(text) + "</text>";
}

void Svg::begin_clip(double x, double y, double width, double height) {
  body_ += "<clipPath id=\"" + id_ + "-c\">";
  rect(x, y, width, height, 0, "");
  body_ += "</clipPath><g clip-path=\"url(#" + id_ + "-c)\">";
}

void Svg::end_clip() { body_ += "</g>"; }

}  // namespace retort
