#include "arm64/vcpu.h"

#include "arm64/debug.h"
#include "arm64/exceptions.h"
#include "arm64/execution_context.h"
#include "arm64/execution_tier.h"
#include "arm64/features.h"
#include "arm64/interpreter/block_cache.h"
#include "arm64/interpreter/control.h"
#include "arm64/mmu.h"
#include "arm64/system_registers.h"

namespace beeline::arm64 {

Vcpu::Vcpu(CpuModel model, unsigned index, Environment& environment)
    : environment_(&environment), features_(&cpu_features(model)),
      blocks_(std::make_unique<BlockCache>(*features_, counters)), model_(model), index_(index) {
    reset(0, 0);
}

Vcpu::~Vcpu() = default;

void Vcpu::reset(uint64_t pc, uint64_t x0) {
    state = CpuState{};
    state.pc = pc;
    state.x[0] = x0;
    // Affinity 0 counts up to 8 or 16 CPUs, as many as one GICv2, or one SGI target list of GICv3, can address.
    const unsigned cluster = environment_->has_gic_system_registers() ? 16 : 8;
    state.mpidr_el1 = uint64_t{1} << 31 | uint64_t{index_ / cluster} << 8 | index_ % cluster;
    state.exclusive.open();
    reset_system_registers(*this);
    page_va = 0;
    block = nullptr;
    pending_link = {};
    exit_pending = false;
    event_.store(false);
    poll.store(0);
    drop_code();
    flush_tlb_all();
    update_execution_context();
}

void Vcpu::set_line(Line line, bool level) {
    const auto bit = static_cast<uint32_t>(line);
    if (level) {
        lines_.fetch_or(bit, std::memory_order_acq_rel);
        poll.fetch_or(kPollLines, std::memory_order_acq_rel);
    } else {
        lines_.fetch_and(~bit, std::memory_order_acq_rel);
    }
}

void Vcpu::request_stop() {
    stop_.store(true, std::memory_order_release);
    poll.fetch_or(kPollStop, std::memory_order_acq_rel);
}

void Vcpu::set_event() { event_.store(true, std::memory_order_release); }

void Vcpu::record_trace(TraceKind kind, unsigned detail, const std::array<uint64_t, 4>& arguments) {
    constexpr uint64_t kNanosecondsPerTick = 1'000'000'000 / kCounterFrequency;
    if (!trace_ring->wants(kind)) return;
    trace_ring->write({.time = environment_->counter() * kNanosecondsPerTick,
                       .kind = kind,
                       .reserved = 0,
                       .detail = static_cast<uint16_t>(detail),
                       .cpu = index_,
                       .arguments = arguments});
}

namespace {

/// AArch64.BranchAddr: with top-byte-ignore a branch drops the tag.
uint64_t canonical_pc(const Vcpu& cpu, uint64_t pc) {
    const bool upper = (pc >> 55 & 1) != 0;
    const bool ignore_top_byte = (cpu.state.sys.tcr_el1 >> (upper ? 38 : 37) & 1) != 0;
    if (!ignore_top_byte) return pc;
    return static_cast<uint64_t>(static_cast<int64_t>(pc << 8) >> 8);
}

} // namespace

/// Serves what block entry polled for. True: run() is to return.
bool Vcpu::serve_requests() {
    // Cleared before the requests are read: one that arrives meanwhile sets its bit again.
    poll.fetch_and(~(kPollLines | kPollStop | kPollMaintenance), std::memory_order_acq_rel);
    if (maintenance_pending()) serve_maintenance();
    return stop_.exchange(false, std::memory_order_acq_rel);
}

Block* Vcpu::find_block() {
    state.pc = canonical_pc(*this, state.pc);
    const uint64_t pc = state.pc;
    lookup_tag = lookup_tag_at(pc);
    BlockCache& cache = *blocks_;
    auto& entry = cache.jump_entry(pc);
    if (entry.pc == pc && entry.tag == lookup_tag && entry.block->generation == cache.generation()) return entry.block;

    counters.jump_cache_misses++;
    if (pc % 4 != 0) {
        state.sys.far_el1 = pc;
        enter_synchronous(*this, ExceptionClass::PcAlignment, 0, pc);
        return nullptr;
    }
    GuestPa pa;
    if (!translate_fetch(*this, pc, pa)) {
        enter_fault(*this, pc);
        return nullptr;
    }
    const uint8_t* host_page = environment_->host_page({pa.value & ~kPageMask}, false);
    if (host_page == nullptr) {
        fault = {.kind = Fault::Kind::External, .access = Access::Fetch, .va = pc};
        enter_fault(*this, pc);
        return nullptr;
    }
    const uint64_t epoch = cache.epoch();
    Block* found = cache.find_or_decode(pa, static_cast<uint8_t>(lookup_tag & kTagContext), host_page);
    if (cache.epoch() != epoch) pending_link = {};
    cache.jump_entry(pc) = {pc, lookup_tag, found};
    return found;
}

void Vcpu::set_tier(std::unique_ptr<ExecutionTier> tier) {
    tier_ = std::move(tier);
    blocks_->set_visits_before_offer(tier_ == nullptr ? Block::kNeverOffered : tier_->visits_before_offer());
}

void Vcpu::count_exactly() {
    counts_exactly_ = true;
    blocks_->decode_one_at_a_time();
}

void Vcpu::invalidate_code_line(GuestPa address) {
    blocks_->invalidate_line(address);
    if (tier_ != nullptr) tier_->invalidate_line(address);
}

void Vcpu::invalidate_all_code() {
    blocks_->invalidate_all();
    if (tier_ != nullptr) tier_->invalidate_all();
}

void Vcpu::drop_code() {
    blocks_->clear();
    if (tier_ != nullptr) tier_->invalidate_all();
}

ExitReason Vcpu::run() {
    running_.store(true, std::memory_order_seq_cst);
    // Requests made before a reset() lost their bit, not their flag.
    poll.fetch_or(kPollStop | kPollMaintenance, std::memory_order_seq_cst);
    ExitReason reason = ExitReason::Stopped;
    for (;;) {
        const PendingLink link = pending_link;
        pending_link = {};
        if (poll.load(std::memory_order_seq_cst) != 0 && serve_requests()) break;
        if (debugger_ != nullptr) [[unlikely]] {
            if (debugger_before_instruction()) {
                reason = ExitReason::Debugger;
                break;
            }
        }
        const uint64_t limit = instruction_limit.load(std::memory_order_relaxed);
        if (counters.instructions >= limit) [[unlikely]] {
            reason = ExitReason::InstructionLimit;
            break;
        }
        if (lines() != 0 && !debugger_single_steps() && take_interrupt(*this)) continue;
        // D1.3.5.5: software step, PC alignment, instruction abort, breakpoint, illegal execution state, in this order.
        const uint32_t polled = poll.load(std::memory_order_relaxed);
        const bool debug = (polled & kPollDebug) != 0, deferred = (polled & kPollDeferred) != 0;
        if (deferred) [[unlikely]]
            poll.fetch_and(~kPollDeferred, std::memory_order_relaxed);
        if (debug && debug_before_fetch(*this)) continue;

        // Translated code knows nothing of what comes between two instructions of a debugged program, nor of a limit
        // in the middle of a block.
        const bool tiered = tier_ != nullptr && !debug && !state.pstate.il && !deferred &&
                            limit - counters.instructions >= ExecutionTier::kLongestBlock;
        if (tiered && tier_->run_known()) {
            if (!exit_pending) continue;
            exit_pending = false;
            reason = exit_reason;
            break;
        }

        pending_link = link;
        Block* found = find_block();
        if (found == nullptr || (debug && debug_before_instruction(*this))) {
            pending_link = {};
            continue;
        }
        if (state.pstate.il) [[unlikely]] {
            pending_link = {};
            enter_synchronous(*this, ExceptionClass::IllegalExecution, 0, state.pc);
            continue;
        }
        page_va = state.pc & ~kPageMask;
        // The mapping may have changed since the branch asked for the link: only blocks of one physical page are
        // linked.
        if (const auto [from, which] = pending_link;
            from != nullptr && from->context == found->context && (from->pa.value ^ found->pa.value) < kPageSize)
            from->links[which] = found;
        pending_link = {};

        if (found->cut) [[unlikely]] {
            if (debugger_breaks()) {
                reason = ExitReason::Debugger;
                break;
            }
        } else if (tiered) {
            if (found->visits_left != 0) {
                found->visits_left--;
            } else if (tier_->run_block(*found)) {
                if (!exit_pending) continue;
                exit_pending = false;
                reason = exit_reason;
                break;
            }
        }

        // Past the entry instruction: its poll has just been done here.
        block = found;
        counters.instructions += found->count;
        Insn* insn = run_insn(*this, found->insns + 1);
        while (insn != nullptr) insn = insn->handler(*this, insn);

        if (debug) debug_after_instruction(*this);
        if (exit_pending) [[unlikely]] {
            exit_pending = false;
            // What a step would wait for is over at once, as a NOP is.
            if (exit_reason != ExitReason::Debugger && debugger_single_steps()) continue;
            reason = exit_reason;
            break;
        }
    }
    running_.store(false, std::memory_order_seq_cst);
    return reason;
}

} // namespace beeline::arm64
