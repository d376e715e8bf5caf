#include "devices/gic/interrupt_bank.h"

namespace beeline::devices::gic {

namespace {

/// ICFGR: two bits an interrupt, the upper one 1 for edge.
uint32_t spread(uint32_t edge, unsigned half) {
    uint32_t value = 0;
    for (unsigned i = 0; i < 16; i++) value |= (edge >> (half * 16 + i) & 1) << (i * 2 + 1);
    return value;
}

uint32_t gather(uint32_t value, unsigned half) {
    uint32_t edge = 0;
    for (unsigned i = 0; i < 16; i++) edge |= (value >> (i * 2 + 1) & 1) << (half * 16 + i);
    return edge;
}

} // namespace

BankAddress decode_bank_register(uint64_t offset) {
    const auto register_of = [](uint64_t block) {
        switch (block) {
        case 0x080 / 0x80: return BankRegister::Group;
        case 0x100 / 0x80: return BankRegister::SetEnable;
        case 0x180 / 0x80: return BankRegister::ClearEnable;
        case 0x200 / 0x80: return BankRegister::SetPending;
        case 0x280 / 0x80: return BankRegister::ClearPending;
        case 0x300 / 0x80: return BankRegister::SetActive;
        case 0x380 / 0x80: return BankRegister::ClearActive;
        default: return BankRegister::None;
        }
    };
    BankAddress address;
    if (offset < 0x400) {
        address = {register_of(offset / 0x80), static_cast<unsigned>(offset % 0x80 / 4), 0};
    } else if (offset < 0x800) {
        address = {BankRegister::Priority, static_cast<unsigned>((offset - 0x400) / 32),
                   static_cast<unsigned>(offset % 32 & ~3u)};
    } else if (offset >= 0xC00 && offset < 0xD00) {
        address = {BankRegister::Configuration, static_cast<unsigned>((offset - 0xC00) / 8),
                   static_cast<unsigned>(offset / 4 % 2)};
    }
    if (address.word >= kInterrupts / 32) address.which = BankRegister::None;
    return address;
}

uint32_t read_bank(const InterruptWord& word, const BankAddress& address) {
    switch (address.which) {
    case BankRegister::None: return 0;
    case BankRegister::Group: return word.group;
    case BankRegister::SetEnable:
    case BankRegister::ClearEnable: return word.enabled;
    case BankRegister::SetPending:
    case BankRegister::ClearPending: return word.pending();
    case BankRegister::SetActive:
    case BankRegister::ClearActive: return word.active;
    case BankRegister::Priority: {
        uint32_t value = 0;
        for (unsigned i = 0; i < 4; i++) value |= uint32_t{word.priority[address.index + i]} << i * 8;
        return value;
    }
    case BankRegister::Configuration: return spread(word.edge, address.index);
    }
    return 0;
}

void write_bank(InterruptWord& word, const BankAddress& address, const BankWrite& write) {
    const uint32_t bits = write.value & write.byte_mask;
    switch (address.which) {
    case BankRegister::None: break;
    case BankRegister::Group: word.group = (word.group & ~write.byte_mask) | bits; break;
    case BankRegister::SetEnable: word.enabled |= bits; break;
    case BankRegister::ClearEnable: word.enabled &= ~bits; break;
    case BankRegister::SetPending: word.latched |= bits & ~write.fixed_pending; break;
    case BankRegister::ClearPending: word.latched &= ~(bits & ~write.fixed_pending); break;
    case BankRegister::SetActive: word.active |= bits; break;
    case BankRegister::ClearActive: word.active &= ~bits; break;
    case BankRegister::Priority:
        for (unsigned i = 0; i < 4; i++)
            if ((write.byte_mask >> i * 8 & 0xFF) != 0)
                word.priority[address.index + i] = static_cast<uint8_t>(write.value >> i * 8) & kPriorityMask;
        break;
    case BankRegister::Configuration: {
        const uint32_t half = 0xFFFFu << address.index * 16;
        const uint32_t writable = half & gather(write.byte_mask, address.index) & ~write.fixed_configuration;
        word.edge = (word.edge & ~writable) | (gather(write.value, address.index) & writable);
        break;
    }
    }
}

} // namespace beeline::devices::gic
