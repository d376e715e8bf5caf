#include "devices/pci/msix.h"

#include <cstring>

namespace beeline::devices::pci {

namespace {

constexpr unsigned kDataOffset = 8, kVectorControlOffset = 12;
constexpr uint8_t kMask = 1;

} // namespace

Msix::Msix(unsigned vectors) : table_(size_t{vectors} * kEntryBytes), pending_(vectors) { reset(); }

void Msix::reset() {
    std::memset(table_.data(), 0, table_.size());
    for (unsigned vector = 0; vector < vectors(); vector++) table_[vector * kEntryBytes + kVectorControlOffset] = kMask;
    pending_.assign(pending_.size(), false);
    pending_count_ = 0;
    control_ = 0;
}

void Msix::exchange(snapshot::Archive& archive) {
    archive.values(table_);
    for (unsigned vector = 0; vector < vectors(); vector++) {
        bool waits = pending_[vector];
        archive.value(waits);
        set_pending(vector, waits);
    }
}

uint32_t Msix::read(uint64_t offset, unsigned size) const {
    uint32_t value = 0;
    if (offset + size <= table_.size()) {
        std::memcpy(&value, table_.data() + offset, size);
    } else if (offset >= kPendingOffset) {
        const uint64_t first = (offset - kPendingOffset) * 8;
        for (unsigned bit = 0; bit < size * 8 && first + bit < pending_.size(); bit++)
            value |= uint32_t{pending_[first + bit]} << bit;
    }
    return value;
}

void Msix::write(uint64_t offset, unsigned size, uint32_t value) {
    if (offset + size <= table_.size()) std::memcpy(table_.data() + offset, &value, size);
}

bool Msix::masked(unsigned vector) const {
    return (control_ & (kEnable | kFunctionMask)) != kEnable ||
           (table_[vector * kEntryBytes + kVectorControlOffset] & kMask) != 0;
}

Message Msix::message(unsigned vector) const {
    const uint8_t* entry = table_.data() + vector * kEntryBytes;
    Message message;
    std::memcpy(&message.address, entry, sizeof message.address);
    std::memcpy(&message.data, entry + kDataOffset, sizeof message.data);
    return message;
}

void Msix::set_pending(unsigned vector, bool pending) {
    if (pending_[vector] == pending) return;
    pending_[vector] = pending;
    pending_count_ = pending ? pending_count_ + 1 : pending_count_ - 1;
}

} // namespace beeline::devices::pci
