#include "translate/vector_registers.h"

#include "arm64/vcpu.h"

#include <algorithm>
#include <bit>

namespace beeline::translate {

using namespace Xbyak::util;

namespace {

Xmm host_register(unsigned index) { return Xmm(static_cast<int>(VectorRegisters::kFirst + index)); }

} // namespace

Address VectorRegisters::place(unsigned guest, unsigned bits, unsigned offset) const {
    return Xbyak::AddressFrame(bits)[rbp + e_.state_offset(&e_.cpu.state.v[guest]) + static_cast<int>(offset)];
}

Address VectorRegisters::memory(unsigned guest, unsigned bits, unsigned offset) {
    if (const int index = find(guest); index >= 0) write_back(static_cast<unsigned>(index));
    return place(guest, bits, offset);
}

void VectorRegisters::write_back(unsigned index) {
    if (!dirty(index)) return;
    e_.a.movaps(place(static_cast<unsigned>(contents_.guest[index])), host_register(index));
    contents_.dirty &= static_cast<uint16_t>(~(1u << index));
}

void VectorRegisters::write_back() {
    for (unsigned i = 0; i < kCount; i++) write_back(i);
}

void VectorRegisters::spill(const Contents& contents) const {
    for (unsigned i = 0; i < kCount; i++)
        if ((contents.dirty >> i & 1) != 0)
            e_.a.movaps(place(static_cast<unsigned>(contents.guest[i])), host_register(i));
}

void VectorRegisters::restore(const Contents& contents) const {
    for (unsigned i = 0; i < kCount; i++)
        if (contents.guest[i] >= 0) e_.a.movaps(host_register(i), place(static_cast<unsigned>(contents.guest[i])));
}

void VectorRegisters::assume(const Knowledge& knowledge) {
    contents_ = knowledge.contents;
    significant_ = knowledge.significant;
    begin_instruction();
}

bool VectorRegisters::can_become(const Knowledge& knowledge) const {
    for (size_t guest = 0; guest < significant_.size(); guest++)
        if (significant_[guest] > knowledge.significant[guest]) return false;
    return true;
}

void VectorRegisters::become(const Knowledge& knowledge) const {
    const Contents& wanted = knowledge.contents;
    // Host register i goes to source[i]'s place; kCount: nothing has to be moved there.
    std::array<unsigned, kCount> source;
    source.fill(kCount);
    for (unsigned i = 0; i < kCount; i++) {
        const int8_t guest = contents_.guest[i];
        if (guest < 0) continue;
        const auto at =
            static_cast<unsigned>(std::find(wanted.guest.begin(), wanted.guest.end(), guest) - wanted.guest.begin());
        if (dirty(i) && (at == kCount || (wanted.dirty >> at & 1) == 0))
            e_.a.movaps(place(static_cast<unsigned>(guest)), host_register(i));
        if (at != kCount && at != i) source[at] = i;
    }
    constexpr unsigned kAside = kCount + 1; // xmm0
    const auto move = [this](unsigned to, unsigned from) {
        e_.a.movaps(host_register(to), from == kAside ? xmm0 : host_register(from));
    };
    for (;;) {
        unsigned to = kCount; // One that no other move reads.
        unsigned some = kCount;
        for (unsigned i = 0; i < kCount; i++) {
            if (source[i] == kCount) continue;
            some = i;
            if (std::find(source.begin(), source.end(), i) == source.end()) to = i;
        }
        if (some == kCount) break;
        if (to != kCount) {
            move(to, source[to]);
            source[to] = kCount;
        } else { // They go round: the first one's old value waits in xmm0.
            e_.a.movaps(xmm0, host_register(some));
            std::replace(source.begin(), source.end(), some, kAside);
        }
    }
    for (unsigned i = 0; i < kCount; i++)
        if (const int8_t guest = wanted.guest[i]; guest >= 0 && find(static_cast<unsigned>(guest)) < 0)
            e_.a.movaps(host_register(i), place(static_cast<unsigned>(guest)));
}

void VectorRegisters::drop(unsigned guest) {
    if (const int index = find(guest); index >= 0) contents_.dirty &= static_cast<uint16_t>(~(1u << index));
}

template <class Eligible> unsigned VectorRegisters::oldest(Eligible eligible) const {
    unsigned best = kCount;
    for (unsigned i = 0; i < kCount; i++)
        if (eligible(i) && (best == kCount || used_[i] < used_[best])) best = i;
    return best;
}

void VectorRegisters::begin_instruction() {
    if (!e_.techniques.has(Technique::VectorWriteBack)) write_back();
    pinned_ = kept_ = 0;
    guarded_ = false;
}

void VectorRegisters::begin_guarded(unsigned room, uint32_t kept) {
    begin_instruction();
    guarded_ = true;
    const auto write_back_one = [this](uint32_t but) {
        const unsigned index = oldest([&](unsigned i) { return dirty(i) && (but >> contents_.guest[i] & 1) == 0; });
        if (index != kCount) write_back(index);
        return index != kCount;
    };
    const auto crowded = [this](unsigned wanted) {
        return static_cast<unsigned>(std::popcount(contents_.dirty)) > kCount - wanted;
    };
    while (crowded(room))
        if (!write_back_one(kept)) { // What is kept takes room itself once it is no longer dirty.
            while (crowded(kMostRoom)) write_back_one(0);
            break;
        }
    before_ = contents_;
}

uint32_t VectorRegisters::dirty_guests() const {
    uint32_t guests = 0;
    for (unsigned i = 0; i < kCount; i++)
        if (dirty(i)) guests |= 1u << contents_.guest[i];
    return guests;
}

int VectorRegisters::find(unsigned guest) const {
    for (unsigned i = 0; i < kCount; i++)
        if (contents_.guest[i] == static_cast<int>(guest)) return static_cast<int>(i);
    return -1;
}

unsigned VectorRegisters::allocate(int guest) {
    // An instruction names fewer registers than there are.
    const auto free = [this](unsigned i) { return (pinned_ >> i & 1) == 0; };
    const auto empty = [&](unsigned i) { return free(i) && contents_.guest[i] < 0; };
    unsigned best = oldest([&](unsigned i) { return empty(i) && guest >= 0 && preferred_.guest[i] == guest; });
    if (best == kCount) best = oldest([&](unsigned i) { return empty(i) && preferred_.guest[i] < 0; });
    if (best == kCount) best = oldest(empty);
    if (best == kCount) best = oldest([&](unsigned i) { return free(i) && !dirty(i); });
    if (best == kCount) best = oldest(free);
    write_back(best);
    contents_.guest[best] = static_cast<int8_t>(guest);
    return best;
}

Xmm VectorRegisters::use(unsigned guest) {
    int index = find(guest);
    if (index < 0) {
        index = static_cast<int>(allocate(static_cast<int>(guest)));
        e_.a.movaps(host_register(static_cast<unsigned>(index)), place(guest));
    }
    used_[static_cast<unsigned>(index)] = ++clock_;
    pinned_ |= 1u << index;
    return host_register(static_cast<unsigned>(index));
}

Xmm VectorRegisters::define(unsigned guest, bool keep) {
    const int old = find(guest);
    auto index = static_cast<unsigned>(old);
    if (old < 0) {
        index = allocate(static_cast<int>(guest));
    } else if (guarded_ && (before_.dirty >> index & 1) != 0) {
        // The fix-up needs the old value where it is.
        pinned_ |= 1u << index;
        kept_ |= 1u << index;
        contents_.guest[index] = -1;
        contents_.dirty &= static_cast<uint16_t>(~(1u << index));
        index = allocate(static_cast<int>(guest));
        if (keep) e_.a.movaps(host_register(index), host_register(static_cast<unsigned>(old)));
    }
    significant_[guest] = 16;
    used_[index] = ++clock_;
    pinned_ |= 1u << index;
    return host_register(index);
}

Xmm VectorRegisters::temporary() {
    const unsigned index = allocate(-1);
    pinned_ |= 1u << index;
    return host_register(index);
}

void VectorRegisters::store(unsigned guest) {
    const auto index = static_cast<unsigned>(find(guest));
    contents_.dirty |= static_cast<uint16_t>(1u << index);
}

} // namespace beeline::translate
