// The x86-64 assembler (Xbyak), set up for code that is written through one mapping and executed through another.
#pragma once

#define XBYAK_NO_EXCEPTION
#include <xbyak/xbyak.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace beeline::host {

/// A place in the code. Xbyak's own labels cost a look into several tables each, and code has many; this one keeps the
/// jumps that wait for it by itself. It must outlive them.
class Label {
public:
    /// In the writable mapping; nullptr while undefined.
    const uint8_t* address() const { return place_; }

private:
    friend class Assembler;
    static constexpr unsigned kMostShort = 4;

    const uint8_t* place_ = nullptr;
    /// The newest jump's 32-bit displacement, which holds the distance back to the one before it, or 0.
    uint8_t* near_ = nullptr;
    /// 8-bit displacements.
    std::array<uint8_t*, kMostShort> short_{};
    unsigned shorts_ = 0;
};

/// Writes into a buffer that the code cache owns. Addresses are those of the writable mapping; since code refers to
/// code by distance only, it runs unchanged in the executable one.
class Assembler : public Xbyak::CodeGenerator {
public:
    Assembler(uint8_t* buffer, size_t size) : CodeGenerator(size, buffer) {}

    /// Goes on at `offset` in the buffer, with none of Xbyak's own labels defined.
    void restart_at(size_t offset) {
        reset();
        setSize(offset);
    }

    using CodeGenerator::L;
    /// Defines the label here.
    void L(Label& label);

    /// As Xbyak's: a jump to a label that is still undefined is short unless T_NEAR is asked for.
    void jcc(unsigned condition, Label& label, LabelType type = T_AUTO);
    using CodeGenerator::jmp;
    void jmp(Label& label, LabelType type = T_AUTO);
    using CodeGenerator::jrcxz;
    void jrcxz(Label& label);

    using CodeGenerator::ja;
    using CodeGenerator::jae;
    using CodeGenerator::jb;
    using CodeGenerator::jbe;
    using CodeGenerator::je;
    using CodeGenerator::jne;
    using CodeGenerator::jno;
    using CodeGenerator::jnp;
    using CodeGenerator::jns;
    using CodeGenerator::jnz;
    using CodeGenerator::jo;
    using CodeGenerator::jp;
    using CodeGenerator::js;
    using CodeGenerator::jz;
    void jb(Label& label, LabelType type = T_AUTO) { jcc(2, label, type); }
    void jae(Label& label, LabelType type = T_AUTO) { jcc(3, label, type); }
    void je(Label& label, LabelType type = T_AUTO) { jcc(4, label, type); }
    void jz(Label& label, LabelType type = T_AUTO) { jcc(4, label, type); }
    void jne(Label& label, LabelType type = T_AUTO) { jcc(5, label, type); }
    void jnz(Label& label, LabelType type = T_AUTO) { jcc(5, label, type); }
    void jbe(Label& label, LabelType type = T_AUTO) { jcc(6, label, type); }
    void ja(Label& label, LabelType type = T_AUTO) { jcc(7, label, type); }
    void jo(Label& label, LabelType type = T_AUTO) { jcc(0, label, type); }
    void jno(Label& label, LabelType type = T_AUTO) { jcc(1, label, type); }
    void js(Label& label, LabelType type = T_AUTO) { jcc(8, label, type); }
    void jns(Label& label, LabelType type = T_AUTO) { jcc(9, label, type); }
    void jp(Label& label, LabelType type = T_AUTO) { jcc(10, label, type); }
    void jnp(Label& label, LabelType type = T_AUTO) { jcc(11, label, type); }

private:
    /// True: the jump is to be short, and `opcode` and its displacement have been written.
    bool jump_short(uint8_t opcode, Label& label, LabelType type);
    void near_displacement(Label& label);
    uint8_t* position() { return const_cast<uint8_t*>(getCurr()); }
};

} // namespace beeline::host
