#include "snapshot/file.h"

#include "runtime/thread.h"
#include "snapshot/checksum.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <zstd.h>

namespace beeline::snapshot {

namespace {

constexpr char kMagic[8] = {'B', 'E', 'E', 'L', 'S', 'N', 'A', 'P'};
/// The quickest level that is worth its name: a snapshot is waited for.
constexpr int kCompressionLevel = 1;
constexpr unsigned kMostThreads = 8;
/// Of a part that is no pages.
constexpr uint32_t kLargestPart = uint32_t{64} << 20;
constexpr uint64_t kPagesAChunk = kChunkBytes / kPageBytes;

struct Header {
    char magic[8];
    uint32_t version;
    uint32_t header_bytes;
    uint64_t file_bytes;
    uint64_t index_place;
    uint64_t index_bytes;
    uint32_t index_checksum;
    uint8_t reserved[16];
    uint32_t checksum; ///< Of what is before it.
};
static_assert(sizeof(Header) == 64);

uint32_t checksum_of(const Header& header) {
    return crc32c({reinterpret_cast<const uint8_t*>(&header), offsetof(Header, checksum)});
}

int write_all(int descriptor, uint64_t place, std::span<const uint8_t> bytes) {
    while (!bytes.empty()) {
        const ssize_t written = pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(place));
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return errno;
        place += static_cast<uint64_t>(written);
        bytes = bytes.subspan(static_cast<size_t>(written));
    }
    return 0;
}

/// EUCLEAN: the file ends before.
int read_all(int descriptor, uint64_t place, std::span<uint8_t> bytes) {
    while (!bytes.empty()) {
        const ssize_t got = pread(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(place));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno;
        if (got == 0) return EUCLEAN;
        place += static_cast<uint64_t>(got);
        bytes = bytes.subspan(static_cast<size_t>(got));
    }
    return 0;
}

Failure damaged(std::string_view how) {
    return {Failure::Kind::Refused, fmt::format("the file is damaged ({})", how),
            "take the snapshot again, or fetch the file again from where it was copied"};
}
Failure unreadable(int error) { return {Failure::Kind::Unreadable, std::strerror(error), {}}; }
Failure unwritable(int error) { return {Failure::Kind::Unwritable, std::strerror(error), {}}; }

/// Calls `work` on several threads, this one among them, until it has nothing more to do.
template <class Work> void on_all_threads(uint64_t pieces, const Work& work) {
    const uint64_t wanted =
        std::min<uint64_t>({pieces, kMostThreads, std::max(1u, std::thread::hardware_concurrency())});
    std::vector<runtime::Thread> threads(wanted > 1 ? wanted - 1 : 0);
    // One that the host refuses is done without.
    for (runtime::Thread& thread : threads)
        if (!thread.start("beeline-snap", [&work] { work(); })) break;
    work();
    for (runtime::Thread& thread : threads) thread.join();
}

bool only_filler(const uint8_t* page, uint8_t filler) {
    const uint64_t wanted = filler * (~uint64_t{0} / 0xFF);
    for (size_t i = 0; i < kPageBytes; i += 64) {
        uint64_t words[8];
        std::memcpy(words, page + i, sizeof words);
        uint64_t others = 0;
        for (const uint64_t word : words) others |= word ^ wanted;
        if (others != 0) return false;
    }
    return true;
}

/// A chunk of pages, not compressed: a bit a page, from the first one on, whether it is there; then those pages. Empty:
/// none is.
void pack_pages(const uint8_t* bytes, uint64_t length, uint8_t filler, std::vector<uint8_t>& packed) {
    const uint64_t pages = length / kPageBytes;
    packed.assign((pages + 7) / 8, 0);
    for (uint64_t page = 0; page < pages; page++) {
        const uint8_t* first = bytes + page * kPageBytes;
        if (only_filler(first, filler)) continue;
        packed[page / 8] |= static_cast<uint8_t>(1 << page % 8);
        packed.insert(packed.end(), first, first + kPageBytes);
    }
    if (packed.size() == (pages + 7) / 8) packed.clear();
}

/// 0, EUCLEAN when `packed` is nothing like that, or an errno of the sink's.
int unpack_pages(std::span<const uint8_t> packed, const Chunk& chunk, const PageSink& sink) {
    const uint64_t pages = chunk.length / kPageBytes, bitmap = (pages + 7) / 8;
    if (packed.size() < bitmap) return EUCLEAN;
    const auto present = [&](uint64_t page) { return page < pages && (packed[page / 8] >> page % 8 & 1) != 0; };
    uint64_t count = 0;
    for (uint64_t page = 0; page < bitmap * 8; page++) {
        if ((packed[page / 8] >> page % 8 & 1) == 0) continue;
        if (page >= pages) return EUCLEAN;
        count++;
    }
    if (packed.size() != bitmap + count * kPageBytes) return EUCLEAN;
    const uint8_t* from = packed.data() + bitmap;
    for (uint64_t page = 0; page < pages;) {
        uint64_t end = page;
        while (present(end)) end++;
        if (end == page) {
            page++;
            continue;
        }
        const std::span run(from, (end - page) * kPageBytes);
        if (const int error = sink.write(chunk.start + page * kPageBytes, run); error != 0) return error;
        from += run.size();
        page = end;
    }
    return 0;
}

struct Compressor {
    ZSTD_CCtx* context = ZSTD_createCCtx();
    std::vector<uint8_t> stored;
    ~Compressor() { ZSTD_freeCCtx(context); }
    /// 0 or an errno.
    int compress(std::span<const uint8_t> bytes) {
        if (context == nullptr) return ENOMEM;
        stored.resize(ZSTD_compressBound(bytes.size()));
        const size_t size =
            ZSTD_compressCCtx(context, stored.data(), stored.size(), bytes.data(), bytes.size(), kCompressionLevel);
        if (ZSTD_isError(size) != 0) return ENOMEM;
        stored.resize(size);
        return 0;
    }
};

} // namespace

// ---- Writing -------------------------------------------------------------------------------------------------------

FileWriter::FileWriter(std::string path, std::string temporary, int descriptor)
    : path_(std::move(path)), temporary_(std::move(temporary)), descriptor_(descriptor), end_(sizeof(Header)) {}

std::unique_ptr<FileWriter> FileWriter::create(const std::string& path, Failure& failure) {
    const std::string temporary = fmt::format("{}.{}.tmp", path, getpid());
    const int descriptor = open(temporary.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0) {
        failure = unwritable(errno);
        return nullptr;
    }
    return std::unique_ptr<FileWriter>(new FileWriter(path, temporary, descriptor));
}

FileWriter::~FileWriter() {
    close(descriptor_);
    if (!committed_) unlink(temporary_.c_str());
}

int FileWriter::append(Chunk chunk, std::span<const uint8_t> stored) {
    chunk.checksum = crc32c(stored);
    chunk.stored = static_cast<uint32_t>(stored.size());
    {
        const std::lock_guard lock(mutex_);
        chunk.place = end_;
        end_ += stored.size();
        chunks_.push_back(chunk);
    }
    return write_all(descriptor_, chunk.place, stored);
}

bool FileWriter::add(Part part, std::span<const uint8_t> bytes, Failure& failure) {
    if (bytes.size() > kLargestPart) {
        failure = unwritable(EFBIG);
        return false;
    }
    Compressor compressor;
    int error = compressor.compress(bytes);
    if (error == 0) error = append({.part = part, .length = static_cast<uint32_t>(bytes.size())}, compressor.stored);
    if (error != 0) failure = unwritable(error);
    return error == 0;
}

bool FileWriter::add_pages(Part part, const PageSource& source, Failure& failure) {
    const uint64_t chunks = (source.size + kChunkBytes - 1) / kChunkBytes;
    std::atomic<uint64_t> next{0};
    std::atomic<int> first_error{0};
    on_all_threads(chunks, [&] {
        Compressor compressor;
        std::vector<uint8_t> scratch(kChunkBytes), packed;
        for (uint64_t number = next++; number < chunks && first_error == 0; number = next++) {
            const uint64_t start = number * kChunkBytes, length = std::min(kChunkBytes, source.size - start);
            int error = 0;
            const uint8_t* bytes = source.read(start, length, scratch.data(), error);
            if (bytes != nullptr) {
                pack_pages(bytes, length, source.filler, packed);
                if (packed.empty()) continue;
                error = compressor.compress(packed);
                if (error == 0)
                    error = append({.part = part, .start = start, .length = static_cast<uint32_t>(length)},
                                   compressor.stored);
            }
            int none = 0;
            if (error != 0) first_error.compare_exchange_strong(none, error);
        }
    });
    if (first_error != 0) failure = unwritable(first_error);
    return first_error == 0;
}

bool FileWriter::commit(Failure& failure) {
    const std::span index(reinterpret_cast<const uint8_t*>(chunks_.data()), chunks_.size() * sizeof(Chunk));
    Header header{};
    std::memcpy(header.magic, kMagic, sizeof kMagic);
    header.version = kFormatVersion;
    header.header_bytes = sizeof header;
    header.file_bytes = end_ + index.size();
    header.index_place = end_;
    header.index_bytes = index.size();
    header.index_checksum = crc32c(index);
    header.checksum = checksum_of(header);
    int error = write_all(descriptor_, end_, index);
    if (error == 0) error = write_all(descriptor_, 0, {reinterpret_cast<const uint8_t*>(&header), sizeof header});
    if (error == 0 && fdatasync(descriptor_) != 0) error = errno;
    if (error == 0 && rename(temporary_.c_str(), path_.c_str()) != 0) error = errno;
    if (error != 0) {
        failure = unwritable(error);
        return false;
    }
    committed_ = true;
    end_ += index.size();
    // The name has to last as well.
    const std::filesystem::path folder = std::filesystem::path(path_).parent_path();
    if (const int parent = open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        parent >= 0) {
        fsync(parent);
        close(parent);
    }
    return true;
}

// ---- Reading -------------------------------------------------------------------------------------------------------

std::unique_ptr<FileReader> FileReader::open(const std::string& path, Failure& failure) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        failure = errno == ENOENT ? Failure{Failure::Kind::Missing, {}, {}} : unreadable(errno);
        return nullptr;
    }
    std::unique_ptr<FileReader> reader(new FileReader(descriptor));
    struct stat status {};
    if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
        failure = {Failure::Kind::Refused, "it is no regular file", "give the file of a snapshot"};
        return nullptr;
    }
    const auto bytes = static_cast<uint64_t>(status.st_size);
    Header header{};
    if (const int error = read_all(descriptor, 0, {reinterpret_cast<uint8_t*>(&header), sizeof header});
        error != 0 && error != EUCLEAN) {
        failure = unreadable(error);
        return nullptr;
    }
    if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0) {
        failure = {Failure::Kind::Refused, "it is no snapshot", "give a file that --snapshot-save has written"};
        return nullptr;
    }
    if (bytes < sizeof header || header.checksum != checksum_of(header)) {
        failure = damaged("its header is wrong");
        return nullptr;
    }
    if (header.version != kFormatVersion || header.header_bytes != sizeof header) {
        failure = {Failure::Kind::Refused,
                   fmt::format("it is of version {} of the format, and this Beeline knows version {}", header.version,
                               kFormatVersion),
                   "load it with the Beeline that saved it"};
        return nullptr;
    }
    if (header.file_bytes != bytes) {
        failure = damaged(fmt::format("it has {} bytes of {}", bytes, header.file_bytes));
        return nullptr;
    }
    if (header.index_place < sizeof header || header.index_place > bytes ||
        header.index_bytes != bytes - header.index_place || header.index_bytes % sizeof(Chunk) != 0) {
        failure = damaged("its index is not in it");
        return nullptr;
    }
    std::vector<Chunk> chunks(header.index_bytes / sizeof(Chunk));
    const std::span index(reinterpret_cast<uint8_t*>(chunks.data()), header.index_bytes);
    if (const int error = read_all(descriptor, header.index_place, index); error != 0) {
        failure = unreadable(error);
        return nullptr;
    }
    if (crc32c(index) != header.index_checksum) {
        failure = damaged("its index is wrong");
        return nullptr;
    }
    // One behind the other: no byte belongs to none.
    uint64_t place = sizeof header;
    for (const Chunk& chunk : chunks) {
        if (chunk.place != place || chunk.stored > header.index_place - place) {
            failure = damaged("its index contradicts itself");
            return nullptr;
        }
        place += chunk.stored;
    }
    if (place != header.index_place) {
        failure = damaged("its index contradicts itself");
        return nullptr;
    }
    reader->chunks_ = std::move(chunks);
    return reader;
}

FileReader::~FileReader() { close(descriptor_); }

/// The chunk's bytes, `most` at most.
bool FileReader::unpack(const Chunk& chunk, size_t most, std::vector<uint8_t>& stored, std::vector<uint8_t>& bytes,
                        Failure& failure) const {
    stored.resize(chunk.stored);
    if (const int error = read_all(descriptor_, chunk.place, stored); error != 0) {
        failure = error == EUCLEAN ? damaged("it has become shorter") : unreadable(error);
        return false;
    }
    if (crc32c(stored) != chunk.checksum) {
        failure = damaged(fmt::format("the checksum of {} bytes at {} is wrong", chunk.stored, chunk.place));
        return false;
    }
    bytes.resize(most);
    const size_t size = ZSTD_decompress(bytes.data(), bytes.size(), stored.data(), stored.size());
    if (ZSTD_isError(size) != 0) {
        failure = damaged("it does not decompress");
        return false;
    }
    bytes.resize(size);
    return true;
}

bool FileReader::read(Part part, std::vector<uint8_t>& bytes, Failure& failure) {
    const auto is_of = [part](const Chunk& chunk) { return chunk.part == part; };
    const auto found = std::find_if(chunks_.begin(), chunks_.end(), is_of);
    if (found == chunks_.end() || std::count_if(chunks_.begin(), chunks_.end(), is_of) != 1 ||
        found->length > kLargestPart) {
        failure = damaged("a part of it is missing");
        return false;
    }
    std::vector<uint8_t> stored;
    if (!unpack(*found, found->length, stored, bytes, failure)) return false;
    if (bytes.size() == found->length) {
        parts_read_++;
        return true;
    }
    failure = damaged("a part of it is too short");
    return false;
}

bool FileReader::read_pages(std::span<const Pages> parts, Failure& failure) {
    struct Piece {
        const Chunk* chunk;
        const PageSink* sink;
    };
    std::vector<Piece> pieces;
    for (const Pages& pages : parts) {
        std::vector<uint64_t> starts;
        for (const Chunk& chunk : chunks_) {
            if (chunk.part != pages.part) continue;
            const uint64_t size = pages.sink.size;
            if (chunk.start % kChunkBytes != 0 || chunk.start >= size ||
                chunk.length != std::min(kChunkBytes, size - chunk.start)) {
                failure = damaged("a part of it has another size");
                return false;
            }
            starts.push_back(chunk.start);
            pieces.push_back({&chunk, &pages.sink});
        }
        std::sort(starts.begin(), starts.end());
        if (std::adjacent_find(starts.begin(), starts.end()) != starts.end()) {
            failure = damaged("a part of it is there twice");
            return false;
        }
    }
    if (pieces.size() + parts_read_ != chunks_.size()) {
        failure = damaged("it has more than is known");
        return false;
    }
    std::atomic<size_t> next{0};
    std::atomic<bool> failing{false};
    std::mutex mutex;
    on_all_threads(pieces.size(), [&] {
        std::vector<uint8_t> stored, bytes;
        for (size_t number = next++; number < pieces.size() && !failing; number = next++) {
            const Piece& piece = pieces[number];
            Failure own;
            bool good = unpack(*piece.chunk, kChunkBytes + kPagesAChunk / 8, stored, bytes, own);
            if (good) {
                const int error = unpack_pages(bytes, *piece.chunk, *piece.sink);
                if (error != 0) own = error == EUCLEAN ? damaged("pages are missing") : unreadable(error);
                good = error == 0;
            }
            if (good) continue;
            failing = true;
            const std::lock_guard lock(mutex);
            failure = std::move(own);
        }
    });
    return !failing;
}

} // namespace beeline::snapshot
