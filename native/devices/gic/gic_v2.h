// Arm GICv2 (IHI 0048B) without security extensions: distributor and memory-mapped CPU interfaces for up to 8 CPUs.
#pragma once

#include "devices/gic/gic.h"

#include <array>
#include <cstdint>
#include <vector>

namespace beeline::devices::gic {

class GicV2 final : public InterruptController {
public:
    static constexpr unsigned kMaxCpus = 8;

    GicV2(unsigned cpus, CpuInterruptSink& sink);

    /// A read at this offset of the CPU interface takes the next interrupt, whose number is the low ten bits.
    static bool acknowledges(uint64_t offset);
    static constexpr uint64_t kIntidMask = 0x3FF;

    void set_spi(unsigned number, bool level) override;
    void set_ppi(unsigned cpu, unsigned intid, bool level) override;
    void reset() override;
    void settle() override { update_all(); }
    Device& distributor() override { return distributor_; }
    Device& cpu_frames() override { return cpu_interface_; }

private:
    static constexpr unsigned kSpiWords = kSpis / 32;

    struct Distributor final : Device {
        explicit Distributor(GicV2& gic) : gic(gic) {}
        bool read(const MmioAccess& access, uint64_t& value) override;
        bool write(const MmioAccess& access, uint64_t value) override;
        void reset() override { gic.reset(); }
        void exchange(snapshot::Archive& archive) override { gic.exchange(archive); }
        GicV2& gic;
    };
    struct CpuInterface final : Device {
        explicit CpuInterface(GicV2& gic) : gic(gic) {}
        bool read(const MmioAccess& access, uint64_t& value) override;
        bool write(const MmioAccess& access, uint64_t value) override;
        void reset() override {}
        /// The distributor does it for all.
        void exchange(snapshot::Archive&) override {}
        GicV2& gic;
    };

    struct Cpu {
        InterruptWord own;                                  ///< SGIs and PPIs
        std::array<uint8_t, 16> sgi_sources{};              ///< Pending SGIs: a bit a sending CPU
        std::array<uint32_t, kSpiWords> targeted{};         ///< SPIs whose ITARGETSR names this CPU
        uint32_t control = 0;                               ///< GICC_CTLR
        uint8_t priority_mask = 0;                          ///< GICC_PMR
        uint8_t binary_point = 0, aliased_binary_point = 0; ///< GICC_BPR, GICC_ABPR
        std::array<uint32_t, 2> active_priorities{};        ///< By group; bit n: priority n << 3 is active
        Candidate best;                                     ///< Highest pending interrupt of an enabled group
    };

    void exchange(snapshot::Archive& archive);
    InterruptWord& word_of(unsigned cpu, unsigned index) { return index == 0 ? cpus_[cpu].own : spis_[index - 1]; }
    uint32_t read_distributor(unsigned cpu, uint64_t offset);
    void write_distributor(unsigned cpu, uint64_t offset, uint32_t value, uint32_t byte_mask);
    uint32_t read_targets(unsigned cpu, unsigned first) const;
    void write_targets(unsigned first, uint32_t value, uint32_t byte_mask);
    void send_sgi(unsigned from, uint32_t value);
    void change_sgi_sources(unsigned cpu, uint64_t offset, uint32_t bits, bool set);

    uint32_t read_cpu_interface(unsigned cpu, uint64_t offset);
    void write_cpu_interface(unsigned cpu, uint64_t offset, uint32_t value);
    uint32_t acknowledge(Cpu& cpu, unsigned index);
    uint32_t with_source(const Cpu& cpu, const Candidate& candidate) const;
    void end_of_interrupt(Cpu& cpu, uint32_t value, bool aliased);
    void deactivate(Cpu& cpu, uint32_t value);

    uint8_t running_priority(const Cpu& cpu) const;
    uint8_t group_mask(const Cpu& cpu, bool group1) const;
    bool can_preempt(const Cpu& cpu) const;
    void update(unsigned cpu);
    void update_all();

    Distributor distributor_;
    CpuInterface cpu_interface_;
    CpuOutputs outputs_;
    uint32_t control_ = 0; ///< GICD_CTLR
    std::array<InterruptWord, kSpiWords> spis_;
    std::array<uint8_t, kSpis> targets_{};
    std::vector<Cpu> cpus_;
};

} // namespace beeline::devices::gic
