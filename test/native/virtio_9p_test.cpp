// A shared directory: the server by itself, as Linux's file system uses it and as an attacker would; then behind its
// registers. Whatever is asked, nothing outside the directory is read or changed.
#include "devices/virtio/virtio_9p.h"
#include "virtio_driver.h"

#include <algorithm>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <sys/stat.h>
#include <unistd.h>

using namespace beeline;
using namespace beeline::test;
using namespace beeline::devices::virtio;
using share::Directory;
using share::MessageReader;
using share::MessageWriter;
using share::P9Server;
namespace fs = std::filesystem;

namespace {

constexpr uint8_t kStatFs = 8, kOpen = 12, kCreate = 14, kSymlink = 16, kMknod = 18, kReadlink = 22, kGetattr = 24,
                  kSetattr = 26, kXattrwalk = 30, kReaddir = 40, kFsync = 50, kLink = 70, kMkdir = 72, kRenameat = 74,
                  kUnlinkat = 76, kVersion = 100, kAttach = 104, kWalk = 110, kRead = 116, kWrite = 118, kClunk = 120;
constexpr uint32_t kNone = ~0u;
const std::string kSecret = "not for guests";

std::string contents(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// `shared` with what a guest may use and traps in it, `outside` with what it may not.
struct Tree {
    fs::path root, shared, outside;
    Tree() {
        char text[] = "/tmp/virtio_9p_test.XXXXXX";
        root = mkdtemp(text);
        shared = root / "shared";
        outside = root / "outside";
        fs::create_directories(shared / "folder");
        fs::create_directories(outside / "folder");
        std::ofstream(shared / "file") << "hello";
        std::ofstream(outside / "secret") << kSecret;
        fs::create_symlink("../outside/secret", shared / "relative");
        fs::create_symlink(outside / "secret", shared / "absolute");
        fs::create_symlink("../outside", shared / "way_out");
        fs::create_symlink("/proc/self", shared / "self");
        check(mkfifo((shared / "fifo").c_str(), 0600) == 0, "a FIFO");
    }
    ~Tree() { fs::remove_all(root); }
    std::unique_ptr<Directory> open(bool read_only = false) const {
        share::ShareFailure failure;
        auto directory = Directory::open(shared, read_only, failure);
        check(directory != nullptr, failure.detail);
        return directory;
    }
    /// Everything that can be told of what is outside.
    std::string fingerprint() const {
        std::string text;
        std::vector<fs::path> paths{outside};
        for (const auto& entry : fs::recursive_directory_iterator(outside)) paths.push_back(entry.path());
        std::ranges::sort(paths);
        for (const fs::path& path : paths) {
            struct stat status {};
            lstat(path.c_str(), &status);
            text += fmt::format("{} {} {} {} {} {}.{} {}\n", path.string(), status.st_ino, status.st_mode,
                                status.st_uid, status.st_nlink, status.st_mtim.tv_sec, status.st_mtim.tv_nsec,
                                S_ISREG(status.st_mode) ? contents(path) : "");
        }
        return text;
    }
};

/// A guest's side of the protocol.
struct Client {
    P9Server server;
    std::vector<uint8_t> reply;
    MessageReader in{{}};

    explicit Client(std::unique_ptr<Directory> directory) : server(std::move(directory)) {
        check_equal(call(kVersion,
                         [](MessageWriter& out) {
                             out.u32(64 * 1024);
                             out.string("9P2000.L");
                         }),
                    0, "a version");
        check(in.u32() == 64 * 1024 && in.string() == "9P2000.L", "as asked for");
        check_equal(call(kAttach,
                         [](MessageWriter& out) {
                             out.u32(0);
                             out.u32(kNone);
                             out.string("root");
                             out.string("");
                             out.u32(0);
                         }),
                    0, "attached");
    }

    /// Returns the error number; what was answered is in `in`.
    template <class Fill> uint32_t call(uint8_t type, Fill fill) {
        MessageWriter out;
        out.begin(type, 7);
        fill(out);
        const auto answer = server.answer(out.finish(), 1 << 20);
        reply.assign(answer.begin(), answer.end());
        in = MessageReader(reply);
        check_equal(in.u32(), reply.size(), "the size of an answer");
        const uint8_t kind = in.u8();
        check_equal(in.u16(), 7, "its tag");
        if (kind == 7) return in.u32();
        check_equal(kind, type + 1, "its type");
        return 0;
    }
    uint32_t walk(uint32_t fid, uint32_t to, std::initializer_list<std::string> names) {
        return call(kWalk, [&](MessageWriter& out) {
            out.u32(fid);
            out.u32(to);
            out.u16(static_cast<uint16_t>(names.size()));
            for (const std::string& name : names) out.string(name);
        });
    }
    uint32_t open(uint32_t fid, uint32_t flags) {
        return call(kOpen, [&](MessageWriter& out) {
            out.u32(fid);
            out.u32(flags);
        });
    }
    uint32_t create(uint32_t fid, const std::string& name, uint32_t flags, uint32_t mode) {
        return call(kCreate, [&](MessageWriter& out) {
            out.u32(fid);
            out.string(name);
            out.u32(flags);
            out.u32(mode);
            out.u32(0);
        });
    }
    uint32_t read(uint32_t fid, uint64_t offset, uint32_t count, uint8_t type = kRead) {
        return call(type, [&](MessageWriter& out) {
            out.u32(fid);
            out.u64(offset);
            out.u32(count);
        });
    }
    std::string bytes() {
        const std::span<const uint8_t> data = in.take(in.u32());
        return {data.begin(), data.end()};
    }
    uint32_t write(uint32_t fid, uint64_t offset, const std::string& text) {
        return call(kWrite, [&](MessageWriter& out) {
            out.u32(fid);
            out.u64(offset);
            out.u32(static_cast<uint32_t>(text.size()));
            std::ranges::copy(text, out.room(text.size()));
        });
    }
    uint32_t clunk(uint32_t fid) {
        return call(kClunk, [&](MessageWriter& out) { out.u32(fid); });
    }
    uint32_t in_folder(uint8_t type, uint32_t fid, const std::string& name, auto... words) {
        return call(type, [&](MessageWriter& out) {
            out.u32(fid);
            out.string(name);
            (out.u32(static_cast<uint32_t>(words)), ...);
        });
    }
    uint32_t set(uint32_t fid, uint32_t valid, uint32_t mode, uint64_t size) {
        return call(kSetattr, [&](MessageWriter& out) {
            for (const uint32_t word : {fid, valid, mode, 0u, 0u}) out.u32(word);
            for (const uint64_t word : {size, uint64_t{1}, uint64_t{0}, uint64_t{2}, uint64_t{0}}) out.u64(word);
        });
    }
};

void files() {
    const Tree tree;
    Client c(tree.open());
    check_equal(c.walk(0, 1, {"file"}), 0, "a file is found");
    check_equal(c.open(1, O_RDWR), 0, "opened");
    check(c.read(1, 1, 100) == 0 && c.bytes() == "ello", "read");
    check(c.write(1, 5, " there") == 0 && c.in.u32() == 6 && contents(tree.shared / "file") == "hello there",
          "written");
    check_equal(c.call(kFsync,
                       [](MessageWriter& out) {
                           out.u32(1);
                           out.u32(0);
                       }),
                0, "synced");
    check(c.set(1, 8, 0, 5) == 0 && contents(tree.shared / "file") == "hello", "cut short");
    check(c.set(1, 1, 06711, 0) == 0, "given a mode");
    struct stat status {};
    stat((tree.shared / "file").c_str(), &status);
    check_equal(status.st_mode & 07777, 0711, "without set-user-ID");
    check(c.set(1, 0x1B0, 0, 0) == 0 && stat((tree.shared / "file").c_str(), &status) == 0 &&
              status.st_atim.tv_sec == 1 && status.st_mtim.tv_sec == 2,
          "given times");
    check_equal(c.clunk(1), 0, "closed");
    check_equal(c.clunk(1), EBADF, "once");

    check(c.walk(0, 1, {}) == 0 && c.create(1, "new", O_RDWR | O_CREAT | O_EXCL, 0666) == 0, "a file is made");
    check(c.write(1, 0, "x") == 0 && contents(tree.shared / "new") == "x", "and open");
    check(c.walk(0, 2, {}) == 0 && c.create(2, "new", O_RDWR | O_CREAT | O_EXCL, 0666) == EEXIST, "not twice");
    check(c.create(2, "new", O_RDWR | O_CREAT | O_TRUNC, 0666) == 0 && contents(tree.shared / "new").empty(),
          "but emptied");
    check_equal(c.in_folder(kMkdir, 0, "made", 0750, 0), 0, "a folder is made");
    check(stat((tree.shared / "made").c_str(), &status) == 0 && (status.st_mode & 07777) == 0750, "with its mode");
    check_equal(c.call(kRenameat,
                       [](MessageWriter& out) {
                           out.u32(0);
                           out.string("new");
                           out.u32(3);
                           out.string("old");
                       }),
                EBADF, "a fid that is not there");
    check(c.walk(0, 3, {"made"}) == 0 &&
              c.call(kRenameat,
                     [](MessageWriter& out) {
                         out.u32(0);
                         out.string("new");
                         out.u32(3);
                         out.string("old");
                     }) == 0 &&
              fs::exists(tree.shared / "made" / "old"),
          "renamed into a folder");
    check(c.write(1, 0, "still") == 0 && contents(tree.shared / "made" / "old") == "still", "an open file stays open");
    check(c.call(kLink,
                 [](MessageWriter& out) {
                     out.u32(0);
                     out.u32(1);
                     out.string("hard");
                 }) == 0 &&
              contents(tree.shared / "hard") == "still",
          "a second name");
    check(c.call(kSymlink,
                 [](MessageWriter& out) {
                     out.u32(0);
                     out.string("soft");
                     out.string("/etc/passwd");
                     out.u32(0);
                 }) == 0 &&
              c.walk(0, 4, {"soft"}) == 0 && c.call(kReadlink, [](MessageWriter& out) { out.u32(4); }) == 0 &&
              c.in.string() == "/etc/passwd",
          "a symbolic link is text");
    check_equal(c.in_folder(kUnlinkat, 0, "hard", 0), 0, "removed");
    check_equal(c.in_folder(kUnlinkat, 0, "made", 0x200), ENOTEMPTY, "a folder with something in it is not");
    check(c.call(kStatFs, [](MessageWriter& out) { out.u32(0); }) == 0, "the file system");
    check_equal(c.in_folder(kXattrwalk, 0, "user.a"), EOPNOTSUPP, "no extended attributes");
}

void folders() {
    const Tree tree;
    for (unsigned i = 0; i < 5000; i++) std::ofstream(tree.shared / "folder" / fmt::format("entry{}", i));
    Client c(tree.open());
    check(c.walk(0, 1, {"folder"}) == 0 && c.open(1, O_RDONLY | O_DIRECTORY) == 0, "a folder is opened");
    std::vector<std::string> names;
    for (uint64_t offset = 0;;) {
        check_equal(c.read(1, offset, 4000, kReaddir), 0, "listed");
        const std::string bytes = c.bytes();
        if (bytes.empty()) break;
        MessageReader entries({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
        for (size_t done = 0; done < bytes.size();) {
            entries.take(13);
            offset = entries.u64();
            entries.u8();
            names.push_back(entries.string());
            done += 24 + names.back().size();
        }
    }
    std::ranges::sort(names);
    check(names.size() == 5002 && std::ranges::adjacent_find(names) == names.end(), "every entry once");
    check_equal(c.read(1, 0, 10, kReaddir), EINVAL, "too little room for any");
}

void ways_out() {
    const Tree tree;
    const std::string before = tree.fingerprint();
    Client c(tree.open());
    for (const std::string name : {"..", ".", "", "../outside", "/etc", "folder/..", "a/b"}) {
        check_equal(c.walk(0, 9, {name}), EINVAL, fmt::format("a walk to '{}'", name));
        check_equal(c.in_folder(kMkdir, 0, name, 0777, 0), EINVAL, "a folder there");
        check_equal(c.in_folder(kUnlinkat, 0, name, 0x200), EINVAL, "removing it");
        check_equal(c.in_folder(kMknod, 0, name, S_IFREG | 0666, 0, 0, 0), EINVAL, "a node there");
        check(c.walk(0, 8, {}) == 0 && c.create(8, name, O_RDWR | O_CREAT, 0666) == EINVAL && c.clunk(8) == 0,
              "a file there");
    }
    check_equal(c.walk(0, 9, {std::string("file\0/..", 8)}), EINVAL, "a name with a zero byte");
    check(c.walk(0, 9, {"folder", ".."}) == 0 && c.clunk(9) == EBADF, "above a folder, half way");
    for (const std::string name : {"relative", "absolute", "way_out", "self"}) {
        check_equal(c.walk(0, 1, {name}), 0, "a link itself is found");
        check_equal(c.open(1, O_RDONLY), ELOOP, "and is not opened");
        check_equal(c.set(1, 8, 0, 0), ELOOP, "nor cut short");
        check_equal(c.set(1, 1, 0777, 0), EOPNOTSUPP, "nor given a mode");
        check_equal(c.set(1, 0x1B0, 0, 0), 0, "its own times are its own");
        check_equal(c.clunk(1), 0, "let go");
        check(c.walk(0, 1, {name, "secret"}) == 0 && c.clunk(1) == EBADF, "nor walked through");
        check(c.walk(0, 1, {}) == 0 && c.create(1, name, O_RDWR | O_CREAT, 0666) == ELOOP && c.clunk(1) == 0,
              "nor created through");
    }
    check(c.walk(0, 1, {"fifo"}) == 0 && c.open(1, O_RDONLY) == EPERM && c.open(1, O_WRONLY) == EPERM,
          "a FIFO is not opened");
    for (const uint32_t type : {S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK})
        check_equal(c.in_folder(kMknod, 0, "node", type | 0666, 1, 3, 0), EPERM, "nothing special is made");
    check(tree.fingerprint() == before, "nothing outside has changed");

    share::ShareFailure failure;
    check(Directory::open("/proc", false, failure) == nullptr && Directory::open("/sys", false, failure) == nullptr,
          "the kernel's own folders are not shared");
    check(Directory::open(tree.shared / "file", false, failure) == nullptr &&
              Directory::open(tree.shared / "none", false, failure) == nullptr,
          "nor what is no folder");
}

void read_only() {
    const Tree tree;
    Client c(tree.open(true));
    check(c.walk(0, 1, {"file"}) == 0 && c.open(1, O_RDWR) == EROFS && c.open(1, O_RDONLY | O_TRUNC) == EROFS,
          "not for writing");
    check(c.open(1, O_RDONLY) == 0 && c.read(1, 0, 100) == 0 && c.bytes() == "hello", "for reading");
    check_equal(c.write(1, 0, "x"), EROFS, "no write");
    check_equal(c.set(1, 8, 0, 0), EROFS, "no attribute");
    check_equal(c.in_folder(kMkdir, 0, "x", 0777, 0), EROFS, "no folder");
    check_equal(c.in_folder(kUnlinkat, 0, "file", 0), EROFS, "no removal");
    check(c.walk(0, 2, {}) == 0 && c.create(2, "x", O_RDWR, 0666) == EROFS, "no file");
    check_equal(c.in_folder(kMknod, 0, "x", S_IFREG | 0666, 0, 0, 0), EROFS, "no node");
    for (const uint8_t type : {kSymlink, kLink, kRenameat})
        check_equal(c.call(type, [](MessageWriter& out) { out.room(100); }), EROFS, "no link, no other name");
    check(contents(tree.shared / "file") == "hello", "as it was");
}

void limits() {
    const Tree tree;
    Client c(tree.open());
    uint32_t number = 1;
    while (number < P9Server::kMostFids && c.walk(0, number, {}) == 0) number++;
    check(c.walk(0, number, {}) != 0 && number > 50, "fids come to an end");
    check_equal(c.clunk(1), 0, "one is let go");
    check_equal(c.walk(0, 1, {}), 0, "and there is one again");
    for (uint32_t fid = 1; fid < 20; fid++) c.clunk(fid);
    check_equal(c.read(0, 0, 10), EBADF, "what is not open is not read");
    check_equal(c.walk(0, 0, {"file"}), 0, "a fid may move");
    check(c.open(0, O_RDONLY) == 0 && c.read(0, ~uint64_t{0}, ~0u) == EINVAL && c.read(0, 0, ~0u) == 0, "odd places");
    for (const size_t cut : {0u, 4u, 7u, 11u}) {
        MessageWriter out;
        out.begin(kWalk, 1);
        out.u32(0);
        out.u32(1);
        const auto message = out.finish();
        check(c.server.answer(message.first(cut), 11)[4] == 7, "what is cut short is an error");
    }
}

/// Requests that are nearly right, by the thousand.
void fuzz() {
    const Tree tree;
    const std::string before = tree.fingerprint();
    std::mt19937_64 random(23);
    const std::string names[] = {"..",
                                 ".",
                                 "",
                                 "file",
                                 "folder",
                                 "relative",
                                 "absolute",
                                 "way_out",
                                 "self",
                                 "fifo",
                                 "a",
                                 "b",
                                 "c",
                                 "secret",
                                 "../outside/secret",
                                 "/etc/passwd",
                                 "folder/../..",
                                 std::string("x\0y", 3),
                                 std::string(300, 'n')};
    const uint8_t types[] = {8,  12, 14, 16, 18, 20,  22,  24,  26,  30,  32,  40,  50,  52,
                             54, 70, 72, 74, 76, 104, 108, 110, 110, 110, 116, 118, 120, 122};
    Client c(tree.open());
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(3);
    unsigned requests = 0;
    bool leaked = false;
    while (std::chrono::steady_clock::now() < until) {
        MessageWriter out;
        const uint8_t type = random() % 64 == 0 ? static_cast<uint8_t>(random()) : types[random() % std::size(types)];
        out.begin(type, static_cast<uint16_t>(random()));
        const auto fid = [&] { out.u32(static_cast<uint32_t>(random() % 12)); };
        const auto name = [&] { out.string(names[random() % std::size(names)]); };
        const auto word = [&] { out.u32(random() % 4 == 0 ? static_cast<uint32_t>(random()) : random() % 02000); };
        fid();
        switch (type) {
        case 110: {
            fid();
            const unsigned count = random() % 4;
            out.u16(static_cast<uint16_t>(count));
            for (unsigned i = 0; i < count; i++) name();
            break;
        }
        case 74: name(); [[fallthrough]];
        case 70:
            fid();
            name();
            break;
        case 16:
            name();
            name();
            word();
            break;
        case 104:
            out.u32(kNone);
            name();
            out.string("");
            word();
            break;
        case 12: out.u32(random() % 3 | (random() % 8 == 0 ? random() % 010000000 : 0)); break;
        case 26:
            out.u32(random() % 0x200);
            out.u32(static_cast<uint32_t>(random()));
            out.u32(getuid());
            out.u32(getgid());
            // Nothing large: the host's disk is no object of this test.
            out.u64(random() % 10000);
            for (unsigned i = 0; i < 4; i++) out.u64(random() % 1'000'000'000);
            break;
        case 40:
        case 116:
            out.u64(random() % 4 == 0 ? random() : 0);
            word();
            break;
        case 118:
            out.u64(random() % 10000);
            out.u32(static_cast<uint32_t>(random() % 40));
            out.room(random() % 40);
            break;
        case 14:
        case 18:
        case 72:
        case 76:
            name();
            for (unsigned i = 0; i < 4; i++) word();
            break;
        default:
            for (unsigned i = random() % 8; i != 0; i--) word();
        }
        std::vector<uint8_t> message(out.finish().begin(), out.finish().end());
        if (random() % 16 == 0) message[random() % message.size()] ^= static_cast<uint8_t>(1 << random() % 8);
        const auto reply = c.server.answer(message, 11 + random() % 70000);
        const std::string text(reply.begin(), reply.end());
        leaked |= text.find(kSecret) != text.npos;
        if (++requests % 5000 == 0) {
            c.server.reset();
            if (!fs::exists(tree.shared / "relative"))
                fs::create_symlink("../outside/secret", tree.shared / "relative");
            if (!fs::exists(fs::symlink_status(tree.shared / "way_out")))
                fs::create_symlink("../outside", tree.shared / "way_out");
        }
        if (requests % 64 == 0)
            c.call(kAttach, [](MessageWriter& out) {
                out.u32(0);
                out.u32(kNone);
                out.string("");
                out.string("");
                out.u32(0);
            });
    }
    check(!leaked, "nothing outside was read");
    check(tree.fingerprint() == before, fmt::format("nothing outside has changed after {} requests", requests));
    for (const auto& entry : fs::recursive_directory_iterator(tree.shared)) {
        struct stat status {};
        lstat(entry.path().c_str(), &status);
        check((status.st_mode & (S_ISUID | S_ISGID)) == 0 || !S_ISREG(status.st_mode), "no set-user-ID");
    }
    fmt::print("{} requests\n", requests);
}

struct Machine : DriverSide {
    Tree tree;
    Virtio9p device{tree.open(), "shared", ram};
    DriverQueue requests{ram, 16, 0x1000};
    Machine() { plug(device); }
    ~Machine() { device.stop(); }
    void send(std::span<const uint8_t> message, uint32_t room) {
        std::ranges::copy(message, ram.bytes(0x10000));
        requests.describe(0, Ram::address(0x10000), static_cast<uint32_t>(message.size()), DriverQueue::kNext, 1);
        requests.describe(1, Ram::address(0x40000), room, DriverQueue::kWrite);
        requests.offer(0);
        notify(0);
    }
    void version() {
        MessageWriter out;
        out.begin(kVersion, 0xFFFF);
        out.u32(8192);
        out.string("9P2000.L");
        send(out.finish(), 100);
    }
};

void registers() {
    Machine m;
    check_equal(m.read(8), 9, "9P");
    check(m.read(0x100, 2) == 6 && m.read(0x102) == 0x72616873, "its tag");
    m.set_up(kVersion1 | 1, {&m.requests});
    m.version();
    check(m.wait([&] { return m.requests.used_index() == 1; }) && m.requests.used_length(0) == 21, "an answer");

    const auto breach = [](const char* what, auto prepare) {
        Machine m;
        m.set_up(kVersion1 | 1, {&m.requests});
        prepare(m);
        m.notify(0);
        check(m.wait([&] { return m.needs_reset(); }), what);
        m.set_up(kVersion1 | 1, {&m.requests});
        m.version();
        check(m.wait([&] { return m.requests.used_index() == 1; }), "in order after a reset");
    };
    breach("no message", [](Machine& m) {
        m.requests.describe(0, Ram::address(0x10000), 100, DriverQueue::kWrite);
        m.requests.offer(0);
    });
    breach("no room", [](Machine& m) { m.send(std::vector<uint8_t>{7, 0, 0, 0, 100, 1, 0}, 10); });
    breach("longer than it is", [](Machine& m) { m.send(std::vector<uint8_t>{200, 0, 0, 0, 100, 1, 0}, 100); });
    breach("too long", [](Machine& m) { m.send(std::vector<uint8_t>{0, 0, 0, 255, 100, 1, 0}, 100); });
    breach("too short", [](Machine& m) { m.send(std::vector<uint8_t>{3, 0, 0, 0, 100, 1, 0}, 100); });
}

} // namespace

int main() {
    files();
    folders();
    ways_out();
    read_only();
    limits();
    fuzz();
    registers();
    return report("virtio_9p");
}
