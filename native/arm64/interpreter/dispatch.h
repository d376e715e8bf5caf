// Binding of words to handlers, and the handlers that every block has.
#pragma once

#include "arm64/execution_context.h"
#include "arm64/interpreter/insn.h"

namespace beeline::arm64 {

struct CpuFeatures;

/// Decodes `word` and binds it for the context. An encoding that is unallocated, or that the context's CPU model lacks,
/// is bound to the Undefined Instruction exception.
void bind(Insn& insn, uint32_t word, const ExecutionContext& context, const CpuFeatures& features);

/// First entry of a block: counts it, and leaves to Vcpu::run() when a request is pending or the block is stale.
Insn* block_entry(Vcpu& cpu, Insn* insn);
/// The same of blocks that only run() enters, which does not begin there: goes back to it.
Insn* block_entry_of_run(Vcpu& cpu, Insn* insn);
/// Behind the last instruction of a block that does not end by itself.
Insn* block_end(Vcpu& cpu, Insn* insn);

} // namespace beeline::arm64
