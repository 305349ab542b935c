// Runs the built binary as a stranger would: arguments in, exit status and both streams out.
#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <thread>

#include "tests/app/run_testing.h"

namespace retort::testing {

/// How a process ended.
struct Ran {
  int status = -1;  ///< exit status; 128 + n when signal n ended it
  std::string out, err;
  double seconds = 0;
};

using Arguments = std::vector<std::string>;

/// One run of the binary. It is killed when it takes longer than a minute, which is a failed check.
class Process {
 public:
  explicit Process(const Arguments& arguments) : start_(std::chrono::steady_clock::now()) {
    out_ = std::tmpfile();
    err_ = std::tmpfile();
    REQUIRE(out_ != nullptr);
    REQUIRE(err_ != nullptr);
    static const std::string binary = RETORT_BINARY_DIR "/retort";
    std::vector<char*> argv = {const_cast<char*>(binary.c_str())};
    for (const std::string& argument : arguments)
      argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      ::dup2(::fileno(out_), STDOUT_FILENO);
      ::dup2(::fileno(err_), STDERR_FILENO);
      ::execv(binary.c_str(), argv.data());
      ::_exit(127);
    }
  }
  ~Process() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    if (out_) std::fclose(out_);
    if (err_) std::fclose(err_);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void signal(int number) const { ::kill(pid_, number); }
  bool runs() const {
    siginfo_t ended{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           ended.si_pid == 0;
  }

  Ran wait() {
    Ran ran;
    int status = 0;
    while (::waitpid(pid_, &status, WNOHANG) == 0) {
      ran.seconds = elapsed();
      if (ran.seconds > kLimit) {
        FAIL_CHECK("the command still ran after " << kLimit << " s");
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, &status, 0);
        break;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    pid_ = -1;
    ran.seconds = elapsed();
    ran.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    ran.out = all_of(out_);
    ran.err = all_of(err_);
    return ran;
  }

 private:
  static constexpr double kLimit = RETORT_TEST_TIMEOUT / 10.0;  // seconds of one command

  double elapsed() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  static std::string all_of(std::FILE* file) {
    std::rewind(file);
    std::string text;
    char buffer[4096];
    for (std::size_t got; (got = std::fread(buffer, 1, sizeof buffer, file)) > 0;)
      text.append(buffer, got);
    return text;
  }

  std::chrono::steady_clock::time_point start_;
  std::FILE* out_ = nullptr;
  std::FILE* err_ = nullptr;
  pid_t pid_ = -1;
};

inline Arguments operator+(Arguments a, const Arguments& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

inline Ran retort_command(const Arguments& arguments) { return Process(arguments).wait(); }

/// A run that must succeed; its stdout.
inline std::string output_of(const Arguments& arguments) {
  const Ran ran = retort_command(arguments);
  INFO(ran.err);
  CHECK(ran.status == 0);
  return ran.out;
}

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// A run that must fail as users are promised: an exit status of its own making, nothing on stdout,
/// and one line on stderr that begins with "retort: ", after nothing else unless `with_progress`.
/// Gives that line.
inline std::string complaint_of(const Arguments& arguments, bool with_progress = false) {
  const Ran ran = retort_command(arguments);
  INFO("exit status " << ran.status << ", stderr: " << ran.err.substr(0, 2000));
  CHECK(ran.status > 0);
  CHECK(ran.status < 128);
  CHECK(ran.out.empty());
  const auto lines = lines_of(ran.err);
  if (lines.empty() || !ran.err.ends_with("\n")) {
    FAIL_CHECK("expected a line on stderr");
    return {};
  }
  std::size_t complaints = 0;
  for (const std::string& line : lines) complaints += line.starts_with("retort: ");
  CHECK(complaints == 1);
  CHECK(lines.back().starts_with("retort: "));
  if (!with_progress) CHECK(lines.size() == 1);
  return lines.back();
}

}  // namespace retort::testing
