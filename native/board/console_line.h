// A console of the guest's whose host end is where the serial port's is: output goes the same way, and what is typed
// goes here instead.
#pragma once

#include "stream/stream.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace beeline::board {

class ConsoleLine {
public:
    /// With this much output waiting no more is taken.
    static constexpr size_t kOutputLimit = size_t{64} << 10;

    /// `output_waiting` is called when the first byte waits.
    ConsoleLine(size_t input_limit, std::function<void()> output_waiting);
    ~ConsoleLine();
    ConsoleLine(const ConsoleLine&) = delete;
    ConsoleLine& operator=(const ConsoleLine&) = delete;

    /// False: the host had no descriptor for it; errno says why.
    bool usable() const { return event_ >= 0; }
    /// The device's end, which the line must outlive.
    std::unique_ptr<stream::Stream> stream();

    /// Appends the waiting output to `bytes`.
    void take_output(std::vector<uint8_t>& bytes);
    /// Queues input; returns how many bytes were accepted.
    size_t offer_input(std::span<const uint8_t> bytes);
    uint64_t bytes_out() const;
    uint64_t bytes_in() const;

private:
    class End;
    void wake();

    const size_t input_limit_;
    const std::function<void()> output_waiting_;
    const int event_; ///< An eventfd: there is input, or room for output again.
    mutable std::mutex mutex_;
    std::vector<uint8_t> output_;
    std::deque<uint8_t> input_;
    uint64_t bytes_out_ = 0, bytes_in_ = 0;
};

} // namespace beeline::board
