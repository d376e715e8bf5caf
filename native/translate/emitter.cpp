#include "translate/emitter.h"

#include "translate/state.h"

namespace beeline::translate {

using namespace Xbyak::util;

namespace {

// x86 condition codes, as in jcc.
constexpr uint8_t kO = 0, kB = 2, kAe = 3, kE = 4, kBe = 6, kA = 7, kS = 8, kP = 10, kL = 12, kLe = 14;

} // namespace

Emitter::Emitter(host::Assembler& assembler, arm64::Vcpu& vcpu, const Techniques& enabled,
                 const host::CpuFlags& features)
    : a(assembler), host(features), techniques(enabled), cpu(vcpu), operand_memory_(qword[rbp]) {
    for (int8_t& entry : home_) entry = -1;
    if (techniques.has(Technique::HomeRegisters))
        for (const Home& entry : kHomes) home_[entry.guest] = static_cast<int8_t>(entry.host);
    for (unsigned n = 0; n < std::size(home_); n++) {
        if (home_[n] < 0) continue;
        register_operands64_[n] = Reg64(home_[n]);
        register_operands32_[n] = Reg32(home_[n]);
    }
}

int Emitter::state_offset(const void* field) const {
    return static_cast<int>(static_cast<const uint8_t*>(field) -
                            reinterpret_cast<const uint8_t*>(&cpu.state.x[kBaseRegister]));
}

Address Emitter::state(const void* field, unsigned bits) const {
    return Xbyak::AddressFrame(bits)[rbp + state_offset(field)];
}

Address Emitter::slot(unsigned number, unsigned bits) const { return state(&cpu.state.x[number], bits); }

const Operand& Emitter::operand(unsigned number, bool wide) {
    if (has_home(number))
        return wide ? static_cast<const Operand&>(register_operands64_[number])
                    : static_cast<const Operand&>(register_operands32_[number]);
    operand_memory_ = slot(number, wide ? 64 : 32);
    return operand_memory_;
}

Reg64 Emitter::read(unsigned number, const Reg64& scratch) {
    if (has_home(number)) return home(number);
    load(number, scratch);
    return scratch;
}

void Emitter::load(unsigned number, const Reg64& to, bool wide) {
    if (number == arm64::kZeroRegister)
        move_immediate(to, 0);
    else
        a.mov(sized(to, wide), operand(number, wide));
}

Reg64 Emitter::target(unsigned number, const Reg64& scratch) const { return has_home(number) ? home(number) : scratch; }

Reg64 Emitter::target_for(unsigned number, const Reg64& scratch, unsigned source1, unsigned source2) const {
    return has_home(number) && number != source1 && number != source2 ? home(number) : scratch;
}

void Emitter::commit(unsigned number, const Reg64& from) {
    if (number == arm64::kDiscard || number == arm64::kZeroRegister) return;
    if (!has_home(number))
        a.mov(slot(number), from);
    else if (home_[number] != from.getIdx())
        a.mov(home(number), from);
}

void Emitter::move_immediate(const Reg64& to, uint64_t value) {
    if (value == static_cast<uint32_t>(value))
        a.mov(to.cvt32(), static_cast<uint32_t>(value));
    else
        a.mov(to, value);
}

void Emitter::set_immediate(unsigned number, uint64_t value) {
    if (number == arm64::kDiscard || number == arm64::kZeroRegister) return;
    if (has_home(number)) {
        move_immediate(home(number), value);
    } else if (static_cast<int64_t>(value) == static_cast<int32_t>(value)) {
        a.mov(slot(number), value); // Sign-extended from 32 bits.
    } else {
        move_immediate(rax, value);
        a.mov(slot(number), rax);
    }
}

// ---- flags ----

void Emitter::store_flags(FlagPlace form) {
    if (form == FlagPlace::Float || form == FlagPlace::FloatSettled) {
        a.lahf();
        a.movzx(eax, ah);
        a.movzx(eax, word[rbp + rax * 2 + state_offset(&translated_state(cpu).float_flags)]);
        a.mov(state(&translated_state(cpu).host_flags, 32), eax);
        return;
    }
    if (form == FlagPlace::Add) a.cmc();
    a.lahf();
    a.seto(al);
    a.mov(state(&translated_state(cpu).host_flags, 32), eax);
}

void Emitter::host_flags_to_nzcv() {
    if (host.bmi2) {
        a.mov(ecx, kHostFlagBits);
        a.pext(eax, eax, ecx);
        a.xor_(eax, 2);
        a.shl(eax, 28);
        return;
    }
    // N and Z are neighbours at 15 and 14; not-C goes from 8 to 29, V from 0 to 28.
    a.mov(ecx, eax);
    a.mov(edx, eax);
    a.and_(eax, kHostN | kHostZ);
    a.shl(eax, 16);
    a.not_(ecx);
    a.and_(ecx, kHostNotC);
    a.shl(ecx, 21);
    a.or_(eax, ecx);
    a.and_(edx, kHostV);
    a.shl(edx, 28);
    a.or_(eax, edx);
}

void Emitter::nzcv_to_host_flags() {
    if (host.bmi2) {
        a.shr(eax, 28);
        a.xor_(eax, 2);
        a.mov(ecx, kHostFlagBits);
        a.pdep(eax, eax, ecx);
        return;
    }
    a.mov(ecx, eax);
    a.mov(edx, eax);
    a.shr(eax, 16);
    a.and_(eax, kHostN | kHostZ);
    a.not_(ecx);
    a.shr(ecx, 21);
    a.and_(ecx, kHostNotC);
    a.or_(eax, ecx);
    a.shr(edx, 28);
    a.and_(edx, kHostV);
    a.or_(eax, edx);
}

void Emitter::load_flags() {
    a.mov(eax, state(&translated_state(cpu).host_flags, 32));
    // 1 + 127 overflows, 0 + 127 does not; sahf leaves OF alone.
    a.add(al, 127);
    a.sahf();
}

void Emitter::clobber_flags() {
    if (flags_free()) return;
    store_flags(place_);
    place_ = FlagPlace::Memory;
}

void Emitter::leave_float_form() {
    if (!float_form()) return;
    store_flags(place_);
    place_ = FlagPlace::Memory;
}

uint8_t Emitter::use_float_condition(unsigned condition) {
    // As jcc for each pair of conditions: EQ, CS, MI, VS, HI, GE, GT. The last two want unordered as the host has it,
    // VS takes either form.
    static constexpr uint8_t kCodes[7] = {kE, kAe, kB, kP, kA, kAe, kA};
    const unsigned kind = condition >> 1;
    if (kind != 3 && kind < 5 && place_ == FlagPlace::Float) {
        host::Label ordered;
        a.jnp(ordered);
        a.mov(eax, 3);
        a.cmp(al, 0);
        a.L(ordered);
        place_ = FlagPlace::FloatSettled;
    }
    return static_cast<uint8_t>(kCodes[kind] ^ (condition & 1));
}

uint8_t Emitter::use_condition(unsigned condition) {
    if (place_ == FlagPlace::FloatSettled && condition >> 1 >= 5) leave_float_form();
    if (float_form()) return use_float_condition(condition);
    if (place_ == FlagPlace::Memory) {
        load_flags();
        place_ = FlagPlace::Subtract;
    }
    const unsigned kind = condition >> 1, inverse = condition & 1;
    const bool add = place_ == FlagPlace::Add;
    if (add && kind == 4) {
        a.cmc();
        place_ = FlagPlace::Subtract;
    }
    uint8_t code = 0;
    bool inverted = false;
    switch (kind) {
    case 0: code = kE; break;
    case 1: code = kB, inverted = !add; break;
    case 2: code = kS; break;
    case 3: code = kO; break;
    case 4: code = kBe, inverted = true; break;
    case 5: code = kL, inverted = true; break;
    default: code = kLe, inverted = true; break;
    }
    return static_cast<uint8_t>(code ^ (inverted ? 1u : 0u) ^ inverse);
}

void Emitter::use_carry(FlagPlace form) {
    leave_float_form();
    if (place_ == FlagPlace::Memory) {
        load_flags();
        place_ = FlagPlace::Subtract;
    }
    if (place_ == form) return;
    a.cmc();
    place_ = form;
}

void Emitter::define_flags(FlagPlace form) {
    place_ = form;
    if (!techniques.has(Technique::FlagsInHost) && defined_needed_) {
        store_flags(form);
        place_ = FlagPlace::Memory;
    }
}

void Emitter::define_flags_in_memory() { place_ = FlagPlace::Memory; }

} // namespace beeline::translate
