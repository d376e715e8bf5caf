// The console device behind its registers, driven as Linux does and as nobody should; Unix sockets and files behind it.
#include "devices/virtio/virtio_console.h"
#include "stream/open.h"
#include "virtio_driver.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

using namespace beeline;
using namespace beeline::test;
using namespace beeline::devices::virtio;
using stream::StreamConfig;

namespace {

constexpr uint64_t kSize = 1 << 0, kMultiport = 1 << 1, kEmergencyWrite = 1 << 2;
constexpr uint16_t kDeviceReady = 0, kDeviceAdd = 1, kPortReady = 3, kConsolePort = 4, kPortResize = 5, kPortOpen = 6,
                   kPortName = 7;

std::string folder() {
    static const std::string path = [] {
        char text[] = "/tmp/virtio_console_test.XXXXXX";
        return std::string(mkdtemp(text));
    }();
    return path;
}

std::unique_ptr<stream::Stream> open(StreamConfig::Kind kind, const std::string& path, bool truncate = false) {
    stream::StreamFailure failure;
    auto stream = stream::open_stream({kind, path, truncate}, failure);
    check(stream != nullptr, failure.detail);
    return stream;
}

int connect_to(const std::string& path) {
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size());
    check(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, "connected");
    const timeval patience{5, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
}

std::string read_from(int fd, size_t length) {
    std::string text(length, '\0');
    size_t done = 0;
    while (done < length) {
        const ssize_t got = ::read(fd, text.data() + done, length - done);
        if (got <= 0) break;
        done += static_cast<size_t>(got);
    }
    text.resize(done);
    return text;
}

std::string contents(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// Port 0 a console and port 1 named, both at sockets; port 2 named, at a file.
struct Machine : DriverSide {
    const std::string console_path = folder() + "/console", port_path = folder() + "/port", file = folder() + "/file";
    VirtioConsole device{ports(), ram};
    DriverQueue rx0{ram, 16, 0x1000}, tx0{ram, 16, 0x2000}, control_rx{ram, 16, 0x3000}, control_tx{ram, 16, 0x4000},
        rx1{ram, 16, 0x5000}, tx1{ram, 16, 0x6000}, rx2{ram, 16, 0x7000}, tx2{ram, 16, 0x8000};
    unsigned controls = 0, messages = 0;

    Machine() { plug(device); }
    ~Machine() { device.stop(); }

    std::vector<VirtioConsole::PortConfig> ports() const {
        std::vector<VirtioConsole::PortConfig> result;
        result.push_back({open(StreamConfig::Kind::Socket, console_path), true, ""});
        result.push_back({open(StreamConfig::Kind::Socket, port_path), false, "org.example.0"});
        result.push_back({open(StreamConfig::Kind::File, file, true), false, "log"});
        return result;
    }
    void set_up(uint64_t features = kVersion1 | kMultiport) {
        DriverSide::set_up(features, {&rx0, &tx0, &control_rx, &control_tx, &rx1, &tx1, &rx2, &tx2});
        controls = messages = 0;
    }
    static uint64_t buffer(uint64_t queue, unsigned number) { return 0x10000 + queue * 0x8000 + number % 16 * 0x400; }
    static void offer(Machine& m, DriverQueue& queue, uint64_t index, unsigned number, uint32_t length,
                      uint16_t flags) {
        const auto entry = static_cast<uint16_t>(number % 16);
        queue.describe(entry, Ram::address(buffer(index, number)), length, flags);
        queue.offer(entry);
        m.notify(static_cast<uint32_t>(index));
    }
    void control(uint32_t id, uint16_t event, uint16_t value) {
        uint8_t* bytes = ram.bytes(buffer(3, controls));
        std::memcpy(bytes, &id, 4);
        std::memcpy(bytes + 4, &event, 2);
        std::memcpy(bytes + 6, &value, 2);
        offer(*this, control_tx, 3, controls++, 8, 0);
    }
    void give_control_room(unsigned count) {
        for (unsigned i = 0; i < count; i++) offer(*this, control_rx, 2, i, 0x400, DriverQueue::kWrite);
    }
    /// The next message is this one.
    void expect(uint32_t id, uint16_t event, uint16_t value, const std::string& text = "") {
        const unsigned number = messages++;
        if (!check(wait([&] { return static_cast<uint16_t>(control_rx.used_index()) > number; }), "a message")) return;
        const uint8_t* bytes = ram.bytes(buffer(2, number));
        uint32_t got_id = 0;
        uint16_t got_event = 0, got_value = 0;
        std::memcpy(&got_id, bytes, 4);
        std::memcpy(&got_event, bytes + 4, 2);
        std::memcpy(&got_value, bytes + 6, 2);
        check(got_id == id && got_event == event && got_value == value,
              fmt::format("message {}: {} {} {}, expected {} {} {}", number, got_id, got_event, got_value, id, event,
                          value));
        check_equal(control_rx.used_length(number), 8 + text.size(), "its length");
        check(std::memcmp(bytes + 8, text.data(), text.size()) == 0, "its text");
    }
    void send(DriverQueue& queue, uint64_t index, unsigned number, const std::string& text) {
        std::memcpy(ram.bytes(buffer(index, number)), text.data(), text.size());
        offer(*this, queue, index, number, static_cast<uint32_t>(text.size()), 0);
    }
    std::string received(DriverQueue& queue, uint64_t index, unsigned number) {
        if (!check(wait([&] { return queue.used_index() > number; }), "input")) return "";
        return {reinterpret_cast<const char*>(ram.bytes(buffer(index, number))), queue.used_length(number)};
    }
};

void registers() {
    Machine m;
    check_equal(m.read(8), 3, "a console");
    check_equal(m.features() & 7, kSize | kMultiport | kEmergencyWrite, "features");
    check_equal(m.read(0x104), 3, "ports");
    struct stat status {};
    check(stat(m.port_path.c_str(), &status) == 0 && (status.st_mode & 0777) == 0600, "a socket for its owner alone");
}

void ports() {
    Machine m;
    m.set_up();
    m.give_control_room(16);
    m.control(0, kDeviceReady, 1);
    for (uint32_t id = 0; id < 3; id++) m.expect(id, kDeviceAdd, 1);
    m.control(0, kPortReady, 1);
    m.expect(0, kConsolePort, 1);
    m.control(1, kPortReady, 1);
    m.expect(1, kPortName, 1, "org.example.0");
    m.control(2, kPortReady, 1);
    m.expect(2, kPortName, 1, "log");
    m.expect(2, kPortOpen, 1);

    // What a console wrote before anybody came is there.
    m.send(m.tx0, 1, 0, "early ");
    check(m.wait([&] { return m.tx0.used_index() == 1; }), "a console never waits");
    const int console = connect_to(m.console_path);
    m.expect(0, kPortOpen, 1);
    m.send(m.tx0, 1, 1, "and late");
    check(read_from(console, 14) == "early and late", "output of the console");
    Machine::offer(m, m.rx0, 0, 0, 100, DriverQueue::kWrite);
    check(write(console, "typed", 5) == 5 && m.received(m.rx0, 0, 0) == "typed", "input of the console");
    close(console);
    Machine::offer(m, m.rx0, 0, 1, 100, DriverQueue::kWrite);
    m.expect(0, kPortOpen, 0);

    // A port that nobody in the guest has open takes no input.
    const int client = connect_to(m.port_path);
    m.expect(1, kPortOpen, 1);
    Machine::offer(m, m.rx1, 4, 0, 3, DriverQueue::kWrite);
    Machine::offer(m, m.rx1, 4, 1, 100, DriverQueue::kWrite);
    check(write(client, "request", 7) == 7, "sent early");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    check_equal(m.rx1.used_index(), 0, "not delivered yet");
    m.control(1, kPortOpen, 1);
    check(m.received(m.rx1, 4, 0) == "req" && m.received(m.rx1, 4, 1) == "uest", "delivered when open");
    shutdown(client, SHUT_WR);
    m.send(m.tx1, 5, 0, "answer");
    check(read_from(client, 6) == "answer", "a client that sends no more can read");
    close(client);
    Machine::offer(m, m.rx1, 4, 2, 100, DriverQueue::kWrite);
    m.expect(1, kPortOpen, 0);
    m.send(m.tx1, 5, 1, "lost");
    check(m.wait([&] { return m.tx1.used_index() == 2; }), "output to nobody is dropped");

    m.send(m.tx2, 7, 0, "line 1\n");
    m.send(m.tx2, 7, 1, "line 2\n");
    check(m.wait([&] { return m.tx2.used_index() == 2; }) && contents(m.file) == "line 1\nline 2\n", "a file");
}

/// A client that does not read holds up its own port alone, with the bytes left in the guest.
void back_pressure() {
    Machine m;
    m.set_up();
    m.give_control_room(16);
    m.control(0, kDeviceReady, 1);
    for (uint32_t id = 0; id < 3; id++) m.control(id, kPortReady, 1);
    const int client = connect_to(m.port_path), console = connect_to(m.console_path);
    std::string sent;
    unsigned number = 0;
    const auto soon = [&] {
        for (unsigned i = 0; i < 100 && m.tx1.used_index() != number; i++)
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        return m.tx1.used_index() == number;
    };
    while (number < 4000 && soon()) {
        sent += std::string(1000, static_cast<char>('a' + number % 26));
        m.send(m.tx1, 5, number++, sent.substr(sent.size() - 1000));
    }
    check(number < 4000, "the port waits");
    m.send(m.tx2, 7, 0, "free");
    check(m.wait([&] { return contents(m.file) == "free"; }), "others do not");
    for (unsigned i = 0; i < 300; i++) {
        m.send(m.tx0, 1, i, std::string(1000, static_cast<char>('A' + i % 26)));
        check(m.wait([&] { return m.tx0.used_index() == i + 1; }), "nor does a console");
    }
    check(read_from(client, sent.size()) == sent, "nothing is lost");
    const std::string tail = read_from(console, 64 * 1024);
    check(tail.size() == 64 * 1024, "of the console the latest is kept");
    close(client);
    close(console);
}

void emergency() {
    Machine m;
    const int console = connect_to(m.console_path);
    for (const char letter : std::string("panic")) m.write(0x108, static_cast<uint32_t>(letter));
    check(read_from(console, 5) == "panic", "an emergency write before there is a driver");
    close(console);
    m.set_up(kVersion1);
    m.send(m.tx0, 1, 0, "one port");
    const int client = connect_to(m.console_path);
    check(read_from(client, 8) == "one port", "a driver without multiport");
    Machine::offer(m, m.rx0, 0, 0, 100, DriverQueue::kWrite);
    check(write(client, "x", 1) == 1 && m.received(m.rx0, 0, 0) == "x", "has the console");
    close(client);
}

template <class Machine> std::vector<uint8_t> save(Machine& m) {
    m.device.freeze();
    snapshot::Archive archive;
    m.slot->exchange(archive);
    m.device.thaw();
    return archive.take();
}

template <class Machine> void load(Machine& m, std::span<const uint8_t> bytes, const std::vector<uint8_t>& memory) {
    m.device.freeze();
    std::ranges::copy(memory, m.ram.memory.begin());
    snapshot::Archive archive(bytes);
    m.slot->exchange(archive);
    check(archive.complete(), archive.failure());
    m.device.thaw();
}

/// One console without a name.
struct Alone : DriverSide {
    const std::string path;
    VirtioConsole device{ports(), ram};
    DriverQueue rx{ram, 16, 0x1000}, tx{ram, 16, 0x2000};

    explicit Alone(const char* name) : path(folder() + "/" + name) { plug(device); }
    ~Alone() { device.stop(); }

    std::vector<VirtioConsole::PortConfig> ports() const {
        std::vector<VirtioConsole::PortConfig> result;
        result.push_back({open(StreamConfig::Kind::Socket, path), true, ""});
        return result;
    }
    void set_size(uint16_t columns, uint16_t rows) {
        const std::lock_guard guard(lock);
        device.set_size(0, {columns, rows});
    }
    /// Whether the driver has been told of a change of the configuration space since the last time.
    bool told() {
        const bool changed = (read(0x60) & 2) != 0;
        write(0x64, 2);
        return changed;
    }
};

void size_of_one() {
    Alone m("alone");
    check_equal(m.features() & 7, kSize | kEmergencyWrite, "a console alone needs no multiport");
    m.write(0x30, 2);
    check_equal(m.read(0x34), 0, "nor the queues for it");
    check_equal(m.read(0x100), 0, "no size yet");
    m.set_up(kVersion1 | kSize, {&m.rx, &m.tx});
    check(!m.told(), "of nothing new");
    m.set_size(132, 43);
    check(m.told() && m.read(0x100, 2) == 132 && m.read(0x102, 2) == 43, "a size");
    m.set_size(132, 43);
    check(!m.told(), "the same again is no news");
    for (const uint16_t size : {uint16_t{0}, uint16_t{65535}, uint16_t{1}}) {
        m.set_size(size, size);
        check_equal(m.read(0x100), uint32_t{size} << 16 | size, "whatever it is");
    }
    m.write(0x100, 80, 2);
    check_equal(m.read(0x100, 2), 1, "the driver cannot change it");
    m.write(0x70, 0);
    m.set_size(80, 24);
    check(!m.told() && m.read(0x100) == (24 << 16 | 80), "no driver to tell");
    m.set_up(kVersion1 | kSize, {&m.rx, &m.tx});
    check(m.told(), "it is told when it begins");
}

void sizes_of_ports() {
    Machine m;
    const auto set_size = [&m](uint16_t columns, uint16_t rows) {
        const std::lock_guard guard(m.lock);
        m.device.set_size(0, {columns, rows});
    };
    const auto begin = [&m](uint64_t features) {
        m.set_up(kVersion1 | kMultiport | features);
        m.give_control_room(16);
        m.control(0, kPortReady, 1);
        m.expect(0, kConsolePort, 1);
    };
    const auto expect_size = [&m](uint16_t columns, uint16_t rows) {
        const uint16_t body[] = {columns, rows};
        m.expect(0, kPortResize, 1, std::string(reinterpret_cast<const char*>(body), sizeof body));
    };
    set_size(80, 24);
    begin(kSize);
    expect_size(80, 24);
    set_size(65535, 1);
    expect_size(65535, 1);
    set_size(0, 0);
    expect_size(0, 0);
    set_size(100, 30);
    expect_size(100, 30);
    m.control(0, kPortReady, 1);
    m.expect(0, kConsolePort, 1);
    expect_size(100, 30);
    begin(0);
    set_size(90, 25);
    m.control(1, kPortReady, 1);
    m.expect(1, kPortName, 1, "org.example.0");

    // Of a size that the saved machine's driver does not know it is told.
    begin(kSize);
    expect_size(90, 25);
    const std::vector<uint8_t> saved = save(m);
    const std::vector<uint8_t> memory = m.ram.memory;
    const unsigned messages = m.messages;
    set_size(120, 40);
    expect_size(120, 40);
    m.messages = messages;
    load(m, saved, memory);
    expect_size(120, 40);
}

void sizes_in_snapshots() {
    Alone saved("saved"), other("other");
    saved.set_size(132, 43);
    saved.set_up(kVersion1 | kSize, {&saved.rx, &saved.tx});
    const std::vector<uint8_t> bytes = save(saved);
    load(other, bytes, saved.ram.memory);
    check_equal(other.read(0x100), 43 << 16 | 132, "what was saved is known where nobody said anything");
    other.set_size(80, 24);
    other.told();
    load(other, bytes, saved.ram.memory);
    check_equal(other.read(0x100), 24 << 16 | 80, "the size of whoever looks stays");
    {
        const std::lock_guard guard(other.lock);
        other.device.announce_size();
    }
    check(other.told(), "of which the driver is told");
}

void breaches() {
    const auto breach = [](const char* what, auto prepare) {
        Machine m;
        m.set_up();
        prepare(m);
        check(m.wait([&] { return m.needs_reset(); }), what);
        m.set_up();
        m.send(m.tx0, 1, 0, "again");
        check(m.wait([&] { return m.tx0.used_index() == 1; }), "in order after a reset");
    };
    breach("output that is to be written", [](Machine& m) { Machine::offer(m, m.tx0, 1, 0, 10, DriverQueue::kWrite); });
    breach("control that is to be written",
           [](Machine& m) { Machine::offer(m, m.control_tx, 3, 0, 8, DriverQueue::kWrite); });
    breach("no room for a message", [](Machine& m) {
        Machine::offer(m, m.control_rx, 2, 0, 7, DriverQueue::kWrite);
        m.control(0, kDeviceReady, 1);
    });
    breach("room that is to be read", [](Machine& m) {
        m.control(0, kPortReady, 1);
        Machine::offer(m, m.rx0, 0, 0, 10, 0);
    });
    // Neither too little nor of a port that is not there does harm.
    Machine m;
    m.set_up();
    Machine::offer(m, m.control_tx, 3, m.controls++, 7, 0);
    for (const uint32_t id : {3u, 0x7FFF'FFFFu, ~0u}) m.control(id, kPortOpen, 1);
    check(m.wait([&] { return m.control_tx.used_index() == 4; }) && !m.needs_reset(), "odd messages are passed over");
}

void refusals() {
    const auto refuses = [](StreamConfig::Kind kind, const std::string& path, const char* what) {
        stream::StreamFailure failure;
        check(stream::open_stream({kind, path}, failure) == nullptr && !failure.detail.empty(), what);
    };
    const std::string path = folder() + "/there";
    std::ofstream(path) << "something";
    refuses(StreamConfig::Kind::Socket, path, "a file where the socket is to be");
    check(contents(path) == "something", "is left alone");
    const auto first = open(StreamConfig::Kind::Socket, folder() + "/used");
    refuses(StreamConfig::Kind::Socket, folder() + "/used", "a socket in use");
    refuses(StreamConfig::Kind::Socket, folder() + "/nowhere/socket", "no folder");
    refuses(StreamConfig::Kind::Socket, std::string(108, 'x'), "too long a path");
    refuses(StreamConfig::Kind::File, folder(), "a folder for a file");
    refuses(StreamConfig::Kind::File, "/dev/null", "a device for a file");
    // One that was left behind is replaced.
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string left = folder() + "/left";
    std::memcpy(address.sun_path, left.c_str(), left.size());
    check(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, "bound");
    close(fd);
    check(open(StreamConfig::Kind::Socket, left) != nullptr, "a socket without a listener");
}

/// Whatever is written wherever, the device answers and can be reset.
void fuzz() {
    std::mt19937_64 random(7);
    Machine m;
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(2);
    unsigned rounds = 0;
    DriverQueue* const queues[] = {&m.rx0, &m.tx0, &m.control_rx, &m.control_tx, &m.rx1, &m.tx1, &m.rx2, &m.tx2};
    for (; std::chrono::steady_clock::now() < until; rounds++) {
        m.set_up(kVersion1 | kMultiport | (random() & kSize) | (random() & 3) << 28);
        {
            const std::lock_guard guard(m.lock);
            m.device.set_size(0, {static_cast<uint16_t>(random()), static_cast<uint16_t>(random())});
        }
        const int client = rounds % 3 == 0 ? connect_to(rounds % 2 == 0 ? m.port_path : m.console_path) : -1;
        for (unsigned i = 0; i < 40; i++) {
            const auto index = static_cast<unsigned>(random() % 8);
            const auto entry = static_cast<uint16_t>(random() % 16);
            const uint64_t where = random() % 4 == 0 ? random() : Ram::address(random() % Ram::kBytes);
            const uint64_t word = (random() % 8) << 32 | (random() & 1) << 48 | random() % 4;
            std::memcpy(m.ram.bytes(0x90000), &word, sizeof word);
            queues[index]->describe(entry, index == 3 && random() % 4 != 0 ? Ram::address(0x90000) : where,
                                    random() % 3 == 0 ? static_cast<uint32_t>(random()) : 8 + random() % 2000,
                                    static_cast<uint16_t>(random() % 4 == 0 ? random()
                                                          : index % 2 == 0  ? 2
                                                                            : 0),
                                    static_cast<uint16_t>(random() % 20));
            queues[index]->offer(static_cast<uint16_t>(random() % 17));
            m.notify(static_cast<uint32_t>(random() % 10));
            if (client >= 0 && random() % 4 == 0)
                check(::send(client, "input", 5, MSG_NOSIGNAL | MSG_DONTWAIT) >= -1, "sent");
            m.write(0x100 + random() % 16, static_cast<uint32_t>(random()), 1u << random() % 3);
        }
        if (client >= 0) close(client);
    }
    // 64 KiB and more of emergency output may be before it: only that it answers counts.
    m.set_up();
    m.send(m.tx0, 1, 0, "done");
    check(m.wait([&] { return m.tx0.used_index() == 1; }), "answers after all that");
    fmt::print("{} rounds of nonsense\n", rounds);
}

} // namespace

int main() {
    registers();
    ports();
    back_pressure();
    emergency();
    size_of_one();
    sizes_of_ports();
    sizes_in_snapshots();
    breaches();
    refusals();
    fuzz();
    std::system(("rm -rf " + folder()).c_str());
    return report("virtio_console");
}
