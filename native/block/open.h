// From a file's name to a disk.
#pragma once

#include "block/disk.h"
#include "block/file.h"
#include "block/format.h"

#include <memory>
#include <optional>
#include <string>

namespace beeline::block {

struct DriveConfig {
    std::string path;
    std::optional<Format> format; ///< None: as the file's first bytes say.
    bool read_only = false;
    bool snapshot = false;            ///< Writes go to a throw-away overlay.
    std::string at;                   ///< A snapshot inside a qcow2 file, by name or id, whose state to show.
    std::string serial;               ///< Up to 20 characters that the guest can ask for.
    std::optional<EngineKind> engine; ///< None: io_uring, or threads where the host refuses it.
};

/// nullptr: `failure` says why.
std::unique_ptr<Disk> open_disk(const DriveConfig& config, OpenFailure& failure);

} // namespace beeline::block
