// Compressed clusters.
#pragma once

#include "block/qcow2/header.h"

#include <cstdint>
#include <span>

namespace beeline::block::qcow2 {

/// Where a compressed cluster's bytes lie, by its L2 entry.
struct CompressedPlace {
    uint64_t offset = 0;
    uint64_t length = 0; ///< At most: the end is told in sectors.
};

CompressedPlace compressed_place(const Header& header, uint64_t entry);
/// Fills `cluster` whole. False: the data is not what the method makes.
[[nodiscard]] bool decompress(Compression method, std::span<const uint8_t> data, std::span<uint8_t> cluster);

} // namespace beeline::block::qcow2
