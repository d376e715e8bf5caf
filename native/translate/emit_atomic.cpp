// Load-exclusive and store-exclusive of one register, and the atomic instructions of LSE.
//
// A check as of a load or store comes first, with the alignment that all of these ask for; what it does not answer the
// interpreter's handler does as a whole. A read-modify-write is one locked instruction of the host, or a loop around
// its compare-and-exchange; with a single CPU there is nobody to lock out. CASP and the exclusives of pairs are left to
// the handlers.
#include "arm64/vcpu.h"
#include "translate/block_translator.h"

namespace beeline::translate {

using namespace Xbyak::util;
using arm64::kDiscard;
using arm64::kStackPointer;
using arm64::kZeroRegister;

namespace {

/// opc and o3 of the LSE operations, in the encoding's order (Arm ARM C4.1.88).
enum class Operation : uint8_t { Add, Clear, Xor, Set, SignedMax, SignedMin, UnsignedMax, UnsignedMin, Swap };

enum class Kind : uint8_t { LoadExclusive, StoreExclusive, CompareAndSwap, Update };

struct Atomic {
    Kind kind;
    Operation operation = Operation::Add;
    unsigned size_log2, rs, rn, rt;
};

bool describe(uint32_t word, Atomic& atomic) {
    atomic = {.kind = Kind::Update,
              .size_log2 = word >> 30,
              .rs = word >> 16 & 31,
              .rn = (word >> 5 & 31) == 31 ? kStackPointer : word >> 5 & 31,
              .rt = word & 31};
    if ((word & 0x3FA00000) == 0x08000000) { // LDXR, LDAXR, STXR, STLXR
        atomic.kind = (word >> 22 & 1) != 0 ? Kind::LoadExclusive : Kind::StoreExclusive;
        return true;
    }
    if ((word & 0x3FA07C00) == 0x08A07C00) { // CAS
        atomic.kind = Kind::CompareAndSwap;
        return true;
    }
    if ((word & 0x3F200C00) != 0x38200000) return false;
    const unsigned operation = word >> 12 & 15;
    if (operation > static_cast<unsigned>(Operation::Swap)) return false; // LDAPR and others
    atomic.operation = static_cast<Operation>(operation);
    return true;
}

unsigned destination(unsigned number) { return number == kZeroRegister ? unsigned{kDiscard} : number; }

Xbyak::Reg part(const Reg64& r, unsigned size_log2) {
    switch (size_log2) {
    case 0: return Xbyak::Reg8(r.getIdx(), r.getIdx() >= 4 && r.getIdx() < 8);
    case 1: return r.cvt16();
    case 2: return r.cvt32();
    default: return r;
    }
}

} // namespace

bool BlockTranslator::emit_atomic(const Instruction& instruction) {
    Atomic atomic;
    if (!describe(instruction.insn.word, atomic)) return false;
    const unsigned bits = 8u << atomic.size_log2;
    e_.clobber_flags();
    check_stack_alignment(instruction.insn);
    const Reg64 base = e_.read(atomic.rn, rdx);
    host::Label* const after = new_label();
    host::Label* const slow = emit_check({.target = {base, 0},
                                          .size_log2 = atomic.size_log2,
                                          .by_handler = true,
                                          .write = atomic.kind != Kind::LoadExclusive,
                                          .aligned = true,
                                          .after = after});
    const auto location = Xbyak::AddressFrame(bits)[base + rcx];
    const auto lock = [this] {
        if (!alone_) a_.lock();
    };
    /// `from` zero-extended, to a guest register.
    const auto put = [&](unsigned number, const Reg64& from) {
        if (atomic.size_log2 < 2)
            a_.movzx(from.cvt32(), part(from, atomic.size_log2));
        else if (atomic.size_log2 == 2)
            a_.mov(from.cvt32(), from.cvt32());
        e_.commit(destination(number), from);
    };
    /// The value of a guest register, and the location to go with it: rdx may be the base.
    const auto operand_beside = [&](unsigned number, Address& place) {
        if (e_.has_home(number)) return e_.home(number);
        if (base.getIdx() == Reg64(rdx).getIdx()) {
            // The first access, after which the base is free.
            a_.cmp(byte[rdx + rcx], 0);
            a_.lea(rcx, ptr[rdx + rcx]);
            place = Xbyak::AddressFrame(bits)[rcx];
        }
        e_.load(number, rdx);
        return Reg64(rdx);
    };

    arm64::ExclusiveMonitor& monitor = cpu_.state.exclusive;
    switch (atomic.kind) {
    case Kind::LoadExclusive: {
        if (atomic.size_log2 < 2)
            a_.movzx(eax, location);
        else
            a_.mov(part(rax, atomic.size_log2), location);
        a_.mov(e_.state(&monitor.va), base);
        a_.mov(e_.state(&monitor.value[0]), rax);
        a_.mov(e_.state(&monitor.size, 8), bits / 8);
        e_.commit(destination(atomic.rt), rax);
        break;
    }
    case Kind::StoreExclusive: {
        // A monitor of another place or size, or one that is open, is for the handler.
        a_.cmp(base, e_.state(&monitor.va));
        a_.jne(*slow, host::Assembler::T_NEAR);
        a_.cmp(e_.state(&monitor.size, 8), bits / 8);
        a_.jne(*slow, host::Assembler::T_NEAR);
        Address place = location;
        const Reg64 value = operand_beside(atomic.rt, place);
        a_.mov(rax, e_.state(&monitor.value[0]));
        lock();
        a_.cmpxchg(place, part(value, atomic.size_log2));
        a_.setne(al);
        a_.mov(e_.state(&monitor.size, 8), 0);
        a_.movzx(eax, al);
        e_.commit(destination(atomic.rs), rax);
        break;
    }
    case Kind::CompareAndSwap: {
        Address place = location;
        const Reg64 value = operand_beside(atomic.rt, place);
        e_.load(atomic.rs, rax);
        lock();
        a_.cmpxchg(place, part(value, atomic.size_log2));
        put(atomic.rs, rax);
        break;
    }
    case Kind::Update:
        switch (atomic.operation) {
        case Operation::Add:
            e_.load(atomic.rs, rax);
            lock();
            a_.xadd(location, part(rax, atomic.size_log2));
            break;
        case Operation::Swap:
            e_.load(atomic.rs, rax);
            a_.xchg(location, part(rax, atomic.size_log2)); // Locks by itself.
            break;
        default: {
            const Xbyak::Reg old = part(rax, atomic.size_log2), operand = part(rdx, atomic.size_log2);
            a_.mov(old, location);
            a_.lea(rcx, ptr[base + rcx]);
            host::Label again;
            a_.L(again);
            e_.load(atomic.rs, rdx);
            switch (atomic.operation) {
            case Operation::Clear:
                a_.not_(rdx);
                a_.and_(rdx, rax);
                break;
            case Operation::Xor: a_.xor_(rdx, rax); break;
            case Operation::Set: a_.or_(rdx, rax); break;
            default:
                a_.cmp(old, operand);
                switch (atomic.operation) {
                case Operation::SignedMax: a_.cmovg(rdx, rax); break;
                case Operation::SignedMin: a_.cmovl(rdx, rax); break;
                case Operation::UnsignedMax: a_.cmova(rdx, rax); break;
                default: a_.cmovb(rdx, rax); break;
                }
            }
            lock();
            a_.cmpxchg(Xbyak::AddressFrame(bits)[rcx], operand);
            a_.jne(again);
        }
        }
        put(atomic.rt, rax);
        break;
    }
    a_.L(*after);
    return true;
}

} // namespace beeline::translate
