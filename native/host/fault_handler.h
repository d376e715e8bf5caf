// Host faults that translated code provokes on purpose: a memory access that no check kept from an address that is not
// one goes on at a place that the code's owner names.
#pragma once

namespace beeline::host {

class FaultRecovery {
public:
    virtual ~FaultRecovery() = default;
    /// Where to go on after a fault of the instruction at `instruction`; nullptr when it is none of the owner's code.
    /// Called in a signal handler, on the thread that executes the code.
    virtual const void* recover(const void* instruction) = 0;
};

/// Faults of this thread are shown to `recovery` from now on (nullptr: to nobody), before whoever handled SIGSEGV
/// before. Cheap to repeat.
void set_fault_recovery(FaultRecovery* recovery);

} // namespace beeline::host
