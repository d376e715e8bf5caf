// What a guest's process gives up for good, so that whoever breaks out of the emulator finds himself nowhere.
//
//   confine()   before the process begins its work: paths by Landlock, capabilities, new privileges, resource limits.
//   These
//               belong to a thread, hence the program is executed anew with them and starts its threads below them.
//   filter()    once files are open and sockets listen: system calls by seccomp, for all threads at once.
#pragma once

#include <string>
#include <vector>

namespace beeline::host {

/// A file, or a folder with all in it.
struct AllowedPath {
    enum class Access : uint8_t {
        Read,    ///< Reading, and looking into folders.
        Execute, ///< Also executing: the program itself.
        Write,   ///< Also writing to what is there: drives, devices.
        Listen,  ///< A folder to make sockets in, and to remove them.
        Share,   ///< A folder that the guest does with what it likes.
        Own,     ///< A folder to make, change and remove files and sockets in.
    };
    std::string path;
    Access access = Access::Read;
};

/// Leaves the calling thread no access to other paths; those that do not exist are passed over. Undone by nothing but
/// the end of the process. 0, or errno: ENOSYS or EOPNOTSUPP when the kernel has no Landlock.
[[nodiscard]] int confine(const std::vector<AllowedPath>& paths);

/// Replaces this process; descriptors 0 to `last_descriptor` are handed on. Returns errno when that fails.
[[nodiscard]] int execute(const std::vector<std::string>& words, int last_descriptor);

struct FilterOptions {
    /// Sockets of the Internet may be made: for networks in user mode.
    bool internet = false;
};

/// From now on no thread starts a program or process, makes other sockets, traces, mounts, or changes the kernel; what
/// is refused fails with EPERM. 0, or errno.
[[nodiscard]] int filter_system_calls(const FilterOptions& options);

} // namespace beeline::host
