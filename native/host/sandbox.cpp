#include "host/sandbox.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <memory>
#include <sched.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace beeline::host {

namespace {

using Access = AllowedPath::Access;

// Rights and fields that a header of an older kernel lacks (Documentation/userspace-api/landlock.rst).
constexpr uint64_t kRefer = uint64_t{1} << 13, kTruncate = uint64_t{1} << 14, kDeviceControl = uint64_t{1} << 15;
constexpr uint64_t kScopeAbstractSocket = 1, kScopeSignal = 2;
constexpr int kAbiRefer = 2, kAbiTruncate = 3, kAbiDeviceControl = 5, kAbiScopes = 6;

struct RulesetAttributes {
    uint64_t handled_access_fs, handled_access_net, scoped;
};

constexpr uint64_t kReading = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr uint64_t kWriting = LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate | kDeviceControl;
constexpr uint64_t kOwning = LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_SOCK |
                             LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR;
/// What makes sense for a file that is no folder.
constexpr uint64_t kOfFiles = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_EXECUTE | kWriting;

constexpr uint64_t rights_of(Access access) {
    switch (access) {
    case Access::Read: return kReading;
    case Access::Execute: return kReading | LANDLOCK_ACCESS_FS_EXECUTE;
    case Access::Write: return kReading | kWriting;
    case Access::Listen: return LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_FILE;
    case Access::Share:
        return kReading | kWriting | kOwning | LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_MAKE_FIFO | kRefer;
    case Access::Own: return kReading | kWriting | kOwning;
    }
    return 0;
}

/// Everything that the kernel can refuse; what is in no rule is refused everywhere.
uint64_t all_rights(int abi) {
    uint64_t rights = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
    if (abi >= kAbiRefer) rights |= kRefer;
    if (abi >= kAbiTruncate) rights |= kTruncate;
    if (abi >= kAbiDeviceControl) rights |= kDeviceControl;
    return rights;
}

class Descriptor {
public:
    explicit Descriptor(int value) : value_(value) {}
    ~Descriptor() {
        if (value_ >= 0) close(value_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return value_; }

private:
    int value_;
};

int allow(int ruleset, const AllowedPath& allowed, uint64_t handled) {
    const Descriptor place(open(allowed.path.c_str(), O_PATH | O_CLOEXEC));
    if (place.get() < 0) return errno == ENOENT || errno == ENOTDIR ? 0 : errno;
    struct stat status {};
    if (fstat(place.get(), &status) != 0) return errno;
    uint64_t rights = rights_of(allowed.access) & handled;
    if (!S_ISDIR(status.st_mode)) rights &= kOfFiles;
    const landlock_path_beneath_attr rule{.allowed_access = rights, .parent_fd = place.get()};
    return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0 ? 0 : errno;
}

int restrict_paths(const std::vector<AllowedPath>& paths) {
    const long abi = syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 0) return errno;
    const int version = static_cast<int>(std::min<long>(abi, INT32_MAX));
    RulesetAttributes attributes{all_rights(version), 0, 0};
    size_t size = sizeof attributes.handled_access_fs;
    if (version >= kAbiScopes) {
        attributes.scoped = kScopeAbstractSocket | kScopeSignal;
        size = sizeof attributes;
    }
    const Descriptor ruleset(static_cast<int>(syscall(SYS_landlock_create_ruleset, &attributes, size, 0)));
    if (ruleset.get() < 0) return errno;
    for (const AllowedPath& path : paths)
        if (const int error = allow(ruleset.get(), path, attributes.handled_access_fs); error != 0) return error;
    return syscall(SYS_landlock_restrict_self, ruleset.get(), 0) == 0 ? 0 : errno;
}

int drop_capabilities() {
    // Those that cannot be dropped are not there: the process is no administrator's.
    for (unsigned long capability = 0; capability <= 63; capability++) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
    return syscall(SYS_capset, &header, none) == 0 ? 0 : errno;
}

int limit(__rlimit_resource resource, rlim_t value) {
    rlimit now{};
    if (getrlimit(resource, &now) != 0) return errno;
    const rlim_t bounded = std::min(value, now.rlim_max);
    const rlimit wanted{.rlim_cur = bounded, .rlim_max = bounded};
    return setrlimit(resource, &wanted) == 0 ? 0 : errno;
}

// ---- system calls ---------------------------------------------------------------------------------------------------

using Filter = std::unique_ptr<void, decltype(&seccomp_release)>;

/// Those that no guest's process has a use for once it runs.
constexpr const char* kRefused[] = {
    // programs and processes; threads are clone() with CLONE_THREAD
    "execve",
    "execveat",
    "fork",
    "vfork",
    // others' memory, descriptors and signals
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "process_madvise",
    "process_mrelease",
    "kcmp",
    "pidfd_open",
    "pidfd_getfd",
    "pidfd_send_signal",
    "rt_sigqueueinfo",
    "rt_tgsigqueueinfo",
    "tkill",
    "migrate_pages",
    "move_pages",
    // name spaces, roots and file systems
    "unshare",
    "setns",
    "chroot",
    "pivot_root",
    "mount",
    "umount2",
    "move_mount",
    "open_tree",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "mount_setattr",
    "mknod",
    "mknodat",
    "name_to_handle_at",
    "open_by_handle_at",
    "quotactl",
    "quotactl_fd",
    "swapon",
    "swapoff",
    "fanotify_init",
    // the kernel itself
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "io_uring_setup",
    "init_module",
    "finit_module",
    "delete_module",
    "kexec_load",
    "kexec_file_load",
    "reboot",
    "syslog",
    "acct",
    "add_key",
    "keyctl",
    "request_key",
    "iopl",
    "ioperm",
    "modify_ldt",
    "personality",
    "vhangup",
    "sethostname",
    "setdomainname",
    "settimeofday",
    "clock_settime",
    "adjtimex",
    "clock_adjtime",
    // identities
    "setuid",
    "setgid",
    "setreuid",
    "setregid",
    "setresuid",
    "setresgid",
    "setfsuid",
    "setfsgid",
    "setgroups",
    "capset",
    "setsid",
    "setpgid",
    "memfd_secret",
};

int refuse(scmp_filter_ctx filter, const char* name, std::initializer_list<scmp_arg_cmp> when = {},
           uint32_t action = SCMP_ACT_ERRNO(EPERM)) {
    const int number = seccomp_syscall_resolve_name(name);
    // A call that the library does not know yet.
    if (number == __NR_SCMP_ERROR) return 0;
    return -seccomp_rule_add_array(filter, action, number, static_cast<unsigned>(when.size()), std::data(when));
}

int add_rules(scmp_filter_ctx filter, const FilterOptions& options) {
    for (const char* name : kRefused)
        if (const int error = refuse(filter, name); error != 0) return error;
    // Flags of clone3() are in memory, where a filter cannot look; glibc then takes clone().
    if (const int error = refuse(filter, "clone3", {}, SCMP_ACT_ERRNO(ENOSYS)); error != 0) return error;
    if (const int error = refuse(filter, "clone", {SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0)}); error != 0)
        return error;
    const auto self = static_cast<scmp_datum_t>(getpid());
    for (const char* name : {"kill", "tgkill"})
        if (const int error = refuse(filter, name, {SCMP_A0(SCMP_CMP_NE, self)}); error != 0) return error;
    if (const int error = refuse(filter, "socketpair"); error != 0) return error;
    if (!options.internet) return refuse(filter, "socket");
    for (scmp_datum_t family = 0; family < AF_MAX; family++)
        if (family != AF_INET && family != AF_INET6)
            if (const int error = refuse(filter, "socket", {SCMP_A0(SCMP_CMP_EQ, family)}); error != 0) return error;
    return refuse(filter, "socket", {SCMP_A0(SCMP_CMP_GE, AF_MAX)});
}

} // namespace

int confine(const std::vector<AllowedPath>& paths) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
    if (const int error = restrict_paths(paths); error != 0) return error;
    if (const int error = limit(RLIMIT_CORE, 0); error != 0) return error;
    constexpr rlim_t kMostDescriptors = 8192;
    if (const int error = limit(RLIMIT_NOFILE, kMostDescriptors); error != 0) return error;
    return drop_capabilities();
}

int execute(const std::vector<std::string>& words, int last_descriptor) {
    if (words.empty()) return EINVAL;
    for (int descriptor = 0; descriptor <= last_descriptor; descriptor++) fcntl(descriptor, F_SETFD, 0);
    std::vector<char*> pointers;
    for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
    pointers.push_back(nullptr);
    execv(pointers[0], pointers.data());
    return errno;
}

int filter_system_calls(const FilterOptions& options) {
    const Filter filter(seccomp_init(SCMP_ACT_ALLOW), seccomp_release);
    if (filter == nullptr) return ENOMEM;
    if (const int error = add_rules(filter.get(), options); error != 0) return error;
    if (const int error = seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1); error != 0) return -error;
    return -seccomp_load(filter.get());
}

} // namespace beeline::host
