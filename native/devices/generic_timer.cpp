#include "devices/generic_timer.h"

namespace beeline::devices {

namespace {
constexpr uint64_t kEnable = 1, kMask = 2;
}

GenericTimers::GenericTimers(unsigned cpus, VirtualClock& clock, TimerQueue& queue, InterruptSink& interrupts)
    : clock_(clock), queue_(queue), interrupts_(interrupts), channels_(cpus) {
    for (unsigned cpu = 0; cpu < cpus; cpu++)
        for (const Which which : {Which::Physical, Which::Virtual})
            channels_[cpu][static_cast<size_t>(which)].timer =
                queue_.add([this, cpu, which] { evaluate(cpu, which); }, cpu);
}

void GenericTimers::update(unsigned cpu, Which which, GenericTimerRegisters registers) {
    channels_[cpu][static_cast<size_t>(which)].registers = registers;
    evaluate(cpu, which);
}

void GenericTimers::evaluate(unsigned cpu, Which which) {
    const Channel& channel = channels_[cpu][static_cast<size_t>(which)];
    const bool enabled = (channel.registers.control & kEnable) != 0 && (channel.registers.control & kMask) == 0;
    const bool met = clock_.ticks() >= channel.registers.compare;
    uint64_t deadline = TimerQueue::kNever;
    if (enabled && !met && channel.registers.compare < TimerQueue::kNever / VirtualClock::kNanosecondsPerTick)
        deadline = channel.registers.compare * VirtualClock::kNanosecondsPerTick;
    queue_.arm(channel.timer, deadline);
    interrupts_.set_ppi(cpu, which == Which::Physical ? kPhysicalIntid : kVirtualIntid, enabled && met);
}

void GenericTimers::reset() {
    for (unsigned cpu = 0; cpu < channels_.size(); cpu++)
        for (const Which which : {Which::Physical, Which::Virtual}) update(cpu, which, {});
}

void GenericTimers::exchange(snapshot::Archive& archive) {
    for (auto& channels : channels_)
        for (Channel& channel : channels) {
            archive.value(channel.registers.control);
            archive.value(channel.registers.compare);
        }
}

void GenericTimers::settle() {
    for (unsigned cpu = 0; cpu < channels_.size(); cpu++)
        for (const Which which : {Which::Physical, Which::Virtual}) evaluate(cpu, which);
}

} // namespace beeline::devices
