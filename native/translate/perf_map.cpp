#include "translate/perf_map.h"

#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace beeline::translate {

std::string PerfMap::path_of_this_process() { return fmt::format("/tmp/perf-{}.map", getpid()); }

std::unique_ptr<PerfMap> PerfMap::create(const std::string& path) {
    // /tmp is everybody's: never write through a link that somebody else has put there.
    if (unlink(path.c_str()) != 0 && errno != ENOENT) return nullptr;
    const int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (descriptor < 0) return nullptr;
    std::FILE* const file = fdopen(descriptor, "w");
    if (file == nullptr) {
        close(descriptor);
        return nullptr;
    }
    return std::unique_ptr<PerfMap>(new PerfMap(file));
}

void PerfMap::add(const void* code, size_t size, std::string_view name) {
    const std::lock_guard lock(mutex_);
    fmt::print(file_.get(), "{:x} {:x} {}\n", reinterpret_cast<uintptr_t>(code), size, name);
}

} // namespace beeline::translate
