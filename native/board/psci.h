// Power State Coordination Interface 1.1 (Arm DEN 0022) and the discovery calls of the SMC Calling Convention
// (DEN 0028), by HVC.
#pragma once

#include <cstdint>

namespace beeline::board {

/// What PSCI does to the machine. Called on the calling CPU's thread.
class PowerControl {
public:
    virtual ~PowerControl() = default;
    enum class CpuPower : uint8_t { On = 0, Off = 1, OnPending = 2 };
    static constexpr unsigned kNoCpu = ~0u;

    /// The CPU with this affinity (MPIDR_EL1 without its other bits), or kNoCpu.
    virtual unsigned cpu_with_affinity(uint64_t affinity) = 0;
    virtual CpuPower cpu_power(unsigned cpu) = 0;
    virtual bool cpu_on(unsigned cpu, uint64_t entry, uint64_t context) = 0;
    virtual void cpu_off(unsigned cpu) = 0;
    /// Lets the calling CPU sleep until an interrupt once the call has returned.
    virtual void cpu_standby(unsigned cpu) = 0;
    virtual bool executable(uint64_t address) = 0;
    virtual void system_off() = 0;
    virtual void system_reset() = 0;
};

/// Handles the call whose function identifier and arguments are in `x`, as x0..x3; the result goes to x[0].
void psci_call(PowerControl& control, unsigned cpu, uint64_t (&x)[4]);

} // namespace beeline::board
