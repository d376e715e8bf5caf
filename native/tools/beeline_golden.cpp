// beeline_golden < IDIOMS: the host code that guest idioms become, for texts that are kept and compared.
//
// IDIOMS are lines: "idiom NAME EL" begins one, at exception level 0 or 1; a word of guest code in hexadecimal a line
// follows. Names that begin with "alone_" are for a machine with one CPU, the others for several. Each is put at the
// beginning of a page and translated to its end, block after block, by the default techniques for a host that has
// everything but AVX-512, whatever this host has.
#include "arm64/environment.h"
#include "arm64/execution_context.h"
#include "arm64/vcpu.h"
#include "translate/block_translator.h"
#include "translate/listing.h"

#include <charconv>
#include <cstring>
#include <fmt/format.h>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

using namespace beeline;
using translate::BlockTranslator;
using translate::Translation;

namespace {

constexpr uint64_t kPage = 0x40000000;
constexpr size_t kCodeBytes = size_t{1} << 20;
constexpr size_t kAlignment = 64;
constexpr host::CpuFlags kHost{.bmi1 = true,
                               .bmi2 = true,
                               .lzcnt = true,
                               .popcnt = true,
                               .movbe = true,
                               .avx = true,
                               .avx2 = true,
                               .fma = true,
                               .f16c = true,
                               .aes = true,
                               .sha = true,
                               .sse42 = true,
                               .pclmul = true,
                               .fsgsbase = true};

/// Nothing is executed, hence nothing is asked of the machine.
class NoMachine final : public arm64::Environment {
public:
    uint8_t* host_page(arm64::GuestPa, bool) override { return nullptr; }
    bool device_read(arm64::Vcpu&, arm64::GuestPa, unsigned, uint64_t&) override { return false; }
    bool device_write(arm64::Vcpu&, arm64::GuestPa, unsigned, uint64_t) override { return false; }
    uint64_t counter() override { return 0; }
    void timer_changed(arm64::Vcpu&) override {}
    bool icc_read(arm64::Vcpu&, uint32_t, uint64_t&) override { return false; }
    bool icc_write(arm64::Vcpu&, uint32_t, uint64_t) override { return false; }
    bool has_gic_system_registers() const override { return true; }
    void hypervisor_call(arm64::Vcpu&) override {}
    void broadcast(arm64::Vcpu&, const arm64::Maintenance&) override {}
    void synchronize(arm64::Vcpu&) override {}
    void send_event() override {}
};

struct NoListener final : translate::MissListener {
    void on_misses(arm64::Vcpu&, translate::MissCounter&) override {}
};

struct Idiom {
    std::string name;
    unsigned el = 1;
    std::vector<uint32_t> words;
};

class Translator {
public:
    Translator() : assembler_(aligned(), kCodeBytes), translator_(assembler_, *cpu_, techniques_, kHost) {
        translator_.generate_runtime(aligned(), aligned());
        translator_.set_miss_listener(&listener_);
        translator_.set_recording_layout(true);
        runtime_end_ = assembler_.getSize();
    }

    std::string text(const Idiom& idiom) {
        std::vector<uint8_t> page(arm64::kPageSize);
        std::memcpy(page.data(), idiom.words.data(), idiom.words.size() * sizeof(uint32_t));
        const uint8_t context = arm64::pack_context({.el = static_cast<uint8_t>(idiom.el), .mmu = true});
        translator_.set_alone(idiom.name.starts_with("alone_"));
        std::string text;
        for (size_t done = 0; done < idiom.words.size();) {
            assembler_.restart_at((runtime_end_ + kAlignment - 1) / kAlignment * kAlignment);
            const uint64_t offset = done * sizeof(uint32_t);
            const std::unique_ptr<Translation> block = translator_.translate({kPage + offset}, context, page.data());
            text += describe(idiom, *block, offset);
            done += block->words.size();
        }
        return text;
    }

private:
    uint8_t* aligned() {
        const auto address = reinterpret_cast<uintptr_t>(buffer_.data());
        return buffer_.data() + (kAlignment - address % kAlignment) % kAlignment;
    }

    std::string describe(const Idiom& idiom, const Translation& block, uint64_t offset) const {
        host::Symbols symbols = translate::common_symbols(translator_, 0);
        for (host::SymbolRange& symbol : translate::block_symbols(block))
            symbols.addresses.push_back(std::move(symbol));
        uint32_t straight = block.size;
        for (const translate::CodeRange& range : block.layout)
            if (range.cold) straight = std::min(straight, range.begin);
        return fmt::format("== {} (EL{}): {} guest instructions, {} bytes of host code and {} out of line\n{}\n",
                           idiom.name, idiom.el, block.words.size(), straight, block.size - straight,
                           translate::list_block({.pc = offset,
                                                  .words = block.words,
                                                  .code = {block.writable, block.size},
                                                  .address = reinterpret_cast<uint64_t>(block.writable),
                                                  .layout = block.layout},
                                                 symbols));
    }

    NoMachine machine_;
    NoListener listener_;
    std::unique_ptr<arm64::Vcpu> cpu_ = std::make_unique<arm64::Vcpu>(arm64::CpuModel::N1, 0, machine_);
    std::vector<uint8_t> buffer_ = std::vector<uint8_t>(kCodeBytes + kAlignment);
    translate::Techniques techniques_;
    host::Assembler assembler_;
    BlockTranslator translator_;
    size_t runtime_end_ = 0;
};

/// False: the line is neither an idiom's head nor a word of one.
bool read_line(const std::string& line, std::vector<Idiom>& idioms) {
    constexpr std::string_view kHead = "idiom ";
    if (line.starts_with(kHead)) {
        const size_t space = line.rfind(' ');
        if (space < kHead.size() || (line.substr(space) != " 0" && line.substr(space) != " 1")) return false;
        idioms.push_back(
            {.name = line.substr(kHead.size(), space - kHead.size()), .el = static_cast<unsigned>(line.back() - '0')});
        return true;
    }
    uint32_t word = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), word, 16);
    if (error != std::errc() || end != line.data() + line.size() || idioms.empty()) return false;
    idioms.back().words.push_back(word);
    return idioms.back().words.size() <= arm64::kPageSize / sizeof word;
}

} // namespace

int main() {
    std::vector<Idiom> idioms;
    for (std::string line; std::getline(std::cin, line);) {
        if (read_line(line, idioms)) continue;
        fmt::print(stderr, "beeline_golden: cannot use the line '{}'\n", line);
        return 2;
    }
    Translator translator;
    for (const Idiom& idiom : idioms) fmt::print("{}", translator.text(idiom));
}
