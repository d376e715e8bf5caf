#include "stream/open.h"

#include "stream/file_stream.h"
#include "stream/socket_stream.h"

namespace beeline::stream {

std::unique_ptr<Stream> open_stream(const StreamConfig& config, StreamFailure& failure) {
    switch (config.kind) {
    case StreamConfig::Kind::Socket: return SocketStream::open(config.path, failure);
    case StreamConfig::Kind::File: return FileStream::open(config.path, config.truncate, failure);
    case StreamConfig::Kind::Serial: break;
    }
    return nullptr;
}

} // namespace beeline::stream
