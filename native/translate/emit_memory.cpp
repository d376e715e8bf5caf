// Loads and stores of general registers.
//
// A check leaves the addend in rcx; the access is [base + rcx + displacement]. Everything that the check does not
// answer is out of line: first the TLB, which refills the site, then the slow path, which does the whole access.
#include "arm64/vcpu.h"
#include "translate/block_translator.h"
#include "translate/memory_site.h"
#include "translate/state.h"

#include <bit>
#include <cstddef>

namespace beeline::translate {

using namespace Xbyak::util;
using arm64::Insn;
using arm64::Op;
using arm64::SiteEntry;
using arm64::Tlb;
using arm64::TlbEntry;

BlockTranslator::Target BlockTranslator::address_of(const Insn& insn, int64_t displacement) {
    return {e_.read(insn.rn, rdx), static_cast<int32_t>(displacement)};
}

BlockTranslator::Target BlockTranslator::address_of_register_offset(const Insn& insn) {
    const unsigned option = insn.word >> 13 & 7;
    if (insn.rm == arm64::kZeroRegister) return address_of(insn, 0);
    Reg64 index = rax;
    if (option == 2) {
        // Writing 32 bits of a scratch register zero-extends.
        a_.mov(eax, e_.operand(insn.rm, false));
    } else if (option == 6) {
        a_.movsxd(rax, e_.operand(insn.rm, false));
    } else {
        index = e_.read(insn.rm, rax);
    }
    const Reg64 base = e_.read(insn.rn, rdx);
    unsigned scale = 1u << insn.aux[0];
    if (scale == 16) { // More than the host's addresses scale by: in two steps.
        a_.lea(rax, ptr[index + index]);
        index = rax;
        scale = 8;
    }
    a_.lea(rdx, ptr[base + index * static_cast<int>(scale)]);
    return {rdx, 0};
}

void BlockTranslator::write_back(const Insn& insn) {
    const auto amount = static_cast<int32_t>(insn.imm);
    if (e_.has_home(insn.rn)) {
        if (e_.flags_free())
            a_.add(e_.home(insn.rn), amount);
        else
            a_.lea(e_.home(insn.rn), ptr[e_.home(insn.rn) + amount]);
    } else if (e_.flags_free()) {
        a_.add(e_.slot(insn.rn), amount);
    } else {
        a_.mov(rdx, e_.slot(insn.rn));
        a_.lea(rdx, ptr[rdx + amount]);
        a_.mov(e_.slot(insn.rn), rdx);
    }
    if (insn.rn == arm64::kStackPointer && amount % 16 != 0) stack_aligned_ = false;
}

arm64::GuestPa BlockTranslator::instruction_address() const {
    return {(translation_->pa.value & ~arm64::kPageMask) + block_[index_].insn.page_offset};
}

/// Sites that have missed much look into the TLB at once, and so does the code of kernels, which live in the upper half
/// of the address space: it is much, each piece of it is executed now and then and finds other pages each time, and the
/// host's caches hold the pages of the TLB rather than sites by the thousand.
bool BlockTranslator::uses_site() const {
    return e_.techniques.has(Technique::SiteCache) && !in_upper_half_ &&
           !given_up_sites_.contains(instruction_address());
}

MissCounter* BlockTranslator::new_miss_counter() {
    return &translation_->miss_counters.emplace_back(MissCounter{.owner = translation_,
                                                                 .instruction = instruction_address(),
                                                                 .since = cpu_.counters.instructions,
                                                                 .listener = miss_listener_});
}

/// Leaves the addend in rcx, or goes to `miss` with the flags changed. Changes rax.
void BlockTranslator::emit_table_probe(const Target& target, int size, bool write, host::Label& miss) {
    const auto field = [](size_t offset) { return ptr[rcx + static_cast<int>(offsetof(Tlb, table) + offset)]; };
    // The index is on the way from the address to the data: as few steps as can be.
    constexpr unsigned kShift = arm64::kPageBits - Tlb::kEntryBits;
    const Reg64 first = target.displacement == 0 ? target.base : rax;
    if (target.displacement != 0) a_.lea(rax, ptr[target.base + target.displacement]);
    if (e_.host.bmi2) {
        a_.rorx(ecx, first.cvt32(), kShift);
    } else {
        a_.mov(ecx, first.cvt32());
        a_.shr(ecx, kShift);
    }
    a_.putSeg(gs);
    a_.and_(ecx, in_tlb(offsetof(Tlb, offset_mask), 32));
    if (size > 1 || target.displacement == 0) a_.lea(rax, ptr[first + (size - 1)]);
    a_.and_(rax, -4096);
    a_.putSeg(gs);
    a_.cmp(rax, field(write ? offsetof(TlbEntry, write_page) : offsetof(TlbEntry, read_page)));
    a_.jne(miss, Xbyak::CodeGenerator::T_NEAR);
    a_.putSeg(gs);
    a_.mov(rcx, field(offsetof(TlbEntry, addend)));
}

host::Label* BlockTranslator::emit_check(Access access) {
    const Target target = access.target;
    host::Label* const miss = new_label();
    host::Label* const slow = new_label();
    host::Label* const back = new_label();
    FlagPlace restored = FlagPlace::Memory;

    if (group_.active && !in_twin_ && !access.unprivileged && !access.aligned &&
        block_[index_].insn.rn == group_.base && is_member(block_[index_])) {
        // The group's check answers; whatever came since has left the addend alone.
        load_addend(group_.has_site, group_.site, translated_state(cpu_).group_addend);
        return slow;
    }
    const SameAddress* const same = find_same_address(access);
    if (same != nullptr && same->first != index_) {
        load_addend(same->has_site, same->site, translated_state(cpu_).addends[same->slot]);
        return slow;
    }
    access.leaves = same != nullptr;
    access.checked_bytes = same != nullptr ? same->bytes : access.bytes();
    access.checks_write = same != nullptr ? same->write : access.write;
    const int size = static_cast<int>(access.checked_bytes);
    if (access.aligned && size > 1) {
        e_.clobber_flags();
        a_.test(Xbyak::Reg8(target.base.getIdx(), true), size - 1);
        a_.jnz(*slow, Xbyak::CodeGenerator::T_NEAR);
    }
    if (access.unprivileged) {
        e_.clobber_flags();
        a_.jmp(*miss, Xbyak::CodeGenerator::T_NEAR);
        a_.L(*back);
    } else if (!uses_site()) {
        e_.clobber_flags();
        emit_table_probe(target, size, access.checks_write, *slow);
        if (same != nullptr) a_.mov(e_.state(&translated_state(cpu_).addends[same->slot]), rcx);
        a_.L(*back);
    } else {
        const int site = site_offset(translation_->pa, block_[index_].insn.page_offset, access.checks_write);
        const Address negative_page = in_tlb(site + static_cast<int>(offsetof(SiteEntry, negative_page)));
        const Address addend = in_tlb(site + static_cast<int>(offsetof(SiteEntry, addend)));
        // Runs of FP/SIMD registers are seldom aligned to their size.
        const bool keep = !e_.flags_free() && !e_.float_form() && e_.host.bmi2 &&
                          e_.techniques.has(Technique::FlagProbe) && size <= 16 &&
                          std::has_single_bit(static_cast<unsigned>(size));
        const auto total_log2 = static_cast<unsigned>(std::bit_width(static_cast<unsigned>(size)) - 1);
        if (!keep) e_.clobber_flags();
        a_.putSeg(gs);
        a_.mov(rax, negative_page);
        if (keep) {
            // The offset in the page, if it is one, is below 4096 and aligned: rotated and shifted, nothing is left.
            restored = e_.place();
            a_.lea(rax, ptr[rax + target.base + target.displacement]);
            if (total_log2 != 0) a_.rorx(rax, rax, static_cast<uint8_t>(total_log2));
            a_.mov(ecx, 12 - total_log2);
            a_.shrx(rcx, rax, rcx);
            host::Label hit;
            a_.jrcxz(hit);
            a_.jmp(*miss, Xbyak::CodeGenerator::T_NEAR);
            a_.L(hit);
            a_.putSeg(gs);
            a_.mov(rcx, addend);
        } else {
            if (target.displacement == 0)
                a_.add(rax, target.base);
            else
                a_.lea(rax, ptr[rax + target.base + target.displacement]);
            a_.putSeg(gs);
            a_.mov(rcx, addend);
            a_.cmp(rax, 4096 - size);
            a_.ja(*miss, Xbyak::CodeGenerator::T_NEAR);
        }
        a_.L(*back);
    }
    emit_slow_path(std::move(access), miss, slow, back, restored);
    return slow;
}

void BlockTranslator::guard_accesses(const uint8_t* begin, const uint8_t* end) {
    const auto offset = [this](const uint8_t* p) { return static_cast<uint32_t>(p - translation_->writable); };
    accesses_.push_back({offset(begin), offset(end), offset(a_.getCurr())});
}

void BlockTranslator::emit_slow_path(Access access, host::Label* miss, host::Label* slow, host::Label* back,
                                     FlagPlace restored) {
    const unsigned probe_size = probe_index(access.checked_bytes);
    const Insn& insn = block_[index_].insn;
    const AccessSite site{.page_offset = insn.page_offset,
                          .uncounted = static_cast<uint8_t>(index_ - counted_),
                          .size_log2 = static_cast<uint8_t>(access.size_log2),
                          .pair = access.pair,
                          .aligned = access.aligned,
                          .unprivileged = access.unprivileged};
    const int entry = site_offset(translation_->pa, insn.page_offset, access.checks_write);
    const uint8_t* probe =
        access.unprivileged
            ? (access.checks_write ? runtime_.probe_write_unprivileged : runtime_.probe_read_unprivileged)[probe_size]
            : (access.checks_write ? runtime_.probe_write : runtime_.probe_read)[probe_size];
    const bool needs_probe = access.unprivileged || uses_site();
    Insn* const chain = access.by_handler ? helper_chain(index_, 1) : nullptr;
    const Address retired = e_.state(&translated_state(cpu_).counts[index_ + 1 - counted_], 128);
    MissCounter* const counter = !access.unprivileged && needs_probe ? new_miss_counter() : nullptr;
    const VectorRegisters::Contents vectors_before = v_.contents();
    host::Label* const many = new_label();
    host::Label* const counted = new_label();
    cold_.add([=, this, access = std::move(access)] {
        const auto restore = [&] {
            if (restored == FlagPlace::Memory) return;
            e_.load_flags();
            if (restored == FlagPlace::Add) a_.cmc();
        };
        guard_accesses(back->address(), access.after->address());
        a_.L(*miss);
        if (restored != FlagPlace::Memory) e_.store_flags(restored);
        if (counter != nullptr) {
            e_.move_immediate(rcx, reinterpret_cast<uint64_t>(counter));
            a_.dec(dword[rcx]);
            a_.jz(*many, Xbyak::CodeGenerator::T_NEAR);
            a_.L(*counted);
        }
        if (needs_probe) {
            a_.lea(rax, ptr[access.target.base + access.target.displacement]);
            a_.mov(ecx, entry);
            a_.call(probe);
            if (restored == FlagPlace::Memory) {
                a_.jz(*back, Xbyak::CodeGenerator::T_NEAR);
            } else {
                host::Label failed;
                a_.jnz(failed);
                restore();
                a_.jmp(*back, Xbyak::CodeGenerator::T_NEAR);
                a_.L(failed);
            }
        }
        a_.L(*slow);
        v_.spill(vectors_before);
        if (chain != nullptr) {
            a_.paddq(xmm15, retired);
            count_switch(access.write ? SwitchCause::SlowStore : SwitchCause::SlowLoad);
            e_.move_immediate(rax, reinterpret_cast<uint64_t>(chain));
            a_.call(runtime_.interpret_full);
            if (!access.leaves) a_.psubq(xmm15, retired);
        } else {
            a_.lea(rax, ptr[access.target.base + access.target.displacement]);
            if (access.write) access.stage_data();
            a_.mov(ecx, site.pack());
            a_.call(access.write ? runtime_.slow_store : runtime_.slow_load);
            if (!access.write) access.finish_load();
            if (access.leaves) a_.paddq(xmm15, retired);
        }
        if (access.leaves) {
            leave_at(site.page_offset + 4, kContinue);
        } else {
            v_.restore(access.vectors_after ? *access.vectors_after : vectors_before);
            restore();
            a_.jmp(*access.after, Xbyak::CodeGenerator::T_NEAR);
        }
        if (counter != nullptr) {
            a_.L(*many);
            v_.spill(vectors_before);
            a_.call(runtime_.note_misses);
            v_.restore(vectors_before);
            a_.jmp(*counted, Xbyak::CodeGenerator::T_NEAR);
        }
    });
}

bool BlockTranslator::emit_memory(const Instruction& instruction) {
    const Insn& insn = instruction.insn;
    Transfer t;
    if (!describe_transfer(insn.word, t)) return false;
    if (t.prefetch) return true;
    check_stack_alignment(insn);

    Target target{rdx, 0};
    if (t.literal) {
        a_.mov(rdx, e_.state(&cpu_.page_va));
        const int64_t displacement = static_cast<int64_t>(insn.imm) + insn.page_offset;
        target.displacement = static_cast<int32_t>(displacement);
    } else if (t.register_offset) {
        target = address_of_register_offset(insn);
    } else {
        target = address_of(insn, t.index == Index::Post || t.ordered ? 0 : static_cast<int64_t>(insn.imm));
    }

    host::Label* const after = new_label();
    Access access{.target = target,
                  .size_log2 = t.size_log2,
                  .pair = t.pair,
                  .write = !t.load,
                  .aligned = t.ordered,
                  .unprivileged = t.unprivileged,
                  .after = after};
    const int second = 1 << t.size_log2;
    const auto location = [&](unsigned bits, int offset = 0) {
        return Xbyak::AddressFrame(bits)[target.base + rcx + (target.displacement + offset)];
    };
    const unsigned bits = 8u << t.size_log2;

    if (t.load) {
        const auto extend = [this, t](const Reg64& to, const Operand& from) {
            if (!t.sign_extends) {
                if (t.size_log2 <= 1)
                    a_.movzx(to.cvt32(), from);
                else
                    a_.mov(Emitter::sized(to, t.size_log2 == 3), from);
            } else if (t.size_log2 == 2) {
                a_.movsxd(to, from);
            } else if (t.wide) {
                a_.movsx(to, from);
            } else {
                a_.movsx(to.cvt32(), from);
            }
        };
        const auto part = [bits](const Reg64& r) -> Xbyak::Reg {
            switch (bits) {
            case 8: return r.cvt8();
            case 16: return r.cvt16();
            case 32: return r.cvt32();
            default: return r;
            }
        };
        // A load into the base that it writes back to (CONSTRAINED UNPREDICTABLE) leaves the address.
        const auto destination = [&](unsigned number) {
            return t.index != Index::Offset && number == insn.rn ? unsigned{arm64::kDiscard} : number;
        };
        const unsigned rd = destination(insn.rd), ra = destination(insn.ra);
        const auto finish = [this, extend, part, t, rd, ra](bool) {
            if (t.pair && rd != ra) {
                const Reg64 to = e_.target(ra, rdx);
                extend(to, part(rdx));
                e_.commit(ra, to);
            }
            const Reg64 to = e_.target(rd, rax);
            extend(to, part(rax));
            e_.commit(rd, to);
        };
        access.finish_load = [finish] { finish(true); };
        emit_check(access);
        if (t.pair) {
            // The base may be one of the destinations, or rdx: the first goes through rax, and rcx takes the second.
            const bool first_direct = e_.has_home(rd) && Reg64(e_.home(rd)).getIdx() != target.base.getIdx();
            const Reg64 first = first_direct ? e_.home(rd) : rax;
            extend(first, location(bits));
            const bool second_direct = e_.has_home(ra) && rd != ra;
            const Reg64 other = second_direct ? e_.home(ra) : rcx;
            extend(other, location(bits, second));
            if (rd != ra) e_.commit(ra, other);
            e_.commit(rd, first);
        } else {
            const Reg64 to = e_.target(rd, rax);
            extend(to, location(bits));
            e_.commit(rd, to);
        }
        a_.L(*after);
    } else {
        const unsigned rd = insn.rd, ra = insn.ra;
        const auto stage = [this, t, rd, ra] {
            if (t.pair) {
                e_.load(ra, rcx);
                a_.mov(e_.state(&cpu_.transfer[1]), rcx);
            }
            e_.load(rd, rdx);
        };
        access.stage_data = stage;
        emit_check(access);
        // A store-release comes before a later load-acquire (B2.3.7), which the host may do first; one CPU cannot tell.
        const bool exchanges = t.ordered && !alone_;
        const auto put = [&](unsigned number, int offset) {
            if (number == arm64::kZeroRegister && !exchanges) {
                a_.mov(location(bits, offset), 0);
                return;
            }
            const Reg64 value = exchanges ? rax : e_.read(number, rax);
            if (exchanges) e_.load(number, rax);
            const Xbyak::Reg sized = bits == 8    ? Xbyak::Reg(Xbyak::Reg8(value.getIdx(), true))
                                     : bits == 16 ? Xbyak::Reg(value.cvt16())
                                     : bits == 32 ? Xbyak::Reg(value.cvt32())
                                                  : Xbyak::Reg(value);
            if (exchanges)
                a_.xchg(location(bits, offset), sized);
            else
                a_.mov(location(bits, offset), sized);
        };
        put(rd, 0);
        if (t.pair) put(ra, second);
        a_.L(*after);
    }
    if (t.index != Index::Offset) write_back(insn);
    return true;
}

} // namespace beeline::translate
