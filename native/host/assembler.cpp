#include "host/assembler.h"

#include <cstring>
#include <utility>

namespace beeline::host {

namespace {

bool fits_short(ptrdiff_t distance) { return distance == static_cast<int8_t>(distance); }

void put32(uint8_t* at, ptrdiff_t value) {
    const auto displacement = static_cast<int32_t>(value);
    std::memcpy(at, &displacement, sizeof displacement);
}

} // namespace

void Assembler::L(Label& label) {
    const uint8_t* const here = label.place_ = getCurr();
    for (uint8_t* waiting = std::exchange(label.near_, nullptr); waiting != nullptr;) {
        int32_t back;
        std::memcpy(&back, waiting, sizeof back);
        put32(waiting, here - (waiting + 4));
        waiting = back == 0 ? nullptr : waiting - back;
    }
    for (unsigned i = 0; i < label.shorts_; i++) {
        const ptrdiff_t distance = here - (label.short_[i] + 1);
        if (!fits_short(distance)) Xbyak::local::SetError(Xbyak::ERR_LABEL_IS_TOO_FAR);
        *label.short_[i] = static_cast<uint8_t>(distance);
    }
    label.shorts_ = 0;
}

bool Assembler::jump_short(uint8_t opcode, Label& label, LabelType type) {
    if (type == T_NEAR) return false;
    if (label.place_ != nullptr) {
        const ptrdiff_t distance = label.place_ - (getCurr() + 2);
        if (!fits_short(distance)) return false;
        db(opcode);
        db(static_cast<uint8_t>(distance));
        return true;
    }
    if (label.shorts_ == Label::kMostShort) return false;
    db(opcode);
    label.short_[label.shorts_++] = position();
    db(0);
    return true;
}

void Assembler::near_displacement(Label& label) {
    uint8_t* const at = position();
    if (label.place_ != nullptr) {
        dd(static_cast<uint32_t>(label.place_ - (at + 4)));
        return;
    }
    dd(label.near_ == nullptr ? 0 : static_cast<uint32_t>(at - label.near_));
    label.near_ = at;
}

void Assembler::jcc(unsigned condition, Label& label, LabelType type) {
    if (jump_short(static_cast<uint8_t>(0x70 | condition), label, type)) return;
    db(0x0F);
    db(static_cast<int>(0x80 | condition));
    near_displacement(label);
}

void Assembler::jmp(Label& label, LabelType type) {
    if (jump_short(0xEB, label, type)) return;
    db(0xE9);
    near_displacement(label);
}

void Assembler::jrcxz(Label& label) {
    if (!jump_short(0xE3, label, T_SHORT)) Xbyak::local::SetError(Xbyak::ERR_LABEL_IS_TOO_FAR);
}

} // namespace beeline::host
