#include "arm64/features.h"
#include "arm64/system_registers.h"
#include "arm64/vcpu.h"
#include "snapshot/archive.h"

#include <cstddef>
#include <span>

namespace beeline::arm64 {

namespace {

/// Bits of FPCR that the CPU has.
uint32_t fpcr_bits(const CpuFeatures& features) {
    return fpcr::kRmode | fpcr::kFz | fpcr::kDn | fpcr::kAhp | (features.has(Feature::Fp16) ? fpcr::kFz16 : 0);
}

void exchange_pstate(snapshot::Archive& archive, Pstate& pstate, const CpuFeatures& features) {
    archive.at_most(pstate.el, uint8_t{1});
    archive.at_most(pstate.sp_sel, uint8_t{1});
    archive.at_most(pstate.pan, static_cast<uint8_t>(features.has(Feature::Pan)));
    archive.at_most(pstate.uao, static_cast<uint8_t>(features.has(Feature::Uao)));
    archive.at_most(pstate.ss, uint8_t{1});
    archive.at_most(pstate.il, uint8_t{1});
    archive.bits(pstate.daif, static_cast<uint16_t>(spsr::kDaif));
}

void exchange_monitor(snapshot::Archive& archive, ExclusiveMonitor& monitor) {
    archive.value(monitor.va);
    archive.values(monitor.value);
    archive.at_most(monitor.size, uint8_t{16});
    const unsigned size = monitor.size;
    archive.require((size & (size - 1)) == 0, "a value is out of range");
}

/// Registers hold what the guest could have written to them.
void keep_fixed_bits(CpuState& state) {
    constexpr size_t kFirst = offsetof(CpuState, sys), kEnd = kFirst + sizeof(SystemRegisters);
    for (const SystemRegister& reg : system_registers()) {
        const bool writable = reg.el1 == Rights::ReadWrite || reg.el1 == Rights::Write;
        if (reg.offset < kFirst || reg.offset >= kEnd || !writable) continue;
        auto* word = reinterpret_cast<uint64_t*>(reinterpret_cast<std::byte*>(&state) + reg.offset);
        *word = (reg.reset & ~reg.write_mask) | (*word & reg.write_mask);
    }
}

} // namespace

void Vcpu::exchange(snapshot::Archive& archive) {
    archive.values(std::span(state.x, kZeroRegister));
    archive.value(state.x[kStackPointer]);
    archive.value(state.pc);
    archive.bits(state.nzcv, nzcv::kMask);
    exchange_pstate(archive, state.pstate, *features_);
    archive.bits(state.fpcr, fpcr_bits(*features_));
    archive.bits(state.fpsr, fpsr::kMask);
    for (VReg& reg : state.v) archive.values(reg.d);
    exchange_monitor(archive, state.exclusive);
    archive.same(state.mpidr_el1, "it is of another CPU");
    static_assert(sizeof state.sys % sizeof(uint64_t) == 0);
    archive.values(std::span(reinterpret_cast<uint64_t*>(&state.sys), sizeof state.sys / sizeof(uint64_t)));
    for (bool* value : {&debug.step_active, &debug.stepped, &debug.stepped_exclusive}) archive.value(*value);
    bool event = event_pending();
    archive.value(event);
    if (!archive.loading()) return;

    keep_fixed_bits(state);
    event_.store(event, std::memory_order_release);
    block = nullptr;
    pending_link = {};
    exit_pending = false;
    drop_code();
    flush_tlb_all();
    update_execution_context();
}

} // namespace beeline::arm64
