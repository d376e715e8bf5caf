// Time that is counted in instructions: nothing happens to the guest but by what it executes, and when it was executed.
//
// There is one CPU. Its thread does what other machines have threads for: it serves deadlines (reach_limit), between
// the two instructions where they fall due; and devices, whose requests are done, and answered, at a fixed time after
// they were made. A CPU that sleeps is at the next deadline at once. What comes from outside, which is the serial
// port's input, is taken where output is handed over: the CPU then stands still until who listens has had time to
// answer.
#include "board/board.h"

#include <algorithm>

namespace beeline::board {

using devices::TimerQueue;

void Board::count_time() {
    arm64::Vcpu& cpu = *cpus_.front();
    cpu.count_exactly();
    clock_.count(cpu.counters.instructions, *config_.icount);
    threads_.front()->set_time_keeper(*this);
}

void Board::set_limit() {
    if (!counts_time()) return;
    if (devices_want_.exchange(false) && !timers_.armed(device_service_))
        timers_.arm(device_service_, clock_.now() + kDeviceNanoseconds);
    const uint64_t deadline = timers_.earliest();
    cpus_.front()->set_instruction_limit(deadline == TimerQueue::kNever ? ~uint64_t{0}
                                                                        : clock_.instructions_at(deadline));
}

void Board::note_serial_output() {
    if (counts_time() && !timers_.armed(serial_exchange_))
        timers_.arm(serial_exchange_, clock_.now() + kSerialNanoseconds);
}

void Board::reach_limit() {
    bool serves = false, exchanges = false;
    {
        const std::lock_guard guard(lock_);
        timers_.run_due();
        serves = std::exchange(service_due_, false);
        exchanges = std::exchange(exchange_due_, false);
    }
    if (serves) {
        for (const auto& device : virtio_devices_) device->serve_all();
        devices_want_ = false;
    }
    if (exchanges) system_.exchange_serial();
    const std::lock_guard guard(lock_);
    if (input_waiting_.exchange(false)) uart_.receive_ready();
    set_limit();
}

bool Board::sleep(uint64_t at_most) {
    {
        const std::lock_guard guard(lock_);
        const uint64_t now = clock_.now(), deadline = timers_.earliest();
        if (deadline == TimerQueue::kNever && at_most == ~uint64_t{0}) return false;
        clock_.sleep_until(at_most == ~uint64_t{0} ? deadline : std::min(deadline, now + at_most));
    }
    reach_limit();
    return true;
}

} // namespace beeline::board
