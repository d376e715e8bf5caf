#include "host/terminal_guard.h"

#include <csignal>
#include <initializer_list>
#include <termios.h>
#include <unistd.h>

namespace beeline::host {

namespace {

termios saved_settings;
int guarded_descriptor = -1;

// Only async-signal-safe calls (signal-safety(7)). SA_RESETHAND has put the default action back: the signal raised
// again is delivered on return and ends the process as it would have.
void restore(int signal) {
    tcsetattr(guarded_descriptor, TCSANOW, &saved_settings);
    raise(signal);
}

} // namespace

void guard_terminal(int descriptor) {
    if (guarded_descriptor != -1 || tcgetattr(descriptor, &saved_settings) != 0) return;
    guarded_descriptor = descriptor;
    struct sigaction action = {};
    action.sa_handler = restore;
    action.sa_flags = static_cast<int>(SA_RESETHAND | SA_ONSTACK);
    for (int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) sigaction(signal, &action, nullptr);
}

} // namespace beeline::host
