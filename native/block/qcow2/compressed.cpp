#include "block/qcow2/compressed.h"

#include <zlib.h>
#include <zstd.h>

namespace beeline::block::qcow2 {

namespace {

constexpr uint64_t kSector = 512;

bool inflate_cluster(std::span<const uint8_t> data, std::span<uint8_t> cluster) {
    z_stream stream{};
    // No header, and a window of 4 KiB.
    if (inflateInit2(&stream, -12) != Z_OK) return false;
    stream.next_in = const_cast<uint8_t*>(data.data());
    stream.avail_in = static_cast<unsigned>(data.size());
    stream.next_out = cluster.data();
    stream.avail_out = static_cast<unsigned>(cluster.size());
    const int result = inflate(&stream, Z_FINISH);
    inflateEnd(&stream);
    // What follows the data up to the sector's end is not looked at.
    return stream.avail_out == 0 && (result == Z_STREAM_END || result == Z_BUF_ERROR);
}

bool expand_cluster(std::span<const uint8_t> data, std::span<uint8_t> cluster) {
    ZSTD_DCtx* context = ZSTD_createDCtx();
    if (context == nullptr) return false;
    ZSTD_inBuffer in{data.data(), data.size(), 0};
    ZSTD_outBuffer out{cluster.data(), cluster.size(), 0};
    bool going = true;
    while (going && out.pos < out.size) {
        const size_t in_before = in.pos, out_before = out.pos;
        const size_t result = ZSTD_decompressStream(context, &out, &in);
        going = ZSTD_isError(result) == 0 && (in.pos != in_before || out.pos != out_before);
    }
    ZSTD_freeDCtx(context);
    return out.pos == out.size;
}

} // namespace

CompressedPlace compressed_place(const Header& header, uint64_t entry) {
    const unsigned offset_bits = 62 - (header.cluster_bits - 8);
    const uint64_t offset = entry & ((uint64_t{1} << offset_bits) - 1);
    const uint64_t sectors = (entry & ((uint64_t{1} << 62) - 1)) >> offset_bits;
    return {offset, (sectors + 1) * kSector - offset % kSector};
}

bool decompress(Compression method, std::span<const uint8_t> data, std::span<uint8_t> cluster) {
    return method == Compression::Zstd ? expand_cluster(data, cluster) : inflate_cluster(data, cluster);
}

} // namespace beeline::block::qcow2
