// What an execution wrote to guest memory, so that it can be taken back, and compared with what another one writes.
#pragma once

#include "arm64/access_recorder.h"

#include <cstdint>
#include <cstring>
#include <vector>

namespace beeline::translate {

class WriteLog final : public arm64::AccessRecorder {
public:
    static constexpr size_t kMaxBytes = 16;
    struct Entry {
        uint8_t* host;
        uint8_t size;
        uint8_t before[kMaxBytes];
        uint8_t after[kMaxBytes];
    };
    /// Bytes that something else than the guest's own writes changed.
    struct Patch {
        uint8_t* host;
        uint8_t size;
        uint8_t bytes[kMaxBytes];
    };

    void before_write(uint8_t* host, size_t size) override {
        Entry entry{.host = host, .size = static_cast<uint8_t>(size), .before = {}, .after = {}};
        std::memcpy(entry.before, host, size);
        entries_.push_back(entry);
    }
    void clear() { entries_.clear(); }
    /// Notes what the places hold now as what they are expected to hold.
    void note_after() {
        for (Entry& entry : entries_) std::memcpy(entry.after, entry.host, entry.size);
    }
    /// The places hold again what they held before.
    void undo() const {
        for (size_t i = entries_.size(); i-- != 0;) std::memcpy(entries_[i].host, entries_[i].before, entries_[i].size);
    }
    const std::vector<Entry>& entries() const { return entries_; }

    /// The places as they are now.
    std::vector<Patch> contents() const {
        std::vector<Patch> result;
        for (const Entry& entry : entries_) {
            Patch& patch = result.emplace_back(Patch{.host = entry.host, .size = entry.size, .bytes = {}});
            std::memcpy(patch.bytes, entry.host, entry.size);
        }
        return result;
    }

private:
    std::vector<Entry> entries_;
};

} // namespace beeline::translate
