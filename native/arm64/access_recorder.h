// Sees what a vCPU's slow path does to memory: for checking one way of executing guest code against another.
#pragma once

#include <cstddef>
#include <cstdint>

namespace beeline::arm64 {

class AccessRecorder {
public:
    virtual ~AccessRecorder() = default;
    /// `size` bytes at `host` are about to be written, or may be.
    virtual void before_write(uint8_t* host, size_t size) = 0;
};

} // namespace beeline::arm64
