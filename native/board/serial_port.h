// The host's end of the serial line: bytes on their way out to whoever listens, and in from whoever types.
#pragma once

#include "devices/pl011.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <span>
#include <vector>

namespace beeline::board {

class SerialPort final : public devices::SerialBackend {
public:
    /// With this much output waiting the transmitter reads as full, and a CPU that writes all the same is held.
    static constexpr size_t kOutputLimit = size_t{64} << 10;

    /// `output_waiting` is called when the first byte waits; `overrun` with the CPU that wrote beyond the limit.
    SerialPort(size_t input_limit, std::function<void()> output_waiting, std::function<void(unsigned cpu)> overrun)
        : input_limit_(input_limit), output_waiting_(std::move(output_waiting)), overrun_(std::move(overrun)) {}

    // ---- the UART's side, with the board lock held ---------------------------------------------------------------
    void transmit(uint8_t byte, unsigned cpu) override;
    bool can_transmit() override;
    bool can_receive() override;
    uint8_t receive() override;

    // ---- the host's side -----------------------------------------------------------------------------------------
    /// Moves the waiting output to `bytes`. True: the transmitter was full and may go on.
    bool take_output(std::vector<uint8_t>& bytes);
    size_t output_waiting() const;
    /// Queues input; returns how many bytes were accepted.
    size_t offer_input(std::span<const uint8_t> bytes);

    struct Counts {
        uint64_t bytes_out = 0, bytes_in = 0;
        std::chrono::steady_clock::time_point first_output{}; ///< Zero: none yet
    };
    Counts counts() const;

private:
    const size_t input_limit_;
    const std::function<void()> output_waiting_;
    const std::function<void(unsigned)> overrun_;
    mutable std::mutex mutex_;
    std::vector<uint8_t> output_;
    std::deque<uint8_t> input_;
    Counts counts_;
};

} // namespace beeline::board
