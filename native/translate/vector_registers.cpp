#include "translate/vector_registers.h"

#include "arm64/vcpu.h"

namespace beeline::translate {

using namespace Xbyak::util;

Address VectorRegisters::memory(unsigned guest, unsigned bits, unsigned offset) const {
    return Xbyak::AddressFrame(bits)[rbp + e_.state_offset(&e_.cpu.state.v[guest]) + static_cast<int>(offset)];
}

void VectorRegisters::restore(const Contents& contents) const {
    for (unsigned i = 0; i < kCount; i++)
        if (contents.guest[i] >= 0)
            e_.a.movaps(Xmm(static_cast<int>(kFirst + i)), memory(static_cast<unsigned>(contents.guest[i])));
}

int VectorRegisters::find(unsigned guest) const {
    for (unsigned i = 0; i < kCount; i++)
        if (contents_.guest[i] == static_cast<int>(guest)) return static_cast<int>(i);
    return -1;
}

unsigned VectorRegisters::allocate(int guest) {
    // An instruction names fewer registers than there are.
    unsigned best = kCount;
    for (unsigned i = 0; i < kCount; i++) {
        if ((pinned_ >> i & 1) != 0) continue;
        if (contents_.guest[i] < 0) {
            best = i;
            break;
        }
        if (best == kCount || used_[i] < used_[best]) best = i;
    }
    contents_.guest[best] = static_cast<int8_t>(guest);
    return best;
}

Xmm VectorRegisters::use(unsigned guest) {
    int index = find(guest);
    if (index < 0) {
        index = static_cast<int>(allocate(static_cast<int>(guest)));
        e_.a.movaps(Xmm(static_cast<int>(kFirst) + index), memory(guest));
    }
    used_[static_cast<unsigned>(index)] = ++clock_;
    pinned_ |= 1u << index;
    return Xmm(static_cast<int>(kFirst) + index);
}

Xmm VectorRegisters::define(unsigned guest) {
    int index = find(guest);
    if (index < 0) index = static_cast<int>(allocate(static_cast<int>(guest)));
    significant_[guest] = 16;
    used_[static_cast<unsigned>(index)] = ++clock_;
    pinned_ |= 1u << index;
    return Xmm(static_cast<int>(kFirst) + index);
}

Xmm VectorRegisters::temporary() {
    const unsigned index = allocate(-1);
    pinned_ |= 1u << index;
    return Xmm(static_cast<int>(kFirst + index));
}

void VectorRegisters::store(unsigned guest) { e_.a.movaps(memory(guest), Xmm(static_cast<int>(kFirst) + find(guest))); }

} // namespace beeline::translate
