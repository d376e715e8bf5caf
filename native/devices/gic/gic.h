// What the board sees of either interrupt controller.
#pragma once

#include "devices/device.h"
#include "devices/gic/interrupt_bank.h"

#include <cstdint>
#include <vector>

namespace beeline::devices::gic {

struct GicCounts {
    uint64_t acknowledges = 0; ///< IAR reads that returned an interrupt.
    uint64_t sgis = 0;         ///< Software-generated interrupts sent, a target each.
};

/// Every call is made with the board lock held.
class InterruptController : public InterruptSink {
public:
    virtual void reset() = 0;
    /// Once state and guest memory are in place: the CPUs' interrupt lines as they follow from them.
    virtual void settle() = 0;
    virtual Device& distributor() = 0;
    /// GICC on GICv2, the redistributor frames on GICv3.
    virtual Device& cpu_frames() = 0;
    const GicCounts& counts() const { return counts_; }

protected:
    GicCounts counts_;
};

/// Drives the IRQ and FIQ inputs of the CPUs, and passes on changes only.
class CpuOutputs {
public:
    CpuOutputs(unsigned cpus, CpuInterruptSink& sink) : sink_(sink), levels_(cpus) {}
    void set(unsigned cpu, bool irq, bool fiq) {
        Levels& now = levels_[cpu];
        if (now.irq != irq) sink_.set_irq(cpu, now.irq = irq);
        if (now.fiq != fiq) sink_.set_fiq(cpu, now.fiq = fiq);
    }

private:
    struct Levels {
        bool irq = false, fiq = false;
    };
    CpuInterruptSink& sink_;
    std::vector<Levels> levels_;
};

} // namespace beeline::devices::gic
