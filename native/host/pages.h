// What the host knows about pages of this process.
#pragma once

#include <cstdint>

namespace beeline::host {

/// Whether any page of a range was ever written here: not that of a file behind it, nor one that does not exist yet.
/// True where the host does not tell.
bool any_own_page(const uint8_t* bytes, uint64_t length);

} // namespace beeline::host
