// Makes a failing case small: fewer instructions, fewer registers, as long as it still fails.
#pragma once

#include "compare.h"

#include <functional>

namespace beeline::differential {

/// Runs a variant of the case on both sides.
using Judge = std::function<Verdict(const TestCase& test)>;

/// Instructions that do not matter become NOPs; registers that do not matter become 0. `test` must fail under `judge`.
TestCase minimise(const TestCase& test, const Judge& judge);

/// The case in words: seed line aside, its instructions and what differs.
std::string describe(const TestCase& test, const Verdict& verdict);

} // namespace beeline::differential
