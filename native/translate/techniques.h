// The techniques that can be switched off one by one, so that the worth of each can be measured.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace beeline::translate {

enum class Technique : uint8_t {
    HomeRegisters,    ///< Guest registers live in host registers across blocks.
    FlagsInHost,      ///< NZCV stays in EFLAGS from producer to consumer.
    FlagLookAhead,    ///< Flags that the successors overwrite before reading them are not stored.
    FlagProbe,        ///< Memory checks that leave EFLAGS alone where flags are live.
    SiteCache,        ///< Each access site has a small cache of its last page.
    ProbeGrouping,    ///< Accesses off one base share one check.
    BlockLinking,     ///< Blocks jump to each other without a lookup.
    CrossPageLinking, ///< The same across page borders.
    IndirectTable,    ///< Indirect branches look their target up inline.
    SystemBatching,   ///< System instructions run inline, or complete at the barrier that orders them.
    Superblocks,      ///< A block goes on past conditional branches that are not taken.
    VectorWriteBack,  ///< V registers are stored where a block may be left, not where they are computed.
};
inline constexpr unsigned kTechniques = 12;

struct TechniqueName {
    Technique technique;
    std::string_view name; ///< As --disable takes it.
};
inline constexpr std::array<TechniqueName, kTechniques> kTechniqueNames{{
    {Technique::HomeRegisters, "home-registers"},
    {Technique::FlagsInHost, "flags-in-host"},
    {Technique::FlagLookAhead, "flag-look-ahead"},
    {Technique::FlagProbe, "flag-probe"},
    {Technique::SiteCache, "site-cache"},
    {Technique::ProbeGrouping, "probe-grouping"},
    {Technique::BlockLinking, "block-linking"},
    {Technique::CrossPageLinking, "cross-page-linking"},
    {Technique::IndirectTable, "indirect-table"},
    {Technique::SystemBatching, "system-batching"},
    {Technique::Superblocks, "superblocks"},
    {Technique::VectorWriteBack, "vector-write-back"},
}};

class Techniques {
public:
    bool has(Technique technique) const { return (disabled_ >> static_cast<unsigned>(technique) & 1) == 0; }
    void disable(Technique technique) { disabled_ |= 1u << static_cast<unsigned>(technique); }

private:
    uint32_t disabled_ = 0;
};

constexpr std::optional<Technique> find_technique(std::string_view name) {
    for (const TechniqueName& entry : kTechniqueNames)
        if (entry.name == name) return entry.technique;
    return std::nullopt;
}

} // namespace beeline::translate
