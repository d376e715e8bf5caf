// The file behind a flash device: firmware keeps its variables there from one run to the next.
#pragma once

#include "block/file.h"
#include "board/error.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace beeline::board {

class FlashFile {
public:
    /// Opens and locks a file of CfiFlash::kSize bytes; a missing one is created, erased, in one step. `option` is
    /// for messages. Errors: BEELINE_E_FILE_UNREADABLE, _FILE_UNWRITABLE, _FILE_KIND for another size, _OPTION_VALUE
    /// when another machine has it.
    static Result<std::unique_ptr<FlashFile>> open(const std::string& option, const std::string& path);

    /// All of it, CfiFlash::kSize bytes.
    Status read(uint8_t* destination) const;
    /// False: the host refused; what was written of `bytes` stays.
    bool write(uint64_t offset, std::span<const uint8_t> bytes);

    int descriptor() const { return file_.descriptor(); }

private:
    FlashFile(std::string option, std::string path, block::File file)
        : option_(std::move(option)), path_(std::move(path)), file_(std::move(file)) {}

    std::string option_, path_;
    block::File file_;
};

} // namespace beeline::board
