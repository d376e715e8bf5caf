// What is at the other end of a port of the guest's console device: bytes both ways.
#pragma once

#include <cstddef>
#include <poll.h>
#include <span>
#include <sys/uio.h>
#include <vector>

namespace beeline::stream {

/// One thread uses it. Nothing in it blocks for longer than a disk takes.
class Stream {
public:
    virtual ~Stream() = default;

    /// Who is there: 0 for nobody, else a number that changes when somebody else is.
    virtual unsigned connection() const = 0;
    /// Whether somebody is there to read what is written.
    virtual bool has_reader() const = 0;
    /// Before a sleep: adds descriptors to wait for, with `reading` for input, with `writing` for room for output;
    /// returns milliseconds to sleep at most, or -1.
    virtual int prepare(std::vector<pollfd>& descriptors, bool reading, bool writing) = 0;
    /// After it, with those descriptors.
    virtual void serve(std::span<const pollfd> polled) = 0;
    /// Returns how many bytes came. 0: none for now.
    virtual size_t read(std::span<const iovec> buffers) = 0;
    /// The machine has ended: nobody need look for it any more.
    virtual void end() {}
    /// Returns how many bytes were taken. 0: there is no room for now, or nobody there.
    virtual size_t write(std::span<const iovec> buffers) = 0;
};

} // namespace beeline::stream
