#include "board/device_tree.h"

#include "board/image_file.h"
#include "board/kernel_image.h"
#include "board/memory_map.h"
#include "devices/gic/gic_v3.h"

#include <fmt/format.h>
#include <initializer_list>
#include <libfdt.h>
#include <string_view>

namespace beeline::board {

namespace {

constexpr uint32_t kClockPhandle = 1, kGicPhandle = 2, kGpioPhandle = 3, kMessagePhandle = 4, kFirstCpuPhandle = 0x10;

// Interrupt specifiers (Linux Documentation/devicetree/bindings/interrupt-controller/arm,gic-v3.yaml).
constexpr uint32_t kSpi = 0, kPpi = 1, kEdgeRising = 1, kLevelHigh = 4;
constexpr uint32_t kKeyPower = 116; // KEY_POWER of Linux's input event codes

/// Writes a tree front to back; remembers the first failure.
class TreeWriter {
public:
    explicit TreeWriter(size_t capacity) : buffer_(capacity) {
        note(fdt_create(buffer_.data(), static_cast<int>(buffer_.size())));
        note(fdt_finish_reservemap(buffer_.data()));
    }

    void begin(const std::string& name) { note(fdt_begin_node(buffer_.data(), name.c_str())); }
    void end() { note(fdt_end_node(buffer_.data())); }
    void flag(const char* name) { note(fdt_property(buffer_.data(), name, nullptr, 0)); }
    void cells(const char* name, std::initializer_list<uint32_t> values) { cells(name, std::vector<uint32_t>(values)); }
    void cells(const char* name, const std::vector<uint32_t>& values) {
        std::vector<fdt32_t> big_endian;
        for (const uint32_t value : values) big_endian.push_back(cpu_to_fdt32(value));
        note(fdt_property(buffer_.data(), name, big_endian.data(),
                          static_cast<int>(big_endian.size() * sizeof(fdt32_t))));
    }
    /// One or several strings, each with its terminating zero.
    void strings(const char* name, std::initializer_list<std::string_view> values) {
        std::string bytes;
        for (const std::string_view value : values) bytes.append(value).push_back('\0');
        note(fdt_property(buffer_.data(), name, bytes.data(), static_cast<int>(bytes.size())));
    }
    /// Address and size, two cells each, for every region.
    void regions(std::initializer_list<Region> regions) {
        std::vector<fdt64_t> pairs;
        for (const Region& region : regions) {
            pairs.push_back(cpu_to_fdt64(region.base));
            pairs.push_back(cpu_to_fdt64(region.size));
        }
        note(fdt_property(buffer_.data(), "reg", pairs.data(), static_cast<int>(pairs.size() * sizeof(fdt64_t))));
    }

    Result<std::vector<uint8_t>> finish() {
        note(fdt_finish(buffer_.data()));
        if (error_ != 0) return machine_error(fmt::format("the device tree cannot be built: {}", fdt_strerror(error_)));
        buffer_.resize(fdt_totalsize(buffer_.data()));
        return std::move(buffer_);
    }

private:
    void note(int result) {
        if (error_ == 0 && result < 0) error_ = result;
    }
    std::vector<uint8_t> buffer_;
    int error_ = 0;
};

std::string unit(const char* name, uint64_t address) { return fmt::format("{}@{:x}", name, address); }

std::string_view cpu_compatible(arm64::CpuModel model) {
    return model == arm64::CpuModel::A57 ? "arm,cortex-a57" : "arm,neoverse-n1";
}

void write_cpus(TreeWriter& tree, const BoardDescription& board) {
    const auto count = static_cast<uint32_t>(board.cpu_affinities.size());
    tree.begin("cpus");
    tree.cells("#address-cells", {1});
    tree.cells("#size-cells", {0});
    tree.begin("cpu-map");
    tree.begin("socket0");
    tree.begin("cluster0");
    for (uint32_t i = 0; i < count; i++) {
        tree.begin(fmt::format("core{}", i));
        tree.cells("cpu", {kFirstCpuPhandle + i});
        tree.end();
    }
    tree.end();
    tree.end();
    tree.end();
    for (uint32_t i = 0; i < count; i++) {
        tree.begin(unit("cpu", board.cpu_affinities[i]));
        tree.strings("device_type", {"cpu"});
        tree.strings("compatible", {cpu_compatible(board.cpu_model)});
        tree.cells("reg", {static_cast<uint32_t>(board.cpu_affinities[i])});
        tree.strings("enable-method", {"psci"});
        tree.cells("phandle", {kFirstCpuPhandle + i});
        tree.end();
    }
    tree.end();
}

void write_psci(TreeWriter& tree) {
    tree.begin("psci");
    tree.strings("compatible", {"arm,psci-1.0", "arm,psci-0.2", "arm,psci"});
    tree.strings("method", {"hvc"});
    // Function numbers for kernels that know PSCI 0.1 only.
    tree.cells("cpu_suspend", {0xC400'0001});
    tree.cells("cpu_off", {0x8400'0002});
    tree.cells("cpu_on", {0xC400'0003});
    tree.cells("migrate", {0xC400'0005});
    tree.end();
}

void write_interrupt_controller(TreeWriter& tree, const BoardDescription& board) {
    tree.begin(unit("intc", kGicDistributor.base));
    tree.cells("#interrupt-cells", {3});
    tree.cells("#address-cells", {2});
    tree.cells("#size-cells", {2});
    tree.flag("ranges");
    tree.flag("interrupt-controller");
    if (board.gic_version == 2) {
        tree.strings("compatible", {"arm,cortex-a15-gic"});
        tree.regions({kGicDistributor, kGicV2CpuInterface});
    } else {
        const uint64_t frames = board.cpu_affinities.size() * devices::gic::GicV3::kRedistributorStride;
        tree.strings("compatible", {"arm,gic-v3"});
        tree.cells("#redistributor-regions", {1});
        tree.regions({kGicDistributor, {kGicRedistributors, frames}});
    }
    tree.cells("phandle", {kGicPhandle});
    const bool v2m = board.gic_version == 2;
    const Region messages = v2m ? kGicV2m : kGicIts;
    tree.begin(unit(v2m ? "v2m" : "its", messages.base));
    tree.strings("compatible", {v2m ? "arm,gic-v2m-frame" : "arm,gic-v3-its"});
    tree.flag("msi-controller");
    if (!v2m) tree.cells("#msi-cells", {1});
    tree.regions({messages});
    tree.cells("phandle", {kMessagePhandle});
    tree.end();
    tree.end();
}

void write_timer(TreeWriter& tree) {
    tree.begin("timer");
    tree.strings("compatible", {"arm,armv8-timer", "arm,armv7-timer"});
    // Secure and non-secure physical, virtual, hypervisor; PPIs count from 16.
    tree.cells("interrupts", {kPpi, 13, kLevelHigh, kPpi, 14, kLevelHigh, kPpi, 11, kLevelHigh, kPpi, 10, kLevelHigh});
    tree.flag("always-on");
    tree.end();
}

void write_primecell(TreeWriter& tree, const char* name, const char* compatible, Region region, uint32_t spi) {
    tree.begin(unit(name, region.base));
    tree.strings("compatible", {compatible, "arm,primecell"});
    tree.regions({region});
    tree.cells("interrupts", {kSpi, spi, kLevelHigh});
}

void write_devices(TreeWriter& tree) {
    tree.begin("apb-pclk");
    tree.strings("compatible", {"fixed-clock"});
    tree.cells("#clock-cells", {0});
    tree.cells("clock-frequency", {24'000'000});
    tree.strings("clock-output-names", {"clk24mhz"});
    tree.cells("phandle", {kClockPhandle});
    tree.end();

    tree.begin(unit("flash", kFlash0.base));
    tree.strings("compatible", {"cfi-flash"});
    tree.regions({kFlash0, kFlash1});
    tree.cells("bank-width", {4});
    tree.end();

    write_primecell(tree, "pl011", "arm,pl011", kUart, kUartSpi);
    tree.cells("clocks", {kClockPhandle, kClockPhandle});
    tree.strings("clock-names", {"uartclk", "apb_pclk"});
    tree.end();

    write_primecell(tree, "pl031", "arm,pl031", kRtc, kRtcSpi);
    tree.cells("clocks", {kClockPhandle});
    tree.strings("clock-names", {"apb_pclk"});
    tree.end();

    write_primecell(tree, "pl061", "arm,pl061", kGpio, kGpioSpi);
    tree.cells("clocks", {kClockPhandle});
    tree.strings("clock-names", {"apb_pclk"});
    tree.cells("#gpio-cells", {2});
    tree.flag("gpio-controller");
    tree.cells("phandle", {kGpioPhandle});
    tree.end();

    tree.begin("gpio-keys");
    tree.strings("compatible", {"gpio-keys"});
    tree.begin("poweroff");
    tree.strings("label", {"GPIO Key Poweroff"});
    tree.cells("linux,code", {kKeyPower});
    tree.cells("gpios", {kGpioPhandle, kPowerButtonLine, 0});
    tree.end();
    tree.end();

    tree.begin(unit("fw-cfg", kFwCfg.base));
    tree.strings("compatible", {"qemu,fw-cfg-mmio"});
    tree.regions({kFwCfg});
    tree.flag("dma-coherent");
    tree.end();

    for (unsigned slot = 0; slot < devices::virtio::VirtioMmioSlots::kSlots; slot++) {
        const Region region{kVirtioMmio.base + slot * devices::virtio::VirtioMmio::kSize,
                            devices::virtio::VirtioMmio::kSize};
        tree.begin(unit("virtio_mmio", region.base));
        tree.strings("compatible", {"virtio,mmio"});
        tree.regions({region});
        tree.cells("interrupts", {kSpi, kVirtioMmioSpi + slot, kEdgeRising});
        tree.flag("dma-coherent");
        tree.end();
    }
}

/// The interrupt-map of INTA# to INTD# of the first slots, after which it repeats: slot and pin, and where they go.
std::vector<uint32_t> interrupt_map() {
    using devices::pci::HostBridge;
    std::vector<uint32_t> map;
    for (uint32_t slot = 0; slot < HostBridge::kInterrupts; slot++)
        for (uint32_t pin = 1; pin <= HostBridge::kInterrupts; pin++) {
            const uint32_t spi = kPcieSpi + (HostBridge::interrupt_of(slot) + pin - 1) % HostBridge::kInterrupts;
            map.insert(map.end(), {slot << 11, 0, 0, pin, kGicPhandle, 0, 0, kSpi, spi, kLevelHigh});
        }
    return map;
}

void write_pcie(TreeWriter& tree, const BoardDescription& board) {
    // Spaces of the addresses in "ranges" (Open Firmware PCI bus binding, 2.2.1.1).
    constexpr uint32_t kPorts = 0x0100'0000, kMemory32 = 0x0200'0000, kMemory64 = 0x0300'0000;
    std::vector<uint32_t> ranges;
    const auto range = [&ranges](uint32_t space, uint64_t at, const Region& window) {
        ranges.push_back(space);
        for (const uint64_t value : {at, window.base, window.size})
            ranges.insert(ranges.end(), {static_cast<uint32_t>(value >> 32), static_cast<uint32_t>(value)});
    };
    range(kPorts, 0, kPciePorts);
    range(kMemory32, kPcieLowMemory.base, kPcieLowMemory);
    if (board.high_pcie_window) range(kMemory64, kPcieHighMemory.base, kPcieHighMemory);

    tree.begin(unit("pcie", kPcieLowMemory.base));
    tree.strings("compatible", {"pci-host-ecam-generic"});
    tree.strings("device_type", {"pci"});
    tree.cells("#address-cells", {3});
    tree.cells("#size-cells", {2});
    tree.cells("#interrupt-cells", {1});
    tree.cells("linux,pci-domain", {0});
    tree.cells("bus-range", {0, kPcieBuses - 1});
    tree.flag("dma-coherent");
    tree.regions({kPcieEcam});
    tree.cells("ranges", ranges);
    tree.cells("interrupt-map-mask", {(devices::pci::HostBridge::kInterrupts - 1) << 11, 0, 0, 7});
    tree.cells("interrupt-map", interrupt_map());
    // Requesters 0 and on are the message controller's devices of the same numbers.
    tree.cells("msi-map", {0, kMessagePhandle, 0, kPcieBuses << 8});
    tree.end();
}

/// Removes every child of the root whose name is `name` or `name`@....
int remove_nodes(void* tree, std::string_view name) {
    for (int node = fdt_first_subnode(tree, 0); node >= 0;) {
        int length = 0;
        const char* found = fdt_get_name(tree, node, &length);
        const std::string_view base = found == nullptr
                                          ? std::string_view()
                                          : std::string_view(found).substr(0, std::string_view(found).find('@'));
        if (base == name) {
            if (const int error = fdt_del_node(tree, node); error < 0) return error;
            node = fdt_first_subnode(tree, 0);
        } else {
            node = fdt_next_subnode(tree, node);
        }
    }
    return 0;
}

int set_memory(void* tree, uint64_t bytes) {
    if (const int error = remove_nodes(tree, "memory"); error < 0) return error;
    const int node = fdt_add_subnode(tree, 0, unit("memory", kRamBase).c_str());
    if (node < 0) return node;
    if (const int error = fdt_setprop_string(tree, node, "device_type", "memory"); error < 0) return error;
    // In the root's own cell sizes, which a tree from a file may have chosen otherwise.
    return fdt_appendprop_addrrange(tree, 0, node, "reg", kRamBase, bytes);
}

int set_chosen(void* tree, const BootDescription& boot) {
    int node = fdt_path_offset(tree, "/chosen");
    if (node == -FDT_ERR_NOTFOUND) node = fdt_add_subnode(tree, 0, "chosen");
    if (node < 0) return node;
    for (const char* stale : {"bootargs", "linux,initrd-start", "linux,initrd-end"})
        if (const int error = fdt_delprop(tree, node, stale); error < 0 && error != -FDT_ERR_NOTFOUND) return error;
    int error = 0;
    const auto then = [&error](int result) {
        if (error >= 0) error = result;
    };
    if (!boot.command_line.empty()) then(fdt_setprop_string(tree, node, "bootargs", boot.command_line.c_str()));
    if (boot.initrd) {
        then(fdt_setprop_u64(tree, node, "linux,initrd-start", boot.initrd->start));
        then(fdt_setprop_u64(tree, node, "linux,initrd-end", boot.initrd->end));
    }
    then(fdt_setprop(tree, node, "rng-seed", boot.rng_seed.data(), static_cast<int>(boot.rng_seed.size())));
    then(fdt_setprop_u64(tree, node, "kaslr-seed", boot.kaslr_seed));
    return error;
}

} // namespace

Result<std::vector<uint8_t>> build_device_tree(const BoardDescription& board) {
    TreeWriter tree(size_t{64} << 10);
    tree.begin("");
    tree.strings("compatible", {"linux,dummy-virt"});
    tree.strings("model", {"linux,dummy-virt"});
    tree.cells("#address-cells", {2});
    tree.cells("#size-cells", {2});
    tree.cells("interrupt-parent", {kGicPhandle});
    tree.begin("chosen");
    tree.strings("stdout-path", {"/" + unit("pl011", kUart.base)});
    tree.end();
    write_cpus(tree, board);
    write_psci(tree);
    write_interrupt_controller(tree, board);
    write_timer(tree);
    write_devices(tree);
    write_pcie(tree, board);
    tree.end();
    return tree.finish();
}

Result<std::vector<uint8_t>> read_device_tree(const std::string& path) {
    constexpr const char* kOption = "--dtb";
    constexpr const char* kExpected = "a flattened device tree";
    Result<ImageFile> file = ImageFile::open(kOption, path);
    if (!file) return std::move(file.error());
    Result<std::vector<uint8_t>> head = file->peek(kHeadBytes);
    if (!head) return std::move(head.error());
    if (fdt_magic(head->data()) != FDT_MAGIC)
        return wrong_kind(kOption, path, kExpected, std::string(recognise(*head)));
    if (file->size() > kLargestDeviceTree)
        return wrong_kind(kOption, path, kExpected, "it is larger than the 2 MiB that a guest takes");
    std::vector<uint8_t> tree(file->size());
    if (Status done = file->read(0, file->size(), tree.data()); !done) return std::move(done.error());
    if (const int error = fdt_check_full(tree.data(), tree.size()); error < 0)
        return wrong_kind(kOption, path, "an intact device tree", fdt_strerror(error));
    return tree;
}

Result<std::vector<uint8_t>> complete_device_tree(const std::vector<uint8_t>& tree, const BootDescription& boot,
                                                  const std::string& origin) {
    std::vector<uint8_t> result(tree.size() + boot.command_line.size() + 4096);
    int error = fdt_open_into(tree.data(), result.data(), static_cast<int>(result.size()));
    if (error >= 0) error = set_memory(result.data(), boot.memory_bytes);
    if (error >= 0) error = set_chosen(result.data(), boot);
    if (error >= 0) error = fdt_pack(result.data());
    if (error < 0) {
        if (!origin.empty())
            return wrong_kind("--dtb", origin, "a device tree that can be filled in", fdt_strerror(error));
        return machine_error(fmt::format("the device tree cannot be completed: {}", fdt_strerror(error)));
    }
    result.resize(fdt_totalsize(result.data()));
    if (result.size() > kLargestDeviceTree) {
        if (!origin.empty()) return wrong_kind("--dtb", origin, "a device tree of up to 2 MiB");
        return value_error("--append", "the command line is too long", "give less than 2 MiB");
    }
    return result;
}

} // namespace beeline::board
