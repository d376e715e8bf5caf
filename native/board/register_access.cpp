#include "board/register_access.h"

#include "arm64/exceptions.h"
#include "arm64/features.h"
#include "arm64/vcpu.h"

#include <charconv>
#include <optional>

namespace beeline::board {

namespace {

namespace spsr = arm64::spsr;

/// The number behind a letter: "x12" is 12.
std::optional<unsigned> numbered(std::string_view name, char letter, unsigned count) {
    if (name.size() < 2 || name[0] != letter) return std::nullopt;
    unsigned number = 0;
    const auto [end, error] = std::from_chars(name.data() + 1, name.data() + name.size(), number);
    if (error != std::errc{} || end != name.data() + name.size() || number >= count) return std::nullopt;
    return number;
}

/// PSTATE as an exception return could leave it (SPSR_EL1, Arm ARM C5.2.18).
bool write_pstate(arm64::Vcpu& cpu, uint64_t value) {
    constexpr uint64_t kMode = 0x1F, kEl0t = 0, kEl1t = 4, kEl1h = 5;
    const uint64_t mode = value & kMode;
    if (mode != kEl0t && mode != kEl1t && mode != kEl1h) return false;
    arm64::Pstate& pstate = cpu.state.pstate;
    const unsigned old_el = pstate.el, old_sp_sel = pstate.sp_sel;
    cpu.state.nzcv = static_cast<uint32_t>(value) & arm64::nzcv::kMask;
    pstate.daif = static_cast<uint16_t>(value & spsr::kDaif);
    pstate.el = mode == kEl0t ? 0 : 1;
    pstate.sp_sel = mode == kEl1h ? 1 : 0;
    pstate.il = (value & spsr::kIl) != 0;
    pstate.ss = (value & spsr::kSs) != 0;
    pstate.pan = cpu.features().has(arm64::Feature::Pan) && (value & spsr::kPan) != 0;
    pstate.uao = cpu.features().has(arm64::Feature::Uao) && (value & spsr::kUao) != 0;
    arm64::select_stack_pointer(cpu, old_el, old_sp_sel);
    return true;
}

} // namespace

bool write_register(arm64::Vcpu& cpu, std::string_view name, arm64::VReg value) {
    arm64::CpuState& state = cpu.state;
    if (const auto number = numbered(name, 'x', 31)) {
        state.x[*number] = value.d[0];
    } else if (const auto vector = numbered(name, 'v', 32)) {
        state.v[*vector] = value;
    } else if (name == "sp") {
        state.x[arm64::kStackPointer] = value.d[0];
    } else if (name == "pc") {
        state.pc = value.d[0];
    } else if (name == "cpsr") {
        if (!write_pstate(cpu, value.d[0])) return false;
    } else if (name == "fpsr") {
        state.fpsr = static_cast<uint32_t>(value.d[0]) & arm64::fpsr::kMask;
    } else if (name == "fpcr") {
        using namespace arm64::fpcr;
        const bool half = cpu.features().has(arm64::Feature::Fp16);
        state.fpcr = static_cast<uint32_t>(value.d[0]) & (kRmode | kFz | kDn | kAhp | (half ? kFz16 : 0));
    } else {
        return false;
    }
    cpu.update_execution_context();
    return true;
}

} // namespace beeline::board
