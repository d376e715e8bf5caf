// What the translations of a set of instruction addresses rest on: the descriptors that were read on the way. While
// they are unchanged, so are the translations, whatever maintenance the guest asks for.
#pragma once

#include "arm64/types.h"

#include <cstdint>
#include <span>
#include <vector>

namespace beeline::arm64 {

class FetchTrace {
public:
    /// A translation table descriptor in host memory, as it was read.
    struct Descriptor {
        const uint64_t* place;
        uint64_t value;
    };

    /// `page`: VA[55:12] << 12.
    bool knows(uint64_t page) const { return contains(pages_, page | 1); }
    /// Notes that the translation of `page` was read from `walk`.
    void add(uint64_t page, std::span<const Descriptor> walk);
    /// Some translation has an origin that is not known: nothing can be said of the set any more.
    void add_untraced() { complete_ = false; }
    /// Every translation of the set would come out the same again.
    bool unchanged() const;
    void clear();

private:
    /// Keys that are not 0, open addressing, sizes are powers of two.
    struct Set {
        std::vector<uint64_t> slots;
        size_t used = 0;
    };
    static constexpr size_t kMostPages = size_t{1} << 14;

    static bool contains(const Set& set, uint64_t key);
    static bool insert(Set& set, uint64_t key); ///< False: it was there.

    Set pages_;
    Set places_; ///< Of what is in descriptors_.
    std::vector<Descriptor> descriptors_;
    bool complete_ = true;
};

} // namespace beeline::arm64
