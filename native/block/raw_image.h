// The raw format: the file is the disk.
#pragma once

#include "block/file.h"
#include "block/image.h"

namespace beeline::block {

class RawImage final : public Image {
public:
    /// `guard_format`: the guest may not make the file look like another format, as which the next start would take it.
    RawImage(File file, uint64_t size, bool guard_format)
        : file_(std::move(file)), size_(size), guarded_(guard_format) {}

    uint64_t size() const override { return size_; }
    Extent map(uint64_t offset, uint64_t length, bool write) override;
    int read(uint64_t offset, Buffers buffers) override { return read_file(file_.descriptor(), offset, buffers); }
    int write(uint64_t offset, Buffers buffers) override;
    int write_zeroes(uint64_t offset, uint64_t length, bool unmap) override {
        return zero_file(file_.descriptor(), offset, length, unmap);
    }
    int discard(uint64_t offset, uint64_t length) override;
    int settle() override;
    void append_files(std::vector<int>& descriptors) const override { descriptors.push_back(file_.descriptor()); }
    int flush_descriptor() const override { return file_.descriptor(); }

private:
    File file_;
    uint64_t size_;
    bool guarded_;
};

} // namespace beeline::block
