// What a CPU model implements: its instruction features and its identification registers (Arm ARM D13.2).
#pragma once

#include "arm64/table/table.h"
#include "arm64/types.h"

#include <array>
#include <cstdint>
#include <string_view>

namespace beeline::arm64 {

/// Identification registers. AArch32 is not implemented at any level: the ID_*_EL1 registers of AArch32 and MVFR0-2 are
/// read as zero. ID_AA64PFR0_EL1.GIC is added on reads by machines with a GICv3.
struct IdRegisters {
    uint64_t midr_el1, revidr_el1, aidr_el1;
    uint64_t id_aa64pfr0_el1, id_aa64pfr1_el1;
    uint64_t id_aa64dfr0_el1, id_aa64dfr1_el1;
    uint64_t id_aa64isar0_el1, id_aa64isar1_el1;
    uint64_t id_aa64mmfr0_el1, id_aa64mmfr1_el1, id_aa64mmfr2_el1;
    uint64_t ctr_el0, dczid_el0, clidr_el1;
    std::array<uint64_t, 4> ccsidr_el1; ///< Indexed by CSSELR_EL1: L1 data, L1 instruction, L2 unified, none.
};

struct CpuFeatures {
    CpuModel model;
    std::string_view name; ///< As `--cpu` spells it.
    uint32_t feature_mask; ///< Bit n: Feature n.
    IdRegisters id;
    unsigned pa_bits;          ///< ID_AA64MMFR0_EL1.PARange
    bool granule_16k;          ///< 4 KiB and 64 KiB are in every model.
    bool hardware_access_flag; ///< FEAT_HAFDBS: TCR_EL1.HA and HD
    bool hierarchical_disable; ///< FEAT_HPDS: TCR_EL1.HPD0 and HPD1

    bool has(Feature feature) const { return (feature_mask >> static_cast<unsigned>(feature) & 1) != 0; }
};

const CpuFeatures& cpu_features(CpuModel model);

/// Bytes that DC ZVA clears, and the line size of every cache.
inline constexpr unsigned kCacheLineBytes = 64;

} // namespace beeline::arm64
