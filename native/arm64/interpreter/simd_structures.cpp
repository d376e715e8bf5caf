// LD1 to LD4, ST1 to ST4 and LD1R to LD4R (Arm ARM C4.1.88).
//
// An element is the unit of alignment and byte order. Transfers whose bytes all lie in one page that the first-level
// TLB knows are copied as a whole; others go element by element. Either way they pass through a buffer in memory order,
// so that a load that faults changes no register.
#include "arm64/interpreter/memory.h"
#include "arm64/interpreter/simd_lanes.h"
#include "arm64/interpreter/stack_alignment.h"

namespace beeline::arm64 {

using namespace simd;

namespace {

template <unsigned kBytes> using Buffer = Lanes<uint8_t, kBytes>;

template <typename T, unsigned kBytes>
[[gnu::always_inline]] inline bool load_elements(Vcpu& cpu, uint64_t va, uint8_t* buffer) {
    const TlbEntry& entry = cpu.data_tlb->entry(va);
    if (((va + kBytes - 1) & ~kPageMask) == entry.read_page) [[likely]] {
        std::memcpy(buffer, reinterpret_cast<const void*>(va + entry.addend), kBytes);
        return true;
    }
    for (unsigned i = 0; i < kBytes; i += sizeof(T)) {
        T element;
        if (!load(cpu, va + i, element)) return false;
        std::memcpy(buffer + i, &element, sizeof element);
    }
    return true;
}

template <typename T, unsigned kBytes>
[[gnu::always_inline]] inline bool store_elements(Vcpu& cpu, uint64_t va, const uint8_t* buffer) {
    const TlbEntry& entry = cpu.data_tlb->entry(va);
    if (((va + kBytes - 1) & ~kPageMask) == entry.write_page) [[likely]] {
        std::memcpy(reinterpret_cast<void*>(va + entry.addend), buffer, kBytes);
        return true;
    }
    for (unsigned i = 0; i < kBytes; i += sizeof(T)) {
        T element;
        std::memcpy(&element, buffer + i, sizeof element);
        if (!store(cpu, va + i, element)) return false;
    }
    return true;
}

VReg& target(Vcpu& cpu, const Insn& insn, unsigned i) { return cpu.state.v[(insn.rd + i) % 32]; }

// ---- transfers: false when an access faulted. aux[0] is the lane. ------------------------------------------------

using Transfer = bool (*)(Vcpu& cpu, const Insn& insn);

/// LD1 and ST1 of one to four registers, each kCount elements.
template <unsigned kRegisters> struct LoadPlain {
    template <typename T, unsigned kCount> [[gnu::noinline]] static bool transfer(Vcpu& cpu, const Insn& insn) {
        constexpr unsigned kSize = kCount * sizeof(T);
        uint8_t buffer[kRegisters * kSize];
        if (!load_elements<T, sizeof buffer>(cpu, cpu.state.x[insn.rn], buffer)) return false;
        for (unsigned i = 0; i < kRegisters; i++) {
            Buffer<kSize> lanes;
            std::memcpy(&lanes, buffer + i * kSize, kSize);
            write(target(cpu, insn, i), lanes);
        }
        return true;
    }
};

template <unsigned kRegisters> struct StorePlain {
    template <typename T, unsigned kCount> [[gnu::noinline]] static bool transfer(Vcpu& cpu, const Insn& insn) {
        constexpr unsigned kSize = kCount * sizeof(T);
        uint8_t buffer[kRegisters * kSize];
        for (unsigned i = 0; i < kRegisters; i++) std::memcpy(buffer + i * kSize, &target(cpu, insn, i), kSize);
        return store_elements<T, sizeof buffer>(cpu, cpu.state.x[insn.rn], buffer);
    }
};

/// LD2 to LD4 and ST2 to ST4: element i of register r is element i * kRegisters + r in memory.
template <unsigned kRegisters> struct LoadInterleaved {
    template <typename T, unsigned kCount> [[gnu::noinline]] static bool transfer(Vcpu& cpu, const Insn& insn) {
        uint8_t buffer[kRegisters * kCount * sizeof(T)];
        if (!load_elements<T, sizeof buffer>(cpu, cpu.state.x[insn.rn], buffer)) return false;
        for (unsigned r = 0; r < kRegisters; r++) {
            Lanes<T, kCount> lanes;
            for (unsigned i = 0; i < kCount; i++)
                std::memcpy(&lanes[i], buffer + (i * kRegisters + r) * sizeof(T), sizeof(T));
            write(target(cpu, insn, r), lanes);
        }
        return true;
    }
};

template <unsigned kRegisters> struct StoreInterleaved {
    template <typename T, unsigned kCount> [[gnu::noinline]] static bool transfer(Vcpu& cpu, const Insn& insn) {
        uint8_t buffer[kRegisters * kCount * sizeof(T)];
        for (unsigned r = 0; r < kRegisters; r++) {
            const auto lanes = read<T, kCount>(target(cpu, insn, r));
            for (unsigned i = 0; i < kCount; i++)
                std::memcpy(buffer + (i * kRegisters + r) * sizeof(T), &lanes[i], sizeof(T));
        }
        return store_elements<T, sizeof buffer>(cpu, cpu.state.x[insn.rn], buffer);
    }
};

template <typename T, unsigned kRegisters> [[gnu::noinline]] bool load_lane(Vcpu& cpu, const Insn& insn) {
    Lanes<T, kRegisters> elements;
    uint8_t buffer[sizeof elements];
    if (!load_elements<T, sizeof buffer>(cpu, cpu.state.x[insn.rn], buffer)) return false;
    std::memcpy(&elements, buffer, sizeof buffer);
    for (unsigned r = 0; r < kRegisters; r++) set_lane(target(cpu, insn, r), insn.aux[0], elements[r]);
    return true;
}

template <typename T, unsigned kRegisters> [[gnu::noinline]] bool store_lane(Vcpu& cpu, const Insn& insn) {
    Lanes<T, kRegisters> elements;
    for (unsigned r = 0; r < kRegisters; r++) elements[r] = read_lane<T>(target(cpu, insn, r), insn.aux[0]);
    uint8_t buffer[sizeof elements];
    std::memcpy(buffer, &elements, sizeof buffer);
    return store_elements<T, sizeof buffer>(cpu, cpu.state.x[insn.rn], buffer);
}

template <unsigned kRegisters> struct Replicate {
    template <typename T, unsigned kCount> [[gnu::noinline]] static bool transfer(Vcpu& cpu, const Insn& insn) {
        Lanes<T, kRegisters> elements;
        uint8_t buffer[sizeof elements];
        if (!load_elements<T, sizeof buffer>(cpu, cpu.state.x[insn.rn], buffer)) return false;
        std::memcpy(&elements, buffer, sizeof buffer);
        for (unsigned r = 0; r < kRegisters; r++) {
            Lanes<T, kCount> lanes;
            for (unsigned i = 0; i < kCount; i++) lanes[i] = elements[r];
            write(target(cpu, insn, r), lanes);
        }
        return true;
    }
};

// ---- handlers: imm is the post-index displacement where rm is kZeroRegister; x[31] is 0 --------------------------

template <Transfer transfer, bool post> Insn* handle(Vcpu& cpu, Insn* insn) {
    if (insn->rn == kStackPointer && stack_misaligned(cpu, cpu.state.x[kStackPointer])) [[unlikely]]
        return take_stack_fault(cpu, insn);
    if (!transfer(cpu, *insn)) [[unlikely]]
        return take_fault(cpu, insn);
    if constexpr (post) cpu.state.x[insn->rn] += insn->imm + cpu.state.x[insn->rm];
    return next(cpu, insn);
}

/// Base register and displacement of a transfer of `bytes`.
void set_address(Insn& insn, const Fields& f, unsigned bytes) {
    insn.rn = register_or_sp(f('n'));
    insn.imm = f('m') == 31 ? bytes : 0;
}

template <typename Shape, bool post> Handler bind_whole(Insn& insn, const Fields& f, unsigned registers) {
    const bool q = f('Q') != 0;
    set_address(insn, f, registers * (q ? 16 : 8));
    return visit_size<false, kAll>(f('z'), [q]<typename T>(T) -> Handler {
        if (q) return handle<Shape::template transfer<T, 16 / sizeof(T)>, post>;
        return handle<Shape::template transfer<T, 8 / sizeof(T)>, post>;
    });
}

template <unsigned kRegisters, bool post> Handler bind_load_plain(Insn& insn, const Fields& f) {
    return bind_whole<LoadPlain<kRegisters>, post>(insn, f, kRegisters);
}
template <unsigned kRegisters, bool post> Handler bind_store_plain(Insn& insn, const Fields& f) {
    return bind_whole<StorePlain<kRegisters>, post>(insn, f, kRegisters);
}
template <unsigned kRegisters, bool post> Handler bind_load_interleaved(Insn& insn, const Fields& f) {
    return bind_whole<LoadInterleaved<kRegisters>, post>(insn, f, kRegisters);
}
template <unsigned kRegisters, bool post> Handler bind_store_interleaved(Insn& insn, const Fields& f) {
    return bind_whole<StoreInterleaved<kRegisters>, post>(insn, f, kRegisters);
}

/// Q:S:size has the lane in its upper bits: size is 2, 1 or no bits wide where elements leave room for lanes.
template <typename T> void set_lane_index(Insn& insn, const Fields& f) {
    const uint32_t index = sizeof(T) == 8   ? f('Q')
                           : sizeof(T) == 4 ? f('Q') << 1 | f('S')
                           : sizeof(T) == 2 ? f('Q') << 2 | f('S') << 1 | f('z')
                                            : f('Q') << 3 | f('S') << 2 | f('z');
    insn.aux[0] = static_cast<uint8_t>(index);
}

template <typename T, unsigned kRegisters, bool post> Handler bind_load_lane(Insn& insn, const Fields& f) {
    set_address(insn, f, kRegisters * sizeof(T));
    set_lane_index<T>(insn, f);
    return handle<load_lane<T, kRegisters>, post>;
}
template <typename T, unsigned kRegisters, bool post> Handler bind_store_lane(Insn& insn, const Fields& f) {
    set_address(insn, f, kRegisters * sizeof(T));
    set_lane_index<T>(insn, f);
    return handle<store_lane<T, kRegisters>, post>;
}

template <unsigned kRegisters, bool post> Handler bind_replicate(Insn& insn, const Fields& f) {
    const Handler handler = bind_whole<Replicate<kRegisters>, post>(insn, f, 0);
    insn.imm = f('m') == 31 ? kRegisters << f('z') : 0;
    return handler;
}

} // namespace

// Multiple structures
Handler bind_ST1_x1(Insn& insn, const Fields& f) { return bind_store_plain<1, false>(insn, f); }
Handler bind_LD1_x1(Insn& insn, const Fields& f) { return bind_load_plain<1, false>(insn, f); }
Handler bind_ST1_x2(Insn& insn, const Fields& f) { return bind_store_plain<2, false>(insn, f); }
Handler bind_LD1_x2(Insn& insn, const Fields& f) { return bind_load_plain<2, false>(insn, f); }
Handler bind_ST1_x3(Insn& insn, const Fields& f) { return bind_store_plain<3, false>(insn, f); }
Handler bind_LD1_x3(Insn& insn, const Fields& f) { return bind_load_plain<3, false>(insn, f); }
Handler bind_ST1_x4(Insn& insn, const Fields& f) { return bind_store_plain<4, false>(insn, f); }
Handler bind_LD1_x4(Insn& insn, const Fields& f) { return bind_load_plain<4, false>(insn, f); }
Handler bind_ST2(Insn& insn, const Fields& f) { return bind_store_interleaved<2, false>(insn, f); }
Handler bind_LD2(Insn& insn, const Fields& f) { return bind_load_interleaved<2, false>(insn, f); }
Handler bind_ST3(Insn& insn, const Fields& f) { return bind_store_interleaved<3, false>(insn, f); }
Handler bind_LD3(Insn& insn, const Fields& f) { return bind_load_interleaved<3, false>(insn, f); }
Handler bind_ST4(Insn& insn, const Fields& f) { return bind_store_interleaved<4, false>(insn, f); }
Handler bind_LD4(Insn& insn, const Fields& f) { return bind_load_interleaved<4, false>(insn, f); }
Handler bind_ST1_x1_post(Insn& insn, const Fields& f) { return bind_store_plain<1, true>(insn, f); }
Handler bind_LD1_x1_post(Insn& insn, const Fields& f) { return bind_load_plain<1, true>(insn, f); }
Handler bind_ST1_x2_post(Insn& insn, const Fields& f) { return bind_store_plain<2, true>(insn, f); }
Handler bind_LD1_x2_post(Insn& insn, const Fields& f) { return bind_load_plain<2, true>(insn, f); }
Handler bind_ST1_x3_post(Insn& insn, const Fields& f) { return bind_store_plain<3, true>(insn, f); }
Handler bind_LD1_x3_post(Insn& insn, const Fields& f) { return bind_load_plain<3, true>(insn, f); }
Handler bind_ST1_x4_post(Insn& insn, const Fields& f) { return bind_store_plain<4, true>(insn, f); }
Handler bind_LD1_x4_post(Insn& insn, const Fields& f) { return bind_load_plain<4, true>(insn, f); }
Handler bind_ST2_post(Insn& insn, const Fields& f) { return bind_store_interleaved<2, true>(insn, f); }
Handler bind_LD2_post(Insn& insn, const Fields& f) { return bind_load_interleaved<2, true>(insn, f); }
Handler bind_ST3_post(Insn& insn, const Fields& f) { return bind_store_interleaved<3, true>(insn, f); }
Handler bind_LD3_post(Insn& insn, const Fields& f) { return bind_load_interleaved<3, true>(insn, f); }
Handler bind_ST4_post(Insn& insn, const Fields& f) { return bind_store_interleaved<4, true>(insn, f); }
Handler bind_LD4_post(Insn& insn, const Fields& f) { return bind_load_interleaved<4, true>(insn, f); }

// One structure and one lane
Handler bind_ST1_lane_b(Insn& insn, const Fields& f) { return bind_store_lane<uint8_t, 1, false>(insn, f); }
Handler bind_LD1_lane_b(Insn& insn, const Fields& f) { return bind_load_lane<uint8_t, 1, false>(insn, f); }
Handler bind_ST1_lane_h(Insn& insn, const Fields& f) { return bind_store_lane<uint16_t, 1, false>(insn, f); }
Handler bind_LD1_lane_h(Insn& insn, const Fields& f) { return bind_load_lane<uint16_t, 1, false>(insn, f); }
Handler bind_ST1_lane_s(Insn& insn, const Fields& f) { return bind_store_lane<uint32_t, 1, false>(insn, f); }
Handler bind_LD1_lane_s(Insn& insn, const Fields& f) { return bind_load_lane<uint32_t, 1, false>(insn, f); }
Handler bind_ST1_lane_d(Insn& insn, const Fields& f) { return bind_store_lane<uint64_t, 1, false>(insn, f); }
Handler bind_LD1_lane_d(Insn& insn, const Fields& f) { return bind_load_lane<uint64_t, 1, false>(insn, f); }
Handler bind_ST2_lane_b(Insn& insn, const Fields& f) { return bind_store_lane<uint8_t, 2, false>(insn, f); }
Handler bind_LD2_lane_b(Insn& insn, const Fields& f) { return bind_load_lane<uint8_t, 2, false>(insn, f); }
Handler bind_ST2_lane_h(Insn& insn, const Fields& f) { return bind_store_lane<uint16_t, 2, false>(insn, f); }
Handler bind_LD2_lane_h(Insn& insn, const Fields& f) { return bind_load_lane<uint16_t, 2, false>(insn, f); }
Handler bind_ST2_lane_s(Insn& insn, const Fields& f) { return bind_store_lane<uint32_t, 2, false>(insn, f); }
Handler bind_LD2_lane_s(Insn& insn, const Fields& f) { return bind_load_lane<uint32_t, 2, false>(insn, f); }
Handler bind_ST2_lane_d(Insn& insn, const Fields& f) { return bind_store_lane<uint64_t, 2, false>(insn, f); }
Handler bind_LD2_lane_d(Insn& insn, const Fields& f) { return bind_load_lane<uint64_t, 2, false>(insn, f); }
Handler bind_ST3_lane_b(Insn& insn, const Fields& f) { return bind_store_lane<uint8_t, 3, false>(insn, f); }
Handler bind_LD3_lane_b(Insn& insn, const Fields& f) { return bind_load_lane<uint8_t, 3, false>(insn, f); }
Handler bind_ST3_lane_h(Insn& insn, const Fields& f) { return bind_store_lane<uint16_t, 3, false>(insn, f); }
Handler bind_LD3_lane_h(Insn& insn, const Fields& f) { return bind_load_lane<uint16_t, 3, false>(insn, f); }
Handler bind_ST3_lane_s(Insn& insn, const Fields& f) { return bind_store_lane<uint32_t, 3, false>(insn, f); }
Handler bind_LD3_lane_s(Insn& insn, const Fields& f) { return bind_load_lane<uint32_t, 3, false>(insn, f); }
Handler bind_ST3_lane_d(Insn& insn, const Fields& f) { return bind_store_lane<uint64_t, 3, false>(insn, f); }
Handler bind_LD3_lane_d(Insn& insn, const Fields& f) { return bind_load_lane<uint64_t, 3, false>(insn, f); }
Handler bind_ST4_lane_b(Insn& insn, const Fields& f) { return bind_store_lane<uint8_t, 4, false>(insn, f); }
Handler bind_LD4_lane_b(Insn& insn, const Fields& f) { return bind_load_lane<uint8_t, 4, false>(insn, f); }
Handler bind_ST4_lane_h(Insn& insn, const Fields& f) { return bind_store_lane<uint16_t, 4, false>(insn, f); }
Handler bind_LD4_lane_h(Insn& insn, const Fields& f) { return bind_load_lane<uint16_t, 4, false>(insn, f); }
Handler bind_ST4_lane_s(Insn& insn, const Fields& f) { return bind_store_lane<uint32_t, 4, false>(insn, f); }
Handler bind_LD4_lane_s(Insn& insn, const Fields& f) { return bind_load_lane<uint32_t, 4, false>(insn, f); }
Handler bind_ST4_lane_d(Insn& insn, const Fields& f) { return bind_store_lane<uint64_t, 4, false>(insn, f); }
Handler bind_LD4_lane_d(Insn& insn, const Fields& f) { return bind_load_lane<uint64_t, 4, false>(insn, f); }
Handler bind_ST1_lane_b_post(Insn& insn, const Fields& f) { return bind_store_lane<uint8_t, 1, true>(insn, f); }
Handler bind_LD1_lane_b_post(Insn& insn, const Fields& f) { return bind_load_lane<uint8_t, 1, true>(insn, f); }
Handler bind_ST1_lane_h_post(Insn& insn, const Fields& f) { return bind_store_lane<uint16_t, 1, true>(insn, f); }
Handler bind_LD1_lane_h_post(Insn& insn, const Fields& f) { return bind_load_lane<uint16_t, 1, true>(insn, f); }
Handler bind_ST1_lane_s_post(Insn& insn, const Fields& f) { return bind_store_lane<uint32_t, 1, true>(insn, f); }
Handler bind_LD1_lane_s_post(Insn& insn, const Fields& f) { return bind_load_lane<uint32_t, 1, true>(insn, f); }
Handler bind_ST1_lane_d_post(Insn& insn, const Fields& f) { return bind_store_lane<uint64_t, 1, true>(insn, f); }
Handler bind_LD1_lane_d_post(Insn& insn, const Fields& f) { return bind_load_lane<uint64_t, 1, true>(insn, f); }
Handler bind_ST2_lane_b_post(Insn& insn, const Fields& f) { return bind_store_lane<uint8_t, 2, true>(insn, f); }
Handler bind_LD2_lane_b_post(Insn& insn, const Fields& f) { return bind_load_lane<uint8_t, 2, true>(insn, f); }
Handler bind_ST2_lane_h_post(Insn& insn, const Fields& f) { return bind_store_lane<uint16_t, 2, true>(insn, f); }
Handler bind_LD2_lane_h_post(Insn& insn, const Fields& f) { return bind_load_lane<uint16_t, 2, true>(insn, f); }
Handler bind_ST2_lane_s_post(Insn& insn, const Fields& f) { return bind_store_lane<uint32_t, 2, true>(insn, f); }
Handler bind_LD2_lane_s_post(Insn& insn, const Fields& f) { return bind_load_lane<uint32_t, 2, true>(insn, f); }
Handler bind_ST2_lane_d_post(Insn& insn, const Fields& f) { return bind_store_lane<uint64_t, 2, true>(insn, f); }
Handler bind_LD2_lane_d_post(Insn& insn, const Fields& f) { return bind_load_lane<uint64_t, 2, true>(insn, f); }
Handler bind_ST3_lane_b_post(Insn& insn, const Fields& f) { return bind_store_lane<uint8_t, 3, true>(insn, f); }
Handler bind_LD3_lane_b_post(Insn& insn, const Fields& f) { return bind_load_lane<uint8_t, 3, true>(insn, f); }
Handler bind_ST3_lane_h_post(Insn& insn, const Fields& f) { return bind_store_lane<uint16_t, 3, true>(insn, f); }
Handler bind_LD3_lane_h_post(Insn& insn, const Fields& f) { return bind_load_lane<uint16_t, 3, true>(insn, f); }
Handler bind_ST3_lane_s_post(Insn& insn, const Fields& f) { return bind_store_lane<uint32_t, 3, true>(insn, f); }
Handler bind_LD3_lane_s_post(Insn& insn, const Fields& f) { return bind_load_lane<uint32_t, 3, true>(insn, f); }
Handler bind_ST3_lane_d_post(Insn& insn, const Fields& f) { return bind_store_lane<uint64_t, 3, true>(insn, f); }
Handler bind_LD3_lane_d_post(Insn& insn, const Fields& f) { return bind_load_lane<uint64_t, 3, true>(insn, f); }
Handler bind_ST4_lane_b_post(Insn& insn, const Fields& f) { return bind_store_lane<uint8_t, 4, true>(insn, f); }
Handler bind_LD4_lane_b_post(Insn& insn, const Fields& f) { return bind_load_lane<uint8_t, 4, true>(insn, f); }
Handler bind_ST4_lane_h_post(Insn& insn, const Fields& f) { return bind_store_lane<uint16_t, 4, true>(insn, f); }
Handler bind_LD4_lane_h_post(Insn& insn, const Fields& f) { return bind_load_lane<uint16_t, 4, true>(insn, f); }
Handler bind_ST4_lane_s_post(Insn& insn, const Fields& f) { return bind_store_lane<uint32_t, 4, true>(insn, f); }
Handler bind_LD4_lane_s_post(Insn& insn, const Fields& f) { return bind_load_lane<uint32_t, 4, true>(insn, f); }
Handler bind_ST4_lane_d_post(Insn& insn, const Fields& f) { return bind_store_lane<uint64_t, 4, true>(insn, f); }
Handler bind_LD4_lane_d_post(Insn& insn, const Fields& f) { return bind_load_lane<uint64_t, 4, true>(insn, f); }

// One structure to all lanes
Handler bind_LD1R(Insn& insn, const Fields& f) { return bind_replicate<1, false>(insn, f); }
Handler bind_LD2R(Insn& insn, const Fields& f) { return bind_replicate<2, false>(insn, f); }
Handler bind_LD3R(Insn& insn, const Fields& f) { return bind_replicate<3, false>(insn, f); }
Handler bind_LD4R(Insn& insn, const Fields& f) { return bind_replicate<4, false>(insn, f); }
Handler bind_LD1R_post(Insn& insn, const Fields& f) { return bind_replicate<1, true>(insn, f); }
Handler bind_LD2R_post(Insn& insn, const Fields& f) { return bind_replicate<2, true>(insn, f); }
Handler bind_LD3R_post(Insn& insn, const Fields& f) { return bind_replicate<3, true>(insn, f); }
Handler bind_LD4R_post(Insn& insn, const Fields& f) { return bind_replicate<4, true>(insn, f); }

} // namespace beeline::arm64
