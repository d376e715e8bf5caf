// What a kernel file is, where it wants to be, and how it gets there.
#pragma once

#include "board/error.h"
#include "board/guest_memory.h"
#include "board/image_file.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace beeline::board {

/// A range of guest-physical addresses in use, and by what, for messages.
struct Placed {
    uint64_t start;
    uint64_t end;
    std::string option;
};

struct LoadedKernel {
    uint64_t entry = 0;
    bool linux_image = false; ///< Follows Linux's arm64 boot protocol, rather than being an ELF that stands by itself.
    std::vector<Placed> placed;

    uint64_t start() const;
    uint64_t end() const;
};

/// What the first bytes of a file say that it is; empty when unknown. For messages such as "it is an x86 kernel".
std::string_view recognise(const std::vector<uint8_t>& head);
/// The bytes that recognise() looks at.
inline constexpr uint64_t kHeadBytes = 0x240;

/// Loads an arm64 Image, raw or compressed with gzip, an EFI zboot image, or an ELF64 for AArch64 into RAM.
/// Errors: _FILE_MISSING, _FILE_UNREADABLE, _FILE_KIND, _FILE_TOO_BIG, _OPTION_VALUE.
Result<LoadedKernel> load_kernel(const std::string& path, GuestMemory& memory);

} // namespace beeline::board
