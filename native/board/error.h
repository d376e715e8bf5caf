// Errors as values: what went wrong, with which option, and what to do about it.
#pragma once

#include "block/file.h"

#include <cassert>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>

namespace beeline::board {

/// A refusal that a user can act upon. `code` is a row of the control plane's table of errors; the other fields fill
/// the row's placeholders of the same names, and are empty where the row has none. `message` is the whole sentence,
/// cause and remedy, for callers without that table.
struct Error {
    std::string code{};     ///< BEELINE_E_...
    std::string option{};   ///< As on the command line: "--kernel"
    std::string path{};     ///< The file concerned.
    std::string expected{}; ///< What the file should have been.
    std::string size{};     ///< Of the file, as a person reads it.
    std::string memory{};   ///< Of the guest, as a person reads it.
    std::string detail{};   ///< The cause, without option and path.
    std::string remedy{};
    std::string message{};
};

/// Either a value or an Error.
template <class T> class [[nodiscard]] Result {
public:
    Result(T value) : content_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : content_(std::in_place_index<1>, std::move(error)) {}

    explicit operator bool() const { return content_.index() == 0; }
    T& value() {
        assert(content_.index() == 0);
        return *std::get_if<0>(&content_);
    }
    const T& value() const {
        assert(content_.index() == 0);
        return *std::get_if<0>(&content_);
    }
    T& operator*() { return value(); }
    T* operator->() { return &value(); }
    const T& operator*() const { return value(); }
    const T* operator->() const { return &value(); }
    Error& error() {
        assert(content_.index() == 1);
        return *std::get_if<1>(&content_);
    }
    const Error& error() const {
        assert(content_.index() == 1);
        return *std::get_if<1>(&content_);
    }

private:
    std::variant<T, Error> content_;
};

struct Nothing {};
/// Success without a value, or an Error.
using Status = Result<Nothing>;
inline Status success() { return Nothing{}; }

// The errors of this folder, a function each. Options are named as on the command line.
Error memory_error(std::string detail, std::string remedy);
Error cpus_error(std::string detail, std::string remedy);
Error value_error(std::string option, std::string detail, std::string remedy);
Error missing_file(std::string option, std::string path);
Error unreadable_file(std::string option, std::string path, std::string detail);
Error unwritable_file(std::string option, std::string path, std::string detail);
/// `expected`: "an initial RAM disk"; `found`, when known: "it is a kernel".
Error wrong_kind(std::string option, std::string path, std::string expected, std::string found = {});
Error too_big(std::string option, std::string path, uint64_t size, uint64_t memory, std::string detail = {});
/// Why an image's file could not be opened. Refusals are those of a disk.
Error open_error(std::string option, const block::OpenFailure& failure);
Error disk_error(std::string path, std::string detail, std::string remedy);
Error snapshot_error(std::string path, std::string detail, std::string remedy);
Error machine_error(std::string detail);

/// "48 bytes", "1.5 MiB", "2 GiB"
std::string readable_size(uint64_t bytes);

} // namespace beeline::board
