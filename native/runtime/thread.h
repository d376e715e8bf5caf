// A host thread of the machine: named, with signals blocked, its creation able to fail.
#pragma once

#include <functional>
#include <pthread.h>
#include <string>

namespace beeline::runtime {

class Thread {
public:
    Thread() = default;
    ~Thread() { join(); }
    Thread(const Thread&) = delete;
    Thread& operator=(const Thread&) = delete;

    /// Runs `body` on a new thread; `name` has up to 15 characters. False: the host refused, errno says why.
    /// Signals go to the process's other threads, but for those that the thread's own faults raise.
    [[nodiscard]] bool start(const char* name, std::function<void()> body);
    void join();
    bool started() const { return started_; }

private:
    static void* enter(void* argument);

    std::string name_;
    std::function<void()> body_;
    pthread_t handle_{};
    bool started_ = false;
};

} // namespace beeline::runtime
