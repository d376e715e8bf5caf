// TLB and instruction-cache maintenance that reaches every CPU (Arm ARM D5.10.2, B2.3.7).
#pragma once

#include "arm64/environment.h"
#include "runtime/vcpu_thread.h"

#include <memory>
#include <vector>

namespace beeline::runtime {

using VcpuThreads = std::vector<std::unique_ptr<VcpuThread>>;

/// Posts `operation` to every CPU but `from` that is on and concerned, and returns to how many. A CPU that is off drops
/// its caches when it is switched on.
unsigned broadcast(const VcpuThreads& threads, arm64::Vcpu& from, const arm64::Maintenance& operation);

/// Until every other CPU has served what was posted to it, or executes no guest code and so will serve it first.
/// Serves what is posted to `from` meanwhile: two CPUs that wait for each other both get on. Must be called without
/// locks that a running CPU may wait for.
void synchronize(const VcpuThreads& threads, arm64::Vcpu& from);

} // namespace beeline::runtime
