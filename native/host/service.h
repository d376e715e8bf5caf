// What a long-running service needs of the host and Node does not offer.
#pragma once

#include <string>
#include <string_view>

namespace beeline::host {

/// Takes the advisory lock of a file (flock(2)), which is made if need be, and holds it until the process ends, however
/// that happens. 0, or errno: EWOULDBLOCK when another process holds it.
[[nodiscard]] int lock_file(const std::string& path);

/// Sends `state`, such as "READY=1", to the service manager's socket (sd_notify(3)); a first @ in its name stands for
/// the abstract name space. 0, or errno.
[[nodiscard]] int notify_service_manager(const std::string& socket_name, std::string_view state);

} // namespace beeline::host
