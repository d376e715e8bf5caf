// A file that output is appended to.
#pragma once

#include "stream/open.h"

namespace beeline::stream {

class FileStream final : public Stream {
public:
    static std::unique_ptr<FileStream> open(const std::string& path, bool truncate, StreamFailure& failure);
    ~FileStream() override;

    unsigned connection() const override { return 1; }
    bool has_reader() const override { return true; }
    int prepare(std::vector<pollfd>& descriptors, bool reading, bool writing) override;
    void serve(std::span<const pollfd>) override {}
    size_t read(std::span<const iovec>) override { return 0; }
    size_t write(std::span<const iovec> buffers) override;

private:
    explicit FileStream(int fd) : fd_(fd) {}
    const int fd_;
};

} // namespace beeline::stream
