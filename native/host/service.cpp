#include "host/service.h"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace beeline::host {

int lock_file(const std::string& path) {
    const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) return errno;
    if (flock(file, LOCK_EX | LOCK_NB) == 0) return 0; // The descriptor stays open: it is the lock.
    const int error = errno;
    close(file);
    return error;
}

int notify_service_manager(const std::string& socket_name, std::string_view state) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket_name.empty() || socket_name.size() >= sizeof address.sun_path) return EINVAL;
    std::memcpy(address.sun_path, socket_name.data(), socket_name.size());
    if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
    const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket < 0) return errno;
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_name.size());
    const ssize_t sent =
        sendto(socket, state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), length);
    const int error = sent < 0 ? errno : 0;
    close(socket);
    return error;
}

} // namespace beeline::host
