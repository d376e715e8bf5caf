#include "runtime/thread.h"

#include <cerrno>
#include <csignal>
#include <sys/prctl.h>
#include <utility>

namespace beeline::runtime {

void* Thread::enter(void* argument) {
    auto* const thread = static_cast<Thread*>(argument);
    // From within: pthread_setname_np() for another thread writes a file in /proc, which confined processes may not.
    prctl(PR_SET_NAME, thread->name_.c_str(), 0, 0, 0);
    // The default timer slack of 50 us would be added to every timed sleep.
    prctl(PR_SET_TIMERSLACK, 1000ul, 0, 0, 0);
    thread->body_();
    return nullptr;
}

bool Thread::start(const char* name, std::function<void()> body) {
    name_ = name;
    body_ = std::move(body);
    sigset_t blocked, before;
    sigfillset(&blocked);
    for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGPROF}) sigdelset(&blocked, signal);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    const int error = pthread_create(&handle_, nullptr, enter, this);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    started_ = error == 0;
    if (!started_) errno = error;
    return started_;
}

void Thread::join() {
    if (!std::exchange(started_, false)) return;
    pthread_join(handle_, nullptr);
}

} // namespace beeline::runtime
