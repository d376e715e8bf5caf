// What of a machine goes into the file of a snapshot, and how it comes out of it again: all of it or nothing.
#pragma once

#include "board/board.h"
#include "board/boot.h"
#include "board/error.h"
#include "board/flash_file.h"
#include "board/guest_memory.h"
#include "board/machine.h"

#include <string>

namespace beeline::board {

/// A machine whose CPUs, clock and devices stand still.
struct SnapshotSubject {
    const MachineConfig& config;
    Board& board;
    GuestMemory& memory;
    const FlashFile* firmware_vars; ///< nullptr: there is none.
    Boot& boot;
};

/// `description` is for whoever makes a machine for the file, which has to be like this one. Errors:
/// BEELINE_E_SNAPSHOT, _FILE_UNWRITABLE.
Status save_snapshot(const std::string& path, const std::string& description, SnapshotSubject subject);

/// Puts the saved machine in the place of this one, which stays as it is when there is an error. `fresh`: nothing has
/// run yet, and a machine that is refused will not be used. Errors: BEELINE_E_SNAPSHOT, _FILE_MISSING,
/// _FILE_UNREADABLE, _MEMORY, _CPUS, _OPTION_VALUE.
Status load_snapshot(const std::string& path, SnapshotSubject subject, bool fresh);

/// What was given for `description`.
Result<std::string> snapshot_description(const std::string& path);

} // namespace beeline::board
