#include "translate/float_run.h"

#include <algorithm>
#include <bit>

namespace beeline::translate {

using namespace Xbyak::util;
using arm64::Insn;
using arm64::Op;

namespace {

enum class Kind : uint8_t { Other, Sum, Product, Fused };

Kind kind_of(const Insn& insn) {
    switch (static_cast<Op>(insn.op)) {
    case Op::FADD_scalar:
    case Op::FSUB_scalar:
    case Op::FDIV_scalar: return Kind::Sum;
    case Op::FMUL_scalar:
    case Op::FNMUL_scalar: return Kind::Product;
    case Op::FMADD_scalar:
    case Op::FMSUB_scalar:
    case Op::FNMADD_scalar:
    case Op::FNMSUB_scalar: return Kind::Fused;
    default: return Kind::Other;
    }
}

} // namespace

bool FloatRun::take(const Insn& insn) {
    const Kind kind = kind_of(insn);
    if (kind == Kind::Other || (kind == Kind::Fused && !fused_) || length_ == kMost) return false;
    if (length_ != 0 && precision_of(insn) != precision_) return false;
    const uint32_t defined = defined_ | 1u << insn.rd;
    if (std::popcount(defined) > static_cast<int>(kMostResults)) return false;

    const auto uses = [&](unsigned guest) {
        return guest == insn.rn || guest == insn.rm || (kind == Kind::Fused && guest == insn.ra);
    };
    for (unsigned i = 0; i < length_; i++) // A product that is overwritten could not be compared any more.
        if (results_[i].last && results_[i].product && results_[i].rd == insn.rd) return false;
    for (unsigned i = 0; i < length_; i++) {
        Result& result = results_[i];
        if (!result.last) continue;
        if (uses(result.rd)) result.used_by |= static_cast<uint16_t>(1u << length_);
        if (result.rd == insn.rd) result.last = false;
    }
    precision_ = precision_of(insn);
    uint32_t operands = 1u << insn.rn | 1u << insn.rm;
    if (kind == Kind::Fused) operands |= 1u << insn.ra;
    operands &= ~defined_;
    used_ |= operands;
    defined_ = defined;
    results_[length_++] = {.rd = insn.rd, .product = kind != Kind::Sum, .operands = operands};
    return true;
}

unsigned FloatRun::room(const VectorRegisters& v) const {
    const uint32_t dirty = v.dirty_guests();
    int operands = 0;
    for (unsigned i = 0; i < length_; i++) operands = std::max(operands, std::popcount(results_[i].operands & ~dirty));
    return static_cast<unsigned>(std::popcount(defined_) + operands);
}

void FloatRun::drop_overwritten(VectorRegisters& v) const {
    for (unsigned guest = 0; guest < 32; guest++)
        if (((defined_ & ~used_) >> guest & 1) != 0) v.drop(guest);
}

void FloatRun::emit_checks(VectorEmitter& w) const {
    // Of those in `covered` a NaN does not go unnoticed.
    uint32_t covered = 0;
    std::array<uint8_t, kMost> sums{}, products{};
    unsigned sum_count = 0, product_count = 0;
    for (unsigned i = length_; i-- != 0;) {
        const Result& result = results_[i];
        if (result.product)
            products[product_count++] = result.rd;
        else if ((result.used_by & covered) == 0 && result.last)
            sums[sum_count++] = result.rd;
        else if ((result.used_by & covered) == 0)
            continue; // Nobody sees it.
        covered |= 1u << i;
    }
    const auto second = [](const auto& list, unsigned count, unsigned i) { return list[i + 1 < count ? i + 1 : i]; };
    for (unsigned i = 0; i < sum_count; i += 2)
        check_ordered(w, precision_, w.use(sums[i]), w.use(second(sums, sum_count, i)));
    if (product_count != 0) check_products(w, precision_, {products.data(), product_count});
}

} // namespace beeline::translate
