// Reads, writes and syncs of files that go on while their owner does something else.
#pragma once

#include "block/image.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace beeline::block {

/// One transfer, whole: engines continue partial ones. Reads beyond the file's end give 0.
struct Operation {
    enum class Kind : uint8_t { Read, Write, Sync };
    Kind kind = Kind::Read;
    int fd = -1;
    uint64_t offset = 0;
    std::vector<iovec> buffers;
    uint64_t length = 0; ///< Of the buffers.
    int error = 0;       ///< errno, once done.
    void* owner = nullptr;
};

enum class EngineKind : uint8_t { IoUring, Threads };

/// One thread owns an engine; only wake() is for others too.
class IoEngine {
public:
    virtual ~IoEngine() = default;
    virtual EngineKind kind() const = 0;
    /// The operation has to stay where it is until wait() returns it.
    virtual void submit(Operation& operation) = 0;
    /// Appends what is done. With `sleep`, after sleeping until something is, or somebody has called wake(), or for no
    /// reason at all.
    virtual void wait(std::vector<Operation*>& done, bool sleep) = 0;
    virtual void wake() = 0;
};

/// nullptr: the host refuses.
std::unique_ptr<IoEngine> make_uring_engine();
std::unique_ptr<IoEngine> make_thread_engine();

} // namespace beeline::block
