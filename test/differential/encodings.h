// What the generator and the judge need to know of encodings, read from the words themselves (Arm ARM C4.1): where
// memory is touched, where control goes, and which words must not be run. Independent of the instruction table.
#pragma once

#include <cstdint>

namespace beeline::differential {

constexpr uint32_t bits(uint32_t word, unsigned low, unsigned width) { return word >> low & ((1u << width) - 1); }
constexpr int64_t signed_bits(uint32_t word, unsigned low, unsigned width) {
    return static_cast<int64_t>(uint64_t{bits(word, low, width)} << (64 - width)) >> (64 - width);
}

struct MemoryOperand {
    enum class Form : uint8_t { None, Base, Immediate, Register, Literal };
    Form form = Form::None;
    unsigned base = 0;   ///< Register number; 31 is SP, or XZR where `base_is_zero_register`.
    int64_t offset = 0;  ///< Form::Immediate
    unsigned index = 0;  ///< Form::Register
    unsigned option = 0; ///< of the index: 2 UXTW, 3 LSL, 6 SXTW, 7 SXTX
    unsigned shift = 0;
    unsigned element = 1; ///< Size of one access in bytes.
    unsigned bytes = 1;   ///< Size of all that is touched.
    bool store = false;
    bool aligned = false; ///< Must be aligned to `bytes` (exclusive, ordered and atomic accesses).
    bool write_back = false;
    bool vector = false; ///< Moves FP/SIMD registers.
    bool base_is_zero_register = false;
    bool maintenance = false; ///< A DC or IC operation that user mode does as a no-op.
};

MemoryOperand memory_operand(uint32_t word);

struct Branch {
    enum class Form : uint8_t { None, Direct26, Direct19, Direct14, Register };
    Form form = Form::None;
    unsigned target = 0; ///< Form::Register
};

Branch branch(uint32_t word);
/// `word` with a displacement of `words` instructions. Not for Form::Register.
uint32_t with_displacement(uint32_t word, Branch::Form form, int64_t words);

/// Compare-and-swap, single: LSE's CAS family.
constexpr bool is_cas(uint32_t word) { return (word & 0x3FA07C00) == 0x08A07C00; }
constexpr bool is_casp(uint32_t word) { return (word & 0xBFA07C00) == 0x08207C00; }
/// Load- and store-exclusive, single registers and pairs.
constexpr bool is_exclusive(uint32_t word) {
    return (word & 0x3F800000) == 0x08000000 && ((word & 1u << 21) == 0 || (word & 1u << 31) != 0);
}
constexpr bool is_store_exclusive(uint32_t word) { return is_exclusive(word) && (word & 1u << 22) == 0; }

/// FCVTZS, FCVTZU (vector, fixed-point), the scalar half-precision form: 01 U 11111 0 001xxxx 11111 1.
constexpr bool converts_half_to_fixed(uint32_t word) { return (word & 0xDFF0FC00) == 0x5F10FC00; }

constexpr bool casp_names_zero_register(uint32_t word) { return is_casp(word) && bits(word, 16, 5) == 30; }

/// Instructions after which the oracle's state is known to be wrong: they come last in a sequence.
constexpr bool oracle_mistaken(uint32_t word) { return converts_half_to_fixed(word) || casp_names_zero_register(word); }

constexpr bool is_mrs(uint32_t word) { return (word & 0xFFF00000) == 0xD5300000; }
constexpr bool is_msr(uint32_t word) { return (word & 0xFFF00000) == 0xD5100000; }
constexpr bool is_sys(uint32_t word) { return (word & 0xFFF80000) == 0xD5080000; }
/// op0:op1:CRn:CRm:op2 of MRS, MSR, SYS, SYSL, as it stands in the word: bits 20..5.
constexpr uint32_t system_key(unsigned op0, unsigned op1, unsigned crn, unsigned crm, unsigned op2) {
    return op0 << 14 | op1 << 11 | crn << 7 | crm << 3 | op2;
}
constexpr uint32_t system_key_of(uint32_t word) { return word >> 5 & 0xFFFF; }

namespace system_register {
inline constexpr uint32_t kNzcv = system_key(3, 3, 4, 2, 0), kFpcr = system_key(3, 3, 4, 4, 0),
                          kFpsr = system_key(3, 3, 4, 4, 1), kTpidrEl0 = system_key(3, 3, 13, 0, 2),
                          kTpidrroEl0 = system_key(3, 3, 13, 0, 3), kDczidEl0 = system_key(3, 3, 0, 0, 7),
                          kCntfrqEl0 = system_key(3, 3, 14, 0, 0), kSsbs = system_key(3, 3, 4, 2, 6);
}

/// Why user mode cannot judge `word`, or nullptr. Such words are never generated: under the oracle they would call the
/// kernel, wait, or read what differs between any two machines.
const char* not_judgeable(uint32_t word);

} // namespace beeline::differential
