#include "generator.h"

#include "arm64/state.h"
#include "encodings.h"
#include "random_values.h"

#include <algorithm>
#include <fnmatch.h>
#include <optional>
#include <string_view>

namespace beeline::differential {

using namespace beeline::arm64;

namespace {

constexpr unsigned kMaxInstructions = 40;                ///< Some; more registers then hold results than the host has.
constexpr unsigned kUsualInstructions = 12;              ///< Most sequences have no more.
constexpr unsigned kFirstLiteral = kMaxInstructions + 6; ///< Pairs may make a sequence a little longer.

struct GroupRows {
    unsigned weight;
    std::vector<Op> ops;
};

/// The table's parts with their share of instructions.
std::vector<GroupRows> table_groups() {
#define I(id, mnemonic, pattern, operands, feature, constraint) Op::id,
    return {
        {10,
         {
#include "arm64/table/dp_immediate.inc"
         }},
        {7,
         {
#include "arm64/table/branch.inc"
         }},
        {5,
         {
#include "arm64/table/system.inc"
         }},
        {20,
         {
#include "arm64/table/load_store.inc"
         }},
        {13,
         {
#include "arm64/table/load_store_simd.inc"
         }},
        {13,
         {
#include "arm64/table/dp_register.inc"
         }},
        {10,
         {
#include "arm64/table/fp_scalar.inc"
         }},
        {13,
         {
#include "arm64/table/simd_fp.inc"
         }},
        {15,
         {
#include "arm64/table/simd_integer.inc"
         }},
        {3,
         {
#include "arm64/table/crypto.inc"
         }},
    };
#undef I
}

uint32_t with_bits(uint32_t word, unsigned low, unsigned width, uint32_t value) {
    const uint32_t mask = ((1u << width) - 1) << low;
    return (word & ~mask) | (value << low & mask);
}

/// Registers that any field of the row names, whatever their kind; bit 31 for SP and XZR alike.
uint32_t mentioned(uint32_t word, const Row& row) {
    static constexpr std::string_view kLetters = "dnmatus";
    const Fields f(word, row.layout);
    uint32_t mask = 0;
    for (const char letter : kLetters)
        if (f.has(letter) && f.width(letter) == 5) mask |= 1u << f(letter);
    if (row.op == Op::BL || row.op == Op::BLR) mask |= 1u << 30;
    // CASP's second registers.
    if (is_casp(word)) mask |= (mask << 1) | 1u << bits(word, 16, 5) << 1 | 1u << bits(word, 0, 5) << 1;
    return mask;
}

} // namespace

const char* row_not_judgeable(const Row& row) {
    switch (row.op) {
    case Op::SVC: return "SVC calls the oracle's kernel";
    case Op::WFI: return "WFI waits for an interrupt, which user mode cannot arrange";
    default: return nullptr;
    }
}

bool row_judged_as_undefined_only(const Row& row) {
    switch (row.op) {
    case Op::HVC:
    case Op::SMC:
    case Op::HLT:
    case Op::DCPS1:
    case Op::DCPS2:
    case Op::DCPS3:
    case Op::ERET:
    case Op::DRPS:
    case Op::MSR_spsel:
    case Op::MSR_pan:
    case Op::MSR_uao:
    case Op::MSR_daifset:
    case Op::MSR_daifclr:
    case Op::SYSL: return true;
    default: return false;
    }
}

/// Patterns match identifiers; kVectorRows is all of floating point, Advanced SIMD, cryptography and CRC32.
bool row_matches(const Row& row, const std::string& pattern) {
    if (pattern == kVectorRows)
        return arm64::uses_vector_registers(row.feature) || row.feature == arm64::Feature::Crc32;
    return fnmatch(pattern.c_str(), row.id, FNM_EXTMATCH) == 0;
}

Generator::Generator(CpuModel model, uint64_t seed, const std::string& pattern, bool probes, bool ties)
    : features_(cpu_features(model)), seed_(seed), restricted_(!pattern.empty()), probes_(probes), ties_(ties) {
    for (const GroupRows& part : table_groups()) {
        Group group{part.weight, {}};
        for (const Op op : part.ops) {
            const Row& candidate = row(op);
            if (row_not_judgeable(candidate) != nullptr) continue;
            if (!pattern.empty() && !row_matches(candidate, pattern)) continue;
            group.rows.push_back(&candidate);
        }
        if (group.rows.empty()) continue;
        all_.insert(all_.end(), group.rows.begin(), group.rows.end());
        total_weight_ += group.weight;
        groups_.push_back(std::move(group));
    }
}

const Row* Generator::choose_row(Rng& rng) const {
    if (rng.one_in(3)) return all_[rng.below(static_cast<uint32_t>(all_.size()))];
    unsigned at = rng.below(total_weight_);
    for (const Group& group : groups_) {
        if (at < group.weight) return group.rows[rng.below(static_cast<uint32_t>(group.rows.size()))];
        at -= group.weight;
    }
    return all_[0];
}

/// A sequence in the making. Registers that no instruction has mentioned yet are fresh: their initial value is what a
/// later instruction finds, so that addresses and branch targets can be prepared in them.
class Generator::Sequence {
public:
    Sequence(const Generator& generator, uint64_t number, Rng& rng) : generator_(generator), rng_(rng) {
        test_.number = number;
        make_state();
    }

    TestCase build() {
        if (generator_.probes_ || (!generator_.restricted_ && rng_.one_in(20))) {
            add_probe();
        } else {
            const unsigned most = rng_.one_in(6) ? kMaxInstructions : kUsualInstructions;
            const unsigned length = rng_.one_in(4) ? 1 : 1 + rng_.below(most);
            for (unsigned attempts = 0; test_.count < length && attempts < 100 + length && !last_; attempts++)
                add_instance(*generator_.choose_row(rng_));
        }
        finish();
        return test_;
    }

private:
    struct Label {
        unsigned index; ///< Of the branch.
        Branch::Form form;
        unsigned reg; ///< Form::Register: whose initial value is the target.
    };

    uint64_t code() const { return code_address(test_.slot()); }
    uint64_t data() const { return data_address(test_.slot()); }
    bool fresh(unsigned reg) const { return (used_ >> reg & 1) == 0; }
    bool model_has(const Row& row) const { return generator_.features_.has(row.feature); }

    void make_state() {
        DiffState& state = test_.initial;
        uint64_t previous = 0;
        for (uint64_t& x : state.x) previous = x = rng_.one_in(10) ? previous : random_integer(rng_);
        for (unsigned i = 0; i < 32; i++)
            state.v[i] = i > 0 && rng_.one_in(12) ? state.v[rng_.below(i)] : random_vector(rng_);
        if (generator_.ties_) start_near_ties();
        state.sp = data() + kDiffWritableOffset + rng_.below(kSlotDataBytes / 16) * 16;
        state.pc = code();
        state.nzcv = uint64_t{rng_.below(16)} << 28;
        state.tpidr = random_integer(rng_);
        if (!rng_.one_in(3)) {
            state.fpcr = static_cast<uint32_t>(rng_.next()) & fpcr_mask();
            // Any of the other modes is another way of computing: often enough, none of them.
            if (rng_.one_in(2)) state.fpcr &= fpcr::kRmode | fpcr::kDn;
        }
        // IXC alone is what programs run with; implementations take shortcuts once it is set.
        if (rng_.one_in(3))
            state.fpsr = fpsr::kIxc;
        else if (rng_.one_in(2))
            state.fpsr = static_cast<uint32_t>(rng_.next()) & fpsr::kMask;
        test_.background = rng_.below(1u << 16) * 16;
    }

    void start_near_ties() {
        for (uint64_t& x : test_.initial.x)
            if (rng_.one_in(2)) x = integer_near_tie(rng_);
        for (DiffVector& v : test_.initial.v) {
            if (rng_.one_in(2)) continue;
            const bool single = rng_.one_in(2);
            for (uint64_t& half : v.d) {
                half = single           ? float_near_tie(rng_, 32) << 32 | float_near_tie(rng_, 32)
                       : rng_.one_in(2) ? float_near_tie(rng_, 64)
                                        : integer_near_tie(rng_);
            }
        }
    }

    /// The bits of FPCR that both sides keep: AArch32's Len and Stride are RES0 where there is no AArch32.
    uint32_t fpcr_mask() const {
        const uint32_t mask = fpcr::kRmode | fpcr::kFz | fpcr::kDn | fpcr::kAhp;
        return generator_.features_.has(Feature::Fp16) ? mask | fpcr::kFz16 : mask;
    }

    /// A fresh register that is not among `avoid`, or none.
    std::optional<unsigned> take_fresh(uint32_t avoid) {
        const uint32_t candidates = ~(used_ | avoid);
        if (candidates == 0) return {};
        for (;;) {
            const unsigned reg = rng_.below(32);
            if ((candidates >> reg & 1) != 0) return reg;
        }
    }

    void set_register(unsigned reg, uint64_t value) { (reg == 31 ? test_.initial.sp : test_.initial.x[reg]) = value; }

    void append(uint32_t word, const Row& row) {
        test_.words[test_.count++] = word;
        used_ |= mentioned(word, row);
        general_ |= !uses_vector_registers(row.feature);
        if (oracle_mistaken(word)) last_ = true;
    }

    // ---- instances -------------------------------------------------------------------------------------------------

    void add_instance(const Row& row) {
        uint32_t word = random_instance(row, rng_);
        if (is_mrs(word) || is_msr(word))
            word = choose_system_register(word);
        else if (is_sys(word))
            word = choose_system_operation(word);
        if (not_judgeable(word) != nullptr) return;
        add_word(word);
    }

    /// The word as it is, or one like it that finds its operands in place.
    void add_word(uint32_t word) {
        const Row* row = decode(word);
        if (row == nullptr || !model_has(*row)) {
            test_.words[test_.count++] = word;
            return;
        }
        if (is_msr(word) && !prepare_msr(word)) return;
        if (is_exclusive(word) && !prepare_exclusive(word)) return;
        // qemu-aarch64 clears the exclusive monitor whenever it leaves translated code.
        if (exclusives_ && (row->op == Op::YIELD || row->op == Op::WFE)) return;
        if (row->op == Op::YIELD || row->op == Op::WFE) yields_ = true;

        const Branch control = branch(word);
        if (control.form == Branch::Form::Register && !is_return_from_exception(*row)) {
            add_indirect(word, *row);
            return;
        }
        if (control.form != Branch::Form::None && !is_return_from_exception(*row)) {
            labels_.push_back({test_.count, control.form, 0});
            append(word, *row);
            return;
        }
        const MemoryOperand operand = memory_operand(word);
        if (operand.form == MemoryOperand::Form::None) {
            append(word, *row);
        } else if (operand.form == MemoryOperand::Form::Literal) {
            append(with_literal(word, operand), *row);
        } else {
            add_access(word, operand);
        }
    }

    static bool is_return_from_exception(const Row& row) { return row.op == Op::ERET || row.op == Op::DRPS; }

    /// An encoding that Beeline may not know: noise, or an instance with some bits turned over. Both sides should take
    /// the Undefined Instruction exception, or do the same.
    void add_probe() {
        uint32_t word = 0;
        for (unsigned attempts = 0; attempts < 50; attempts++) {
            if (rng_.one_in(3)) {
                word = static_cast<uint32_t>(rng_.next());
            } else {
                word =
                    random_instance(*generator_.all_[rng_.below(static_cast<uint32_t>(generator_.all_.size()))], rng_);
                for (unsigned flips = 1 + rng_.below(3); flips > 0; flips--) word ^= 1u << rng_.below(32);
            }
            if (not_judgeable(word) != nullptr) continue;
            // Cache maintenance by address is judged where the address is right; here it would not be.
            if (memory_operand(word).maintenance) continue;
            const Row* row = decode(word);
            if (row == nullptr || !model_has(*row)) break;
        }
        if (not_judgeable(word) != nullptr || memory_operand(word).maintenance) word = kNop;
        add_word(word);
    }

    // ---- system registers and operations ---------------------------------------------------------------------------

    uint32_t choose_system_register(uint32_t word) {
        using namespace system_register;
        static constexpr uint32_t kReadable[] = {kNzcv, kFpcr, kFpsr, kTpidrEl0, kTpidrroEl0, kDczidEl0, kCntfrqEl0};
        static constexpr uint32_t kWritable[] = {kNzcv, kFpcr, kFpsr, kTpidrEl0};
        if (rng_.one_in(5)) return word;
        const uint32_t key =
            is_mrs(word) ? kReadable[rng_.below(std::size(kReadable))] : kWritable[rng_.below(std::size(kWritable))];
        return with_bits(word, 5, 15, key);
    }

    /// MSR FPCR and MSR FPSR take values whose other bits are 0.
    bool prepare_msr(uint32_t& word) {
        const uint32_t key = system_key_of(word);
        if (key != system_register::kFpcr && key != system_register::kFpsr) return true;
        const auto reg = take_fresh(1u << 31);
        if (!reg) return false;
        word = with_bits(word, 0, 5, *reg);
        const uint32_t mask = key == system_register::kFpcr ? fpcr_mask() : uint32_t{fpsr::kMask};
        set_register(*reg, rng_.next() & mask);
        return true;
    }

    uint32_t choose_system_operation(uint32_t word) {
        const auto operation = [&](unsigned crm, unsigned op2) {
            return with_bits(word, 5, 14, system_key(0, 3, 7, crm, op2));
        };
        switch (rng_.below(8)) {
        case 0:
        case 1:
        case 2: return operation(4, 1);                                     // DC ZVA
        case 3: return operation(10, 1);                                    // DC CVAC
        case 4: return operation(11, 1);                                    // DC CVAU
        case 5: return operation(12, 1);                                    // DC CVAP
        case 6: return rng_.one_in(2) ? operation(14, 1) : operation(5, 1); // DC CIVAC, IC IVAU
        default: return memory_operand(word).form == MemoryOperand::Form::None ? word : operation(4, 1);
        }
    }

    // ---- memory ----------------------------------------------------------------------------------------------------

    uint64_t choose_target(const MemoryOperand& operand) {
        const uint64_t writable = data() + kDiffWritableOffset, end = writable + kSlotDataBytes;
        uint64_t target =
            writable + rng_.below(static_cast<uint32_t>(kSlotDataBytes - 256)) / 64 * 64 + rng_.below(4) * 16;
        switch (rng_.below(operand.maintenance ? 10 : 16)) {
        case 0:
        case 1:
        case 2: target = writable + rng_.below(static_cast<uint32_t>(kSlotDataBytes - 80)); break;
        case 3: target = data() + kDiffReadOnlyOffset + rng_.below(kDiffPage - 64); break;
        case 10: target = writable + kDiffPage - rng_.below(operand.bytes + 4); break; // across the two pages
        case 11: target = end - rng_.below(operand.bytes + 4); break;                  // into the gap behind
        case 12: target = writable - 1 - rng_.below(operand.bytes + 4); break;         // from the gap before
        case 13: target = data() + kDiffReadOnlyOffset + rng_.below(kDiffPage); break;
        case 14:
            if (rng_.one_in(3)) target = data() + rng_.below(kDiffPage);
            break;
        default: break;
        }
        if (operand.aligned && !rng_.one_in(8)) target &= ~uint64_t{operand.bytes - 1};
        if (rng_.one_in(24)) target |= rng_.next() << 56; // TCR_EL1.TBI0: the top byte is ignored
        return target;
    }

    void add_access(uint32_t word, const MemoryOperand& original) {
        MemoryOperand operand = original;
        const unsigned base_low = operand.base_is_zero_register ? 0 : 5;
        const Row* row = decode(word);
        // Now and then the base is what it happens to be.
        if (!rng_.one_in(24) || operand.maintenance) {
            uint32_t avoid = operand.base_is_zero_register ? 1u << 31 : 0;
            // CONSTRAINED UNPREDICTABLE where write-back meets a transferred register; rarely wanted.
            if (!operand.vector && !rng_.one_in(16))
                avoid |= mentioned(with_bits(word, base_low, 5, 31), *row) & 0x7FFFFFFF;
            auto base = fresh(operand.base) && (avoid >> operand.base & 1) == 0 && rng_.one_in(2)
                            ? std::optional(operand.base)
                            : take_fresh(avoid);
            if (operand.maintenance && !base) return;
            if (base) prepare_access(word, operand, *base, base_low, avoid);
            row = decode(word);
            if (row == nullptr) return;
        }
        if ((is_cas(word) || is_casp(word)) && rng_.one_in(2)) load_comparand(word);
        if (is_store_exclusive(word) && !rng_.one_in(4)) load_exclusively(word);
        append(word, *row);
    }

    void prepare_access(uint32_t& word, const MemoryOperand& operand, unsigned base, unsigned base_low,
                        uint32_t avoid) {
        word = with_bits(word, base_low, 5, base);
        const uint64_t target = choose_target(operand);
        uint64_t offset = static_cast<uint64_t>(operand.offset);
        if (operand.form == MemoryOperand::Form::Register) {
            const auto index = take_fresh(avoid | 1u << base | 1u << 31);
            if (index) {
                word = with_bits(word, 16, 5, *index);
                offset = prepare_index(*index, operand);
            } else if (operand.index == 31) {
                offset = 0;
            }
        }
        set_register(base, target - offset);
    }

    /// Gives the index register a value; returns what it adds to the base.
    uint64_t prepare_index(unsigned index, const MemoryOperand& operand) {
        const bool word_sized = operand.option == 2 || operand.option == 6;
        uint64_t value =
            rng_.one_in(4) ? rng_.next() : static_cast<uint64_t>(static_cast<int64_t>(rng_.below(512)) - 256);
        if (word_sized) value = (value & 0xFFFFFFFF) | (rng_.one_in(2) ? rng_.next() << 32 : 0);
        set_register(index, value);
        uint64_t extended = value;
        if (operand.option == 2) extended = value & 0xFFFFFFFF;
        if (operand.option == 6) extended = static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(value)));
        return extended << operand.shift;
    }

    void append_if_known(uint32_t word) {
        const Row* row = decode(word);
        if (row != nullptr && model_has(*row)) append(word, *row);
    }

    /// What CAS compares with is in memory, so that it stores.
    void load_comparand(uint32_t cas) {
        const unsigned base = bits(cas, 5, 5), s = bits(cas, 16, 5);
        if (s == base || s == 31) return;
        if (is_cas(cas)) {
            append_if_known(bits(cas, 30, 2) << 30 | 0x39400000 | base << 5 | s); // LDR, unsigned offset 0
        } else if (s + 1 != base && s + 1 != 31) {
            const uint32_t ldp = bits(cas, 30, 1) != 0 ? 0xA9400000 : 0x29400000;
            append_if_known(ldp | (s + 1) << 10 | base << 5 | s);
        }
    }

    /// The load-exclusive that goes with a store-exclusive, perhaps with something between.
    void load_exclusively(uint32_t store) {
        const unsigned base = bits(store, 5, 5);
        const bool is_pair = (store & 1u << 21) != 0;
        unsigned t = rng_.below(31), u = rng_.below(31);
        if (t == base) t = (t + 1) % 31;
        while (u == base || u == t) u = (u + 1) % 31;
        uint32_t load = with_bits(store | 1u << 22, 0, 5, t);
        load = with_bits(load, 16, 5, 31);
        load = with_bits(load, 10, 5, is_pair ? u : 31);
        append_if_known(load);
        if (!rng_.one_in(4)) return;
        const Row& between = *generator_.all_[rng_.below(static_cast<uint32_t>(generator_.all_.size()))];
        if (!model_has(between)) return;
        const uint32_t word = random_instance(between, rng_, {.avoid_registers = 1u << base});
        if (not_judgeable(word) == nullptr && memory_operand(word).form == MemoryOperand::Form::None &&
            branch(word).form == Branch::Form::None && !is_msr(word) && between.op != Op::YIELD &&
            between.op != Op::WFE)
            append(word, between);
    }

    /// A store-exclusive that does not match its load-exclusive in size is CONSTRAINED UNPREDICTABLE (B2.9.5): all of a
    /// sequence are of one size.
    bool prepare_exclusive(uint32_t& word) {
        if (yields_) return false;
        const uint32_t form = word & (3u << 30 | 1u << 21);
        if (!exclusive_form_) exclusive_form_ = form;
        word = (word & ~(3u << 30 | 1u << 21)) | *exclusive_form_;
        exclusives_ = true;
        return decode(word) != nullptr;
    }

    uint32_t with_literal(uint32_t word, const MemoryOperand& operand) {
        const int64_t here = test_.count;
        int64_t words;
        if (rng_.one_in(12)) { // beyond the code of every slot
            words = 0x10000 + rng_.below(0x2FFFF);
            if (rng_.one_in(2)) words = -words;
        } else {
            words = kFirstLiteral + rng_.below(kDiffSlotWords - kFirstLiteral - operand.bytes / 4) - here;
        }
        return with_bits(word, 5, 19, static_cast<uint32_t>(words));
    }

    // ---- branches --------------------------------------------------------------------------------------------------

    void add_indirect(uint32_t word, const Row& row) {
        const unsigned wanted = bits(word, 5, 5);
        if (wanted != 31) {
            const auto reg = fresh(wanted) ? std::optional(wanted) : take_fresh(1u << 31);
            if (!reg) return; // an arbitrary target might lead backwards
            word = with_bits(word, 5, 5, *reg);
            labels_.push_back({test_.count, Branch::Form::Register, *reg});
        }
        append(word, row);
    }

    /// Branches lead forward, to the end at the latest, or out of all code.
    void resolve(const Label& label) {
        const unsigned forward = 1 + rng_.below(test_.count - label.index);
        int64_t words = forward;
        if (label.form == Branch::Form::Register) {
            uint64_t target = code() + uint64_t{label.index + forward} * 4;
            if (rng_.one_in(24)) target += 1 + rng_.below(3);
            if (rng_.one_in(32)) target += uint64_t{1} << (20 + rng_.below(36));
            if (rng_.one_in(16)) target |= rng_.next() << 56;
            set_register(label.reg, target);
            return;
        }
        if (label.form == Branch::Form::Direct26 && rng_.one_in(24))
            words = (0x20000 + static_cast<int64_t>(rng_.below(0x1FDFFFF))) * (rng_.one_in(2) ? -1 : 1);
        else if (label.form == Branch::Form::Direct19 && rng_.one_in(24))
            words = (0x10000 + static_cast<int64_t>(rng_.below(0x2FFFF))) * (rng_.one_in(2) ? -1 : 1);
        test_.words[label.index] = with_displacement(test_.words[label.index], label.form, words);
    }

    /// Goes through the sequence a few times, counted in a register that it does not mention. Only FP/SIMD instructions
    /// write to no other registers than they mention.
    void add_loop() {
        if (last_ || general_ || test_.count == 0) return;
        const std::optional<unsigned> counter = take_fresh(1u << 31);
        if (!counter) return;
        set_register(*counter, 2 + rng_.below(4));
        const bool by_flags = rng_.one_in(2);
        const uint32_t subtract = by_flags ? 0xF1000400 : 0xD1000400,
                       back = by_flags ? 0x54000001 : 0xB5000000 | *counter;
        test_.words[test_.count++] = subtract | *counter << 5 | *counter;
        test_.words[test_.count] = with_displacement(back, Branch::Form::Direct19, -static_cast<int64_t>(test_.count));
        test_.count++;
    }

    void finish() {
        for (const Label& label : labels_) resolve(label);
        if (rng_.one_in(4)) add_loop(); // Branches lead to its subtraction at the latest.
        test_.words[test_.count] = kEnd;
        for (unsigned i = test_.count + 1; i < kFirstLiteral; i++) test_.words[i] = kEnd;
        for (unsigned i = kFirstLiteral; i < kDiffSlotWords; i += 2) {
            const uint64_t value = rng_.one_in(2) ? random_float(rng_, 16u << rng_.below(3)) : random_integer(rng_);
            test_.words[i] = static_cast<uint32_t>(value);
            if (i + 1 < kDiffSlotWords) test_.words[i + 1] = static_cast<uint32_t>(value >> 32);
        }
    }

    const Generator& generator_;
    Rng& rng_;
    TestCase test_;
    uint32_t used_ = 0;
    std::vector<Label> labels_;
    std::optional<uint32_t> exclusive_form_;
    bool exclusives_ = false;
    bool general_ = false; ///< Some instruction is none of FP/SIMD.
    bool yields_ = false;
    bool last_ = false;
};

TestCase Generator::make(uint64_t number) const {
    Rng mix(number * 0x9E3779B97F4A7C15 + 1);
    Rng rng(seed_ ^ mix.next());
    return Sequence(*this, number, rng).build();
}

} // namespace beeline::differential
