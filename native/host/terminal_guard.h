// Gives the user's terminal back when the process crashes.
#pragma once

namespace beeline::host {

/// Remembers the terminal settings of `descriptor` and puts them back should a fatal signal (SIGSEGV, SIGBUS, SIGILL,
/// SIGFPE, SIGABRT) end the process. Call before changing them. Does nothing when the descriptor is no terminal.
void guard_terminal(int descriptor);

} // namespace beeline::host
