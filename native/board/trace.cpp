#include "board/trace.h"

#include "arm64/vcpu.h"

#include <algorithm>
#include <bit>
#include <optional>

namespace beeline::board {

namespace {

/// One CPU's records between two places; what is overwritten meanwhile is lost.
struct Reader {
    const arm64::TraceRing& ring;
    uint64_t position, end, lost = 0;
    std::optional<arm64::TraceRecord> next;

    Reader(const arm64::TraceRing& of, uint64_t begin) : ring(of), end(of.written()) {
        position = std::min(begin, end);
        look();
    }
    void look() {
        next.reset();
        while (position < end) {
            arm64::TraceRecord record;
            if (ring.read(position, record)) {
                next = record;
                return;
            }
            const uint64_t kept = std::min(ring.first_kept(ring.written()), end);
            lost += kept - position;
            position = kept;
        }
    }
    void advance() {
        position++;
        look();
    }
};

} // namespace

Trace::Trace(const std::vector<std::unique_ptr<arm64::Vcpu>>& cpus, const TraceConfig& config) : cpus_(cpus) {
    const size_t records = std::bit_ceil(std::clamp<size_t>(config.records, 2, kMostTraceRecords));
    for (const auto& cpu : cpus_)
        cpu->trace_ring = rings_.emplace_back(std::make_unique<arm64::TraceRing>(records, config.kinds)).get();
}

Trace::~Trace() {
    for (const auto& cpu : cpus_) cpu->trace_ring = nullptr;
}

std::vector<uint64_t> Trace::written() const {
    std::vector<uint64_t> result;
    for (const auto& ring : rings_) result.push_back(ring->written());
    return result;
}

TraceBatch Trace::read(std::span<const uint64_t> positions, size_t most) const {
    std::vector<Reader> readers;
    readers.reserve(rings_.size());
    for (size_t cpu = 0; cpu < rings_.size(); cpu++)
        readers.emplace_back(*rings_[cpu], cpu < positions.size() ? positions[cpu] : 0);
    const auto earlier = [](const Reader& a, const Reader& b) {
        return !b.next ? static_cast<bool>(a.next) : a.next && a.next->time < b.next->time;
    };
    TraceBatch batch;
    while (batch.entries.size() < most) {
        const auto first = std::min_element(readers.begin(), readers.end(), earlier);
        if (first == readers.end() || !first->next) break;
        batch.entries.push_back({first->position, *first->next});
        first->advance();
    }
    for (const Reader& reader : readers) {
        batch.positions.push_back(reader.position);
        batch.lost.push_back(reader.lost);
        batch.more |= reader.next.has_value();
    }
    return batch;
}

} // namespace beeline::board
