// Maintenance that other CPUs have asked of a CPU and that it has not done yet.
#pragma once

#include "arm64/environment.h"

#include <atomic>
#include <cstddef>
#include <mutex>
#include <vector>

namespace beeline::arm64 {

class MaintenanceQueue {
public:
    /// Bounds what waits for a CPU that sleeps, or whose thread has no host core: beyond them more is asked for than
    /// was.
    static constexpr size_t kMostTranslations = 256; ///< then TlbAll
    static constexpr size_t kMostLines = 4096;       ///< then InstructionAll

    // ---- from any thread ----
    void post(const Maintenance& operation);
    bool pending() const { return pending_.load(std::memory_order_acquire); }

    // ---- from the CPU's own thread ----
    /// Takes what waits. It is pending until done() finds nothing more.
    std::vector<Maintenance> take();
    void done();

private:
    std::atomic<bool> pending_{false};
    std::mutex mutex_;
    /// Code costs much to translate again, and translations of addresses little: a burst of the one kind must not make
    /// the other be dropped.
    std::vector<Maintenance> translations_, lines_;
};

} // namespace beeline::arm64
