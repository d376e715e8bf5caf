// What the host CPU offers that the core can make use of.
#pragma once

#include <string_view>
#include <vector>

namespace beeline::host {

struct Feature {
    std::string_view name; ///< As /proc/cpuinfo spells it.
    bool present;
    std::string_view use; ///< What the core gains from it.
};

/// Every feature the core knows a use for, present or not, in a fixed order.
std::vector<Feature> features();

} // namespace beeline::host
