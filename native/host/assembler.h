// The x86-64 assembler (Xbyak), set up for code that is written through one mapping and executed through another.
#pragma once

#define XBYAK_NO_EXCEPTION
#include <xbyak/xbyak.h>

#include <cstddef>
#include <cstdint>

namespace beeline::host {

/// Writes into a buffer that the code cache owns. Addresses are those of the writable mapping; since code refers to
/// code by distance only, it runs unchanged in the executable one.
class Assembler : public Xbyak::CodeGenerator {
public:
    Assembler(uint8_t* buffer, size_t size) : CodeGenerator(size, buffer) {}

    /// Goes on at `offset` in the buffer, with no labels defined.
    void restart_at(size_t offset) {
        reset();
        setSize(offset);
    }
};

} // namespace beeline::host
