#include "board/console_line.h"

#include <algorithm>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>

namespace beeline::board {

class ConsoleLine::End final : public stream::Stream {
public:
    explicit End(ConsoleLine& line) : line_(line) {}

    unsigned connection() const override { return 1; }
    bool has_reader() const override { return true; }

    int prepare(std::vector<pollfd>& descriptors, bool, bool) override {
        descriptors.push_back({line_.event_, POLLIN, 0});
        return -1;
    }

    void serve(std::span<const pollfd> polled) override {
        uint64_t count = 0;
        if (polled.front().revents == 0) return;
        [[maybe_unused]] const ssize_t taken = ::read(line_.event_, &count, sizeof count);
    }

    size_t read(std::span<const iovec> buffers) override {
        const std::lock_guard lock(line_.mutex_);
        size_t done = 0;
        for (const iovec& buffer : buffers) {
            const size_t here = std::min(buffer.iov_len, line_.input_.size());
            const auto end = line_.input_.begin() + static_cast<std::ptrdiff_t>(here);
            std::copy(line_.input_.begin(), end, static_cast<uint8_t*>(buffer.iov_base));
            line_.input_.erase(line_.input_.begin(), end);
            done += here;
        }
        line_.bytes_in_ += done;
        return done;
    }

    size_t write(std::span<const iovec> buffers) override {
        size_t done = 0;
        bool first = false;
        {
            const std::lock_guard lock(line_.mutex_);
            first = line_.output_.empty();
            for (const iovec& buffer : buffers) {
                const auto* bytes = static_cast<const uint8_t*>(buffer.iov_base);
                const size_t here = std::min(buffer.iov_len, kOutputLimit - line_.output_.size());
                line_.output_.insert(line_.output_.end(), bytes, bytes + here);
                done += here;
            }
            line_.bytes_out_ += done;
        }
        if (first && done != 0) line_.output_waiting_();
        return done;
    }

private:
    ConsoleLine& line_;
};

ConsoleLine::ConsoleLine(size_t input_limit, std::function<void()> output_waiting)
    : input_limit_(input_limit), output_waiting_(std::move(output_waiting)),
      event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

ConsoleLine::~ConsoleLine() {
    if (event_ >= 0) close(event_);
}

std::unique_ptr<stream::Stream> ConsoleLine::stream() { return std::make_unique<End>(*this); }

void ConsoleLine::wake() {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(event_, &one, sizeof one);
}

void ConsoleLine::take_output(std::vector<uint8_t>& bytes) {
    bool was_full = false;
    {
        const std::lock_guard lock(mutex_);
        was_full = output_.size() == kOutputLimit;
        bytes.insert(bytes.end(), output_.begin(), output_.end());
        output_.clear();
    }
    if (was_full) wake();
}

size_t ConsoleLine::offer_input(std::span<const uint8_t> bytes) {
    size_t accepted = 0;
    {
        const std::lock_guard lock(mutex_);
        accepted = std::min(bytes.size(), input_limit_ - std::min(input_limit_, input_.size()));
        input_.insert(input_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(accepted));
    }
    if (accepted != 0) wake();
    return accepted;
}

uint64_t ConsoleLine::bytes_out() const {
    const std::lock_guard lock(mutex_);
    return bytes_out_;
}

uint64_t ConsoleLine::bytes_in() const {
    const std::lock_guard lock(mutex_);
    return bytes_in_;
}

} // namespace beeline::board
