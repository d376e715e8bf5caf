// Disk images without a guest: formats told apart, overlays, locks, and the engines against a model in memory.
#include "block/open.h"
#include "board_support.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <unistd.h>

using namespace beeline;
using namespace beeline::test;
using block::DriveConfig;
using block::EngineKind;
using block::OpenFailure;
using block::Request;

namespace {

std::filesystem::path folder;

std::string make_file(const char* name, uint64_t size, std::string_view head = {}) {
    const std::string path = folder / name;
    std::ofstream(path, std::ios::binary) << head;
    std::filesystem::resize_file(path, size);
    return path;
}

std::vector<uint8_t> contents(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

int run(block::Disk& disk, Request& request) {
    disk.submit(request);
    std::vector<Request*> done;
    while (done.empty()) disk.wait(done);
    check(done.size() == 1 && done[0] == &request, "the request comes back");
    return request.error;
}

int transfer(block::Disk& disk, Request::Kind kind, uint64_t offset, std::span<uint8_t> bytes) {
    Request request;
    request.kind = kind;
    request.offset = offset;
    request.length = bytes.size();
    // In two pieces, to have some boundary between buffers.
    const size_t half = bytes.size() / 3;
    if (half != 0) request.buffers.push_back({bytes.data(), half});
    request.buffers.push_back({bytes.data() + half, bytes.size() - half});
    return run(disk, request);
}

int plain(block::Disk& disk, Request::Kind kind, uint64_t offset = 0, uint64_t length = 0, bool unmap = false) {
    Request request;
    request.kind = kind;
    request.offset = offset;
    request.length = length;
    request.unmap = unmap;
    return run(disk, request);
}

void refusals() {
    OpenFailure failure;
    using Kind = OpenFailure::Kind;
    const auto refused = [&](DriveConfig config, Kind kind, const char* what) {
        check(block::open_disk(config, failure) == nullptr && failure.kind == kind, what);
    };
    refused({.path = folder / "none"}, Kind::Missing, "a file that is not there");
    refused({.path = folder}, Kind::Unreadable, "a folder");
    refused({.path = "/dev/null"}, Kind::Unreadable, "a device without blocks");
    refused({.path = make_file("empty", 0)}, Kind::Refused, "an empty file");
    refused({.path = make_file("odd", 1000)}, Kind::Refused, "a file of odd size");
    refused({.path = make_file("raw", 4096), .format = block::Format::Qcow2}, Kind::WrongKind, "raw for qcow2");
}

void locks() {
    OpenFailure failure;
    const std::string path = make_file("locked", 65536);
    const DriveConfig writing{.path = path}, reading{.path = path, .read_only = true},
        throwing{.path = path, .snapshot = true};
    {
        const auto first = block::open_disk(writing, failure);
        check(first != nullptr, "a first writer");
        check(block::open_disk(writing, failure) == nullptr && failure.detail == "another process uses it",
              "no second writer");
        check(block::open_disk(reading, failure) == nullptr, "no reader beside a writer");
        check(block::open_disk(throwing, failure) == nullptr, "no overlay beside a writer");
    }
    const auto first = block::open_disk(reading, failure), second = block::open_disk(throwing, failure);
    check(first != nullptr && second != nullptr, "several readers");
    check(block::open_disk(writing, failure) == nullptr, "no writer beside readers");
}

/// A raw image whose format was guessed must not turn into another one.
void guarded_head() {
    OpenFailure failure;
    const std::string path = make_file("guarded", 65536);
    uint8_t sector[512] = {'Q', 'F', 'I', 0xFB};
    {
        const auto disk = block::open_disk({.path = path}, failure);
        check_equal(transfer(*disk, Request::Kind::Write, 0, sector), EPERM, "the magic of qcow2");
        sector[0] = 'q';
        check_equal(transfer(*disk, Request::Kind::Write, 0, sector), 0, "something else");
    }
    check(contents(path)[0] == 'q' && contents(path)[2] == 'I', "what was written");
    sector[0] = 'Q';
    const auto disk = block::open_disk({.path = path, .format = block::Format::Raw}, failure);
    check_equal(transfer(*disk, Request::Kind::Write, 0, sector), 0, "anything, where raw was said");
}

/// Random requests against a vector.
void against_model(const char* name, const DriveConfig& config, uint64_t seed) {
    OpenFailure failure;
    const std::vector<uint8_t> before = contents(config.path);
    std::vector<uint8_t> model = before;
    {
        const auto disk = block::open_disk(config, failure);
        if (!check(disk != nullptr, fmt::format("{}: opened", name))) return;
        std::mt19937_64 random(seed);
        std::vector<uint8_t> bytes;
        bool equal = true;
        for (unsigned i = 0; i < 1500; i++) {
            const uint64_t offset = random() % (model.size() / 512) * 512;
            const uint64_t length = std::min<uint64_t>((1 + random() % 100) * 512, model.size() - offset);
            bytes.resize(length);
            const auto place = model.begin() + static_cast<std::ptrdiff_t>(offset);
            const auto end = place + static_cast<std::ptrdiff_t>(length);
            int error = 0;
            switch (random() % 8) {
            case 0:
            case 1:
            case 2:
                for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
                error = transfer(*disk, Request::Kind::Write, offset, bytes);
                std::copy(bytes.begin(), bytes.end(), place);
                break;
            case 3:
                error = plain(*disk, Request::Kind::WriteZeroes, offset, length, random() % 2 == 0);
                std::fill(place, end, 0);
                break;
            case 4: error = plain(*disk, Request::Kind::Flush); break;
            default:
                error = transfer(*disk, Request::Kind::Read, offset, bytes);
                equal = equal && std::equal(place, end, bytes.begin());
            }
            equal = equal && error == 0;
        }
        check(equal, fmt::format("{}: agrees with the model", name));
    }
    check(contents(config.path) == (config.snapshot ? before : model), fmt::format("{}: the file afterwards", name));
}

/// Many requests at once, from every engine.
void many_at_once(EngineKind kind, const char* name) {
    OpenFailure failure;
    const std::string path = make_file("many", 16 << 20);
    const auto disk = block::open_disk({.path = path, .engine = kind}, failure);
    if (!check(disk != nullptr, fmt::format("{}: opened", name))) return;
    constexpr unsigned kRequests = 1000;
    std::vector<Request> requests(kRequests);
    std::vector<std::vector<uint8_t>> buffers(kRequests, std::vector<uint8_t>(8192));
    for (const Request::Kind kind : {Request::Kind::Write, Request::Kind::Read}) {
        for (unsigned i = 0; i < kRequests; i++) {
            std::fill(buffers[i].begin(), buffers[i].end(), kind == Request::Kind::Write ? static_cast<uint8_t>(i) : 0);
            requests[i].kind = kind;
            requests[i].offset = uint64_t{i} * 8192;
            requests[i].length = 8192;
            requests[i].buffers = {{buffers[i].data(), 8192}};
            disk->submit(requests[i]);
        }
        std::vector<Request*> done;
        while (disk->in_flight() != 0) disk->wait(done);
        bool right = done.size() == kRequests;
        for (unsigned i = 0; i < kRequests; i++)
            right = right && requests[i].error == 0 && buffers[i][0] == static_cast<uint8_t>(i) &&
                    buffers[i][8191] == static_cast<uint8_t>(i);
        check(right, fmt::format("{}: {}", name, kind == Request::Kind::Write ? "writes" : "reads"));
    }
}

void short_file() {
    OpenFailure failure;
    const std::string path = make_file("short", 8192, std::string(8192, 'x'));
    const auto disk = block::open_disk({.path = path}, failure);
    std::filesystem::resize_file(path, 1000);
    std::vector<uint8_t> bytes(8192, 1);
    check_equal(transfer(*disk, Request::Kind::Read, 0, bytes), 0, "a file that has been cut");
    check(bytes[999] == 'x' && bytes[1000] == 0 && bytes[8191] == 0, "reads as 0 behind its end");
}

} // namespace

int main() {
    std::string name = std::filesystem::temp_directory_path() / "beeline-block-XXXXXX";
    folder = mkdtemp(name.data());
    refusals();
    locks();
    guarded_head();
    uint64_t seed = 1;
    for (const EngineKind kind : {EngineKind::IoUring, EngineKind::Threads}) {
        const char* engine = kind == EngineKind::IoUring ? "io_uring" : "threads";
        if (kind == EngineKind::IoUring && block::make_uring_engine() == nullptr) {
            fmt::print("the host refuses io_uring: its engine is left to other hosts\n");
            continue;
        }
        against_model(fmt::format("raw by {}", engine).c_str(), {.path = make_file("model", 1 << 20), .engine = kind},
                      seed++);
        against_model(
            fmt::format("overlay by {}", engine).c_str(),
            {.path = make_file("base", (1 << 20) + 512, std::string(700000, 'b')), .snapshot = true, .engine = kind},
            seed++);
        many_at_once(kind, engine);
    }
    short_file();
    std::filesystem::remove_all(folder);
    return report("block_image");
}
