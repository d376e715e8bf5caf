// The ring of a CPU's trace: order, what is lost, and a reader while it is written.
#include "board/trace.h"

#include "fake_machine.h"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

using namespace beeline;
using namespace beeline::test;
using arm64::TraceKind;
using arm64::TraceRecord;
using arm64::TraceRing;

namespace {

TraceRecord numbered(uint64_t number) {
    return {number, TraceKind::Call, 0, 0, 0, {number, ~number, number * 3, number + 7}};
}

bool whole(const TraceRecord& record, uint64_t number) {
    const TraceRecord right = numbered(number);
    return record.time == right.time && record.kind == right.kind && record.arguments == right.arguments;
}

void ring() {
    TraceRing ring(16, arm64::trace_bit(TraceKind::Call));
    check(ring.wants(TraceKind::Call) && !ring.wants(TraceKind::Exception), "kinds");
    TraceRecord record{};
    for (uint64_t i = 0; i < 15; i++) ring.write(numbered(i));
    check_equal(ring.first_kept(ring.written()), 0, "nothing is lost yet");
    for (uint64_t i = 0; i < 15; i++) check(ring.read(i, record) && whole(record, i), "in order");
    for (uint64_t i = 15; i < 100; i++) ring.write(numbered(i));
    check_equal(ring.written(), 100, "written");
    check_equal(ring.first_kept(100), 85, "one place is being written");
    for (uint64_t i = 0; i < 85; i++) check(!ring.read(i, record), "lost");
    for (uint64_t i = 85; i < 100; i++) check(ring.read(i, record) && whole(record, i), "the latest");
}

/// What a reader gets is never half of one record and half of another.
void concurrent_reader() {
    TraceRing ring(64, ~0u);
    constexpr uint64_t kRecords = 2'000'000;
    std::atomic<bool> begun{false};
    std::thread writer([&] {
        while (!begun.load()) std::this_thread::yield();
        for (uint64_t i = 0; i < kRecords; i++) ring.write(numbered(i));
    });
    uint64_t next = 0, got = 0, lost = 0, torn = 0;
    begun.store(true);
    while (next < kRecords) {
        const uint64_t end = ring.written();
        while (next < end) {
            TraceRecord record{};
            if (ring.read(next, record)) {
                torn += !whole(record, next);
                got++;
                next++;
            } else {
                const uint64_t kept = ring.first_kept(ring.written());
                lost += kept - next;
                next = kept;
            }
        }
    }
    writer.join();
    check_equal(torn, 0, "whole records");
    check_equal(got + lost, kRecords, "each is read or counted as lost");
}

void batches() {
    FakeMachine machine;
    std::vector<std::unique_ptr<arm64::Vcpu>> cpus;
    for (unsigned i = 0; i < 2; i++) cpus.push_back(std::make_unique<arm64::Vcpu>(arm64::CpuModel::N1, i, machine));
    cpus[0]->trace(TraceKind::Call, 0, 1);
    {
        board::Trace trace(
            cpus, {.kinds = arm64::trace_bit(TraceKind::Call) | arm64::trace_bit(TraceKind::Sleep), .records = 4});
        check(trace.read({}, 10).entries.empty(), "nothing before it began");
        cpus[0]->trace(TraceKind::Call, 0, 1, 2, 3, 4);
        cpus[0]->trace(TraceKind::Exception, 0);
        cpus[1]->trace(TraceKind::Sleep, arm64::kTraceEvent);
        const board::TraceBatch first = trace.read({}, 1);
        check(first.entries.size() == 1 && first.more, "one of two");
        const board::TraceBatch second = trace.read(first.positions, 10);
        check(second.entries.size() == 1 && !second.more, "the other one");
        check(first.entries[0].record.cpu != second.entries[0].record.cpu, "of another CPU");
        check(trace.written() == std::vector<uint64_t>{1, 1}, "how many there were");
        for (uint64_t i = 0; i < 10; i++) cpus[1]->trace(TraceKind::Call, 0, i);
        const board::TraceBatch third = trace.read(second.positions, 100);
        check_equal(third.entries.size(), 3, "what is kept");
        check(third.lost == std::vector<uint64_t>{0, 7}, "what is not");
        uint64_t number = 8;
        for (const board::TraceEntry& entry : third.entries) {
            check_equal(entry.number, number, "numbers go on");
            check_equal(entry.record.arguments[0], number++ - 1, "the latest");
        }
        const std::vector<uint64_t> far = {~uint64_t{0}, 1000};
        const board::TraceBatch none = trace.read(far, 10);
        check(none.entries.empty() && none.positions == trace.written(), "places that there are not yet");
    }
    cpus[0]->trace(TraceKind::Call, 0, 1);
}

} // namespace

int main() {
    ring();
    concurrent_reader();
    batches();
    return report("trace");
}
