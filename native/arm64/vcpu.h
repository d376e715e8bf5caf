// One virtual CPU: guest state, address translation caches, block cache, asynchronous requests, counters.
#pragma once

#include "arm64/counters.h"
#include "arm64/debug.h"
#include "arm64/debugger.h"
#include "arm64/environment.h"
#include "arm64/fault.h"
#include "arm64/maintenance_queue.h"
#include "arm64/state.h"
#include "arm64/tlb.h"
#include "arm64/trace.h"
#include "arm64/translation_cache.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>

namespace beeline::snapshot {
class Archive;
}

namespace beeline::arm64 {

struct Block;
struct CpuFeatures;
class AccessRecorder;
class BlockCache;
class ExecutionTier;

/// Why Vcpu::run() came back.
enum class ExitReason : uint8_t {
    Stopped,          ///< Somebody called request_stop().
    WaitForInterrupt, ///< WFI with nothing pending: call run() again once an interrupt line is raised.
    WaitForEvent,     ///< WFE with a clear event register: call run() again on an interrupt line, SEV, or soon.
    Yield,            ///< The guest spins (YIELD); the caller may give the host CPU away before the next run().
    Debugger,         ///< debugger_stop() says why.
    InstructionLimit, ///< As many instructions as set_instruction_limit() allows have been executed.
};

/// Interrupt inputs, driven by the interrupt controller.
enum class Line : uint8_t { Irq = 1, Fiq = 2 };

/// Privilege and restrictions that a data access is checked with; each has a TLB of its own.
enum class Regime : uint8_t {
    El0,    ///< EL0 accesses, and LDTR/STTR at EL1 with UAO clear
    El1,    ///< EL1, PAN clear
    El1Pan, ///< EL1, PAN set
};
inline constexpr unsigned kRegimes = 3;

class Vcpu {
public:
    /// `index` is the linear CPU number; MPIDR_EL1 is derived from it as QEMU's `virt` does (8 a cluster on GICv2, 16
    /// on v3).
    Vcpu(CpuModel model, unsigned index, Environment& environment);
    ~Vcpu();
    Vcpu(const Vcpu&) = delete;
    Vcpu& operator=(const Vcpu&) = delete;

    /// Architectural reset into EL1h, MMU and caches off, DAIF masked, pc and x0 as given. Caches are dropped.
    void reset(uint64_t pc, uint64_t x0);

    /// Registers, exclusive monitor and event register. While the CPU is still; interrupt lines are the controller's.
    void exchange(snapshot::Archive& archive);

    /// Executes guest code until something needs the caller. Only the vCPU's own thread calls this.
    ExitReason run();

    // ---- from any thread -------------------------------------------------------------------------------------
    void set_line(Line line, bool level);
    void request_stop();
    /// Queues a maintenance operation of another CPU; it is done before this CPU executes further guest code. False:
    /// nothing that this CPU holds is concerned. Tables or code are to be changed before.
    bool post_maintenance(const Maintenance& operation);
    bool maintenance_pending() const { return maintenance_.pending(); }
    /// True while inside run(). A CPU that is not running serves its maintenance before it executes again.
    bool running() const { return running_.load(std::memory_order_seq_cst); }
    uint32_t lines() const { return lines_.load(std::memory_order_acquire); }
    void set_event(); ///< SEV from another CPU or an interrupt's wake-up
    bool event_pending() const { return event_.load(std::memory_order_acquire); }
    /// Clears the event register; true when it was set (WFE then completes at once).
    bool consume_event() { return event_.exchange(false, std::memory_order_acq_rel); }

    // ---- from the vCPU's own thread --------------------------------------------------------------------------
    /// Applies queued maintenance now (used while waiting in Environment::synchronize()).
    void serve_maintenance();
    /// An unmasked interrupt is pending, or would be but for PSTATE (WFI wakes on either).
    bool interrupt_pending() const { return visible_lines() != 0; }
    /// The lines as instructions see them.
    uint32_t visible_lines() const { return held_lines == kLinesNotHeld ? lines() : held_lines; }

    unsigned index() const { return index_; }
    CpuModel model() const { return model_; }
    const CpuFeatures& features() const { return *features_; }
    Environment& environment() const { return *environment_; }
    /// Puts something between the CPU and its environment, or takes it out. Before the first run().
    void set_environment(Environment& environment) { environment_ = &environment; }

    // The parts below are public because the interpreter's handlers are free functions.
    CpuState state{};

    /// Data TLB in use for plain loads and stores: that of the current address space and regime, or a TLB that never
    /// hits when every access must take the slow path (big-endian data, SCTLR_EL1.A, MMU off). Kept by
    /// update_execution_context().
    Tlb* data_tlb;
    /// The same for LDTR/STTR.
    Tlb* unprivileged_tlb;
    TranslationCache translations;
    DebugState debug{};

    uint64_t page_va = 0;   ///< Virtual page of the block being executed.
    Block* block = nullptr; ///< Block being executed.
    /// What jump cache entries must carry: the half of the address space (VA[55] of the pc), its translation
    /// generation, for the lower half the ASID, and the execution context.
    uint64_t lookup_tag = 0;
    static constexpr uint64_t kTagUpperHalf = 0x80, kTagContext = 0x7F;
    Fault fault{};          ///< Set by a failed access; consumed by take_fault().
    uint64_t transfer[2]{}; ///< Result of a slow-path load, source of a slow-path store.
    Counters counters{};

    /// For checking one tier against another: sees every write of the slow path, which then leaves the first-level TLB
    /// as it is; and interrupt lines that stand still.
    AccessRecorder* recorder = nullptr;
    static constexpr uint32_t kLinesNotHeld = ~uint32_t{0};
    uint32_t held_lines = kLinesNotHeld;
    /// nullptr: nobody traces. Set while the CPU is still.
    TraceRing* trace_ring = nullptr;
    bool traced() const { return trace_ring != nullptr; }
    /// From the vCPU's own thread.
    void trace(TraceKind kind, unsigned detail, uint64_t first = 0, uint64_t second = 0, uint64_t third = 0,
               uint64_t fourth = 0) {
        if (traced()) [[unlikely]]
            record_trace(kind, detail, {first, second, third, fourth});
    }

    /// Holds no page: every access takes the slow path. Never written.
    static Tlb& never_hitting_tlb();

    /// Room for what the execution tier's code addresses relative to `state`.
    static constexpr size_t kTierAreaBytes = 4096;
    alignas(64) std::byte tier_area[kTierAreaBytes]{};

    /// Bits that make block entry leave the fast path.
    static constexpr uint32_t kPollLines = 1, kPollStop = 2, kPollMaintenance = 4, kPollDebug = 8, kPollDeferred = 16;
    std::atomic<uint32_t> poll{0};

    /// Recomputes what is derived from PSTATE and system registers: the regime and its TLBs, the execution context key,
    /// debug stepping, unmasked interrupts. Call after anything in PSTATE (but NZCV), SCTLR, TCR, TTBR, MDSCR, DBG*
    /// changed.
    void update_execution_context();

    /// Memory access slow path: translation, permissions, alignment, devices, page crossing, watchpoints, byte order.
    /// On failure sets `fault` and returns false. Data travel in `transfer`. `size` 1..16 bytes.
    bool load_slow(uint64_t va, unsigned size, Regime regime, AccessFlags flags = {});
    bool store_slow(uint64_t va, unsigned size, Regime regime, AccessFlags flags = {});
    Regime data_regime() const { return regime_; }
    Regime unprivileged_regime() const { return unprivileged_regime_; }

    /// Host address for an atomic read-modify-write of a naturally aligned `size`-byte location (16 for pairs), after
    /// every check for a read and a write. nullptr: `fault` is set, unless `device` came back true (the location is not
    /// plain memory: exclusives and atomics there are reported as an unsupported-exclusive fault).
    uint8_t* atomic_pointer(uint64_t va, unsigned size, bool read_only = false);

    /// Drops translations and cached walks. Instruction-side lookups are dropped as well.
    void flush_tlb_all();
    void apply_maintenance(const Maintenance& operation);

    BlockCache& blocks() { return *blocks_; }

    /// Attaches the tier that hot code runs in, or none (nullptr). Before the first run().
    void set_tier(std::unique_ptr<ExecutionTier> tier);
    ExecutionTier* tier() const { return tier_.get(); }

    /// No code of the 64-byte line, or none at all, runs again as it was decoded or translated before.
    void invalidate_code_line(GuestPa address);
    void invalidate_all_code();
    /// Memory changed behind the guest's back: nothing decoded or translated is kept.
    void drop_code();

    // ---- exact counting ----------------------------------------------------------------------------------------
    /// Before the first run(). Between two instructions that a device, a timer, or run()'s caller can tell apart,
    /// counters.instructions is what was executed, and interrupts are taken where they arise: a run is a function of
    /// what the guest is told, whichever tier executes it. Costs speed.
    void count_exactly();
    bool counts_exactly() const { return counts_exactly_; }
    /// Counting exactly: run() comes back once this many instructions, since the CPU was made, have been executed. From
    /// any thread; from another one it takes effect within a block.
    void set_instruction_limit(uint64_t limit) { instruction_limit.store(limit, std::memory_order_relaxed); }
    std::atomic<uint64_t> instruction_limit{~uint64_t{0}};
    /// The execution tier is at work: accesses to devices are left to the interpreter (Fault::Kind::Deferred).
    bool defers_devices = false;

    // ---- an external debugger (debugger.h) ---------------------------------------------------------------------
    // The first three while the CPU is still.
    /// nullptr: there is no debugger any more.
    void set_debugger_points(std::shared_ptr<const DebuggerPoints> points);
    /// With points set. How the next run() begins; forgets the stop before.
    void set_debugger_mode(DebuggerMode mode);
    std::optional<DebuggerStop> debugger_stop() const;
    /// Blocks must not go on past one of these; nullptr: none.
    const PageOffsets* debugger_cuts() const { return debugger_ == nullptr ? nullptr : &debugger_->cuts; }
    /// Every instruction passes by run().
    bool debugger_single_steps() const;
    bool debugger_watching() const {
        return debugger_ != nullptr && debugger_->points != nullptr && !debugger_->points->watches.empty();
    }
    bool debugger_watches_page(uint64_t va) const;
    /// True: the access hits a watchpoint, and debugger_stop() says so.
    bool debugger_watches(uint64_t va, unsigned size, Access access);

    // ---- used by the interpreter's control functions -----------------------------------------------------------
    /// The next lookup in run() may link `block` to what it finds, as successor `which`.
    struct PendingLink {
        Block* block = nullptr;
        unsigned which = 0;
    };
    PendingLink pending_link{};
    /// Set by leave(): run() returns this reason.
    bool exit_pending = false;
    ExitReason exit_reason = ExitReason::Stopped;

    /// lookup_tag for the half that `pc` is in.
    uint64_t lookup_tag_at(uint64_t pc) const { return lookup_tags_[pc >> 55 & 1]; }
    /// For code that reads them by itself: both tags, by VA[55]; what lines() reads.
    const uint64_t* lookup_tags() const { return lookup_tags_; }
    const std::atomic<uint32_t>& lines_word() const { return lines_; }

private:
    void record_trace(TraceKind kind, unsigned detail, const std::array<uint64_t, 4>& arguments);
    /// The block at state.pc, or nullptr when the fetch took an exception.
    Block* find_block();
    bool serve_requests();
    /// Whether this CPU holds, or is about to read, anything that `operation` calls into question. From any thread.
    bool concerned_by(const Maintenance& operation) const;
    /// Breakpoints and watchpoints do not count now.
    bool debugger_disregards_points() const;
    /// Between two instructions of a stepped CPU. True: it is to stop.
    bool debugger_before_instruction();
    /// At a block that begins where blocks are cut. True: there is a breakpoint.
    bool debugger_breaks();

    Environment* environment_;
    const CpuFeatures* features_;
    std::unique_ptr<BlockCache> blocks_;
    std::unique_ptr<ExecutionTier> tier_;
    std::unique_ptr<DebuggerState> debugger_; ///< nullptr: there is none.
    uint64_t lookup_tags_[2]{};               ///< By VA[55].
    bool counts_exactly_ = false;
    bool serving_others_ = false; ///< In serve_maintenance().
    CpuModel model_;
    unsigned index_;
    Regime regime_ = Regime::El1;
    Regime unprivileged_regime_ = Regime::El0;
    std::atomic<uint32_t> lines_{0};
    std::atomic<bool> stop_{false};
    std::atomic<bool> running_{false};
    std::atomic<bool> event_{false};
    MaintenanceQueue maintenance_;
};

} // namespace beeline::arm64
