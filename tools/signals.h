// Signals as the binary treats them; libraries never install handlers.
#pragma once

namespace retort::tools {

/// Ctrl-C and SIGTERM set a flag (a second one ends the process at once); SIGBUS, which reading a
/// mapped file that was cut raises, becomes one line and an exit status; SIGPIPE is an error of the write.
void install_signal_handlers();

/// Whether Ctrl-C or SIGTERM has come.
bool interrupted();

/// Exit status after an interruption, as shells have it.
inline constexpr int kInterruptedStatus = 130;

}  // namespace retort::tools
