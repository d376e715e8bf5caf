#include "block/disk.h"

#include <cerrno>

namespace beeline::block {

/// What the host has in its cache needs no engine.
bool Disk::read_at_once(const Extent& extent, Buffers buffers) const {
    const ssize_t moved = preadv2(extent.fd, buffers.data(), static_cast<int>(buffers.size()),
                                  static_cast<off_t>(extent.offset), RWF_NOWAIT);
    return moved >= 0 && static_cast<uint64_t>(moved) == extent.length;
}

void Disk::transfer(Request& request) {
    const bool write = request.kind == Request::Kind::Write;
    for (uint64_t done = 0; done < request.length && request.error == 0;) {
        const Extent extent = image_->map(request.offset + done, request.length - done, write);
        std::vector<iovec> part = slice(request.buffers, done, extent.length);
        switch (extent.kind) {
        case Extent::Kind::File:
            if (!write && read_at_once(extent, part)) break;
            request.operations_.push_back({.kind = write ? Operation::Kind::Write : Operation::Kind::Read,
                                           .fd = extent.fd,
                                           .offset = extent.offset,
                                           .buffers = std::move(part),
                                           .length = extent.length,
                                           .owner = &request});
            break;
        case Extent::Kind::Zero: fill_zero(part); break;
        case Extent::Kind::Image:
            request.error =
                write ? image_->write(request.offset + done, part) : image_->read(request.offset + done, part);
            break;
        }
        done += extent.length;
    }
}

void Disk::submit(Request& request) {
    request.error = 0;
    request.operations_.clear();
    in_flight_++;
    switch (request.kind) {
    case Request::Kind::Read:
    case Request::Kind::Write: transfer(request); break;
    case Request::Kind::Flush:
        if (const int fd = image_->flush_descriptor(); fd >= 0)
            request.operations_.push_back({.kind = Operation::Kind::Sync, .fd = fd, .owner = &request});
        break;
    case Request::Kind::Discard:
        drain();
        request.error = image_->discard(request.offset, request.length);
        break;
    case Request::Kind::WriteZeroes:
        drain();
        request.error = image_->write_zeroes(request.offset, request.length, request.unmap);
        break;
    }
    request.pending_ = request.error == 0 ? static_cast<unsigned>(request.operations_.size()) : 0;
    if (request.pending_ == 0) {
        finished_.push_back(&request);
        return;
    }
    for (Operation& operation : request.operations_) {
        operations_++;
        engine_->submit(operation);
    }
}

void Disk::collect() {
    for (Operation* operation : completed_) {
        operations_--;
        auto& request = *static_cast<Request*>(operation->owner);
        if (operation->error != 0) request.error = operation->error;
        if (--request.pending_ == 0) finished_.push_back(&request);
    }
    completed_.clear();
}

void Disk::drain() {
    bool waited = false;
    while (operations_ != 0) {
        engine_->wait(completed_, true);
        collect();
        waited = true;
    }
    // A call of wake() may have been used up.
    if (waited) engine_->wake();
}

void Disk::count(const Request& request) {
    Count* count = &failures_;
    if (request.error == 0) {
        switch (request.kind) {
        case Request::Kind::Read: count = &reads_; break;
        case Request::Kind::Write: count = &writes_; break;
        case Request::Kind::Flush: count = &flushes_; break;
        case Request::Kind::Discard:
        case Request::Kind::WriteZeroes: count = &discards_; break;
        }
    }
    count->requests.fetch_add(1, std::memory_order_relaxed);
    count->bytes.fetch_add(request.length, std::memory_order_relaxed);
}

DiskCounters Disk::counters() const {
    const auto value = [](const std::atomic<uint64_t>& counter) { return counter.load(std::memory_order_relaxed); };
    return {.reads = value(reads_.requests),
            .read_bytes = value(reads_.bytes),
            .writes = value(writes_.requests),
            .written_bytes = value(writes_.bytes),
            .flushes = value(flushes_.requests),
            .discards = value(discards_.requests),
            .discarded_bytes = value(discards_.bytes),
            .failures = value(failures_.requests)};
}

void Disk::wait(std::vector<Request*>& done) {
    engine_->wait(completed_, finished_.empty());
    collect();
    for (const Request* request : finished_) count(*request);
    done.insert(done.end(), finished_.begin(), finished_.end());
    in_flight_ -= static_cast<unsigned>(finished_.size());
    finished_.clear();
}

} // namespace beeline::block
