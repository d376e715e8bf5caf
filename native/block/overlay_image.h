// A throw-away layer over another image: writes go to a temporary file, and with it.
#pragma once

#include "block/file.h"
#include "block/image.h"

#include <memory>
#include <vector>

namespace beeline::block {

class OverlayImage final : public Image {
public:
    OverlayImage(std::unique_ptr<Image> base, File file)
        : base_(std::move(base)), file_(std::move(file)), present_((base_->size() + kCluster - 1) / kCluster) {}

    uint64_t size() const override { return base_->size(); }
    Format format() const override { return base_->format(); }
    Extent map(uint64_t offset, uint64_t length, bool write) override;
    int read(uint64_t offset, Buffers buffers) override;
    int write(uint64_t offset, Buffers buffers) override;
    int write_zeroes(uint64_t offset, uint64_t length, bool unmap) override;
    int discard(uint64_t, uint64_t) override { return 0; }
    /// Nothing of it has to outlive the process.
    int flush_descriptor() const override { return -1; }
    int settle() override { return 0; }
    void append_files(std::vector<int>& descriptors) const override { base_->append_files(descriptors); }
    OverlayImage* overlay() override { return this; }

    // ---- for snapshots --------------------------------------------------------------------------------------------
    /// What is in the layer: clusters of kCluster bytes, and their file.
    static constexpr uint64_t kCluster = 16384; ///< What is copied at a time.
    const std::vector<bool>& present() const { return present_; }
    int descriptor() const { return file_.descriptor(); }
    /// Another layer in its place; as many clusters.
    void replace(File file, std::vector<bool> present) {
        file_ = std::move(file);
        present_ = std::move(present);
    }

private:
    int take(uint64_t cluster);

    std::unique_ptr<Image> base_;
    File file_;
    std::vector<bool> present_; ///< Clusters that are in the file.
};

} // namespace beeline::block
