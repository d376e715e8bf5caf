#include "arm64/debugger.h"

#include "arm64/interpreter/block_cache.h"
#include "arm64/vcpu.h"

#include <algorithm>
#include <utility>

namespace beeline::arm64 {

bool DebuggerPoints::breaks_at(uint64_t pc) const {
    return std::binary_search(breakpoints.begin(), breakpoints.end(), pc);
}

bool DebuggerPoints::watches_page(uint64_t va) const {
    const uint64_t first = va & ~kPageMask, last = first | kPageMask;
    return std::any_of(watches.begin(), watches.end(),
                       [&](const Watch& watch) { return watch.first <= last && watch.last >= first; });
}

std::optional<uint64_t> DebuggerPoints::watched_byte(uint64_t va, unsigned size, Access access) const {
    for (const Watch& watch : watches) {
        if (access == Access::Write ? !watch.writes : !watch.reads) continue;
        if (va <= watch.last && va + size - 1 >= watch.first) return std::max(va, watch.first);
    }
    return std::nullopt;
}

void Vcpu::set_debugger_points(std::shared_ptr<const DebuggerPoints> points) {
    if (points == nullptr && debugger_ == nullptr) return;
    bool cut_anew = points == nullptr && debugger_->cuts.any();
    if (points == nullptr) {
        debugger_.reset();
    } else {
        if (debugger_ == nullptr) debugger_ = std::make_unique<DebuggerState>();
        for (const uint64_t pc : points->breakpoints) {
            const size_t place = (pc & kPageMask) / 4;
            cut_anew |= !debugger_->cuts.test(place);
            debugger_->cuts.set(place);
        }
        debugger_->points = std::move(points);
    }
    blocks_->set_cuts(debugger_ == nullptr ? nullptr : &debugger_->cuts);
    if (cut_anew) {
        pending_link = {};
        drop_code();
    }
    // Pages that were plain may be watched now, and the other way round.
    translations.flush_first_level();
    update_execution_context();
}

void Vcpu::set_debugger_mode(DebuggerMode mode) {
    if (debugger_ == nullptr) return;
    debugger_->mode = mode;
    debugger_->begun = false;
    debugger_->stop.reset();
    update_execution_context();
}

std::optional<DebuggerStop> Vcpu::debugger_stop() const {
    return debugger_ == nullptr ? std::nullopt : debugger_->stop;
}

bool Vcpu::debugger_single_steps() const { return debugger_ != nullptr && debugger_->mode != DebuggerMode::Run; }

bool Vcpu::debugger_disregards_points() const {
    return debugger_->points == nullptr || debugger_->mode != DebuggerMode::Run;
}

bool Vcpu::debugger_before_instruction() {
    DebuggerState& debugger = *debugger_;
    if (debugger.mode == DebuggerMode::Run) return false;
    if (!std::exchange(debugger.begun, true)) return false;
    const bool stepped = debugger.mode == DebuggerMode::Step;
    debugger.mode = DebuggerMode::Run;
    if (stepped) debugger.stop = DebuggerStop{};
    update_execution_context();
    return stepped;
}

bool Vcpu::debugger_breaks() {
    if (debugger_disregards_points() || !debugger_->points->breaks_at(state.pc)) return false;
    debugger_->stop = DebuggerStop{.kind = DebuggerStop::Kind::Breakpoint};
    return true;
}

bool Vcpu::debugger_watches_page(uint64_t va) const {
    return debugger_ != nullptr && debugger_->points != nullptr && debugger_->points->watches_page(va);
}

bool Vcpu::debugger_watches(uint64_t va, unsigned size, Access access) {
    if (debugger_ == nullptr || debugger_disregards_points()) return false;
    const std::optional<uint64_t> byte = debugger_->points->watched_byte(va, size, access);
    if (!byte) return false;
    debugger_->stop = DebuggerStop{DebuggerStop::Kind::Watchpoint, access, *byte};
    return true;
}

} // namespace beeline::arm64
