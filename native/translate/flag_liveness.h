// Whether NZCV matters at a place in a page of guest code.
#pragma once

#include "arm64/execution_context.h"

#include <cstdint>

namespace beeline::arm64 {
struct CpuFeatures;
}

namespace beeline::translate {

/// Whatever is executed from `offset` in the page on overwrites NZCV before reading it, on every path, as far as the
/// page alone tells. `branches`: how many may be followed.
bool flags_dead_at(const uint8_t* page, int64_t offset, arm64::ExecutionContext context,
                   const arm64::CpuFeatures& features, unsigned branches);

} // namespace beeline::translate
