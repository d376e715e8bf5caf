// From what a user asks for to a network.
#pragma once

#include "net/network.h"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace beeline::net {

using MacAddress = std::array<uint8_t, 6>;

struct NetworkConfig {
    enum class Kind : uint8_t {
        User, ///< Address translation in this process; needs no privileges.
        Tap,  ///< A tap interface of the host's, made by somebody who may.
    };
    Kind kind = Kind::User;
    std::optional<MacAddress> mac; ///< Of the guest's card; none: 52:54:00:12:34:56 and on.
    std::vector<Forward> forwards; ///< Of User.
    bool restricted = false;       ///< Of User: the guest reaches nothing, and is reached by forwarded ports only.
    std::string interface;         ///< Of Tap.
};

/// Six bytes in hexadecimal with colons between them; nothing when it is not that.
std::optional<MacAddress> parse_mac(const std::string& text);

/// nullptr: `failure` says why.
std::unique_ptr<Network> open_network(const NetworkConfig& config, NetworkFailure& failure);

} // namespace beeline::net
