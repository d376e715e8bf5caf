// What the floating-point handlers share: vector lanes, FPCR/FPSR, and the way from a row's fields to an instance of a
// handler template.
#pragma once

#include "arm64/fp/fp.h"
#include "arm64/interpreter/control.h"

#include <cstring>

namespace beeline::arm64 {

using fp::FpContext;
using fp::Rounding;
using fp::Signedness;

template <typename U> U lane(const VReg& reg, unsigned index) {
    U value;
    std::memcpy(&value, reinterpret_cast<const char*>(&reg) + index * sizeof(U), sizeof(U));
    return value;
}

template <typename U> void set_lane(VReg& reg, unsigned index, U value) {
    std::memcpy(reinterpret_cast<char*>(&reg) + index * sizeof(U), &value, sizeof(U));
}

/// Writes of scalars clear the rest of the register.
inline void write_scalar(VReg& reg, uint64_t value) { reg = VReg{{value, 0}}; }

/// Lanes of a vector whose row has a Q field, or of a 128-bit one.
template <typename U> constexpr unsigned lanes(bool q) { return (q ? 16 : 8) / sizeof(U); }

/// Arithmetic of one instruction under FPCR; what it raises is added to FPSR when it goes out of scope.
class FpScope {
public:
    explicit FpScope(Vcpu& cpu) : cpu_(cpu), ctx_(fp::make_context(cpu.state.fpcr, cpu.state.fpsr)) {}
    ~FpScope() { cpu_.state.fpsr = ctx_.flags; }
    FpScope(const FpScope&) = delete;
    FpScope& operator=(const FpScope&) = delete;
    operator FpContext&() { return ctx_; }

private:
    Vcpu& cpu_;
    FpContext ctx_;
};

/// The work of an instruction as a function of its own: contexts and vectors have their address taken, which in the
/// handler itself would cost the tail call.
using Work = void (*)(Vcpu& cpu, const Insn& insn);

template <Work work> Insn* perform(Vcpu& cpu, Insn* insn) {
    work(cpu, *insn);
    return next(cpu, insn);
}

/// Scalar forms: the half-precision rows fix ftype, the others leave field y: 0 single, 1 double. Scalar SIMD rows are
/// laid out alike.
template <template <typename> typename Instance> Handler by_precision(const Fields& f) {
    if (!f.has('y')) return perform<Instance<uint16_t>::work>;
    return f('y') != 0 ? perform<Instance<uint64_t>::work> : perform<Instance<uint32_t>::work>;
}

} // namespace beeline::arm64
