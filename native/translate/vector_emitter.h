// What the emitters of FP/SIMD data processing work with. Internal to emit_vector_*.cpp and the block translator.
//
// Sources come from use(), results go into define() and are finished with finish(). xmm0 and xmm1 are scratch; xmm2 is
// for the two-operand forms of hosts without AVX. Vector instructions leave EFLAGS alone unless an emitter says so.
#pragma once

#include "arm64/table/table.h"
#include "translate/vector_constants.h"
#include "translate/vector_registers.h"

#include <array>
#include <memory>

namespace beeline::translate {

class VectorEmitter {
public:
    VectorEmitter(Emitter& emitter, VectorRegisters& registers, bool flushes_denormals)
        : e(emitter), v(registers), a(emitter.a), avx(emitter.host.avx), flushes(flushes_denormals) {}

    Emitter& e;
    VectorRegisters& v;
    host::Assembler& a;
    const bool avx;
    const bool flushes; ///< FPCR.FZ, FZ16 or AHP: floating-point arithmetic is for the interpreter's handlers.

    /// Where the interpreter's handler does the instruction over, from its operands in CpuState. Jump there before
    /// anything that the instruction changes has been written; what has been raised in MXCSR stays.
    host::Label& fix_up() {
        if (!fix_up_) fix_up_ = std::make_shared<host::Label>();
        return *fix_up_;
    }
    /// Null if nothing jumps there.
    const std::shared_ptr<host::Label>& fix_up_label() const { return fix_up_; }

    Xmm use(unsigned guest) { return v.use(guest); }
    Xmm define(unsigned guest) { return v.define(guest); }
    Xmm redefine(unsigned guest) { return v.redefine(guest); }
    /// The new value of `guest` is in define(guest): its upper half is zeroed unless `full`.
    void finish(unsigned guest, bool full) {
        if (!full) a.movq(define(guest), define(guest));
        v.store(guest);
        if (!full) v.set_significant(guest, 8);
    }
    /// The new value of `guest` is in `from`.
    void finish(unsigned guest, bool full, const Xmm& from) {
        const Xmm to = define(guest);
        if (!full)
            a.movq(to, from);
        else if (to.getIdx() != from.getIdx())
            a.movaps(to, from);
        v.store(guest);
        if (!full) v.set_significant(guest, 8);
    }
    /// Zeroes all but the lowest element: its bytes are 1 << size_log2.
    void finish_scalar(unsigned guest, unsigned size_log2, const Xmm& from);

    Address constant(VectorConstant constant) const;
    void copy(const Xmm& to, const Xmm& from) {
        if (to.getIdx() != from.getIdx()) a.movaps(to, from);
    }
    void zero(const Xmm& to) { a.pxor(to, to); }
    void ones(const Xmm& to) { a.pcmpeqd(to, to); }
    /// The doubleword in one or both halves; changes rax.
    void immediate(const Xmm& to, uint64_t value, bool both);
    /// Shifts elements of 2, 4 or 8 bytes in place.
    void shift_left(const Xmm& x, unsigned size, unsigned by);
    void shift_right(const Xmm& x, unsigned size, unsigned by);
    void shift_right_signed(const Xmm& x, unsigned size, unsigned by); ///< 2 or 4 bytes.
    /// Element `lane` of `from` in all elements of `to`; changes xmm2.
    void duplicate(const Xmm& to, const Xmm& from, unsigned size, unsigned lane);
    /// The elements of the lower (or upper) half, of 1 << size bytes, extended to twice that. `to` may be `from`.
    void extend(const Xmm& to, const Xmm& from, unsigned size, bool is_signed, bool upper);
    /// The lower halves of elements of 2 << size bytes, in the lower half of x.
    void narrow(const Xmm& x, unsigned size);

private:
    std::shared_ptr<host::Label> fix_up_;
};

/// d = n op m; d may be n or m. One host instruction, but for copies.
using Packed = void (*)(VectorEmitter& w, const Xmm& d, const Xmm& n, const Xmm& m);
using PackedBySize = std::array<Packed, 4>;

/// Names one of the assembler's overloads.
using ThreeOperands = void (Xbyak::CodeGenerator::*)(const Xmm&, const Xmm&, const Operand&);

template <auto sse, ThreeOperands avx> void packed(VectorEmitter& w, const Xmm& d, const Xmm& n, const Xmm& m) {
    if (w.avx) {
        (w.a.*avx)(d, n, m);
    } else if (d.getIdx() == n.getIdx()) {
        (w.a.*sse)(d, m);
    } else if (d.getIdx() == m.getIdx()) {
        w.a.movaps(Xmm(2), m);
        w.a.movaps(d, n);
        (w.a.*sse)(d, Xmm(2));
    } else {
        w.a.movaps(d, n);
        (w.a.*sse)(d, m);
    }
}

/// False: nothing has been emitted, this form is for the interpreter's handler.
using VectorFunction = bool (*)(VectorEmitter& w, const arm64::Insn& insn);

struct VectorEntry {
    VectorFunction function = nullptr;
    bool guarded = false; ///< Asks for fix-ups (VectorRegisters::begin_instruction).
};

class VectorTable {
public:
    VectorFunction& operator[](arm64::Op op) {
        VectorEntry& entry = entries_[static_cast<unsigned>(op)];
        entry.guarded = guarded_;
        return entry.function;
    }
    /// Of the functions that are entered from now on.
    void set_guarded(bool guarded) { guarded_ = guarded; }
    VectorEntry find(unsigned op) const { return op < entries_.size() ? entries_[op] : VectorEntry{}; }

private:
    std::array<VectorEntry, arm64::kOpCount> entries_{};
    bool guarded_ = false;
};

void add_vector_moves(VectorTable& table);
void add_vector_integer(VectorTable& table);
void add_vector_wide(VectorTable& table);
void add_vector_bits(VectorTable& table);
void add_vector_shifts(VectorTable& table);
void add_vector_shifts_by_register(VectorTable& table);
void add_vector_saturating(VectorTable& table);
void add_vector_permutes(VectorTable& table);
void add_vector_crypto(VectorTable& table);
void add_scalar_float(VectorTable& table);
void add_packed_float(VectorTable& table);
void add_half_float(VectorTable& table);
void add_float_steps(VectorTable& table);
void add_float_estimates(VectorTable& table);
void add_float_formats(VectorTable& table);
void add_float_conversions(VectorTable& table);
void add_half_conversions(VectorTable& table);

/// The emitter of FP/SIMD data processing `op`, if there is one.
VectorEntry find_vector_function(unsigned op);

// ---- fields -----------------------------------------------------------------------------------------------------

/// The scalar encodings of Advanced SIMD (01 x 1111x).
inline bool is_scalar(const arm64::Insn& insn) { return (insn.word >> 28 & 1) != 0; }
inline bool is_full(const arm64::Insn& insn) { return (insn.word >> 30 & 1) != 0 && !is_scalar(insn); }
inline unsigned element_size(const arm64::Insn& insn) { return insn.word >> 22 & 3; }

} // namespace beeline::translate
