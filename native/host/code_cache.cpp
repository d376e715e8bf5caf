#include "host/code_cache.h"

#include <sys/mman.h>

namespace beeline::host {

std::unique_ptr<CodeCache> CodeCache::create(size_t fixed_bytes, size_t segment_bytes, unsigned segments) {
    const size_t size = fixed_bytes + segment_bytes * segments;
    // Shared anonymous memory, which the system calls /dev/zero: of all that can be mapped twice, Linux perf looks for
    // names of generated code in this alone (is_anon_memory() in its sources).
    void* const writable = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (writable == MAP_FAILED) return nullptr;
    // An old size of 0 makes a second mapping of the same pages.
    void* const executable = mremap(writable, 0, size, MREMAP_MAYMOVE);
    if (executable == MAP_FAILED || mprotect(executable, size, PROT_READ | PROT_EXEC) != 0) {
        if (executable != MAP_FAILED) munmap(executable, size);
        munmap(writable, size);
        return nullptr;
    }
    return std::unique_ptr<CodeCache>(new CodeCache(static_cast<uint8_t*>(writable),
                                                    static_cast<const uint8_t*>(executable), fixed_bytes, segment_bytes,
                                                    segments));
}

CodeCache::~CodeCache() {
    munmap(writable_, size());
    munmap(const_cast<uint8_t*>(executable_), size());
}

} // namespace beeline::host
