// From what a user asks for to a stream.
#pragma once

#include "stream/stream.h"

#include <cstdint>
#include <memory>
#include <string>

namespace beeline::stream {

struct StreamConfig {
    enum class Kind : uint8_t {
        Socket, ///< A Unix socket that one client at a time connects to.
        File,   ///< Output goes to the end of a file; there is no input.
        Serial, ///< Where the machine's serial port goes; its owner makes the stream.
    };
    Kind kind = Kind::Socket;
    std::string path;      ///< Of Socket and File.
    bool truncate = false; ///< Of File: what it holds is removed first.
};

/// Why there is no such stream.
struct StreamFailure {
    std::string detail, remedy;
};

/// Of a Socket or a File. nullptr: `failure` says why.
std::unique_ptr<Stream> open_stream(const StreamConfig& config, StreamFailure& failure);

} // namespace beeline::stream
