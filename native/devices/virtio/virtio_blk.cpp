#include "devices/virtio/virtio_blk.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

namespace beeline::devices::virtio {

namespace {

// Feature bits (5.2.3)
constexpr uint64_t kSegMax = 1 << 2, kReadOnly = 1 << 5, kBlkSize = 1 << 6, kFlush = 1 << 9, kTopology = 1 << 10,
                   kMultiQueue = 1 << 12, kDiscard = 1 << 13, kWriteZeroes = 1 << 14;
// Request types and status (5.2.6)
constexpr uint32_t kIn = 0, kOut = 1, kFlushRequest = 4, kGetId = 8, kDiscardRequest = 11, kWriteZeroesRequest = 13;
constexpr uint8_t kOk = 0, kIoError = 1, kUnsupported = 2;
constexpr uint32_t kUnmapFlag = 1;
constexpr size_t kHeaderBytes = 16, kIdBytes = 20;
constexpr uint64_t kSector = 512, kBlock = 4096;
/// Most bytes of one transfer; drivers stay far below.
constexpr uint64_t kLargestTransfer = uint64_t{128} << 20;
/// Most sectors of one discard or write-zeroes.
constexpr uint32_t kLargestRange = 1 << 22;
constexpr unsigned kChainsATurn = 256;

/// struct virtio_blk_config (5.2.4)
struct Configuration {
    uint64_t capacity;
    uint32_t size_max, seg_max;
    uint32_t geometry;
    uint32_t blk_size;
    uint8_t physical_block_exp, alignment_offset;
    uint16_t min_io_size;
    uint32_t opt_io_size;
    uint8_t writeback, unused0;
    uint16_t num_queues;
    uint32_t max_discard_sectors, max_discard_seg, discard_sector_alignment;
    uint32_t max_write_zeroes_sectors, max_write_zeroes_seg;
    uint8_t write_zeroes_may_unmap;
    uint8_t unused1[3];
};
static_assert(offsetof(Configuration, num_queues) == 34 && offsetof(Configuration, max_write_zeroes_seg) == 52);

struct Header {
    uint32_t type, reserved;
    uint64_t sector;
};
static_assert(sizeof(Header) == kHeaderBytes);

struct Range {
    uint64_t sector;
    uint32_t sectors, flags;
};
static_assert(sizeof(Range) == 16);

} // namespace

VirtioBlk::VirtioBlk(std::unique_ptr<block::Disk> disk, std::string serial, unsigned queues, GuestMemoryAccess& memory,
                     std::function<void()> no_space)
    : disk_(std::move(disk)), serial_(std::move(serial)), no_space_(std::move(no_space)),
      queues_(std::clamp(queues, 1u, kMostQueues), Virtqueue(memory)), queue_jobs_(queues_.size()) {
    const Configuration configuration{
        .capacity = disk_->size() / kSector,
        .seg_max = Virtqueue::kLargestSize - 2,
        .blk_size = kSector,
        .physical_block_exp = std::countr_zero(kBlock / kSector),
        .min_io_size = kBlock / kSector,
        .num_queues = static_cast<uint16_t>(queues_.size()),
        .max_discard_sectors = kLargestRange,
        .max_discard_seg = 1,
        .discard_sector_alignment = kBlock / kSector,
        .max_write_zeroes_sectors = kLargestRange,
        .max_write_zeroes_seg = 1,
        .write_zeroes_may_unmap = 1,
    };
    std::memcpy(configuration_.data(), &configuration, configuration_.size());
}

VirtioBlk::~VirtioBlk() { stop(); }

uint64_t VirtioBlk::features() const {
    const uint64_t both = kSegMax | kBlkSize | kFlush | kTopology | kMultiQueue;
    return both | (disk_->read_only() ? kReadOnly : kDiscard | kWriteZeroes);
}

bool VirtioBlk::activate(uint64_t features, std::span<const QueueLayout> layouts) {
    const std::lock_guard lock(mutex_);
    for (size_t i = 0; i < layouts.size(); i++) {
        if (layouts[i].size == 0) continue;
        if (!queues_[i].enable(layouts[i], (features & kRingEventIndex) != 0)) return false;
    }
    active_ = true;
    return true;
}

void VirtioBlk::notify(unsigned queue) {
    notified_.fetch_or(uint64_t{1} << queue, std::memory_order_seq_cst);
    wake();
}

void VirtioBlk::wake() { on_demand() ? want() : disk_->wake(); }

void VirtioBlk::reset() {
    std::unique_lock lock(mutex_);
    active_ = broken_ = false;
    for (Virtqueue& queue : queues_) queue.disable();
    for (Job* job : waiting_) release(job);
    waiting_.clear();
    // What the disk has is in the guest's memory: it must be over.
    idle_.wait(lock, [this] { return submitted_ == 0; });
    used_ = 0;
    notified_.store(0, std::memory_order_seq_cst);
}

void VirtioBlk::freeze() {
    std::unique_lock lock(mutex_);
    frozen_ = true;
    idle_.wait(lock, [this] { return resting_ && submitted_ == 0; });
}

void VirtioBlk::thaw() {
    const std::lock_guard lock(mutex_);
    frozen_ = false;
    wake();
}

std::string VirtioBlk::obstacle() {
    const std::lock_guard lock(mutex_);
    return waiting_.empty() ? std::string() : "a write waits for room on the host for " + disk_->path();
}

void VirtioBlk::exchange(snapshot::Archive& archive, const Driving& driving) {
    const std::lock_guard lock(mutex_);
    archive.same(disk_->size(), "the disk has another size");
    if (archive.loading()) {
        broken_ = false;
        used_ = 0;
        for (Job* job : waiting_) release(job);
        waiting_.clear();
    }
    exchange_queues(archive, driving, queues_);
    if (!archive.loading()) return;
    active_ = driving.active && !archive.failed();
    // Whatever the driver may have told of.
    notified_.store(active_ ? (uint64_t{1} << queues_.size()) - 1 : 0, std::memory_order_seq_cst);
    wake();
}

bool VirtioBlk::start() {
    return thread_.start("beeline-blk", [this] { main(); });
}

void VirtioBlk::stop() {
    stopping_.store(true, std::memory_order_seq_cst);
    disk_->wake();
    thread_.join();
}

void VirtioBlk::retry() {
    retry_.store(true, std::memory_order_seq_cst);
    wake();
}

void VirtioBlk::main() {
    while (!stopping_.load(std::memory_order_seq_cst) || disk_->in_flight() != 0) {
        finished_.clear();
        {
            const std::lock_guard lock(mutex_);
            resting_ = true;
            if (submitted_ == 0) idle_.notify_all();
        }
        disk_->wait(finished_);
        {
            const std::lock_guard lock(mutex_);
            resting_ = false;
            finish_jobs();
            if (!frozen_) retry_waiting();
            if (active_ && !frozen_) serve_queues();
        }
        tell_driver();
    }
}

void VirtioBlk::tell_driver() {
    uint64_t signals = 0;
    bool broken = false, no_space = false;
    {
        const std::lock_guard lock(mutex_);
        for (uint64_t left = used_; left != 0; left &= left - 1) {
            const auto queue = static_cast<unsigned>(std::countr_zero(left));
            if (queues_[queue].interrupt_wanted()) signals |= uint64_t{1} << queue;
        }
        used_ = 0;
        broken = active_ && std::exchange(broken_, false);
        if (broken) active_ = false;
        no_space = std::exchange(no_space_seen_, false);
        if (submitted_ == 0) idle_.notify_all();
    }
    if (signals != 0) interrupts().queues_used(signals);
    if (broken) interrupts().needs_reset();
    if (no_space) no_space_();
}

/// Requests are answered in the order in which the driver made them, whichever the host was done with first.
void VirtioBlk::serve_all() {
    std::vector<block::Request*> done;
    do {
        {
            const std::lock_guard lock(mutex_);
            retry_waiting();
            if (active_) serve_queues();
        }
        done.clear();
        while (disk_->in_flight() != 0) {
            finished_.clear();
            disk_->wait(finished_);
            done.insert(done.end(), finished_.begin(), finished_.end());
        }
        std::sort(done.begin(), done.end(), [](const block::Request* one, const block::Request* other) {
            return static_cast<const Job*>(one)->number < static_cast<const Job*>(other)->number;
        });
        finished_ = done;
        const std::lock_guard lock(mutex_);
        finish_jobs();
    } while (notified_.load(std::memory_order_seq_cst) != 0);
    tell_driver();
}

VirtioBlk::Job* VirtioBlk::take_job() {
    if (free_jobs_.empty()) {
        jobs_.push_back(std::make_unique<Job>());
        return jobs_.back().get();
    }
    Job* job = free_jobs_.back();
    free_jobs_.pop_back();
    return job;
}

void VirtioBlk::release(Job* job) {
    queue_jobs_[job->queue]--;
    free_jobs_.push_back(job);
}

void VirtioBlk::submit(Job* job) {
    submitted_++;
    job->number = submissions_++;
    disk_->submit(*job);
}

void VirtioBlk::finish_jobs() {
    for (block::Request* request : finished_) {
        auto* job = static_cast<Job*>(request);
        submitted_--;
        if (active_ && (request->error == ENOSPC || request->error == EDQUOT)) {
            no_space_seen_ = true;
            waiting_.push_back(job);
            continue;
        }
        answer(*job, request->error == 0 ? kOk : kIoError);
        release(job);
    }
}

void VirtioBlk::retry_waiting() {
    if (!retry_.exchange(false, std::memory_order_seq_cst)) return;
    for (Job* job : waiting_) submit(job);
    waiting_.clear();
}

void VirtioBlk::serve_queues() {
    for (uint64_t left = notified_.exchange(0, std::memory_order_seq_cst); left != 0 && !broken_; left &= left - 1)
        serve(static_cast<unsigned>(std::countr_zero(left)));
}

void VirtioBlk::serve(unsigned number) {
    Virtqueue& queue = queues_[number];
    if (!queue.enabled()) return;
    unsigned taken = 0;
    do {
        queue.suppress_notifications();
        for (;;) {
            if (taken++ == kChainsATurn) {
                // Others have their turn; this one goes on without being told.
                notify(number);
                return;
            }
            Job* job = take_job();
            job->queue = number;
            const Virtqueue::Pop popped = queue.pop(job->chain);
            queue_jobs_[number]++;
            Verdict verdict = Verdict::Broken;
            // More chains than the queue has descriptors cannot be under way.
            if (popped == Virtqueue::Pop::Chain && queue_jobs_[number] <= Virtqueue::kLargestSize)
                verdict = prepare(*job);
            if (popped == Virtqueue::Pop::Chain && verdict == Verdict::Submit) {
                submit(job);
                continue;
            }
            release(job);
            if (popped == Virtqueue::Pop::Empty) break;
            if (verdict == Verdict::Broken) {
                broken_ = true;
                return;
            }
        }
    } while (queue.enable_notifications());
}

/// Reads the header and makes the request. Broken: there is no room for an answer.
VirtioBlk::Verdict VirtioBlk::prepare(Job& job) {
    Chain& chain = job.chain;
    Header header;
    if (copy_from(chain.readable, 0, &header, sizeof header) != sizeof header || chain.writable.empty())
        return Verdict::Broken;
    // The status is the last byte that the device writes.
    iovec& last = chain.writable.back();
    job.status = static_cast<uint8_t*>(last.iov_base) + --last.iov_len;
    job.written = 0;
    switch (header.type) {
    case kIn: return prepare_transfer(job, false, header.sector);
    case kOut: return prepare_transfer(job, true, header.sector);
    case kFlushRequest: job.kind = block::Request::Kind::Flush; return Verdict::Submit;
    case kDiscardRequest: return prepare_range(job, false);
    case kWriteZeroesRequest: return prepare_range(job, true);
    case kGetId: {
        uint8_t id[kIdBytes] = {};
        std::memcpy(id, serial_.data(), std::min(serial_.size(), kIdBytes));
        job.written = static_cast<uint32_t>(copy_to(chain.writable, 0, id, kIdBytes));
        answer(job, kOk);
        return Verdict::Answered;
    }
    default: answer(job, kUnsupported); return Verdict::Answered;
    }
}

VirtioBlk::Verdict VirtioBlk::prepare_transfer(Job& job, bool write, uint64_t sector) {
    const uint64_t bytes = write ? total_length(job.chain.readable) - kHeaderBytes : total_length(job.chain.writable);
    if (bytes % kSector != 0 || bytes > kLargestTransfer || !in_range(sector, bytes / kSector) ||
        (write && disk_->read_only())) {
        answer(job, kIoError);
        return Verdict::Answered;
    }
    job.kind = write ? block::Request::Kind::Write : block::Request::Kind::Read;
    job.offset = sector * kSector;
    job.length = bytes;
    if (write) {
        job.buffers = block::slice(job.chain.readable, kHeaderBytes, bytes);
    } else {
        job.buffers = block::slice(job.chain.writable, 0, bytes);
        job.written = static_cast<uint32_t>(bytes);
    }
    return Verdict::Submit;
}

VirtioBlk::Verdict VirtioBlk::prepare_range(Job& job, bool zeroes) {
    Range range;
    uint8_t refusal = kOk;
    if (disk_->read_only() || total_length(job.chain.readable) != kHeaderBytes + sizeof range) {
        refusal = kIoError;
    } else {
        copy_from(job.chain.readable, kHeaderBytes, &range, sizeof range);
        // Unknown flags, and unmap on a discard, have to be refused as unsupported (5.2.6.2).
        if ((range.flags & ~(zeroes ? kUnmapFlag : 0)) != 0)
            refusal = kUnsupported;
        else if (range.sectors > kLargestRange || !in_range(range.sector, range.sectors))
            refusal = kIoError;
    }
    if (refusal != kOk) {
        answer(job, refusal);
        return Verdict::Answered;
    }
    job.kind = zeroes ? block::Request::Kind::WriteZeroes : block::Request::Kind::Discard;
    job.offset = range.sector * kSector;
    job.length = uint64_t{range.sectors} * kSector;
    job.unmap = (range.flags & kUnmapFlag) != 0;
    return Verdict::Submit;
}

bool VirtioBlk::in_range(uint64_t sector, uint64_t sectors) const {
    const uint64_t capacity = disk_->size() / kSector;
    return sectors <= capacity && sector <= capacity - sectors;
}

/// Nothing is touched after a reset: the memory may be anything by now.
void VirtioBlk::answer(Job& job, uint8_t status) {
    if (!active_) return;
    *job.status = status;
    queues_[job.queue].push(job.chain.head, job.written + 1);
    used_ |= uint64_t{1} << job.queue;
}

} // namespace beeline::devices::virtio
