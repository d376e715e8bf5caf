// A guest's disk: an image, and the engine that does its I/O. Whoever emulates the controller owns it, in one thread.
#pragma once

#include "block/image.h"
#include "block/io_engine.h"

#include <atomic>
#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace beeline::block {

/// What the guest wants done. Ranges lie within the disk.
struct Request {
    enum class Kind : uint8_t { Read, Write, Flush, Discard, WriteZeroes };
    Kind kind = Kind::Read;
    uint64_t offset = 0;
    uint64_t length = 0;
    std::vector<iovec> buffers; ///< Of a read or write, `length` bytes.
    bool unmap = false;         ///< Of WriteZeroes.
    int error = 0;              ///< errno, once done.

private:
    friend class Disk;
    std::deque<Operation> operations_;
    unsigned pending_ = 0;
};

/// What a disk has done, for whoever asks.
struct DiskCounters {
    uint64_t reads = 0, read_bytes = 0;
    uint64_t writes = 0, written_bytes = 0;
    uint64_t flushes = 0;
    uint64_t discards = 0, discarded_bytes = 0; ///< With those that write zeroes.
    uint64_t failures = 0;
};

class Disk {
public:
    Disk(std::unique_ptr<Image> image, std::unique_ptr<IoEngine> engine, std::string path, bool read_only)
        : image_(std::move(image)), engine_(std::move(engine)), path_(std::move(path)), read_only_(read_only) {}

    uint64_t size() const { return image_->size(); }
    bool read_only() const { return read_only_; }
    const std::string& path() const { return path_; }
    Format format() const { return image_->format(); }
    /// From any thread.
    DiskCounters counters() const;

    /// For whoever knows that nothing is in flight.
    Image& image() { return *image_; }

    /// Starts a request; wait() returns it. It has to stay where it is until then.
    void submit(Request& request);
    /// Sleeps until a request is done or somebody has called wake(); appends what is done.
    void wait(std::vector<Request*>& done);
    /// From any thread.
    void wake() { engine_->wake(); }
    /// Requests that wait() has not returned yet.
    unsigned in_flight() const { return in_flight_; }

private:
    void transfer(Request& request);
    /// Until the engine is idle: for what may move data that an operation is at.
    void drain();
    void collect();
    void count(const Request& request);
    bool read_at_once(const Extent& extent, Buffers buffers) const;

    std::unique_ptr<Image> image_;
    std::unique_ptr<IoEngine> engine_;
    std::string path_;
    bool read_only_;
    unsigned in_flight_ = 0;
    unsigned operations_ = 0; ///< That the engine has.
    std::vector<Operation*> completed_;
    std::vector<Request*> finished_;

    struct Count {
        std::atomic<uint64_t> requests{0}, bytes{0};
    };
    Count reads_, writes_, flushes_, discards_, failures_;
};

} // namespace beeline::block
