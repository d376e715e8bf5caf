#include "board/guest_memory.h"

#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

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

    const int file = memfd_create("guest-ram", MFD_CLOEXEC);
    if (file < 0 || ftruncate(file, static_cast<off_t>(bytes)) != 0) {
        const int error = errno;
        if (file >= 0) close(file);
        return memory_error(fmt::format("the host refuses {} ({})", readable_size(bytes), std::strerror(error)),
                            "give less");
    }
    void* mapping = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file, 0);
    const int error = errno;
    close(file);
    if (mapping == MAP_FAILED)
        return memory_error(fmt::format("the host refuses {} ({})", readable_size(bytes), std::strerror(error)),
                            "give less");
    // A core dump of the emulator is about the emulator.
    madvise(mapping, bytes, MADV_DONTDUMP);
    return std::unique_ptr<GuestMemory>(new GuestMemory(static_cast<uint8_t*>(mapping), bytes));
}

GuestMemory::~GuestMemory() { munmap(bytes_, size_); }

} // namespace beeline::board
