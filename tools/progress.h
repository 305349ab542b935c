// What a person sees while a model trains: one line that redraws itself on a terminal, plain lines now
// and then everywhere else.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

namespace retort {

struct ProgressState {
  int epoch = 0, epochs = 0;  ///< counted from 1; no epochs: not shown
  std::int64_t step = 0, steps = 0;
  double loss = 0, score = 0;  ///< NaN: not shown
  const char* score_name = "accuracy";
  double tokens_per_second = 0;
};

/// "3 s", "4 min 05 s", "1 h 02 min".
std::string format_duration(double seconds);

enum class Bar { none, ascii, unicode };

/// One line of at most `width` columns. Where it is narrow, the bar goes first, then the speed, the
/// score, the step; loss and epoch stay longest.
std::string progress_line(const std::string& label, const ProgressState& state, double seconds_left,
                          int width, Bar bar);

class Progress {
 public:
  explicit Progress(std::string label, std::FILE* out = stderr);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Redraws at most ten times a second; prints a plain line at most every ten seconds.
  void update(const ProgressState& state);
  /// A full line, above the bar on a terminal.
  void message(const std::string& line);
  /// Removes the bar.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  void draw(const ProgressState& state);
  void erase();
  double seconds_left(const ProgressState& state) const;

  std::string label_;
  std::FILE* out_;
  bool terminal_;
  Bar bar_;
  bool drawn_ = false;
  Clock::time_point started_, last_;
  std::int64_t first_step_ = -1;
};

}  // namespace retort
