#include "board/serial_port.h"

#include <algorithm>

namespace beeline::board {

void SerialPort::transmit(uint8_t byte, unsigned cpu) {
    bool first = false, full = false;
    {
        const std::lock_guard lock(mutex_);
        first = output_.empty();
        output_.push_back(byte);
        full = output_.size() > kOutputLimit;
        if (counts_.bytes_out++ == 0) counts_.first_output = std::chrono::steady_clock::now();
    }
    if (full) overrun_(cpu);
    if (first) output_waiting_();
}

bool SerialPort::can_transmit() {
    const std::lock_guard lock(mutex_);
    return output_.size() < kOutputLimit;
}

bool SerialPort::can_receive() {
    const std::lock_guard lock(mutex_);
    return !input_.empty();
}

uint8_t SerialPort::receive() {
    const std::lock_guard lock(mutex_);
    if (input_.empty()) return 0;
    const uint8_t byte = input_.front();
    input_.pop_front();
    counts_.bytes_in++;
    return byte;
}

bool SerialPort::take_output(std::vector<uint8_t>& bytes) {
    bytes.clear();
    const std::lock_guard lock(mutex_);
    output_.swap(bytes);
    return bytes.size() >= kOutputLimit;
}

size_t SerialPort::output_waiting() const {
    const std::lock_guard lock(mutex_);
    return output_.size();
}

size_t SerialPort::offer_input(std::span<const uint8_t> bytes) {
    const std::lock_guard lock(mutex_);
    const size_t accepted = std::min(bytes.size(), input_limit_ - std::min(input_limit_, input_.size()));
    input_.insert(input_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(accepted));
    return accepted;
}

SerialPort::Counts SerialPort::counts() const {
    const std::lock_guard lock(mutex_);
    return counts_;
}

} // namespace beeline::board
