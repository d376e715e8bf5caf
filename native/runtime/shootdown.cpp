#include "runtime/shootdown.h"

#include <chrono>
#include <immintrin.h>
#include <sched.h>
#include <thread>

namespace beeline::runtime {

namespace {

/// Waiting is short when the other CPU has a host core, and must not take that core from it when it has not.
void back_off(unsigned round) {
    constexpr unsigned kSpins = 64, kYields = 256;
    if (round < kSpins) {
        _mm_pause();
    } else if (round < kYields) {
        sched_yield();
    } else {
        std::this_thread::sleep_for(std::chrono::microseconds(20));
    }
}

} // namespace

unsigned broadcast(const VcpuThreads& threads, arm64::Vcpu& from, const arm64::Maintenance& operation) {
    unsigned posted = 0;
    for (const auto& thread : threads)
        if (&thread->cpu() != &from && thread->power() != VcpuThread::Power::Off)
            posted += thread->cpu().post_maintenance(operation);
    return posted;
}

void synchronize(const VcpuThreads& threads, arm64::Vcpu& from) {
    for (const auto& thread : threads) {
        const arm64::Vcpu& cpu = thread->cpu();
        if (&cpu == &from) continue;
        for (unsigned round = 0; cpu.maintenance_pending() && cpu.running(); round++) {
            if (from.maintenance_pending()) from.serve_maintenance();
            back_off(round);
        }
    }
}

} // namespace beeline::runtime
