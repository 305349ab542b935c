// An inline SVG picture, element by element. Colours come from CSS classes (style.cpp) alone, so that
// one picture serves light, dark and paper.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "distill/report/series.h"

namespace retort {

/// A coordinate as short as a pixel needs: one digit after the point, none for whole numbers.
std::string svg_number(double value);

/// Columns of `font` pixels that `text` takes in a common sans serif, a little on the safe side.
double text_width(std::string_view text, double font);

class Svg {
 public:
  /// `id` must be unique on the page: the title and the description are found by it.
  Svg(double width, double height, std::string_view id, std::string_view title,
      std::string_view description);

  void line(double x1, double y1, double x2, double y2, std::string_view css);
  void polyline(std::span<const Point> points, std::string_view css);
  void rect(double x, double y, double width, double height, double radius, std::string_view css);
  void circle(double x, double y, double radius, std::string_view css);
  /// `anchor` is start, middle or end. The text is escaped here.
  void text(double x, double y, std::string_view text, std::string_view css,
            std::string_view anchor = "start");
  /// Everything until end_clip() is cut to the rectangle.
  void begin_clip(double x, double y, double width, double height);
  void end_clip();

  /// The closed picture.
  std::string str() const { return body_ + "</svg>"; }

 private:
  void open(std::string_view element, std::string_view css);
  void attribute(std::string_view name, double value);

  std::string id_, body_;
};

}  // namespace retort
