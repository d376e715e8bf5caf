// Integer operations of the host on vectors, by log2 of the element's bytes.
#pragma once

#include "translate/vector_emitter.h"

namespace beeline::translate::integer {

using Generator = Xbyak::CodeGenerator;

inline constexpr PackedBySize kAdd{
    packed<&Generator::paddb, &Generator::vpaddb>, packed<&Generator::paddw, &Generator::vpaddw>,
    packed<&Generator::paddd, &Generator::vpaddd>, packed<&Generator::paddq, &Generator::vpaddq>};
inline constexpr PackedBySize kSub{
    packed<&Generator::psubb, &Generator::vpsubb>, packed<&Generator::psubw, &Generator::vpsubw>,
    packed<&Generator::psubd, &Generator::vpsubd>, packed<&Generator::psubq, &Generator::vpsubq>};
inline constexpr PackedBySize kEqual{
    packed<&Generator::pcmpeqb, &Generator::vpcmpeqb>, packed<&Generator::pcmpeqw, &Generator::vpcmpeqw>,
    packed<&Generator::pcmpeqd, &Generator::vpcmpeqd>, packed<&Generator::pcmpeqq, &Generator::vpcmpeqq>};
inline constexpr PackedBySize kGreater{
    packed<&Generator::pcmpgtb, &Generator::vpcmpgtb>, packed<&Generator::pcmpgtw, &Generator::vpcmpgtw>,
    packed<&Generator::pcmpgtd, &Generator::vpcmpgtd>, packed<&Generator::pcmpgtq, &Generator::vpcmpgtq>};

/// xmm0 = the sum of rn's bytes: of absolute differences from zero. Changes xmm1.
void sum_bytes(VectorEmitter& w, const arm64::Insn& insn);

} // namespace beeline::translate::integer
