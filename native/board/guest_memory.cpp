#include "board/guest_memory.h"

#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>

namespace beeline::board {

Result<std::unique_ptr<GuestMemory>> GuestMemory::create(uint64_t bytes, unsigned address_bits) {
    if (bytes == 0) return memory_error("a machine needs memory", "give a multiple of 2 MiB, such as 1G");
    if (bytes % kGranule != 0)
        return memory_error(fmt::format("{} bytes is not a multiple of 2 MiB", bytes), "give a multiple of 2M");
    struct sysinfo host {};
    sysinfo(&host);
    const uint64_t available = (uint64_t{host.totalram} + host.totalswap) * host.mem_unit;
    if (bytes > available)
        return memory_error(
            fmt::format("{} is more than this host has ({})", readable_size(bytes), readable_size(available)),
            "give less");
    if (bytes > (uint64_t{1} << address_bits) - kRamBase)
        return memory_error(fmt::format("{} is more than the CPU model can address", readable_size(bytes)),
                            "give less, or choose another model with --cpu");

    // On a boundary of the granule, which is the host's huge page.
    const size_t reserved = bytes + kGranule;
    void* mapping = mmap(nullptr, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping == MAP_FAILED)
        return memory_error(fmt::format("the host refuses {} ({})", readable_size(bytes), std::strerror(errno)),
                            "give less");
    auto* const begin = static_cast<uint8_t*>(mapping);
    auto* const aligned = begin + (kGranule - reinterpret_cast<uintptr_t>(begin) % kGranule);
    munmap(begin, static_cast<size_t>(aligned - begin));
    if (uint8_t* const end = aligned + bytes; end != begin + reserved)
        munmap(end, static_cast<size_t>(begin + reserved - end));
    // Fewer faults and TLB misses of the host, where it has huge pages to give.
    madvise(aligned, bytes, MADV_HUGEPAGE);
    // A core dump of the emulator is about the emulator.
    madvise(aligned, bytes, MADV_DONTDUMP);
    return std::unique_ptr<GuestMemory>(new GuestMemory(aligned, bytes));
}

bool GuestMemory::take_over(GuestMemory& other) {
    if (other.size_ != size_ || mremap(other.bytes_, size_, size_, MREMAP_MAYMOVE | MREMAP_FIXED, bytes_) == MAP_FAILED)
        return false;
    other.bytes_ = nullptr;
    other.size_ = 0;
    return true;
}

GuestMemory::~GuestMemory() {
    if (bytes_ != nullptr) munmap(bytes_, size_);
}

} // namespace beeline::board
