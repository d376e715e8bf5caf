// Disks in qcow2 files, judged by qemu-img and qemu-io: random sequences of requests done here and there must leave the
// same bytes, and files in which qemu-img finds nothing wrong. And files that are wrong from the start.
//
//     test_qcow2_test [SEQUENCES [SEED]]
#include "block/open.h"
#include "board_support.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <sys/wait.h>
#include <unistd.h>

using namespace beeline;
using namespace beeline::test;
using block::DriveConfig;
using block::OpenFailure;
using block::Request;

namespace {

std::filesystem::path folder;

std::string at(std::string_view name) { return folder / name; }

/// Exit status of a command, whose output goes to a log.
int tool(const std::string& command) {
    const int status = std::system(fmt::format("cd {} && {} >> log 2>&1", folder.string(), command).c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::vector<uint8_t> contents(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

int run(block::Disk& disk, Request& request) {
    disk.submit(request);
    std::vector<Request*> done;
    while (done.empty()) disk.wait(done);
    return request.error;
}

int run(block::Disk& disk, Request::Kind kind, uint64_t offset, uint64_t length, uint8_t* bytes = nullptr,
        bool unmap = false) {
    Request request;
    request.kind = kind;
    request.offset = offset;
    request.length = length;
    request.unmap = unmap;
    if (bytes != nullptr) {
        const uint64_t half = length / 1024 * 512;
        if (half != 0) request.buffers.push_back({bytes, half});
        request.buffers.push_back({bytes + half, length - half});
    }
    return run(disk, request);
}

/// The whole disk as it reads here.
std::vector<uint8_t> read_all(block::Disk& disk) {
    std::vector<uint8_t> bytes(disk.size());
    check_equal(static_cast<uint64_t>(run(disk, Request::Kind::Read, 0, bytes.size(), bytes.data())), 0, "read");
    return bytes;
}

template <class T> const T& pick(std::mt19937_64& random, const std::vector<T>& choices) {
    return choices[random() % choices.size()];
}

/// One file, made by qemu-img with random properties; one list of requests, done here on it and there on a copy.
bool sequence(uint64_t seed) {
    std::mt19937_64 random(seed);
    std::filesystem::remove_all(folder);
    std::filesystem::create_directory(folder);
    const uint64_t size = (1 + random() % 8192) * 512 + (random() % 4 == 0 ? uint64_t{40} << 20 : 0);
    const unsigned cluster = pick<unsigned>(random, {512, 1024, 4096, 65536, 65536, 262144});
    const bool old = random() % 8 == 0;
    const bool zstd = !old && random() % 2 == 0;
    const unsigned refcount_bits = old ? 16 : pick<unsigned>(random, {1, 2, 4, 8, 16, 16, 16, 32, 64});
    std::string options = fmt::format("cluster_size={},compat={}", cluster, old ? "0.10" : "1.1");
    if (!old) options += fmt::format(",refcount_bits={}", refcount_bits);
    if (!old && random() % 3 == 0) options += ",lazy_refcounts=on";
    if (zstd) options += ",compression_type=zstd";

    // A base with something in it
    const unsigned backing = random() % 3; // None, raw, qcow2 with compressed clusters
    const uint64_t base_size = std::max<uint64_t>(512, random() % 2 == 0 ? size : size / 1024 * 512);
    if (backing != 0) {
        std::vector<uint8_t> bytes(base_size);
        for (uint64_t i = 0; i < bytes.size(); i += 512)
            std::memset(bytes.data() + i, random() % 3 == 0 ? 0 : static_cast<int>(random()), 512);
        std::ofstream(at("base.raw"), std::ios::binary)
            .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        if (backing == 2 && tool(fmt::format("qemu-img convert -c -O qcow2 -o compression_type={} base.raw base.qcow2",
                                             zstd ? "zstd" : "zlib")) != 0)
            return check(false, "qemu-img convert");
    }
    const char* below = backing == 1 ? "-b base.raw -F raw " : backing == 2 ? "-b base.qcow2 -F qcow2 " : "";
    if (tool(fmt::format("qemu-img create -q -f qcow2 {}-o {} a {}", below, options, size)) != 0)
        return check(false, "qemu-img create " + options);
    std::string prepare = "qemu-io -f qcow2 -d unmap";
    bool prepared = false;
    for (unsigned i = 0; i < random() % 6; i++) {
        const uint64_t offset = random() % (size / 512) * 512;
        const uint64_t length = std::min<uint64_t>(size - offset, (1 + random() % 200) * 512);
        prepare += fmt::format(" -c 'write -P {} {} {}'", random() % 255 + 1, offset, length);
        prepared = true;
    }
    if (prepared && random() % 2 == 0 && size > cluster) {
        prepare += fmt::format(" -c 'write -c -P {} {} {}'", random() % 255 + 1, random() % (size / cluster) * cluster,
                               cluster);
    }
    if (prepared) tool(prepare + " a");
    // Snapshots count references up, which one bit cannot
    const bool snapshot = refcount_bits > 1 && random() % 3 == 0;
    if (snapshot && tool("qemu-img snapshot -c old a") != 0) return check(false, "qemu-img snapshot");
    std::filesystem::copy_file(at("a"), at("b"));

    OpenFailure failure;
    std::string there = "qemu-io -f qcow2 -d unmap";
    bool good = true;
    std::vector<uint8_t> before;
    if (snapshot) {
        const auto disk = block::open_disk({.path = at("a"), .read_only = true, .at = "old"}, failure);
        if (!check(disk != nullptr, failure.detail)) return false;
        before = read_all(*disk);
    }
    const unsigned sessions = 1 + random() % 2;
    for (unsigned session = 0; session < sessions; session++) {
        const auto disk = block::open_disk(
            {.path = at("a"), .engine = random() % 2 == 0 ? std::nullopt : std::optional(block::EngineKind::Threads)},
            failure);
        if (!check(disk != nullptr, fmt::format("sequence {}: {}", seed, failure.detail))) return false;
        std::vector<uint8_t> bytes;
        for (unsigned i = 0; i < 25; i++) {
            const uint64_t offset = random() % 4 == 0 ? random() % (size / cluster + 1) * cluster % size / 512 * 512
                                                      : random() % (size / 512) * 512;
            const uint64_t most = random() % 3 == 0 ? cluster * 3 : 20000;
            const uint64_t length = std::min<uint64_t>(size - offset, (1 + random() % (most / 512 + 1)) * 512);
            const auto pattern = static_cast<uint8_t>(random() % 255 + 1);
            bytes.assign(length, pattern);
            int error = 0;
            switch (random() % 8) {
            case 0: {
                const bool unmap = random() % 2 == 0;
                error = run(*disk, Request::Kind::WriteZeroes, offset, length, nullptr, unmap);
                there += fmt::format(" -c 'write -z {} {} {}'", unmap ? "-u" : "", offset, length);
                break;
            }
            case 1:
                error = run(*disk, Request::Kind::Discard, offset, length);
                there += fmt::format(" -c 'discard {} {}'", offset, length);
                break;
            case 2: error = run(*disk, Request::Kind::Flush, 0, 0); break;
            case 3: error = run(*disk, Request::Kind::Read, offset, length, bytes.data()); break;
            default:
                error = run(*disk, Request::Kind::Write, offset, length, bytes.data());
                there += fmt::format(" -c 'write -P {} {} {}'", pattern, offset, length);
            }
            good = check(error == 0, fmt::format("sequence {}: request {}: {}", seed, i, std::strerror(error))) && good;
        }
    }
    tool(there + " b");
    const int checked = tool("qemu-img check -q a");
    good = check(checked == 0, fmt::format("sequence {} ({}): qemu-img check says {}", seed, options, checked)) && good;
    tool("qemu-img convert -O raw a a.raw && qemu-img convert -O raw b b.raw");
    const std::vector<uint8_t> ours = contents(at("a.raw")), theirs = contents(at("b.raw"));
    good =
        check(!ours.empty() && ours == theirs, fmt::format("sequence {} ({}): the same bytes", seed, options)) && good;
    const auto disk = block::open_disk({.path = at("b"), .read_only = true}, failure);
    good = check(disk != nullptr && read_all(*disk) == theirs, fmt::format("sequence {}: theirs as read here", seed)) &&
           good;
    if (snapshot) {
        const auto old_disk = block::open_disk({.path = at("a"), .read_only = true, .at = "old"}, failure);
        good = check(old_disk != nullptr && read_all(*old_disk) == before,
                     fmt::format("sequence {}: the snapshot", seed)) &&
               good;
    }
    return good;
}

void refused(const char* what, const DriveConfig& config, std::string_view detail) {
    OpenFailure failure;
    const auto disk = block::open_disk(config, failure);
    check(disk == nullptr && failure.detail.find(detail) != failure.detail.npos,
          fmt::format("{}: {}", what, disk != nullptr ? "opened" : failure.detail));
}

void overwrite(const std::string& path, uint64_t offset, uint64_t value, unsigned bytes) {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(offset));
    for (unsigned i = bytes; i-- != 0;) file.put(static_cast<char>(value >> i * 8));
}

/// Heads that lie.
void lies() {
    std::filesystem::create_directory(folder);
    struct Lie {
        const char* what;
        uint64_t offset, value;
        unsigned bytes;
        const char* detail;
    };
    const Lie kLies[] = {
        {"version", 4, 9, 4, "version 9"},
        {"cluster size", 20, 60, 4, "clusters of 2^60 bytes"},
        {"size", 24, ~uint64_t{0} & ~uint64_t{511}, 8, "claims a size"},
        {"size for the tables", 24, uint64_t{1} << 50, 8, "does not go with its size"},
        {"L1 entries", 36, 0xFFFF'FFFF, 4, "does not go with its size"},
        {"L1 place", 40, 0x12345, 8, "L1 table is misplaced"},
        {"L1 far away", 40, uint64_t{1} << 40, 8, "behind the file's end"},
        {"L1 in the head", 40, 0, 8, "misplaced"},
        {"refcount table", 48, 0x10001, 8, "refcount table is misplaced"},
        {"refcount table's size", 56, 0xFFFF, 4, "refcount table is misplaced"},
        {"encryption", 32, 1, 4, "encrypted"},
        {"features", 72, 1 << 9, 8, "unknown features"},
        {"refcount width", 96, 7, 4, "too wide"},
        {"head's length", 100, 99999, 4, "wrong length"},
        {"backing name", 8, 1 << 20, 8, "misplaced"},
        {"snapshots", 60, 70000, 4, "snapshot table is misplaced"},
    };
    for (const Lie& lie : kLies) {
        tool("rm -f x; qemu-img create -q -f qcow2 x 64M");
        overwrite(at("x"), lie.offset, lie.value, lie.bytes);
        refused(lie.what, {.path = at("x")}, lie.detail);
    }
    tool("qemu-img create -q -f qcow2 x 64M; qemu-img create -q -f qcow2 -b x -F qcow2 y; qemu-img rebase -u -b y -F "
         "qcow2 x");
    refused("a loop of backing files", {.path = at("x")}, "loop");
    tool("qemu-img create -q -f qcow2 x 64M; qemu-img rebase -u -b x -F qcow2 x");
    refused("its own backing file", {.path = at("x")}, "loop");
    tool("qemu-img create -q -f qcow2 x 64M; qemu-img rebase -u -b nbd:localhost:1 -F raw x");
    OpenFailure failure;
    check(block::open_disk({.path = at("x")}, failure) == nullptr && failure.kind == OpenFailure::Kind::Missing,
          "a backing file that is none");
    tool("qemu-img create -q -f qcow2 x 64M");
    refused("a snapshot that is not there", {.path = at("x"), .read_only = true, .at = "s"}, "no snapshot s");
    overwrite(at("x"), 72, 2, 8);
    refused("marked as corrupt", {.path = at("x")}, "marked as corrupt");
    check(block::open_disk({.path = at("x"), .read_only = true}, failure) != nullptr, "corrupt, but only read");
}

/// An L2 entry that leads a write into a table.
void overlap() {
    tool("rm -f x; qemu-img create -q -f qcow2 x 64M; qemu-io -c 'write 0 1M' x");
    const std::vector<uint8_t> bytes = contents(at("x"));
    uint64_t l1 = 0, l2 = 0;
    std::memcpy(&l1, &bytes[40], 8);
    l1 = __builtin_bswap64(l1);
    std::memcpy(&l2, &bytes[l1], 8);
    l2 = __builtin_bswap64(l2) & ~(uint64_t{1} << 63);
    for (const uint64_t target : {uint64_t{0}, l1, l2, uint64_t{0x10000}}) {
        overwrite(at("x"), l2, uint64_t{1} << 63 | target, 8);
        std::vector<uint8_t> sector(512, 'w');
        OpenFailure failure;
        const auto disk = block::open_disk({.path = at("x")}, failure);
        if (disk == nullptr) continue;
        const int error = run(*disk, Request::Kind::Write, 0, 512, sector.data());
        check(target == 0 ? error == 0 : error != 0, fmt::format("a write into the tables at {:#x}", target));
    }
    check(contents(at("x"))[0] == 'Q', "the head is whole");
}

/// Nonsense in the tables: nothing may crash, hang, or make the file grow beyond what was written.
void nonsense(unsigned rounds) {
    tool("rm -f good base; qemu-img create -q -f qcow2 -o cluster_size=4096 good 8M; qemu-io -c 'write 0 300k' -c "
         "'write -c -P 3 1M 4k' good; "
         "qemu-img snapshot -c s good; qemu-io -c 'write 100k 300k' good");
    const std::vector<uint8_t> good = contents(at("good"));
    std::mt19937_64 random(11);
    unsigned opened = 0;
    for (unsigned round = 0; round < rounds; round++) {
        std::vector<uint8_t> bad = good;
        for (unsigned i = 0; i < 1 + random() % 8; i++) {
            // Tables are full of zeroes; what is not zero is what counts.
            uint64_t place = random() % (random() % 2 == 0 ? 112 : bad.size());
            for (unsigned tries = 0; tries < 64 && bad[place] == 0; tries++) place = random() % bad.size();
            bad[place] = static_cast<uint8_t>(random());
        }
        if (random() % 8 == 0) bad.resize(random() % bad.size());
        std::ofstream(at("bad"), std::ios::binary | std::ios::trunc)
            .write(reinterpret_cast<const char*>(bad.data()), static_cast<std::streamsize>(bad.size()));
        OpenFailure failure;
        const auto disk = block::open_disk({.path = at("bad"), .format = block::Format::Qcow2}, failure);
        if (disk == nullptr) continue;
        opened++;
        std::vector<uint8_t> bytes(20000 / 512 * 512);
        const uint64_t sectors = std::min<uint64_t>(disk->size(), 64 << 20) / 512;
        for (unsigned i = 0; i < 30; i++) {
            const uint64_t offset = random() % sectors * 512,
                           length = std::min<uint64_t>(bytes.size(), disk->size() - offset);
            const auto kind = pick<Request::Kind>(random, {Request::Kind::Read, Request::Kind::Write,
                                                           Request::Kind::WriteZeroes, Request::Kind::Discard});
            run(*disk, kind, offset, length,
                kind == Request::Kind::Read || kind == Request::Kind::Write ? bytes.data() : nullptr);
        }
    }
    check(opened > rounds / 20, fmt::format("{} of {} opened all the same", opened, rounds));
}

/// What is left of a file when its user is gone without a word.
void after_a_kill() {
    tool("rm -f x; qemu-img create -q -f qcow2 x 64M");
    OpenFailure failure;
    const pid_t child = fork();
    if (child == 0) {
        const auto disk = block::open_disk({.path = at("x"), .engine = block::EngineKind::Threads}, failure);
        std::vector<uint8_t> bytes(200 << 10, 'k');
        for (unsigned i = 0; disk != nullptr && i < 20; i++)
            run(*disk, Request::Kind::Write, i * 1'048'576, bytes.size(), bytes.data());
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    check((contents(at("x"))[79] & 1) != 0, "the file says dirty");
    check(tool("qemu-img check -q x") == 0, "its counts are right even so");
    {
        const auto disk = block::open_disk({.path = at("x")}, failure);
        check(disk != nullptr && (contents(at("x"))[79] & 1) == 0, "counted anew when opened");
        std::vector<uint8_t> bytes(512);
        run(*disk, Request::Kind::Read, 19 * 1'048'576 + 100'352, 512, bytes.data());
        check(bytes[0] == 'k', "what was written");
    }
    // Counts that are wrong, and a cluster that nothing refers to
    overwrite(at("x"), 79, 1, 1);
    const uint64_t block_place = 0x20000;
    overwrite(at("x"), block_place + 2 * 6, 0, 2);
    overwrite(at("x"), block_place + 2 * 7, 9, 2);
    overwrite(at("x"), block_place + 2 * 3000, 1, 2);
    check(tool("qemu-img check -q -f raw x || qemu-img check -q x") != 0, "counts that are wrong");
    check(block::open_disk({.path = at("x")}, failure) != nullptr, failure.detail);
    check(tool("qemu-img check -q x") == 0, "are right afterwards");
}

} // namespace

int main(int argc, char** argv) {
    const uint64_t sequences = argc > 1 ? std::strtoull(argv[1], nullptr, 0) : 25;
    const uint64_t first = argc > 2 ? std::strtoull(argv[2], nullptr, 0) : 1;
    // In memory where that is to be had: every new table is synced.
    const std::filesystem::path memory = "/dev/shm";
    std::string name = (access(memory.c_str(), W_OK) == 0 ? memory : std::filesystem::temp_directory_path()) /
                       "beeline-qcow2-XXXXXX";
    const std::filesystem::path all = mkdtemp(name.data());
    folder = all / "files";
    if (!check(std::system("qemu-img --version > /dev/null && qemu-io --version > /dev/null") == 0,
               "qemu-img and qemu-io are installed (Debian: qemu-utils)"))
        return report("qcow2");
    lies();
    overlap();
    after_a_kill();
    nonsense(400);
    for (uint64_t seed = first; seed < first + sequences; seed++) sequence(seed);
    if (failed == 0) std::filesystem::remove_all(all);
    return report("qcow2");
}
