// The file by which Linux perf names code that it finds in no object: /tmp/perf-PID.map, a line a piece of code.
#pragma once

#include <cstddef>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace beeline::translate {

class PerfMap {
public:
    static std::string path_of_this_process();
    /// Replaces what an earlier process of the same number left. nullptr: errno says why.
    static std::unique_ptr<PerfMap> create(const std::string& path);

    /// From any thread. Of pieces that overlap, because code made room for other code, the last one counts.
    void add(const void* code, size_t size, std::string_view name);

private:
    struct Close {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };
    explicit PerfMap(std::FILE* file) : file_(file) {}

    std::mutex mutex_;
    std::unique_ptr<std::FILE, Close> file_;
};

} // namespace beeline::translate
