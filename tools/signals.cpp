#include "tools/signals.h"

#include <unistd.h>

#include <csignal>

namespace retort::tools {
namespace {

volatile std::sig_atomic_t g_interrupted = 0;

void on_interrupt(int) {
  if (g_interrupted) _exit(kInterruptedStatus);
  g_interrupted = 1;
}

void on_bus_error(int) {
  static const char text[] =
      "retort: a file that is in use was cut short or its disk failed (SIGBUS); restore it and run again\n";
  const auto written = ::write(STDERR_FILENO, text, sizeof text - 1);
  static_cast<void>(written);
  _exit(1);
}

void handle(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(signal, &action, nullptr);
}

}  // namespace

void install_signal_handlers() {
  handle(SIGINT, on_interrupt);
  handle(SIGTERM, on_interrupt);
  handle(SIGBUS, on_bus_error);
  handle(SIGPIPE, SIG_IGN);
}

bool interrupted() { return g_interrupted != 0; }

}  // namespace retort::tools
