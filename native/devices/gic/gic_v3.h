// Arm GICv3 (IHI 0069) with one security state and affinity routing: distributor, redistributors, and the
// CPU interfaces behind the ICC_* system registers. Up to 64 CPUs.
#pragma once

#include "devices/gic/gic.h"
#include "devices/gic/lpis.h"

#include <array>
#include <cstdint>
#include <vector>

namespace beeline::devices::gic {

class GicV3 final : public InterruptController {
public:
    static constexpr unsigned kMaxCpus = 64;
    static constexpr unsigned kCpusPerCluster = 16; ///< Affinity 0 of the CPUs counts 0..15, affinity 1 the clusters.
    static constexpr uint64_t kRedistributorStride = 0x2'0000;

    GicV3(unsigned cpus, CpuInterruptSink& sink, GuestMemoryAccess& memory);

    /// A read of this system register takes the next interrupt, whose number it returns.
    static bool acknowledges(uint32_t key);

    void set_spi(unsigned number, bool level) override;
    void set_ppi(unsigned cpu, unsigned intid, bool level) override;
    void reset() override;
    void settle() override { update_all(); }
    Device& distributor() override { return distributor_; }
    Device& cpu_frames() override { return redistributors_; }

    /// For the ITS: makes an LPI pending; or several changes, after which lpis_changed() is to be called.
    void raise_lpi(unsigned cpu, uint32_t intid);
    Lpis& lpis(unsigned cpu) { return lpis_[cpu]; }
    void lpis_changed() { update_all(); }

    /// ICC_* accesses; `key` is arm64::system_register_key(). False: no such register, or not in this direction.
    bool read_system_register(unsigned cpu, uint32_t key, uint64_t& value);
    bool write_system_register(unsigned cpu, uint32_t key, uint64_t value);

private:
    static constexpr unsigned kSpiWords = kSpis / 32;
    static constexpr unsigned kNobody = ~0u;

    struct Distributor final : Device {
        explicit Distributor(GicV3& gic) : gic(gic) {}
        bool read(const MmioAccess& access, uint64_t& value) override;
        bool write(const MmioAccess& access, uint64_t value) override;
        void reset() override { gic.reset(); }
        void exchange(snapshot::Archive& archive) override { gic.exchange(archive); }
        unsigned widest_access() const override { return 8; }
        GicV3& gic;
    };
    struct Redistributors final : Device {
        explicit Redistributors(GicV3& gic) : gic(gic) {}
        bool read(const MmioAccess& access, uint64_t& value) override;
        bool write(const MmioAccess& access, uint64_t value) override;
        void reset() override {}
        /// The distributor does it for all.
        void exchange(snapshot::Archive&) override {}
        unsigned widest_access() const override { return 8; }
        GicV3& gic;
    };

    /// Redistributor and CPU interface of one CPU. Index 0 is Group 0, index 1 Group 1.
    struct Cpu {
        InterruptWord own;  ///< SGIs and PPIs
        bool asleep = true; ///< GICR_WAKER.ProcessorSleep
        uint8_t priority_mask = 0;
        std::array<uint8_t, 2> binary_point{};
        std::array<bool, 2> group_enabled{};
        std::array<uint32_t, 2> active_priorities{}; ///< ICC_AP0R0, ICC_AP1R0; bit n: priority n << 3 is active
        bool common_binary_point = false;            ///< ICC_CTLR.CBPR
        bool split_end = false;                      ///< ICC_CTLR.EOImode
        bool priority_hint = false;                  ///< ICC_CTLR.PMHE, stored only
        Candidate best;                              ///< Highest pending interrupt of an enabled group
    };

    void exchange(snapshot::Archive& archive);
    /// After a change of an SPI's route: who it goes to.
    void follow_route(unsigned spi);
    InterruptWord& word_of(unsigned cpu, unsigned index) { return index == 0 ? cpus_[cpu].own : spis_[index - 1]; }
    uint32_t affinity_of(unsigned cpu) const; ///< Aff3.Aff2.Aff1.Aff0
    unsigned cpu_of_affinity(uint64_t affinity) const;

    uint32_t read_distributor(uint64_t offset) const;
    void write_distributor(uint64_t offset, uint32_t value, uint32_t byte_mask);
    uint32_t read_redistributor(unsigned cpu, uint64_t offset) const;
    void write_redistributor(unsigned cpu, uint64_t offset, uint32_t value, uint32_t byte_mask);

    uint64_t acknowledge(unsigned cpu, unsigned group);
    void end_of_interrupt(unsigned cpu, unsigned group, uint64_t value);
    void deactivate(unsigned cpu, uint64_t intid);
    void send_sgi(unsigned from, unsigned group, uint64_t value);

    uint8_t running_priority(const Cpu& cpu) const;
    uint8_t group_mask(const Cpu& cpu, unsigned group) const;
    uint32_t of_enabled_group(const Cpu& cpu, const InterruptWord& word) const;
    bool can_preempt(const Cpu& cpu) const;
    unsigned choose_one_of_n(const InterruptWord& word, unsigned bit) const;
    void offer_one_of_n();
    void find_best(unsigned cpu);
    void signal(unsigned cpu);
    void update(unsigned cpu);
    void update_all();

    Distributor distributor_;
    Redistributors redistributors_;
    CpuOutputs outputs_;
    uint32_t group_enables_ = 0; ///< GICD_CTLR bits 1..0
    std::array<InterruptWord, kSpiWords> spis_;
    std::array<uint64_t, kSpis> routes_{};                ///< GICD_IROUTER
    std::array<uint32_t, kSpiWords> one_of_n_{};          ///< SPIs whose IROUTER.Interrupt_Routing_Mode is set
    std::vector<std::array<uint32_t, kSpiWords>> routed_; ///< By CPU: SPIs whose IROUTER names it
    std::vector<Cpu> cpus_;
    std::vector<Lpis> lpis_; ///< By CPU.
};

} // namespace beeline::devices::gic
