// What a block's translation needs until the block is complete: labels, and the emitters of the code behind it, all in
// memory that the next block uses again.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

namespace beeline::translate {

/// Objects that stay where they are until all of them go.
template <typename T> class Pool {
public:
    T& take() {
        if (used_ == chunks_.size() * kChunk) chunks_.push_back(std::make_unique<T[]>(kChunk));
        T& taken = chunks_[used_ / kChunk][used_ % kChunk];
        used_++;
        return taken = T{};
    }
    void clear() { used_ = 0; }

private:
    static constexpr size_t kChunk = 64;
    std::vector<std::unique_ptr<T[]>> chunks_;
    size_t used_ = 0;
};

/// Closures that emit code, in the order in which they were added. One that is run may add others.
class ColdCode {
public:
    ColdCode() = default;
    ColdCode(const ColdCode&) = delete;
    ColdCode& operator=(const ColdCode&) = delete;
    ~ColdCode() { clear(); }

    template <typename Emit> void add(Emit&& emit) {
        using Stored = std::decay_t<Emit>;
        static_assert(sizeof(Stored) <= kChunk && alignof(Stored) <= alignof(std::max_align_t));
        auto* const stored = new (allocate(sizeof(Stored))) Stored(std::forward<Emit>(emit));
        entries_.push_back({stored, [](void* closure) { (*static_cast<Stored*>(closure))(); },
                            [](void* closure) { static_cast<Stored*>(closure)->~Stored(); }});
    }
    size_t size() const { return entries_.size(); }
    void emit(size_t index) {
        const Entry entry = entries_[index];
        entry.emit(entry.closure);
    }
    void clear() {
        for (const Entry& entry : entries_) entry.destroy(entry.closure);
        entries_.clear();
        chunk_ = offset_ = 0;
    }

private:
    struct Entry {
        void* closure;
        void (*emit)(void*);
        void (*destroy)(void*);
    };
    static constexpr size_t kChunk = 8192;

    void* allocate(size_t bytes) {
        bytes = (bytes + alignof(std::max_align_t) - 1) & ~(alignof(std::max_align_t) - 1);
        if (offset_ + bytes > kChunk) {
            chunk_++;
            offset_ = 0;
        }
        if (chunk_ == chunks_.size()) chunks_.push_back(std::make_unique<std::byte[]>(kChunk));
        void* const place = chunks_[chunk_].get() + offset_;
        offset_ += bytes;
        return place;
    }

    std::vector<Entry> entries_;
    std::vector<std::unique_ptr<std::byte[]>> chunks_;
    size_t chunk_ = 0, offset_ = 0;
};

} // namespace beeline::translate
