#include "translate/direct_tier.h"

#include "arm64/execution_context.h"
#include "arm64/interpreter/block.h"
#include "arm64/mmu.h"
#include "arm64/vcpu.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>

namespace beeline::translate {

using arm64::Block;
using arm64::GuestPa;
using arm64::kPageBits;
using arm64::kPageMask;

namespace {

constexpr size_t kRuntimeBytes = size_t{64} << 10;
constexpr size_t kSegmentBytes = size_t{4} << 20;
constexpr unsigned kSegments = 12;
constexpr IndirectEntry kEmptySlot{~uint64_t{0}, ~uint64_t{0}, nullptr, nullptr};

/// The interpreter's handlers take unretired instructions off a count by the block that they are in.
Block helper_block = [] {
    Block block{};
    block.pa.value = ~uint64_t{0}; // Next to no block: never linked.
    block.count = kMaxInstructions;
    block.context = 0xFF; // Nobody's: run() links nothing to it.
    return block;
}();

/// Sets the GS base, which the C library leaves alone on x86-64.
void set_gs_base(const void* base, bool instruction) {
    const auto value = reinterpret_cast<uint64_t>(base);
    if (instruction) {
        asm volatile("wrgsbase %0" : : "r"(value));
    } else {
        constexpr int kSetGs = 0x1001; // ARCH_SET_GS
        syscall(SYS_arch_prctl, kSetGs, value);
    }
}

} // namespace

std::unique_ptr<DirectTier> DirectTier::create(arm64::Vcpu& cpu, const DirectOptions& options,
                                               Verifier::Report on_difference) {
    auto cache = host::CodeCache::create(kRuntimeBytes, kSegmentBytes, kSegments);
    if (cache == nullptr) return nullptr;
    DirectOptions effective = options;
    if (options.verify) {
        // Every block comes back after its end.
        for (const Technique technique :
             {Technique::BlockLinking, Technique::CrossPageLinking, Technique::IndirectTable})
            effective.techniques.disable(technique);
    }
    auto tier = std::unique_ptr<DirectTier>(new DirectTier(cpu, effective, std::move(cache)));
    if (options.verify) {
        tier->verifier_ = std::make_unique<Verifier>(cpu, !options.techniques.has(Technique::FlagLookAhead),
                                                     options.checks_a_block, std::move(on_difference));
        tier->verifier_->set_symbols(tier->symbols());
    }
    return tier;
}

DirectTier::DirectTier(arm64::Vcpu& cpu, const DirectOptions& options, std::unique_ptr<host::CodeCache> cache)
    : cpu_(cpu), options_(options), cache_(std::move(cache)), assembler_(cache_->writable(), cache_->size()),
      translator_(assembler_, cpu, options_.techniques, host::cpu_flags()), segments_(kSegments), discarded_(kSegments),
      indirect_(kIndirectEntries, kEmptySlot), slot_links_(kIndirectEntries), recent_(kRecentEntries) {
    translator_.generate_runtime(cache_->executable(), cache_->writable());
    translated_state(cpu).indirect_table = indirect_.data();
    translator_.set_miss_listener(this);
    translator_.set_alone(options_.alone);
    translator_.set_recording_layout(options_.keep_details || options_.verify);
    translator_.set_counting_executions(options_.keep_details);
    if (options_.perf_map != nullptr)
        name_runtime(*options_.perf_map, translator_.runtime(), code_offset(), assembler_.getCurr());
}

void DirectTier::enter(const Translation& translation) {
    if (verifier_ == nullptr) {
        execute(translation);
        return;
    }
    verifier_->check(translation, [&] {
        // Interpreted instructions of the block find nothing to go on with.
        cpu_.lookup_tag = ~uint64_t{0};
        execute(translation);
    });
}

void DirectTier::execute(const Translation& translation) {
    counters_.entries++;
    cpu_.page_va = cpu_.state.pc & ~kPageMask;
    cpu_.block = &helper_block;
    host::set_fault_recovery(this);
    TranslatedState& state = translated_state(cpu_);
    state.tlb = cpu_.data_tlb;
    state.synchronized_tag = cpu_.lookup_tag;
    set_gs_base(cpu_.data_tlb, host::cpu_flags().fsgsbase);
    const uint64_t before = cpu_.counters.instructions;
    cpu_.defers_devices = cpu_.counts_exactly();
    const uint64_t result = translator_.runtime().enter(translation.code);
    cpu_.defers_devices = false;
    counters_.executed += cpu_.counters.instructions - before;
    switch (result) {
    case kContinue: return;
    case kInterpret:
        count_switch(cpu_, SwitchCause::Alignment);
        interpret_next_ = true;
        return;
    case kPolled: count_switch(cpu_, SwitchCause::Interrupt); return;
    case kIndirect:
        count_switch(cpu_, cpu_.poll != 0 || cpu_.lines() != 0 ? SwitchCause::Interrupt : SwitchCause::IndirectMiss);
        return;
    default: break;
    }
    count_switch(cpu_, SwitchCause::Miss);
    last_exit_ = reinterpret_cast<Exit*>(result);
    last_page_ = cpu_.page_va;
    cpu_.state.pc = last_target_ = cpu_.page_va + static_cast<uint64_t>(last_exit_->offset);
}

DirectCounters DirectTier::counters() const {
    DirectCounters counters = counters_;
    const TranslatedState& state = translated_state(cpu_);
    counters.site_misses = state.site_misses;
    std::copy(std::begin(state.switches), std::end(state.switches), counters.switches.begin());
    return counters;
}

void DirectTier::for_each_translation(const std::function<void(const Translation&)>& visit) const {
    for (const auto& segment : segments_)
        for (const Translation* translation : segment) visit(*translation);
    for (const auto& segment : discarded_)
        for (const auto& translation : segment) visit(*translation);
}

void DirectTier::add_to_perf_map(const Translation& translation) const {
    options_.perf_map->add(
        translation.code, translation.size,
        fmt::format("guest EL{} {:#x}", arm64::unpack_context(translation.context).el, translation.pc));
}

/// Translated code is executing: nothing else is at work on the lists.
const void* DirectTier::recover(const void* instruction) {
    if (!cache_->contains(instruction)) return nullptr;
    const auto* const at = static_cast<const uint8_t*>(instruction);
    const auto recovery = [at](const Translation& translation) -> const void* {
        if (at < translation.code || at >= translation.code + translation.size) return nullptr;
        const auto offset = static_cast<uint32_t>(at - translation.code);
        for (const GuardedAccess& access : translation.accesses)
            if (offset >= access.begin && offset < access.end) return translation.code + access.recovery;
        return nullptr;
    };
    const unsigned segment = cache_->segment_of(instruction);
    for (const Translation* translation : segments_[segment])
        if (const void* to = recovery(*translation)) return to;
    for (const auto& translation : discarded_[segment])
        if (const void* to = recovery(*translation)) return to;
    return nullptr;
}

bool DirectTier::run_known() {
    if (interpret_next_) return false;
    const uint64_t pc = cpu_.state.pc;
    cpu_.lookup_tag = cpu_.lookup_tag_at(pc);
    const IndirectEntry& entry = indirect_entry(pc);
    Translation* translation = entry.translation;
    if (entry.pc != pc || entry.tag != cpu_.lookup_tag) {
        translation = find_recent(pc);
        if (translation == nullptr) return false;
        remember_at_pc(*translation);
    }
    link_last_exit(*translation);
    enter(*translation);
    return true;
}

bool DirectTier::run_block(Block& block) {
    if (std::exchange(interpret_next_, false)) {
        last_exit_ = nullptr;
        return false;
    }
    Translation* translation = find(block.pa, block.context);
    if (translation == nullptr) translation = translate(block.pa, block.context);
    remember_at_pc(*translation);
    link_last_exit(*translation);
    enter(*translation);
    return true;
}

// ---- translations ----

Translation* DirectTier::find(GuestPa pa, uint8_t context) {
    const uint64_t key = key_of(pa, context);
    RecentEntry& recent = recent_entry(key);
    if (recent.key == key && recent.translation != nullptr) return recent.translation;
    const auto found = translations_.find(key);
    if (found == translations_.end()) return nullptr;
    recent = {key, found->second.get()};
    return recent.translation;
}

/// Code that another process, or this one at another address, has executed, without the interpreter's help.
Translation* DirectTier::find_recent(uint64_t pc) {
    GuestPa pa;
    if (!arm64::find_fetch(cpu_, pc, pa)) return nullptr;
    const uint64_t key = key_of(pa, static_cast<uint8_t>(cpu_.lookup_tag & arm64::Vcpu::kTagContext));
    const RecentEntry& recent = recent_entry(key);
    if (recent.key != key || recent.translation == nullptr) return nullptr;
    // Flash that stopped being readable cannot be executed either.
    return cpu_.environment().host_page({pa.value & ~kPageMask}, false) == nullptr ? nullptr : recent.translation;
}

Translation* DirectTier::translate(GuestPa pa, uint8_t context) {
    const auto begun = std::chrono::steady_clock::now();
    if (cache_->position() + BlockTranslator::kLargestBlock > cache_->segment_end()) {
        cache_->next_segment();
        evict_segment(cache_->segment());
    }
    const uint8_t* host_page = cpu_.environment().host_page({pa.value & ~kPageMask}, false);
    constexpr size_t kAlignment = 16;
    const size_t start = (cache_->position() + kAlignment - 1) / kAlignment * kAlignment;
    assembler_.restart_at(start);
    std::unique_ptr<Translation> translation = translator_.translate(pa, context, host_page);
    cache_->advance(start + translation->size);
    translation->code = cache_->to_executable(translation->writable);
    translation->segment = cache_->segment();
    translation->pc = cpu_.state.pc;
    if (options_.perf_map != nullptr) add_to_perf_map(*translation);

    counters_.blocks++;
    counters_.instructions += translation->instructions;
    counters_.bytes += translation->size;
    Translation* const result = translation.get();
    pages_[pa.value >> kPageBits].push_back(result);
    segments_[result->segment].push_back(result);
    translations_[key_of(pa, context)] = std::move(translation);
    counters_.nanoseconds += static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - begun).count());
    return result;
}

void DirectTier::remember_at_pc(Translation& translation) {
    const uint64_t pc = cpu_.state.pc;
    const unsigned slot = indirect_index(pc);
    if (indirect_[slot].translation != &translation) {
        empty_slot(slot);
        const uint32_t next = std::exchange(translation.first_slot, slot);
        slot_links_[slot] = {Translation::kNoSlot, next};
        if (next != Translation::kNoSlot) slot_links_[next].previous = slot;
    }
    indirect_[slot] = {pc, cpu_.lookup_tag, translation.code, &translation};
}

void DirectTier::empty_slot(uint32_t slot) {
    Translation* const translation = std::exchange(indirect_[slot], kEmptySlot).translation;
    if (translation == nullptr) return;
    const auto [previous, next] = slot_links_[slot];
    (previous == Translation::kNoSlot ? translation->first_slot : slot_links_[previous].next) = next;
    if (next != Translation::kNoSlot) slot_links_[next].previous = previous;
}

/// A site that misses this often per instruction executed costs more than a look into the TLB does.
void DirectTier::on_misses(arm64::Vcpu& cpu, MissCounter& counter) {
    constexpr uint64_t kInstructionsPerMiss = 400;
    const uint64_t executed = cpu.counters.instructions - counter.since;
    if (executed > counter.kFirst * kInstructionsPerMiss) {
        counter.left = MissCounter::kFirst;
        counter.since = cpu.counters.instructions;
        return;
    }
    counter.left = ~uint32_t{0};
    translator_.given_up_sites().add(counter.instruction);
    Translation& translation = *counter.owner;
    if (translation.discarded) return;
    const auto page = pages_.find(translation.pa.value >> kPageBits);
    std::erase(page->second, &translation);
    if (page->second.empty()) pages_.erase(page);
    discard(translation);
}

// ---- links ----

void DirectTier::patch(const Exit& exit, const uint8_t* target) {
    const auto distance = static_cast<int32_t>(target - (exit.displacement + 4));
    std::memcpy(exit.displacement, &distance, sizeof distance);
}

void DirectTier::link_last_exit(Translation& target) {
    Exit* const exit = std::exchange(last_exit_, nullptr);
    if (exit != nullptr && !exit->owner->discarded && cpu_.state.pc == last_target_) link(*exit, target);
}

void DirectTier::link(Exit& exit, Translation& target) {
    const Techniques& techniques = options_.techniques;
    if (!techniques.has(Technique::BlockLinking) || exit.owner->context != target.context) return;
    if (exit.target != &target) unlink(exit);
    if (exit.page_link == nullptr) {
        // The page's mapping may have changed since the exit was taken.
        if ((exit.owner->pa.value ^ target.pa.value) >> kPageBits != 0) return;
    } else {
        if (!techniques.has(Technique::CrossPageLinking)) return;
        *exit.page_link = {last_page_, cpu_.lookup_tag, cpu_.state.pc & ~kPageMask};
    }
    if (exit.target == &target) return;
    counters_.links++;
    exit.target = &target;
    exit.previous_incoming = nullptr;
    exit.next_incoming = target.incoming;
    if (target.incoming != nullptr) target.incoming->previous_incoming = &exit;
    target.incoming = &exit;
    patch(exit, target.writable);
}

void DirectTier::unlink(Exit& exit) {
    if (exit.target == nullptr) return;
    if (exit.previous_incoming != nullptr)
        exit.previous_incoming->next_incoming = exit.next_incoming;
    else
        exit.target->incoming = exit.next_incoming;
    if (exit.next_incoming != nullptr) exit.next_incoming->previous_incoming = exit.previous_incoming;
    exit.target = nullptr;
    // The stub must find the page as the block knew it.
    if (exit.page_link != nullptr) exit.page_link->source_page = PageLink::kNoPage;
    patch(exit, exit.stub);
}

// ---- invalidation ----

/// Takes the block out of use. Its code may be what called for this: it stays where it is until its segment is reused.
void DirectTier::discard(Translation& translation) {
    while (translation.incoming != nullptr) unlink(*translation.incoming);
    for (Exit& exit : translation.exits) unlink(exit);
    translation.discarded = true;
    while (translation.first_slot != Translation::kNoSlot) empty_slot(translation.first_slot);
    const uint64_t key = key_of(translation.pa, translation.context);
    RecentEntry& recent = recent_entry(key);
    if (recent.translation == &translation) recent.translation = nullptr;
    translated_state(cpu_).synchronized_tag = TranslatedState::kUnsynchronized;
    std::erase(segments_[translation.segment], &translation);
    const auto owner = translations_.find(key);
    discarded_[translation.segment].push_back(std::move(owner->second));
    translations_.erase(owner);
}

void DirectTier::evict_segment(unsigned segment) {
    while (!segments_[segment].empty()) {
        Translation& translation = *segments_[segment].back();
        counters_.evicted++;
        const auto page = pages_.find(translation.pa.value >> kPageBits);
        std::erase(page->second, &translation);
        if (page->second.empty()) pages_.erase(page);
        discard(translation);
    }
    last_exit_ = nullptr;
    discarded_[segment].clear();
}

void DirectTier::invalidate_line(GuestPa address) {
    translator_.given_up_sites().forget_line(address);
    const auto page = pages_.find(address.value >> kPageBits);
    if (page == pages_.end()) return;
    const uint64_t line = uint64_t{1} << ((address.value & kPageMask) >> 6);
    std::erase_if(page->second, [&](Translation* translation) {
        if ((translation->lines & line) == 0) return false;
        counters_.invalidated++;
        discard(*translation);
        return true;
    });
    if (page->second.empty()) pages_.erase(page);
}

void DirectTier::invalidate_all() {
    translator_.given_up_sites().clear();
    for (auto& [page, translations] : pages_) {
        for (Translation* translation : translations) {
            counters_.invalidated++;
            discard(*translation);
        }
    }
    pages_.clear();
}

} // namespace beeline::translate
