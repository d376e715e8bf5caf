// A driver's side of virtio devices: RAM, queues in it, and the transport's registers.
#pragma once

#include "board_support.h"
#include "devices/virtio/virtqueue.h"

#include <cstdint>
#include <cstring>
#include <vector>

namespace beeline::test {

struct Ram final : devices::GuestMemoryAccess {
    static constexpr uint64_t kBase = 0x4000'0000, kBytes = uint64_t{1} << 20;

    uint8_t* span(uint64_t address, uint64_t length) override {
        if (address < kBase || length > kBytes || address - kBase > kBytes - length) return nullptr;
        return memory.data() + (address - kBase);
    }
    uint8_t* bytes(uint64_t offset) { return memory.data() + offset; }
    static uint64_t address(uint64_t offset) { return kBase + offset; }
    bool holds(const void* bytes, size_t length) const {
        const auto* begin = static_cast<const uint8_t*>(bytes);
        return begin >= memory.data() && begin + length <= memory.data() + memory.size();
    }
    std::vector<uint8_t> memory = std::vector<uint8_t>(kBytes);
};

/// A split queue at an offset of RAM.
class DriverQueue {
public:
    static constexpr uint16_t kNext = 1, kWrite = 2, kIndirect = 4;

    DriverQueue(Ram& ram, uint16_t size, uint64_t offset) : ram_(ram), size_(size), offset_(offset) { clear(); }

    devices::virtio::QueueLayout layout() const {
        return {size_, Ram::kBase + offset_, Ram::kBase + avail(), Ram::kBase + used()};
    }
    void clear() {
        std::memset(ram_.bytes(offset_), 0, used() + 4 + size_ * 8 + 2 - offset_);
        next_ = 0;
    }
    void describe(uint16_t index, uint64_t address, uint32_t length, uint16_t flags, uint16_t next = 0) {
        describe_at(offset_, index, address, length, flags, next);
    }
    void describe_at(uint64_t table, uint16_t index, uint64_t address, uint32_t length, uint16_t flags,
                     uint16_t next = 0) {
        uint8_t* entry = ram_.bytes(table + index * 16);
        std::memcpy(entry, &address, 8);
        std::memcpy(entry + 8, &length, 4);
        std::memcpy(entry + 12, &flags, 2);
        std::memcpy(entry + 14, &next, 2);
    }
    void offer(uint16_t head) {
        put(avail() + 4 + next_ % size_ * 2, head);
        set_available_index(static_cast<uint16_t>(next_ + 1));
    }
    void set_available_index(uint16_t index) { put(avail() + 2, next_ = index); }
    void set_available_flags(uint16_t flags) { put(avail(), flags); }
    void set_used_event(uint16_t index) { put(avail() + 4 + size_ * 2, index); }
    uint16_t used_flags() const { return get(used()); }
    uint16_t used_index() const { return get(used() + 2); }
    uint32_t used_length(unsigned index) const {
        uint32_t length = 0;
        std::memcpy(&length, ram_.bytes(used() + 4 + index % size_ * 8 + 4), 4);
        return length;
    }
    uint16_t avail_event() const { return get(used() + 4 + size_ * 8); }

private:
    uint64_t avail() const { return offset_ + size_ * 16; }
    uint64_t used() const { return (avail() + 4 + size_ * 2 + 2 + 3) & ~uint64_t{3}; }
    void put(uint64_t at, uint16_t value) {
        __atomic_store_n(reinterpret_cast<uint16_t*>(ram_.bytes(at)), value, __ATOMIC_RELEASE);
    }
    uint16_t get(uint64_t at) const {
        return __atomic_load_n(reinterpret_cast<uint16_t*>(ram_.bytes(at)), __ATOMIC_ACQUIRE);
    }

    Ram& ram_;
    uint16_t size_;
    uint64_t offset_;
    uint16_t next_ = 0;
};

} // namespace beeline::test
