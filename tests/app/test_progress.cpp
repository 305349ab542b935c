// The progress line: what it shows, and that it never gets wider than the terminal.
#include <cmath>

#include "tests/catch.h"
#include "tools/progress.h"

namespace retort {
namespace {

ProgressState sample() {
  return {.epoch = 2, .epochs = 3, .step = 345, .steps = 690, .loss = 0.51234, .score = 0.8125, .tokens_per_second = 2345.6};
}

// Columns of a line whose characters are all one column wide.
int columns(const std::string& text) {
  int count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return count;
}

}  // namespace

TEST_CASE("durations are short and exact to what matters", "[progress]") {
  CHECK(format_duration(0) == "0 s");
  CHECK(format_duration(59.4) == "59 s");
  CHECK(format_duration(59.6) == "1 min 00 s");
  CHECK(format_duration(245) == "4 min 05 s");
  CHECK(format_duration(3725) == "1 h 02 min");
  CHECK(format_duration(std::nan("")) == "?");
  CHECK(format_duration(-1) == "?");
}

TEST_CASE("a progress line never exceeds its width", "[progress]") {
  for (const Bar bar : {Bar::none, Bar::ascii, Bar::unicode})
    for (int width = 0; width <= 220; ++width)
      CHECK(columns(progress_line("distill", sample(), 245, width, bar)) <= width);
}

TEST_CASE("a progress line drops what matters least first", "[progress]") {
  const std::string wide = progress_line("distill", sample(), 245, 160, Bar::ascii);
  CHECK(wide == "###############---------------  distill  epoch 2/3  step 345/690  loss 0.5123  "
                "accuracy 0.812  2346 tokens/s  4 min 05 s left");
  CHECK(progress_line("distill", sample(), 245, 40, Bar::ascii) == "epoch 2/3  loss 0.5123  4 min 05 s left");
  CHECK(progress_line("distill", sample(), 245, 12, Bar::ascii) == "loss 0.5123");
  CHECK(progress_line("distill", sample(), 245, 3, Bar::ascii).empty());
}

TEST_CASE("a score goes by its name", "[progress]") {
  ProgressState state = sample();
  state.score_name = "exact_match";
  const std::string line = progress_line("train", state, 245, 160, Bar::none);
  CHECK(line.find("  exact_match 0.812  ") != std::string::npos);
  CHECK(line.find("accuracy") == std::string::npos);
}

TEST_CASE("absent figures are left out", "[progress]") {
  ProgressState state = sample();
  state.score = std::nan("");
  CHECK(progress_line("train", state, std::nan(""), 160, Bar::ascii).find("accuracy") == std::string::npos);
}

}  // namespace retort
