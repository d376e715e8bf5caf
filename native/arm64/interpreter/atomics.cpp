// Large System Extensions: atomic read-modify-write and compare-and-swap (Arm ARM C4.1.88, B2.3).
//
// Every one is a locked instruction of the host, hence at least as strong as its acquire and release forms.
#include "arm64/interpreter/atomic_access.h"
#include "arm64/interpreter/control.h"
#include "arm64/interpreter/stack_alignment.h"

namespace beeline::arm64 {

namespace {

enum class Operation { Add, Clear, Xor, Set, SignedMax, SignedMin, UnsignedMax, UnsignedMin, Swap };

template <typename T, Operation operation> constexpr T combine(T old, T operand) {
    using S = std::make_signed_t<T>;
    switch (operation) {
    case Operation::Add: return static_cast<T>(old + operand);
    case Operation::Clear: return static_cast<T>(old & ~operand);
    case Operation::Xor: return static_cast<T>(old ^ operand);
    case Operation::Set: return static_cast<T>(old | operand);
    case Operation::SignedMax: return static_cast<S>(old) > static_cast<S>(operand) ? old : operand;
    case Operation::SignedMin: return static_cast<S>(old) < static_cast<S>(operand) ? old : operand;
    case Operation::UnsignedMax: return old > operand ? old : operand;
    case Operation::UnsignedMin: return old < operand ? old : operand;
    case Operation::Swap: return operand;
    }
    return operand;
}

/// For operations that the host lacks, and for values in the other byte order. Retries only when another CPU won.
template <typename T, Operation operation> T update_by_compare_and_swap(Vcpu& cpu, void* location, T operand) {
    T held = __atomic_load_n(static_cast<const T*>(location), __ATOMIC_RELAXED);
    for (;;) {
        const T old = in_memory_order(cpu, held);
        const T found = compare_and_swap(location, held, in_memory_order(cpu, combine<T, operation>(old, operand)));
        if (found == held) return old;
        held = found;
    }
}

template <typename T, Operation operation> T update(Vcpu& cpu, void* location, T operand) {
    T* const place = static_cast<T*>(location);
    if (!big_endian_data(cpu)) {
        if constexpr (operation == Operation::Add) return __atomic_fetch_add(place, operand, __ATOMIC_SEQ_CST);
        if constexpr (operation == Operation::Swap) return __atomic_exchange_n(place, operand, __ATOMIC_SEQ_CST);
    }
    return update_by_compare_and_swap<T, operation>(cpu, location, operand);
}

/// Rs is rm, Rt rd.
template <typename T, Operation operation> [[gnu::noinline]] bool read_modify_write(Vcpu& cpu, const Insn* insn) {
    uint8_t* location = cpu.atomic_pointer(cpu.state.x[insn->rn], sizeof(T));
    if (location == nullptr) return false;
    cpu.state.x[insn->rd] = update<T, operation>(cpu, location, static_cast<T>(cpu.state.x[insn->rm]));
    return true;
}

/// Rs, compared and loaded, is ra as a source and rm as a destination; Rt rd.
template <typename T> [[gnu::noinline]] bool compare_one(Vcpu& cpu, const Insn* insn) {
    uint8_t* location = cpu.atomic_pointer(cpu.state.x[insn->rn], sizeof(T));
    if (location == nullptr) return false;
    const T expected = in_memory_order(cpu, static_cast<T>(cpu.state.x[insn->ra]));
    const T desired = in_memory_order(cpu, static_cast<T>(cpu.state.x[insn->rd]));
    cpu.state.x[insn->rm] = in_memory_order(cpu, compare_and_swap(location, expected, desired));
    return true;
}

/// CASP. Register numbers are even: the second of a pair is the next, where 31 is the zero register.
template <typename T> [[gnu::noinline]] bool compare_two(Vcpu& cpu, const Insn* insn) {
    uint8_t* location = cpu.atomic_pointer(cpu.state.x[insn->rn], 2 * sizeof(T));
    if (location == nullptr) return false;
    const auto source = [&cpu](unsigned number) { return in_memory_order(cpu, static_cast<T>(cpu.state.x[number])); };
    const T expected[2] = {source(insn->ra), source(insn->ra + 1u)};
    const T desired[2] = {source(insn->rd), source(insn->rd + 1u)};
    T found[2];
    if constexpr (sizeof(T) == 4) {
        const uint64_t both = compare_and_swap(location, expected[0] | uint64_t{expected[1]} << 32,
                                               desired[0] | uint64_t{desired[1]} << 32);
        found[0] = static_cast<uint32_t>(both);
        found[1] = static_cast<uint32_t>(both >> 32);
    } else {
        const Doubleword2 both =
            compare_and_swap(location, Doubleword2{expected[0], expected[1]}, Doubleword2{desired[0], desired[1]});
        found[0] = both.low;
        found[1] = both.high;
    }
    cpu.state.x[insn->ra] = in_memory_order(cpu, found[0]);
    cpu.state.x[insn->rm] = in_memory_order(cpu, found[1]);
    return true;
}

template <bool (*access)(Vcpu&, const Insn*)> Insn* atomic(Vcpu& cpu, Insn* insn) {
    if (insn->rn == kStackPointer && stack_misaligned(cpu, cpu.state.x[insn->rn])) [[unlikely]]
        return take_stack_fault(cpu, insn);
    if (!access(cpu, insn)) [[unlikely]]
        return take_fault(cpu, insn);
    return next(cpu, insn);
}

template <typename T, Operation operation> Handler bind_operation(Insn& insn, const Fields& f) {
    insn.rd = destination(f('t'));
    insn.rn = register_or_sp(f('n'));
    insn.rm = static_cast<uint8_t>(f('s'));
    return atomic<read_modify_write<T, operation>>;
}

template <typename T> Handler bind_compare(Insn& insn, const Fields& f) {
    insn.rn = register_or_sp(f('n'));
    insn.ra = static_cast<uint8_t>(f('s'));
    insn.rm = destination(f('s'));
    return atomic<compare_one<T>>;
}

} // namespace

Handler bind_CASB(Insn& insn, const Fields& f) { return bind_compare<uint8_t>(insn, f); }
Handler bind_CASH(Insn& insn, const Fields& f) { return bind_compare<uint16_t>(insn, f); }
Handler bind_CAS_w(Insn& insn, const Fields& f) { return bind_compare<uint32_t>(insn, f); }
Handler bind_CAS_x(Insn& insn, const Fields& f) { return bind_compare<uint64_t>(insn, f); }
Handler bind_CASP(Insn& insn, const Fields& f) {
    insn.rn = register_or_sp(f('n'));
    insn.ra = static_cast<uint8_t>(f('s'));
    insn.rm = destination(f('s') + 1);
    return f('x') != 0 ? atomic<compare_two<uint64_t>> : atomic<compare_two<uint32_t>>;
}

Handler bind_LDADDB(Insn& insn, const Fields& f) { return bind_operation<uint8_t, Operation::Add>(insn, f); }
Handler bind_LDADDH(Insn& insn, const Fields& f) { return bind_operation<uint16_t, Operation::Add>(insn, f); }
Handler bind_LDADD_w(Insn& insn, const Fields& f) { return bind_operation<uint32_t, Operation::Add>(insn, f); }
Handler bind_LDADD_x(Insn& insn, const Fields& f) { return bind_operation<uint64_t, Operation::Add>(insn, f); }

Handler bind_LDCLRB(Insn& insn, const Fields& f) { return bind_operation<uint8_t, Operation::Clear>(insn, f); }
Handler bind_LDCLRH(Insn& insn, const Fields& f) { return bind_operation<uint16_t, Operation::Clear>(insn, f); }
Handler bind_LDCLR_w(Insn& insn, const Fields& f) { return bind_operation<uint32_t, Operation::Clear>(insn, f); }
Handler bind_LDCLR_x(Insn& insn, const Fields& f) { return bind_operation<uint64_t, Operation::Clear>(insn, f); }

Handler bind_LDEORB(Insn& insn, const Fields& f) { return bind_operation<uint8_t, Operation::Xor>(insn, f); }
Handler bind_LDEORH(Insn& insn, const Fields& f) { return bind_operation<uint16_t, Operation::Xor>(insn, f); }
Handler bind_LDEOR_w(Insn& insn, const Fields& f) { return bind_operation<uint32_t, Operation::Xor>(insn, f); }
Handler bind_LDEOR_x(Insn& insn, const Fields& f) { return bind_operation<uint64_t, Operation::Xor>(insn, f); }

Handler bind_LDSETB(Insn& insn, const Fields& f) { return bind_operation<uint8_t, Operation::Set>(insn, f); }
Handler bind_LDSETH(Insn& insn, const Fields& f) { return bind_operation<uint16_t, Operation::Set>(insn, f); }
Handler bind_LDSET_w(Insn& insn, const Fields& f) { return bind_operation<uint32_t, Operation::Set>(insn, f); }
Handler bind_LDSET_x(Insn& insn, const Fields& f) { return bind_operation<uint64_t, Operation::Set>(insn, f); }

Handler bind_LDSMAXB(Insn& insn, const Fields& f) { return bind_operation<uint8_t, Operation::SignedMax>(insn, f); }
Handler bind_LDSMAXH(Insn& insn, const Fields& f) { return bind_operation<uint16_t, Operation::SignedMax>(insn, f); }
Handler bind_LDSMAX_w(Insn& insn, const Fields& f) { return bind_operation<uint32_t, Operation::SignedMax>(insn, f); }
Handler bind_LDSMAX_x(Insn& insn, const Fields& f) { return bind_operation<uint64_t, Operation::SignedMax>(insn, f); }

Handler bind_LDSMINB(Insn& insn, const Fields& f) { return bind_operation<uint8_t, Operation::SignedMin>(insn, f); }
Handler bind_LDSMINH(Insn& insn, const Fields& f) { return bind_operation<uint16_t, Operation::SignedMin>(insn, f); }
Handler bind_LDSMIN_w(Insn& insn, const Fields& f) { return bind_operation<uint32_t, Operation::SignedMin>(insn, f); }
Handler bind_LDSMIN_x(Insn& insn, const Fields& f) { return bind_operation<uint64_t, Operation::SignedMin>(insn, f); }

Handler bind_LDUMAXB(Insn& insn, const Fields& f) { return bind_operation<uint8_t, Operation::UnsignedMax>(insn, f); }
Handler bind_LDUMAXH(Insn& insn, const Fields& f) { return bind_operation<uint16_t, Operation::UnsignedMax>(insn, f); }
Handler bind_LDUMAX_w(Insn& insn, const Fields& f) { return bind_operation<uint32_t, Operation::UnsignedMax>(insn, f); }
Handler bind_LDUMAX_x(Insn& insn, const Fields& f) { return bind_operation<uint64_t, Operation::UnsignedMax>(insn, f); }

Handler bind_LDUMINB(Insn& insn, const Fields& f) { return bind_operation<uint8_t, Operation::UnsignedMin>(insn, f); }
Handler bind_LDUMINH(Insn& insn, const Fields& f) { return bind_operation<uint16_t, Operation::UnsignedMin>(insn, f); }
Handler bind_LDUMIN_w(Insn& insn, const Fields& f) { return bind_operation<uint32_t, Operation::UnsignedMin>(insn, f); }
Handler bind_LDUMIN_x(Insn& insn, const Fields& f) { return bind_operation<uint64_t, Operation::UnsignedMin>(insn, f); }

Handler bind_SWPB(Insn& insn, const Fields& f) { return bind_operation<uint8_t, Operation::Swap>(insn, f); }
Handler bind_SWPH(Insn& insn, const Fields& f) { return bind_operation<uint16_t, Operation::Swap>(insn, f); }
Handler bind_SWP_w(Insn& insn, const Fields& f) { return bind_operation<uint32_t, Operation::Swap>(insn, f); }
Handler bind_SWP_x(Insn& insn, const Fields& f) { return bind_operation<uint64_t, Operation::Swap>(insn, f); }

} // namespace beeline::arm64
