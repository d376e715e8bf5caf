#include "host/code_cache.h"

#include <sys/mman.h>
#include <unistd.h>

namespace beeline::host {

std::unique_ptr<CodeCache> CodeCache::create(size_t fixed_bytes, size_t segment_bytes, unsigned segments) {
    const size_t size = fixed_bytes + segment_bytes * segments;
    const int descriptor = memfd_create("beeline-code", MFD_CLOEXEC);
    if (descriptor < 0) return nullptr;
    void* writable = MAP_FAILED;
    void* executable = MAP_FAILED;
    if (ftruncate(descriptor, static_cast<off_t>(size)) == 0) {
        writable = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
        executable = mmap(nullptr, size, PROT_READ | PROT_EXEC, MAP_SHARED, descriptor, 0);
    }
    close(descriptor);
    if (writable == MAP_FAILED || executable == MAP_FAILED) {
        if (writable != MAP_FAILED) munmap(writable, size);
        if (executable != MAP_FAILED) munmap(executable, size);
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
