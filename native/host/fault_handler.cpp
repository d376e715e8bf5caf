#include "host/fault_handler.h"

#include <csignal>
#include <mutex>
#include <ucontext.h>

namespace beeline::host {

namespace {

/// Read in a signal handler: must not be allocated on first use.
[[gnu::tls_model("initial-exec")]] thread_local FaultRecovery* current = nullptr;

struct sigaction previous;

/// Whoever was there before. Returning with the default action executes the instruction again, and ends the process.
void pass_on(int signal, siginfo_t* info, void* context) {
    const struct sigaction action = previous;
    if ((action.sa_flags & SA_SIGINFO) == 0 && (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN)) {
        struct sigaction fatal = {};
        fatal.sa_handler = SIG_DFL;
        sigaction(signal, &fatal, nullptr);
        return;
    }
    if ((action.sa_flags & static_cast<int>(SA_RESETHAND)) != 0) {
        struct sigaction fatal = {};
        fatal.sa_handler = SIG_DFL;
        sigaction(signal, &fatal, nullptr);
    }
    if ((action.sa_flags & SA_SIGINFO) != 0)
        action.sa_sigaction(signal, info, context);
    else
        action.sa_handler(signal);
}

void handle(int signal, siginfo_t* info, void* context) {
    greg_t& rip = static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP];
    if (current != nullptr) {
        if (const void* to = current->recover(reinterpret_cast<const void*>(rip))) {
            rip = reinterpret_cast<greg_t>(to);
            return;
        }
    }
    pass_on(signal, info, context);
}

/// Puts the handler in front of all others, also of those that came after it.
void install() {
    static std::mutex mutex;
    const std::lock_guard lock(mutex);
    struct sigaction now = {};
    sigaction(SIGSEGV, nullptr, &now);
    if ((now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == handle) return;
    previous = now;
    struct sigaction action = {};
    action.sa_sigaction = handle;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigaction(SIGSEGV, &action, nullptr);
}

} // namespace

void set_fault_recovery(FaultRecovery* recovery) {
    if (current == recovery) return;
    current = recovery;
    if (recovery != nullptr) install();
}

} // namespace beeline::host
