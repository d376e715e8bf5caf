// One translated block: its host code, where it leaves to, and what invalidates it.
#pragma once

#include "arm64/interpreter/insn.h"
#include "arm64/types.h"

#include <cstdint>
#include <list>
#include <memory>
#include <vector>

namespace beeline::arm64 {
class Vcpu;
}

namespace beeline::translate {

struct Translation;

struct MissCounter;

/// Hears of sites that miss much.
class MissListener {
public:
    virtual ~MissListener() = default;
    /// `counter` has counted down to 0.
    virtual void on_misses(arm64::Vcpu& cpu, MissCounter& counter) = 0;
};

/// Misses of one access site. Translated code counts `left` down, the first member.
struct MissCounter {
    static constexpr uint32_t kFirst = 2048;
    uint32_t left = kFirst;
    Translation* owner = nullptr;
    arm64::GuestPa instruction{};
    uint64_t since = 0; ///< Guest instructions executed when it began to count.
    MissListener* listener = nullptr;
};

/// Guards a link across a page border: the link may be taken while the source page is the same virtual page under the
/// same lookup tag. Read by translated code at these offsets.
struct PageLink {
    static constexpr uint64_t kNoPage = ~uint64_t{0};
    uint64_t source_page = kNoPage;
    uint64_t tag = 0;
    uint64_t target_page = 0;
};

/// A direct branch out of a block.
struct Exit {
    Translation* owner = nullptr;
    Translation* target = nullptr;     ///< Linked to.
    Exit* previous_incoming = nullptr; ///< Neighbours in the list of links into `target`.
    Exit* next_incoming = nullptr;
    uint8_t* displacement = nullptr; ///< The rel32 to patch, in the writable mapping.
    const uint8_t* stub = nullptr;   ///< Where it leads while unlinked, in the writable mapping.
    int64_t offset = 0;              ///< Of the branch target from the beginning of the owner's page.
    PageLink* page_link = nullptr;   ///< For targets in other pages.
};

/// Host code that accesses guest memory, and where to go on when the host refuses the access: an access to the page
/// that empty sites name (SiteEntry::kNoPage) passes the check. All in bytes from the beginning of the block.
struct GuardedAccess {
    uint32_t begin, end;
    uint32_t recovery; ///< The miss path of the access.
};

/// Host code from `begin` up to the next range's belongs to the guest instruction of this index.
struct CodeRange {
    uint32_t begin;
    uint16_t instruction;
    bool cold; ///< Out of line.
};

struct Translation {
    arm64::GuestPa pa{};
    uint8_t context = 0;
    uint16_t instructions = 0;     ///< Guest instructions.
    uint64_t lines = 0;            ///< Bit n: uses bytes of 64-byte line n of its page.
    uint8_t* writable = nullptr;   ///< Code, in the writable mapping.
    const uint8_t* code = nullptr; ///< The same, executable.
    uint32_t size = 0;             ///< Bytes of host code.
    unsigned segment = 0;
    uint64_t pc = 0;             ///< Virtual address that it was translated for; it may be executed at others.
    uint64_t executions = 0;     ///< When BlockTranslator::set_counting_executions() asks for it.
    mutable uint32_t checks = 0; ///< Times that a Verifier has looked at the block.
    bool discarded = false;      ///< Out of use; its code may still be executing.
    Exit* incoming = nullptr;
    std::vector<Exit> exits; ///< Never more than were reserved: others point to them.
    std::vector<GuardedAccess> accesses;
    std::list<PageLink> page_links;
    std::list<MissCounter> miss_counters;
    static constexpr uint32_t kNoSlot = ~uint32_t{0};
    uint32_t first_slot = kNoSlot; ///< Of those in the table of indirect branches that hold it: a list.
    /// Chains of instructions that the interpreter's handlers execute.
    std::vector<std::unique_ptr<arm64::Insn[]>> helper_chains;
    std::vector<uint32_t> words;   ///< Guest code as translated.
    std::vector<CodeRange> layout; ///< When BlockTranslator::set_recording_layout() asks for it.
};

} // namespace beeline::translate
