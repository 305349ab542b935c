#include "tools/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string_view>

namespace retort {
namespace {

constexpr double kRedrawSeconds = 0.1;
constexpr double kPlainSeconds = 10;
constexpr int kPlainWidth = 200;
constexpr int kShortestBar = 8, kLongestBar = 30;

int terminal_width(std::FILE* out) {
  winsize size{};
  if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

bool locale_is_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (!value || !*value) continue;
    const std::string_view text = value;
    return text.find("UTF-8") != text.npos || text.find("utf8") != text.npos;
  }
  return false;
}

std::string formatted(const char* format, double number) {
  char text[48];
  std::snprintf(text, sizeof text, format, number);
  return text;
}

std::string bar_text(double done, int columns, Bar bar) {
  const double filled = std::clamp(done, 0.0, 1.0) * columns;
  std::string text;
  for (int i = 0; i < columns; ++i) {
    const double part = std::clamp(filled - i, 0.0, 1.0);
    if (bar == Bar::unicode) {
      static constexpr const char* kEighths[] = {"·", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};
      text += kEighths[static_cast<int>(part * 8)];
    } else {
      text += part >= 0.5 ? '#' : '-';
    }
  }
  return text;
}

}  // namespace

std::string format_duration(double seconds) {
  if (!(seconds >= 0) || seconds > 1e8) return "?";
  const auto whole = static_cast<long long>(std::llround(seconds));
  char text[48];
  if (whole < 60) std::snprintf(text, sizeof text, "%lld s", whole);
  else if (whole < 3600) std::snprintf(text, sizeof text, "%lld min %02lld s", whole / 60, whole % 60);
  else std::snprintf(text, sizeof text, "%lld h %02lld min", whole / 3600, whole / 60 % 60);
  return text;
}

std::string progress_line(const std::string& label, const ProgressState& state, double seconds_left,
                          int width, Bar bar) {
  // In order of display; a lower rank stays longer.
  struct Field {
    int rank;
    std::string text;
  };
  const Field fields[] = {
      {5, label},
      {1, state.epochs == 0 ? "" : "epoch " + std::to_string(state.epoch) + "/" + std::to_string(state.epochs)},
      {4, "step " + std::to_string(state.step) + "/" + std::to_string(state.steps)},
      {0, std::isnan(state.loss) ? "" : formatted("loss %.4f", state.loss)},
      {3, std::isnan(state.score) ? "" : state.score_name + formatted(" %.3f", state.score)},
      {6, state.epochs == 0 ? "" : formatted("%.0f tokens/s", state.tokens_per_second)},
      {2, format_duration(seconds_left) + " left"},
  };
  for (int highest = 6; highest >= 0; --highest) {
    std::string text;
    for (const Field& field : fields)
      if (field.rank <= highest && !field.text.empty()) text += (text.empty() ? "" : "  ") + field.text;
    const auto used = static_cast<int>(text.size());  // all of it is ASCII
    if (used > width) continue;
    const int room = std::min(width - used - 2, kLongestBar);
    if (bar == Bar::none || room < kShortestBar) return text;
    const double done = state.steps > 0 ? static_cast<double>(state.step) / static_cast<double>(state.steps) : 0;
    return bar_text(done, room, bar) + "  " + text;
  }
  return {};
}

Progress::Progress(std::string label, std::FILE* out)
    : label_(std::move(label)), out_(out), started_(Clock::now()), last_() {
  const char* type = std::getenv("TERM");
  terminal_ = isatty(fileno(out)) == 1 && type && std::string_view(type) != "dumb";
  bar_ = !terminal_ ? Bar::none : locale_is_utf8() ? Bar::unicode : Bar::ascii;
}

Progress::~Progress() { finish(); }

double Progress::seconds_left(const ProgressState& state) const {
  const std::int64_t done = state.step - first_step_;
  if (done <= 0) return std::nan("");
  const std::chrono::duration<double> taken = Clock::now() - started_;
  return taken.count() / static_cast<double>(done) * static_cast<double>(state.steps - state.step);
}

void Progress::update(const ProgressState& state) {
  if (first_step_ < 0) {  // the clock starts behind the first step, which is slower than the others
    first_step_ = state.step;
    started_ = Clock::now();
  }
  const std::chrono::duration<double> since = Clock::now() - last_;
  if (since.count() < (terminal_ ? kRedrawSeconds : kPlainSeconds)) return;
  last_ = Clock::now();
  draw(state);
}

void Progress::draw(const ProgressState& state) {
  if (terminal_) {
    // One column stays free: some terminals wrap when the last one is written.
    const std::string line = progress_line(label_, state, seconds_left(state), terminal_width(out_) - 1, bar_);
    std::fprintf(out_, "\r%s\x1b[K", line.c_str());
    drawn_ = true;
  } else {
    std::fprintf(out_, "%s\n", progress_line(label_, state, seconds_left(state), kPlainWidth, bar_).c_str());
  }
  std::fflush(out_);
}

void Progress::erase() {
  if (!drawn_) return;
  std::fputs("\r\x1b[K", out_);
  drawn_ = false;
}

void Progress::message(const std::string& line) {
  erase();
  std::fprintf(out_, "%s\n", line.c_str());
  std::fflush(out_);
  if (terminal_) last_ = {};  // redraw at the next update
}

void Progress::finish() {
  erase();
  std::fflush(out_);
}

}  // namespace retort
