#include "stream/socket_stream.h"

#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

namespace beeline::stream {

namespace {

bool is_socket(const std::string& path) {
    struct stat status {};
    return lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
}

/// A socket whose listener has died is in the way, and of no use to anybody.
bool is_abandoned(const sockaddr_un& address) {
    if (!is_socket(address.sun_path)) return false;
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return false;
    const bool refused =
        connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 && errno == ECONNREFUSED;
    close(fd);
    return refused;
}

} // namespace

std::unique_ptr<SocketStream> SocketStream::open(const std::string& path, StreamFailure& failure) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path) {
        failure = {fmt::format("\"{}\" cannot be the path of a socket", path),
                   fmt::format("give one of up to {} bytes", sizeof address.sun_path - 1)};
        return nullptr;
    }
    std::memcpy(address.sun_path, path.c_str(), path.size());
    if (is_abandoned(address)) unlink(path.c_str());
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    // The mode is that of the file to come: nobody else may connect.
    if (fd >= 0 && fchmod(fd, 0600) == 0 && bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
        listen(fd, 1) == 0)
        return std::unique_ptr<SocketStream>(new SocketStream(fd, path));
    failure = errno == EADDRINUSE
                  ? StreamFailure{fmt::format("{} exists and is in use or no socket", path), "choose another path"}
                  : StreamFailure{fmt::format("the host has no socket {} ({})", path, std::strerror(errno)),
                                  "choose a path in a folder that you may write to"};
    if (fd >= 0) close(fd);
    return nullptr;
}

SocketStream::~SocketStream() {
    disconnect();
    close(listener_);
    end();
}

void SocketStream::end() {
    if (!std::exchange(ended_, true)) unlink(path_.c_str());
}

int SocketStream::prepare(std::vector<pollfd>& descriptors, bool reading, bool writing) {
    if (client_ < 0 || gone_) {
        descriptors.push_back({listener_, POLLIN, 0});
    } else {
        const bool input = reading && !input_over_;
        descriptors.push_back({client_, static_cast<short>((input ? POLLIN : 0) | (writing ? POLLOUT : 0)), 0});
    }
    return -1;
}

void SocketStream::serve(std::span<const pollfd> polled) {
    if (polled.empty() || polled.front().revents == 0) return;
    if (polled.front().fd == listener_) return accept_client();
    if ((polled.front().revents & (POLLHUP | POLLERR)) == 0) return;
    gone_ = true;
    if (input_over_) disconnect();
}

void SocketStream::accept_client() {
    const int client = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client < 0) return;
    disconnect();
    client_ = client;
    number_ = number_ == ~0u ? 1 : number_ + 1;
}

void SocketStream::disconnect() {
    if (client_ >= 0) close(client_);
    client_ = -1;
    input_over_ = gone_ = false;
}

bool SocketStream::client_has_gone() const {
    pollfd client{client_, 0, 0};
    return poll(&client, 1, 0) == 1;
}

size_t SocketStream::read(std::span<const iovec> buffers) {
    if (client_ < 0 || input_over_) return 0;
    const ssize_t got = readv(client_, buffers.data(), static_cast<int>(buffers.size()));
    if (got > 0) return static_cast<size_t>(got);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    // One that only sends no more may still want to read.
    input_over_ = true;
    if (gone_ || client_has_gone()) disconnect();
    return 0;
}

size_t SocketStream::write(std::span<const iovec> buffers) {
    if (!has_reader()) return 0;
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(buffers.data());
    message.msg_iovlen = buffers.size();
    const ssize_t sent = sendmsg(client_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return static_cast<size_t>(sent);
    // What it sent before it went is still to be read.
    if (errno != EAGAIN && errno != EINTR) gone_ = true;
    return 0;
}

} // namespace beeline::stream
