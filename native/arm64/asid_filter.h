// Which address space identifiers a CPU may have translations of.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace beeline::arm64 {

/// One thread adds an identifier and then reads translation tables under it, and removes it when no translation under
/// it is cached any more; others write to the tables and then ask. Either the reader sees what was written or the
/// writer gets `true`.
class AsidFilter {
public:
    void add(uint16_t asid) {
        std::atomic<uint64_t>& word = words_[asid / 64];
        const uint64_t bit = bit_of(asid);
        if ((word.load(std::memory_order_relaxed) & bit) == 0) word.fetch_or(bit, std::memory_order_seq_cst);
    }
    void remove(uint16_t asid) { words_[asid / 64].fetch_and(~bit_of(asid), std::memory_order_release); }
    void remove_all() {
        for (std::atomic<uint64_t>& word : words_)
            if (word.load(std::memory_order_relaxed) != 0) word.store(0, std::memory_order_release);
    }

    bool may_have(uint16_t asid) const {
        // The caller's writes come before the question.
        std::atomic_thread_fence(std::memory_order_seq_cst);
        return (words_[asid / 64].load(std::memory_order_relaxed) & bit_of(asid)) != 0;
    }

private:
    static uint64_t bit_of(uint16_t asid) { return uint64_t{1} << asid % 64; }

    std::array<std::atomic<uint64_t>, (size_t{1} << 16) / 64> words_{};
};

} // namespace beeline::arm64
