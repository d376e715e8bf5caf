// The instruction table against itself and against binutils.
//
//   test_table_test [SEED [INSTANCES]]
//
// Every row is reached by words of its own, no two rows claim a word with equal right, every row has a handler, and the
// disassembly of random instances is what `aarch64-linux-gnu-objdump -M no-aliases` prints. Words that the table leaves
// out must be undefined to objdump as well, or of an extension that no CPU model has.
#include "arm64/disassembler.h"
#include "arm64/features.h"
#include "arm64/interpreter/dispatch.h"
#include "arm64/random_instruction.h"
#include "arm64/table/table.h"

#include <bit>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

using namespace beeline::arm64;

namespace {

unsigned passed = 0, failed = 0;

void check(bool ok, const std::string& what) {
    if (ok) {
        passed++;
        return;
    }
    failed++;
    std::printf("FAIL %s\n", what.c_str());
}

bool matches(const Row& row, uint32_t word) {
    return (word & row.layout.mask) == row.layout.value && row.constraint(Fields(word, row.layout));
}

std::string hex(uint32_t word) {
    char text[16];
    std::snprintf(text, sizeof text, "%08x", word);
    return text;
}

// ---- the table against itself --------------------------------------------------------------------------------------

void patterns() {
    for (const Row& row : rows()) {
        unsigned bits = 0;
        for (const char* p = row.pattern; *p != 0; p++) bits += *p != ' ' && *p != '_';
        check(bits == 32, std::string(row.id) + ": the pattern has " + std::to_string(bits) + " bits");
    }
}

/// A word that both rows match, found by trying; 0 when there is none.
uint32_t common_word(const Row& a, const Row& b, Rng& rng) {
    for (unsigned i = 0; i < 5000; i++) {
        uint32_t word = static_cast<uint32_t>(rng.next());
        word = (word & ~a.layout.mask) | a.layout.value;
        word = (word & ~b.layout.mask) | b.layout.value;
        if (matches(a, word) && matches(b, word)) return word;
    }
    return 0;
}

void ambiguity(Rng& rng) {
    const auto table = rows();
    for (size_t i = 0; i < table.size(); i++) {
        for (size_t j = i + 1; j < table.size(); j++) {
            const Row &a = table[i], &b = table[j];
            if (std::popcount(a.layout.mask) != std::popcount(b.layout.mask)) continue;
            if (((a.layout.value ^ b.layout.value) & a.layout.mask & b.layout.mask) != 0) continue;
            const uint32_t word = common_word(a, b, rng);
            check(word == 0, std::string(a.id) + " and " + b.id + " both match " + hex(word));
        }
    }
}

/// Instances decode to their row, and the row's binder accepts them or says that they are UNDEFINED.
void reachability(Rng& rng) {
    for (const Row& row : rows()) {
        unsigned reached = 0, bound = 0;
        constexpr unsigned kTries = 50;
        for (unsigned i = 0; i < kTries; i++) {
            const uint32_t word = random_instance(row, rng);
            reached += decode(word) == &row;
            Insn insn{};
            bind(insn, word, ExecutionContext{}, cpu_features(CpuModel::N1));
            bound += insn.handler != nullptr && insn.op == static_cast<uint16_t>(row.op);
        }
        check(reached == kTries, std::string(row.id) + ": random instances decode to other rows");
        check(bound == kTries, std::string(row.id) + ": not bound for the n1 model");
    }
}

// ---- against objdump -----------------------------------------------------------------------------------------------

/// Disassembly of `words` laid out from address 0, a line each; empty when objdump cannot be run.
std::vector<std::string> objdump(const std::vector<uint32_t>& words) {
    std::vector<std::string> lines;
    char path[] = "/tmp/beeline-table-XXXXXX";
    const int file = mkstemp(path);
    if (file < 0) return lines;
    const size_t bytes = words.size() * sizeof(uint32_t);
    const bool written = write(file, words.data(), bytes) == static_cast<ssize_t>(bytes);
    close(file);
    const std::string command =
        std::string("aarch64-linux-gnu-objdump -D -z -b binary -m aarch64 -M no-aliases ") + path;
    FILE* pipe = written ? popen(command.c_str(), "r") : nullptr;
    char line[512];
    while (pipe != nullptr && std::fgets(line, sizeof line, pipe) != nullptr) {
        // "   4:\t8b020020 \tadd\tx0, x1, x2"
        const std::string_view text(line);
        const size_t word = text.find(":\t"), mnemonic = text.find(" \t");
        if (word == std::string_view::npos || mnemonic == std::string_view::npos) continue;
        std::string_view result = text.substr(mnemonic + 2);
        // Conditions are followed by their names in SVE.
        if (const size_t comment = result.find("//"); comment != std::string_view::npos)
            result = result.substr(0, comment);
        while (!result.empty() && (result.back() == '\n' || result.back() == ' ' || result.back() == '\t'))
            result.remove_suffix(1);
        lines.emplace_back(result);
    }
    if (pipe != nullptr) pclose(pipe);
    unlink(path);
    if (lines.size() != words.size()) lines.clear();
    return lines;
}

/// objdump takes some CONSTRAINED UNPREDICTABLE encodings for undefined, which execute here as they do on QEMU: `word`
/// with the fields that it is picky about set to something harmless.
uint32_t agreeable(const Row& row, uint32_t word) {
    const std::string_view id = row.id;
    const FieldLayout& layout = row.layout;
    if (id.starts_with("LDAR")) word |= 0x001F7C00; // Rs and Rt2 should be ones
    if (id.starts_with("LDPSW")) {
        const uint32_t t = Fields(word, layout)('t');
        word = with_field(with_field(word, layout, 'u', t ^ 1), layout, 'n', t ^ 2);
    }
    return word;
}

void agreement(Rng& rng, unsigned instances) {
    const auto table = rows();
    const unsigned each = std::max<unsigned>(10, instances / static_cast<unsigned>(table.size()));
    std::vector<uint32_t> words;
    for (const Row& row : table)
        for (unsigned i = 0; i < each; i++) words.push_back(agreeable(row, random_instance(row, rng)));
    const std::vector<std::string> expected = objdump(words);
    check(!expected.empty(), "aarch64-linux-gnu-objdump does not run (package binutils-aarch64-linux-gnu)");
    if (expected.empty()) return;
    for (size_t r = 0; r < table.size(); r++) {
        unsigned differing = 0;
        std::string example;
        for (size_t i = r * each; i < (r + 1) * each; i++) {
            const std::string ours = disassemble(words[i], i * 4);
            if (ours == expected[i]) continue;
            if (differing++ == 0) example = hex(words[i]) + " is '" + ours + "', objdump says '" + expected[i] + "'";
        }
        check(differing == 0, std::string(table[r].id) + ": " + std::to_string(differing) + " of " +
                                  std::to_string(each) + ", " + example);
    }
    std::printf("table: %zu rows, %zu words compared with objdump\n", table.size(), words.size());
}

// ---- what the table leaves out -------------------------------------------------------------------------------------

/// Words near the table's: an instance with a bit or two flipped, where the interesting holes are; and words at random.
uint32_t likely_hole(Rng& rng) {
    if (rng.one_in(4)) return static_cast<uint32_t>(rng.next());
    const auto table = rows();
    uint32_t word = random_instance(table[rng.below(static_cast<uint32_t>(table.size()))], rng);
    for (unsigned i = 1 + rng.below(2); i > 0; i--) word ^= 1u << rng.below(32);
    return word;
}

std::string mnemonic_of(const std::string& text) { return text.substr(0, text.find('\t')); }

/// z0.s, p0/m, za0: instructions of the base and of SVE share names.
bool names_sve_register(const std::string& text) {
    for (size_t i = text.find('\t'); i != std::string::npos && i + 2 < text.size(); i++)
        if ((text[i] == '\t' || text[i] == ' ' || text[i] == '{' || text[i] == '[') &&
            ((text[i + 1] == 'z' && text[i + 2] != 'r') ||
             (text[i + 1] == 'p' && text[i + 2] >= '0' && text[i + 2] <= '9')))
            return true;
    return false;
}

/// Instructions of extensions that share their mnemonic with one of the table.
bool of_extension(const std::string& text) {
    static const std::set<std::string> kCssc = {"abs", "cnt", "ctz", "smax", "smin", "umax", "umin"};
    const size_t tab = text.find('\t');
    const char first = tab == std::string::npos ? 0 : text[tab + 1];
    static const std::set<std::string> kPstate = {"allint", "dit", "ssbs", "svcr", "svcrsm", "svcrza", "tco"};
    const std::string operand = tab == std::string::npos ? "" : text.substr(tab + 1, text.find(',') - tab - 1);
    return names_sve_register(text) || (kCssc.contains(mnemonic_of(text)) && (first == 'w' || first == 'x')) ||
           kPstate.contains(operand) ||           // MSR of a bit that Armv8.2 lacks
           text.ends_with("nxs") ||               // FEAT_XS
           text.find("s0_") != std::string::npos; // objdump's word for the holes among hints and barriers
}

void holes(Rng& rng, unsigned count) {
    std::vector<uint32_t> words;
    while (words.size() < count)
        if (const uint32_t word = likely_hole(rng); decode(word) == nullptr) words.push_back(word);
    const std::vector<std::string> expected = objdump(words);
    if (expected.empty()) return;
    std::set<std::string> known;
    for (const Row& row : rows()) known.insert(mnemonic_of(disassemble(random_instance(row, rng), 0)));
    std::map<std::string, std::pair<unsigned, size_t>> missing;
    std::set<std::string> extensions;
    for (size_t i = 0; i < words.size(); i++) {
        const std::string& text = expected[i];
        if (text.starts_with(".inst") || text.starts_with("udf")) continue;
        const std::string mnemonic = mnemonic_of(text);
        if (known.contains(mnemonic) && !of_extension(text)) {
            auto& entry = missing[mnemonic];
            if (entry.first++ == 0) entry.second = i;
        } else {
            extensions.insert(mnemonic);
        }
    }
    std::printf("table: of %zu words left out, objdump knows instructions of extensions:", words.size());
    for (const std::string& mnemonic : extensions) std::printf(" %s", mnemonic.c_str());
    std::printf("\n");
    for (const auto& [mnemonic, entry] : missing)
        check(false, "the table lacks " + hex(words[entry.second]) + ", to objdump '" + expected[entry.second] + "' (" +
                         std::to_string(entry.first) + " such)");
    if (missing.empty()) passed++;
}

} // namespace

int main(int argc, char** argv) {
    const uint64_t seed = argc > 1 ? std::strtoull(argv[1], nullptr, 0) : 20240501;
    const unsigned instances = argc > 2 ? static_cast<unsigned>(std::strtoul(argv[2], nullptr, 0)) : 20000;
    std::printf("table: seed %llu\n", static_cast<unsigned long long>(seed));
    Rng rng(seed);
    patterns();
    ambiguity(rng);
    reachability(rng);
    agreement(rng, instances);
    holes(rng, instances);
    std::printf("table: %u passed, %u failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
