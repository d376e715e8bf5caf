#include "share/p9_server.h"

#include <algorithm>
#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>

namespace beeline::share {

namespace {

// Types of requests; the answer's is one more.
enum class Request : uint8_t {
    StatFileSystem = 8,
    Open = 12,
    Create = 14,
    SymbolicLink = 16,
    MakeNode = 18,
    Rename = 20,
    ReadLink = 22,
    GetAttributes = 24,
    SetAttributes = 26,
    WalkAttributes = 30,
    CreateAttribute = 32,
    ReadFolder = 40,
    Sync = 50,
    Lock = 52,
    GetLock = 54,
    Link = 70,
    MakeFolder = 72,
    RenameAt = 74,
    UnlinkAt = 76,
    Version = 100,
    Authenticate = 102,
    Attach = 104,
    Flush = 108,
    Walk = 110,
    Read = 116,
    Write = 118,
    Clunk = 120,
    Remove = 122,
};
constexpr uint8_t kError = 7;

constexpr uint32_t kSmallestMessage = 4096;
constexpr uint32_t kNoFid = ~0u;
constexpr unsigned kMostNames = 16;
constexpr uint8_t kFolder = 0x80, kSymbolicLink = 0x02;
constexpr uint64_t kBasicAttributes = 0x7FF;
// Tsetattr
constexpr uint32_t kSetMode = 1, kSetUser = 2, kSetGroup = 4, kSetSize = 8, kSetAccessTime = 0x10,
                   kSetChangeTime = 0x20, kAccessTimeGiven = 0x80, kChangeTimeGiven = 0x100;
constexpr uint32_t kUnlinkFolder = 0x200;
// Tlock, Tgetlock
constexpr uint8_t kLockGranted = 0, kUnlocked = 2;

constexpr bool writes(uint32_t flags) { return (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0; }

/// A quarter of what this process may open, at two descriptors each.
size_t fids_for_host() {
    struct rlimit limit {};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 64;
    return std::min<uint64_t>(P9Server::kMostFids, limit.rlim_cur / 8);
}

/// struct linux_dirent64, which the system call fills in.
struct EntryHeader {
    uint64_t inode;
    int64_t next;
    uint16_t length;
    uint8_t type;
} __attribute__((packed));
static_assert(sizeof(EntryHeader) == 19);

} // namespace

P9Server::P9Server(std::unique_ptr<Directory> directory)
    : directory_(std::move(directory)), most_fids_(fids_for_host()) {}

// ---- Messages -----------------------------------------------------------------------------------------------------

/// `changes`: a directory that is only read refuses it.
P9Server::Handler P9Server::handler(uint8_t type, bool& changes) {
    struct Row {
        Request request;
        Handler handler;
        bool changes = false;
    };
    static constexpr Row kRows[] = {
        {Request::StatFileSystem, &P9Server::stat_file_system},
        {Request::Open, &P9Server::open},
        {Request::Create, &P9Server::create, true},
        {Request::SymbolicLink, &P9Server::make_symbolic_link, true},
        {Request::MakeNode, &P9Server::make_node, true},
        // Drivers that are told so use RenameAt and UnlinkAt, which name a folder.
        {Request::Rename, &P9Server::unsupported},
        {Request::ReadLink, &P9Server::read_link},
        {Request::GetAttributes, &P9Server::get_attributes},
        {Request::SetAttributes, &P9Server::set_attributes, true},
        {Request::WalkAttributes, &P9Server::unsupported},
        {Request::CreateAttribute, &P9Server::unsupported},
        {Request::ReadFolder, &P9Server::read_folder},
        {Request::Sync, &P9Server::sync},
        {Request::Lock, &P9Server::lock},
        {Request::GetLock, &P9Server::get_lock},
        {Request::Link, &P9Server::make_link, true},
        {Request::MakeFolder, &P9Server::make_folder, true},
        {Request::RenameAt, &P9Server::rename_at, true},
        {Request::UnlinkAt, &P9Server::unlink_at, true},
        {Request::Version, &P9Server::version},
        {Request::Authenticate, &P9Server::unsupported},
        {Request::Attach, &P9Server::attach},
        {Request::Flush, &P9Server::flush},
        {Request::Walk, &P9Server::walk},
        {Request::Read, &P9Server::read},
        {Request::Write, &P9Server::write, true},
        {Request::Clunk, &P9Server::clunk},
        {Request::Remove, &P9Server::remove},
    };
    const auto* row = std::ranges::find(kRows, static_cast<Request>(type), &Row::request);
    if (row == std::end(kRows)) return &P9Server::unsupported;
    changes = row->changes;
    return row->handler;
}

std::span<const uint8_t> P9Server::answer(std::span<const uint8_t> request, size_t room) {
    room_ = std::min<size_t>(room, message_size_);
    MessageReader in(request);
    const uint32_t size = in.u32();
    const uint8_t type = in.u8();
    const uint16_t tag = in.u16();
    int error = EPROTO;
    if (in.ok() && size == request.size() && size <= kLargestMessage) {
        bool changes = false;
        const Handler handle = handler(type, changes);
        out_.begin(static_cast<uint8_t>(type + 1), tag);
        error = changes && directory_->read_only() ? EROFS : (this->*handle)(in);
        if (error == 0 && out_.size() > room_) error = EMSGSIZE;
    }
    if (error != 0) {
        out_.begin(kError, tag);
        out_.u32(static_cast<uint32_t>(error));
    }
    return out_.finish();
}

void P9Server::reset() {
    fids_.clear();
    message_size_ = 8192;
}

size_t P9Server::room_left() const { return room_ - std::min(room_, out_.size()); }

int P9Server::version(MessageReader& in) {
    const uint32_t size = in.u32();
    const std::string name = in.string();
    if (!in.ok()) return EPROTO;
    if (size < kSmallestMessage) return EMSGSIZE;
    fids_.clear();
    message_size_ = std::min(size, kLargestMessage);
    out_.u32(message_size_);
    out_.string(name == "9P2000.L" ? name : "unknown");
    return 0;
}

int P9Server::unsupported(MessageReader&) { return EOPNOTSUPP; }

/// One request is done after the other: what is to be flushed is done.
int P9Server::flush(MessageReader&) { return 0; }

// ---- Fids and qids --------------------------------------------------------------------------------------------------

P9Server::Fid* P9Server::fid(uint32_t number) {
    const auto found = fids_.find(number);
    return found == fids_.end() ? nullptr : &found->second;
}

int P9Server::add_fid(uint32_t number, Descriptor object) {
    if (number == kNoFid || fids_.contains(number)) return EBADF;
    if (fids_.size() == most_fids_) return ENFILE;
    fids_[number].object = std::move(object);
    return 0;
}

/// Inodes of another file system than the directory's get other numbers.
uint64_t P9Server::path_of(uint64_t device, uint64_t inode) const {
    struct stat root {};
    if (fstat(directory_->root().get(), &root) != 0 || device == root.st_dev) return inode;
    return inode ^ device << 40;
}

int P9Server::qid_of(int object, Qid& qid) const {
    struct stat status {};
    if (fstat(object, &status) != 0) return errno;
    qid.type = S_ISDIR(status.st_mode) ? kFolder : S_ISLNK(status.st_mode) ? kSymbolicLink : 0;
    qid.version = static_cast<uint32_t>(status.st_mtim.tv_sec ^ status.st_mtim.tv_nsec ^ status.st_size << 8);
    qid.path = path_of(status.st_dev, status.st_ino);
    return 0;
}

void P9Server::put_qid(const Qid& qid) {
    out_.u8(qid.type);
    out_.u32(qid.version);
    out_.u64(qid.path);
}

int P9Server::put_qid_of(int folder, const std::string& name) {
    Descriptor object;
    Qid qid{};
    int error = directory_->look_up(folder, name, object);
    if (error == 0) error = qid_of(object.get(), qid);
    if (error == 0) put_qid(qid);
    return error;
}

int P9Server::attach(MessageReader& in) {
    const uint32_t number = in.u32(), authentication = in.u32();
    in.string(); // Who it is: this directory has one kind of user.
    const std::string tree = in.string();
    in.u32();
    if (!in.ok()) return EPROTO;
    if (authentication != kNoFid) return EBADF;
    if (!tree.empty() && tree != "/") return ENOENT;
    Descriptor object;
    Qid qid{};
    int error = directory_->duplicate(directory_->root().get(), object);
    if (error == 0) error = qid_of(object.get(), qid);
    if (error == 0) error = add_fid(number, std::move(object));
    if (error == 0) put_qid(qid);
    return error;
}

int P9Server::walk(MessageReader& in) {
    Fid* from = fid(in.u32());
    const uint32_t number = in.u32();
    const unsigned names = in.u16();
    if (!in.ok() || names > kMostNames) return EPROTO;
    if (from == nullptr) return EBADF;
    Descriptor object;
    if (const int error = directory_->duplicate(from->object.get(), object); error != 0) return error;
    const size_t count_at = out_.size();
    out_.u16(0);
    unsigned done = 0;
    for (; done < names; done++) {
        const std::string name = in.string();
        Descriptor next;
        Qid qid{};
        int error = in.ok() ? directory_->look_up(object.get(), name, next) : EPROTO;
        if (error == 0) error = qid_of(next.get(), qid);
        // Those before it are told of; only the first one's error is.
        if (error != 0 && done == 0) return error;
        if (error != 0) break;
        put_qid(qid);
        object = std::move(next);
    }
    out_.put(count_at, static_cast<uint16_t>(done));
    if (done != names) return 0;
    if (Fid* same = fid(number); same != nullptr && same == from && !from->opened) {
        from->object = std::move(object);
        return 0;
    }
    return add_fid(number, std::move(object));
}

int P9Server::clunk(MessageReader& in) {
    const uint32_t number = in.u32();
    return in.ok() && fids_.erase(number) == 1 ? 0 : EBADF;
}

/// Ends the fid whatever becomes of the file.
int P9Server::remove(MessageReader& in) {
    const int error = clunk(in);
    return error == 0 ? EOPNOTSUPP : error;
}

// ---- Files
// ------------------------------------------------------------------------------------------------------------

int P9Server::open(MessageReader& in) {
    Fid* file = fid(in.u32());
    const uint32_t flags = in.u32();
    if (!in.ok()) return EPROTO;
    if (file == nullptr || file->opened) return EBADF;
    if (directory_->read_only() && writes(flags)) return EROFS;
    Descriptor opened;
    Qid qid{};
    int error = directory_->open_object(file->object.get(), static_cast<int>(flags), opened);
    if (error == 0) error = qid_of(opened.get(), qid);
    if (error != 0) return error;
    file->opened = std::move(opened);
    put_qid(qid);
    out_.u32(0); // No unit of its own: as large as messages are.
    return 0;
}

/// The folder's fid becomes that of the open file.
int P9Server::create(MessageReader& in) {
    Fid* folder = fid(in.u32());
    const std::string name = in.string();
    const uint32_t flags = in.u32(), mode = in.u32();
    in.u32(); // Its group is that of all files that are made here.
    if (!in.ok()) return EPROTO;
    if (folder == nullptr || folder->opened) return EBADF;
    Descriptor opened, object;
    Qid qid{};
    int error = directory_->create(folder->object.get(), name, static_cast<int>(flags), mode, opened);
    if (error == 0) error = directory_->duplicate(opened.get(), object);
    if (error == 0) error = qid_of(opened.get(), qid);
    if (error != 0) return error;
    folder->object = std::move(object);
    folder->opened = std::move(opened);
    put_qid(qid);
    out_.u32(0);
    return 0;
}

int P9Server::read(MessageReader& in) {
    const Fid* file = fid(in.u32());
    const uint64_t offset = in.u64();
    const uint32_t wanted = in.u32();
    if (!in.ok()) return EPROTO;
    if (file == nullptr || !file->opened) return EBADF;
    if (offset > INT64_MAX) return EINVAL;
    const size_t count_at = out_.size();
    out_.u32(0);
    const size_t count = std::min<size_t>(wanted, room_left());
    const ssize_t got = pread(file->opened.get(), out_.room(count), count, static_cast<off_t>(offset));
    if (got < 0) return errno;
    out_.put(count_at, static_cast<uint32_t>(got));
    out_.shorten(count_at + 4 + static_cast<size_t>(got));
    return 0;
}

int P9Server::write(MessageReader& in) {
    const Fid* file = fid(in.u32());
    const uint64_t offset = in.u64();
    const std::span<const uint8_t> bytes = in.take(in.u32());
    if (!in.ok()) return EPROTO;
    if (file == nullptr || !file->opened) return EBADF;
    if (offset > INT64_MAX) return EINVAL;
    const ssize_t written = pwrite(file->opened.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0) return errno;
    out_.u32(static_cast<uint32_t>(written));
    return 0;
}

int P9Server::sync(MessageReader& in) {
    const Fid* file = fid(in.u32());
    const bool data_only = in.u32() != 0;
    if (!in.ok()) return EPROTO;
    if (file == nullptr || !file->opened) return EBADF;
    return (data_only ? fdatasync(file->opened.get()) : fsync(file->opened.get())) == 0 ? 0 : errno;
}

// ---- Folders
// ----------------------------------------------------------------------------------------------------------

int P9Server::read_folder(MessageReader& in) {
    constexpr size_t kFixedBytes = 13 + 8 + 1 + 2;
    Fid* folder = fid(in.u32());
    const uint64_t offset = in.u64();
    const uint32_t wanted = in.u32();
    if (!in.ok()) return EPROTO;
    if (folder == nullptr || !folder->opened) return EBADF;
    struct stat own {
    }, root{};
    if (fstat(folder->opened.get(), &own) != 0 || fstat(directory_->root().get(), &root) != 0) return errno;
    if (!S_ISDIR(own.st_mode)) return ENOTDIR;
    if (lseek(folder->opened.get(), static_cast<off_t>(offset), SEEK_SET) < 0) return errno;

    const size_t count_at = out_.size();
    out_.u32(0);
    const size_t most = out_.size() + std::min<size_t>(wanted, room_left());
    entries_.resize(std::min<size_t>(std::max<size_t>(wanted, 1024), 64 * 1024));
    // Entries that there is no room for come again, from the place that the last one tells.
    for (bool full = false; !full;) {
        const long got = syscall(SYS_getdents64, folder->opened.get(), entries_.data(), entries_.size());
        if (got < 0) return errno;
        if (got == 0) break;
        for (size_t at = 0; at < static_cast<size_t>(got) && !full;) {
            EntryHeader entry;
            std::memcpy(&entry, &entries_[at], sizeof entry);
            const std::string name(reinterpret_cast<const char*>(&entries_[at + sizeof entry]));
            at += entry.length;
            full = out_.size() + kFixedBytes + name.size() > most;
            if (full && out_.size() == count_at + 4) return EINVAL;
            if (full) break;
            // What is above the directory is none of the guest's business.
            const bool above = name == ".." && own.st_ino == root.st_ino && own.st_dev == root.st_dev;
            const uint8_t type = entry.type == DT_DIR ? kFolder : entry.type == DT_LNK ? kSymbolicLink : 0;
            put_qid({type, 0, path_of(own.st_dev, above ? root.st_ino : entry.inode)});
            out_.u64(static_cast<uint64_t>(entry.next));
            out_.u8(entry.type);
            out_.string(name);
        }
    }
    out_.put(count_at, static_cast<uint32_t>(out_.size() - count_at - 4));
    return 0;
}

int P9Server::make_folder(MessageReader& in) {
    const Fid* folder = fid(in.u32());
    const std::string name = in.string();
    const uint32_t mode = in.u32();
    in.u32();
    if (!in.ok()) return EPROTO;
    if (folder == nullptr) return EBADF;
    const int error = directory_->make_folder(folder->object.get(), name, mode);
    return error == 0 ? put_qid_of(folder->object.get(), name) : error;
}

/// Regular files alone: whoever meets a device or a FIFO on the host would be surprised.
int P9Server::make_node(MessageReader& in) {
    const Fid* folder = fid(in.u32());
    const std::string name = in.string();
    const uint32_t mode = in.u32();
    if (!in.ok()) return EPROTO;
    if (folder == nullptr) return EBADF;
    if (!S_ISREG(mode)) return EPERM;
    Descriptor opened;
    const int error = directory_->create(folder->object.get(), name, O_WRONLY | O_EXCL, mode, opened);
    return error == 0 ? put_qid_of(folder->object.get(), name) : error;
}

int P9Server::make_symbolic_link(MessageReader& in) {
    const Fid* folder = fid(in.u32());
    const std::string name = in.string(), target = in.string();
    if (!in.ok()) return EPROTO;
    if (folder == nullptr) return EBADF;
    if (!Directory::valid_name(name) || target.find('\0') != target.npos) return EINVAL;
    if (symlinkat(target.c_str(), folder->object.get(), name.c_str()) != 0) return errno;
    return put_qid_of(folder->object.get(), name);
}

int P9Server::make_link(MessageReader& in) {
    const Fid* folder = fid(in.u32());
    const Fid* object = fid(in.u32());
    const std::string name = in.string();
    if (!in.ok()) return EPROTO;
    if (folder == nullptr || object == nullptr) return EBADF;
    return directory_->link(object->object.get(), folder->object.get(), name);
}

int P9Server::rename_at(MessageReader& in) {
    const Fid* from = fid(in.u32());
    const std::string name = in.string();
    const Fid* to = fid(in.u32());
    const std::string new_name = in.string();
    if (!in.ok()) return EPROTO;
    if (from == nullptr || to == nullptr) return EBADF;
    if (!Directory::valid_name(name) || !Directory::valid_name(new_name)) return EINVAL;
    return renameat(from->object.get(), name.c_str(), to->object.get(), new_name.c_str()) == 0 ? 0 : errno;
}

int P9Server::unlink_at(MessageReader& in) {
    const Fid* folder = fid(in.u32());
    const std::string name = in.string();
    const uint32_t flags = in.u32();
    if (!in.ok()) return EPROTO;
    if (folder == nullptr) return EBADF;
    if (!Directory::valid_name(name)) return EINVAL;
    const int how = (flags & kUnlinkFolder) != 0 ? AT_REMOVEDIR : 0;
    return unlinkat(folder->object.get(), name.c_str(), how) == 0 ? 0 : errno;
}

// ---- Attributes
// -------------------------------------------------------------------------------------------------------

int P9Server::get_attributes(MessageReader& in) {
    const Fid* object = fid(in.u32());
    const uint64_t wanted = in.u64();
    if (!in.ok()) return EPROTO;
    if (object == nullptr) return EBADF;
    struct stat status {};
    Qid qid{};
    if (fstat(object->object.get(), &status) != 0) return errno;
    if (const int error = qid_of(object->object.get(), qid); error != 0) return error;
    out_.u64(wanted & kBasicAttributes);
    put_qid(qid);
    out_.u32(status.st_mode);
    out_.u32(status.st_uid);
    out_.u32(status.st_gid);
    for (const uint64_t value :
         {uint64_t{status.st_nlink}, uint64_t{status.st_rdev}, static_cast<uint64_t>(status.st_size),
          static_cast<uint64_t>(status.st_blksize), static_cast<uint64_t>(status.st_blocks)})
        out_.u64(value);
    for (const timespec& time : {status.st_atim, status.st_mtim, status.st_ctim, timespec{}}) {
        out_.u64(static_cast<uint64_t>(time.tv_sec));
        out_.u64(static_cast<uint64_t>(time.tv_nsec));
    }
    out_.u64(0); // Generation and version of the data are not known.
    out_.u64(0);
    return 0;
}

int P9Server::set_attributes(MessageReader& in) {
    Fid* object = fid(in.u32());
    const uint32_t valid = in.u32(), mode = in.u32(), user = in.u32(), group = in.u32();
    const uint64_t size = in.u64();
    timespec times[2];
    for (timespec& time : times) {
        time.tv_sec = static_cast<time_t>(in.u64());
        time.tv_nsec = static_cast<long>(in.u64());
    }
    if (!in.ok()) return EPROTO;
    if (object == nullptr) return EBADF;
    const int fd = object->object.get();
    if ((valid & (kSetUser | kSetGroup)) != 0) {
        const uid_t owner = (valid & kSetUser) != 0 ? user : static_cast<uid_t>(-1);
        const gid_t owners = (valid & kSetGroup) != 0 ? group : static_cast<gid_t>(-1);
        if (fchownat(fd, "", owner, owners, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) != 0 && errno != EPERM) return errno;
    }
    if ((valid & kSetMode) != 0)
        if (const int error = directory_->change_mode(fd, mode); error != 0) return error;
    if ((valid & kSetSize) != 0)
        if (const int error = set_size(*object, size); error != 0) return error;
    if ((valid & (kSetAccessTime | kSetChangeTime)) == 0) return 0;
    if ((valid & kAccessTimeGiven) == 0) times[0].tv_nsec = UTIME_NOW;
    if ((valid & kChangeTimeGiven) == 0) times[1].tv_nsec = UTIME_NOW;
    if ((valid & kSetAccessTime) == 0) times[0].tv_nsec = UTIME_OMIT;
    if ((valid & kSetChangeTime) == 0) times[1].tv_nsec = UTIME_OMIT;
    return directory_->change_times(fd, times);
}

int P9Server::set_size(Fid& fid, uint64_t size) {
    if (size > INT64_MAX) return EINVAL;
    // A file that is open for writing may be one that could not be opened again.
    if (fid.opened && ftruncate(fid.opened.get(), static_cast<off_t>(size)) == 0) return 0;
    Descriptor opened;
    if (const int error = directory_->open_object(fid.object.get(), O_WRONLY, opened); error != 0) return error;
    return ftruncate(opened.get(), static_cast<off_t>(size)) == 0 ? 0 : errno;
}

int P9Server::stat_file_system(MessageReader& in) {
    const Fid* object = fid(in.u32());
    if (!in.ok() || object == nullptr) return EBADF;
    struct statfs status {};
    if (fstatfs(object->object.get(), &status) != 0) return errno;
    out_.u32(static_cast<uint32_t>(status.f_type));
    out_.u32(static_cast<uint32_t>(status.f_bsize));
    out_.u64(status.f_blocks);
    out_.u64(status.f_bfree);
    out_.u64(status.f_bavail);
    out_.u64(status.f_files);
    out_.u64(status.f_ffree);
    out_.u64(static_cast<uint32_t>(status.f_fsid.__val[0]) | uint64_t{static_cast<uint32_t>(status.f_fsid.__val[1])}
                                                                 << 32);
    out_.u32(static_cast<uint32_t>(status.f_namelen));
    return 0;
}

int P9Server::read_link(MessageReader& in) {
    const Fid* object = fid(in.u32());
    if (!in.ok() || object == nullptr) return EBADF;
    char target[4096];
    const ssize_t length = readlinkat(object->object.get(), "", target, sizeof target);
    // Nothing that is no link has text.
    if (length < 0) return errno == ENOENT ? EINVAL : errno;
    out_.string(std::string(target, static_cast<size_t>(length)));
    return 0;
}

// ---- Locks
// ------------------------------------------------------------------------------------------------------------

/// The guest's kernel keeps its own processes apart before it asks here.
int P9Server::lock(MessageReader& in) {
    const bool known = fid(in.u32()) != nullptr;
    if (!in.ok() || !known) return EBADF;
    out_.u8(kLockGranted);
    return 0;
}

int P9Server::get_lock(MessageReader& in) {
    const bool known = fid(in.u32()) != nullptr;
    in.u8();
    const uint64_t start = in.u64(), length = in.u64();
    const uint32_t process = in.u32();
    const std::string client = in.string();
    if (!in.ok()) return EPROTO;
    if (!known) return EBADF;
    out_.u8(kUnlocked);
    out_.u64(start);
    out_.u64(length);
    out_.u32(process);
    out_.string(client);
    return 0;
}

} // namespace beeline::share
