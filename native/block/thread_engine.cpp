#include "block/io_engine.h"

#include "runtime/thread.h"

#include <array>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <unistd.h>

namespace beeline::block {

namespace {

/// For hosts that refuse io_uring: a few threads that make the blocking calls.
class ThreadEngine final : public IoEngine {
public:
    ~ThreadEngine() override {
        {
            const std::lock_guard lock(mutex_);
            ending_ = true;
        }
        work_.notify_all();
        for (runtime::Thread& thread : threads_) thread.join();
    }

    bool open() {
        for (runtime::Thread& thread : threads_)
            if (!thread.start("beeline-io", [this] { serve(); })) return false;
        return true;
    }

    EngineKind kind() const override { return EngineKind::Threads; }

    void submit(Operation& operation) override {
        operation.error = 0;
        {
            const std::lock_guard lock(mutex_);
            waiting_.push_back(&operation);
        }
        work_.notify_one();
    }

    void wait(std::vector<Operation*>& done, bool sleep) override {
        std::unique_lock lock(mutex_);
        if (sleep) event_.wait(lock, [this] { return woken_ || !done_.empty(); });
        woken_ = false;
        done.insert(done.end(), done_.begin(), done_.end());
        done_.clear();
    }

    void wake() override {
        {
            const std::lock_guard lock(mutex_);
            woken_ = true;
        }
        event_.notify_one();
    }

private:
    static int perform(const Operation& operation) {
        switch (operation.kind) {
        case Operation::Kind::Read: return read_file(operation.fd, operation.offset, operation.buffers);
        case Operation::Kind::Write: return write_file(operation.fd, operation.offset, operation.buffers);
        case Operation::Kind::Sync: break;
        }
        while (fdatasync(operation.fd) != 0)
            if (errno != EINTR) return errno;
        return 0;
    }

    void serve() {
        std::unique_lock lock(mutex_);
        for (;;) {
            work_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
            if (waiting_.empty()) return;
            Operation* operation = waiting_.front();
            waiting_.pop_front();
            lock.unlock();
            operation->error = perform(*operation);
            lock.lock();
            done_.push_back(operation);
            event_.notify_one();
        }
    }

    std::mutex mutex_;
    std::condition_variable work_;  ///< Signalled to the threads.
    std::condition_variable event_; ///< Signalled to the owner.
    std::deque<Operation*> waiting_;
    std::vector<Operation*> done_;
    bool woken_ = false, ending_ = false;
    std::array<runtime::Thread, 4> threads_;
};

} // namespace

std::unique_ptr<IoEngine> make_thread_engine() {
    auto engine = std::make_unique<ThreadEngine>();
    return engine->open() ? std::move(engine) : nullptr;
}

} // namespace beeline::block
