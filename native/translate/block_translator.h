// Translates one block: a pass that decodes, a backward pass over the flags, a forward pass that emits.
#pragma once

#include "translate/cold_code.h"
#include "translate/counters.h"
#include "translate/emitter.h"
#include "translate/float_run.h"
#include "translate/given_up_sites.h"
#include "translate/instruction_facts.h"
#include "translate/memory_site.h"
#include "translate/runtime.h"
#include "translate/system_calls.h"
#include "translate/translation.h"
#include "translate/vector_emitter.h"
#include "translate/vector_registers.h"

#include <functional>
#include <memory>
#include <vector>

namespace beeline::translate {

class BlockTranslator {
public:
    BlockTranslator(host::Assembler& assembler, arm64::Vcpu& cpu, const Techniques& techniques,
                    const host::CpuFlags& host);

    /// Generates the routines that all blocks share, at the assembler's position.
    void generate_runtime(const uint8_t* executable_base, const uint8_t* writable_base);
    const Runtime& runtime() const { return runtime_; }

    /// Emits the block at `pa` for `context` at the assembler's position. `host_page` is the guest page.
    std::unique_ptr<Translation> translate(arm64::GuestPa pa, uint8_t context, const uint8_t* host_page);

    /// Translations tell which of their host code belongs to which guest instruction.
    void set_recording_layout(bool recording) { recording_layout_ = recording; }
    /// Blocks count how often they are entered (Translation::executions).
    void set_counting_executions(bool counting) { counting_executions_ = counting; }

    /// No block is larger than this, in bytes of host code. The largest known takes 84 KiB: LD4 of lanes, or SQRSHL,
    /// from the first instruction to the last, with a loop's copy of half of them.
    static constexpr size_t kLargestBlock = size_t{192} << 10;

    // ---- for the emitters of memory, control and system instructions ------------------------------------------------

    struct Instruction {
        arm64::Insn insn;
        Facts facts;
        bool flags_live_before = false; ///< Some later reader, this one included, sees the flags from before it.
        bool flags_live_after = false;
    };

    /// Memory operand of an access: base + displacement, where base is a home or rdx.
    struct Target {
        Reg64 base;
        int32_t displacement;
    };

    /// The check of one access; returns with the addend in rcx, so that the location is [base + rcx + displacement].
    /// The slow path stages a store's data before its call, finishes a load behind it, and goes on at `after`.
    struct Access {
        Target target;
        unsigned size_log2 = 3;
        bool pair = false;
        unsigned vectors = 0;    ///< FP/SIMD registers, if it is theirs.
        bool by_handler = false; ///< The slow path is the interpreter's handler.
        bool write = false;
        bool aligned = false;
        bool unprivileged = false;
        std::function<void()> stage_data;  ///< Stores: loads the data into rdx (second of a pair: transfer[1]).
        std::function<void()> finish_load; ///< Loads: puts rax (and rdx) where the results belong.
        host::Label* after = nullptr;      ///< FP/SIMD registers: behind the whole instruction.
        /// What the host's vector registers hold at `after`; empty: what they hold at the check.
        std::shared_ptr<VectorRegisters::Contents> vectors_after;
        // Set by emit_check(): what the check asks for where it answers for others too. The slow path then leaves the
        // block behind the instruction.
        unsigned checked_bytes = 0;
        bool checks_write = false, leaves = false;

        unsigned bytes() const { return (vectors != 0 ? vectors : pair ? 2u : 1u) << size_log2; }
    };
    /// Until the first access to the location the code behind the check must leave `target.base` and all guest
    /// registers alone: when the host refuses that access (see GuardedAccess), it is the miss path that goes on.
    /// Returns where the slow path begins, for those who find more reasons to take it; until the block is complete.
    host::Label* emit_check(Access access);
    void emit_table_probe(const Target& target, int size, bool write, host::Label& miss);
    /// Who hears of sites that miss; set before the first translation.
    void set_miss_listener(MissListener* listener) { miss_listener_ = listener; }
    /// No other CPU accesses the guest's memory.
    void set_alone(bool alone) { alone_ = alone; }
    /// Accesses that are to look into the TLB without a site of their own.
    GivenUpSites& given_up_sites() { return given_up_sites_; }
    bool uses_site() const;
    MissCounter* new_miss_counter();
    arm64::GuestPa instruction_address() const;

    // ---- grouped checks (emit_group.cpp) ----
    /// Accesses off one base that one check answers for.
    struct Group {
        unsigned first = 0, last = 0; ///< Members are the plain accesses off `base` in [first, last].
        unsigned base = 0;
        int32_t low = 0, high = 0; ///< Bytes touched, relative to the base at `first`.
        bool write = false;
        bool active = false;
        bool has_site = false; ///< Otherwise its check is the TLB's, and the addend is in TranslatedState.
        int site = 0;
    };
    struct Member {
        bool load, loads_base;
        Index index;
        int32_t bytes;
    };
    static bool describe_member(const Instruction& instruction, Member& member);
    static bool is_member(const Instruction& instruction) {
        Member member;
        return describe_member(instruction, member);
    }
    Group find_group(unsigned first) const;
    void emit_group_check(const Group& group);
    /// Accesses at one address, base and index register, that the check of the first of them answers for.
    struct SameAddress {
        unsigned first = 0, last = 0;
        uint32_t key = 0;   ///< Of the address, see address_key().
        unsigned bytes = 0; ///< Of the largest of them.
        bool write = false; ///< One of them at least.
        bool has_site = false;
        int site = 0;
        unsigned slot = 0; ///< In TranslatedState::addends, without a site.
    };
    /// Those that the instruction under way belongs to; null: it checks for itself alone.
    const SameAddress* find_same_address(const Access& access);
    /// rcx = the addend that a check has found: the site's, or the one kept in CpuState.
    void load_addend(bool has_site, int site, const uint64_t& kept);

    // ---- loops (emit_vector_loop.cpp) ----
    /// A block that branches back to its beginning: a second copy of its instructions for all iterations but the first,
    /// entered with V registers where the branch has them.
    struct VectorLoop {
        host::Label head, resume; ///< `resume`: behind the branch in the first copy.
        unsigned branch = 0;      ///< The instruction that branches back.
        VectorRegisters::Knowledge at_head;
        VectorRegisters::Contents at_resume;
        FlagPlace place = FlagPlace::Memory; ///< At `resume`.
    };
    /// The branch of the instruction under way back to the block's beginning, where the x86 condition holds; nothing is
    /// done, and false returned, where V registers have nothing to do with it.
    bool emit_vector_loop_branch(uint8_t condition);
    void emit_vector_loop(VectorLoop& loop);
    /// EFLAGS or HostFlags, from where they are, to `place`. Neither is a form of floating point.
    void move_flags(FlagPlace place);

    void emit_slow_path(Access access, host::Label* miss, host::Label* slow, host::Label* back, FlagPlace restored);
    /// The address of a load or store with base and, perhaps, index register.
    Target address_of(const arm64::Insn& insn, int64_t displacement);
    Target address_of_register_offset(const arm64::Insn& insn);
    void write_back(const arm64::Insn& insn);

    bool emit_vector_memory(const Instruction& instruction);
    /// FP/SIMD data processing.
    bool emit_vector(const arm64::Insn& insn, const VectorEntry& entry);
    FloatRun find_float_run(unsigned index) const;
    void emit_float_run(const FloatRun& run, unsigned index);
    /// The instructions under way, `count` of them from `first` on, end here; the code at `fix_up` does them over and
    /// goes on here.
    void emit_fix_up(std::shared_ptr<host::Label> fix_up, unsigned first, unsigned count);
    bool emit_memory(const Instruction& instruction);
    bool emit_atomic(const Instruction& instruction);
    bool emit_control(const Instruction& instruction, unsigned index);
    bool emit_system(const Instruction& instruction);

    // ---- system instructions (emit_system.cpp) ----
    bool goes_on_inline(const arm64::Insn& insn) const;
    bool emit_level_change(const arm64::Insn& insn);
    bool emit_mrs(const arm64::Insn& insn);
    bool emit_msr(const arm64::Insn& insn);
    bool emit_maintenance(const arm64::Insn& insn);
    void emit_zero_line(const arm64::Insn& insn);
    void emit_read_nzcv(const Reg64& to);
    void emit_write_nzcv(unsigned rt);
    const arm64::SystemRegister* accessible_register(uint32_t word, bool write) const;
    void emit_trap_check(arm64::El0Trap trap, host::Label& trapped);
    void emit_mask_check(host::Label* after);
    void emit_interrupt_check();
    void emit_system_call(SystemCall function);
    void emit_cold_helper(host::Label* from, host::Label* after);
    void emit_cold_exit(host::Label* from);
    void dispatch_at(int64_t offset);

    Emitter& emitter() { return e_; }
    const Emitter& emitter() const { return e_; }

private:
    bool cut_at(uint64_t offset) const;
    void decode(arm64::GuestPa pa, uint8_t context, const uint8_t* host_page);
    void find_live_flags();
    bool flags_live_at(int64_t offset, unsigned depth) const;
    void emit_limit_check();
    void emit_instructions(unsigned last, bool cold);
    void emit_instruction(unsigned index);
    void note_layout(unsigned index, bool cold);
    /// Code out of line that was put off since the last call belongs to instruction `index`.
    void own_cold(unsigned index);
    unsigned emit_helper_run(unsigned index);
    unsigned emit_idiom(unsigned index);
    /// A chain of `count` instructions from `index` on for the interpreter's handlers; it ends with the translation.
    arm64::Insn* helper_chain(unsigned index, unsigned count);
    /// Host code in [begin, end), positions of the assembler, recovers from refused accesses here.
    void guard_accesses(const uint8_t* begin, const uint8_t* end);

    void count_switch(SwitchCause cause);
    /// Adds the instructions up to and including `index` to the count.
    void flush_count(unsigned index);
    bool compares_for_branch(unsigned index) const;
    /// Leaves for state.pc = page + offset, to the interpreter, when SP is misaligned: such accesses fault.
    void check_stack_alignment(const arm64::Insn& insn);
    void note_stack_change(const arm64::Insn& insn);

    /// Ends the block with a direct branch to the page offset given.
    void emit_direct_exit(int64_t offset, bool poll);
    void emit_jump_to_exit(Exit& exit);
    void emit_indirect_exit();
    Exit& new_exit(int64_t offset);
    /// Good until the block is complete.
    host::Label* new_label() { return &labels_.take(); }
    void emit_conditional_exit(uint8_t condition, int64_t offset, bool live, bool backward);
    void store_live_flags(bool live);
    void leave_at(int64_t offset, uint64_t code);

    host::Assembler& a_;
    Emitter e_;
    VectorRegisters v_;
    arm64::Vcpu& cpu_;
    Runtime runtime_;

    MissListener* miss_listener_ = nullptr;
    bool alone_ = false;
    GivenUpSites given_up_sites_;

    // ---- of the block under way ----
    std::vector<Instruction> block_;
    Translation* translation_ = nullptr;
    const uint8_t* host_page_ = nullptr;
    uint8_t context_ = 0;
    uint64_t first_offset_ = 0;
    bool in_upper_half_ = false; ///< Of the address space, where kernels live.
    unsigned index_ = 0;         ///< Instruction being emitted.
    unsigned counted_ = 0;       ///< Instructions that the count holds at this point of the code.
    bool stack_aligned_ = false; ///< SP was checked, and moved by multiples of 16 since.
    Group group_;
    std::vector<SameAddress> same_addresses_;
    /// Where the straight path goes on behind a group, and where it has the flags there.
    struct GroupEnd {
        host::Label done;
        FlagPlace place = FlagPlace::Memory;
        VectorRegisters::Contents vectors;
    };
    Pool<GroupEnd> group_ends_;
    Pool<VectorLoop> vector_loops_;
    VectorLoop* vector_loop_ = nullptr; ///< Whose copy is being emitted.
    GroupEnd* group_end_ = nullptr;     ///< Of the active group.
    bool in_twin_ = false;              ///< Emitting the ungrouped twin of a group.
    ColdCode cold_;                     ///< Code behind the block.
    Pool<host::Label> labels_;
    std::vector<GuardedAccess> accesses_;
    std::vector<uint16_t> cold_owners_; ///< Instruction of each; kept when the layout is.
    bool recording_layout_ = false;
    bool counting_executions_ = false;
};

} // namespace beeline::translate
