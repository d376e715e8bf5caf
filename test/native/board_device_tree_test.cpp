// The device tree: complete, and accepted by dtc without a word.
#include "board/device_tree.h"
#include "board_support.h"

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <libfdt.h>
#include <sstream>
#include <unistd.h>

using namespace beeline;
using namespace beeline::test;

namespace {

using Bytes = std::vector<uint8_t>;

std::string text(const Bytes& tree, const char* path, const char* property) {
    int length = 0;
    const void* value = fdt_getprop(tree.data(), fdt_path_offset(tree.data(), path), property, &length);
    return value == nullptr ? "(none)" : std::string(static_cast<const char*>(value), static_cast<size_t>(length));
}

uint32_t cell(const Bytes& tree, const char* path, const char* property, unsigned index) {
    int length = 0;
    const auto* value =
        static_cast<const fdt32_t*>(fdt_getprop(tree.data(), fdt_path_offset(tree.data(), path), property, &length));
    return value != nullptr && length >= static_cast<int>((index + 1) * 4) ? fdt32_ld(value + index) : ~0u;
}

/// What dtc has to say about a tree when it turns it into source.
std::string warnings(const Bytes& tree, const std::filesystem::path& folder) {
    const std::filesystem::path blob = folder / "tree.dtb", said = folder / "said";
    std::ofstream(blob, std::ios::binary)
        .write(reinterpret_cast<const char*>(tree.data()), static_cast<std::streamsize>(tree.size()));
    const std::string command = "dtc -I dtb -O dts -o /dev/null " + blob.string() + " 2> " + said.string();
    if (std::system(command.c_str()) != 0) return "dtc failed";
    std::stringstream all;
    all << std::ifstream(said).rdbuf();
    return all.str();
}

} // namespace

int main() {
    char name[] = "/tmp/beeline-tree-XXXXXX";
    if (mkdtemp(name) == nullptr) return 1;
    const std::filesystem::path folder = name;

    for (const unsigned gic : {2u, 3u})
        for (const unsigned cpus : {1u, 2u, 8u, 64u}) {
            if (gic == 2 && cpus > 8) continue;
            board::BoardDescription description{arm64::CpuModel::N1, gic, {}};
            for (unsigned cpu = 0; cpu < cpus; cpu++) description.cpu_affinities.push_back((cpu / 16) << 8 | cpu % 16);
            const auto built = board::build_device_tree(description);
            const std::string what = fmt::format("GICv{} with {} CPUs", gic, cpus);
            if (!check(static_cast<bool>(built), what)) continue;
            board::BootDescription boot;
            boot.memory_bytes = uint64_t{6} << 30;
            boot.command_line = std::string(1000, 'x');
            boot.initrd = board::BootDescription::Range{0x48000000, 0x48123456};
            const auto completed = board::complete_device_tree(*built, boot, "");
            if (!check(static_cast<bool>(completed), what + ", completed")) continue;
            const Bytes& tree = *completed;
            check_equal(static_cast<uint64_t>(fdt_check_full(tree.data(), tree.size())), 0, what + ": intact");
            const std::string said = warnings(tree, folder);
            check(said.empty(), what + ": dtc says " + said);
            check(text(tree, "/chosen", "stdout-path") == std::string("/pl011@9000000\0", 15), "stdout-path");
            check(text(tree, "/chosen", "bootargs").size() == 1001, "bootargs");
            check_equal(cell(tree, "/chosen", "linux,initrd-end", 1), 0x48123456, "initrd");
            check_equal(cell(tree, "/memory@40000000", "reg", 2), 1, "memory, upper half");
            check_equal(cell(tree, "/memory@40000000", "reg", 3), 0x80000000, "memory, lower half");
            check(text(tree, "/psci", "method") == std::string("hvc\0", 4), "PSCI by HVC");
            check_equal(cell(tree, "/timer", "interrupts", 7), 11, "virtual timer is PPI 11");
            check_equal(cell(tree, "/pl011@9000000", "interrupts", 1), 1, "UART is SPI 1");
            check_equal(cell(tree, "/virtio_mmio@a003e00", "interrupts", 1), 47, "last virtio slot is SPI 47");
            check_equal(cell(tree, "/gpio-keys/poweroff", "gpios", 1), 3, "power button is line 3");
            check(text(tree, "/intc@8000000", "compatible") ==
                      (gic == 2 ? std::string("arm,cortex-a15-gic\0", 19) : std::string("arm,gic-v3\0", 11)),
                  "interrupt controller");
            const int last =
                fdt_path_offset(tree.data(), fmt::format("/cpus/cpu@{:x}", description.cpu_affinities.back()).c_str());
            check(last >= 0, "the last CPU");
            check_equal(cell(tree, "/pcie@10000000", "reg", 1), 0x3F00'0000, "PCIe's configuration space");
            check_equal(cell(tree, "/pcie@10000000", "bus-range", 1), 15, "as many buses as have room there");
            // Four slots with four pins, ten cells each; INTA# of slot 1 is the second of four SPIs.
            check_equal(cell(tree, "/pcie@10000000", "interrupt-map", 4 * 10 + 0), 1 << 11, "slot 1");
            check_equal(cell(tree, "/pcie@10000000", "interrupt-map", 4 * 10 + 8), 4, "INTA# of slot 1 is SPI 4");
            check_equal(cell(tree, "/pcie@10000000", "interrupt-map", 4 * 10 + 38), 3, "INTD# of slot 1 is SPI 3");
            check_equal(cell(tree, "/pcie@10000000", "msi-map", 3), 16 << 8, "messages of every bus");
            check(text(tree, gic == 2 ? "/intc@8000000/v2m@8020000" : "/intc@8000000/its@8080000", "compatible") ==
                      (gic == 2 ? std::string("arm,gic-v2m-frame\0", 18) : std::string("arm,gic-v3-its\0", 15)),
                  "what takes them");
            check(text(tree, "/pcie@10000000", "ranges").size() == 3 * 7 * 4, "three windows");
        }
    std::filesystem::remove_all(folder);
    return report("board_device_tree");
}
