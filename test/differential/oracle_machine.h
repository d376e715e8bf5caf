// The oracle: oracle.c as a process under qemu-aarch64 (or run directly on an AArch64 host), fed through shared memory.
#pragma once

#include "machine.h"

#include <sys/types.h>
#include <vector>

namespace beeline::differential {

struct OracleCommand {
    std::string emulator; ///< qemu-aarch64; empty: the program runs as it is.
    std::string cpu;      ///< As `-cpu` takes it.
    std::string program;  ///< Path of oracle.c's executable.
};

class OracleMachine final : public Machine {
public:
    explicit OracleMachine(OracleCommand command);
    ~OracleMachine() override;
    OracleMachine(const OracleMachine&) = delete;
    OracleMachine& operator=(const OracleMachine&) = delete;

    void load(std::span<const TestCase> cases) override;
    void replace(const TestCase& test) override;
    bool start(std::span<const TestCase> cases, std::span<const uint16_t> order, std::string& error) override;
    bool finish(std::string& error) override;
    const DiffResult& result(unsigned slot) const override;
    const uint8_t* data(unsigned slot) const override;
    bool read_only_intact() const override;

private:
    bool open_shared(std::string& error);
    bool spawn(std::string& error);
    void stop_process();
    bool send(std::string& error);
    DiffHeader& header() const { return *reinterpret_cast<DiffHeader*>(shared_); }
    uint8_t* at(uint64_t offset) const { return shared_ + offset; }
    void fill(const TestCase& test);

    OracleCommand command_;
    uint8_t* shared_ = nullptr;
    int shared_fd_ = -1;
    int to_oracle_ = -1;
    int from_oracle_ = -1;
    pid_t process_ = -1;
    std::vector<uint16_t> order_;
    unsigned failures_ = 0; ///< Ends of the process since a batch went through.
};

} // namespace beeline::differential
