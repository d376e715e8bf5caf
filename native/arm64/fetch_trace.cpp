#include "arm64/fetch_trace.h"

#include <utility>

namespace beeline::arm64 {

namespace {

constexpr size_t kFirstSlots = 64;

size_t slot_of(uint64_t key, size_t slots) {
    return static_cast<size_t>((key >> 3) * 0x9E3779B97F4A7C15u >> 32) & (slots - 1);
}

} // namespace

bool FetchTrace::contains(const Set& set, uint64_t key) {
    if (set.slots.empty()) return false;
    for (size_t i = slot_of(key, set.slots.size());; i = (i + 1) & (set.slots.size() - 1)) {
        if (set.slots[i] == key) return true;
        if (set.slots[i] == 0) return false;
    }
}

bool FetchTrace::insert(Set& set, uint64_t key) {
    if (set.used * 2 >= set.slots.size()) {
        const std::vector<uint64_t> old =
            std::exchange(set.slots, std::vector<uint64_t>(set.slots.empty() ? kFirstSlots : set.slots.size() * 2));
        set.used = 0;
        for (const uint64_t held : old)
            if (held != 0) insert(set, held);
    }
    for (size_t i = slot_of(key, set.slots.size());; i = (i + 1) & (set.slots.size() - 1)) {
        if (set.slots[i] == key) return false;
        if (set.slots[i] != 0) continue;
        set.slots[i] = key;
        set.used++;
        return true;
    }
}

void FetchTrace::add(uint64_t page, std::span<const Descriptor> walk) {
    if (!complete_) return;
    if (pages_.used == kMostPages) {
        complete_ = false;
        return;
    }
    insert(pages_, page | 1);
    for (const Descriptor& descriptor : walk)
        if (insert(places_, reinterpret_cast<uint64_t>(descriptor.place))) descriptors_.push_back(descriptor);
}

bool FetchTrace::unchanged() const {
    if (!complete_) return false;
    for (const Descriptor& descriptor : descriptors_)
        if (__atomic_load_n(descriptor.place, __ATOMIC_RELAXED) != descriptor.value) return false;
    return true;
}

void FetchTrace::clear() {
    complete_ = true;
    descriptors_.clear();
    for (Set* const set : {&pages_, &places_}) {
        set->used = 0;
        set->slots.clear();
    }
}

} // namespace beeline::arm64
