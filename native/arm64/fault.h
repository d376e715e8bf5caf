// A memory fault on its way from the MMU to exception entry (Arm ARM D13.2.37, ESR_EL1, ISS of aborts).
#pragma once

#include "arm64/types.h"

namespace beeline::arm64 {

struct Fault {
    enum class Kind : uint8_t {
        None,
        AddressSize,
        Translation,
        AccessFlag,
        Permission,
        External,
        ExternalOnWalk,
        Alignment,
        UnsupportedExclusive,
        Watchpoint,
        Debugger, /* no exception: the CPU stops before the access */
        Deferred  /* no exception: the interpreter executes the instruction, alone */
    };
    Kind kind = Kind::None;
    uint8_t level = 0; ///< Table level where it was found.
    Access access = Access::Read;
    bool cache_maintenance = false; ///< ISS.CM: DC/IC/AT by address.
    uint64_t va = 0;                ///< FAR value, tag byte as the architecture says.
};

/// What an access asks for beyond size and direction.
struct AccessFlags {
    bool require_alignment = false; ///< Exclusive, acquire/release and atomic accesses: unaligned ones always fault.
    bool cache_maintenance = false;
    bool vector = false; ///< 16-byte FP/SIMD access: each half is single-copy atomic on its own.
};

} // namespace beeline::arm64
