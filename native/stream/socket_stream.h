// A Unix socket that one client at a time connects to; the next one waits until it has gone.
#pragma once

#include "stream/open.h"

namespace beeline::stream {

class SocketStream final : public Stream {
public:
    static std::unique_ptr<SocketStream> open(const std::string& path, StreamFailure& failure);
    ~SocketStream() override;

    unsigned connection() const override { return client_ < 0 ? 0 : number_; }
    bool has_reader() const override { return client_ >= 0 && !gone_; }
    int prepare(std::vector<pollfd>& descriptors, bool reading, bool writing) override;
    void serve(std::span<const pollfd> polled) override;
    void end() override;
    size_t read(std::span<const iovec> buffers) override;
    size_t write(std::span<const iovec> buffers) override;

private:
    SocketStream(int listener, std::string path) : listener_(listener), path_(std::move(path)) {}
    void accept_client();
    void disconnect();
    bool client_has_gone() const;

    const int listener_;
    const std::string path_;
    int client_ = -1;
    unsigned number_ = 0;
    bool input_over_ = false; ///< The client sends no more.
    /// It has gone, and what it sent last has not been read: until that is done, or another client comes.
    bool gone_ = false;
    bool ended_ = false;
};

} // namespace beeline::stream
