#include "minimise.h"

#include "arm64/disassembler.h"

#include <fmt/format.h>

namespace beeline::differential {

namespace {

bool fails(const Verdict& verdict) { return !verdict.same() && verdict.known == nullptr; }

} // namespace

TestCase minimise(const TestCase& original, const Judge& judge) {
    TestCase test = original;
    const auto attempt = [&](auto change) {
        TestCase variant = test;
        change(variant);
        if (fails(judge(variant))) test = variant;
    };
    for (unsigned i = test.count; i-- > 0;) {
        if (test.words[i] == kNop) continue;
        attempt([&](TestCase& variant) { variant.words[i] = kNop; });
    }
    attempt([](TestCase& variant) { variant.initial.fpcr = 0; });
    attempt([](TestCase& variant) { variant.initial.fpsr = 0; });
    attempt([](TestCase& variant) { variant.initial.nzcv = 0; });
    attempt([](TestCase& variant) { variant.initial.tpidr = 0; });
    attempt([](TestCase& variant) {
        for (uint64_t& x : variant.initial.x) x = 0;
    });
    attempt([](TestCase& variant) {
        for (DiffVector& v : variant.initial.v) v = {};
    });
    for (unsigned i = 0; i < 31; i++)
        if (test.initial.x[i] != 0) attempt([&](TestCase& variant) { variant.initial.x[i] = 0; });
    for (unsigned i = 0; i < 32; i++)
        for (unsigned half = 0; half < 2; half++)
            if (test.initial.v[i].d[half] != 0) attempt([&](TestCase& variant) { variant.initial.v[i].d[half] = 0; });
    return test;
}

std::string describe(const TestCase& test, const Verdict& verdict) {
    std::string text;
    const DiffState& state = test.initial;
    for (unsigned i = 0; i < test.count; i++) {
        if (test.words[i] == kNop) continue;
        const uint64_t address = state.pc + i * 4;
        text +=
            fmt::format("  {:#x}  {:08x}  {}\n", address, test.words[i], arm64::disassemble(test.words[i], address));
    }
    text += "  from";
    for (unsigned i = 0; i < 31; i++)
        if (state.x[i] != 0) text += fmt::format(" x{}={:#x}", i, state.x[i]);
    for (unsigned i = 0; i < 32; i++)
        if (state.v[i].d[0] != 0 || state.v[i].d[1] != 0)
            text += fmt::format(" v{}={:016x}_{:016x}", i, state.v[i].d[1], state.v[i].d[0]);
    text += fmt::format(" sp={:#x} nzcv={:#x} fpcr={:#x} fpsr={:#x}\n", state.sp, state.nzcv, state.fpcr, state.fpsr);
    text += fmt::format("  {:24} {:36} {:36} {}\n", "differs", "initial", "beeline", "oracle");
    for (const Difference& difference : verdict.differences)
        text += fmt::format("  {:24} {:36} {:36} {}\n", difference.name, difference.initial, difference.ours,
                            difference.oracle);
    return text;
}

} // namespace beeline::differential
