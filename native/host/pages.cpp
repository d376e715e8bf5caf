#include "host/pages.h"

#include <algorithm>
#include <fcntl.h>
#include <iterator>
#include <unistd.h>

namespace beeline::host {

bool any_own_page(const uint8_t* bytes, uint64_t length) {
    // Linux, Documentation/admin-guide/mm/pagemap.rst: an entry a page.
    constexpr uint64_t kPresent = uint64_t{1} << 63, kSwapped = uint64_t{1} << 62, kOfFile = uint64_t{1} << 61;
    static const int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    static const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    const uint64_t first = reinterpret_cast<uintptr_t>(bytes) / page, pages = (length + page - 1) / page;
    for (uint64_t done = 0; done < pages;) {
        uint64_t entries[512];
        const uint64_t count = std::min<uint64_t>(std::size(entries), pages - done);
        const auto wanted = static_cast<ssize_t>(count * sizeof entries[0]);
        if (pread(pagemap, entries, static_cast<size_t>(wanted),
                  static_cast<off_t>((first + done) * sizeof entries[0])) != wanted)
            return true;
        for (uint64_t i = 0; i < count; i++)
            if ((entries[i] & kSwapped) != 0 || (entries[i] & (kPresent | kOfFile)) == kPresent) return true;
        done += count;
    }
    return false;
}

} // namespace beeline::host
