// Bit-exact Arm floating point over uint16_t, uint32_t and uint64_t bit patterns (f16, f32, f64), FPSR included.
#pragma once

#include "arm64/fp/arithmetic.h"
#include "arm64/fp/compare.h"
#include "arm64/fp/context.h"
#include "arm64/fp/convert.h"
#include "arm64/fp/estimate.h"
