// A driver's side of virtio devices: RAM, queues in it, and the transport's registers.
#pragma once

#include "board_support.h"
#include "devices/virtio/virtio_mmio.h"
#include "devices/virtio/virtqueue.h"

#include <chrono>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <thread>
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

/// A device behind the registers of a slot, on interrupt 5.
struct DriverSide {
    std::mutex lock;
    Ram ram;
    RecordingSink sink;
    std::unique_ptr<devices::virtio::VirtioMmio> slot;

    void plug(devices::virtio::VirtioDevice& device) {
        slot = std::make_unique<devices::virtio::VirtioMmio>(device, devices::InterruptLine(sink, 5), lock);
        check(device.start(), "the device's thread");
    }
    uint32_t read(uint64_t offset, unsigned size = 4) {
        const std::lock_guard guard(lock);
        uint64_t value = 0;
        slot->read({offset, size, 0}, value);
        return static_cast<uint32_t>(value);
    }
    void write(uint64_t offset, uint32_t value, unsigned size = 4) {
        const std::lock_guard guard(lock);
        slot->write({offset, size, 0}, value);
    }
    void notify(uint32_t queue) { write(0x50, queue); }
    uint64_t features() {
        write(0x14, 1);
        const uint64_t high = read(0x10);
        write(0x14, 0);
        return high << 32 | read(0x10);
    }
    /// Resets the device and drives it, with these queues from 0 on.
    void set_up(uint64_t features, std::initializer_list<DriverQueue*> queues) {
        write(0x70, 0);
        write(0x70, 1);
        write(0x70, 3);
        for (const uint32_t word : {0u, 1u}) {
            write(0x24, word);
            write(0x20, static_cast<uint32_t>(features >> word * 32));
        }
        write(0x70, 11);
        uint32_t number = 0;
        for (DriverQueue* queue : queues) {
            queue->clear();
            const devices::virtio::QueueLayout layout = queue->layout();
            write(0x30, number++);
            write(0x38, layout.size);
            write(0x80, static_cast<uint32_t>(layout.descriptors));
            write(0x84, static_cast<uint32_t>(layout.descriptors >> 32));
            write(0x90, static_cast<uint32_t>(layout.driver_area));
            write(0x94, static_cast<uint32_t>(layout.driver_area >> 32));
            write(0xA0, static_cast<uint32_t>(layout.device_area));
            write(0xA4, static_cast<uint32_t>(layout.device_area >> 32));
            write(0x44, 1);
        }
        write(0x70, 15);
    }
    bool needs_reset() { return (read(0x70) & 64) != 0; }
    template <class Condition> static bool wait(Condition condition) {
        for (unsigned i = 0; i < 5000; i++) {
            if (condition()) return true;
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        return false;
    }
};

} // namespace beeline::test
