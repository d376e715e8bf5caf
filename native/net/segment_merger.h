// Joins TCP segments for the guest that follow one another into one frame, as a card does that offloads receiving: the
// guest's stack then has one packet to deal with instead of dozens.
#pragma once

#include "net/network.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

namespace beeline::net {

class SegmentMerger {
public:
    using Emit = std::function<void(const FrameHeader&, std::span<const uint8_t>)>;

    /// Frames leave by `emit`, in their order. Their checksums are those of somebody who can be trusted.
    explicit SegmentMerger(Emit emit);

    /// Without `merging` frames leave as they come; without `checksums` they say nothing of their own.
    void configure(bool merging, bool checksums);
    void add(std::span<const uint8_t> frame);
    /// Lets out what is being put together.
    void flush();

private:
    /// What a segment's headers say, as far as it matters here.
    struct Segment {
        size_t headers; ///< Bytes of all headers.
        size_t payload;
        uint32_t sequence;
        bool last; ///< PSH: more had better not be waited for.
    };
    static bool parse(std::span<const uint8_t> frame, Segment& segment);
    bool continues(std::span<const uint8_t> frame, const Segment& segment) const;

    const Emit emit_;
    bool merging_ = false, checksums_ = false;
    std::unique_ptr<uint8_t[]> joined_; ///< Of kLargestFrame bytes.
    size_t length_ = 0;                 ///< 0: nothing is being put together.
    Segment first_{};
    uint32_t next_sequence_ = 0;
    unsigned count_ = 0;
};

} // namespace beeline::net
