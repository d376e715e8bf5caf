#include "net/open.h"

#include "net/tap_network.h"
#include "net/user_network.h"

#include <charconv>

namespace beeline::net {

std::optional<MacAddress> parse_mac(const std::string& text) {
    constexpr size_t kStep = 3;
    MacAddress mac{};
    if (text.size() != mac.size() * kStep - 1) return std::nullopt;
    for (size_t i = 0; i < mac.size(); i++) {
        const char* begin = text.data() + i * kStep;
        const auto [end, error] = std::from_chars(begin, begin + 2, mac[i], 16);
        if (error != std::errc() || end != begin + 2 || (i + 1 < mac.size() && *end != ':')) return std::nullopt;
    }
    return mac;
}

std::unique_ptr<Network> open_network(const NetworkConfig& config, NetworkFailure& failure) {
    switch (config.kind) {
    case NetworkConfig::Kind::User: return UserNetwork::open(config, failure);
    case NetworkConfig::Kind::Tap: return TapNetwork::open(config.interface, failure);
    }
    return nullptr;
}

} // namespace beeline::net
