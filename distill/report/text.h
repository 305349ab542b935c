// Numbers and words as people read them, for the report, the tables and the progress bar.
//
// Independent of the process's locale. "–" stands for a number that isn't there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace retort {

/// `value` with `decimals` digits after the point; "–" when it isn't finite.
std::string format_fixed(double value, int decimals);
/// The same with a "+" or "−" (U+2212) before it; exactly "0.0" when it rounds to zero.
std::string format_signed(double value, int decimals);
/// 1234567 as "1,234,567".
std::string format_grouped(std::int64_t value);
/// 109483778 as "109.48 M", 14336 as "14.3 k", 950 as "950"; the unit follows `space`.
std::string format_count(double value, std::string_view space = " ");
/// About three significant digits for sizes and times: "0.042", "3.14", "12.3", "348".
std::string format_short(double value);

/// ASCII letters in lower case.
std::string lower_case(std::string text);
/// Replaces each ill-formed UTF-8 sequence and each control character but \n and \t by U+FFFD.
std::string clean_utf8(std::string_view text);
/// clean_utf8() with & < > " ' as references: safe as element content and in quoted attributes.
std::string escape_html(std::string_view text);
/// The first `limit` code points of `text` (well-formed UTF-8), with "…" when some were left off.
std::string shorten(std::string_view text, std::size_t limit);

/// Columns that `text` takes in a terminal: 0 for combining marks, 2 for East Asian wide characters
/// and emoji, 1 for the others. Control characters count 1; there should be none.
int display_width(std::string_view text);
/// The longest prefix of `text` (well-formed UTF-8) that takes at most `columns` columns.
std::string fit_columns(std::string_view text, int columns);

}  // namespace retort
