// A trace of a machine: a ring a CPU, and their records in the order of guest time.
#pragma once

#include "arm64/trace.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace beeline::arm64 {
class Vcpu;
}

namespace beeline::board {

struct TraceConfig {
    uint32_t kinds = 0;       ///< arm64::trace_bit() of each that is wanted.
    size_t records = 1 << 14; ///< Kept of each CPU; a power of two up to kMostTraceRecords.
};
inline constexpr size_t kMostTraceRecords = size_t{1} << 18;

struct TraceEntry {
    uint64_t number; ///< Of its CPU's records, counted from 0.
    arm64::TraceRecord record;
};

struct TraceBatch {
    std::vector<TraceEntry> entries;
    std::vector<uint64_t> positions; ///< By CPU: where the next batch begins.
    std::vector<uint64_t> lost;      ///< By CPU: records that were not kept until now.
    bool more = false;               ///< There is more already.
};

class Trace {
public:
    /// Begins with it, and ends, while the CPUs are still.
    Trace(const std::vector<std::unique_ptr<arm64::Vcpu>>& cpus, const TraceConfig& config);
    ~Trace();
    Trace(const Trace&) = delete;
    Trace& operator=(const Trace&) = delete;

    /// By CPU: how many records there have been.
    std::vector<uint64_t> written() const;
    /// Up to `most` records from these places on (by CPU; places that are missing are the beginning), the earliest
    /// first. CPUs may go on meanwhile.
    TraceBatch read(std::span<const uint64_t> positions, size_t most) const;

private:
    const std::vector<std::unique_ptr<arm64::Vcpu>>& cpus_;
    std::vector<std::unique_ptr<arm64::TraceRing>> rings_;
};

} // namespace beeline::board
