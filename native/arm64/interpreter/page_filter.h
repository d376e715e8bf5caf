// Which pages of guest memory a CPU may know the contents of.
#pragma once

#include "arm64/types.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace beeline::arm64 {

/// A set of guest pages that only grows, and that may hold pages which were not added. One thread adds a page and then
/// reads it; others write to a page and then ask. Either the reader sees what was written or the writer gets `true`.
class PageFilter {
public:
    void add(GuestPa address) {
        const uint64_t page = page_of(address);
        std::atomic<uint64_t>& word = words_[page / 64];
        const uint64_t bit = uint64_t{1} << page % 64;
        if ((word.load(std::memory_order_relaxed) & bit) == 0) word.fetch_or(bit, std::memory_order_seq_cst);
    }

    bool may_have(GuestPa address) const {
        // The caller's writes come before the question.
        std::atomic_thread_fence(std::memory_order_seq_cst);
        const uint64_t page = page_of(address);
        return (words_[page / 64].load(std::memory_order_relaxed) >> page % 64 & 1) != 0;
    }

private:
    static constexpr size_t kPages = size_t{1} << 18; ///< 1 GiB; pages further apart share a bit.

    static uint64_t page_of(GuestPa address) { return (address.value >> kPageBits) % kPages; }

    std::array<std::atomic<uint64_t>, kPages / 64> words_{};
};

} // namespace beeline::arm64
