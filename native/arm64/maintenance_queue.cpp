#include "arm64/maintenance_queue.h"

namespace beeline::arm64 {

namespace {

void append(std::vector<Maintenance>& queue, const Maintenance& operation, size_t most, Maintenance::Kind everything) {
    if (queue.size() == 1 && queue.front().kind == everything) return;
    if (operation.kind == everything || queue.size() == most)
        queue.assign(1, {everything, 0});
    else
        queue.push_back(operation);
}

} // namespace

void MaintenanceQueue::post(const Maintenance& operation) {
    const std::lock_guard lock(mutex_);
    switch (operation.kind) {
    case Maintenance::Kind::InstructionAll:
    case Maintenance::Kind::InstructionLine:
        append(lines_, operation, kMostLines, Maintenance::Kind::InstructionAll);
        break;
    default: append(translations_, operation, kMostTranslations, Maintenance::Kind::TlbAll); break;
    }
    pending_.store(true, std::memory_order_seq_cst);
}

std::vector<Maintenance> MaintenanceQueue::take() {
    const std::lock_guard lock(mutex_);
    std::vector<Maintenance> operations;
    operations.swap(translations_);
    operations.insert(operations.end(), lines_.begin(), lines_.end());
    lines_.clear();
    return operations;
}

void MaintenanceQueue::done() {
    const std::lock_guard lock(mutex_);
    // The poster may go on once this is false: only when everything posted so far has been applied.
    if (translations_.empty() && lines_.empty()) pending_.store(false, std::memory_order_release);
}

} // namespace beeline::arm64
