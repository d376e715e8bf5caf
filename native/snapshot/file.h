// The file of a snapshot: named parts, in chunks that are compressed and checked one by one, so that several threads
// write and read them.
//
//     header   64 bytes: what the file is, its length, where the index is; checksum
//     chunks   one behind the other, each a Zstandard frame
//     index    an entry a chunk: what it is of, its place, its checksum
//
// Every byte is under one of the checksums. All numbers are little-endian.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace beeline::snapshot {

/// What a chunk is of.
using Part = uint32_t;

/// Why a file was refused, or could not be written.
struct Failure {
    enum class Kind : uint8_t {
        Missing,    ///< There is no such file.
        Unreadable, ///< `detail` says why.
        Unwritable, ///< Likewise.
        Refused,    ///< `detail` says why, `remedy` what to do.
    };
    Kind kind = Kind::Refused;
    std::string detail;
    std::string remedy;
};

inline constexpr uint32_t kFormatVersion = 1;
inline constexpr uint64_t kPageBytes = 4096, kChunkBytes = uint64_t{2} << 20;

/// Bytes by pages, those left out that hold nothing but `filler`. Functions are called by several threads at once.
struct PageSource {
    uint64_t size = 0;
    uint8_t filler = 0;
    /// Where kChunkBytes or what is left of them from `offset` on are, in `scratch` if need be; nullptr: nothing but
    /// filler, or `error` is an errno.
    std::function<const uint8_t*(uint64_t offset, uint64_t length, uint8_t* scratch, int& error)> read;
};
struct PageSink {
    uint64_t size = 0;
    /// Puts pages where they belong; what never comes is filler. 0 or an errno.
    std::function<int(uint64_t offset, std::span<const uint8_t> pages)> write;
};

struct Chunk {
    Part part = 0;
    uint32_t checksum = 0; ///< Of the stored bytes.
    uint64_t start = 0;    ///< In its part, not compressed.
    uint64_t place = 0;    ///< In the file.
    uint32_t length = 0;   ///< In its part.
    uint32_t stored = 0;   ///< In the file.
};
static_assert(sizeof(Chunk) == 32);

/// Writes beside the file that there may be, and replaces it in the end.
class FileWriter {
public:
    /// nullptr: `failure` says why, as with the other functions.
    static std::unique_ptr<FileWriter> create(const std::string& path, Failure& failure);
    ~FileWriter();
    FileWriter(const FileWriter&) = delete;
    FileWriter& operator=(const FileWriter&) = delete;

    [[nodiscard]] bool add(Part part, std::span<const uint8_t> bytes, Failure& failure);
    [[nodiscard]] bool add_pages(Part part, const PageSource& source, Failure& failure);
    /// Once it has reached the disk the file has its name.
    [[nodiscard]] bool commit(Failure& failure);
    uint64_t bytes() const { return end_; }

private:
    FileWriter(std::string path, std::string temporary, int descriptor);
    int append(Chunk chunk, std::span<const uint8_t> stored);

    const std::string path_, temporary_;
    const int descriptor_;
    std::mutex mutex_; ///< What follows.
    uint64_t end_;
    std::vector<Chunk> chunks_;
    bool committed_ = false;
};

class FileReader {
public:
    /// Checks header and index. nullptr: `failure` says why, as with the other functions.
    static std::unique_ptr<FileReader> open(const std::string& path, Failure& failure);
    ~FileReader();
    FileReader(const FileReader&) = delete;
    FileReader& operator=(const FileReader&) = delete;

    [[nodiscard]] bool read(Part part, std::vector<uint8_t>& bytes, Failure& failure);
    struct Pages {
        Part part;
        PageSink sink;
    };
    /// All of these parts at once; with those that read() has returned they have to be all there are.
    [[nodiscard]] bool read_pages(std::span<const Pages> parts, Failure& failure);

private:
    explicit FileReader(int descriptor) : descriptor_(descriptor) {}
    bool unpack(const Chunk& chunk, size_t most, std::vector<uint8_t>& stored, std::vector<uint8_t>& bytes,
                Failure& failure) const;

    const int descriptor_;
    std::vector<Chunk> chunks_;
    size_t parts_read_ = 0; ///< By read(): a chunk each.
};

} // namespace beeline::snapshot
