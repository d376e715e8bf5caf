#include "block/io_engine.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <liburing.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace beeline::block {

namespace {

class UringEngine final : public IoEngine {
public:
    ~UringEngine() override {
        if (ring_ready_) io_uring_queue_exit(&ring_);
        if (event_ >= 0) close(event_);
    }

    bool open() {
        event_ = eventfd(0, EFD_CLOEXEC);
        if (event_ < 0) return false;
        io_uring_params parameters{};
        parameters.flags = IORING_SETUP_CLAMP;
        parameters.flags |= IORING_SETUP_R_DISABLED;
        if (io_uring_queue_init_params(kEntries, &ring_, &parameters) != 0) return false;
        ring_ready_ = true;
        if (!restrict_to_io()) return false;
        // Without these completions could be lost, or buffers would have to outlive the submission.
        constexpr unsigned kNeeded = IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE;
        return (parameters.features & kNeeded) == kNeeded;
    }

    EngineKind kind() const override { return EngineKind::IoUring; }

    void submit(Operation& operation) override {
        operation.error = 0;
        queue(operation);
    }

    void wait(std::vector<Operation*>& done, bool sleep) override {
        if (!listening_) listen();
        // Refused for want of memory, it is asked again; interrupted, it has done its work.
        while (io_uring_submit_and_wait(&ring_, sleep ? 1 : 0) == -EAGAIN && io_uring_cq_ready(&ring_) == 0) {
        }
        unsigned head = 0, seen = 0;
        io_uring_cqe* completion = nullptr;
        io_uring_for_each_cqe(&ring_, head, completion) {
            seen++;
            auto* operation = static_cast<Operation*>(io_uring_cqe_get_data(completion));
            if (operation == nullptr) {
                listening_ = false;
                woken_.store(false, std::memory_order_seq_cst);
            } else if (finish(*operation, completion->res)) {
                done.push_back(operation);
            } else {
                unfinished_.push_back(operation);
            }
        }
        io_uring_cq_advance(&ring_, seen);
        for (Operation* operation : unfinished_) queue(*operation);
        unfinished_.clear();
    }

    void wake() override {
        if (woken_.exchange(true, std::memory_order_seq_cst)) return;
        const uint64_t one = 1;
        while (write(event_, &one, sizeof one) < 0 && errno == EINTR) {
        }
    }

private:
    static constexpr unsigned kEntries = 256;

    /// A ring goes round the filter of system calls: this one opens no file and makes no socket.
    bool restrict_to_io() {
        std::array<io_uring_restriction, 4> allowed{};
        constexpr uint8_t kOperations[] = {IORING_OP_READ, IORING_OP_READV, IORING_OP_WRITEV, IORING_OP_FSYNC};
        for (size_t i = 0; i < allowed.size(); i++) {
            allowed[i].opcode = IORING_RESTRICTION_SQE_OP;
            allowed[i].sqe_op = kOperations[i];
        }
        const auto set_up = [this](unsigned what, void* values, unsigned count) {
            return syscall(SYS_io_uring_register, ring_.ring_fd, what, values, count) == 0;
        };
        return set_up(IORING_REGISTER_RESTRICTIONS, allowed.data(), static_cast<unsigned>(allowed.size())) &&
               set_up(IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
    }

    io_uring_sqe* entry() {
        io_uring_sqe* entry = io_uring_get_sqe(&ring_);
        while (entry == nullptr) {
            io_uring_submit(&ring_);
            entry = io_uring_get_sqe(&ring_);
        }
        return entry;
    }

    void listen() {
        io_uring_sqe* read = entry();
        io_uring_prep_read(read, event_, &event_count_, sizeof event_count_, 0);
        io_uring_sqe_set_data(read, nullptr);
        listening_ = true;
    }

    void queue(Operation& operation) {
        io_uring_sqe* prepared = entry();
        const auto count = static_cast<unsigned>(std::min<size_t>(operation.buffers.size(), IOV_MAX));
        switch (operation.kind) {
        case Operation::Kind::Read:
            io_uring_prep_readv(prepared, operation.fd, operation.buffers.data(), count, operation.offset);
            break;
        case Operation::Kind::Write:
            io_uring_prep_writev(prepared, operation.fd, operation.buffers.data(), count, operation.offset);
            break;
        case Operation::Kind::Sync: io_uring_prep_fsync(prepared, operation.fd, IORING_FSYNC_DATASYNC); break;
        }
        io_uring_sqe_set_data(prepared, &operation);
    }

    /// False: there is more to do.
    static bool finish(Operation& operation, int result) {
        if (result == -EINTR || result == -EAGAIN) return false;
        if (result < 0) {
            operation.error = -result;
            return true;
        }
        if (operation.kind == Operation::Kind::Sync) return true;
        if (result == 0 && operation.length != 0) {
            if (operation.kind == Operation::Kind::Read)
                fill_zero(operation.buffers);
            else
                operation.error = EIO;
            return true;
        }
        const auto moved = static_cast<uint64_t>(result);
        if (moved == operation.length) return true;
        operation.buffers = slice(operation.buffers, moved, operation.length - moved);
        operation.offset += moved;
        operation.length -= moved;
        return false;
    }

    io_uring ring_{};
    bool ring_ready_ = false;
    int event_ = -1;
    uint64_t event_count_ = 0;
    bool listening_ = false;             ///< A read of the event is under way.
    std::atomic<bool> woken_{false};     ///< The event has been signalled and not been seen yet.
    std::vector<Operation*> unfinished_; ///< wait()'s own.
};

} // namespace

std::unique_ptr<IoEngine> make_uring_engine() {
    auto engine = std::make_unique<UringEngine>();
    return engine->open() ? std::move(engine) : nullptr;
}

} // namespace beeline::block
