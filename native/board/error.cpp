#include "board/error.h"

#include <fmt/format.h>

namespace beeline::board {

namespace {

void compose(Error& error, const std::string& cause) {
    error.message = error.remedy.empty() ? cause : fmt::format("{}; {}", cause, error.remedy);
}

} // namespace

Error memory_error(std::string detail, std::string remedy) {
    Error error{
        .code = "BEELINE_E_MEMORY", .option = "--memory", .detail = std::move(detail), .remedy = std::move(remedy)};
    compose(error, fmt::format("--memory: {}", error.detail));
    return error;
}

Error cpus_error(std::string detail, std::string remedy) {
    Error error{.code = "BEELINE_E_CPUS", .option = "--cpus", .detail = std::move(detail), .remedy = std::move(remedy)};
    compose(error, fmt::format("--cpus: {}", error.detail));
    return error;
}

Error value_error(std::string option, std::string detail, std::string remedy) {
    Error error{.code = "BEELINE_E_OPTION_VALUE",
                .option = std::move(option),
                .detail = std::move(detail),
                .remedy = std::move(remedy)};
    compose(error, fmt::format("{}: {}", error.option, error.detail));
    return error;
}

Error missing_file(std::string option, std::string path) {
    Error error{.code = "BEELINE_E_FILE_MISSING",
                .option = std::move(option),
                .path = std::move(path),
                .remedy = "check the path"};
    compose(error, fmt::format("{}: {} does not exist", error.option, error.path));
    return error;
}

Error unreadable_file(std::string option, std::string path, std::string detail) {
    Error error{.code = "BEELINE_E_FILE_UNREADABLE",
                .option = std::move(option),
                .path = std::move(path),
                .detail = std::move(detail),
                .remedy = "give a regular file that you may read"};
    compose(error, fmt::format("{}: {} cannot be read ({})", error.option, error.path, error.detail));
    return error;
}

Error wrong_kind(std::string option, std::string path, std::string expected, std::string found) {
    Error error{.code = "BEELINE_E_FILE_KIND",
                .option = std::move(option),
                .path = std::move(path),
                .expected = found.empty() ? std::move(expected) : fmt::format("{} ({})", expected, found),
                .detail = std::move(found)};
    error.remedy = fmt::format("give the right file, or leave {} out", error.option);
    compose(error, fmt::format("{}: {} is not {}", error.option, error.path, error.expected));
    return error;
}

Error too_big(std::string option, std::string path, uint64_t size, uint64_t memory, std::string detail) {
    Error error{.code = "BEELINE_E_FILE_TOO_BIG",
                .option = std::move(option),
                .path = std::move(path),
                .size = readable_size(size),
                .memory = readable_size(memory),
                .detail = std::move(detail),
                .remedy = "give more with --memory"};
    compose(error, fmt::format("{}: {} ({}) does not fit the guest memory of {}", error.option, error.path, error.size,
                               error.memory));
    return error;
}

Error unwritable_file(std::string option, std::string path, std::string detail) {
    Error error{.code = "BEELINE_E_FILE_UNWRITABLE",
                .option = std::move(option),
                .path = std::move(path),
                .detail = std::move(detail),
                .remedy = "choose a file that you may write to"};
    compose(error, fmt::format("{}: {} cannot be written ({})", error.option, error.path, error.detail));
    return error;
}

Error open_error(std::string option, const block::OpenFailure& failure) {
    using Kind = block::OpenFailure::Kind;
    switch (failure.kind) {
    case Kind::Missing: return missing_file(std::move(option), failure.path);
    case Kind::Unreadable: return unreadable_file(std::move(option), failure.path, failure.detail);
    case Kind::Unwritable: return unwritable_file(std::move(option), failure.path, failure.detail);
    case Kind::WrongKind: return wrong_kind(std::move(option), failure.path, failure.detail);
    case Kind::Refused: break;
    }
    return disk_error(failure.path, failure.detail, failure.remedy);
}

Error disk_error(std::string path, std::string detail, std::string remedy) {
    Error error{.code = "BEELINE_E_DISK",
                .option = "--drive",
                .path = std::move(path),
                .detail = std::move(detail),
                .remedy = std::move(remedy)};
    compose(error, fmt::format("--drive: {}: {}", error.path, error.detail));
    return error;
}

Error snapshot_error(std::string path, std::string detail, std::string remedy) {
    Error error{.code = "BEELINE_E_SNAPSHOT",
                .path = std::move(path),
                .detail = std::move(detail),
                .remedy = std::move(remedy)};
    compose(error, fmt::format("the snapshot {}: {}", error.path, error.detail));
    return error;
}

Error machine_error(std::string detail) {
    Error error{.code = "BEELINE_E_MACHINE", .detail = std::move(detail)};
    compose(error, fmt::format("the machine failed: {}", error.detail));
    return error;
}

std::string readable_size(uint64_t bytes) {
    constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB"};
    if (bytes < 1024) return fmt::format("{} bytes", bytes);
    auto value = static_cast<double>(bytes);
    unsigned unit = 0;
    for (value /= 1024; value >= 1024 && unit < 3; unit++) value /= 1024;
    return value == static_cast<double>(static_cast<uint64_t>(value))
               ? fmt::format("{} {}", static_cast<uint64_t>(value), kUnits[unit])
               : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

} // namespace beeline::board
