#include "arm64/features.h"

namespace beeline::arm64 {

namespace {

template <typename... Features> constexpr uint32_t mask_of(Features... features) {
    return ((uint32_t{1} << static_cast<unsigned>(features)) | ...);
}

constexpr uint64_t field(unsigned low, uint64_t value) { return value << low; }

// Parts of the identification registers that every model shares.
//
// ID_AA64PFR0_EL1: EL0 and EL1 in AArch64 only, no EL2 and EL3. AArch32 is absent, unlike on the silicon.
constexpr uint64_t kPfr0 = field(0, 1) | field(4, 1);
// ID_AA64DFR0_EL1: 6 breakpoints, of which 2 are context-aware, 4 watchpoints, no PMU, no trace, no OS double lock.
constexpr uint64_t kDfr0 = field(12, 5) | field(20, 3) | field(28, 1) | field(36, 0xF);
// CTR_EL0: every line is 64 bytes, PIPT instruction cache; IDC=1, DIC=0: code that was written needs IC IVAU, and
// nothing needs DC CVAU. Bit 31 is RES1.
constexpr uint64_t kCtr = field(31, 1) | field(28, 1) | field(24, 4) | field(20, 4) | field(16, 4) | field(14, 3) | 4;
// CLIDR_EL1: split L1, unified L2, coherent at L2.
constexpr uint64_t kClidr = field(27, 1) | field(24, 2) | field(21, 1) | field(3, 4) | 3;

constexpr uint64_t ccsidr(unsigned sets, unsigned ways) {
    return field(13, sets - 1) | field(3, ways - 1) | 2; // line size field 2: 64 bytes
}

constexpr CpuFeatures kA57 = {
    .model = CpuModel::A57,
    .name = "a57",
    .feature_mask = mask_of(Feature::Base, Feature::Crc32, Feature::Fp, Feature::AdvSimd, Feature::Aes, Feature::Pmull,
                            Feature::Sha1, Feature::Sha256),
    .id = {.midr_el1 = 0x411FD070,
           .revidr_el1 = 0,
           .aidr_el1 = 0,
           .id_aa64pfr0_el1 = kPfr0,
           .id_aa64pfr1_el1 = 0,
           .id_aa64dfr0_el1 = kDfr0 | 6,
           .id_aa64dfr1_el1 = 0,
           // AES with PMULL, SHA1, SHA256, CRC32.
           .id_aa64isar0_el1 = field(4, 2) | field(8, 1) | field(12, 1) | field(16, 1),
           .id_aa64isar1_el1 = 0,
           // 44-bit PA, 16-bit ASID, mixed endian, granules 4 KiB and 64 KiB.
           .id_aa64mmfr0_el1 = 4 | field(4, 2) | field(8, 1),
           .id_aa64mmfr1_el1 = 0,
           .id_aa64mmfr2_el1 = 0,
           .ctr_el0 = kCtr,
           .dczid_el0 = 4,
           .clidr_el1 = kClidr,
           .ccsidr_el1 = {ccsidr(256, 2), ccsidr(256, 3), ccsidr(2048, 16), 0}},
    .pa_bits = 44,
    .granule_16k = false,
    .hardware_access_flag = false,
    .hierarchical_disable = false,
};

constexpr CpuFeatures kN1 = {
    .model = CpuModel::N1,
    .name = "n1",
    .feature_mask = mask_of(Feature::Base, Feature::Crc32, Feature::Lse, Feature::Rcpc, Feature::Pan, Feature::Uao,
                            Feature::Dpb, Feature::Lor, Feature::Fp, Feature::AdvSimd, Feature::Fp16, Feature::Rdm,
                            Feature::DotProd, Feature::Aes, Feature::Pmull, Feature::Sha1, Feature::Sha256),
    .id = {.midr_el1 = 0x414FD0C1,
           .revidr_el1 = 0,
           .aidr_el1 = 0,
           // FP16 for FP and AdvSIMD; CSV2 and CSV3: nothing speculates here.
           .id_aa64pfr0_el1 = kPfr0 | field(16, 1) | field(20, 1) | field(56, 1) | field(60, 1),
           .id_aa64pfr1_el1 = 0,
           .id_aa64dfr0_el1 = kDfr0 | 8,
           .id_aa64dfr1_el1 = 0,
           // As a57, and LSE, RDM, DotProd.
           .id_aa64isar0_el1 =
               field(4, 2) | field(8, 1) | field(12, 1) | field(16, 1) | field(20, 2) | field(28, 1) | field(44, 1),
           // DPB, LRCPC.
           .id_aa64isar1_el1 = 1 | field(20, 1),
           // 48-bit PA, 16-bit ASID, mixed endian, every granule.
           .id_aa64mmfr0_el1 = 5 | field(4, 2) | field(8, 1) | field(20, 1),
           // Hardware access flag and dirty state, hierarchical permission disable, LORegions, PAN with AT S1E1RP/WP.
           .id_aa64mmfr1_el1 = 2 | field(12, 1) | field(16, 1) | field(20, 2),
           // Common not private, UAO.
           .id_aa64mmfr2_el1 = 1 | field(4, 1),
           .ctr_el0 = kCtr,
           .dczid_el0 = 4,
           .clidr_el1 = kClidr,
           .ccsidr_el1 = {ccsidr(256, 4), ccsidr(256, 4), ccsidr(2048, 8), 0}},
    .pa_bits = 48,
    .granule_16k = true,
    .hardware_access_flag = true,
    .hierarchical_disable = true,
};

} // namespace

const CpuFeatures& cpu_features(CpuModel model) { return model == CpuModel::N1 ? kN1 : kA57; }

} // namespace beeline::arm64
