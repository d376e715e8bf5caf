#include "oracle_machine.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace beeline::differential {

namespace {

constexpr int kPatienceMilliseconds = 20'000;
constexpr unsigned kMaxFailures = 1000;

void close_if_open(int& fd) {
    if (fd >= 0) close(fd);
    fd = -1;
}

} // namespace

OracleMachine::OracleMachine(OracleCommand command) : command_(std::move(command)) {}

OracleMachine::~OracleMachine() {
    stop_process();
    if (shared_ != nullptr) munmap(shared_, kDiffFileBytes);
    close_if_open(shared_fd_);
}

bool OracleMachine::open_shared(std::string& error) {
    shared_fd_ = memfd_create("beeline-differential", MFD_CLOEXEC);
    if (shared_fd_ < 0 || ftruncate(shared_fd_, static_cast<off_t>(kDiffFileBytes)) != 0) {
        error = fmt::format("cannot create shared memory: {}", std::strerror(errno));
        return false;
    }
    void* mapping = mmap(nullptr, kDiffFileBytes, PROT_READ | PROT_WRITE, MAP_SHARED, shared_fd_, 0);
    if (mapping == MAP_FAILED) {
        error = fmt::format("cannot map shared memory: {}", std::strerror(errno));
        return false;
    }
    shared_ = static_cast<uint8_t*>(mapping);
    std::memcpy(at(kDiffReadOnlyFileOffset), read_only_page(), kDiffPage);
    return true;
}

bool OracleMachine::spawn(std::string& error) {
    int input[2], output[2];
    if (pipe2(input, O_CLOEXEC) != 0) {
        error = fmt::format("cannot create a pipe: {}", std::strerror(errno));
        return false;
    }
    if (pipe2(output, O_CLOEXEC) != 0) {
        error = fmt::format("cannot create a pipe: {}", std::strerror(errno));
        close(input[0]);
        close(input[1]);
        return false;
    }
    // The child's 0, 3 and 4 (oracle.c). Descriptors of ours with such low numbers move out of the way first. What an
    // emulator says when it gives up is told by the case that made it.
    constexpr int kLowest = 10;
    const int shared = fcntl(shared_fd_, F_DUPFD_CLOEXEC, kLowest);
    const int input_end = fcntl(input[0], F_DUPFD_CLOEXEC, kLowest);
    const int output_end = fcntl(output[1], F_DUPFD_CLOEXEC, kLowest);
    close(input[0]);
    close(output[1]);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input_end, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, shared, 3);
    posix_spawn_file_actions_adddup2(&actions, output_end, 4);

    std::vector<std::string> words;
    if (!command_.emulator.empty()) words = {command_.emulator, "-cpu", command_.cpu};
    words.push_back(command_.program);
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const int status = posix_spawnp(&process_, arguments[0], &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(shared);
    close(input_end);
    close(output_end);
    to_oracle_ = input[1];
    from_oracle_ = output[0];
    if (status != 0) {
        process_ = -1;
        error = fmt::format("cannot start {}: {}", words[0], std::strerror(status));
        return false;
    }
    return true;
}

void OracleMachine::stop_process() {
    close_if_open(to_oracle_);
    close_if_open(from_oracle_);
    if (process_ > 0) {
        kill(process_, SIGKILL);
        waitpid(process_, nullptr, 0);
    }
    process_ = -1;
}

void OracleMachine::load(std::span<const TestCase> cases) {
    for (const TestCase& test : cases) replace(test);
}

void OracleMachine::replace(const TestCase& test) {
    std::string error;
    if (shared_ == nullptr && !open_shared(error)) return; // start() reports it
    std::memcpy(at(kDiffCodeOffset) + uint64_t{test.slot()} * kDiffSlotWords * 4, test.words.data(),
                kDiffSlotWords * 4);
}

void OracleMachine::fill(const TestCase& test) {
    const unsigned slot = test.slot();
    reinterpret_cast<DiffState*>(at(kDiffInitialOffset))[slot] = test.initial;
    std::memcpy(at(kDiffDataOffset) + slot * kSlotDataBytes, background().data() + test.background, kSlotDataBytes);
}

bool OracleMachine::send(std::string& error) {
    for (;;) {
        if (process_ < 0 && !spawn(error)) return false;
        header().count = static_cast<uint32_t>(order_.size());
        header().current = 0;
        std::copy(order_.begin(), order_.end(), header().order);
        const char byte = 1;
        if (write(to_oracle_, &byte, 1) == 1) return true;
        stop_process();
        if (++failures_ > kMaxFailures) {
            error = fmt::format("the oracle {} does not stay alive", command_.program);
            return false;
        }
    }
}

bool OracleMachine::start(std::span<const TestCase> cases, std::span<const uint16_t> order, std::string& error) {
    if (shared_ == nullptr && !open_shared(error)) return false;
    for (const uint16_t slot : order)
        for (const TestCase& test : cases.size() == kDiffSlots ? cases.subspan(slot, 1) : cases)
            if (test.slot() == slot) fill(test);
    order_.assign(order.begin(), order.end());
    return send(error);
}

bool OracleMachine::finish(std::string& error) {
    while (!order_.empty()) {
        pollfd waiting{.fd = from_oracle_, .events = POLLIN, .revents = 0};
        const int ready = poll(&waiting, 1, kPatienceMilliseconds);
        char byte;
        if (ready > 0 && read(from_oracle_, &byte, 1) == 1) {
            failures_ = 0;
            return true;
        }
        if (ready < 0 && errno == EINTR) continue;
        // The case under way ended the process, or never ends. The ones behind it get another process.
        const uint32_t reported = header().current;
        const uint32_t current = std::min(reported, static_cast<uint32_t>(order_.size()) - 1);
        DiffResult& lost = reinterpret_cast<DiffResult*>(at(kDiffResultOffset))[order_[current]];
        lost = {};
        lost.signal = ready == 0 ? kSignalHung : kSignalDied;
        stop_process();
        if (++failures_ > kMaxFailures) {
            error = fmt::format("the oracle {} does not stay alive", command_.program);
            return false;
        }
        order_.erase(order_.begin(), order_.begin() + current + 1);
        if (!order_.empty() && !send(error)) return false;
    }
    return true;
}

const DiffResult& OracleMachine::result(unsigned slot) const {
    return reinterpret_cast<const DiffResult*>(at(kDiffResultOffset))[slot];
}

const uint8_t* OracleMachine::data(unsigned slot) const { return at(kDiffDataOffset) + slot * kSlotDataBytes; }

bool OracleMachine::read_only_intact() const {
    return std::memcmp(at(kDiffReadOnlyFileOffset), read_only_page(), kDiffPage) == 0;
}

} // namespace beeline::differential
