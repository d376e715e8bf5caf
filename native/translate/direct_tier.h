// The direct tier of one vCPU: its translations, how they are found, linked, invalidated and evicted.
#pragma once

#include "arm64/execution_tier.h"
#include "host/code_cache.h"
#include "host/fault_handler.h"
#include "translate/block_translator.h"
#include "translate/counters.h"
#include "translate/listing.h"
#include "translate/perf_map.h"
#include "translate/state.h"
#include "translate/verifier.h"

#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

namespace beeline::translate {

struct DirectOptions {
    Techniques techniques;
    /// Entries of a block by the interpreter before it is translated; 0: at once.
    uint32_t visits_before_translation = 64;
    /// Check every execution of a block against the interpreter (verifier.h). Blocks are then not linked.
    bool verify = false;
    /// There is one CPU: atomic instructions need not lock the others out.
    bool alone = false;
    /// With verify: how often a block is checked before it is trusted; 0: always.
    uint32_t checks_a_block = 0;
    /// Keep with each block what for_each_translation() is to tell of it: its layout, and how often it was executed.
    bool keep_details = false;
    /// Hears of every piece of code; outlives the tier. May be nullptr.
    PerfMap* perf_map = nullptr;
};

class DirectTier final : public arm64::ExecutionTier, private MissListener, private host::FaultRecovery {
public:
    /// nullptr: the host gave no memory for code. `on_difference` is called when verification fails.
    static std::unique_ptr<DirectTier> create(arm64::Vcpu& cpu, const DirectOptions& options,
                                              Verifier::Report on_difference = {});

    bool run_known() override;
    bool run_block(arm64::Block& block) override;
    uint32_t visits_before_offer() const override { return options_.visits_before_translation; }
    void invalidate_line(arm64::GuestPa address) override;
    void invalidate_all() override;

    /// May be called by any thread; the numbers are then not all of the same moment.
    DirectCounters counters() const;
    /// Every block whose code is still in the cache, be it in use or not. While the vCPU does not run.
    void for_each_translation(const std::function<void(const Translation&)>& visit) const;
    /// What their code refers to.
    host::Symbols symbols() const { return common_symbols(translator_, code_offset()); }

private:
    DirectTier(arm64::Vcpu& cpu, const DirectOptions& options, std::unique_ptr<host::CodeCache> cache);

    /// Instructions are aligned to 4: with the shift there are 7 bits for the context.
    static_assert(arm64::Vcpu::kTagContext < 1 << 7);
    static uint64_t key_of(arm64::GuestPa pa, uint8_t context) { return pa.value << 5 | context; }
    IndirectEntry& indirect_entry(uint64_t pc) { return indirect_[indirect_index(pc)]; }
    void on_misses(arm64::Vcpu& cpu, MissCounter& counter) override;
    void remember_at_pc(Translation& translation);
    void empty_slot(uint32_t slot);
    /// From where code is written to where it runs.
    int64_t code_offset() const { return cache_->executable() - cache_->writable(); }
    void add_to_perf_map(const Translation& translation) const;

    Translation* find(arm64::GuestPa pa, uint8_t context);
    Translation* find_recent(uint64_t pc);
    Translation* translate(arm64::GuestPa pa, uint8_t context);
    void enter(const Translation& translation);
    void execute(const Translation& translation);
    const void* recover(const void* instruction) override;
    void link_last_exit(Translation& target);
    void link(Exit& exit, Translation& target);
    void unlink(Exit& exit);
    void discard(Translation& translation);
    void evict_segment(unsigned segment);
    void patch(const Exit& exit, const uint8_t* target);

    arm64::Vcpu& cpu_;
    DirectOptions options_;
    DirectCounters counters_;
    std::unique_ptr<host::CodeCache> cache_;
    host::Assembler assembler_;
    BlockTranslator translator_;
    std::unique_ptr<Verifier> verifier_;

    std::unordered_map<uint64_t, std::unique_ptr<Translation>> translations_;
    std::unordered_map<uint64_t, std::vector<Translation*>> pages_; ///< By physical page.
    std::vector<std::vector<Translation*>> segments_;
    /// Discarded translations whose code is still in its segment: it may be executing.
    std::vector<std::vector<std::unique_ptr<Translation>>> discarded_;
    std::vector<IndirectEntry> indirect_;
    /// Neighbours, by slot of `indirect_`, in the list of slots that hold the same translation.
    struct SlotLinks {
        uint32_t previous, next;
    };
    std::vector<SlotLinks> slot_links_;
    /// In front of `translations_`, which is too large for the host's caches.
    struct RecentEntry {
        uint64_t key;
        Translation* translation;
    };
    static constexpr unsigned kRecentEntries = 8192;
    RecentEntry& recent_entry(uint64_t key) { return recent_[(key ^ key >> 13 ^ key >> 26) % kRecentEntries]; }
    std::vector<RecentEntry> recent_;
    Exit* last_exit_ = nullptr; ///< What translated code was left by, to be linked to what comes next.
    uint64_t last_page_ = 0;    ///< Vcpu::page_va then.
    uint64_t last_target_ = 0;  ///< Where it leads: an exception or interrupt may come in between.
    bool interpret_next_ = false;
};

} // namespace beeline::translate
