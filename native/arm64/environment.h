// What a CPU needs from the machine around it. The board implements this; `arm64` knows nothing else of it.
#pragma once

#include "arm64/types.h"

namespace beeline::arm64 {

class Vcpu;

/// A TLB or instruction-cache maintenance operation that other CPUs must observe (TLBI *IS, IC IALLUIS, IC IVAU).
struct Maintenance {
    enum class Kind : uint8_t {
        TlbAll,          ///< VMALLE1
        TlbAsid,         ///< ASIDE1: operand is the TLBI register value
        TlbVa,           ///< VAE1, VALE1: operand is the TLBI register value
        TlbVaAllAsid,    ///< VAAE1, VAALE1: operand is the TLBI register value
        InstructionAll,  ///< IC IALLU, IC IALLUIS
        InstructionLine, ///< IC IVAU: operand is the physical address of the 64-byte line
    };
    Kind kind;
    uint64_t operand;
    /// In the operand of TlbVa and TlbVaAllAsid: entries of tables above the last level may stay (VALE1, VAALE1).
    static constexpr uint64_t kLastLevelOnly = uint64_t{1} << 44;
};

class Environment {
public:
    virtual ~Environment() = default;

    /// Host address of the 4 KiB guest-physical page, when the page is plain memory that can be accessed directly
    /// (RAM for both directions; ROM or flash in array mode for reads only). nullptr for devices and unmapped space.
    virtual uint8_t* host_page(GuestPa page, bool write) = 0;

    /// Device access of 1, 2, 4 or 8 bytes, naturally aligned. False means an external abort (nothing is mapped there,
    /// or the device refuses). Called on the vCPU's own thread.
    virtual bool device_read(Vcpu& cpu, GuestPa address, unsigned size, uint64_t& value) = 0;
    virtual bool device_write(Vcpu& cpu, GuestPa address, unsigned size, uint64_t value) = 0;

    /// CNTPCT_EL0 in ticks of kCounterFrequency; CNTVCT_EL0 is the same (CNTVOFF is 0). Monotonic across CPUs.
    virtual uint64_t counter() = 0;

    /// CNT{P,V}_CTL or CNT{P,V}_CVAL of `cpu` changed: re-evaluate its timer interrupt lines and the next deadline.
    virtual void timer_changed(Vcpu& cpu) = 0;

    /// GIC CPU interface system registers (ICC_*), GICv3 only. `encoding` is system_register_key() of the register.
    /// False when the register does not exist on this machine: the access is then UNDEFINED.
    virtual bool icc_read(Vcpu& cpu, uint32_t encoding, uint64_t& value) = 0;
    virtual bool icc_write(Vcpu& cpu, uint32_t encoding, uint64_t value) = 0;
    virtual bool has_gic_system_registers() const = 0;

    /// HVC #imm at EL1: PSCI and the SMC Calling Convention. Reads and writes x0..x3 of the CPU's state.
    virtual void hypervisor_call(Vcpu& cpu) = 0;

    /// Delivers `operation` to every other running CPU. It must be complete when synchronize() returns.
    virtual void broadcast(Vcpu& from, const Maintenance& operation) = 0;
    /// DSB: waits until broadcasts of this CPU are complete everywhere, serving this CPU's own requests meanwhile.
    virtual void synchronize(Vcpu& from) = 0;
    /// SEV: sets the event register of every CPU, and wakes those in WFE.
    virtual void send_event() = 0;
};

/// Encoding of a system register as one integer: op0:op1:CRn:CRm:op2, 16 bits, as in the MSR/MRS instruction.
constexpr uint32_t system_register_key(uint32_t op0, uint32_t op1, uint32_t crn, uint32_t crm, uint32_t op2) {
    return op0 << 14 | op1 << 11 | crn << 7 | crm << 3 | op2;
}

} // namespace beeline::arm64
