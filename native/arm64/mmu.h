// Stage 1 translation for EL1&0 (Arm ARM D5): TCR, granules, walks, permissions, attributes.
#pragma once

#include "arm64/fault.h"
#include "arm64/vcpu.h"

namespace beeline::arm64 {

struct Translation {
    GuestPa pa;            ///< Of the address asked for.
    bool device = false;   ///< Device memory type: unaligned accesses fault, nothing may be fetched speculatively.
    bool readable = false; ///< For the regime asked about.
    bool writable = false;
};

/// Translates a data address for an access in `regime`, from the second-level TLB or by a walk. False: `fault` is set
/// (kind, level, access, va). Sets the access flag in memory where TCR_EL1.HA asks for it.
bool translate_data(Vcpu& cpu, uint64_t va, Access access, Regime regime, Translation& out, Fault& fault);

/// Translates the address of an instruction at the current exception level. False: cpu.fault is set with Access::Fetch.
bool translate_fetch(Vcpu& cpu, uint64_t va, GuestPa& pa);
/// The same where the translation is cached and its origin known, with nothing but a look. False says nothing.
bool find_fetch(Vcpu& cpu, uint64_t va, GuestPa& pa);

/// The ASID in use: of TTBR0_EL1 or TTBR1_EL1 by TCR_EL1.A1, 8 or 16 bits by TCR_EL1.AS.
uint16_t current_asid(const Vcpu& cpu);

/// AT S1E*: the PAR_EL1 that results, faults of the translation included. Changes no descriptor. False: an external
/// abort on the walk, which the instruction takes as a Data Abort; `fault` is set.
bool translate_for_par(Vcpu& cpu, uint64_t va, Access access, Regime regime, uint64_t& par, Fault& fault);

} // namespace beeline::arm64
