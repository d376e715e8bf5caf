// Checks that answer for several accesses.
//
// Groups: accesses off one base register with constant offsets (frames, structures) share one check of the page that
// all of them lie in. Where they do not, the block goes on in an ungrouped twin of those instructions.
//
// Same addresses: an access at a base and an index register that are still what they were needs no check of its own.
// The first one's asks for the size of the largest and, if any of them stores, for a page that may be written; what it
// does not answer is done out of line, and the block is left behind it.
#include "translate/block_translator.h"
#include "translate/memory_site.h"
#include "translate/state.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <optional>

namespace beeline::translate {

using namespace Xbyak::util;
using arm64::Insn;
using arm64::SiteEntry;

namespace {

/// Instructions that a group, and accesses at one address, may reach over.
constexpr unsigned kReach = 16, kSameAddressReach = 48;

/// No access, no branch, no helper that accesses memory, and `base` stays as it is.
bool leaves_accesses_alone(const BlockTranslator::Instruction& instruction, unsigned base) {
    const Insn& insn = instruction.insn;
    if (instruction.facts.flow != Flow::Next || insn.op >= arm64::kOpCount) return false;
    if (arm64::uses_vector_registers(arm64::row(static_cast<arm64::Op>(insn.op)).feature))
        return instruction.facts.helper == Helper::Light;
    return is_general_data_processing(insn.word) && insn.rd != base;
}

/// A load or store of general registers that loads `number`.
bool loads(const Insn& insn, unsigned number) {
    Transfer t;
    return describe_transfer(insn.word, t) && t.load && (insn.rd == number || (t.pair && insn.ra == number));
}

/// What tells the address of an access with an index register: both registers, and how the index is extended and
/// scaled.
std::optional<uint32_t> address_key(const Insn& insn) {
    Transfer t;
    VectorTransfer v;
    const bool indexed = describe_transfer(insn.word, t) ? t.register_offset && !t.prefetch
                                                         : describe_vector_transfer(insn.word, v) && v.register_offset;
    if (!indexed) return std::nullopt;
    const uint32_t option = insn.word >> 13 & 7;
    return uint32_t{insn.rn} | uint32_t{insn.rm} << 8 | option << 16 | uint32_t{insn.aux[0]} << 24;
}

/// A plain access; whether it loads or moves `number`.
bool plain_access(const Insn& insn, unsigned number, bool& changes) {
    Transfer t;
    VectorTransfer v;
    if (describe_transfer(insn.word, t)) {
        if (t.ordered || t.unprivileged) return false;
        changes = loads(insn, number) || (t.index != Index::Offset && insn.rn == number);
        return true;
    }
    if (!describe_vector_transfer(insn.word, v)) return false;
    changes = v.index != Index::Offset && insn.rn == number;
    return true;
}

} // namespace

/// A plain access at a constant distance from its base.
bool BlockTranslator::describe_member(const Instruction& instruction, Member& member) {
    const Insn& insn = instruction.insn;
    if (instruction.facts.flow != Flow::Next || insn.op >= arm64::kOpCount) return false;
    if (arm64::uses_vector_registers(arm64::row(static_cast<arm64::Op>(insn.op)).feature)) {
        VectorTransfer t;
        if (!describe_vector_transfer(insn.word, t) || t.register_offset || t.literal || t.register_post) return false;
        member = {t.load, false, t.index, static_cast<int32_t>(t.bytes())};
        return true;
    }
    Transfer t;
    if (!describe_transfer(insn.word, t) || t.register_offset || t.unprivileged || t.literal || t.ordered || t.prefetch)
        return false;
    member = {t.load, t.load && (insn.rd == insn.rn || (t.pair && insn.ra == insn.rn)), t.index,
              (t.pair ? 2 : 1) << t.size_log2};
    return true;
}

BlockTranslator::Group BlockTranslator::find_group(unsigned first) const {
    Group group;
    if (!e_.techniques.has(Technique::ProbeGrouping) || !is_member(block_[first])) return group;
    group.first = group.last = first;
    group.base = block_[first].insn.rn;
    group.low = INT32_MAX;
    group.high = INT32_MIN;
    int32_t moved = 0; // How far the base is from where it was.
    unsigned members = 0;
    bool written = false;
    for (unsigned i = first; i < block_.size() && i < first + kReach && !written; i++) {
        const Instruction& instruction = block_[i];
        const Insn& insn = instruction.insn;
        Member member;
        if (!describe_member(instruction, member)) {
            if (!leaves_accesses_alone(instruction, group.base)) break;
            continue;
        }
        if (insn.rn != group.base) {
            if (loads(insn, group.base)) break;
            continue;
        }
        const auto immediate = static_cast<int32_t>(static_cast<int64_t>(insn.imm));
        const int32_t at = moved + (member.index == Index::Post ? 0 : immediate);
        const int32_t size = member.bytes;
        const int32_t low = std::min(group.low, at), high = std::max(group.high, at + size);
        if (high - low > 512) break;
        group.low = low;
        group.high = high;
        group.last = i;
        group.write |= !member.load;
        members++;
        if (member.index != Index::Offset) moved += immediate;
        written = member.loads_base;
    }
    group.active = members >= 2;
    return group;
}

void BlockTranslator::emit_group_check(const Group& group) {
    const Instruction& first = block_[group.first];
    e_.begin_instruction(first.flags_live_before, first.flags_live_after);
    check_stack_alignment(first.insn);
    e_.clobber_flags();
    group_.has_site = uses_site();
    group_.site = site_offset(translation_->pa, first.insn.page_offset, group.write);

    const int span = group.high - group.low;
    const Reg64 base = e_.read(group.base, rdx);
    host::Label* const miss = new_label();
    host::Label* const back = new_label();
    if (group_.has_site) {
        a_.putSeg(gs);
        a_.mov(rax, in_tlb(group_.site + static_cast<int>(offsetof(SiteEntry, negative_page))));
        a_.lea(rax, ptr[rax + base + group.low]);
        a_.cmp(rax, 4096 - span);
        a_.ja(*miss, Xbyak::CodeGenerator::T_NEAR);
        a_.L(*back);
    } else {
        emit_table_probe({base, group.low}, span, group.write, *miss);
        a_.mov(e_.state(&translated_state(cpu_).group_addend), rcx);
    }

    group_end_ = &group_ends_.take();
    const FlagPlace place = e_.place();
    const bool aligned = stack_aligned_;
    const unsigned counted = counted_;
    MissCounter* const counter = group_.has_site ? new_miss_counter() : nullptr;
    cold_.add([this, counter, vectors = v_.contents(), group = group_, base, span, miss, back, end = group_end_, place,
               aligned, counted] {
        a_.L(*miss);
        host::Label twin;
        if (counter != nullptr) {
            e_.move_immediate(rcx, reinterpret_cast<uint64_t>(counter));
            a_.dec(dword[rcx]);
            host::Label few;
            a_.jnz(few, Xbyak::CodeGenerator::T_NEAR);
            v_.spill(vectors);
            a_.call(runtime_.note_misses);
            v_.restore(vectors);
            a_.L(few);
            a_.lea(rax, ptr[base + group.low]);
            a_.mov(ecx, group.site);
            a_.call((group.write ? runtime_.probe_write : runtime_.probe_read)[0]);
            a_.jnz(twin);
            a_.lea(rax, ptr[base + group.low]);
            a_.and_(eax, 4095);
            a_.cmp(eax, 4096 - span);
            a_.jbe(*back, Xbyak::CodeGenerator::T_NEAR);
            // The first access of the group is the one that is refused: nothing has been done yet.
            guard_accesses(back->address(), end->done.address());
        }
        a_.L(twin);
        v_.spill(vectors);
        e_.set_place(place);
        stack_aligned_ = aligned;
        counted_ = counted;
        in_twin_ = true;
        v_.forget();
        for (index_ = group.first; index_ <= group.last; index_++) emit_instruction(index_);
        in_twin_ = false;
        v_.write_back();
        v_.restore(end->vectors);
        // The straight path goes on with the flags where it has them.
        const Instruction& last = block_[group.last];
        if (last.flags_live_after) move_flags(end->place);
        a_.jmp(end->done, Xbyak::CodeGenerator::T_NEAR);
    });
}

const BlockTranslator::SameAddress* BlockTranslator::find_same_address(const Access& access) {
    const Insn& first = block_[index_].insn;
    const std::optional<uint32_t> key = address_key(first);
    if (!key || access.unprivileged || !e_.techniques.has(Technique::ProbeGrouping)) return nullptr;
    for (const SameAddress& known : same_addresses_)
        if (known.key == *key && known.first <= index_ && index_ <= known.last) return &known;

    SameAddress found{.first = index_, .last = index_, .key = *key, .bytes = access.bytes(), .write = access.write};
    const size_t end = std::min<size_t>(block_.size(), index_ + kSameAddressReach);
    const auto changed_by = [&](const Insn& insn) {
        bool base = false, index = false;
        plain_access(insn, first.rn, base);
        plain_access(insn, first.rm, index);
        return base || index;
    };
    if (changed_by(first)) return nullptr;
    for (unsigned i = index_ + 1; i < end; i++) {
        const Instruction& instruction = block_[i];
        const Insn& insn = instruction.insn;
        bool ignored;
        if (instruction.facts.flow != Flow::Next || insn.op >= arm64::kOpCount) break;
        if (!plain_access(insn, first.rn, ignored)) {
            if (!leaves_accesses_alone(instruction, first.rn) || !leaves_accesses_alone(instruction, first.rm)) break;
            continue;
        }
        if (address_key(insn) == key) {
            Transfer t;
            VectorTransfer v;
            const bool general = describe_transfer(insn.word, t);
            if (!general) describe_vector_transfer(insn.word, v);
            found.last = i;
            found.bytes = std::max(found.bytes, general ? 1u << t.size_log2 : v.bytes());
            found.write |= general ? !t.load : !v.load;
        }
        if (changed_by(insn)) break;
    }
    if (found.last == index_) return nullptr;
    found.has_site = uses_site();
    found.site = site_offset(translation_->pa, first.page_offset, found.write);
    if (!found.has_site) {
        // A slot is another's from the first instruction behind its last access on.
        uint32_t used = 0;
        for (const SameAddress& known : same_addresses_)
            if (!known.has_site && known.last >= index_) used |= 1u << known.slot;
        found.slot = static_cast<unsigned>(std::countr_one(used));
        if (found.slot >= TranslatedState::kAddends) return nullptr;
    }
    return &same_addresses_.emplace_back(found);
}

void BlockTranslator::load_addend(bool has_site, int site, const uint64_t& kept) {
    if (has_site) {
        a_.putSeg(gs);
        a_.mov(rcx, in_tlb(site + static_cast<int>(offsetof(SiteEntry, addend))));
    } else {
        a_.mov(rcx, e_.state(&kept));
    }
}

} // namespace beeline::translate
