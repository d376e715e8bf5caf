// Basic value types of the guest: addresses, access kinds, CPU models.
#pragma once

#include <cstdint>

namespace beeline::arm64 {

/// A guest virtual address, tag byte included.
struct GuestVa {
    uint64_t value = 0;
    friend constexpr bool operator==(GuestVa, GuestVa) = default;
};

/// A guest physical address.
struct GuestPa {
    uint64_t value = 0;
    friend constexpr bool operator==(GuestPa, GuestPa) = default;
};

enum class CpuModel : uint8_t {
    A57, ///< Armv8.0-A with CRC32 and the cryptographic extension.
    N1,  ///< Armv8.2-A; design of the Neoverse N1 without its performance monitors' events.
};

/// Why memory is touched. Data accesses name the direction, because permissions and FAR/ESR differ.
enum class Access : uint8_t { Read, Write, Fetch };

/// Guest page size that TLBs and blocks work with; larger guest granules are split into these.
inline constexpr unsigned kPageBits = 12;
inline constexpr uint64_t kPageSize = uint64_t{1} << kPageBits;
inline constexpr uint64_t kPageMask = kPageSize - 1;

/// 128-bit vector register. Lane 0 is the least significant part, as on the (little-endian) host.
struct alignas(16) VReg {
    uint64_t d[2];
    friend constexpr bool operator==(const VReg&, const VReg&) = default;
};

/// log2 of the generic timers' ticks: 62.5 MHz, one tick is 16 ns, as QEMU's `virt`.
inline constexpr uint64_t kCounterFrequency = 62'500'000;

} // namespace beeline::arm64
