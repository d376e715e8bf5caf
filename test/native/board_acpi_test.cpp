// The ACPI tables: put together as firmware does it, they are whole; and iasl takes them apart and finds nothing wrong.
#include "board/acpi.h"
#include "board_support.h"

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <numeric>
#include <sstream>
#include <unistd.h>

using namespace beeline;
using namespace beeline::test;

namespace {

using Bytes = std::vector<uint8_t>;

template <class T> T number(const Bytes& bytes, size_t at) {
    T value{};
    if (at + sizeof value <= bytes.size()) std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
}

std::string word(const Bytes& bytes, size_t at, size_t most) {
    const char* start = reinterpret_cast<const char*>(bytes.data()) + at;
    return {start, strnlen(start, most)};
}

uint8_t sum(const Bytes& bytes, size_t at, size_t length) {
    return static_cast<uint8_t>(std::accumulate(bytes.begin() + static_cast<ptrdiff_t>(at),
                                                bytes.begin() + static_cast<ptrdiff_t>(at + length), 0u));
}

/// The files where the firmware has put them, after all commands.
std::map<std::string, Bytes> carried_out(const board::AcpiTables& acpi, std::map<std::string, uint64_t>& places) {
    std::map<std::string, Bytes> files{{"etc/acpi/tables", acpi.tables}, {"etc/acpi/rsdp", acpi.rsdp}};
    constexpr size_t kCommand = 128, kName = 56;
    check_equal(acpi.loader.size() % kCommand, 0, "whole commands");
    uint64_t free = 0x4000'0000;
    for (size_t at = 0; at < acpi.loader.size(); at += kCommand) {
        const auto kind = number<uint32_t>(acpi.loader, at);
        const std::string file = word(acpi.loader, at + 4, kName);
        if (!check(files.contains(file), "a file: " + file)) continue;
        Bytes& bytes = files[file];
        const size_t rest = at + 4 + kName;
        if (kind == 1) {
            const auto alignment = number<uint32_t>(acpi.loader, rest);
            places[file] = free = (free + alignment - 1) / alignment * alignment;
            free += bytes.size();
        } else if (kind == 2) {
            const std::string target = word(acpi.loader, rest, kName);
            const auto offset = number<uint32_t>(acpi.loader, rest + kName);
            check_equal(acpi.loader[rest + kName + 4], 8, "a pointer of 64 bits");
            if (!check(places.contains(target) && offset + 8 <= bytes.size(), "a place for a pointer")) continue;
            const uint64_t value = number<uint64_t>(bytes, offset) + places[target];
            std::memcpy(bytes.data() + offset, &value, sizeof value);
        } else if (kind == 3) {
            const auto result = number<uint32_t>(acpi.loader, rest), start = number<uint32_t>(acpi.loader, rest + 4),
                       length = number<uint32_t>(acpi.loader, rest + 8);
            if (!check(result < bytes.size() && start + length <= bytes.size(), "a range to sum up")) continue;
            bytes[result] = static_cast<uint8_t>(bytes[result] - sum(bytes, start, length));
        } else {
            check(false, "a command");
        }
    }
    return files;
}

void write(const std::filesystem::path& path, const Bytes& bytes) {
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

Bytes read(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::string read_text(const std::filesystem::path& path) {
    const Bytes bytes = read(path);
    return {bytes.begin(), bytes.end()};
}

/// Takes a table apart and puts it together again with iasl: the same bytes but for who made it.
std::string judged(const Bytes& table, const std::string& name, const std::filesystem::path& folder) {
    constexpr size_t kCreatorAt = 28, kHeader = 36, kChecksumAt = 9;
    const auto blob = folder / (name + ".dat"), again = folder / (name + ".aml"), said = folder / "said";
    write(blob, table);
    const std::string source = (folder / (name + ".dsl")).string();
    const std::string apart = "iasl -d " + blob.string() + " > " + said.string() + " 2>&1";
    const std::string together = "iasl -we -oa -p " + again.string() + " " + source + " > " + said.string() + " 2>&1";
    if (std::system(apart.c_str()) != 0 || std::system(together.c_str()) != 0) return read_text(said);
    Bytes second = read(again);
    if (second.size() != table.size()) return fmt::format("{} bytes became {}", table.size(), second.size());
    for (size_t at = 0; at < table.size(); at++)
        if (at != kChecksumAt && (at < kCreatorAt || at >= kHeader) && table[at] != second[at])
            return fmt::format("byte {:#x} is {:#x} and became {:#x}", at, table[at], second[at]);
    return "";
}

} // namespace

int main() {
    char name[] = "/tmp/beeline-acpi-XXXXXX";
    if (mkdtemp(name) == nullptr) return 1;
    const std::filesystem::path folder = name;

    for (const unsigned gic : {2u, 3u})
        for (const unsigned cpus : {1u, 8u, 64u}) {
            if (gic == 2 && cpus > 8) continue;
            board::BoardDescription description{arm64::CpuModel::N1, gic, {}};
            for (unsigned cpu = 0; cpu < cpus; cpu++) description.cpu_affinities.push_back((cpu / 16) << 8 | cpu % 16);
            const std::string what = fmt::format("GICv{} with {} CPUs", gic, cpus);

            std::map<std::string, uint64_t> places;
            const auto files = carried_out(board::build_acpi_tables(description), places);
            const Bytes &tables = files.at("etc/acpi/tables"), &rsdp = files.at("etc/acpi/rsdp");
            const uint64_t base = places["etc/acpi/tables"];
            check(word(rsdp, 0, 8) == "RSD PTR ", "the root pointer");
            check_equal(sum(rsdp, 0, 20), 0, "its old checksum");
            check_equal(sum(rsdp, 0, rsdp.size()), 0, "its checksum");

            const uint64_t xsdt = number<uint64_t>(rsdp, 24) - base;
            if (!check(word(tables, xsdt, 4) == "XSDT", what + ": XSDT")) continue;
            std::vector<uint64_t> found{xsdt};
            for (uint64_t at = xsdt + 36; at < xsdt + number<uint32_t>(tables, xsdt + 4); at += 8)
                found.push_back(number<uint64_t>(tables, at) - base);
            check(word(tables, found[1], 4) == "FACP", "FADT");
            found.push_back(number<uint64_t>(tables, found[1] + 140) - base);

            std::string names;
            for (const uint64_t at : found) {
                const std::string signature = word(tables, at, 4);
                const auto length = number<uint32_t>(tables, at + 4);
                names += signature + " ";
                if (!check(at + length <= tables.size(), what + ": " + signature + " is whole")) continue;
                check_equal(sum(tables, at, length), 0, what + ": checksum of " + signature);
                const Bytes table(tables.begin() + static_cast<ptrdiff_t>(at),
                                  tables.begin() + static_cast<ptrdiff_t>(at + length));
                const std::string complaint = judged(table, signature, folder);
                check(complaint.empty(), what + ": iasl on " + signature + ": " + complaint);
            }
            check(names == (gic == 2 ? "XSDT FACP APIC PPTT GTDT MCFG SPCR DBG2 DSDT "
                                     : "XSDT FACP APIC PPTT GTDT MCFG SPCR DBG2 IORT DSDT "),
                  what + ": " + names);
        }
    std::filesystem::remove_all(folder);
    return report("board_acpi");
}
